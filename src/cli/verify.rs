//! `greenlight verify`: whether anything on record was altered.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Error, open_to_read, output};
use crate::app::{Address, Findings, Register, holds_register};
use crate::clock::Clock;
use crate::config::Config;
use crate::wire::values::hexadecimal;

/// What a SQLite file begins with.
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

/// As much of the beginning of a file as tells whether it is one of SQLite's.
pub(super) fn beginning(file: &Path) -> std::io::Result<[u8; MARK.len()]> {
    let mut mark = [0; MARK.len()];
    File::open(file)?.read_exact(&mut mark)?;
    Ok(mark)
}

/// Opens a file that is a register already: a file that is missing, empty or something else is not made one.
pub(super) async fn open_file(file: &Path) -> Result<Register, Error> {
    let mark = beginning(file).map_err(|cause| Error::of(file.display(), cause))?;
    // What has the mark may be somebody else's, and would be altered by opening it as a register.
    if mark != MARK || !holds_register(file).await? {
        return Err(Error::of(file.display(), "this is no register"));
    }
    Ok(Register::open(Address::Sqlite(file.to_owned()), Clock::system()).await?)
}

/// Checks a register: what was checked, or a failure once the faults have been told.
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
