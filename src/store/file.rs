//! Checks on the file of a register: that it holds one, and is still in place.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::Error;
use super::wal;

/// The number of tables that every register has had from the first version on.
const OURS: i64 = 4;

/// The options that open a file by path, whatever its name. Without a folder SQLite would take `file:a.db`
/// for a URI, and `:memory:` for an in-memory database.
pub(super) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(Path::new(".").join(file))
}

/// Rejects a file with several hard links: SQLite keeps a WAL for each name, and whoever opens one name
/// misses what is in the WAL of another.
///
/// # Errors
///
/// [`Error::Address`] if it has several.
pub fn check_single_name(file: &Path) -> Result<(), Error> {
    if std::fs::metadata(file).is_ok_and(|there| there.is_file() && there.nlink() > 1) {
        return Err(Error::Address(format!(
            "{}: the file has more than one name, and under each of them a log of its own that the others lack; \
             remove the names that are not needed",
            file.display()
        )));
    }
    Ok(())
}

/// Whether a file holds a register. Only reads it, and creates no file beside it.
///
/// # Errors
///
/// [`Error::Database`] if SQLite cannot read it.
pub async fn holds_register(file: &Path) -> Result<bool, Error> {
    let (_, ours) = tables(file).await?;
    Ok(ours == OURS)
}

/// Rejects a file that holds something else, without changing it.
pub(super) async fn leave_foreign(file: &Path) -> Result<(), Error> {
    if std::fs::metadata(file).map_or(0, |there| there.len()) == 0 {
        return Ok(());
    }
    match tables(file).await {
        Ok((all, ours)) if all > 0 && ours < OURS => {
            Err(Error::Address(format!("`{}` holds something else than a register", file.display())))
        }
        // An unreadable file fails when it is opened.
        _ => Ok(()),
    }
}

/// The number of tables in a file, and how many of them are tables of a register.
async fn tables(file: &Path) -> Result<(i64, i64), Error> {
    // An existing WAL must be read, too: the whole register may still be in it.
    let whole = !wal::beside(file).exists();
    let mut connection = options(file).read_only(true).immutable(whole).connect().await?;
    let counted = sqlx::query_as(
        "SELECT count(*), COALESCE(sum(name IN ('_sqlx_migrations', 'head', 'revision', 'change')), 0)
         FROM sqlite_schema WHERE type = 'table'",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(counted)
}

/// The opened file, with its identity, since the path may come to name another.
#[derive(Clone, Debug)]
pub(super) struct RegisterFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl RegisterFile {
    /// The file at a path.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let there = std::fs::metadata(path);
        let there = there.map_err(|cause| Error::File { path: path.display().to_string(), cause })?;
        Ok(Self { path: path.to_owned(), identity: identity(&there) })
    }

    /// Fails if the file has been removed or replaced: writes would go to a file that no path leads to.
    pub(super) fn check_place(&self) -> Result<(), Error> {
        let there = std::fs::metadata(&self.path).map(|there| identity(&there));
        if there.is_ok_and(|there| there == self.identity) {
            return Ok(());
        }
        Err(Error::Misplaced(self.path.display().to_string()))
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
