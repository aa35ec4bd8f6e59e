//! Which keys still work, for answers that go on for longer than a key may.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::app::{Register, StoreError, Wanted};
use crate::domain::id::KeyId;

/// How often keys are looked at again.
const LOOK: Duration = Duration::from_millis(500);

/// The keys with which answers are under way. Each is looked up once, however many answers it has.
#[derive(Debug, Default)]
pub(crate) struct KeyWatch(Mutex<HashMap<KeyId, watch::Sender<bool>>>);

/// Tells when a key stops working.
#[derive(Debug)]
pub(crate) struct KeyValidity(Option<watch::Receiver<bool>>);

impl KeyValidity {
    /// Of somebody without a key, who needs none.
    pub(crate) fn always() -> Self {
        Self(None)
    }

    /// Whether it works still.
    pub(crate) fn now(&self) -> bool {
        self.0.as_ref().is_none_or(|works| *works.borrow())
    }

    /// Waits until it does not.
    pub(crate) async fn ended(&mut self) {
        match &mut self.0 {
            Some(works) => drop(works.wait_for(|works| !works).await),
            None => std::future::pending().await,
        }
    }
}

impl KeyWatch {
    /// Keeps an eye on a key that works.
    pub(crate) fn watch(&self, key: &KeyId) -> KeyValidity {
        // Without the list nobody would be told.
        let Ok(mut kept) = self.0.lock() else {
            return KeyValidity(Some(watch::Sender::new(false).subscribe()));
        };
        let works = kept.entry(key.clone()).or_insert_with(|| watch::Sender::new(true));
        KeyValidity(Some(works.subscribe()))
    }

    /// Looks at the keys again and again.
    pub(crate) async fn keep(self: Arc<Self>, register: Register) {
        loop {
            register.store().clock().pause(LOOK).await;
            if let Err(error) = self.look(&register).await {
                tracing::warn!(%error, "the keys of streams could not be looked at");
            }
        }
    }

    async fn look(&self, register: &Register) -> Result<(), StoreError> {
        let ids = self.in_use();
        if ids.is_empty() {
            return Ok(());
        }
        let mut read = register.read(Wanted::Newest).await?;
        let latest = register.latest(register.now(), Instant::now());
        for id in ids {
            let works = match read.key(&id).await {
                Ok(key) => key.is_some_and(|(key, _)| key.works_at(latest)),
                // Nobody could ask with it again, and the others are looked at all the same.
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(%error, "the key of a stream is damaged");
                    false
                }
                Err(error) => return Err(error),
            };
            if !works {
                self.end(&id);
            }
        }
        Ok(())
    }

    /// The keys with answers under way; the others are forgotten.
    fn in_use(&self) -> Vec<KeyId> {
        let Ok(mut kept) = self.0.lock() else { return Vec::new() };
        kept.retain(|_, works| works.receiver_count() > 0);
        kept.keys().cloned().collect()
    }

    fn end(&self, id: &KeyId) {
        let Ok(mut kept) = self.0.lock() else { return };
        if let Some(works) = kept.remove(id) {
            works.send_replace(false);
        }
    }
}
