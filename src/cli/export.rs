//! `greenlight export`: the register as NDJSON.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::backup::{beside, settle};
use super::verify::{MARK, beginning};
use super::{Error, PRIVATE, open_to_read, output, with};
use crate::app::{Register, Wanted, exports, fresh_id};
use crate::config::Config;

/// The first bytes of a SQLite WAL file.
const LOG_MARK: [u8; 3] = [0x37, 0x7f, 0x06];

#[derive(Args)]
pub(super) struct Export {
    /// The file to write, or `-` for standard output.
    #[arg(default_value = "-")]
    file: PathBuf,
}

impl Export {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        with(open_to_read(config).await?, async |register| {
            if self.file == Path::new("-") {
                let mut out = io::stdout().lock();
                write_lines(register, &mut out, "standard output").await
            } else {
                self.to_file(register).await
            }
        })
        .await
    }

    /// Writes to a temporary file and renames it, so that no reader finds half an export. Anything but a
    /// regular file is written in place.
    async fn to_file(&self, register: &Register) -> Result<(), Error> {
        let failed = |cause| Error::of(self.file.display(), cause);
        let name = self.file.display().to_string();
        if fs::metadata(&self.file).is_ok_and(|there| !there.is_file()) {
            let mut out = File::options().write(true).open(&self.file).map_err(failed)?;
            return write_lines(register, &mut out, &name).await;
        }
        let target = resolved(&self.file).map_err(failed)?;
        if is_sqlite(&target) {
            return Err(Error::of(
                target.display(),
                "this is a register, or some other database, and not overwritten",
            ));
        }
        let part = beside(&target, &format!(".{}.part", fresh_id(register.now())));
        let fresh = File::options().write(true).create_new(true).mode(PRIVATE).open(&part);
        let mut out = fresh.map_err(failed)?;
        let written = write_lines(register, &mut out, &name).await;
        let settled = written.and_then(|()| {
            copy_permissions(&target, &out).and_then(|()| settle(&part, &target)).map_err(failed)
        });
        if settled.is_err() {
            // The failure is reported; the file may be gone already.
            drop(fs::remove_file(&part));
        }
        settled
    }
}

/// Whether a file is a SQLite database or WAL, which an export must not overwrite.
fn is_sqlite(file: &Path) -> bool {
    beginning(file).is_ok_and(|mark| mark == MARK || mark.starts_with(&LOG_MARK))
}

/// The path a name resolves to, whether the file exists or not.
fn resolved(name: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(name) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => match fs::read_link(name) {
            Ok(target) => resolved(&name.parent().unwrap_or(Path::new("")).join(target)),
            Err(_) => Ok(name.to_owned()),
        },
        outcome => outcome,
    }
}

/// Copies owner, group and permissions from the file to be replaced, if it exists.
fn copy_permissions(before: &Path, file: &File) -> io::Result<()> {
    let before = match fs::metadata(before) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
        outcome => outcome?,
    };
    // Changing the owner may need privileges; without them the owner stays.
    drop(fchown(file, Some(before.uid()), Some(before.gid())));
    file.set_permissions(before.permissions())
}

async fn write_lines(register: &Register, out: &mut impl Write, name: &str) -> Result<(), Error> {
    let mut read = register.read(Wanted::Newest).await?;
    let mut export = exports::Export::begin(register, &mut read).await?;
    drop(read);
    // The progress bar is shown on a terminal only.
    let progress = ProgressBar::new(export.remaining().try_into().unwrap_or(u64::MAX));
    let mut lines = 0;
    while let Some(text) = export.chunk().await? {
        out.write_all(text.as_bytes()).map_err(|cause| Error::of(name, cause))?;
        lines += text.lines().count();
        progress.inc(1);
    }
    out.flush().map_err(|cause| Error::of(name, cause))?;
    progress.finish_and_clear();
    output::tell(format_args!("exported {lines} lines at revision {}", export.revision()));
    Ok(())
}
