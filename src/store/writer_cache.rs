//! What the writer knows of the register without asking: as long as it has its turn, nobody else writes.

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

/// A version as it is stored, which is read once however often it is asked for.
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
    /// A version of a thing, and its document.
    pub(super) fn new<T: Stored>(thing: &T, since: i64) -> Self {
        let filed = Filed { id: thing.id().to_owned(), since, document: thing.write().to_string() };
        Self { filed, value: OnceLock::from(Arc::new(thing.clone()) as Arc<dyn Any + Send + Sync>) }
    }

    /// The thing the document stands for.
    pub(super) fn thing<T: Stored>(&self) -> Result<Arc<T>, Error> {
        let read = self.value.get().and_then(|value| Arc::clone(value).downcast::<T>().ok());
        if let Some(value) = read {
            return Ok(value);
        }
        let value = Arc::new(self.filed.version::<T>()?.value);
        // Whoever was first has read the same.
        let _ = self.value.set(Arc::clone(&value) as Arc<dyn Any + Send + Sync>);
        Ok(value)
    }

    /// The version of the thing.
    pub(super) fn version<T: Stored>(&self) -> Result<Version<T>, Error> {
        Ok(Version { since: self.filed.since, value: T::clone(&*self.thing::<T>()?) })
    }
}

/// The register as the last revision left it, as far as a command of the batch has asked. Whatever a revision
/// changes is known from then on, so that what is not here has not been changed by the batch.
#[derive(Default)]
pub(super) struct WriterCache {
    things: HashMap<ThingRef, Presence<CachedVersion>>,
    /// Those of them that are seldom asked for again.
    short_lived: Vec<ThingRef>,
    /// How long the documents of all of them are, in bytes.
    length: usize,
    /// The steps of cases, in no order.
    pub(super) timelines: HashMap<String, Vec<Step>>,
    /// The spans of cases.
    pub(super) spans: HashMap<String, Vec<SpanRow>>,
    /// The open reports that name a stage.
    reports: HashMap<Parties, Vec<Filed>>,
    /// The replies kept for actors' keys.
    pub(super) replies: HashMap<(String, String), Option<Reply>>,
}

/// The most things and cases of which something is known from batch to batch, and how long their documents may be in
/// all, in bytes.
const MOST: usize = 8192;
const MOST_LENGTH: usize = 16 << 20;

impl WriterCache {
    /// What is still known to the next batch if nobody has written in between. Kept replies are no register
    /// data: they can come without a revision.
    pub(super) fn kept(mut self) -> Self {
        self.replies.clear();
        for thing in self.short_lived.drain(..) {
            self.length -= self.things.remove(&thing).as_ref().map_or(0, length);
        }
        let known = self.things.len() + self.timelines.len() + self.spans.len() + self.reports.len();
        if known > MOST || self.length > MOST_LENGTH { Self::default() } else { self }
    }

    /// What is known of a thing.
    pub(super) fn thing(&self, thing: &ThingRef) -> Option<&Presence<CachedVersion>> {
        self.things.get(thing)
    }

    /// Takes note of a thing.
    pub(super) fn remember(&mut self, thing: ThingRef, presence: Presence<CachedVersion>) {
        if matches!(thing.kind, Kind::Transition | Kind::Movement) {
            self.short_lived.push(thing.clone());
        }
        self.length += length(&presence);
        self.length -= self.things.insert(thing, presence).as_ref().map_or(0, length);
    }

    /// The open reports that name a stage of a case's company, chip and authority, if they are known.
    pub(super) fn reports(&self, parties: &Parties) -> Option<&[Filed]> {
        self.reports.get(parties).map(Vec::as_slice)
    }

    /// Takes note of those reports.
    pub(super) fn remember_reports(&mut self, parties: Parties, reports: Vec<Filed>) {
        self.length += lengths(&reports);
        self.length -= self.reports.insert(parties, reports).as_deref().map_or(0, lengths);
    }

    /// Takes over a change that a revision has made, at its place there. `false` if queries over sets are
    /// answered from what the database has, which therefore has to have it.
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
            // When it was accepted stays what it was.
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
