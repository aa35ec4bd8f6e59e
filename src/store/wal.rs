//! Keeps SQLite's WAL short.
//!
//! SQLite checkpoints every 1,000 pages, but restarts the WAL only when no read uses it; one long read, or
//! overlapping short ones, prevent that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::Error;
use super::statement::{Connection, Statement};

/// Copies the WAL into the file as far as current reads allow, without waiting.
pub(super) const CHECKPOINT_WAL: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Copies all of the WAL and truncates it; waits for reads as long as the busy timeout.
pub(super) const TRUNCATE_WAL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// `journal_size_limit` in bytes: the size to which SQLite cuts a WAL that it restarts. Overwriting makes a
/// flush faster than extending the file.
pub(super) const KEPT_SIZE: &str = "16777216";
/// Truncate from this size, in bytes.
const TRUNCATE_FROM: u64 = 16 << 20;
/// Retry after this much growth, in bytes: writers wait meanwhile.
const RETRY_AFTER: u64 = 8 << 20;
/// The busy timeout in milliseconds while truncating, and after it. Reads that begin meanwhile use the file
/// alone.
const WAIT_FOR_READERS: [&str; 2] = ["PRAGMA busy_timeout = 100", "PRAGMA busy_timeout = 0"];
/// From this size, in bytes, reads that block truncation are ended.
const END_READS_FROM: u64 = 48 << 20;
/// The least time that every read is given.
const LEAST_READ_TIME: Duration = Duration::from_secs(1);

/// The path of the WAL of a register file.
pub(super) fn beside(register: &Path) -> PathBuf {
    let mut file = register.as_os_str().to_owned();
    file.push("-wal");
    file.into()
}

/// The WAL of one register, and the signal that ends reads.
#[derive(Clone, Debug)]
pub(super) struct Wal {
    file: PathBuf,
    /// The size from which it is to be truncated.
    next: Arc<AtomicU64>,
    ended: watch::Sender<Option<Instant>>,
}

impl Wal {
    /// The WAL of the register in a file.
    pub(super) fn of(register: &Path) -> Self {
        Self {
            file: beside(register),
            next: Arc::new(AtomicU64::new(TRUNCATE_FROM)),
            ended: watch::Sender::default(),
        }
    }

    /// Whether the WAL file exists.
    pub(super) fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// A lease for a read that begins now.
    pub(super) fn lease(&self) -> Lease {
        Lease { begun: Instant::now(), ended: self.ended.subscribe() }
    }

    /// Truncates the WAL if it is long. If that fails beyond `END_READS_FROM`, ends this process's reads
    /// older than `LEAST_READ_TIME`; those of other processes cannot be ended.
    pub(super) async fn shorten_wal(&self, connection: &mut Connection) -> Result<(), Error> {
        // A missing WAL has size 0.
        let size = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        if size < TRUNCATE_FROM {
            self.next.store(TRUNCATE_FROM, Ordering::Relaxed);
        }
        if size < self.next.load(Ordering::Relaxed) {
            return Ok(());
        }
        let [wait, reset] = WAIT_FOR_READERS;
        connection.execute(Statement::new(wait)).await?;
        let truncated = connection.fetch_one::<(i64, i64, i64)>(Statement::new(TRUNCATE_WAL)).await;
        // Reset the timeout also after an error: the connection is used further.
        connection.execute(Statement::new(reset)).await?;
        let (busy, ..) = truncated?;
        self.next.store(if busy == 0 { TRUNCATE_FROM } else { size + RETRY_AFTER }, Ordering::Relaxed);
        if busy != 0 && size >= END_READS_FROM {
            tracing::debug!(size, "reads are ended for the log to begin again");
            self.ended.send_replace(Instant::now().checked_sub(LEAST_READ_TIME));
        }
        Ok(())
    }
}

/// A read's right to its connection; ends when it blocks WAL truncation for too long.
pub(super) struct Lease {
    begun: Instant,
    ended: watch::Receiver<Option<Instant>>,
}

impl Lease {
    /// Runs `work`; [`Error::Ended`] if the lease ends first.
    pub(super) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Error> {
        let begun = self.begun;
        let over = self.ended.wait_for(|ended| ended.is_some_and(|ended| begun < ended));
        tokio::select! {
            biased;
            Ok(_) = over => Err(Error::Ended),
            done = work => Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

    use super::*;

    #[tokio::test]
    async fn a_log_that_does_not_begin_again_makes_no_connection_patient() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("register.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).busy_timeout(Duration::ZERO);
        let mut connection = Connection::sqlite(Box::new(options.connect().await.unwrap()));
        // The WAL cannot be truncated inside a write transaction.
        connection.execute(Statement::new("BEGIN IMMEDIATE")).await.unwrap();
        connection.execute(Statement::new("CREATE TABLE a (b)")).await.unwrap();
        let wal = Wal::of(&folder.path().join("large.db"));
        std::fs::File::create(&wal.file).unwrap().set_len(TRUNCATE_FROM).unwrap();
        assert!(wal.shorten_wal(&mut connection).await.is_err());
        let patience = Statement::new("PRAGMA busy_timeout");
        assert_eq!(connection.fetch_one::<(i64,)>(patience).await.unwrap(), (0,));
    }
}
