//! The rules of the register told a second time, as plainly as they can be: every answer is worked out from scratch
//! on everything that was accepted. Of the crate it uses only the types of what is put on record.
//!
//! Here is what is accepted and what is refused; how questions are answered is in the modules beneath.

mod answers;
mod conditions;
mod limits;

use std::collections::{BTreeMap, BTreeSet};

use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::citation::Citation;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::id::{AuthorityId, StageId};
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::report::{Report, ReportStatus};
use greenlight::domain::source::Source;
use greenlight::domain::thing::{Kind, Thing, ThingRef};
use greenlight::domain::time::{Date, Moment};
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::{Activity, Workflow};

pub(crate) use answers::{Answer, Reason};
pub(crate) use limits::sums;

/// What a write did and what speaks against it all the same, or the kind of its refusal.
pub(crate) type Outcome = Result<(&'static str, BTreeSet<Reason>), String>;
type Shelf<T> = BTreeMap<String, T>;

/// Everything that was accepted.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) workflows: Shelf<Workflow>,
    pub(crate) authorities: Shelf<Authority>,
    pub(crate) companies: Shelf<Company>,
    pub(crate) chips: Shelf<Chip>,
    pub(crate) sources: Shelf<Source>,
    pub(crate) approvals: Shelf<Approval>,
    pub(crate) conditions: Shelf<Condition>,
    pub(crate) reports: Shelf<Report>,
    /// In the order of their acceptance, like the movements.
    pub(crate) transitions: Vec<Transition>,
    pub(crate) movements: Vec<Movement>,
    /// What is on record, and what it names.
    names: BTreeMap<ThingRef, Vec<ThingRef>>,
    retired: BTreeSet<ThingRef>,
    /// By how much every cap is taken too high: nothing, unless the model is to be wrong.
    pub(crate) slip: i128,
}

fn did(what: &'static str) -> (&'static str, BTreeSet<Reason>) {
    (what, BTreeSet::new())
}

impl World {
    fn check_names(&self, thing: &impl Thing) -> Result<(), String> {
        let all = thing.references().iter().all(|reference| self.names.contains_key(&reference.to));
        if all { Ok(()) } else { Err("dangling".to_owned()) }
    }

    fn note(&mut self, thing: &impl Thing) {
        self.names.insert(thing.thing_ref(), thing.references().into_iter().map(|named| named.to).collect());
    }

    pub(crate) fn put<T: Thing>(
        &mut self,
        place: fn(&mut Self) -> &mut Shelf<T>,
        thing: T,
        rule: fn(&Self, &T) -> Result<(), String>,
    ) -> Outcome {
        if self.retired.contains(&thing.thing_ref()) {
            return Err("retired".to_owned());
        }
        if place(self).get(thing.id()) == Some(&thing) {
            return Ok(did("unchanged"));
        }
        self.check_names(&thing)?;
        rule(self, &thing)?;
        self.note(&thing);
        let before = place(self).insert(thing.id().to_owned(), thing);
        Ok(did(if before.is_some() { "updated" } else { "created" }))
    }

    pub(crate) fn retire<T: Thing>(
        &mut self,
        place: fn(&mut Self) -> &mut Shelf<T>,
        thing: &ThingRef,
    ) -> Outcome {
        if !self.names.contains_key(thing) {
            return Err(if self.retired.contains(thing) { "retired" } else { "unknown" }.to_owned());
        }
        let mut by_others = self.names.iter().filter(|(by, _)| by.kind != Kind::Transition);
        if by_others.any(|(_, named)| named.contains(thing)) {
            return Err("in_use".to_owned());
        }
        place(self).remove(&thing.id);
        // The steps of a case leave with it.
        let (parts, kept) = self
            .transitions
            .drain(..)
            .partition(|step| thing.kind == Kind::Approval && step.approval.as_str() == thing.id);
        self.transitions = kept;
        let parts: Vec<Transition> = parts;
        for gone in parts.iter().map(Thing::thing_ref).chain([thing.clone()]) {
            self.names.remove(&gone);
            self.retired.insert(gone);
        }
        Ok(did("gone"))
    }

    /// No chain of cases that supersede each other is a ring, a case that movements draw on stays with its pair,
    /// and what happened to a case must be legal at the authority it moves to.
    pub(crate) fn may_be(&self, case: &Approval) -> Result<(), String> {
        let mut link = case.supersedes.as_ref();
        while let Some(earlier) = link {
            if *earlier == case.id {
                return Err("invalid".to_owned());
            }
            link = self.approvals.get(earlier.as_str()).and_then(|earlier| earlier.supersedes.as_ref());
        }
        let mut drawn = self.movements.iter().filter(|movement| movement.approval.as_ref() == Some(&case.id));
        if drawn.any(|movement| (&movement.company, &movement.chip) != (&case.company, &case.chip)) {
            return Err("in_use".to_owned());
        }
        let legal = is_legal(self.workflow(&case.authority), course(case, &self.transitions));
        if legal { Ok(()) } else { Err("illegal_move".to_owned()) }
    }

    /// What happened to its cases must be legal in an authority's workflow.
    pub(crate) fn may_decide(&self, authority: &Authority) -> Result<(), String> {
        let workflow = &self.workflows[authority.workflow.as_str()];
        let mut cases = self.approvals.values().filter(|case| case.authority == authority.id);
        let legal = cases.all(|case| is_legal(workflow, course(case, &self.transitions)));
        if legal { Ok(()) } else { Err("move_in_use".to_owned()) }
    }

