//! What is to become of one thing in the revision being made.

use super::memory::Known;
use super::statement::Cell;
use super::table::{Filed, Part, Stored};
use crate::domain::record::Action;
use crate::domain::thing::ThingRef;

/// What is to become of one thing in the revision being made.
pub(super) struct Pending {
    pub(super) thing: ThingRef,
    pub(super) action: Action,
    pub(super) before: Option<Side>,
    pub(super) after: Option<Side>,
    /// Things it touches without naming them.
    pub(super) touches: Vec<ThingRef>,
    /// Whether its row still has to be written.
    pub(super) dirty: bool,
}

/// One side of a change: everything the store keeps of a thing.
pub(super) struct Side {
    pub(super) known: Known,
    cells: Vec<Cell>,
    pub(super) references: Vec<ThingRef>,
    pub(super) parts: Vec<Part>,
}

impl Side {
    /// What a version is, or is to be.
    pub(super) fn new<T: Stored>(thing: &T, known: Known) -> Self {
        Self {
            known,
            cells: thing.cells().0,
            references: thing.references().into_iter().map(|reference| reference.to).collect(),
            parts: thing.parts(),
        }
    }

    /// The document as it is stored.
    pub(super) fn document(&self) -> &str {
        &self.known.filed.document
    }

    /// The values of a version's row, without the revisions between which it holds.
    pub(super) fn row(&self) -> Vec<Cell> {
        let Filed { id, document, .. } = &self.known.filed;
        let mut row = vec![id.as_str().into(), document.as_str().into()];
        row.extend(self.cells.iter().cloned());
        row
    }
}

/// A reference from a thing, or, if it is indirect, a thing that a change of it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) to: ThingRef,
    pub(super) direct: bool,
}

impl Pending {
    pub(super) fn new(
        thing: ThingRef,
        before: Option<Side>,
        after: Option<Side>,
        action: Action,
        touches: Vec<ThingRef>,
    ) -> Self {
        Self { thing, action, before, after, touches, dirty: true }
    }

    /// Whether its references may differ from those on record.
    pub(super) fn moves_references(&self) -> bool {
        let references = |side: &Option<Side>| side.as_ref().map(|side| side.references.clone());
        !self.touches.is_empty() || references(&self.before) != references(&self.after)
    }

    /// What it refers to, each thing once; what it names counts before what it touches.
    pub(super) fn links(&self) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        let Some(after) = &self.after else { return links };
        let direct = after.references.iter().map(|to| (to, true));
        for (to, direct) in direct.chain(self.touches.iter().map(|to| (to, false))) {
            if !links.iter().any(|link| link.to == *to) {
                links.push(Link { to: to.clone(), direct });
            }
        }
        links
    }
}
