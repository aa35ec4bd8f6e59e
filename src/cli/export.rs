//! `greenlight export`: the register as NDJSON.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;

use super::backup::{beside, settle};
use super::{Error, output, with_register};
use crate::app::{Register, Wanted, exports};
use crate::config::Config;

#[derive(Args)]
pub(super) struct Export {
    /// The file to write, or `-` for standard output.
    #[arg(default_value = "-")]
    file: PathBuf,
}

impl Export {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        with_register(config, async |register| {
            if self.file == Path::new("-") {
                let mut out = io::stdout().lock();
                write_lines(register, &mut out, "standard output").await
            } else {
                self.to_file(register).await
            }
        })
        .await
    }

    /// Writes beside the file and then takes its place, so that nobody finds half an export there.
    async fn to_file(&self, register: &Register) -> Result<(), Error> {
        let failed = |cause| Error::of(self.file.display(), cause);
        let part = beside(&self.file, ".part");
        let mut out = File::create(&part).map_err(failed)?;
        let written = write_lines(register, &mut out, &self.file.display().to_string()).await;
        let settled = written.and_then(|()| settle(&part, &self.file).map_err(failed));
        if settled.is_err() {
            // The failure is what counts; what is left of the file may be gone already.
            drop(fs::remove_file(&part));
        }
        settled
    }
}

async fn write_lines(register: &Register, out: &mut impl Write, name: &str) -> Result<(), Error> {
    let mut read = register.read(Wanted::Newest).await?;
    let mut export = exports::Export::begin(register, &mut read).await?;
    drop(read);
    // It shows itself on a terminal only.
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
