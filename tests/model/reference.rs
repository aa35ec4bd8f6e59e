//! The rules of the register told a second time, as plainly as they can be: every answer is worked out from scratch
//! on everything that was accepted. Of the crate it uses only the types of what is put on record.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use greenlight::domain::approval::{Approval, Comparator, QuantityRole};
use greenlight::domain::authority::{Authority, Gate};
use greenlight::domain::chip::{Chip, Specification};
use greenlight::domain::citation::Citation;
use greenlight::domain::company::Company;
use greenlight::domain::condition::{
    Condition, ConditionStatus, Counting, ExclusionOf, Force, Metric, Period, ShareBasis, Terms,
};
use greenlight::domain::id::{AuthorityId, ChipId, CompanyId, StageId};
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::report::{Report, ReportStatus};
use greenlight::domain::source::Source;
use greenlight::domain::text::Name;
use greenlight::domain::thing::{Kind, Thing, ThingRef};
use greenlight::domain::time::{Date, Moment};
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::{Activity, Phase, Workflow};

/// A code, its effect, and the id it is about.
pub(crate) type Reason = (&'static str, &'static str, String);
/// What a write did and what speaks against it all the same, or the kind of its refusal.
pub(crate) type Outcome = Result<(&'static str, BTreeSet<Reason>), String>;
pub(crate) type Shelf<T> = BTreeMap<String, T>;

/// A limit that is known: what sets it, the number it is told by, if it is a cap, and whether it holds for some units.
struct Limit(ThingRef, Option<i128>, Box<dyn Fn(i128) -> bool>);

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

/// The answer to a question, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: &'static str,
    pub(crate) reasons: BTreeSet<Reason>,
    pub(crate) headroom: Option<i128>,
    /// Authorised, reserved, used, available.
    pub(crate) figures: (Option<i128>, i128, i128, Option<i128>),
}

enum Found {
    Met,
    Unmet(&'static str),
    Unknown(&'static str),
    Due,
    Apart,
    Limit(Limit),
}

fn did(what: &'static str) -> Outcome {
    Ok((what, BTreeSet::new()))
}

impl Limit {
    /// The greatest number from `least` on for which it holds: zero if it never does, nothing if it always does.
    fn most(&self, least: i128) -> Option<i128> {
        let (mut good, mut bad) = (least, 1_000_000_000_000);
        if self.2(bad) || !self.2(good) {
            return (!self.2(bad)).then_some(0);
        }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            *if self.2(middle) { &mut good } else { &mut bad } = middle;
        }
        Some(good)
    }
}

fn headroom(limits: &[Limit]) -> Option<i128> {
    let most = limits.iter().filter_map(|limit| limit.most(0)).min()?;
    Some(if limits.iter().all(|limit| limit.2(most)) { most } else { 0 })
}

fn part_of_year(period: Period, date: Date) -> (String, usize) {
    let date = date.to_string();
    let month: usize = date[5..7].parse().unwrap();
    let part = match period {
        Period::Month => month,
        Period::Quarter => month.div_ceil(3),
        Period::Year => 1,
    };
    (date[..4].to_owned(), part)
}

fn overlap(one: &Name, other: &Name) -> bool {
    let words = |name: &Name| -> BTreeSet<String> {
        name.as_str().to_lowercase().split([' ', '-', '_']).map(str::to_owned).collect()
    };
    words(one).is_subset(&words(other)) || words(other).is_subset(&words(one))
}

fn is_below(chip: &Specification, metric: Metric, below: i64) -> Option<bool> {
    match metric {
        Metric::Tpp => Some(chip.tpp?.thousandths() < below),
        Metric::MemoryBandwidth => Some(chip.memory_bandwidth_gb_s?.thousandths() < below),
        Metric::PerformanceDensity => {
            Some(chip.tpp?.thousandths() * 1000 < below * chip.die_area_mm2?.thousandths())
        }
    }
}

/// Ordered, cancelled, shipped, delivered, returned.
pub(crate) fn sums<'a>(movements: impl Iterator<Item = &'a Movement>) -> [i128; 5] {
    movements.fold([0; 5], |mut sums, movement| {
        sums[movement.kind as usize] += i128::from(movement.units.get());
        sums
    })
}

