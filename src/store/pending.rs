//! Pending changes: one for each thing that the revision being made changes.

use std::collections::BTreeSet;

use super::statement::Cell;
use super::table::{Filed, SideRow, Stored};
use super::writer_cache::CachedVersion;
use crate::domain::record::Action;
use crate::domain::thing::{Kind, ThingRef};

/// A pending change of one thing.
pub(super) struct Pending {
    pub(super) thing: ThingRef,
    pub(super) action: Action,
    pub(super) before: Option<ChangeSide>,
    pub(super) after: Option<ChangeSide>,
    /// Whether its row still has to be written.
    pub(super) dirty: bool,
    /// Whether this revision has already written an earlier row of the thing.
    pub(super) rewritten: bool,
}

/// One side of a change: everything the store holds of a version.
pub(super) struct ChangeSide {
    pub(super) known: CachedVersion,
    cells: Vec<Cell>,
    /// The things it refers to.
    pub(super) referred: BTreeSet<ThingRef>,
    /// Its rows in other side tables.
    pub(super) parts: Vec<SideRow>,
}

impl ChangeSide {
    /// The side of a version, current or new.
    pub(super) fn new<T: Stored>(thing: &T, known: CachedVersion) -> Self {
        Self { known, cells: thing.cells().0, referred: referred(thing), parts: thing.parts() }
    }

    /// The document as stored.
    pub(super) fn document(&self) -> &str {
        &self.known.filed.document
    }

    /// The values of the version's row, without `since` and `until`. `ordinal` is the change's place in its
    /// revision.
    pub(super) fn row(&self, ordinal: i64) -> Vec<Cell> {
        let Filed { id, document, .. } = &self.known.filed;
        let mut row = vec![id.as_str().into(), ordinal.into(), document.as_str().into()];
        row.extend(self.cells.iter().cloned());
        row
    }

    /// The columns in which the row differs from that of another version; all of them without one.
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

/// The things that a thing refers to by rows, each once. A transition has no row for its case: it is part of
/// it.
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
