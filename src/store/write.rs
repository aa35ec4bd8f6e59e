//! Writing: the changes of one command, gathered and then written as one revision.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, DerefMut};

use super::error::Error;
use super::head::Head;
use super::read::Read;
use super::record::digest;
use super::statement::{Cell, Connection, Statement};
use super::sums::Ledger;
use super::table::{At, Filed, Part, PartTable, Presence, Stored, Table, Version, table};
use crate::domain::id::ApprovalId;
use crate::domain::record::{Action, Change, Revision};
use crate::domain::text::{Name, Reason};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::domain::timeline::Acceptance;
use crate::domain::transition::Transition;
use crate::domain::vocabulary::Vocabulary as _;

/// The most parameters a multi-row statement binds; SQLite takes 32,766.
pub(super) const MOST_CELLS: usize = 30_000;

/// Who makes a revision, and why.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The actor's name.
    pub actor: Name,
    /// Why, if it says so.
    pub reason: Option<Reason>,
    /// The request it makes it with.
    pub request_id: Name,
}

/// What is to become of one thing in the revision being made.
struct Pending {
    thing: ThingRef,
    action: Action,
    before: Option<Side>,
    after: Option<Side>,
    /// Things it touches without naming them.
    touches: Vec<ThingRef>,
    /// Whether its row still has to be written.
    dirty: bool,
}

/// One side of a change: everything the store keeps of a thing.
struct Side {
    since: i64,
    document: String,
    cells: Vec<Cell>,
    references: Vec<ThingRef>,
    parts: Vec<Part>,
}

impl Side {
    fn new<T: Stored>(thing: &T, since: i64) -> Self {
        Self {
            since,
            document: thing.write().to_string(),
            cells: thing.cells().0,
            references: thing.references().into_iter().map(|reference| reference.to).collect(),
            parts: thing.parts(),
        }
    }
}

/// A reference from a thing, or, if it is indirect, a thing that a change of it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    to: ThingRef,
    direct: bool,
}

/// The register at its newest revision, and the changes that make the next one.
///
/// Everything read through it sees the changes made so far. Rows are written late and many at a time;
/// a query over sets must be preceded by [`Write::flush`].
pub struct Write {
    read: Read,
    now: Moment,
    pending: Vec<Pending>,
    index: HashMap<ThingRef, usize>,
    ledger: Ledger,
    /// Things as the last revision left them. Nobody else writes as long as this lives, so what was read
    /// for one command of a batch need not be read again for the next.
    seen: HashMap<ThingRef, Filed>,
    /// The cases whose spans the revision being made has put already.
    pub(super) spanned: HashSet<String>,
    in_savepoint: bool,
    due_at: Option<Moment>,
}

impl Deref for Write {
    type Target = Read;

    fn deref(&self) -> &Read {
        &self.read
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Read {
        &mut self.read
    }
}

impl Write {
    pub(super) fn new(connection: Connection, head: Head, now: Moment) -> Self {
        let now = now.max(head.recorded_at);
        let due_at = head.due_at;
        let at = At { revision: head.revision, newest: true };
        let read = Read { connection, head, at };
        Self {
            read,
            now,
            pending: Vec::new(),
            index: HashMap::new(),
            ledger: Ledger::default(),
            seen: HashMap::new(),
            spanned: HashSet::new(),
            in_savepoint: false,
            due_at,
        }
    }

    /// The connection, and the head as the commands have left it.
    pub(super) fn into_parts(self) -> (Connection, Head) {
        (self.read.connection, self.read.head)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.read.connection
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// The moment at which the revision is recorded: the later of the clock and the newest revision's.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The number of the revision being made.
    #[must_use]
    pub fn next_revision(&self) -> i64 {
        self.read.head.revision + 1
    }

    /// How many changes the revision being made has so far.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.pending.len()
    }

    /// A date that will change something by passing: the register looks again then.
    pub fn falls_due(&mut self, moment: Moment) {
        self.due_at = Some(self.due_at.map_or(moment, |due| due.min(moment)));
    }

