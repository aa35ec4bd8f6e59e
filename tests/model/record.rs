//! What is on record, as the service accepted it, and what the two sides say. No rule is told here.

use std::collections::{BTreeMap, BTreeSet};

use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::condition::{Condition, Counting};
use greenlight::domain::id::{ApprovalId, ChipId};
use greenlight::domain::judgement::Question;
use greenlight::domain::jurisdiction::Jurisdiction;
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

/// A case, and if it is over, since when and how.
pub(crate) type Found<'r> = (&'r Approval, Option<Over>);

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

/// What is counted once so many units more are ordered or shipped.
pub(crate) type Count = Box<dyn Fn(i128) -> i128>;

/// A known limit: what is counted, weighed by chip, is at most the cap, or for a share, which has none, zero.
pub(crate) struct Limit {
    pub(crate) subject: String,
    pub(crate) cap: Option<i128>,
    pub(crate) counts: Vec<(i128, Count)>,
}

impl Limit {
    pub(crate) fn holds(&self, units: i128) -> bool {
        self.counted(units) <= self.cap.unwrap_or(0)
    }

    fn counted(&self, units: i128) -> i128 {
        self.counts.iter().map(|(weight, count)| weight * count(units)).sum()
    }

    /// Whether it does not hold with so many units, and they are part of why.
    pub(crate) fn is_broken_by(&self, units: i128) -> bool {
        !self.holds(units) && self.counted(units) > self.counted(0)
    }

    /// The greatest number of units from `least` on for which it holds; zero if for none, nothing if for all.
    pub(crate) fn most(&self, least: i128) -> Option<i128> {
        let most = greatest(least, |units| self.holds(units));
        (!self.holds(1 << 40)).then_some(if most == least { 0 } else { most })
    }
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

/// The movement that a question is about, if it is about one.
pub(crate) type Entry<'r> = Option<&'r Movement>;

/// The one case whose movements are meant, if not those of all.
pub(crate) type On<'r> = Option<&'r ApprovalId>;

/// What is counted, and whether only what is certain counts.
pub(crate) type By = (Counting, bool);

/// All that is shipped.
pub(crate) const SHIPPED: By = (Counting::Shipped, false);

/// Which movements are meant.
pub(crate) type Of<'f> = &'f dyn Fn(&Movement) -> bool;

/// The greatest number within reach, from `least` on, up to which something holds.
fn greatest(least: i128, holds: impl Fn(i128) -> bool) -> i128 {
    (0..40).rev().map(|bit| 1 << bit).fold(least, |most, by| if holds(most + by) { most + by } else { most })
}

impl Record {
    /// The jurisdiction of the company that a question is about.
    pub(crate) fn home(&self, asked: &Question) -> Jurisdiction {
        self.companies[asked.company.as_str()].jurisdiction
    }

    /// The chip that a question is about.
    pub(crate) fn chip(&self, asked: &Question) -> &Chip {
        &self.chips[asked.chip.as_str()]
    }

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
