//! Importing lines: all or nothing, or what can be taken of them.

use super::things::{Effect, Precondition, Written};
use super::{Error, put, transitions};
use crate::domain::actor::Actor;
use crate::domain::fault::PlacedFault;
use crate::store::Write;
use crate::wire::json::Unreadable;
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
}

impl Outcome {
    fn add(&mut self, written: &Written) {
        match written.effect {
            Effect::Created => self.created += 1,
            Effect::Updated => self.updated += 1,
            Effect::Unchanged => self.unchanged += 1,
        }
    }

    /// Notes a line that was not taken.
    pub fn refuse(&mut self, line: usize, cause: Cause) {
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
        let room = MOST_REPORTED.saturating_sub(self.bad.len());
        self.bad.extend(other.bad.into_iter().take(room));
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
        Unreadable::Syntax(detail) => Cause::Syntax(detail),
        Unreadable::Faults(faults) => Cause::Faults(faults.0),
    })
}

/// Puts the things of some lines on record, each on its own: what cannot be taken is left out and told.
///
/// # Errors
///
/// [`Error::Store`] if the register fails; nothing of the lines is kept then.
pub async fn apply(write: &mut Write, actor: &Actor, lines: Vec<(usize, Line)>) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for (number, line) in lines {
        match one(write, actor, line).await {
            Ok(written) => outcome.add(&written),
            Err(Error::Store(error)) => return Err(error.into()),
            Err(Error::Invalid(faults)) => outcome.refuse(number, Cause::Faults(faults.0)),
            Err(error) => outcome.refuse(number, Cause::Error(error)),
        }
    }
    Ok(outcome)
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
    }
}