    /// Replaces the next date that changes something by passing.
    pub fn set_due(&mut self, moment: Option<Moment>) {
        self.due_at = moment;
    }

    fn pending(&self, thing: &ThingRef) -> Option<&Pending> {
        self.index.get(thing).and_then(|index| self.pending.get(*index))
    }

    /// A thing as it stands with the changes made so far.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if its document is.
    pub async fn current<T: Stored>(&mut self, id: &str) -> Result<Presence<Version<T>>, Error> {
        let thing = ThingRef::new(T::KIND, id);
        let Some(pending) = self.pending(&thing) else { return self.recorded(thing).await };
        let Some(after) = &pending.after else { return Ok(Presence::Retired) };
        let filed = Filed { id: id.to_owned(), since: after.since, document: after.document.clone() };
        Ok(Presence::Present(filed.version()?))
    }

    /// A thing as the last revision left it.
    async fn recorded<T: Stored>(&mut self, thing: ThingRef) -> Result<Presence<Version<T>>, Error> {
        if let Some(filed) = self.seen.get(&thing) {
            return Ok(Presence::Present(filed.version()?));
        }
        match self.read.filed::<T>(&thing.id).await? {
            Presence::Present(filed) => {
                let version = filed.version()?;
                self.seen.insert(thing, filed);
                Ok(Presence::Present(version))
            }
            Presence::Retired => Ok(Presence::Retired),
            Presence::Absent => Ok(Presence::Absent),
        }
    }

