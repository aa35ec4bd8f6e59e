//! `greenlight backup`: copies the register and checks the copy before it gets its final name.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::verify::{MARK, beginning, check, open_file};
use super::{Error, PRIVATE, open_to_read, output, with};
use crate::app::Register;
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
        let _reserved = reserve(&part)?;
        let copied = self.copy_to(register, &part).await;
        output::result(copied.inspect_err(|_| discard(&part))?)
    }

    /// Copies the register to a temporary name, checks the copy and renames it.
    async fn copy_to(&self, register: &Register, part: &Path) -> Result<String, Error> {
        register.store().backup(part).await?;
        let summary = checked(part).await?;
        settle(part, &self.file).map_err(|cause| Error::of(self.file.display(), cause))?;
        Ok(summary)
    }
}

/// Reserves the temporary name while the returned file is open. Overwrites what a killed backup left there,
/// and nothing else.
fn reserve(part: &Path) -> Result<File, Error> {
    let failed = |cause| Error::of(part.display(), cause);
    let made = File::options().create(true).truncate(false).write(true).mode(PRIVATE).open(part);
    let made = made.map_err(failed)?;
    match made.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::of(part.display(), "another backup is under way"));
        }
        Err(TryLockError::Error(cause)) => return Err(failed(cause)),
    }
    // Another backup may have renamed the file since it was opened, or the name may be a link.
    let place = fs::symlink_metadata(part).map_err(failed)?;
    let file = made.metadata().map_err(failed)?;
    let is_there = (place.dev(), place.ino()) == (file.dev(), file.ino());
    // SQLite may write the first page last.
    let mark = beginning(part).map_err(failed)?;
    if !is_there || (mark != MARK && mark != [0; MARK.len()]) {
        return Err(Error::of(part.display(), "is there already, and no backup has left it"));
    }
    discard_beside(part);
    made.set_len(0).map_err(failed)?;
    Ok(made)
}

/// Removes an unfinished copy and the files SQLite may have created beside it.
fn discard(part: &Path) {
    // The earlier failure is reported; there may be nothing to remove.
    drop(fs::remove_file(part));
    discard_beside(part);
}

/// Removes the files SQLite may have created beside a copy.
fn discard_beside(part: &Path) {
    for ending in ["-journal", "-wal", "-shm"] {
        drop(fs::remove_file(beside(part, ending)));
    }
}

/// Opens a copy and checks it as a register. Leaves a single file.
async fn checked(copy: &Path) -> Result<String, Error> {
    let register = open_file(copy).await?;
    let summary = check(&register).await;
    register.store().close().await;
    let log = beside(copy, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(Error::of(log.display(), "something was written to the copy while it was checked"));
    }
    for ending in ["-wal", "-shm"] {
        // Empty files are not needed.
        drop(fs::remove_file(beside(copy, ending)));
    }
    summary
}

/// Renames a checked copy to its final name, durably.
pub(super) fn settle(part: &Path, file: &Path) -> std::io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file's path with an ending appended.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
