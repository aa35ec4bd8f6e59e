//! What can go wrong beneath the rules.

use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;

use crate::clock::Clock;
use crate::domain::fault::Faults;

/// How long to wait before something is tried again that another process was in the way of.
const RETRY: Duration = Duration::from_millis(2);

/// A failure of the store. Nothing here is the caller's mistake, except asking for a time to come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Schema(MigrateError),
    /// The schema has gone further than this program knows.
    #[error(
        "the register belongs to a newer Greenlight: its schema is at migration {0}, which this one does not know"
    )]
    Newer(i64),
    /// A stored document does not say what its table promises.
    #[error("{table} `{id}` at revision {since} is damaged: {faults}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The thing.
        id: String,
        /// The version.
        since: i64,
        /// What is wrong with it.
        faults: Faults,
    },
    /// The database's address is not one of those that can be used.
    #[error("{0}")]
    Address(String),
    /// The database does not keep the promises that are made on top of it.
    #[error("{0}")]
    Unfit(String),
    /// A file could not be used.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// A read asked for a revision or a time that has not come.
    #[error("the newest revision is {newest}")]
    Future {
        /// The newest revision.
        newest: i64,
    },
    /// Another process has had the register to itself for too long.
    #[error("another process is writing to the register")]
    Busy,
    /// A read was going on while so much was written that it had to make way.
    #[error("the read took too long while much was written")]
    Ended,
    /// The database has not answered for too long.
    #[error("the database does not answer")]
    Silent,
    /// The statement that asked for this and for more failed.
    #[error("a statement that was shared failed: {0}")]
    Shared(String),
    /// The batch that held the write failed, and may or may not have been kept.
    #[error("the write was interrupted: {0}")]
    Interrupted(String),
    /// The writer is gone: the process is stopping.
    #[error("the register is closing")]
    Closed,
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(migration) => Self::Newer(migration),
            error => Self::Schema(error),
        }
    }
}

impl Error {
    /// The failure itself, unless it is that another process holds the register.
    pub(super) fn or_busy(self) -> Self {
        if self.is_busy() { Self::Busy } else { self }
    }

    /// Waits until it may be worth trying again, if another process holds the register and it has not been tried
    /// for longer than a limit; else the failure is what came of it.
    pub(super) async fn await_turn(
        self,
        clock: &Clock,
        started: Instant,
        limit: Duration,
    ) -> Result<(), Self> {
        if !self.is_busy() || started.elapsed() > limit {
            return Err(self.or_busy());
        }
        clock.pause(RETRY).await;
        Ok(())
    }

    /// Whether the failure is another process holding the register.
    fn is_busy(&self) -> bool {
        let Self::Database(sqlx::Error::Database(cause)) = self else { return false };
        cause.code().is_some_and(|code| matches!(code.as_ref(), "5" | "261" | "517" | "55P03"))
    }
}

/// Waits for a database to answer, but not for ever: a server that was cut off closes no connection.
pub(super) async fn within<T, E: Into<Error>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    let answered = tokio::time::timeout(limit, answer).await;
    answered.map_err(|_elapsed| Error::Silent)?.map_err(Into::into)
}
