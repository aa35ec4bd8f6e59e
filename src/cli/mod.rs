//! The command line, one file per command. Standard output carries results only.

mod backup;
mod error;
mod export;
mod health;
mod import;
mod key;
mod limits;
mod log;
mod openapi;
mod output;
mod sample;
mod serve;
mod verify;

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::app::{Address, BoxFuture, Error as AppError, Register, StoreError, Write};
use crate::clock::Clock;
use crate::config::{Config, check_arguments, check_environment};
use error::Error;

/// The exit code of a command that failed.
const FAILED: u8 = 1;
/// The mode of created files: for their owner only.
const PRIVATE: u32 = 0o600;
/// The exit code of a command that was used wrongly.
const BAD_USAGE: u8 = 2;

/// The system of record for which company may buy which AI chip, and why not.
///
/// Every option can be set in the environment, too. Exit codes: 0 done, 1 failed, 2 bad usage.
#[derive(Parser)]
#[command(name = "greenlight", version)]
struct Arguments {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the register.
    Serve(serve::Serve),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Put lines of NDJSON on record.
    ///
    /// One thing a line, as `export` writes them, what is referred to first. A line takes the place of the whole thing
    /// with its id, whatever version that has: what it leaves out is cleared. What is there already, unchanged, makes no
    /// change. Of a transition on record only `retracted` can change, of a movement nothing. Fields that the service
    /// sets, such as the `stage` of an approval, are refused. To see first what would come of it, post the lines to
    /// `/v1/imports?dry_run=true` of a service.
    ///
    /// Movements are not held against limits here: this is how a register is restored, and what was accepted once is
    /// not judged again.
    Import(import::Import),
    /// Write the register as NDJSON, parents first.
    Export(export::Export),
    /// Copy the register to a file, and check the copy.
    Backup(backup::Backup),
    /// Check that nothing on record was altered.
    ///
    /// The chain of revisions covers what was put on record, by whom, when and why, and everything that follows from it is
    /// held against it. Keys, kept replies and the receipts of determinations are no part of the chain: of them only the
    /// file is checked. Who can write the file can also make another chain; so keep the digest that is printed somewhere
    /// else, and compare it later with the digest of that revision.
    Verify(verify::Verify),
    /// Print the OpenAPI document.
    Openapi,
    /// Ask a service whether it is alive.
    #[command(hide = true)]
    Health(health::Health),
}

/// Runs the command given by the process's arguments.
pub async fn run() -> ExitCode {
    let outcome = match (faults(), Arguments::try_parse()) {
        (_, Err(asked)) if !asked.use_stderr() => {
            output::result(asked.render().to_string().trim_end()).map(|()| ExitCode::SUCCESS)
        }
        (faults, Err(wrong)) if faults.is_empty() || !is_about_a_value(wrong.kind()) => {
            output::tell_lines(wrong.render().to_string().trim_end());
            for fault in faults {
                output::tell(format_args!("error: {fault}"));
            }
            Ok(ExitCode::from(BAD_USAGE))
        }
        (faults, Ok(arguments)) if faults.is_empty() => execute(arguments).await.map(|()| ExitCode::SUCCESS),
        (faults, _) => Err(Error::Usage(faults.join("\nerror: "))),
    };
    outcome.unwrap_or_else(|error| {
        output::tell_lines(format_args!("error: {error}"));
        ExitCode::from(error.exit_code())
    })
}

/// All faults of environment variables and option values.
fn faults() -> Vec<String> {
    let variables = check_environment(std::env::vars_os());
    let arguments = check_arguments(std::env::args_os().skip(1));
    [variables, arguments].into_iter().filter_map(Result::err).flatten().collect()
}

/// Whether clap's error is about an option's value, which [`faults`] reports too.
fn is_about_a_value(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue)
}

async fn execute(arguments: Arguments) -> Result<(), Error> {
    let Arguments { config, command } = arguments;
    log::start(config.log_format)?;
    match command {
        Command::Serve(serve) => serve.run(&config).await,
        Command::Key(key) => key.run(&config).await,
        Command::Import(import) => import.run(&config).await,
        Command::Export(export) => export.run(&config).await,
        Command::Backup(backup) => backup.run(&config).await,
        Command::Verify(verify) => verify.run(&config).await,
        Command::Openapi => openapi::run(),
        Command::Health(health) => health.run(),
    }
}

