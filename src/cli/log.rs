//! The log, written to standard error and filtered by `RUST_LOG`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::Error;
use crate::config::LogFormat;

/// The filter if `RUST_LOG` is not set. `sqlx` would log unknown parameters of the database address, which
/// may be secrets.
const DEFAULT: &str = "info,sqlx=warn,sqlx_postgres::options=error";

/// Starts the log.
pub(super) fn start(format: LogFormat) -> Result<(), Error> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(DEFAULT))
        .map_err(|cause| Error::Usage(format!("RUST_LOG: {cause}")))?;
    // Errors of writing the log are ignored: reporting them on standard error would fail, too, and panic.
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
