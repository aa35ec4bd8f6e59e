//! What the writer knows of the register without asking: as long as it has its turn, nobody else writes.

use std::any::Any;
use std::collections::HashMap;
use std::sync::OnceLock;

use super::error::Error;
use super::pending::{Pending, Side};
use super::replies::Reply;
use super::spans::SpanRow;
use super::table::{Filed, Presence, Stored, Version};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::timeline::Acceptance;

/// A company, a chip and an authority.
pub(super) type Parties = (String, String, String);

/// A version as it is stored, which is read once however often it is asked for.
pub(super) struct Known {
    pub(super) filed: Filed,
    value: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl From<Filed> for Known {
    fn from(filed: Filed) -> Self {
        Self { filed, value: OnceLock::new() }
    }
}

impl Known {
    /// The thing the document stands for.
    pub(super) fn version<T: Stored>(&self) -> Result<Version<T>, Error> {
        let read = self.value.get().and_then(|value| value.downcast_ref::<T>());
        if let Some(value) = read {
            return Ok(Version { since: self.filed.since, value: value.clone() });
        }
        let version = self.filed.version::<T>()?;
        // Whoever was first has read the same.
        let _ = self.value.set(Box::new(version.value.clone()));
        Ok(version)
    }
}

/// The register as the last revision left it, as far as a command of the batch has asked. Whatever a revision
/// changes is known from then on, so that what is not here has not been changed by the batch.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) things: HashMap<ThingRef, Presence<Known>>,
    /// The transitions of cases, in no order.
    pub(super) timelines: HashMap<String, Vec<(Known, Acceptance)>>,
    /// The spans of cases.
    pub(super) spans: HashMap<String, Vec<SpanRow>>,
    /// The open reports that name a stage.
    pub(super) reports: HashMap<Parties, Vec<Filed>>,
    /// The replies kept for actors' keys.
    pub(super) replies: HashMap<(String, String), Option<Reply>>,
}

/// The most things and cases of which something is known.
const MOST: usize = 1024;

impl Memory {
    /// What is still known to the next batch if nobody has written in between. Kept replies are no register
    /// data: they can come without a revision.
    pub(super) fn kept(mut self) -> Self {
        self.replies.clear();
        let known = self.things.len() + self.timelines.len() + self.spans.len() + self.reports.len();
        if known > MOST { Self::default() } else { self }
    }

    /// Takes over a change that a revision has made, at its place there. `false` if queries over sets are
    /// answered from what the database has, which therefore has to have it.
    pub(super) fn learn(&mut self, pending: Pending, acceptance: Acceptance) -> bool {
        let learnt = match pending.thing.kind {
            Kind::Transition => self.learn_transition(&pending, acceptance),
            Kind::Report => {
                self.reports.clear();
                false
            }
            _ => true,
        };
        let presence = pending.after.map_or(Presence::Retired, |after| {
            let Side { since, document, .. } = after;
            Presence::Present(Filed { id: pending.thing.id.clone(), since, document }.into())
        });
        self.things.insert(pending.thing, presence);
        learnt
    }

    fn learn_transition(&mut self, pending: &Pending, acceptance: Acceptance) -> bool {
        let side = pending.after.as_ref().or(pending.before.as_ref());
        let case = side.and_then(|side| side.references.iter().find(|to| to.kind == Kind::Approval));
        let Some(timeline) = case.and_then(|case| self.timelines.get_mut(&case.id)) else { return false };
        let id = &pending.thing.id;
        let place = timeline.iter().position(|(known, _)| known.filed.id == *id);
        let filed = pending.after.as_ref().map(|after| after.filed(id));
        match (place.and_then(|place| timeline.get_mut(place)), filed) {
            // When it was accepted stays what it was.
            (Some(known), Some(filed)) => known.0 = filed.into(),
            (None, Some(filed)) => timeline.push((filed.into(), acceptance)),
            (_, None) => timeline.retain(|(known, _)| known.filed.id != *id),
        }
        true
    }
}