    fn workflow(&self, authority: &AuthorityId) -> &Workflow {
        &self.workflows[self.authorities[authority.as_str()].workflow.as_str()]
    }

    /// Accepts a step of a case, or another state of its retraction.
    pub(crate) fn post(&mut self, step: &Transition) -> Outcome {
        let case = self.approvals.get(step.approval.as_str()).ok_or("dangling")?;
        if self.retired.contains(&step.thing_ref()) {
            return Err("retired".to_owned());
        }
        let place = self.transitions.iter().position(|other| other.id == step.id);
        let mut after = self.transitions.clone();
        match place.map(|place| &mut after[place]) {
            Some(before) if before == step => return Ok(did("unchanged")),
            Some(before) if Transition { retracted: step.retracted, ..before.clone() } != *step => {
                return Err("fixed".to_owned());
            }
            Some(before) => before.retracted = step.retracted,
            None => {
                self.check_names(step)?;
                after.push(step.clone());
            }
        }
        if !is_legal(self.workflow(&case.authority), course(case, &after)) {
            return Err("illegal_move".to_owned());
        }
        self.transitions = after;
        self.note(step);
        Ok(did(if place.is_some() { "updated" } else { "created" }))
    }

    /// Where a case stands on a day: the stage, since when, on whose word, and whether that is disputed.
    pub(crate) fn standing(&self, case: &Approval, day: Date) -> (&StageId, Option<Date>, &[Citation], bool) {
        let steps = course(case, &self.transitions);
        let last = steps.into_iter().rfind(|step| step.effective_on.date <= day);
        let stage = last.map_or(&self.workflow(&case.authority).initial, |step| &step.to);
        let since = last.map(|step| step.effective_on.date);
        let disputed = self.reports.values().any(|report| {
            let (about, on) = (&report.about, report.on.date);
            about.company.as_ref() == Some(&case.company)
                && about.chip.as_ref() == Some(&case.chip)
                && about.authority.as_ref() == Some(&case.authority)
                && report.status == ReportStatus::Open
                && report.stage.as_ref().is_some_and(|other| other != stage)
                && since.is_none_or(|since| since <= on)
                && on <= day
        });
        (stage, since, last.map_or(&[], |step| &step.citations), disputed)
    }

    /// Enters a movement, unless it breaks a limit and does not say why.
    pub(crate) fn enter(&mut self, movement: Movement, now: Moment) -> Outcome {
        let referred = |other: &&Movement| {
            other.external_ref.is_some()
                && (&other.external_ref, &other.company, other.kind)
                    == (&movement.external_ref, &movement.company, movement.kind)
        };
        let by_id = self.movements.iter().find(|other| other.id == movement.id).map(|known| (known, "fixed"));
        let by_ref = || self.movements.iter().find(referred).map(|known| (known, "external_ref_taken"));
        if let Some((known, refusal)) = by_id.or_else(by_ref) {
            let same = Movement { id: known.id.clone(), ..movement } == *known;
            return if same { Ok(did("unchanged")) } else { Err(refusal.to_owned()) };
        }
        self.check_names(&movement)?;
        let case = movement.approval.as_ref().map(|case| &self.approvals[case.as_str()]);
        if case.is_some_and(|case| (&case.company, &case.chip) != (&movement.company, &movement.chip)) {
            return Err("invalid".to_owned());
        }
        let mut warnings = BTreeSet::new();
        if let Some(activity) = match movement.kind {
            MovementKind::Order => Some(Activity::Order),
            MovementKind::Shipment => Some(Activity::Ship),
            _ => None,
        } {
            let day = movement.occurred_on;
            let answer = self.answer(&Question {
                company: movement.company.clone(),
                chip: movement.chip.clone(),
                activity,
                units: movement.units,
                destination: movement.destination,
                end_use: movement.end_use.clone(),
                end_user: movement.end_user.clone(),
                exporter: case.and_then(|case| case.exporter.clone()),
                valid_at: if day == now.date() { now } else { Moment::last_of(day) },
            })?;
            let over =
                answer.reasons.iter().any(|(code, effect, _)| (*code, *effect) == ("over_limit", "blocks"));
            if over && movement.overage_reason.is_none() {
                return Err(format!("over_limit {:?}", answer.headroom));
            }
            warnings = answer.reasons.into_iter().filter(|(_, effect, _)| *effect != "advises").collect();
        }
        self.note(&movement);
        self.movements.push(movement);
        Ok(("created", warnings))
    }
}

/// The steps of a case that were not taken back, by date; of one day, in the order of their acceptance.
fn course<'a>(case: &Approval, transitions: &'a [Transition]) -> Vec<&'a Transition> {
    let own = transitions.iter().filter(|step| step.approval == case.id && !step.retracted);
    let mut own: Vec<&Transition> = own.collect();
    own.sort_by_key(|step| step.effective_on.date);
    own
}

fn is_legal(workflow: &Workflow, course: Vec<&Transition>) -> bool {
    let mut at = &workflow.initial;
    course.into_iter().all(|step| {
        let from = std::mem::replace(&mut at, &step.to);
        workflow.moves.iter().any(|legal| legal.from == *from && legal.to == step.to)
    })
}
