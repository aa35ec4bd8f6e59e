//! The log: on standard error, as much as `RUST_LOG` asks for.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::Error;
use crate::config::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise.
/// An unknown parameter of the database's address may be a secret, and would be told.
const DEFAULT: &str = "info,sqlx=warn,sqlx_postgres::options=error";

/// Starts the log.
pub(super) fn start(format: LogFormat) -> Result<(), Error> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(DEFAULT))
        .map_err(|cause| Error::Usage(format!("RUST_LOG: {cause}")))?;
    // What cannot be logged is not told anybody: standard error is where it was to go, and telling it there fails, too,
    // which would end whoever has something to say.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|cause| Error::of("the log", cause))
}
