//! Backups of a SQLite register: one consistent copy, on stable storage, marked as a copy.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _};

use super::Store;
use super::engine::Engine;
use super::error::Error;
use super::file;

impl Store {
    /// Copies the register to a file that is empty or does not exist yet. Kept replies are included: a client
    /// that repeats a request to the copy must not have it carried out again.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] on PostgreSQL, [`Error::File`] if the file is not empty or cannot be written, or
    /// [`Error::Database`].
    pub async fn backup(&self, target: &Path) -> Result<(), Error> {
        let Engine::Sqlite { readers, .. } = &*self.engine else {
            return Err(Error::Address("a register on PostgreSQL is backed up with pg_dump".to_owned()));
        };
        let place = Path::new(".").join(target);
        let name =
            place.to_str().ok_or_else(|| Error::Address("the file's name must be UTF-8".to_owned()))?;
        let failed = |cause| Error::File { path: target.display().to_string(), cause };
        // Never overwrites a file. The copy is readable by its owner alone.
        let empty = File::options().write(true).create(true).truncate(false).mode(0o600).open(target);
        if empty.and_then(|empty| empty.metadata()).map_err(failed)?.len() > 0 {
            return Err(failed(ErrorKind::AlreadyExists.into()));
        }
        sqlx::query("VACUUM INTO $1").bind(name).execute(&mut *readers.acquire().await?).await?;
        let mut copy = file::options(target).connect().await?;
        sqlx::query("UPDATE head SET copied = 1 WHERE one = 1").execute(&mut copy).await?;
        copy.close().await?;
        // `VACUUM INTO` does not sync.
        File::open(target).and_then(|copy| copy.sync_all()).map_err(failed)?;
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}
