//! Opening either engine, with the settings that make a commit durable.

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

/// The most concurrent reads, besides those of the coalescer.
const READERS: u32 = 8;
/// How long a read waits for a lock or for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout for connecting and for statements that need no work.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The prepared statements kept per connection: enough for all texts and their list lengths.
const PREPARED: usize = 512;
/// `cache_size` of the writer: 16 MiB (negative means KiB). A batch touches hundreds of pages; a smaller
/// cache rereads or rewrites them.
const CACHE_SIZE: &str = "-16384";
/// The first SQLite without the race that can lose commits to a file shared by two connections.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);

/// The pool of readers of a register, and the options of its writer.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// SQLite.
    Sqlite { readers: SqlitePool, writer: SqliteConnectOptions, wal: Wal, file: RegisterFile },
    /// PostgreSQL.
    Postgres { readers: PgPool, writer: PgConnectOptions },
}

impl Engine {
    /// Opens the register, creating or migrating it as needed.
    pub(super) async fn open(address: &Address, clock: &Clock) -> Result<Self, Error> {
        match address {
            Address::Sqlite(path) => Self::open_sqlite(path, clock).await,
            Address::Postgres(url) => Self::open_postgres(url, clock.now()).await,
        }
    }

    async fn open_sqlite(path: &Path, clock: &Clock) -> Result<Self, Error> {
        // The writer waits for the lock itself (its `busy_timeout` is zero), in steps short enough to find a
        // gap between the batches of another process.
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
        // If the file is removed later, no empty one is created in its place.
        let writer = writer.busy_timeout(Duration::ZERO).create_if_missing(false);
        // Statements that change many rows use temporary storage, which would otherwise be a file.
        let writer = writer.pragma("cache_size", CACHE_SIZE).pragma("temp_store", "MEMORY");
        Ok(Self::Sqlite { readers, writer, wal: Wal::of(path), file: RegisterFile::of(path)? })
    }

    /// Opens the register in a read-only file, as it is: creates no file beside it. Nobody may write it
    /// meanwhile.
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
        // Set per session, so that these connections keep it if the server's setting changes later.
        let writer = writer.options([("synchronous_commit", synchronous_commit)]);
        // Migrating a large register takes long, and so does waiting for another node that migrates it.
        first.execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
        sqlx::migrate!("migrations/postgres").run(&mut first).await?;
        let mut first = Connection::postgres(Box::new(first));
        head::begin(&mut first, now).await?;
        labels::refold(&mut first).await?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS + MOST_AT_ONCE)
            .acquire_timeout(CONNECT_TIMEOUT)
            // A request cancelled during `BEGIN` leaves its connection in a transaction.
            .after_release(|connection, _| {
                Box::pin(async move {
                    let ended = within(CONNECT_TIMEOUT, connection.execute("ROLLBACK")).await;
                    Ok(ended.is_ok())
                })
            })
            .connect_lazy_with(writer.clone());
        Ok(Self::Postgres { readers, writer })
    }

    /// Fails if the file has been removed or replaced.
    pub(super) fn check_place(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite { file, .. } => file.check_place(),
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// A new connection for writing.
    pub(super) async fn writer(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Connection::sqlite(Box::new(writer.connect().await?)),
            Self::Postgres { writer, .. } => {
                Connection::postgres(Box::new(within(CONNECT_TIMEOUT, writer.connect()).await?))
            }
        })
    }

    /// A connection for reading, in a transaction with a consistent snapshot.
    ///
    /// Boxed: the pool's acquire future is 29 kB and would be moved with every request.
    pub(super) async fn reader(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { readers, wal, .. } => {
                // The lease begins only now: waiting for a connection is not reading.
                let connection = Connection::sqlite(Box::pin(readers.begin()).await?);
                connection.with_lease(wal.lease())
            }
            Self::Postgres { readers, .. } => {
                let begin = Box::pin(readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
                Connection::postgres(within(CONNECT_TIMEOUT * 2, begin).await?)
            }
        })
    }

    /// A connection outside a transaction: each statement sees its own snapshot.
    pub(super) async fn autocommit_reader(&self) -> Result<Connection, Error> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Connection::sqlite(Box::pin(readers.acquire()).await?),
            Self::Postgres { readers, .. } => {
                Connection::postgres(within(CONNECT_TIMEOUT, Box::pin(readers.acquire())).await?)
            }
        })
    }

    /// Begins a write transaction and reads the head row. SQLite: `BEGIN IMMEDIATE`, as a read transaction
    /// cannot upgrade after another write. PostgreSQL: waits for the lock on the head row.
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

    /// Makes an update of the head notify other nodes, on PostgreSQL.
    pub(super) fn with_notify(&self, head: Statement) -> Statement {
        match self {
            Self::Sqlite { .. } => head,
            Self::Postgres { .. } => super::listener::with_notify(head),
        }
    }

    /// Truncates SQLite's WAL if needed.
    pub(super) async fn shorten_wal(&self, connection: &mut Connection) -> Result<(), Error> {
        match self {
            Self::Sqlite { wal, .. } => wal.shorten_wal(connection).await,
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// Copies SQLite's WAL into the file, if nobody else reads it. SQLite does so when the last connection
    /// closes, but not if that is read-only, nor at the end of the process.
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

    /// Closes every connection for reading.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer, wal, .. } => {
                readers.close().await;
                // The last connection to close removes the WAL, unless it is read-only. A WAL in use by
                // another process stays; failing to remove it does no harm.
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

/// The pool of connections for reading a file.
fn sqlite_readers(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS + MOST_AT_ONCE)
        .acquire_timeout(BUSY_TIMEOUT)
        // A local file does not disconnect.
        .test_before_acquire(false)
        .connect_lazy_with(options.read_only(true))
}

/// Creates or migrates the schema. Switching a new file to WAL needs exclusive access; concurrent openers get
/// BUSY at once whatever their timeout, so this retries.
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
    // Copies the WAL of a killed process into the file. A failure is harmless: the WAL is durable, too.
    let _ = first.execute(CHECKPOINT_WAL).await;
    let mut first = Connection::sqlite(Box::new(first));
    head::begin(&mut first, now).await?;
    labels::refold(&mut first).await
}

/// The migrations of SQLite.
pub(super) fn sqlite_migrations() -> Migrator {
    sqlx::migrate!("migrations/sqlite")
}

/// Brings the schema up to date. SQLite migrations take no lock, and several processes may open a new
/// register at once, so this takes it; an up-to-date schema needs none.
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

/// Rejects a server that is read-only or not durable, and returns its `synchronous_commit`.
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
    // SQL_ASCII does not validate text, and counts bytes instead of characters.
    if encoding != "UTF8" {
        return Err(Error::Unfit(format!(
            "names are in any language, and the database is in {encoding}: make one in UTF8"
        )));
    }
    Ok(synchronous_commit)
}
