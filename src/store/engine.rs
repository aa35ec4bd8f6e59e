//! Opening: which engine an address names, with the settings that make a commit durable.

use std::path::Path;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool, SqliteConnection, SqlitePool};

use super::address::Address;
use super::coalesce::MOST_AT_ONCE;
use super::error::{Error, within};
use super::file::{self, RegisterFile};
use super::head::{self, HeadRow};
use super::labels;
use super::statement::{Connection, Statement};
use super::wal::{CHECKPOINT_WAL, KEPT_SIZE, TRUNCATE_WAL, Wal};
use crate::clock::Clock;
use crate::domain::time::Moment;

/// How many reads can go on at once, beside crossings.
const READERS: u32 = 8;
/// How long a read waits for its turn.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to let somebody in, or to do what takes it no time.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many statements a connection keeps prepared: every one there is, and lists in their variety.
const PREPARED: usize = 512;
/// How much of the file the writer keeps at hand, in KiB with a minus before it: `cache_size`. A batch touches
/// hundreds of pages, and those it has no room for are read again, or written more than once.
const CACHED: &str = "-16384";
/// The smallest SQLite without the race that can lose commits of a file shared by two connections.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);

/// The readers of a register, and what it takes to make a writer.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// SQLite.
    Sqlite { readers: SqlitePool, writer: SqliteConnectOptions, wal: Wal, file: RegisterFile },
    /// PostgreSQL.
    Postgres { readers: PgPool, writer: PgConnectOptions },
}

impl Engine {
    /// Opens the register, making or migrating it as needed.
    pub(super) async fn open(address: &Address, clock: &Clock) -> Result<Self, Error> {
        match address {
            Address::Sqlite(path) => Self::open_sqlite(path, clock).await,
            Address::Postgres(url) => Self::open_postgres(url, clock.now()).await,
        }
    }

    async fn open_sqlite(path: &Path, clock: &Clock) -> Result<Self, Error> {
        // Waiting for a lock is done by the writer itself, in steps short enough to find a gap between
        // the batches of another process.
        let writer = file::options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(PREPARED)
            .pragma("journal_size_limit", KEPT_SIZE);
        file::check_single_name(path)?;
        file::leave_foreign(path).await?;
        prepare_sqlite(&writer, clock).await?;
        let readers = sqlite_readers(writer.clone().create_if_missing(false));
        // A file that has gone is not made again, empty, behind the back of those who read it.
        let writer = writer.busy_timeout(Duration::ZERO).create_if_missing(false);
        // A statement with many rows keeps aside what it changes: else in a file, once that is more than a little.
        let writer = writer.pragma("cache_size", CACHED).pragma("temp_store", "MEMORY");
        Ok(Self::Sqlite { readers, writer, wal: Wal::of(path), file: RegisterFile::of(path)? })
    }

    /// Opens the register in a file that cannot be written, as it stands: nothing is made beside it, and nobody may
    /// write it meanwhile.
    pub(super) async fn open_read_only(path: &Path) -> Result<Self, Error> {
        file::check_single_name(path)?;
        let options = file::options(path).read_only(true).immutable(true).statement_cache_capacity(PREPARED);
        let mut first = options.connect().await?;
        let applied = is_up_to_date(&mut first).await;
        let mut first = Connection::sqlite(Box::new(first));
        if !applied? || !labels::are_folded(&mut first).await? {
            return Err(Error::Unfit(format!(
                "{}: this register was left by an earlier Greenlight, and cannot be brought up to date where it cannot \
                 be written; copy it to another folder first",
                path.display()
            )));
        }
        let readers = sqlite_readers(options.clone());
        Ok(Self::Sqlite { readers, writer: options, wal: Wal::of(path), file: RegisterFile::of(path)? })
    }

