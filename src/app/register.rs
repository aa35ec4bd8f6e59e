//! The register as the rest of the program holds it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::{Error, KeyCache, ticks};
use crate::clock::Clock;
use crate::domain::text::Name;
use crate::domain::thing::Kind;
use crate::domain::time::Moment;
use crate::store::{self, Address, BoxFuture, Needs, Store, Wanted, Write};

/// How often the register looks whether a date has passed or another process has written.
const LOOK: Duration = Duration::from_millis(500);
/// How long a kept reply is given again, in days.
const KEPT_DAYS: i64 = 7;
/// How many of them are forgotten at a time: other writes wait for no longer than that takes.
const FORGOTTEN: i64 = 1000;

/// The register as the rest of the program holds it.
#[derive(Clone)]
pub struct Register {
    store: Store,
    key_cache: Arc<KeyCache>,
}

impl Register {
    /// Opens the register at an address, making or migrating it as needed.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if it cannot be opened.
    pub async fn open(address: Address, clock: Clock) -> Result<Self, store::Error> {
        Ok(Self { store: Store::open(address, clock, tick()).await?, key_cache: Arc::default() })
    }

    /// Opens the register in a file that cannot be written; see [`Store::open_read_only`].
    ///
    /// # Errors
    ///
    /// [`store::Error`] if it cannot be opened.
    pub async fn open_read_only(file: &Path, clock: Clock) -> Result<Self, store::Error> {
        Ok(Self { store: Store::open_read_only(file, clock, tick()).await?, key_cache: Arc::default() })
    }

    /// The store underneath.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The keys looked up lately.
    #[must_use]
    pub fn key_cache(&self) -> &Arc<KeyCache> {
        &self.key_cache
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.store.clock().now()
    }

    /// What time it is for what expires for good, given what the clock shows at an instant: no earlier than the newest
    /// revision, nor than the time that has passed since the start. A clock that is set back lets no key work again.
    #[must_use]
    pub fn latest(&self, now: Moment, at: Instant) -> Moment {
        self.store.newest().latest(self.store.clock().latest(now, at))
    }

    /// Reads one state of the register.
    ///
    /// # Errors
    ///
    /// [`store::Error::Future`] for a revision or time that has not come, or another [`store::Error`].
    pub async fn read(&self, wanted: Wanted) -> Result<store::Read, store::Error> {
        self.store.read(wanted).await
    }

    /// Runs a command in the writer's queue; see [`Store::write`].
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the batch it is in fails.
    pub async fn write<T, F>(&self, command: F) -> Result<T, store::Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, store::Error>> + Send + 'static,
    {
        self.store.write(command).await
    }

    /// The same for a command of which it is known what it needs; see [`Store::write_with`].
    ///
    /// # Errors
    ///
    /// As of [`Self::write`].
    pub async fn write_with<T, F>(&self, needs: Needs, command: F) -> Result<T, store::Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, store::Error>> + Send + 'static,
    {
        self.store.write_with(needs, command).await
    }

    /// Looks once whether a date has passed, and records what follows; the look itself tells those who
    /// wait of what other processes have written.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the register cannot be read or written.
    pub async fn look(&self) -> Result<(), store::Error> {
        let head = self.read(Wanted::Newest).await?.head().clone();
        if head.due_at.is_some_and(|due| due <= head.present(self.now())) {
            // Whatever is due is recorded before the first command of a batch.
            self.write(|_| Box::pin(async { Ok(()) })).await?;
        }
        Ok(())
    }

    /// Keeps looking until it is dropped.
    pub async fn keep_time(&self) {
        let (clock, mut listener) = (self.store.clock(), self.store.listener());
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "could not look at the clock's work");
            }
            let notified = tokio::select! {
                notified = listener.notified() => notified,
                () = clock.pause(LOOK) => Ok(()),
            };
            if let Err(error) = notified {
                tracing::warn!(%error, "could not listen to what other nodes write");
                clock.pause(LOOK).await;
            }
        }
    }

    /// Forgets replies that have been kept long enough.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the register cannot be written.
    pub async fn tidy(&self) -> Result<u64, store::Error> {
        let before = self.store.clock().earliest().plus_days(-KEPT_DAYS);
        let mut forgotten = 0;
        loop {
            let some = self.write(move |write| Box::pin(write.forget_replies(before, FORGOTTEN))).await?;
            forgotten += some;
            if some == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// Gives the register a new epoch if it is a copy that nothing has served yet, and tells whether it is: it has to
    /// be opened anew then.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the register cannot be read or written.
    pub async fn come_to_life(&self) -> Result<bool, store::Error> {
        let copied = self.read(Wanted::Newest).await?.head().copied;
        if copied {
            self.write(|write| Box::pin(write.renew_epoch())).await?;
        }
        Ok(copied)
    }
}

/// What a date that passes does.
fn tick() -> store::Tick {
    Arc::new(|write| Box::pin(ticks::tick(write)))
}

/// A new id for a thing of a kind: a prefix and a part that sorts by time.
///
/// # Errors
///
/// [`Error::Store`] if there is no randomness to be had.
pub fn minted(kind: Kind, now: Moment) -> Result<String, Error> {
    let unfit = |detail: String| Error::Store(store::Error::Unfit(detail));
    let id = crate::domain::thing::minted(kind, &unique(now)?).map_err(|fault| unfit(fault.detail))?;
    Ok(id.as_str().to_owned())
}

/// Text that nothing else has, and that sorts by time.
pub(super) fn unique(now: Moment) -> Result<String, Error> {
    let random = store::random::<10>()?;
    let milliseconds = u64::try_from(now.microseconds() / 1000).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid().simple().to_string())
}

/// An id for a request: it sorts by time, and no other request has it.
///
/// It is no secret, so randomness is asked for once, and counted on from there.
#[must_use]
pub fn fresh_id(now: Moment) -> Name {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(random()));
    static PLACE: LazyLock<u64> = LazyLock::new(random);
    let mut bytes = [0; 10];
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    for (byte, from) in bytes.iter_mut().zip(PLACE.to_be_bytes().iter().take(2).chain(&number.to_be_bytes()))
    {
        *byte = *from;
    }
    let milliseconds = u64::try_from(now.microseconds() / 1000).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid();
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    // It is short and free of control characters; a request without a number of its own is still served.
    Name::try_from(&*id.simple().encode_lower(&mut text)).unwrap_or_else(|_| Name::placeholder())
}

/// A number to begin with, drawn by lot. Without any lots the clock has to do.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}
