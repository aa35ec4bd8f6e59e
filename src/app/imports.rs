//! Imports lines, either all or none, or each on its own.

use super::movements::Limits;
use super::things::{Effect, Precondition, Written};
use super::{Error, Register, movements, put, transitions};
use crate::domain::actor::Actor;
use crate::domain::fault::PlacedFault;
use crate::store::{self, Maker, Write};
use crate::wire::json::{Syntax, Unreadable};
use crate::wire::lines::{self, Line};

/// Most lines of an all-or-nothing import.
pub const ATOMIC_LINES: usize = 10_000;
/// Lines per revision when each line is accepted on its own.
pub const LINES_A_REVISION: usize = 1000;
/// Most rejected lines that are reported.
pub const MOST_REPORTED: usize = 1000;

/// A rejected line and the reason.
#[derive(Debug)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// The reason.
    pub cause: Cause,
}

/// Why a line was rejected.
#[derive(Debug)]
pub enum Cause {
    /// It is not JSON.
    Syntax(String),
    /// It is not a valid thing.
    Faults(Vec<PlacedFault>),
    /// The rules or the records on file do not allow it.
    Error(Error),
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Things created.
    pub created: usize,
    /// Things updated.
    pub updated: usize,
    /// Things that were already as the line says.
    pub unchanged: usize,
    /// The rejected lines, at most [`MOST_REPORTED`].
    pub bad: Vec<BadLine>,
    /// How many lines were rejected.
    pub failed: usize,
    /// Whether there were more than [`ATOMIC_LINES`] lines, so that none was read.
    pub too_many: bool,
}

impl Outcome {
    fn add(&mut self, written: &Written) {
        match written.effect {
            Effect::Created => self.created += 1,
            Effect::Updated => self.updated += 1,
            Effect::Unchanged => self.unchanged += 1,
        }
    }

    /// Adds a rejected line; call in the order of the lines.
    fn refuse(&mut self, line: usize, cause: Cause) {
        self.failed += 1;
        if self.bad.len() < MOST_REPORTED {
            self.bad.push(BadLine { line, cause });
        }
    }

    /// Adds the outcome of another part of the same import.
    pub fn absorb(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.failed += other.failed;
        self.too_many |= other.too_many;
        self.bad.extend(other.bad);
        self.bad.sort_by_key(|bad| bad.line);
        self.bad.truncate(MOST_REPORTED);
    }
}

/// The lines of a text, numbered from 1, without the empty ones.
pub fn numbered(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
}

/// Parses a line.
///
/// # Errors
///
/// The [`Cause`] if it is not a valid thing.
pub fn read(line: &[u8]) -> Result<Line, Cause> {
    lines::read(line).map_err(|unreadable| match unreadable {
        Unreadable::Syntax(Syntax { what, column, .. }) => Cause::Syntax(format!(
            "a line must be one JSON object, such as `{{\"kind\": \"company\", \"id\": …}}`: {what} (column {column})"
        )),
        Unreadable::Faults(faults) => Cause::Faults(faults.0),
    })
}

/// Parsed lines: those to apply, and the outcome of those rejected so far.
pub type ReadLines = (Vec<(usize, Line)>, Outcome);

/// Parses lines before the write starts.
pub fn read_some<'t>(lines: impl Iterator<Item = (usize, &'t [u8])>) -> ReadLines {
    let mut refused = Outcome::default();
    let mut readable = Vec::new();
    for (number, line) in lines {
        match read(line) {
            Ok(line) => readable.push((number, line)),
            Err(cause) => refused.refuse(number, cause),
        }
    }
    (readable, refused)
}

/// Puts the things of lines on record, each on its own; rejected lines are reported in the outcome.
///
/// # Errors
///
/// [`store::Error`] if the register fails; no line is kept then.
pub async fn apply(
    write: &mut Write,
    actor: &Actor,
    lines: Vec<(usize, Line)>,
) -> Result<Outcome, store::Error> {
    let mut outcome = Outcome::default();
    for (number, line) in lines {
        match one(write, actor, line).await {
            Ok(written) => outcome.add(&written),
            Err(Error::Store(error)) => return Err(error),
            Err(Error::Invalid(faults)) => outcome.refuse(number, Cause::Faults(faults.0)),
            Err(error) => outcome.refuse(number, Cause::Error(error)),
        }
    }
    Ok(outcome)
}