    async fn open_postgres(url: &str, now: Moment) -> Result<Self, Error> {
        let writer = PgConnectOptions::from_str(url)?
            .application_name("greenlight")
            .statement_cache_capacity(PREPARED)
            .options([
                ("client_min_messages", "error"),
                ("lock_timeout", "30s"),
                ("statement_timeout", "60s"),
            ]);
        let mut first = within(CONNECT_TIMEOUT, writer.connect()).await?;
        let synchronous_commit = check_postgres(&mut first).await?;
        // What the server is told later does not reach sessions that have a setting of their own.
        let writer = writer.options([("synchronous_commit", synchronous_commit)]);
        // A migration of a large register takes its time, and so does waiting for the node that is at it.
        first.execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
        sqlx::migrate!("migrations/postgres").run(&mut first).await?;
        let mut first = Connection::postgres(Box::new(first));
        head::begin(&mut first, now).await?;
        labels::refold(&mut first).await?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS + MOST_AT_ONCE)
            .acquire_timeout(CONNECT_TIMEOUT)
            // A request that is cancelled while it begins leaves its connection inside a transaction.
            .after_release(|connection, _| {
                Box::pin(async move {
                    let ended = within(CONNECT_TIMEOUT, connection.execute("ROLLBACK")).await;
                    Ok(ended.is_ok())
                })
            })
            .connect_lazy_with(writer.clone());
        Ok(Self::Postgres { readers, writer })
    }

    /// Refuses to go on with a file that has been taken away, or another put in its place.
    pub(super) fn check_place(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite { file, .. } => file.check_place(),
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// A connection of its own, for writing.
    pub(super) async fn writer(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Connection::sqlite(Box::new(writer.connect().await?)),
            Self::Postgres { writer, .. } => {
                Connection::postgres(Box::new(within(CONNECT_TIMEOUT, writer.connect()).await?))
            }
        })
    }

    /// A connection for reading, inside a transaction that sees one state of the register.
    ///
    /// What waits for a connection of a pool takes 29 kB, and would be moved about with every request that may
    /// have to: it has its place only while it is needed.
    pub(super) async fn reader(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { readers, wal, .. } => {
                // Whoever waits for a connection does not read yet.
                let connection = Connection::sqlite(Box::pin(readers.begin()).await?);
                connection.with_lease(wal.lease())
            }
            Self::Postgres { readers, .. } => {
                let begin = Box::pin(readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
                Connection::postgres(within(CONNECT_TIMEOUT * 2, begin).await?)
            }
        })
    }

    /// A connection for statements each of which sees one state of the register by itself.
    pub(super) async fn autocommit_reader(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Connection::sqlite(Box::pin(readers.acquire()).await?),
            Self::Postgres { readers, .. } => {
                Connection::postgres(within(CONNECT_TIMEOUT, Box::pin(readers.acquire())).await?)
            }
        })
    }

    /// Begins a write and takes the head row. SQLite takes the write lock at once, since a transaction that
    /// reads first and writes later is refused as soon as somebody else wrote in between; PostgreSQL waits for
    /// the row, but for nothing before.
    pub(super) async fn begin_on(&self, connection: &mut Connection) -> Result<HeadRow, Error> {
        match self {
            Self::Sqlite { .. } => {
                connection.fetch_one(Statement::new("BEGIN IMMEDIATE; ").append(head::find())).await
            }
            Self::Postgres { .. } => {
                within(CONNECT_TIMEOUT, connection.execute(Statement::new("BEGIN"))).await?;
                let head = connection.fetch_one(head::find().push(" FOR UPDATE")).await;
                head.map_err(Error::or_busy)
            }
        }
    }

    /// Lets a change of the head tell other nodes of the revision, if they can be told.
    pub(super) fn with_notify(&self, head: Statement) -> Statement {
        match self {
            Self::Sqlite { .. } => head,
            Self::Postgres { .. } => super::listener::with_notify(head),
        }
    }

    /// Looks after what a write leaves behind.
    pub(super) async fn shorten_wal(&self, connection: &mut Connection) -> Result<(), Error> {
        match self {
            Self::Sqlite { wal, .. } => wal.shorten_wal(connection).await,
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// Leaves the register whole in its file, if nobody else reads it. SQLite does so when the last connection goes,
    /// but not when that one can only read, nor while the process ends.
    pub(super) async fn finish(&self, connection: &mut Connection) -> Result<(), Error> {
        match self {
            Self::Sqlite { .. } => connection.execute(Statement::new(TRUNCATE_WAL)).await.map(drop),
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// The name of the engine.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// Lets go of every connection for reading.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer, wal, .. } => {
                readers.close().await;
                // The last connection to go takes the log away, but not if it can only read. What another process
                // still uses stays, and what cannot be taken away is no harm.
                if wal.is_there()
                    && self.check_place().is_ok()
                    && let Ok(last) = writer.connect().await
                {
                    drop(last.close().await);
                }
            }
            Self::Postgres { readers, .. } => readers.close().await,
        }
    }
}