/// Opens a file for writing; creates it, for its owner only, if it is missing.
fn made(file: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(PRIVATE).open(file)
}

/// Creates a file if it is missing; an existing one need only be readable. SQLite would not name the file it
/// cannot open, and takes some names for those of other files.
fn made_or_read(file: &Path) -> std::io::Result<()> {
    let Err(cause) = made(file) else { return Ok(()) };
    let readable = File::open(file).and_then(|there| there.metadata()).is_ok_and(|there| there.is_file());
    if readable { Ok(()) } else { Err(cause) }
}

/// Opens the configured register.
async fn open(config: &Config) -> Result<Register, Error> {
    let address = config.address().map_err(Error::Usage)?;
    if let Address::Sqlite(file) = &address {
        // SQLite gives the files it creates beside this one the same permissions.
        made_or_read(file).map_err(|cause| Error::of(file.display(), cause))?;
    }
    let opened = Register::open(address.clone(), Clock::system()).await;
    opened.map_err(|error| match (error, address) {
        // SQLite does not name the file it could not open.
        (error @ StoreError::Database(_), Address::Sqlite(file)) => Error::of(file.display(), error),
        (error, _) => error.into(),
    })
}

/// Opens the configured register for a command that only reads. Reports when it creates one, as the name may
/// be mistyped.
async fn open_to_read(config: &Config) -> Result<Register, Error> {
    let address = config.address().map_err(Error::Usage)?;
    let missing = match &address {
        Address::Sqlite(file) if std::fs::exists(file).is_ok_and(|there| !there) => Some(file),
        _ => None,
    };
    let register = open(config).await?;
    if let Some(file) = missing {
        let file = file.display();
        tracing::warn!("{file} was not there: an empty register was made of that name");
    }
    Ok(register)
}

/// Opens the configured register, runs an action on it, and closes it whatever the result.
async fn with_register<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Register) -> Result<T, Error>,
) -> Result<T, Error> {
    with(open(config).await?, work).await
}

/// Like [`with_register`], for an open register.
async fn with<T>(
    register: Register,
    work: impl AsyncFnOnce(&Register) -> Result<T, Error>,
) -> Result<T, Error> {
    let outcome = work(&register).await;
    register.store().close().await;
    outcome
}

/// Runs a use case in the writer's queue. An error of the store fails the whole write.
async fn write<T, F>(register: &Register, command: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, AppError>> + Send + 'static,
{
    let outcome = register
        .write(|write| {
            Box::pin(async move {
                match command(write).await {
                    Err(AppError::Store(error)) => Err(error),
                    outcome => Ok::<_, StoreError>(outcome),
                }
            })
        })
        .await?;
    Ok(outcome?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;
    use clap::CommandFactory as _;

    /// The options of a command and its subcommands: the command, the flag, the variable, the default.
    fn options(command: &clap::Command, path: &str) -> Vec<[String; 4]> {
        let own = command
            .get_arguments()
            .filter(|option| option.get_long().is_some_and(|long| long != "help" && long != "version"));
        let text = |text: Option<&std::ffi::OsStr>| {
            text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
        };
        let mut options: Vec<[String; 4]> = own
            .map(|option| {
                let flag = option.get_long().unwrap_or_default().to_owned();
                let default = option.get_default_values().first().map(clap::builder::OsStr::as_os_str);
                let default = text(default.filter(|_| option.get_action().takes_values()));
                [path.to_owned(), flag, text(option.get_env()), default]
            })
            .collect();
        for inner in command.get_subcommands() {
            let path = format!("{path} {}", inner.get_name());
            options.extend(self::options(inner, path.trim_start()));
        }
        options
    }

    #[test]
    fn every_option_is_in_the_table_of_settings_and_the_other_way_round() {
        Arguments::command().debug_assert();
        let mut taken = options(&Arguments::command(), "");
        let mut listed: Vec<[String; 4]> = SETTINGS
            .iter()
            .map(|setting| {
                let default = if setting.default == "false" { "" } else { setting.default };
                [setting.command, setting.flag, setting.env, default].map(str::to_owned)
            })
            .collect();
        taken.sort();
        listed.sort();
        assert_eq!(taken, listed);
    }
}
