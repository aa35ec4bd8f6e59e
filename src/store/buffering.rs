//! Buffering the rows that result from a revision's changes.

use std::collections::BTreeSet;

use super::pending::{ChangeSide, Pending};
use super::row_buffer::RowBuffer;
use super::statement::Cell;
use super::table::{SideRow, SideTable, table};
use super::write::Write;
use crate::domain::record::{Change, Revision};
use crate::domain::thing::ThingRef;
use crate::domain::vocabulary::Vocabulary as _;

impl Write {
    /// The pending changes as recorded in the `change` table.
    pub(super) fn documented(&self) -> Vec<Change> {
        let revision = self.next_revision();
        let change = |(ordinal, pending): (i64, &Pending)| Change {
            revision,
            ordinal,
            thing: pending.thing.clone(),
            action: pending.action,
            before: pending.before.as_ref().map(|side| side.document().to_owned()),
            after: pending.after.as_ref().map(|side| side.document().to_owned()),
        };
        (1..).zip(&self.pending).map(change).collect()
    }

    /// Buffers the versions that are still to be written.
    pub(super) fn buffer_versions(&mut self, buffer: &mut RowBuffer) {
        let revision = self.next_revision();
        for (ordinal, pending) in (1..).zip(&mut self.pending).filter(|(_, pending)| pending.dirty) {
            let ThingRef { kind, id } = &pending.thing;
            match (&pending.before, &pending.after) {
                (Some(before), Some(after)) => {
                    let before = Some(before).filter(|_| !pending.rewritten);
                    let differing = after.differing(before, table(*kind).columns);
                    buffer.follow(*kind, after.row(ordinal), differing, revision);
                }
                (Some(_), None) => buffer.close(*kind, id, revision),
                (None, after) => {
                    buffer.identify(*kind, id, revision);
                    if let Some(after) = after {
                        buffer.open(*kind, after.row(ordinal), revision);
                    }
                }
            }
            pending.dirty = false;
        }
    }

    /// Buffers the side table rows to be opened and closed.
    pub(super) fn buffer_side_rows(&self, buffer: &mut RowBuffer) {
        let revision = self.next_revision();
        let references = SideTable::Reference.versioned();
        for Pending { thing, before, after, .. } in &self.pending {
            let (referred, parts) = beside(before.as_ref());
            let (refers, follow) = beside(after.as_ref());
            for to in referred.difference(refers) {
                buffer.close_side(&references, reference(thing, to), revision);
            }
            for to in refers.difference(referred) {
                buffer.open_side(&references, reference(thing, to), revision);
            }
            for part in parts.iter().filter(|part| !follow.contains(part)) {
                let key = part.cells.iter().take(part.of.key().len()).cloned().collect();
                buffer.close_side(&part.of.versioned(), key, revision);
            }
            for part in follow.iter().filter(|part| !parts.contains(part)) {
                buffer.open_side(&part.of.versioned(), part.cells.clone(), revision);
            }
        }
    }
}

/// The references and side table rows of one side of a change.
fn beside(side: Option<&ChangeSide>) -> (&BTreeSet<ThingRef>, &[SideRow]) {
    static NOTHING: BTreeSet<ThingRef> = BTreeSet::new();
    side.map_or((&NOTHING, &[]), |side| (&side.referred, &side.parts))
}

/// The row of a reference from one thing to another.
pub(super) fn reference(from: &ThingRef, to: &ThingRef) -> Vec<Cell> {
    vec![from.kind.as_str().into(), from.id.as_str().into(), to.kind.as_str().into(), to.id.as_str().into()]
}

/// Buffers a revision and its changes.
pub(super) fn buffer_revision(buffer: &mut RowBuffer, revision: &Revision, changes: Vec<Change>) {
    let row = vec![
        revision.number.into(),
        revision.recorded_at.into(),
        revision.actor.as_str().into(),
        revision.reason.as_ref().map(ToString::to_string).into(),
        revision.request_id.as_str().into(),
        revision.digest.to_vec().into(),
    ];
    let changes = changes.into_iter().map(|change| {
        vec![
            change.revision.into(),
            change.ordinal.into(),
            change.thing.kind.as_str().into(),
            change.thing.id.into(),
            change.action.as_str().into(),
            change.before.into(),
            change.after.into(),
        ]
    });
    buffer.record(row, changes);
}
