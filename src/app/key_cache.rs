//! A cache of recently used keys, so that polling does not cost a query per request.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::actor::Key;
use crate::domain::id::KeyId;
use crate::store::SecretDigest;

/// How long a key is cached, and so how long one that another process revokes still works here.
const REMEMBERED: Duration = Duration::from_millis(500);
/// Most cached keys.
const MOST: usize = 10_000;

/// A key and the digest of its secret, as read from the register.
pub(super) type Found = (Arc<Key>, SecretDigest);

/// A cache of recently used keys. Unknown keys are not cached: they are looked up each time.
#[derive(Debug, Default)]
pub struct KeyCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    remembered: HashMap<String, (Found, Instant)>,
    distrusted: HashSet<String>,
}

impl KeyCache {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing here can panic halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key with an id, if its cache entry is still fresh at `now`.
    pub(super) fn get(&self, id: &str, now: Instant) -> Option<Found> {
        let entries = self.entries();
        let (found, at) = entries.remembered.get(id)?;
        (now.saturating_duration_since(*at) < REMEMBERED).then(|| found.clone())
    }

    /// Caches a key whose lookup began at `asked`.
    pub(super) fn remember(&self, found: &Found, asked: Instant) {
        let mut entries = self.entries();
        let id = found.0.id.as_str();
        if entries.distrusted.contains(id) {
            return;
        }
        if entries.remembered.len() >= MOST {
            entries.remembered.clear();
        }
        entries.remembered.insert(id.to_owned(), (found.clone(), asked));
    }

    /// Evicts a key about to be revoked, and never caches it again: a lookup in progress may still return its
    /// old state.
    pub(super) fn evict_forever(&self, id: &KeyId) {
        let mut entries = self.entries();
        entries.remembered.remove(id.as_str());
        entries.distrusted.insert(id.as_str().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::Role;
    use crate::domain::text::Name;
    use crate::domain::time::Moment;

    fn found() -> Found {
        let name = || Name::try_from("test").unwrap();
        let key = Key {
            id: KeyId::try_from("key-1").unwrap(),
            name: name(),
            owner: name(),
            role: Role::Reader,
            authorities: Vec::new(),
            created_at: Moment::epoch(),
            expires_at: Moment::epoch().plus_seconds(1),
            revoked_at: None,
            last_used_at: None,
        };
        (Arc::new(key), [7; 32])
    }

    #[test]
    fn a_key_is_remembered_for_a_moment() {
        let key_cache = KeyCache::default();
        let now = Instant::now();
        assert_eq!(key_cache.get("key-1", now), None);
        key_cache.remember(&found(), now);
        assert_eq!(key_cache.get("key-1", now), Some(found()));
        let just = REMEMBERED.saturating_sub(Duration::from_nanos(1));
        assert_eq!(key_cache.get("key-1", now + just), Some(found()));
        assert_eq!(key_cache.get("key-1", now + REMEMBERED), None);
    }

    #[test]
    fn a_key_that_is_distrusted_is_forgotten_even_by_look_ups_under_way() {
        let key_cache = KeyCache::default();
        let now = Instant::now();
        key_cache.remember(&found(), now);
        key_cache.evict_forever(&found().0.id);
        assert_eq!(key_cache.get("key-1", now), None);
        key_cache.remember(&found(), now);
        assert_eq!(key_cache.get("key-1", now), None);
    }
}
