//! Results go to standard output, everything else to standard error, with passwords struck out.

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

/// Tells the person at the terminal something, in one line. If nobody listens, nobody is told.
pub(super) fn tell(line: impl Display) {
    drop(writeln!(std::io::stderr().lock(), "{}", harmless(&redacted(&line.to_string()))));
}

/// The same in lines of our own.
pub(super) fn tell_lines(text: impl Display) {
    text.to_string().split('\n').for_each(tell);
}

/// Shows the person what is shown nowhere else, as it is.
pub(super) fn shown(text: impl Display) -> Result<(), Error> {
    written(std::io::stderr().lock(), text, "standard error")
}

/// A text that a terminal shows and does not heed: part of it may be somebody else's.
fn harmless(text: &str) -> String {
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
