//! The register: the store with its clock work and its key cache.

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

/// How often the register checks for due dates and for writes by other processes.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a stored reply is repeated, in days.
const REPLY_DAYS: i64 = 7;
/// Replies deleted per command, which bounds how long other writes wait.
const REPLIES_PER_COMMAND: i64 = 1000;

/// The register: the store with its clock work and its key cache. Clones share both.
#[derive(Clone)]
pub struct Register {
    store: Store,
    key_cache: Arc<KeyCache>,
}

impl Register {
    /// Opens the register at an address, creating or migrating it as needed.
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

    /// The cache of recently used keys.
    #[must_use]
    pub fn key_cache(&self) -> &Arc<KeyCache> {
        &self.key_cache
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.store.clock().now()
    }

    /// The time by which keys expire, for a clock reading taken at an instant: not before the newest
    /// revision, nor before the start plus the time elapsed since. Setting the clock back revives no expired
    /// key.
    #[must_use]
    pub fn latest(&self, now: Moment, at: Instant) -> Moment {
        self.store.newest().latest(self.store.clock().latest(now, at))
    }

    /// Reads one state of the register.
    ///
    /// # Errors
    ///
    /// [`store::Error::Future`] for a revision or time in the future, or another [`store::Error`].
    pub async fn read(&self, wanted: Wanted) -> Result<store::Read, store::Error> {
        self.store.read(wanted).await
    }

    /// Runs a command in the writer's queue; see [`Store::write`].
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the command's batch fails.
    pub async fn write<T, F>(&self, command: F) -> Result<T, store::Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, store::Error>> + Send + 'static,
    {
        self.store.write(command).await
    }

    /// Like [`Self::write`], for a command whose reads are known; see [`Store::write_with`].
    ///
    /// # Errors
    ///
    /// As for [`Self::write`].
    pub async fn write_with<T, F>(&self, needs: Needs, command: F) -> Result<T, store::Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, store::Error>> + Send + 'static,
    {
        self.store.write_with(needs, command).await
    }

    /// Records due dates, if any. Reading the head also announces other processes' revisions.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the register cannot be read or written.
    pub async fn look(&self) -> Result<(), store::Error> {
        let head = self.read(Wanted::Newest).await?.head().clone();
        if head.due_at.is_some_and(|due| due <= head.present(self.now())) {
            // A batch records due dates before its first command.
            self.write(|_| Box::pin(async { Ok(()) })).await?;
        }
        Ok(())
    }

    /// Calls [`Self::look`] in a loop: at intervals and whenever another process announces a revision.
    pub async fn keep_time(&self) {
        let (clock, mut listener) = (self.store.clock(), self.store.listener());
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "could not look at the clock's work");
            }
            let notified = tokio::select! {
                notified = listener.notified() => notified,
                () = clock.pause(CHECK_INTERVAL) => Ok(()),
            };
            if let Err(error) = notified {
                tracing::warn!(%error, "could not listen to what other nodes write");
                clock.pause(CHECK_INTERVAL).await;
            }
        }
    }

    /// Deletes the replies stored too long ago to be repeated, and returns how many.
    ///
    /// # Errors
    ///
    /// [`store::Error`] if the register cannot be written.
    pub async fn tidy(&self) -> Result<u64, store::Error> {
        let before = self.store.clock().earliest().plus_days(-REPLY_DAYS);
        let mut forgotten = 0;
        loop {
            let some =
                self.write(move |write| Box::pin(write.forget_replies(before, REPLIES_PER_COMMAND))).await?;
            forgotten += some;
            if some == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// Gives the register a new epoch if it is a copy that has not been served yet. Returns whether it did;
    /// the register must then be reopened.
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

/// The action when a date falls due.
fn tick() -> store::Tick {
    Arc::new(|write| Box::pin(ticks::tick(write)))
}

/// Makes a new id for a thing: a prefix for its kind and a part that sorts by time.
///
/// # Errors
///
/// [`Error::Store`] if the system provides no random bytes.
pub fn minted(kind: Kind, now: Moment) -> Result<String, Error> {
    let unfit = |detail: String| Error::Store(store::Error::Unfit(detail));
    let id = crate::domain::thing::minted(kind, &unique(now)?).map_err(|fault| unfit(fault.detail))?;
    Ok(id.as_str().to_owned())
}

/// Unique text that sorts by time.
pub(super) fn unique(now: Moment) -> Result<String, Error> {
    let random = store::random::<10>()?;
    let milliseconds = u64::try_from(now.microseconds() / 1000).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid().simple().to_string())
}

/// Makes a unique request id that sorts by time.
///
/// It is not a secret, so it takes random bits once and counts on from there.
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
    // Always valid as a name; if it were not, the request would be served with a placeholder.
    Name::try_from(&*id.simple().encode_lower(&mut text)).unwrap_or_else(|_| Name::placeholder())
}

/// A random number; 0 if the system provides none, so that only the time tells ids apart.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}
