//! `greenlight verify`: checks whether anything on record was altered.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::backup::beside;
use super::{Error, open_to_read, output};
use crate::app::{Address, Findings, Register, StoreError, holds_register};
use crate::clock::Clock;
use crate::config::Config;
use crate::wire::values::hexadecimal;

/// The first bytes of a SQLite database.
pub(super) const MARK: [u8; 16] = *b"SQLite format 3\0";

#[derive(Args)]
pub(super) struct Verify {
    /// The file of a register, such as a backup; the register of `--database` if not given.
    file: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        let register = match &self.file {
            Some(file) => open_file(file).await?,
            None => open_to_read(config).await?,
        };
        let checked = check(&register).await;
        register.store().close().await;
        let summary = checked?;
        output::result(summary)
    }
}

/// The first bytes of a file, enough to recognise a SQLite database; zeros past its end.
pub(super) fn beginning(file: &Path) -> std::io::Result<[u8; MARK.len()]> {
    let mut read = Vec::new();
    File::open(file)?.take(MARK.len() as u64).read_to_end(&mut read)?;
    let mut mark = [0; MARK.len()];
    mark.iter_mut().zip(read).for_each(|(byte, read)| *byte = read);
    Ok(mark)
}

/// Opens the file of an existing register. Fails if it is missing, empty or something else.
pub(super) async fn open_file(file: &Path) -> Result<Register, Error> {
    let mark = beginning(file).map_err(|cause| Error::of(file.display(), cause))?;
    // It may be another program's database, which opening it as a register would alter.
    if mark != MARK || !holds_register(file).await? {
        return Err(Error::of(file.display(), "this is no register"));
    }
    let clock = Clock::system();
    // Reading a file with a WAL writes beside it. Without a WAL the file is complete, and if it is not
    // writable, no writer can interfere.
    let is_whole = || ["-wal", "-shm"].iter().all(|ending| !beside(file, ending).exists());
    if !is_whole() || File::options().write(true).open(file).is_ok() {
        match Register::open(Address::Sqlite(file.to_owned()), clock.clone()).await {
            // The directory is not writable.
            Err(StoreError::Database(_)) if is_whole() => {}
            opened => return Ok(opened?),
        }
    }
    Ok(Register::open_read_only(file, clock).await?)
}

/// Checks a register and returns a summary; reports its faults and fails if there are any.
pub(super) async fn check(register: &Register) -> Result<String, Error> {
    let Findings { revisions, versions, digest, faults } = register.store().verify().await?;
    let summary = format!("{revisions} revisions and {versions} versions checked, {} faults", faults.len());
    if faults.is_empty() {
        return Ok(format!("{summary}; revision {revisions} has digest {}", hexadecimal(&digest)));
    }
    for fault in &faults {
        output::tell(fault);
    }
    output::result(summary)?;
    Err(Error::Failed("the register is not what was recorded".to_owned()))
}
