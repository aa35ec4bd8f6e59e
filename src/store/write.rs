//! Writing: the changes of one command are collected and recorded as one revision.
//!
//! A change is pending at first. [`Write::flush`] writes pending rows within a savepoint, for queries over
//! sets. [`Write::record`] makes the pending changes a revision and buffers its rows, until
//! [`Write::write_buffered`] or [`Write::start_writing`] (in the background) writes them.
//!
//! Visibility: [`Write::connection`] and [`Write::untouched`] see rows already written; [`Write::queried`]
//! and [`Write::reading`] first write all earlier revisions of the batch. Pending changes are visible to
//! queries only after `flush`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

use super::buffering::buffer_revision;
use super::error::Error;
use super::head::Head;
use super::pending::{ChangeSide, Pending};
use super::read::Read;
use super::record::digest;
use super::row_buffer::RowBuffer;
use super::spans::NewSpans;
use super::statement::{Connection, Statement};
use super::sums::Ledger;
use super::table::{At, Stored, Version};
use super::writer_cache::{CachedVersion, WriterCache};
use crate::domain::record::{Action, Revision};
use crate::domain::text::{Name, Reason};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::domain::timeline::Acceptance;

/// The most parameters a multi-row statement binds; SQLite takes 32,766.
pub(super) const MOST_CELLS: usize = 30_000;

/// The author of a revision, and the reason for it.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The actor's name.
    pub actor: Name,
    /// The reason, if one is given.
    pub reason: Option<Reason>,
    /// The id of the request.
    pub request_id: Name,
}

/// The register at its newest revision, and the changes that make the next one.
///
/// Reads by id see the changes made so far. Rows, also those of earlier revisions, are written late and many
/// at a time: read anything else by [`Write::reading`], which writes them first, and call [`Write::flush`]
/// before a query that must see pending changes.
pub struct Write {
    read: Read,
    now: Moment,
    pub(super) pending: Vec<Pending>,
    index: HashMap<ThingRef, usize>,
    ledger: Ledger,
    /// Cached state as of the last revision.
    pub(super) cache: WriterCache,
    /// Rows of recorded revisions that are still to be written.
    pub(super) buffer: RowBuffer,
    /// The spans of cases in the revision being made.
    pub(super) spans: BTreeMap<String, NewSpans>,
    in_savepoint: bool,
    due_at: Option<Moment>,
}

impl Deref for Write {
    type Target = Read;

    fn deref(&self) -> &Read {
        &self.read
    }
}

impl Write {
    pub(super) fn new(connection: Connection, head: Head, now: Moment, cache: WriterCache) -> Self {
        let now = head.present(now);
        let due_at = head.due_at;
        let at = At { revision: head.revision, newest: true };
        let read = Read { connection, head, at };
        Self {
            read,
            now,
            pending: Vec::new(),
            index: HashMap::new(),
            ledger: Ledger::default(),
            cache,
            buffer: RowBuffer::default(),
            spans: BTreeMap::new(),
            in_savepoint: false,
            due_at,
        }
    }

    /// The connection, the head as the commands have left it, and the cache.
    pub(super) fn into_parts(self) -> (Connection, Head, WriterCache) {
        (self.read.connection, self.read.head, self.cache)
    }

