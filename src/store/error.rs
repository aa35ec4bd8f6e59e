//! Errors of the store.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;

use crate::clock::Clock;

/// The retry interval while another process holds the lock.
const RETRY: Duration = Duration::from_millis(2);

/// A failure of the store. None is the caller's mistake, except [`Error::Future`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused, failed or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Schema(MigrateError),
    /// The schema is newer than this program.
    #[error(
        "the register belongs to a newer Greenlight: its schema is at migration {0}, which this one does not know"
    )]
    Newer(i64),
    /// A stored value is malformed or inconsistent. Retrying does not help.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// What is damaged.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The address is invalid, or unsuitable for the operation.
    #[error("{0}")]
    Address(String),
    /// The database is unsuitable: for example not durable, or of an older version.
    #[error("{0}")]
    Unfit(String),
    /// The system gives out no random bytes.
    #[error("no randomness to be had: {0}")]
    Random(getrandom::Error),
    /// The connection was lost, with the statements in progress.
    #[error("the connection was lost")]
    Lost,
    /// A file could not be used.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        cause: std::io::Error,
    },
    /// The file that was opened has been removed or replaced.
    #[error("`{0}` is not the file that was opened: put that back, or start again with what is there now")]
    Misplaced(String),
    /// A read asked for a revision or time after the newest one.
    #[error("the newest revision is {newest}")]
    Future {
        /// The newest revision.
        newest: i64,
    },
    /// Another process has held the write lock for too long.
    #[error("another process is writing to the register")]
    Busy,
    /// A read was ended so that the WAL could be truncated.
    #[error("the read took too long while much was written")]
    Ended,
    /// The database has not answered within the timeout.
    #[error("the database does not answer")]
    Silent,
    /// The statement shared with other reads failed.
    #[error("a statement that was shared failed: {0}")]
    Shared(Arc<Error>),
    /// The batch could not begin; none of its commands ran.
    #[error("the write could not begin: {0}")]
    NotBegun(String),
    /// The batch failed; its writes may or may not have been committed.
    #[error("the write was interrupted: {0}")]
    Interrupted(String),
    /// The writer has ended, and took no more commands: the process is stopping.
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
    /// An [`Error::Damaged`] with its subject and cause.
    pub fn damaged(what: impl Display, why: impl Display) -> Self {
        Self::Damaged { what: what.to_string(), why: why.to_string() }
    }

    /// Whether only the current command fails: the transaction is still usable.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Unfit(_) | Self::Random(_) | Self::Future { .. })
    }

    /// Whether it is certain that a write was never begun.
    #[must_use]
    pub fn is_before_any_change(&self) -> bool {
        matches!(self, Self::Busy | Self::NotBegun(_) | Self::Closed)
    }

    /// Whether the database cannot be reached, so that an immediate retry is pointless.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Silent | Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            Self::Shared(error) => error.is_outage(),
            _ => false,
        }
    }

    /// [`Error::Busy`] if another process holds the lock, else the error itself.
    pub(super) fn or_busy(self) -> Self {
        if self.is_busy() { Self::Busy } else { self }
    }

    /// The error that the commands of a batch get if it fails like this before the first of them runs.
    pub(super) fn before_the_batch(self) -> Self {
        if matches!(self, Self::Busy) { self } else { Self::NotBegun(self.to_string()) }
    }

    /// Pauses before a retry if another process holds the lock and `limit` has not elapsed; else returns the
    /// error.
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

    /// Whether another process holds the lock (SQLite or PostgreSQL error code).
    fn is_busy(&self) -> bool {
        let Self::Database(sqlx::Error::Database(cause)) = self else { return false };
        cause.code().is_some_and(|code| matches!(code.as_ref(), "5" | "261" | "517" | "55P03"))
    }
}

/// Waits for a database with a timeout: a server that was cut off closes no connection.
pub(super) async fn within<T, E: Into<Error>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    let answered = tokio::time::timeout(limit, answer).await;
    answered.map_err(|_elapsed| Error::Silent)?.map_err(Into::into)
}
