//! The rows that follow from the changes of a revision, sent on their way.

use std::collections::{BTreeMap, HashMap};

use super::error::Error;
use super::outbox::{Outbox, REFERENCES};
use super::pending::{Link, Pending};
use super::statement::{Cell, Statement};
use super::write::{MOST_CELLS, Write};
use crate::domain::record::{Change, Revision};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;

impl Write {
    /// The changes made so far, as they are recorded.
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

    /// Sends the rows of things that are still to be written on their way.
    pub(super) fn send_versions(&mut self, outbox: &mut Outbox) {
        let revision = self.next_revision();
        for pending in self.pending.iter_mut().filter(|pending| pending.dirty) {
            let ThingRef { kind, id } = &pending.thing;
            match &pending.before {
                None => outbox.identify(*kind, id, revision),
                Some(_) => outbox.close(*kind, id, revision),
            }
            if let Some(after) = &pending.after {
                outbox.open(*kind, after.row(), revision);
            }
            pending.dirty = false;
        }
    }

    /// The references that the changes made so far bring, and those on record of the same things.
    pub(super) async fn moved_links(&mut self) -> Result<Vec<MovedLinks>, Error> {
        let mut moved: BTreeMap<Kind, Vec<(String, Vec<Link>)>> = BTreeMap::new();
        for pending in self.pending.iter().filter(|pending| pending.moves_references()) {
            moved.entry(pending.thing.kind).or_default().push((pending.thing.id.clone(), pending.links()));
        }
        let mut all = Vec::new();
        for (kind, things) in moved {
            let mut old = self.links_of(kind, things.iter().map(|(id, _)| id.as_str())).await?;
            all.extend(things.into_iter().map(|(id, links)| {
                let old = old.remove(&id).unwrap_or_default();
                (ThingRef::new(kind, id), old, links)
            }));
        }
        Ok(all)
    }

    /// Sends the references that have begun and ended on their way.
    pub(super) fn send_links(&self, outbox: &mut Outbox, moved: Vec<MovedLinks>) {
        let revision = self.next_revision();
        for (from, old, links) in moved {
            let key = |link: &Link| -> Vec<Cell> {
                let ends = [from.kind.as_str(), &from.id, link.to.kind.as_str(), &link.to.id];
                ends.map(Cell::from).to_vec()
            };
            for link in old.iter().filter(|link| !links.contains(link)) {
                outbox.close_side(&REFERENCES, key(link), revision);
            }
            for link in links.iter().filter(|link| !old.contains(link)) {
                outbox.open_side(&REFERENCES, [key(link), vec![link.direct.into()]].concat(), revision);
            }
        }
    }

    async fn links_of<'i>(
        &mut self,
        kind: Kind,
        ids: impl Iterator<Item = &'i str>,
    ) -> Result<HashMap<String, Vec<Link>>, Error> {
        let known: Vec<&str> = ids
            .filter(|id| {
                self.pending(&ThingRef::new(kind, *id)).is_some_and(|pending| pending.before.is_some())
            })
            .collect();
        let mut links: HashMap<String, Vec<Link>> = HashMap::new();
        for some in known.chunks(MOST_CELLS) {
            let statement = Statement::new(
                "SELECT from_id, to_kind, to_id, direct FROM reference WHERE until IS NULL AND from_kind = ",
            );
            let statement = statement
                .bind(kind.as_str())
                .push(" AND from_id IN (")
                .bind_all(some.iter().copied())
                .push(")");
            for (id, to_kind, to_id, direct) in
                self.queried().await?.fetch_all::<(String, String, String, bool)>(statement).await?
            {
                let Some(to_kind) = Kind::named(&to_kind) else { continue };
                links.entry(id).or_default().push(Link { to: ThingRef::new(to_kind, to_id), direct });
            }
        }
        Ok(links)
    }

    /// Sends the rows of side tables that have begun and ended on their way.
    pub(super) fn send_parts(&self, outbox: &mut Outbox) {
        let revision = self.next_revision();
        for pending in &self.pending {
            let before = pending.before.as_ref().map_or(&[][..], |side| &side.parts);
            let after = pending.after.as_ref().map_or(&[][..], |side| &side.parts);
            for part in before.iter().filter(|part| !after.contains(part)) {
                let key = part.cells.iter().take(part.of.key().len()).cloned().collect();
                outbox.close_side(&part.of.versioned(), key, revision);
            }
            for part in after.iter().filter(|part| !before.contains(part)) {
                outbox.open_side(&part.of.versioned(), part.cells.clone(), revision);
            }
        }
    }
}

/// A thing, its references on record, and those it is to have.
pub(super) type MovedLinks = (ThingRef, Vec<Link>, Vec<Link>);

/// Sends a revision and its changes on their way.
pub(super) fn send_record(outbox: &mut Outbox, revision: &Revision, changes: Vec<Change>) {
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
    outbox.record(row, changes);
}