    /// Which of these things are not on record, with the changes made so far.
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
                None if self.seen.contains_key(thing) => {}
                None => open.entry(thing.kind).or_default().push(&thing.id),
            }
        }
        for (kind, ids) in open {
            let known = self.read.known(kind, &ids).await?;
            let unknown = ids.into_iter().filter(|id| !known.iter().any(|known| known == id));
            missing.extend(unknown.map(|id| ThingRef::new(kind, id)));
        }
        Ok(missing)
    }

    /// Puts a thing on record, or in the place of its version `before`.
    ///
    /// `touches` are things that a change of this one concerns although it does not name them.
    pub fn put<T: Stored>(
        &mut self,
        before: Option<&Version<T>>,
        after: &T,
        action: Action,
        touches: Vec<ThingRef>,
    ) {
        let before = before.map(|version| Side::new(&version.value, version.since));
        let (thing, side) = (after.thing_ref(), Side::new(after, self.next_revision()));
        self.enter(Pending::new(thing, before, Some(side), action, touches));
    }

    /// Takes a thing off the record.
    pub fn retire<T: Stored>(&mut self, before: &Version<T>, touches: Vec<ThingRef>) {
        let side = Side::new(&before.value, before.since);
        self.enter(Pending::new(before.value.thing_ref(), Some(side), None, Action::Retired, touches));
    }

    fn enter(&mut self, pending: Pending) {
        let Some(earlier) = self.index.get(&pending.thing).and_then(|index| self.pending.get_mut(*index))
        else {
            self.index.insert(pending.thing.clone(), self.pending.len());
            self.pending.push(pending);
            return;
        };
        // Within one revision a thing has one change: from what it was to what it becomes in the end.
        earlier.after = pending.after;
        earlier.touches = pending.touches;
        earlier.dirty = true;
        if earlier.action != Action::Created {
            earlier.action = pending.action;
        }
    }

    /// The transitions of a case that the changes made so far bring or alter, by id. When a new one is
    /// accepted is known already: in this revision, at its place among the changes.
    pub(super) fn pending_transitions(
        &self,
        approval: &ApprovalId,
    ) -> Result<BTreeMap<String, (Transition, Acceptance)>, Error> {
        let case = ThingRef::new(Kind::Approval, approval.as_str());
        let mut transitions = BTreeMap::new();
        for (ordinal, pending) in (1..).zip(&self.pending) {
            let of_case = pending.thing.kind == Kind::Transition
                && pending.after.as_ref().is_some_and(|after| after.references.contains(&case));
            let Some(after) = pending.after.as_ref().filter(|_| of_case) else { continue };
            let id = pending.thing.id.clone();
            let filed = Filed { id: id.clone(), since: after.since, document: after.document.clone() };
            let acceptance = Acceptance { revision: self.next_revision(), ordinal };
            transitions.insert(id, (filed.version()?.value, acceptance));
        }
        Ok(transitions)
    }

    /// Writes the rows of the changes made so far, so that queries over sets see them.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        if !self.pending.iter().any(|pending| pending.dirty) {
            return Ok(());
        }
        self.savepoint().await?;
        for kind in Kind::ALL.iter().copied() {
            self.flush_identities(kind).await?;
        }
        for kind in Kind::ALL.iter().copied() {
            self.flush_versions(kind).await?;
        }
        self.flush_sums().await?;
        for pending in &mut self.pending {
            pending.dirty = false;
        }
        Ok(())
    }

    pub(super) async fn savepoint(&mut self) -> Result<(), Error> {
        if !self.in_savepoint {
            self.connection().execute(Statement::new("SAVEPOINT command")).await?;
            self.in_savepoint = true;
        }
        Ok(())
    }

    async fn flush_identities(&mut self, kind: Kind) -> Result<(), Error> {
        let revision = self.next_revision();
        let created =
            |pending: &&Pending| pending.dirty && pending.thing.kind == kind && pending.before.is_none();
        let rows: Vec<Vec<Cell>> = self
            .pending
            .iter()
            .filter(created)
            .map(|pending| vec![pending.thing.id.as_str().into(), revision.into()])
            .collect();
        let insert = Statement::new("INSERT INTO ").push(table(kind).identity).push(" (id, created) VALUES ");
        self.insert(insert, rows, " ON CONFLICT (id) DO NOTHING").await
    }

    async fn flush_versions(&mut self, kind: Kind) -> Result<(), Error> {
        let revision = self.next_revision();
        let Table { name, columns, .. } = *table(kind);
        let dirty = || self.pending.iter().filter(|pending| pending.dirty && pending.thing.kind == kind);
        let closed: Vec<String> = dirty()
            .filter(|pending| pending.before.is_some())
            .map(|pending| pending.thing.id.clone())
            .collect();
        let rows: Vec<Vec<Cell>> =
            dirty().filter_map(|pending| Some(row(&pending.thing, pending.after.as_ref()?))).collect();
        for ids in closed.chunks(MOST_CELLS) {
            let close = Statement::new("UPDATE ").push(name).push(" SET until = ").bind(revision);
            let close = close.push(" WHERE until IS NULL AND since < ").bind(revision).push(" AND id IN (");
            self.connection().execute(close.bind_all(ids.iter().map(String::as_str)).push(")")).await?;
        }
        let mut insert = Statement::new("INSERT INTO ").push(name).push(" (id, since, document");
        let mut replace =
            Statement::new(" ON CONFLICT (id, since) DO UPDATE SET document = excluded.document");
        for column in columns {
            insert = insert.push(", ").push(column);
            replace = replace.push(", ").push(column).push(" = excluded.").push(column);
        }
        self.insert_with(insert.push(") VALUES "), rows, &replace).await
    }

    /// Inserts rows, as many at a time as a statement takes.
    pub(super) async fn insert(
        &mut self,
        insert: Statement,
        rows: Vec<Vec<Cell>>,
        tail: &'static str,
    ) -> Result<(), Error> {
        self.insert_with(insert, rows, &Statement::new(tail)).await
    }

    pub(super) async fn insert_with(
        &mut self,
        insert: Statement,
        rows: Vec<Vec<Cell>>,
        tail: &Statement,
    ) -> Result<(), Error> {
        let Some(width) = rows.first().map(Vec::len) else { return Ok(()) };
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some: Vec<Vec<Cell>> = rows.by_ref().take(MOST_CELLS / width.max(1)).collect();
            self.connection().execute(insert.clone().bind_rows(some).append(tail)).await?;
        }
        Ok(())
    }

    /// Makes the changes so far a revision. Without changes there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn record(&mut self, maker: &Maker) -> Result<Option<Revision>, Error> {
        self.flush().await?;
        if self.pending.is_empty() {
            self.read.head.due_at = self.due_at;
            return Ok(None);
        }
        let changes = self.documented();
        let mut revision = Revision {
            number: self.next_revision(),
            recorded_at: self.now,
            actor: maker.actor.clone(),
            reason: maker.reason.clone(),
            request_id: maker.request_id.clone(),
            digest: [0; 32],
        };
        revision.digest = digest(&self.read.head.digest, &revision, &changes);
        self.insert_record(&revision, changes).await?;
        self.write_references().await?;
        self.write_parts().await?;
        self.connection().execute(Statement::new("RELEASE SAVEPOINT command")).await?;
        let head = &mut self.read.head;
        (head.revision, head.digest, head.recorded_at, head.due_at) =
            (revision.number, revision.digest, revision.recorded_at, self.due_at);
        self.read.at.revision = revision.number;
        for Pending { thing, after, .. } in self.pending.drain(..) {
            match after {
                Some(Side { since, document, .. }) => {
                    let filed = Filed { id: thing.id.clone(), since, document };
                    self.seen.insert(thing, filed);
                }
                None => drop(self.seen.remove(&thing)),
            }
        }
        self.forget();
        Ok(Some(revision))
    }

    fn documented(&self) -> Vec<Change> {
        let revision = self.next_revision();
        let change = |(ordinal, pending): (i64, &Pending)| Change {
            revision,
            ordinal,
            thing: pending.thing.clone(),
            action: pending.action,
            before: pending.before.as_ref().map(|side| side.document.clone()),
            after: pending.after.as_ref().map(|side| side.document.clone()),
        };
        (1..).zip(&self.pending).map(change).collect()
    }

    /// Begins a command that will be taken back, whatever it writes and whether or not that is register data.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn trial(&mut self) -> Result<(), Error> {
        self.savepoint().await
    }

    /// Takes back everything since the last revision.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn undo(&mut self) -> Result<(), Error> {
        if self.in_savepoint {
            self.connection().execute(Statement::new("ROLLBACK TO SAVEPOINT command")).await?;
            self.connection().execute(Statement::new("RELEASE SAVEPOINT command")).await?;
        }
        self.due_at = self.read.head.due_at;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.pending.clear();
        self.index.clear();
        self.ledger = Ledger::default();
        self.spanned.clear();
        self.in_savepoint = false;
    }

    async fn insert_record(&mut self, revision: &Revision, changes: Vec<Change>) -> Result<(), Error> {
        let statement = Statement::new(
            "INSERT INTO revision (number, recorded_at, actor, reason, request_id, digest)
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let statement = statement
            .with(revision.number)
            .with(revision.recorded_at)
            .with(revision.actor.as_str())
            .with(revision.reason.as_ref().map(ToString::to_string))
            .with(revision.request_id.as_str())
            .with(revision.digest.to_vec());
        self.connection().execute(statement).await?;
        let rows = changes.into_iter().map(|change| {
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
        let insert =
            Statement::new("INSERT INTO change (revision, ordinal, kind, id, action, before, after) VALUES ");
        self.insert(insert, rows.collect(), "").await
    }

    async fn write_references(&mut self) -> Result<(), Error> {
        let revision = self.next_revision();
        let mut moved: BTreeMap<Kind, Vec<(String, Vec<Link>)>> = BTreeMap::new();
        for pending in self.pending.iter().filter(|pending| pending.moves_references()) {
            moved.entry(pending.thing.kind).or_default().push((pending.thing.id.clone(), pending.links()));
        }
        for (kind, things) in moved {
            let mut old = self.links_of(kind, things.iter().map(|(id, _)| id.as_str())).await?;
            let mut opened = Vec::new();
            let mut closed = Vec::new();
            for (id, links) in things {
                let old = old.remove(&id).unwrap_or_default();
                let row = |link: &Link| -> Vec<Cell> {
                    vec![
                        kind.as_str().into(),
                        id.as_str().into(),
                        link.to.kind.as_str().into(),
                        link.to.id.as_str().into(),
                    ]
                };
                closed.extend(old.iter().filter(|link| !links.contains(link)).map(row));
                let fresh = links.iter().filter(|link| !old.contains(link));
                opened.extend(
                    fresh.map(|link| [row(link), vec![link.direct.into(), revision.into()]].concat()),
                );
            }
            self.close("reference", &["from_kind", "from_id", "to_kind", "to_id"], closed).await?;
            let insert = "INSERT INTO reference (from_kind, from_id, to_kind, to_id, direct, since) VALUES ";
            self.insert(Statement::new(insert), opened, "").await?;
        }
        Ok(())
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
                self.connection().fetch_all::<(String, String, String, bool)>(statement).await?
            {
                let Some(to_kind) = Kind::named(&to_kind) else { continue };
                links.entry(id).or_default().push(Link { to: ThingRef::new(to_kind, to_id), direct });
            }
        }
        Ok(links)
    }

    async fn write_parts(&mut self) -> Result<(), Error> {
        let revision = self.next_revision();
        let mut closed: Vec<Part> = Vec::new();
        let mut opened: Vec<Part> = Vec::new();
        for pending in &self.pending {
            let before = pending.before.as_ref().map_or(&[][..], |side| &side.parts);
            let after = pending.after.as_ref().map_or(&[][..], |side| &side.parts);
            closed.extend(before.iter().filter(|part| !after.contains(part)).cloned());
            opened.extend(after.iter().filter(|part| !before.contains(part)).cloned());
        }
        for of in PartTable::ALL {
            let keys = closed.iter().filter(|part| part.of == *of);
            let keys = keys.map(|part| part.cells.iter().take(of.key().len()).cloned().collect());
            self.close(of.name(), of.key(), keys.collect()).await?;
            let rows = opened.iter().filter(|part| part.of == *of);
            let rows = rows.map(|part| [part.cells.clone(), vec![revision.into()]].concat());
            self.insert(Statement::new(of.insert()), rows.collect(), "").await?;
        }
        Ok(())
    }

    /// Closes the current rows of a side table that have these keys.
    pub(super) async fn close(
        &mut self,
        table: &'static str,
        key: &'static [&'static str],
        keys: Vec<Vec<Cell>>,
    ) -> Result<(), Error> {
        let revision = self.next_revision();
        for some in keys.chunks(MOST_CELLS / key.len().max(1)) {
            let close = Statement::new("UPDATE ").push(table).push(" AS t SET until = ").bind(revision);
            let close = close.push(" FROM ").bind_keys(some).push(" WHERE t.until IS NULL");
            self.connection().execute(close.matching(key)).await?;
        }
        Ok(())
    }
}

impl Pending {
    fn new(
        thing: ThingRef,
        before: Option<Side>,
        after: Option<Side>,
        action: Action,
        touches: Vec<ThingRef>,
    ) -> Self {
        Self { thing, action, before, after, touches, dirty: true }
    }

    /// Whether its references may differ from those on record.
    fn moves_references(&self) -> bool {
        let references = |side: &Option<Side>| side.as_ref().map(|side| side.references.clone());
        !self.touches.is_empty() || references(&self.before) != references(&self.after)
    }

    /// What it refers to, each thing once; what it names counts before what it touches.
    fn links(&self) -> Vec<Link> {
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

fn row(thing: &ThingRef, after: &Side) -> Vec<Cell> {
    let mut row = vec![thing.id.as_str().into(), after.since.into(), after.document.as_str().into()];
    row.extend(after.cells.iter().cloned());
    row
}