/// Applies parsed lines and adds those rejected at parsing to the outcome.
///
/// # Errors
///
/// [`store::Error`] if the register fails; no line is kept then.
pub async fn take(
    write: &mut Write,
    actor: &Actor,
    (lines, refused): ReadLines,
) -> Result<Outcome, store::Error> {
    let mut outcome = apply(write, actor, lines).await?;
    outcome.absorb(refused);
    Ok(outcome)
}

/// Parses and applies lines in a revision of their own.
///
/// # Errors
///
/// [`store::Error`] if the register fails; no line is kept then.
pub async fn in_one_revision<'t>(
    register: &Register,
    (actor, maker): (Actor, Maker),
    lines: impl Iterator<Item = (usize, &'t [u8])>,
) -> Result<Outcome, store::Error> {
    let lines = read_some(lines);
    let applied = register.write(move |write| {
        Box::pin(async move {
            let outcome = take(write, &actor, lines).await?;
            write.record(&maker).await?;
            Ok(outcome)
        })
    });
    applied.await
}

async fn one(write: &mut Write, actor: &Actor, line: Line) -> Result<Written, Error> {
    let precondition = &Precondition::Import;
    match line {
        Line::Workflow(thing) => put(write, actor, thing, precondition).await,
        Line::Authority(thing) => put(write, actor, thing, precondition).await,
        Line::Company(thing) => put(write, actor, thing, precondition).await,
        Line::Chip(thing) => put(write, actor, thing, precondition).await,
        Line::Source(thing) => put(write, actor, thing, precondition).await,
        Line::Approval(thing) => put(write, actor, thing, precondition).await,
        Line::Transition(thing) => transitions::put(write, actor, thing, precondition).await,
        Line::Report(thing) => put(write, actor, thing, precondition).await,
        Line::Condition(thing) => put(write, actor, thing, precondition).await,
        Line::Movement(thing) => {
            movements::put(write, actor, thing, limits(actor)).await.map(|entered| entered.written)
        }
    }
}

/// Parses all lines of an all-or-nothing import before the write starts.
///
/// # Errors
///
/// The [`Outcome`] if a line is rejected. More than [`ATOMIC_LINES`] lines all fail, with
/// [`Outcome::too_many`] set.
pub fn read_all(text: &[u8]) -> Result<Vec<(usize, Line)>, Outcome> {
    let count = numbered(text).count();
    if count > ATOMIC_LINES {
        return Err(Outcome { failed: count, too_many: true, ..Outcome::default() });
    }
    let (lines, refused) = read_some(numbered(text));
    if refused.failed == 0 { Ok(lines) } else { Err(refused) }
}

/// Whether to check movements against limits. An admin's import restores an export, whose movements were
/// accepted before the present limits; anyone else's lines are checked.
fn limits(actor: &Actor) -> Limits {
    match actor.may_manage_keys() {
        Ok(()) => Limits::HeldBefore,
        Err(_) => Limits::Hold,
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_line_is_told_by_its_number() {
        let outcome = read_all(b"\n{}\r\n \n[]\n{").unwrap_err();
        let lines: Vec<usize> = outcome.bad.iter().map(|bad| bad.line).collect();
        assert_eq!((lines, outcome.failed, outcome.too_many), (vec![2, 4, 5], 3, false));
    }

    #[test]
    fn an_import_of_too_many_lines_is_not_looked_at() {
        let outcome = read_all("x\n".repeat(ATOMIC_LINES + 1).as_bytes()).unwrap_err();
        assert_eq!((outcome.bad.len(), outcome.failed, outcome.too_many), (0, ATOMIC_LINES + 1, true));
        let outcome = read_all("x\n".repeat(ATOMIC_LINES).as_bytes()).unwrap_err();
        assert_eq!((outcome.bad.len(), outcome.failed), (MOST_REPORTED, ATOMIC_LINES));
        assert!(!outcome.too_many);
    }
}
