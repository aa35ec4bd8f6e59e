//! Importing lines: all or nothing, or what can be taken of them.

use super::movements::Limits;
use super::things::{Effect, Precondition, Written};
use super::{Error, Register, movements, put, transitions};
use crate::domain::actor::Actor;
use crate::domain::fault::PlacedFault;
use crate::store::{self, Maker, Write};
use crate::wire::json::{Syntax, Unreadable};
use crate::wire::lines::{self, Line};

/// The most lines of an import that is all or nothing.
pub const ATOMIC_LINES: usize = 10_000;
/// How many lines make a revision where each line stands for itself.
pub const LINES_A_REVISION: usize = 1000;
/// The most bad lines that are reported.
pub const MOST_REPORTED: usize = 1000;

/// A line that was not taken, and why.
#[derive(Debug)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub cause: Cause,
}

/// Why a line was not taken.
#[derive(Debug)]
pub enum Cause {
    /// It is no JSON.
    Syntax(String),
    /// It contradicts itself.
    Faults(Vec<PlacedFault>),
    /// What is on record does not allow it.
    Error(Error),
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Things put on record.
    pub created: usize,
    /// Things changed.
    pub updated: usize,
    /// Things that were as the line says already.
    pub unchanged: usize,
    /// Lines not taken.
    pub bad: Vec<BadLine>,
    /// How many lines were not taken.
    pub failed: usize,
    /// Whether there were more lines than one revision takes, so that none was looked at.
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

    /// Notes a line that was not taken; lines come in their order.
    fn refuse(&mut self, line: usize, cause: Cause) {
        self.failed += 1;
        if self.bad.len() < MOST_REPORTED {
            self.bad.push(BadLine { line, cause });
        }
    }

    /// Adds what another part of the same import did.
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

/// The lines of a text, numbered from 1; empty ones are passed over.
pub fn numbered(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
}

/// Reads a line.
///
/// # Errors
///
/// The [`Cause`] for which it is no thing.
pub fn read(line: &[u8]) -> Result<Line, Cause> {
    lines::read(line).map_err(|unreadable| match unreadable {
        Unreadable::Syntax(Syntax { what, column, .. }) => Cause::Syntax(format!(
            "a line must be one JSON object, such as `{{\"kind\": \"company\", \"id\": …}}`: {what} (column {column})"
        )),
        Unreadable::Faults(faults) => Cause::Faults(faults.0),
    })
}

/// Lines that were read: what can be applied, and what was refused already.
pub type ReadLines = (Vec<(usize, Line)>, Outcome);

/// Reads some lines, before anybody writes.
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

/// Puts the things of some lines on record, each on its own: what cannot be taken is left out and told.
///
/// # Errors
///
/// [`store::Error`] if the register fails; nothing of the lines is kept then.
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

/// Puts on record what can be taken of lines that were read.
///
/// # Errors
///
/// [`store::Error`] if the register fails; nothing of the lines is kept then.
pub async fn take(
    write: &mut Write,
    actor: &Actor,
    (lines, refused): ReadLines,
) -> Result<Outcome, store::Error> {
    let mut outcome = apply(write, actor, lines).await?;
    outcome.absorb(refused);
    Ok(outcome)
}

/// Puts on record what can be taken of some lines, in a revision of their own.
///
/// # Errors
///
/// [`store::Error`] if the register fails; nothing of the lines is kept then.
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
    let whatever = &Precondition::Import;
    match line {
        Line::Workflow(thing) => put(write, actor, thing, whatever).await,
        Line::Authority(thing) => put(write, actor, thing, whatever).await,
        Line::Company(thing) => put(write, actor, thing, whatever).await,
        Line::Chip(thing) => put(write, actor, thing, whatever).await,
        Line::Source(thing) => put(write, actor, thing, whatever).await,
        Line::Approval(thing) => put(write, actor, thing, whatever).await,
        Line::Transition(thing) => transitions::put(write, actor, thing, whatever).await,
        Line::Report(thing) => put(write, actor, thing, whatever).await,
        Line::Condition(thing) => put(write, actor, thing, whatever).await,
        Line::Movement(thing) => {
            movements::put(write, actor, thing, limits(actor)).await.map(|entered| entered.written)
        }
    }
}

/// Reads all lines of an import that is all or nothing, before anybody writes: all that can be applied, or
/// what was refused of them.
///
/// # Errors
///
/// The [`Outcome`] if a line is refused. More than [`ATOMIC_LINES`] lines have all failed, and
/// [`Outcome::too_many`] says so.
pub fn read_all(text: &[u8]) -> Result<Vec<(usize, Line)>, Outcome> {
    let count = numbered(text).count();
    if count > ATOMIC_LINES {
        return Err(Outcome { failed: count, too_many: true, ..Outcome::default() });
    }
    let (lines, refused) = read_some(numbered(text));
    if refused.failed == 0 { Ok(lines) } else { Err(refused) }
}

/// Putting back a register that was exported is the work of an admin: what was accepted once is not judged
/// again by limits that came later. Anybody else's lines are held against the limits in force.
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
