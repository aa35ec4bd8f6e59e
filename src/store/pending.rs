//! What is to become of one thing in the revision being made.

use std::collections::BTreeSet;

use super::statement::Cell;
use super::table::{Filed, SideRow, Stored};
use super::writer_cache::CachedVersion;
use crate::domain::record::Action;
use crate::domain::thing::{Kind, ThingRef};

/// What is to become of one thing in the revision being made.
pub(super) struct Pending {
    pub(super) thing: ThingRef,
    pub(super) action: Action,
    pub(super) before: Option<ChangeSide>,
    pub(super) after: Option<ChangeSide>,
    /// Whether its row still has to be written.
    pub(super) dirty: bool,
    /// Whether this revision has written another one.
    pub(super) rewritten: bool,
}

/// One side of a change: everything the store keeps of a thing.
pub(super) struct ChangeSide {
    pub(super) known: CachedVersion,
    cells: Vec<Cell>,
    /// What it refers to.
    pub(super) referred: BTreeSet<ThingRef>,
    /// The rows of other side tables that follow from it.
    pub(super) parts: Vec<SideRow>,
}

impl ChangeSide {
    /// What a version is, or is to be.
    pub(super) fn new<T: Stored>(thing: &T, known: CachedVersion) -> Self {
        Self { known, cells: thing.cells().0, referred: referred(thing), parts: thing.parts() }
    }

    /// The document as it is stored.
    pub(super) fn document(&self) -> &str {
        &self.known.filed.document
    }

    /// The values of a version's row, made by the change at a place of its revision, without the revisions
    /// between which it holds.
    pub(super) fn row(&self, ordinal: i64) -> Vec<Cell> {
        let Filed { id, document, .. } = &self.known.filed;
        let mut row = vec![id.as_str().into(), ordinal.into(), document.as_str().into()];
        row.extend(self.cells.iter().cloned());
        row
    }

    /// In which of a table's columns the row differs from that of another version; in all of them if it is not known
    /// what that one says.
    pub(super) fn differing(
        &self,
        before: Option<&Self>,
        columns: &'static [&'static str],
    ) -> Vec<&'static str> {
        let differs = |(place, _): &(usize, &&str)| {
            before.is_none_or(|before| before.cells.get(*place) != self.cells.get(*place))
        };
        columns.iter().enumerate().filter(differs).map(|(_, column)| *column).collect()
    }
}

/// What a thing refers to, of which there are rows: each once, however often it is named. A transition is part of
/// its case, and found by it.
pub(super) fn referred<T: Stored>(thing: &T) -> BTreeSet<ThingRef> {
    let named = thing.references().into_iter().map(|reference| reference.to);
    named.filter(|to| T::KIND != Kind::Transition || to.kind != Kind::Approval).collect()
}

impl Pending {
    pub(super) fn new(
        thing: ThingRef,
        before: Option<ChangeSide>,
        after: Option<ChangeSide>,
        action: Action,
    ) -> Self {
        Self { thing, action, before, after, dirty: true, rewritten: false }
    }
}
