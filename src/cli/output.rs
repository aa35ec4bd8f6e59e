//! Output: results to standard output, everything else to standard error with passwords removed.

use std::fmt::Display;
use std::io::Write as _;

use super::Error;
use crate::config::redacted;

/// Writes a line of the result.
pub(super) fn result(line: impl Display) -> Result<(), Error> {
    written(std::io::stdout().lock(), line, "standard output")
}

fn written(mut out: impl std::io::Write, text: impl Display, name: &str) -> Result<(), Error> {
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|cause| Error::of(name, cause))
}

/// Writes a message to standard error in one line; write errors are ignored.
pub(super) fn tell(line: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{}", escaped(&redacted(&line.to_string()))));
}

/// Like [`tell`], for text of several lines.
pub(super) fn tell_lines(text: impl Display) {
    text.to_string().split('\n').for_each(tell);
}

/// Writes text to standard error unchanged, and reports write errors.
pub(super) fn shown(text: impl Display) -> Result<(), Error> {
    written(std::io::stderr().lock(), text, "standard error")
}

/// Escapes what a terminal would interpret: part of the text may come from others.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
