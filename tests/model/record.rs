//! What is on record, as the service accepted it, and what the two sides say. No rule is told here.

use std::collections::{BTreeMap, BTreeSet};

use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::id::ChipId;
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::thing::{Kind, Thing, ThingRef};
use greenlight::domain::time::Date;
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::Workflow;

use crate::commands::Command;

type Shelf<T> = BTreeMap<String, T>;

/// A code, its effect, and the id it is about.
pub(crate) type Reason = (&'static str, &'static str, String);

/// Since when a case is over, and how.
pub(crate) type Over = (Option<Date>, &'static str);

/// What a write did and what speaks against it all the same, or the kind of its refusal.
pub(crate) type Outcome = Result<(&'static str, BTreeSet<Reason>), String>;

/// The answer to a question, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: &'static str,
    pub(crate) reasons: BTreeSet<Reason>,
    pub(crate) headroom: Option<i128>,
    /// Authorised, reserved, used, available.
    pub(crate) figures: (Option<i128>, i128, i128, Option<i128>),
}

/// Everything that was accepted and bears on an answer.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) workflows: Shelf<Workflow>,
    pub(crate) authorities: Shelf<Authority>,
    pub(crate) companies: Shelf<Company>,
    pub(crate) chips: Shelf<Chip>,
    pub(crate) approvals: Shelf<Approval>,
    pub(crate) conditions: Shelf<Condition>,
    /// In the order of their acceptance, like the movements.
    pub(crate) transitions: Vec<Transition>,
    pub(crate) movements: Vec<Movement>,
    /// By how much every cap is taken too high: nothing, unless the reference is to be wrong.
    pub(crate) slip: i128,
}

/// Which movements are meant.
pub(crate) type Of<'f> = &'f dyn Fn(&Movement) -> bool;

/// The greatest number within reach, from `least` on, up to which something holds.
pub(crate) fn greatest(least: i128, holds: impl Fn(i128) -> bool) -> i128 {
    (0..40).rev().map(|bit| 1 << bit).fold(least, |most, by| if holds(most + by) { most + by } else { most })
}

impl Record {
    /// The units of movements of a kind, of a company and a chip.
    pub(crate) fn sum(&self, asked: &Question, chip: &ChipId, kind: MovementKind, of: Of<'_>) -> i128 {
        let own = |it: &&Movement| (&it.company, &it.chip, it.kind) == (&asked.company, chip, kind) && of(it);
        self.movements.iter().filter(own).map(|it| i128::from(it.units.get())).sum()
    }

    /// The record once a command is accepted.
    pub(crate) fn accept(&mut self, command: Command) {
        match command {
            Command::Workflow(thing) => put(&mut self.workflows, thing),
            Command::Authority(thing) => put(&mut self.authorities, thing),
            Command::Company(thing) => put(&mut self.companies, thing),
            Command::Chip(thing) => put(&mut self.chips, thing),
            Command::Approval(thing) => put(&mut self.approvals, thing),
            Command::Condition(thing) => put(&mut self.conditions, thing),
            Command::Transition(step) => match self.transitions.iter_mut().find(|it| it.id == step.id) {
                Some(known) => *known = step,
                None => self.transitions.push(step),
            },
            Command::Movement(movement) => self.movements.push(movement),
            Command::Retire(thing) => self.retire(&thing),
            Command::Source(_)
            | Command::Report(_)
            | Command::Clock(_)
            | Command::Ask(_)
            | Command::AskAt(..)
            | Command::Look
            | Command::LookAt(..) => {}
        }
    }

    /// A case leaves with its steps.
    fn retire(&mut self, thing: &ThingRef) {
        let id = &thing.id;
        match thing.kind {
            Kind::Company => drop(self.companies.remove(id)),
            Kind::Authority => drop(self.authorities.remove(id)),
            Kind::Condition => drop(self.conditions.remove(id)),
            Kind::Approval => {
                self.approvals.remove(id);
                self.transitions.retain(|step| step.approval.as_str() != id);
            }
            _ => {}
        }
    }
}

fn put<T: Thing>(shelf: &mut Shelf<T>, thing: T) {
    shelf.insert(thing.id().to_owned(), thing);
}
