//! Results go to standard output, everything else to standard error, with passwords struck out.

use std::fmt::Display;
use std::io::Write as _;

use super::Error;
use crate::config::redacted;

/// Writes a line of the result.
pub(super) fn result(line: impl Display) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|cause| Error::of("standard output", cause))
}

/// Tells the person at the terminal something. If nobody listens, nobody is told.
pub(super) fn tell(line: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{}", redacted(&line.to_string())));
}
