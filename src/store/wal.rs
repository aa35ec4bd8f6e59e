//! SQLite's log of what is written, kept short.
//!
//! SQLite copies what is in it to the file as it commits, once that is a thousand pages: less often would take less
//! time in all, and longer each time. The log begins again once everything in it has been copied and nobody reads
//! from it. One read that goes on for long is enough to prevent that, and so are many that overlap.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::Error;
use super::statement::{Connection, Statement};

/// Copies what is in the log to the file, as far as nobody reads what was there before, and waits for nobody.
pub(super) const CHECKPOINT_WAL: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// The same, and begins it again if nobody reads from it: as long as a connection waits for that.
pub(super) const TRUNCATE_WAL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// To this size SQLite cuts a log that it begins again by itself, in bytes: `journal_size_limit`. Writing over
/// what is there takes a flush less time than making the file longer.
pub(super) const KEPT_SIZE: &str = "16777216";
/// From this size on the log is to begin again, in bytes.
const TRUNCATE_FROM: u64 = 16 << 20;
/// After so many bytes more that is tried again: whoever writes has to wait for it.
const RETRY_AFTER: u64 = 8 << 20;
/// How long to wait for reads under way, in milliseconds; those that begin meanwhile read the file alone.
const WAIT_FOR_READERS: [&str; 2] = ["PRAGMA busy_timeout = 100", "PRAGMA busy_timeout = 0"];
/// From this size on the reads that keep it from that are ended, in bytes.
const END_READS_FROM: u64 = 48 << 20;
/// How long every read can take.
const LEAST_READ_TIME: Duration = Duration::from_secs(1);

/// Where the log of a register in a file is, if there is one.
pub(super) fn beside(register: &Path) -> PathBuf {
    let mut file = register.as_os_str().to_owned();
    file.push("-wal");
    file.into()
}

/// The log of one register, and the reads that may have to make way for it.
#[derive(Clone, Debug)]
pub(super) struct Wal {
    file: PathBuf,
    /// The size from which on it is to begin again.
    next: Arc<AtomicU64>,
    ended: watch::Sender<Option<Instant>>,
}

impl Wal {
    /// The log of the register in a file.
    pub(super) fn of(register: &Path) -> Self {
        Self {
            file: beside(register),
            next: Arc::new(AtomicU64::new(TRUNCATE_FROM)),
            ended: watch::Sender::default(),
        }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// What a read that begins at this moment is lent its connection for.
    pub(super) fn lease(&self) -> Lease {
        Lease { begun: Instant::now(), ended: self.ended.subscribe() }
    }

    /// Begins the log again if it has become long, once the reads under way are done. If it has become too
    /// long, those that have had their time are ended. A reader in another process cannot be.
    pub(super) async fn shorten_wal(&self, connection: &mut Connection) -> Result<(), Error> {
        // Without a log there is nothing to do.
        let size = std::fs::metadata(&self.file).map_or(0, |file| file.len());
        if size < TRUNCATE_FROM {
            self.next.store(TRUNCATE_FROM, Ordering::Relaxed);
        }
        if size < self.next.load(Ordering::Relaxed) {
            return Ok(());
        }
        let [patient, otherwise] = WAIT_FOR_READERS;
        connection.execute(Statement::new(patient)).await?;
        let truncated = connection.fetch_one::<(i64, i64, i64)>(Statement::new(TRUNCATE_WAL)).await;
        // The connection goes on being used, whatever came of it, and must not become patient.
        connection.execute(Statement::new(otherwise)).await?;
        let (busy, ..) = truncated?;
        self.next.store(if busy == 0 { TRUNCATE_FROM } else { size + RETRY_AFTER }, Ordering::Relaxed);
        if busy != 0 && size >= END_READS_FROM {
            tracing::debug!(size, "reads are ended for the log to begin again");
            self.ended.send_replace(Instant::now().checked_sub(LEAST_READ_TIME));
        }
        Ok(())
    }
}

/// The time for which a read may go on: as long as it keeps nobody from writing.
pub(super) struct Lease {
    begun: Instant,
    ended: watch::Receiver<Option<Instant>>,
}

impl Lease {
    /// Waits for work, but no longer than the lease lasts.
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
        // Inside a transaction that writes the log cannot begin again.
        connection.execute(Statement::new("BEGIN IMMEDIATE")).await.unwrap();
        connection.execute(Statement::new("CREATE TABLE a (b)")).await.unwrap();
        let wal = Wal::of(&folder.path().join("large.db"));
        std::fs::File::create(&wal.file).unwrap().set_len(TRUNCATE_FROM).unwrap();
        assert!(wal.shorten_wal(&mut connection).await.is_err());
        let patience = Statement::new("PRAGMA busy_timeout");
        assert_eq!(connection.fetch_one::<(i64,)>(patience).await.unwrap(), (0,));
    }
}
