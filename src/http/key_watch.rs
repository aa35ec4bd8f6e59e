//! Which keys still work, for responses that outlast a key's validity.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::app::{Register, StoreError, Wanted};
use crate::domain::id::KeyId;

/// How often keys are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The keys of open responses. Each is looked up once, however many responses it has.
#[derive(Debug, Default)]
pub(crate) struct KeyWatch(Mutex<HashMap<KeyId, watch::Sender<bool>>>);

/// Whether a key still works.
#[derive(Debug)]
pub(crate) struct KeyValidity(Option<watch::Receiver<bool>>);

impl KeyValidity {
    /// For callers without a key: valid for ever.
    pub(crate) fn always() -> Self {
        Self(None)
    }

    /// Whether the key still works.
    pub(crate) fn now(&self) -> bool {
        self.0.as_ref().is_none_or(|works| *works.borrow())
    }

    /// Waits until the key stops working.
    pub(crate) async fn ended(&mut self) {
        match &mut self.0 {
            Some(works) => drop(works.wait_for(|works| !works).await),
            None => std::future::pending().await,
        }
    }
}

impl KeyWatch {
    /// Watches a key that works now.
    pub(crate) fn watch(&self, key: &KeyId) -> KeyValidity {
        // With the map poisoned no change could be announced, so the response ends.
        let Ok(mut kept) = self.0.lock() else {
            return KeyValidity(Some(watch::Sender::new(false).subscribe()));
        };
        let works = kept.entry(key.clone()).or_insert_with(|| watch::Sender::new(true));
        KeyValidity(Some(works.subscribe()))
    }

    /// Checks the keys for ever.
    pub(crate) async fn keep(self: Arc<Self>, register: Register) {
        loop {
            register.store().clock().pause(CHECK_INTERVAL).await;
            if let Err(error) = self.check(&register).await {
                tracing::warn!(%error, "the keys of streams could not be looked at");
            }
        }
    }

    async fn check(&self, register: &Register) -> Result<(), StoreError> {
        let ids = self.in_use();
        if ids.is_empty() {
            return Ok(());
        }
        let mut read = register.read(Wanted::Newest).await?;
        let latest = register.latest(register.now(), Instant::now());
        for id in ids {
            let works = match read.key(&id).await {
                Ok(key) => key.is_some_and(|(key, _)| key.works_at(latest)),
                // It could not authenticate either; the other keys are still checked.
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

    /// The keys of open responses; removes the others.
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