    /// The connection. Does not see buffered rows: use it only for rows the batch has not changed, or after
    /// [`Self::queried`].
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.read.connection
    }

    /// The connection as a [`Read`]: correct only for rows the batch has not changed.
    pub(super) fn untouched(&mut self) -> &mut Read {
        &mut self.read
    }

    /// The connection, after writing the buffered rows.
    pub(super) async fn queried(&mut self) -> Result<&mut Connection, Error> {
        self.write_buffered().await?;
        Ok(self.connection())
    }

    /// A [`Read`] of the last revision and of the changes flushed since; writes the buffered rows first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reading(&mut self) -> Result<&mut Read, Error> {
        self.write_buffered().await?;
        Ok(&mut self.read)
    }

    /// Writes the buffered rows.
    pub(super) async fn write_buffered(&mut self) -> Result<(), Error> {
        let statements = self.take_buffered();
        self.connection().execute_all(statements).await
    }

    /// Starts writing the buffered rows in the background, while further commands run.
    pub(super) fn start_writing(&mut self) {
        let statements = self.take_buffered();
        self.connection().execute_in_background(statements);
    }

    /// Takes the statements that write the buffered rows.
    pub(super) fn take_buffered(&mut self) -> Vec<Statement> {
        std::mem::take(&mut self.buffer).statements()
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// The current time: see [`Head::present`].
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The number of the revision being made.
    #[must_use]
    pub fn next_revision(&self) -> i64 {
        self.read.head.revision + 1
    }

    /// The number of pending changes.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.pending.len()
    }

    /// Schedules a tick at `moment`, unless an earlier one is due.
    pub fn falls_due(&mut self, moment: Moment) {
        self.due_at = Some(self.due_at.map_or(moment, |due| due.min(moment)));
    }

    /// Replaces the time of the next tick.
    pub fn set_due(&mut self, moment: Option<Moment>) {
        self.due_at = moment;
    }

    pub(super) fn pending(&self, thing: &ThingRef) -> Option<&Pending> {
        self.index.get(thing).and_then(|index| self.pending.get(*index))
    }

    /// Puts a thing on record, or replaces its version `before`.
    pub fn put<T: Stored>(&mut self, before: Option<&Version<T>>, after: &T, action: Action) {
        let before = before.map(|version| self.side(version));
        let side = ChangeSide::new(after, CachedVersion::new(after, self.next_revision()));
        self.enter(Pending::new(after.thing_ref(), before, Some(side), action));
    }

    /// Takes a thing off the record.
    pub fn retire<T: Stored>(&mut self, before: &Version<T>) {
        let side = self.side(before);
        self.enter(Pending::new(before.value.thing_ref(), Some(side), None, Action::Retired));
    }

    fn enter(&mut self, pending: Pending) {
        let Some(earlier) = self.index.get(&pending.thing).and_then(|index| self.pending.get_mut(*index))
        else {
            self.index.insert(pending.thing.clone(), self.pending.len());
            self.pending.push(pending);
            return;
        };
        // Within one revision a thing has one change: from its state before to its final state.
        earlier.after = pending.after;
        earlier.rewritten |= !earlier.dirty;
        earlier.dirty = true;
        if earlier.action != Action::Created {
            earlier.action = pending.action;
        }
    }

    /// Whether a pending change is of a thing of this kind.
    pub(super) fn alters(&self, kind: Kind) -> bool {
        self.pending.iter().any(|pending| pending.thing.kind == kind)
    }

    /// Writes the rows of the pending changes, so that queries over sets see them.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        if !self.pending.iter().any(|pending| pending.dirty) && !self.spans.values().any(|spans| spans.dirty)
        {
            return Ok(());
        }
        self.savepoint().await?;
        self.take_back_spans().await?;
        let mut buffer = RowBuffer::default();
        self.buffer_versions(&mut buffer);
        self.buffer_spans(&mut buffer).await?;
        self.connection().execute_all(buffer.statements()).await?;
        self.flush_sums().await
    }

    pub(super) async fn savepoint(&mut self) -> Result<(), Error> {
        if !self.in_savepoint {
            self.queried().await?.execute(Statement::new("SAVEPOINT command")).await?;
            self.in_savepoint = true;
        }
        Ok(())
    }

    /// Records the pending changes as a revision; without changes, `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn record(&mut self, maker: &Maker) -> Result<Option<Revision>, Error> {
        if self.pending.is_empty() {
            self.read.head.due_at = self.due_at;
            return Ok(None);
        }
        if self.in_savepoint {
            self.flush().await?;
        }
        let sums = self.added_up().await?;
        let changes = self.documented();
        let mut revision = Revision {
            number: self.next_revision(),
            recorded_at: self.now.max(self.read.head.recorded_at),
            actor: maker.actor.clone(),
            reason: maker.reason.clone(),
            request_id: maker.request_id.clone(),
            digest: [0; 32],
        };
        revision.digest = digest(&self.read.head.digest, &revision, &changes);
        if self.in_savepoint {
            self.connection().execute(Statement::new("RELEASE SAVEPOINT command")).await?;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        self.buffer_versions(&mut buffer);
        self.buffer_spans(&mut buffer).await?;
        buffer_revision(&mut buffer, &revision, changes);
        self.buffer_side_rows(&mut buffer);
        buffer.add(sums);
        self.buffer = buffer;
        let head = &mut self.read.head;
        (head.revision, head.digest, head.recorded_at, head.due_at) =
            (revision.number, revision.digest, revision.recorded_at, self.due_at);
        self.read.at.revision = revision.number;
        // The revision is made: an error from here on must fail the whole batch.
        let learnt = self.learn().map_err(|error| Error::Interrupted(error.to_string()))?;
        if !learnt {
            self.write_buffered().await?;
        }
        self.forget();
        Ok(Some(revision))
    }

    /// Moves the revision's changes into the cache. `false` if they must be in the database, too.
    fn learn(&mut self) -> Result<bool, Error> {
        let revision = self.read.head.revision;
        let mut learnt = true;
        for (ordinal, pending) in (1..).zip(self.pending.drain(..)) {
            learnt &= self.cache.apply(pending, Acceptance { revision, ordinal })?;
        }
        let spans = std::mem::take(&mut self.spans).into_iter();
        self.cache.spans.extend(spans.map(|(case, spans)| (case, spans.rows)));
        Ok(learnt)
    }

    /// Begins a command that will be undone, including writes that are not register data.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn begin_dry_run(&mut self) -> Result<(), Error> {
        self.savepoint().await
    }

    /// Undoes everything since the last revision.
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
        self.spans.clear();
        self.in_savepoint = false;
    }
}
