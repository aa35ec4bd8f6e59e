//! The writer's cache of the register: while the writer holds the lock, nobody else writes.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::error::Error;
use super::pending::Pending;
use super::replies::Reply;
use super::spans::SpanRow;
use super::table::{Filed, Presence, Stored, Version};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::timeline::{Acceptance, Step};
use crate::domain::transition::Transition;

/// A company, a chip and an authority.
pub(super) type Parties = (String, String, String);

/// A stored version, parsed at most once.
#[derive(Clone)]
pub(super) struct CachedVersion {
    pub(super) filed: Filed,
    value: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl From<Filed> for CachedVersion {
    fn from(filed: Filed) -> Self {
        Self { filed, value: OnceLock::new() }
    }
}

impl CachedVersion {
    /// The version of a thing, serialized to its document.
    pub(super) fn new<T: Stored>(thing: &T, since: i64) -> Self {
        let filed = Filed { id: thing.id().to_owned(), since, document: thing.write().to_string() };
        Self { filed, value: OnceLock::from(Arc::new(thing.clone()) as Arc<dyn Any + Send + Sync>) }
    }

    /// The thing, parsed from the document on first use.
    pub(super) fn thing<T: Stored>(&self) -> Result<Arc<T>, Error> {
        let read = self.value.get().and_then(|value| Arc::clone(value).downcast::<T>().ok());
        if let Some(value) = read {
            return Ok(value);
        }
        let value = Arc::new(self.filed.version::<T>()?.value);
        // A concurrent caller has set an equal value.
        let _ = self.value.set(Arc::clone(&value) as Arc<dyn Any + Send + Sync>);
        Ok(value)
    }

    /// The version of the thing.
    pub(super) fn version<T: Stored>(&self) -> Result<Version<T>, Error> {
        Ok(Version { since: self.filed.since, value: T::clone(&*self.thing::<T>()?) })
    }
}

/// Cached state as of the last revision. Invariant: everything changed in this batch is cached, so a miss may
/// be read from the database.
#[derive(Default)]
pub(super) struct WriterCache {
    things: HashMap<ThingRef, Presence<CachedVersion>>,
    /// Things seldom read again.
    short_lived: Vec<ThingRef>,
    /// The total length of the cached documents, in bytes.
    length: usize,
    /// The steps of cases, unordered.
    pub(super) timelines: HashMap<String, Vec<Step>>,
    /// The spans of cases.
    pub(super) spans: HashMap<String, Vec<SpanRow>>,
    /// The open reports that name a stage.
    reports: HashMap<Parties, Vec<Filed>>,
    /// The replies kept for actors' keys.
    pub(super) replies: HashMap<(String, String), Option<Reply>>,
}

/// The most entries, and bytes of documents, kept from batch to batch.
const MOST: usize = 8192;
const MOST_LENGTH: usize = 16 << 20;

impl WriterCache {
    /// The part valid for the next batch if no other process writes. Replies are dropped: they change without
    /// a revision.
    pub(super) fn kept(mut self) -> Self {
        self.replies.clear();
        for thing in self.short_lived.drain(..) {
            self.length -= self.things.remove(&thing).as_ref().map_or(0, length);
        }
        let known = self.things.len() + self.timelines.len() + self.spans.len() + self.reports.len();
        if known > MOST || self.length > MOST_LENGTH { Self::default() } else { self }
    }

    /// The cached version of a thing.
    pub(super) fn thing(&self, thing: &ThingRef) -> Option<&Presence<CachedVersion>> {
        self.things.get(thing)
    }

    /// Caches a thing.
    pub(super) fn remember(&mut self, thing: ThingRef, presence: Presence<CachedVersion>) {
        if matches!(thing.kind, Kind::Transition | Kind::Movement) {
            self.short_lived.push(thing.clone());
        }
        self.length += length(&presence);
        self.length -= self.things.insert(thing, presence).as_ref().map_or(0, length);
    }

    /// The cached open reports that name a stage, for a case's company, chip and authority.
    pub(super) fn reports(&self, parties: &Parties) -> Option<&[Filed]> {
        self.reports.get(parties).map(Vec::as_slice)
    }

    /// Caches those reports.
    pub(super) fn remember_reports(&mut self, parties: Parties, reports: Vec<Filed>) {
        self.length += lengths(&reports);
        self.length -= self.reports.insert(parties, reports).as_deref().map_or(0, lengths);
    }

    /// Applies a recorded change, at its place in the revision. `false` if the database must have it, too,
    /// because queries over sets are answered from there.
    pub(super) fn apply(&mut self, pending: Pending, acceptance: Acceptance) -> Result<bool, Error> {
        let learnt = match pending.thing.kind {
            Kind::Transition => self.learn_transition(&pending, acceptance)?,
            Kind::Report => {
                self.length -= self.reports.drain().map(|(_, reports)| lengths(&reports)).sum::<usize>();
                false
            }
            _ => true,
        };
        let presence = pending.after.map_or(Presence::Retired, |after| Presence::Present(after.known));
        self.remember(pending.thing, presence);
        Ok(learnt)
    }

    fn learn_transition(&mut self, pending: &Pending, acceptance: Acceptance) -> Result<bool, Error> {
        let Some(side) = pending.after.as_ref().or(pending.before.as_ref()) else { return Ok(false) };
        let transition = side.known.thing::<Transition>()?;
        let Some(timeline) = self.timelines.get_mut(transition.approval.as_str()) else { return Ok(false) };
        let known = timeline.iter_mut().find(|step| step.id == transition.id);
        match (known, &pending.after) {
            // Its acceptance stays unchanged.
            (Some(known), Some(_)) => *known = Step::of(&transition, known.acceptance),
            (None, Some(_)) => timeline.push(Step::of(&transition, acceptance)),
            (_, None) => timeline.retain(|step| step.id != transition.id),
        }
        Ok(true)
    }
}

fn length(presence: &Presence<CachedVersion>) -> usize {
    match presence {
        Presence::Present(known) => known.filed.document.len(),
        Presence::Absent | Presence::Retired => 0,
    }
}

fn lengths(filed: &[Filed]) -> usize {
    filed.iter().map(|filed| filed.document.len()).sum()
}
