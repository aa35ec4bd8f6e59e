//! `greenlight backup`: a copy of the register, checked before it has its name.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::verify::{check, open_file};
use super::{Error, open_to_read, output, with};
use crate::app::{Register, StoreError};
use crate::config::Config;

#[derive(Args)]
pub(super) struct Backup {
    /// The file to make; it must not exist.
    file: PathBuf,
}

impl Backup {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        with(open_to_read(config).await?, async |register| self.copy(register).await).await
    }

    async fn copy(&self, register: &Register) -> Result<(), Error> {
        let failed = |cause| Error::of(self.file.display(), cause);
        if fs::exists(&self.file).map_err(failed)? {
            return Err(Error::of(self.file.display(), "is there already"));
        }
        let part = beside(&self.file, ".part");
        match register.store().backup(&part).await {
            Ok(()) => {}
            Err(StoreError::File { cause, .. }) if cause.kind() == ErrorKind::AlreadyExists => {
                let why = "another backup is under way, or was broken off and can be removed";
                return Err(Error::of(part.display(), why));
            }
            // Nothing was made.
            Err(error @ StoreError::Address(_)) => return Err(error.into()),
            Err(error) => {
                discard(&part);
                return Err(error.into());
            }
        }
        let summary = checked(&part).await.inspect_err(|_| discard(&part))?;
        settle(&part, &self.file).map_err(failed)?;
        output::result(summary)
    }
}

/// Removes a copy that is not to be kept, with what SQLite may have put beside it.
fn discard(part: &Path) {
    for ending in ["", "-journal", "-wal", "-shm"] {
        // The failure before is what counts; there may be nothing to remove.
        drop(fs::remove_file(beside(part, ending)));
    }
}

/// Opens a copy and checks it as a register. It is one file afterwards, as it was before.
async fn checked(copy: &Path) -> Result<String, Error> {
    let register = open_file(copy).await?;
    let summary = check(&register).await;
    register.store().close().await;
    let log = beside(copy, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(Error::of(log.display(), "something was written to the copy while it was checked"));
    }
    for ending in ["-wal", "-shm"] {
        // What is empty need not be there.
        drop(fs::remove_file(beside(copy, ending)));
    }
    summary
}

/// Gives a checked copy its name, for good.
pub(super) fn settle(part: &Path, file: &Path) -> std::io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The path of a file that belongs to another one.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
