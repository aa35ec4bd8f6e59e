//! What can go wrong beneath the rules.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::MigrateError;

use crate::clock::Clock;

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
    /// Something on record does not say what its table promises. To try again does not help.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// What it is.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database's address is not one of those that can be used for this.
    #[error("{0}")]
    Address(String),
    /// The database does not keep the promises that are made on top of it.
    #[error("{0}")]
    Unfit(String),
    /// The system gives out no random bytes.
    #[error("no randomness to be had: {0}")]
    Random(getrandom::Error),
    /// The connection was lost with what it was at work on.
    #[error("the connection was lost")]
    Lost,
    /// A file could not be used.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// The file that was opened is no longer where it was.
    #[error("`{0}` is not the file that was opened: put that back, or start again with what is there now")]
    Misplaced(String),
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
    Shared(Arc<Error>),
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
    /// That something on record is damaged, and how.
    pub fn damaged(what: impl Display, why: impl Display) -> Self {
        Self::Damaged { what: what.to_string(), why: why.to_string() }
    }

    /// Whether it is a matter of what a command asked for alone, and the connection is as good as before.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Unfit(_) | Self::Random(_) | Self::Future { .. })
    }

    /// Whether the database cannot be reached, so that whoever asks at once again learns nothing else.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Silent | Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            Self::Shared(error) => error.is_outage(),
            _ => false,
        }
    }

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