/// The connections for reading a file.
fn sqlite_readers(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS + MOST_AT_ONCE)
        .acquire_timeout(BUSY_TIMEOUT)
        // A file of our own does not hang up.
        .test_before_acquire(false)
        .connect_lazy_with(options.read_only(true))
}

/// Makes or migrates what is in the file. A file that is not there yet becomes one with a log while nobody else
/// reads it: those who do so at the same time are refused at once, however patient their connection, and try again.
async fn prepare_sqlite(options: &SqliteConnectOptions, clock: &Clock) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match begin_sqlite(options, clock.now()).await {
            Ok(()) => return Ok(()),
            Err(error) => error.await_turn(clock, started, BUSY_TIMEOUT).await?,
        }
    }
}

async fn begin_sqlite(options: &SqliteConnectOptions, now: Moment) -> Result<(), Error> {
    let mut first = options.connect().await?;
    check_sqlite(&mut first).await?;
    migrate_sqlite(&mut first).await?;
    // A process that was killed leaves its work in the log. It is safe there, too.
    let _ = first.execute(CHECKPOINT_WAL).await;
    let mut first = Connection::sqlite(Box::new(first));
    head::begin(&mut first, now).await?;
    labels::refold(&mut first).await
}

/// What makes the schema of a file.
pub(super) fn sqlite_migrations() -> Migrator {
    sqlx::migrate!("migrations/sqlite")
}

/// Brings the schema up to date. On SQLite migrations take no lock of their own, and several processes may
/// open a register at once that is not there yet; one that is up to date is not kept waiting for the lock.
async fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), Error> {
    let migrations = sqlite_migrations();
    if is_up_to_date(connection).await.unwrap_or_default() {
        migrations.run(connection).await?;
        return Ok(());
    }
    let mut locked = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrations.run(&mut *locked).await?;
    locked.commit().await?;
    Ok(())
}

/// Whether the schema is up to date.
async fn is_up_to_date(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let last = sqlite_migrations().iter().map(|migration| migration.version).max();
    // The table of migrations is missing before the first one.
    let (applied,): (Option<i64>,) =
        sqlx::query_as("SELECT max(version) FROM _sqlx_migrations").fetch_one(connection).await?;
    match applied {
        Some(applied) if Some(applied) > last => Err(Error::Newer(applied)),
        applied => Ok(applied == last),
    }
}

async fn check_sqlite(connection: &mut SqliteConnection) -> Result<(), Error> {
    let (version, synchronous, journal, foreign_keys): (String, i64, String, i64) = sqlx::query_as(
        "SELECT sqlite_version(), s.synchronous, j.journal_mode, f.foreign_keys
         FROM pragma_synchronous s, pragma_journal_mode j, pragma_foreign_keys f",
    )
    .fetch_one(connection)
    .await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < SQLITE_FLOOR {
        return Err(Error::Unfit(format!("SQLite {version} can lose commits; 3.51.3 or newer is needed")));
    }
    if synchronous != 2 || journal != "wal" || foreign_keys != 1 {
        return Err(Error::Unfit("SQLite did not take WAL, synchronous FULL and foreign keys".to_owned()));
    }
    Ok(())
}

/// Refuses a server that cannot keep what it is given. Else this is how far a commit is waited for there.
async fn check_postgres(connection: &mut sqlx::PgConnection) -> Result<String, Error> {
    let (read_only, off, synchronous_commit, encoding): (bool, String, String, String) = sqlx::query_as(
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
            COALESCE((SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE setting = 'off'
                AND name IN ('fsync', 'full_page_writes', 'synchronous_commit')), ''),
            current_setting('synchronous_commit'), current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await?;
    if read_only {
        return Err(Error::Unfit(
            "this PostgreSQL can only be read: it is a standby, or default_transaction_read_only is on; \
             name the server that is written to"
                .to_owned(),
        ));
    }
    if !off.is_empty() {
        return Err(Error::Unfit(format!(
            "an acknowledged write could be lost: turn on {off} in PostgreSQL"
        )));
    }
    // SQL_ASCII takes bytes as they come, and counts them where characters are meant.
    if encoding != "UTF8" {
        return Err(Error::Unfit(format!(
            "names are in any language, and the database is in {encoding}: make one in UTF8"
        )));
    }
    Ok(synchronous_commit)
}
