//! Opening: which engine an address names, with the settings that make a commit durable.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool, SqliteConnection, SqlitePool};

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

/// The options that the address of a server may have after a question mark, and `options[NAME]`.
const OPTIONS: [&str; 18] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// Where the register lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file of our own.
    Sqlite(PathBuf),
    /// A database that nodes share.
    Postgres(String),
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // SQLite leaves out a slash at the end, and would make a file where a folder is named.
            let names_file = !path.is_empty() && !path.ends_with('/') && !path.contains('?');
            if !names_file || path.starts_with(":memory:") {
                return Err(Error::Address(format!(
                    "`{text}` must name a file, as in `sqlite:greenlight.db`"
                )));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            check_url(text)?;
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(Error::Address("must be `sqlite:FILE` or `postgres://USER@HOST/DATABASE`".to_owned()))
    }
}

/// Refuses an address of a server that cannot be used as it is. An option that is not known is not repeated: where a
/// password has a question mark in it, it is part of that.
fn check_url(url: &str) -> Result<(), Error> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').filter(|pair| !pair.is_empty());
    let names = names.map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    if !names.into_iter().all(|name| OPTIONS.contains(&name) || name.starts_with("options[")) {
        return Err(Error::Address(format!(
            "the address has an option that is not known; known are {}",
            OPTIONS.join(", ")
        )));
    }
    match PgConnectOptions::from_str(url) {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Configuration(cause)) => {
            Err(Error::Address(format!("the address of the server cannot be used: {cause}")))
        }
        Err(error) => Err(error.into()),
    }
}

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
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS + MOST_AT_ONCE)
            .acquire_timeout(BUSY_TIMEOUT)
            // A file of our own does not hang up.
            .test_before_acquire(false)
            .connect_lazy_with(writer.clone().read_only(true).create_if_missing(false));
        // A file that has gone is not made again, empty, behind the back of those who read it.
        let writer = writer.busy_timeout(Duration::ZERO).create_if_missing(false);
        // A statement with many rows keeps aside what it changes: else in a file, once that is more than a little.
        let writer = writer.pragma("cache_size", CACHED).pragma("temp_store", "MEMORY");
        Ok(Self::Sqlite { readers, writer, wal: Wal::of(path), file: RegisterFile::of(path)? })
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
        check_postgres(&mut first).await?;
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
            Self::Sqlite { readers, .. } => readers.close().await,
            Self::Postgres { readers, .. } => readers.close().await,
        }
    }
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

/// Brings the schema up to date. On SQLite migrations take no lock of their own, and several processes may
/// open a register at once that is not there yet; one that is up to date is not kept waiting for the lock.
async fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<(), Error> {
    let migrations = sqlx::migrate!("migrations/sqlite");
    let last = migrations.iter().map(|migration| migration.version).max();
    let applied =
        sqlx::query_as("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut *connection).await;
    // The table of migrations is missing before the first one.
    let (applied,): (Option<i64>,) = applied.unwrap_or_default();
    if applied == last {
        migrations.run(connection).await?;
        return Ok(());
    }
    let mut locked = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrations.run(&mut *locked).await?;
    locked.commit().await?;
    Ok(())
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

async fn check_postgres(connection: &mut sqlx::PgConnection) -> Result<(), Error> {
    let off: Vec<(String,)> = sqlx::query_as(
        "SELECT name::TEXT FROM pg_settings
         WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'",
    )
    .fetch_all(&mut *connection)
    .await?;
    if !off.is_empty() {
        let names: Vec<String> = off.into_iter().map(|(name,)| name).collect();
        let names = names.join(", ");
        return Err(Error::Unfit(format!(
            "an acknowledged write could be lost: turn on {names} in PostgreSQL"
        )));
    }
    let (encoding,): (String,) =
        sqlx::query_as("SELECT current_setting('server_encoding')").fetch_one(connection).await?;
    // One that takes bytes as they come keeps what it is given.
    if ["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        return Ok(());
    }
    Err(Error::Unfit(format!(
        "names are in any language, and the database is in {encoding}: make one in UTF8"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file_or_a_server() {
        assert_eq!("sqlite:a.db".parse::<Address>().unwrap(), Address::Sqlite("a.db".into()));
        assert_eq!("sqlite:///var/a.db".parse::<Address>().unwrap(), Address::Sqlite("/var/a.db".into()));
        assert!(matches!("postgres://h/d".parse::<Address>().unwrap(), Address::Postgres(_)));
        for bad in
            ["", "a.db", "sqlite:", "sqlite::memory:", "sqlite:a.db/", "sqlite:a.db?mode=ro", "mysql://h/d"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_a_server_is_refused_before_anybody_connects() {
        let good =
            "postgres://u@h/d?sslmode=disable&options=-c%20a=b&options[c]=d&statement-cache-capacity=9";
        for good in ["postgres://h/d", "postgresql://h:5433/d?", good] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("postgres://h:99999/d", "invalid port number"),
            ("postgres://h/d?port=99999", "cannot be used"),
            ("postgres://h/d?sslmode=perhaps", "cannot be used"),
            ("postgres://h/d?sslmode=disable&tls=secret", "not known; known are host, hostaddr,"),
            ("postgres://u:se?cret@h/d", "not known; known are host, hostaddr,"),
        ] {
            let told = bad.parse::<Address>().unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("cret"), "{bad}: {told}");
        }
    }
}
