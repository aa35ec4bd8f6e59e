//! SQL, and only here: versions of things, revisions, keys and kept replies, on either engine.
//!
//! Every statement is written once, in the dialect both engines share. Which one it runs on is known where they
//! differ: `engine` opens and locks, `column` maps moments, and `statement` binds and runs. What only one of them
//! has stands by itself: the file of SQLite is copied by `backup`, its log kept short by `wal`, and it is checked by
//! `verify`; PostgreSQL is listened to by `listener`.

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
    /// Opens the register at an address, making or migrating it as needed.
    ///
    /// `tick` is run inside every write once a date has passed that changes something.
    ///
    /// # Errors
    ///
    /// [`Error`] if the register cannot be opened, migrated, or does not keep what it is given.
    pub async fn open(address: Address, clock: Clock, tick: Tick) -> Result<Self, Error> {
        let engine = Engine::open(&address, &clock).await?;
        Self::on(engine, address, clock, tick).await
    }

    /// Opens the register in a file that cannot be written, and that nobody writes meanwhile. Nothing is made beside
    /// it; what is written to it fails.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be opened, or was left by an earlier version of the program.
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

    /// Reads one state of the register.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision or time that has not come, or [`Error::Database`].
    pub async fn read(&self, wanted: Wanted) -> Result<Read, Error> {
        let read = Read::open(self.engine.reader().await?, wanted, self.clock.now()).await?;
        self.writer.noticed(Newest::of(read.head()));
        Ok(read)
    }

    /// Runs a command in the writer's queue and answers once what it wrote is on stable storage.
    ///
    /// The command decides itself what to [`Write::record`] or [`Write::undo`]. It runs to its end even
    /// if nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the batch failed, [`Error::Busy`] if another process holds the register.
    pub async fn write<T, F>(&self, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        self.writer.write(Needs::default(), command).await
    }

    /// The same for a command of which it is known what it needs: that is read for all commands of a batch
    /// at once.
    ///
    /// # Errors
    ///
    /// As of [`Self::write`].
    pub async fn write_with<T, F>(&self, needs: Needs, command: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
    {
        self.writer.write(needs, command).await
    }

    /// Waits until the register has a revision after this one, or may have.
    pub async fn changed(&self, after: i64) {
        self.writer.changed(after).await;
    }

    /// What this process knows of the newest revision: its own commits at once, those of others from
    /// the first read that sees them.
    #[must_use]
    pub fn newest(&self) -> Newest {
        self.writer.newest()
    }

    /// What hears of revisions that other nodes have made.
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

    /// The file of the register, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.address {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }

    /// Whether the register could be written when that was last tried, and is still there.
    #[must_use]
    pub fn writable(&self) -> bool {
        !self.writer.failing() && !self.ended() && self.engine.check_place().is_ok()
    }

    /// Whether nothing can be written any more, whatever is tried, until the register is opened again.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.writer.gone()
    }

    /// How many commands wait for the writer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// How many transactions the writer has committed since the register was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// How many statements those took.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.writer.statements()
    }

    /// How many statements glances have taken since the register was opened.
    #[must_use]
    pub fn coalesced_statements(&self) -> u64 {
        self.coalescer.count()
    }

    /// Finishes the commands in the queue and lets go of every connection.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.coalescer.close();
        self.engine.close().await;
    }
}
