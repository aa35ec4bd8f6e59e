//! The keys looked up lately, so that a poller does not cost a query each time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::actor::Key;
use crate::domain::id::KeyId;
use crate::store::SecretDigest;

/// How long a key is remembered: what another process revokes works no longer than this here.
const REMEMBERED: Duration = Duration::from_millis(500);
/// The most keys that are remembered.
const MOST: usize = 10_000;

/// A key and the digest of its secret, as they were looked up.
pub(super) type Found = (Arc<Key>, SecretDigest);

/// The keys looked up lately. Only keys on record are remembered: an unknown one is looked up each time.
#[derive(Debug, Default)]
pub struct KeyCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    remembered: HashMap<String, (Found, Instant)>,
    distrusted: HashSet<String>,
}

impl KeyCache {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Nothing here can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key with an id, if it was looked up a moment ago, seen from `now`.
    pub(super) fn get(&self, id: &str, now: Instant) -> Option<Found> {
        let entries = self.entries();
        let (found, at) = entries.remembered.get(id)?;
        (now.saturating_duration_since(*at) < REMEMBERED).then(|| found.clone())
    }

    /// Remembers a key that was looked up, beginning at `asked`.
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

    /// Forgets a key that is about to be revoked. It is never remembered again, since a look-up that is
    /// under way may still find it as it was.
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
