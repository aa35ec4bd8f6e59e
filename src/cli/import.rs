//! `greenlight import`: puts lines of NDJSON on record, either all or none, or each on its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::{Error, output, with_register, write};
use crate::app::imports::{self, ATOMIC_LINES, BadLine, Cause, LINES_A_REVISION, Outcome};
use crate::app::{Error as AppError, Maker, Register, fresh_id};
use crate::config::{self, Config, IMPORT_MODE, IMPORT_REASON, Mode};
use crate::domain::actor::Actor;
use crate::domain::fault::PlacedFault;
use crate::domain::refusal::Refusal;
use crate::domain::text::Reason;

/// Refresh interval of the progress display.
const REFRESH_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(super) struct Import {
    /// The file to read, or `-` for standard input.
    file: PathBuf,
    #[arg(long = IMPORT_MODE.flag, env = IMPORT_MODE.env, default_value = IMPORT_MODE.default,
        help = IMPORT_MODE.meaning, hide_env_values = true, hide_possible_values = true)]
    mode: Mode,
    #[arg(long = IMPORT_REASON.flag, env = IMPORT_REASON.env, help = IMPORT_REASON.meaning,
        value_parser = config::reason, value_name = "TEXT", hide_env_values = true)]
    reason: Option<Reason>,
}

impl Import {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Error> {
        let input = self.input()?;
        let outcome = with_register(config, async |register| {
            let maker = maker(register, self.reason.clone())?;
            match self.mode {
                Mode::Atomic => self.at_once(register, maker, input).await,
                Mode::Partial => self.bit_by_bit(register, maker, input).await,
            }
        })
        .await?;
        tell(&outcome);
        output::result(summary(&outcome))?;
        self.verdict(&outcome)
    }

    fn input(&self) -> Result<Box<dyn BufRead>, Error> {
        if self.file == Path::new("-") {
            return Ok(Box::new(BufReader::new(io::stdin())));
        }
        let file = File::open(&self.file).map_err(|cause| self.unreadable(cause))?;
        Ok(Box::new(BufReader::new(file)))
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        Error::of(self.file.display(), cause)
    }

    async fn at_once(
        &self,
        register: &Register,
        maker: Maker,
        mut input: Box<dyn BufRead>,
    ) -> Result<Outcome, Error> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).map_err(|cause| self.unreadable(cause))?;
        // The spinner is shown on a terminal only.
        let progress = ProgressBar::new_spinner().with_message("importing");
        progress.enable_steady_tick(REFRESH_INTERVAL);
        let outcome = atomic(register, maker, &text).await;
        progress.finish_and_clear();
        outcome
    }

    async fn bit_by_bit(
        &self,
        register: &Register,
        maker: Maker,
        mut input: Box<dyn BufRead>,
    ) -> Result<Outcome, Error> {
        // The spinner is shown on a terminal only.
        let progress = ProgressBar::new_spinner();
        let (mut outcome, mut before) = (Outcome::default(), 0);
        loop {
            let mut text = Vec::new();
            let lines = some_lines(&mut input, &mut text).map_err(|cause| self.unreadable(cause))?;
            if lines == 0 {
                progress.finish_and_clear();
                return Ok(outcome);
            }
            let numbered = imports::numbered(&text).map(|(number, line)| (before + number, line));
            let by = (Actor::Operator, maker.clone());
            outcome.absorb(imports::in_one_revision(register, by, numbered).await?);
            before += lines;
            progress.set_message(format!("{before} lines"));
            progress.tick();
        }
    }

    fn verdict(&self, outcome: &Outcome) -> Result<(), Error> {
        if outcome.too_many {
            return Err(Error::Failed(format!(
                "there are {} lines, and one revision takes {ATOMIC_LINES}: nothing was imported; use --mode partial",
                outcome.failed
            )));
        }
        match (outcome.failed, self.mode) {
            (0, _) => Ok(()),
            (failed, Mode::Atomic) => {
                Err(Error::Failed(format!("{failed} lines cannot be taken: nothing was imported")))
            }
            (failed, Mode::Partial) => Err(Error::Failed(format!("{failed} lines were left out"))),
        }
    }
}

/// The maker of a revision, for the operator at the command line.
pub(super) fn maker(register: &Register, reason: Option<Reason>) -> Result<Maker, Error> {
    let actor = config::name(Actor::Operator.name()).map_err(Error::Failed)?;
    Ok(Maker { actor, reason, request_id: fresh_id(register.now()) })
}

/// Puts all lines on record in one revision, or none.
pub(super) async fn atomic(register: &Register, maker: Maker, text: &[u8]) -> Result<Outcome, Error> {
    let lines = match imports::read_all(text) {
        Ok(lines) => lines,
        Err(refused) => return Ok(refused),
    };
    write(register, move |write| {
        Box::pin(async move {
            let outcome = imports::apply(write, &Actor::Operator, lines).await?;
            if outcome.failed > 0 {
                write.undo().await?;
                return Ok(Outcome { created: 0, updated: 0, unchanged: 0, ..outcome });
            }
            write.record(&maker).await?;
            Ok(outcome)
        })
    })
    .await
}

/// Reads the lines of one revision and returns how many there were.
fn some_lines(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<usize> {
    let mut lines = 0;
    while lines < LINES_A_REVISION && input.read_until(b'\n', text)? > 0 {
        lines += 1;
    }
    Ok(lines)
}

/// Reports the outcome, bad lines first.
pub(super) fn tell(outcome: &Outcome) {
    for bad in &outcome.bad {
        for told in told(bad) {
            output::tell(format_args!("line {}: {told}", bad.line));
        }
    }
    let more = outcome.failed - outcome.bad.len();
    if more > 0 && !outcome.too_many {
        output::tell(format_args!("and {more} more lines"));
    }
    let Outcome { created, updated, unchanged, failed, .. } = outcome;
    output::tell(format_args!(
        "created {created}, updated {updated}, unchanged {unchanged}, failed {failed}"
    ));
}

/// The faults of a line, each with its pointer.
fn told(bad: &BadLine) -> Vec<String> {
    let placed = |faults: &[PlacedFault]| {
        let told = |placed: &PlacedFault| match placed.pointer.as_str() {
            "" => placed.fault.to_string(),
            pointer => format!("{pointer}: {}", placed.fault),
        };
        faults.iter().map(told).collect()
    };
    match &bad.cause {
        Cause::Syntax(detail) => vec![detail.clone()],
        Cause::Faults(faults) => placed(faults),
        Cause::Error(AppError::Refused(Refusal::Dangling(faults) | Refusal::Fixed(faults))) => {
            placed(&faults.0)
        }
        Cause::Error(error) => vec![error.to_string()],
    }
}

fn summary(outcome: &Outcome) -> serde_json::Value {
    json!({
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "failed": outcome.failed,
    })
}