/// What a limit counts before anything is asked, and how many of the units asked it has counted already.
fn count(sums: [i128; 5], counting: Counting, activity: Activity) -> (i128, i128) {
    let [ordered, cancelled, shipped, delivered, returned] = sums;
    let (promised, gone) = ((ordered - cancelled - shipped).max(0), shipped - returned);
    let (drawn, ahead) = if activity == Activity::Ship { (promised, 0) } else { (0, promised) };
    match counting {
        Counting::Ordered => (ordered - cancelled, drawn),
        Counting::Shipped => (gone + ahead, 0),
        Counting::Delivered => (gone.max(delivered) + ahead, 0),
    }
}

fn beyond(units: i128, free: i128) -> i128 {
    if units < 0 { units } else { (units - free).max(0) }
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
        shelf: fn(&mut Self) -> &mut Shelf<T>,
        thing: T,
        rule: fn(&Self, &T) -> Result<(), String>,
    ) -> Outcome {
        if self.retired.contains(&thing.thing_ref()) {
            return Err("retired".to_owned());
        }
        if shelf(self).get(thing.id()) == Some(&thing) {
            return did("unchanged");
        }
        self.check_names(&thing)?;
        rule(self, &thing)?;
        self.note(&thing);
        let before = shelf(self).insert(thing.id().to_owned(), thing);
        did(if before.is_some() { "updated" } else { "created" })
    }

    pub(crate) fn retire<T: Thing>(
        &mut self,
        shelf: fn(&mut Self) -> &mut Shelf<T>,
        thing: &ThingRef,
    ) -> Outcome {
        if !self.names.contains_key(thing) {
            return Err(if self.retired.contains(thing) { "retired" } else { "unknown" }.to_owned());
        }
        let mut by_others = self.names.iter().filter(|(by, _)| by.kind != Kind::Transition);
        if by_others.any(|(_, named)| named.contains(thing)) {
            return Err("in_use".to_owned());
        }
        shelf(self).remove(&thing.id);
        // The steps of a case leave with it.
        let (kept, parts) = self
            .transitions
            .drain(..)
            .partition(|step| thing.kind != Kind::Approval || step.approval.as_str() != thing.id);
        let (_, parts): (_, Vec<Transition>) = (self.transitions = kept, parts);
        for gone in parts.iter().map(Thing::thing_ref).chain([thing.clone()]) {
            self.names.remove(&gone);
            self.retired.insert(gone);
        }
        did("gone")
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
    pub(crate) fn post(&mut self, step: Transition) -> Outcome {
        let case = self.approvals.get(step.approval.as_str()).ok_or("dangling")?;
        if self.retired.contains(&step.thing_ref()) {
            return Err("retired".to_owned());
        }
        let place = self.transitions.iter().position(|other| other.id == step.id);
        let mut after = self.transitions.clone();
        match place.map(|place| &mut after[place]) {
            Some(before) if *before == step => return did("unchanged"),
            Some(before) if Transition { retracted: step.retracted, ..before.clone() } != step => {
                return Err("fixed".to_owned());
            }
            Some(before) => before.retracted = step.retracted,
            None => {
                self.check_names(&step)?;
                after.push(step.clone());
            }
        }
        if !is_legal(self.workflow(&case.authority), course(case, &after)) {
            return Err("illegal_move".to_owned());
        }
        self.transitions = after;
        self.note(&step);
        did(if place.is_some() { "updated" } else { "created" })
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
            return if same { did("unchanged") } else { Err(refusal.to_owned()) };
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

    /// Whether a company may do with a chip what it wants to, and why not.
    pub(crate) fn answer(&self, question: &Question) -> Result<Answer, String> {
        let company = self.companies.get(question.company.as_str()).ok_or("dangling")?;
        let chip = self.chips.get(question.chip.as_str()).ok_or("dangling")?;
        if question.exporter.as_ref().is_some_and(|id| !self.companies.contains_key(id.as_str())) {
            return Err("dangling".to_owned());
        }
        let to = question.destination.unwrap_or(company.jurisdiction);
        let gates =
            [(Gate::Export, chip.origin), (Gate::Import, to)].into_iter().filter(|_| chip.origin != to);
        let gates: Vec<Vec<&AuthorityId>> = gates
            .map(|gate| {
                self.authorities.values().filter(move |a| (a.gate, a.jurisdiction) == gate).map(|a| &a.id)
            })
            .map(Iterator::collect)
            .collect();
        let asked = gates.concat();
        let mut reasons = Vec::new();
        let mut counting = Vec::new();
        for guards in &gates {
            self.pass(question, (guards, &asked), &mut reasons, &mut counting);
        }
        let (told, limits) = self.weigh(question, &asked, &counting, true);
        reasons.extend(told);
        let on_orders = Question { activity: Activity::Order, ..question.clone() };
        let on_orders = self.weigh(&on_orders, &asked, &counting, true).1;
        let tightest = on_orders
            .iter()
            .filter_map(|limit| Some((limit.most(-1_000_000_000_000)?, &limit.0, limit.1)))
            .min();
        let [ordered, cancelled, shipped, _, returned] = sums(self.moved(&company.id, &chip.id));
        let (reserved, used) = ((ordered - cancelled - shipped).max(0), shipped - returned);
        let authorised = tightest.map(|(left, _, cap)| cap.unwrap_or(left + reserved + used));
        let worst = |effect| reasons.iter().any(|reason| reason.1 == effect);
        Ok(Answer {
            verdict: if worst("blocks") {
                "no"
            } else if worst("leaves_open") {
                "unknown"
            } else {
                "yes"
            },
            headroom: headroom(&limits),
            figures: (authorised, reserved, used, tightest.map(|(left, ..)| left)),
            reasons: reasons.into_iter().collect(),
        })
    }

    /// Adds what a gate says, and the cases that count there.
    fn pass<'a>(
        &'a self,
        question: &Question,
        (guards, asked): (&[&AuthorityId], &[&AuthorityId]),
        reasons: &mut Vec<Reason>,
        counting: &mut Vec<&'a Approval>,
    ) {
        if guards.is_empty() {
            return reasons.push(("no_authority", "leaves_open", String::new()));
        }
        let (at, day) = (question.valid_at, question.valid_at.date());
        let expired = |case: &Approval| case.valid_until.is_some_and(|until| until <= at);
        let ended = |case: &Approval| self.phase(case, day) == Phase::Ended;
        let (closed, open): (Vec<&Approval>, Vec<&Approval>) = self
            .approvals
            .values()
            .filter(|case| (&case.company, &case.chip) == (&question.company, &question.chip))
            .filter(|case| guards.contains(&&case.authority))
            .filter(|case| !self.approvals.values().any(|other| other.supersedes.as_ref() == Some(&case.id)))
            .partition(|case| expired(case) || ended(case));
        // The case that was over last blocks; if there is none, nothing is known.
        let over = |closed: Vec<&&Approval>, subject: &str| {
            let since = |case: &Approval| {
                if ended(case) { self.standing(case, day).1 } else { case.valid_until.map(Moment::date) }
            };
            match closed.into_iter().max_by_key(|case| (since(case), &case.id)) {
                Some(case) if ended(case) => ("approval_ended", "blocks", case.id.to_string()),
                Some(case) => ("approval_expired", "blocks", case.id.to_string()),
                None => ("no_record", "leaves_open", subject.to_owned()),
            }
        };
        let named = question.exporter.as_ref();
        if open.is_empty() {
            let ours = |case: &&&Approval| {
                named.is_none() || case.exporter.is_none() || case.exporter.as_ref() == named
            };
            return reasons.push(over(closed.iter().filter(ours).collect(), ""));
        }
        for guard in guards {
            let here = open.iter().copied().filter(|case| case.authority == **guard);
            let (of_some, of_any): (Vec<&Approval>, Vec<&Approval>) =
                here.partition(|case| case.exporter.is_some());
            counting.extend(of_any);
            let of = |exporter: Option<&CompanyId>| -> Vec<&Approval> {
                of_some.iter().copied().filter(|case| case.exporter.as_ref() == exporter).collect()
            };
            if of_some.is_empty() {
                continue;
            }
            if let Some(exporter) = named {
                if of(named).is_empty() {
                    let own =
                        |case: &&&Approval| case.authority == **guard && case.exporter.as_ref() == named;
                    reasons.push(over(closed.iter().filter(own).collect(), exporter.as_str()));
                }
                counting.extend(of(named));
                continue;
            }
            let best = of_some.iter().map(|case| case.exporter.as_ref()).min_by_key(|exporter| {
                let (told, limits) = self.weigh(question, asked, &of(*exporter), false);
                let number = |effect| told.iter().filter(|reason| reason.1 == effect).count();
                let room = headroom(&limits).unwrap_or(i128::MAX);
                (number("blocks"), number("leaves_open"), Reverse(room), *exporter)
            });
            counting.extend(of(best.flatten()));
        }
    }

    /// What cases and the conditions on them say, and the limits they set; with `all`, every other condition, too.
    fn weigh(
        &self,
        question: &Question,
        asked: &[&AuthorityId],
        cases: &[&Approval],
        all: bool,
    ) -> (Vec<Reason>, Vec<Limit>) {
        let (mut told, mut limits) = (Vec::new(), Vec::new());
        let (at, units) = (question.valid_at, i128::from(question.units.get()));
        for case in cases {
            self.stand(question, case, &mut told);
            let authorised = case.quantities.iter().filter(|it| it.role == QuantityRole::Authorised);
            for quantity in authorised.filter(|_| question.activity != Activity::Prepare) {
                let most = match quantity.comparator {
                    Comparator::Exact | Comparator::UpTo => quantity.units.get(),
                    Comparator::LessThan => quantity.units.get() - 1,
                    _ => continue,
                };
                let own = self.moved(&case.company, &case.chip);
                let own = own.filter(|it| it.approval.as_ref().is_none_or(|approval| *approval == case.id));
                let limit =
                    self.cap(*case, most.into(), count(sums(own), Counting::Shipped, question.activity));
                if !limit.2(units) {
                    told.push(("over_limit", "blocks", case.id.to_string()));
                }
                limits.push(limit);
            }
        }
        for condition in self.conditions.values() {
            let scope = &condition.scope;
            let governs = scope.company.as_ref().is_none_or(|company| *company == question.company)
                && scope.chip.as_ref().is_none_or(|chip| *chip == question.chip)
                && scope.authority.as_ref().is_none_or(|authority| asked.contains(&authority))
                && scope.approval.as_ref().map_or(all, |id| cases.iter().any(|case| case.id == *id));
            let in_force = condition.status == ConditionStatus::InForce
                && condition.in_force_from.is_none_or(|from| from <= at)
                && condition.in_force_until.is_none_or(|until| at < until);
            if !governs || !in_force {
                continue;
            }
            let mut found = self.found(question, condition);
            if let Found::Limit(limit) = found {
                found = if limit.2(units) { Found::Met } else { Found::Unmet("over_limit") };
                if condition.force == Force::Required {
                    limits.push(limit);
                }
            }
            let (code, unmet) = match found {
                Found::Met | Found::Apart | Found::Limit(_) => continue,
                Found::Due => {
                    told.push(("payment_due", "advises", condition.id.to_string()));
                    continue;
                }
                Found::Unmet(code) => (code, true),
                Found::Unknown(code) => (code, false),
            };
            let effect = match condition.force {
                Force::Encouraged => "advises",
                Force::Required if unmet => "blocks",
                Force::Required | Force::MayBeRequired => "leaves_open",
            };
            told.push((code, effect, condition.id.to_string()));
        }
        (told, limits)
    }

    /// What an open case says by where it stands.
    fn stand(&self, question: &Question, case: &Approval, told: &mut Vec<Reason>) {
        let (stage, _, evidence, disputed) = self.standing(case, question.valid_at.date());
        let stages = &self.workflow(&case.authority).stages;
        let permits = stages.iter().any(|it| it.id == *stage && it.permits.contains(&question.activity));
        let early = case.valid_from.is_some_and(|from| question.valid_at < from);
        let stale = permits && self.is_stale(evidence, question.valid_at);
        for (holds, code, effect) in [
            (early, "not_yet_valid", "blocks"),
            (!permits, "stage_does_not_permit", "blocks"),
            (stale, "source_stale", "leaves_open"),
            (disputed, "disputed", "advises"),
        ] {
            told.extend(holds.then(|| (code, effect, case.id.to_string())));
        }
    }

    fn phase(&self, case: &Approval, day: Date) -> Phase {
        let stage = self.standing(case, day).0;
        self.workflow(&case.authority).stages.iter().find(|it| it.id == *stage).unwrap().phase
    }

    /// Whether there is evidence, all of it from sources past their limit.
    fn is_stale(&self, evidence: &[Citation], at: Moment) -> bool {
        let stale =
            |citation: &Citation| citation.source().is_some_and(|id| self.sources[id.as_str()].is_stale(at));
        !evidence.is_empty() && evidence.iter().all(stale)
    }

    fn moved<'a>(&'a self, company: &'a CompanyId, chip: &'a ChipId) -> impl Iterator<Item = &'a Movement> {
        self.movements.iter().filter(move |it| (&it.company, &it.chip) == (company, chip))
    }

    fn cap(&self, by: &impl Thing, most: i128, (base, free): (i128, i128)) -> Limit {
        let slip = self.slip;
        Limit(by.thing_ref(), Some(most), Box::new(move |units| base + beyond(units, free) <= most + slip))
    }

    fn found(&self, question: &Question, condition: &Condition) -> Found {
        let chip = &self.chips[question.chip.as_str()];
        let unknown = Found::Unknown("condition_unknown");
        let judged = |met: bool| if met { Found::Met } else { Found::Unmet("condition_unmet") };
        let prepares = question.activity == Activity::Prepare;
        let counted = |chip: &ChipId, counting, period: Option<Period>| {
            let now = period.map(|period| part_of_year(period, question.valid_at.date()));
            let then = |it: &&Movement| period.map(|period| part_of_year(period, it.occurred_on)) == now;
            count(sums(self.moved(&question.company, chip).filter(then)), counting, question.activity)
        };
        match &condition.terms {
            Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. } if prepares => {
                Found::Apart
            }
            Terms::UnitCap { chips, .. } if !chips.is_empty() && !chips.contains(&question.chip) => {
                Found::Apart
            }
            Terms::UnitCap { maximum: Some(maximum), counting: Some(counting), chips, period } => {
                let (own, free) = counted(&question.chip, *counting, *period);
                let others = chips.iter().filter(|other| **other != question.chip);
                let others: i128 = others.map(|other| counted(other, *counting, *period).0).sum();
                Found::Limit(self.cap(condition, maximum.get().into(), (own + others, free)))
            }
            Terms::RelativeCap { maximum_share: Some(share), reference_units: Some(reference) } => {
                let (part, whole) = share.ratio();
                let most = part * i128::from(reference.get()) / whole;
                Found::Limit(self.cap(condition, most, counted(&question.chip, Counting::Shipped, None)))
            }
            Terms::DomesticShare {
                minimum: Some(minimum),
                basis: Some(basis),
                counting: Some(counting),
                period,
            } => {
                let scope = &condition.scope;
                let case = scope.approval.as_ref().map(|case| &self.approvals[case.as_str()].authority);
                let home = scope.authority.as_ref().or(case).map_or_else(
                    || self.companies[question.company.as_str()].jurisdiction,
                    |authority| self.authorities[authority.as_str()].jurisdiction,
                );
                let (mut domestic, mut total) = (0, 0);
                for other in self.chips.values() {
                    let counted = counted(&other.id, *counting, *period).0.max(0);
                    let Some(weight) = weight(other, *basis) else {
                        if counted > 0 || other.id == chip.id {
                            return unknown;
                        }
                        continue;
                    };
                    total += counted * weight;
                    domestic += if other.origin == home { counted * weight } else { 0 };
                }
                let Some(weight) = weight(chip, *basis) else { return unknown };
                let (own, free) =
                    (if chip.origin == home { weight } else { 0 }, counted(&chip.id, *counting, *period).1);
                let (part, whole) = minimum.ratio();
                Found::Limit(Limit(
                    condition.thing_ref(),
                    None,
                    Box::new(move |units| {
                        let added = beyond(units, free);
                        (domestic + added * own) * whole >= part * (total + added * weight)
                    }),
                ))
            }
            Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. } => unknown,
            Terms::SpecificationLimit { metric, below } => {
                let below =
                    below.and_then(|below| is_below(&chip.specification, *metric, below.thousandths()));
                below.map_or(unknown, judged)
            }
            Terms::Exclusion { of, classes } => {
                let declared =
                    if *of == ExclusionOf::EndUse { &question.end_use } else { &question.end_user };
                let Some(declared) = declared else { return unknown };
                if classes.iter().any(|class| overlap(declared, &class.name)) {
                    return judged(false);
                }
                if classes.iter().any(|class| class.definition.is_none()) { unknown } else { Found::Met }
            }
            Terms::LocationOfUse { allowed, barred } => question.destination.map_or(unknown, |there| {
                judged(!barred.contains(&there) && (allowed.is_empty() || allowed.contains(&there)))
            }),
            Terms::Requirement { .. } | Terms::Other { .. } => {
                let met = condition.met_on.is_some_and(|met_on| met_on <= question.valid_at.date());
                match &condition.terms {
                    _ if met && self.is_stale(&condition.citations, question.valid_at) => {
                        Found::Unknown("source_stale")
                    }
                    Terms::Other { .. } if !met => unknown,
                    _ => judged(met),
                }
            }
            Terms::Prohibition { activities } if activities.contains(&question.activity) => {
                Found::Unmet("prohibited")
            }
            Terms::Prohibition { .. } => Found::Apart,
            Terms::Payment { .. } => Found::Due,
        }
    }
}

/// The steps of a case that were not taken back, by date; of one day, in the order of their acceptance.
fn course<'a>(case: &Approval, transitions: &'a [Transition]) -> Vec<&'a Transition> {
    let own = transitions.iter().filter(|step| step.approval == case.id && !step.retracted);
    let mut own: Vec<&Transition> = own.collect();
    own.sort_by_key(|step| step.effective_on.date);
    own
}

fn weight(chip: &Chip, basis: ShareBasis) -> Option<i128> {
    match basis {
        ShareBasis::Units => Some(1),
        ShareBasis::Performance => Some(chip.specification.tpp?.thousandths().into()),
    }
}

fn is_legal(workflow: &Workflow, course: Vec<&Transition>) -> bool {
    let mut at = &workflow.initial;
    course.into_iter().all(|step| {
        let from = std::mem::replace(&mut at, &step.to);
        workflow.moves.iter().any(|legal| legal.from == *from && legal.to == step.to)
    })
}
