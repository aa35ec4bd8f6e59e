//! Reads of single things inside a write, including pending changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Error;
use super::pending::ChangeSide;
use super::table::{Presence, Stored, Version};
use super::write::Write;
use super::writer_cache::CachedVersion;
use crate::domain::thing::{Kind, ThingRef};

impl Write {
    /// The current version of a thing, including pending changes.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if its document is.
    pub async fn current<T: Stored>(&mut self, id: &str) -> Result<Presence<Version<T>>, Error> {
        self.current_version::<T>(id).await?.try_map(CachedVersion::version)
    }

    /// The current value of a thing, shared instead of cloned.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if its document is.
    pub async fn seen<T: Stored>(&mut self, id: &str) -> Result<Presence<Arc<T>>, Error> {
        self.current_version::<T>(id).await?.try_map(CachedVersion::thing)
    }

    /// The current version from the pending changes, else from the cache, which is filled on a miss.
    async fn current_version<T: Stored>(&mut self, id: &str) -> Result<Presence<&CachedVersion>, Error> {
        let thing = ThingRef::new(T::KIND, id);
        if self.pending(&thing).is_none() && self.cache.thing(&thing).is_none() {
            let presence = self.untouched().filed::<T>(id).await?.map(CachedVersion::from);
            self.cache.remember(thing.clone(), presence);
        }
        if let Some(pending) = self.pending(&thing) {
            return Ok(pending
                .after
                .as_ref()
                .map_or(Presence::Retired, |after| Presence::Present(&after.known)));
        }
        Ok(self.cache.thing(&thing).map_or(Presence::Absent, Presence::as_ref))
    }

    /// The things that are not on record, with pending changes included.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn missing(&mut self, things: &[ThingRef]) -> Result<Vec<ThingRef>, Error> {
        let mut missing = Vec::new();
        let mut open: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
        for thing in things {
            match self.pending(thing) {
                Some(pending) if pending.after.is_none() => missing.push(thing.clone()),
                Some(_) => {}
                None => match self.cache.thing(thing) {
                    Some(Presence::Present(_)) => {}
                    Some(_) => missing.push(thing.clone()),
                    None => open.entry(thing.kind).or_default().push(&thing.id),
                },
            }
        }
        for (kind, ids) in open {
            let known = self.untouched().on_record(kind, &ids).await?;
            let unknown = ids.into_iter().filter(|id| !known.iter().any(|known| known == id));
            missing.extend(unknown.map(|id| ThingRef::new(kind, id)));
        }
        Ok(missing)
    }

    /// One side of a change, from a version on record and its document as stored.
    pub(super) fn side<T: Stored>(&self, version: &Version<T>) -> ChangeSide {
        let known = self.cache.thing(&version.value.thing_ref()).map(Presence::as_ref);
        let known = known.and_then(Presence::present).filter(|known| known.filed.since == version.since);
        let known = known.cloned().unwrap_or_else(|| CachedVersion::new(&version.value, version.since));
        ChangeSide::new(&version.value, known)
    }
}
