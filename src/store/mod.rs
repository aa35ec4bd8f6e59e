//! The store: all SQL of the program, for SQLite and PostgreSQL.
//!
//! Every statement is written once, in the dialect both engines share. The engines differ in `engine`
//! (opening, locking), `column` (timestamps) and `statement` (binding, running). Only SQLite uses `backup`,
//! `file` and `wal`; only PostgreSQL uses `listener`.

mod address;
mod approvals;
mod authorities;
mod backup;
mod batches;
mod buffering;
mod bundle;
mod check_schema;
mod check_side_tables;
mod check_spans;
mod chips;
mod coalesce;
mod column;
mod companies;
mod conditions;
mod current;
mod determinations;
mod due;
mod engine;
mod error;
mod file;
mod glance;
mod head;
mod holdings;
mod keys;
mod labels;
mod list;
mod listener;
mod movements;
mod needs;
mod pending;
mod read;
mod record;
mod records;
mod replies;
mod reports;
mod row_buffer;
mod seal;
mod sources;
mod spans;
mod statement;
mod sums;
mod table;
mod touched;
mod transitions;
mod verify;
mod wal;
mod workflows;
mod write;
mod writer;
mod writer_cache;

use std::path::Path;
use std::sync::Arc;

pub use address::Address;
pub use companies::BOARD;
pub use determinations::{RECEIPT_FILTERS, Receipt};
pub use error::Error;
pub use file::{check_single_name, holds_register};
pub use glance::Leaf;
pub use head::{Head, Newest, random};
pub use holdings::{HOLDING_FILTERS, HoldingPage, PairTotals};
pub use keys::SecretDigest;
pub use labels::{Found, FoundPage};
pub use list::{Filter, Listed, Listing, Page, Position, Query, Sort, SortKey, Takes};
pub use listener::RevisionListener;
pub use needs::Needs;
pub use read::{Read, Wanted};
pub use record::{ChangeFilter, digest};
pub use records::Extent;
pub use replies::Reply;
pub use seal::Seal;
pub use table::{At, Filed, Presence, Stored, Table, Version};
pub use touched::Touch;
pub use verify::Findings;
pub use write::{Maker, Write};
pub use writer::{BoxFuture, Tick};

use crate::clock::Clock;
use coalesce::Coalescer;
use engine::Engine;
use writer::Writer;

/// An open register.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    coalescer: Arc<Coalescer>,
    writer: Writer,
    clock: Clock,
    address: Address,
    seal: Seal,
}

impl Store {
    /// Opens the register at an address, creating or migrating it as needed.
    ///
    /// `tick` runs inside every write that comes after a date on which something changes.
    ///
    /// # Errors
    ///
    /// [`Error`] if the register cannot be opened or migrated, or if the database is not durable.
    pub async fn open(address: Address, clock: Clock, tick: Tick) -> Result<Self, Error> {
        let engine = Engine::open(&address, &clock).await?;
        Self::on(engine, address, clock, tick).await
    }

    /// Opens the register in a read-only file, which nobody may write meanwhile. Creates no file beside it;
    /// writes fail.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be opened, or has the schema of an earlier version of the program.
    pub async fn open_read_only(file: &Path, clock: Clock, tick: Tick) -> Result<Self, Error> {
        let engine = Engine::open_read_only(file).await?;
        Self::on(engine, Address::Sqlite(file.to_owned()), clock, tick).await
    }

    async fn on(engine: Engine, address: Address, clock: Clock, tick: Tick) -> Result<Self, Error> {
        let engine = Arc::new(engine);
        let mut read = Read::open(engine.reader().await?, Wanted::Newest, clock.now()).await?;
        let seal = read.seal().await?;
        let writer = Writer::start(Arc::clone(&engine), clock.clone(), tick, Newest::of(read.head()));
        drop(read);
        let coalescer = Arc::new(Coalescer::new(Arc::clone(&engine)));
        Ok(Self { engine, coalescer, writer, clock, address, seal })
    }

    /// Reads the register at one revision.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision or time after the newest one, or [`Error::Database`].
    pub async fn read(&self, wanted: Wanted) -> Result<Read, Error> {
        let read = Read::open(self.engine.reader().await?, wanted, self.clock.now()).await?;
        self.writer.noticed(Newest::of(read.head()));
        Ok(read)
    }

    /// Queues a command for the writer and returns its outcome once its batch is on stable storage.
    ///
    /// The command itself calls [`Write::record`] or [`Write::undo`]. It runs to completion even if the
    /// caller is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the batch failed, so that nobody knows whether the command was applied. It was
    /// not with [`Error::Busy`] if another process kept the write lock, [`Error::NotBegun`] if the batch could
    /// not begin, and [`Error::Closed`] if the register is closing.
    pub async fn write<T, F>(&self, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        self.writer.write(Needs::default(), command).await
    }

    /// Like [`Self::write`], with the rows the command will need: they are preloaded for the whole batch.
    ///
    /// # Errors
    ///
    /// As for [`Self::write`].
    pub async fn write_with<T, F>(&self, needs: Needs, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        self.writer.write(needs, command).await
    }

    /// Waits until the register has, or may have, a revision after `after`.
    pub async fn changed(&self, after: i64) {
        self.writer.changed(after).await;
    }

    /// The newest revision known to this process: its own commits at once, those of others from the first
    /// read that sees them.
    #[must_use]
    pub fn newest(&self) -> Newest {
        self.writer.newest()
    }

    /// A listener for revisions made by other nodes.
    #[must_use]
    pub fn listener(&self) -> RevisionListener {
        RevisionListener::new(self.address.clone(), self.writer.clone())
    }

    /// The clock of the register.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The seal of the register.
    #[must_use]
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The name of the engine: `sqlite` or `postgres`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.engine.name()
    }

    /// The register's file; `None` on PostgreSQL.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.address {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }

    /// Whether the last batch succeeded, the writer runs and the register's file is in place.
    #[must_use]
    pub fn writable(&self) -> bool {
        !self.writer.failing() && !self.ended() && self.engine.check_place().is_ok()
    }

    /// Whether the writer has ended, so that no write succeeds until the register is opened again.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.writer.gone()
    }

    /// The number of commands in the writer's queue.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// The number of transactions the writer has committed since the register was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// The number of statements in those transactions.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.writer.statements()
    }

    /// The number of statements the coalescer has run since the register was opened.
    #[must_use]
    pub fn coalesced_statements(&self) -> u64 {
        self.coalescer.count()
    }

    /// Finishes the queued commands and closes every connection.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.coalescer.close();
        self.engine.close().await;
    }
}
