//! The file of a register: whether it is one, and whether it is still where it was.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::Error;
use super::wal;

/// Tables that every register has had from the first one on.
const OURS: i64 = 4;

/// The settings that open the file at a path, whatever its name is. Without a folder before it SQLite would take
/// `file:a.db` for a URI, and `:memory:` for no file.
pub(super) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(Path::new(".").join(file))
}

/// Refuses a file that has several names (hard links): under each of them SQLite keeps a log of its own, and who
/// opens the file by one name does not see what is in the log of another.
///
/// # Errors
///
/// [`Error::Address`] if it has.
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

/// Whether a file holds a register already. It is only read, and nothing is made beside it.
///
/// # Errors
///
/// [`Error::Database`] if SQLite cannot read it.
pub async fn holds_register(file: &Path) -> Result<bool, Error> {
    let (_, ours) = tables(file).await?;
    Ok(ours == OURS)
}

/// Refuses a file that holds something else, and leaves it as it is.
pub(super) async fn leave_foreign(file: &Path) -> Result<(), Error> {
    if std::fs::metadata(file).map_or(0, |there| there.len()) == 0 {
        return Ok(());
    }
    match tables(file).await {
        Ok((all, ours)) if all > 0 && ours < OURS => {
            Err(Error::Address(format!("`{}` holds something else than a register", file.display())))
        }
        // What cannot be read at this moment is met again by whoever opens it.
        _ => Ok(()),
    }
}

/// How many tables a file has, and how many of those that a register has.
async fn tables(file: &Path) -> Result<(i64, i64), Error> {
    // Where there is a log it must be read, too: all of a register may still be there.
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

/// The file that was opened, and which one it is: a name can be given to another.
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

    /// Refuses to go on if the file has been taken away or another put in its place: what would be written goes
    /// where nobody finds it again.
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
