//! The rules told a second time, as plainly as they can be: every answer is worked out from scratch on all
//! that was accepted. Of the crate it uses only the types of what is put on record.

use greenlight::domain::approval::{Approval, Comparator, QuantityRole};
use greenlight::domain::authority::Gate;
use greenlight::domain::condition::{Condition, ConditionStatus, Counting, ExclusionOf, Force, Metric};
use greenlight::domain::condition::{Period, ShareBasis, Terms};
use greenlight::domain::id::{AuthorityId, ChipId, StageId};
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind as Kind};
use greenlight::domain::text::Name;
use greenlight::domain::time::Date;
use greenlight::domain::workflow::{Activity, Phase, Stage, Workflow};

use crate::record::{Answer, Reason, Record};

/// What is counted once so many units more are ordered or shipped.
type Count = Box<dyn Fn(i128) -> i128>;

/// A known limit: what is counted, weighed by chip, is at most the cap, or for a share, which has none, zero.
struct Limit {
    subject: String,
    cap: Option<i128>,
    counts: Vec<(i128, Count)>,
}

impl Limit {
    fn holds(&self, units: i128) -> bool {
        self.counts.iter().map(|(weight, count)| weight * count(units)).sum::<i128>() <= self.cap.unwrap_or(0)
    }

    /// The greatest number of units from `least` on for which it holds; zero if for none, nothing if for all.
    fn most(&self, least: i128) -> Option<i128> {
        let raised = |most: i128, by: i128| if self.holds(most + by) { most + by } else { most };
        let most = (0..40).rev().map(|bit| 1 << bit).fold(least, raised);
        (!self.holds(1 << 40)).then_some(if most == least { 0 } else { most })
    }
}

/// An order or shipment with this answer is refused if it breaks a limit that binds and does not say why.
pub(crate) fn is_over_limit(answer: &Answer, entry: &Movement) -> bool {
    answer.reasons.iter().any(|it| (it.0, it.1) == ("over_limit", "blocks")) && entry.overage_reason.is_none()
}

impl Record {
    /// The workflow of a case, and its stages and since when: by date, of one day as they were accepted.
    fn course(&self, case: &Approval) -> (&Workflow, Vec<(Option<Date>, &StageId)>) {
        let workflow = &self.workflows[self.authorities[case.authority.as_str()].workflow.as_str()];
        let steps = self.transitions.iter().filter(|step| step.approval == case.id && !step.retracted);
        let steps = steps.map(|step| (Some(step.effective_on.date), &step.to));
        let mut course: Vec<_> = [(None, &workflow.initial)].into_iter().chain(steps).collect();
        course.sort_by_key(|(since, _)| *since);
        (workflow, course)
    }

    /// Whether every step of every case is a move of its authority's workflow.
    pub(crate) fn is_legal(&self) -> bool {
        self.approvals.values().all(|case| {
            let (Workflow { moves, .. }, course) = self.course(case);
            let is_legal = |from, to| moves.iter().any(|it| (&it.from, &it.to) == (from, to));
            course.windows(2).all(|step| is_legal(step[0].1, step[1].1))
        })
    }

    /// Since when a case is where it stands on a day, and the stage.
    pub(crate) fn standing(&self, case: &Approval, day: Date) -> (Option<Date>, &Stage) {
        let (Workflow { stages, .. }, course) = self.course(case);
        let (since, id) = course.into_iter().rfind(|(since, _)| *since <= Some(day)).unwrap();
        (since, stages.iter().find(|stage| stage.id == *id).unwrap())
    }

    /// Whether a company may do with a chip what it wants to, and why not.
    pub(crate) fn answer(&self, asked: &Question) -> Answer {
        let (mut reasons, mut cases) = (Vec::new(), Vec::new());
        for guards in self.gates(asked) {
            let (missing, open) = self.pass(asked, &guards);
            reasons.extend(missing);
            cases.extend(open);
        }
        let (told, limits) = self.weigh(asked, &cases);
        reasons.extend(told);
        let is_any = |effect| reasons.iter().any(|reason| reason.1 == effect);
        let verdict = if is_any("leaves_open") { "unknown" } else { "yes" };
        let verdict = if is_any("blocks") { "no" } else { verdict };
        let most = limits.iter().filter_map(|limit| limit.most(0)).min();
        // No number fits if a share is mended only by more than another limit leaves.
        let headroom = most.map(|most| if limits.iter().all(|limit| limit.holds(most)) { most } else { 0 });
        let figures = self.figures(asked, &cases);
        Answer { verdict, headroom, figures, reasons: reasons.into_iter().collect() }
    }

    /// Authorised by the tightest limit on orders; reserved; used; and available, by that limit, too.
    fn figures(&self, asked: &Question, cases: &[&Approval]) -> (Option<i128>, i128, i128, Option<i128>) {
        let doing = |activity| Question { activity, ..asked.clone() };
        let shipped = |of| self.count(&doing(of), &asked.chip, Counting::Shipped, |_| true)(0);
        let (reserved, used) = (shipped(Activity::Order) - shipped(Activity::Ship), shipped(Activity::Ship));
        let limits = self.weigh(&doing(Activity::Order), cases).1;
        let left = limits.iter().filter_map(|it| Some((it.most(-1_000_000_000)?, &it.subject, it.cap)));
        let tightest = left.min().map(|(left, _, cap)| (cap.unwrap_or(left + reserved + used), left));
        let (authorised, available) = tightest.unzip();
        (authorised, reserved, used, available)
    }

    /// Who guards the export gate of a chip's origin and the import gate where it goes; at home it passes none.
    fn gates(&self, asked: &Question) -> Vec<Vec<&AuthorityId>> {
        let from = self.chips[asked.chip.as_str()].origin;
        let to = asked.destination.unwrap_or(self.companies[asked.company.as_str()].jurisdiction);
        let gates = [(Gate::Export, from), (Gate::Import, to)].into_iter().filter(|_| from != to);
        let guards = |gate| self.authorities.values().filter(move |it| (it.gate, it.jurisdiction) == gate);
        gates.map(|gate| guards(gate).map(|authority| &authority.id).collect()).collect()
    }

    /// The cases that count at a gate: all open and not superseded ones; if there are none, the last to end blocks.
    fn pass(&self, asked: &Question, guards: &[&AuthorityId]) -> (Option<Reason>, Vec<&Approval>) {
        let (at, mut open, mut over) = (asked.valid_at, Vec::new(), Vec::new());
        let here = self.approvals.values().filter(|case| {
            (&case.company, &case.chip) == (&asked.company, &asked.chip)
                && guards.contains(&&case.authority)
                && !self.approvals.values().any(|later| later.supersedes.as_ref() == Some(&case.id))
        });
        for case in here {
            let (since, stage) = self.standing(case, at.date());
            match case.valid_until {
                _ if stage.phase == Phase::Ended => over.push((since, &case.id, "approval_ended")),
                Some(until) if until <= at => over.push((Some(until.date()), &case.id, "approval_expired")),
                _ => open.push(case),
            }
        }
        let missing = match over.into_iter().max() {
            _ if guards.is_empty() => Some(("no_authority", "leaves_open", String::new())),
            _ if !open.is_empty() => None,
            Some((_, id, code)) => Some((code, "blocks", id.to_string())),
            None => Some(("no_record", "leaves_open", String::new())),
        };
        (missing, open)
    }

    /// What the cases that count and the conditions in scope say, and the limits they set.
    fn weigh(&self, asked: &Question, cases: &[&Approval]) -> (Vec<Reason>, Vec<Limit>) {
        let (mut reasons, mut limits) = (Vec::new(), Vec::new());
        let (at, early) = (asked.valid_at, asked.activity == Activity::Prepare);
        for case in cases {
            let mut block = |code| reasons.push((code, "blocks", case.id.to_string()));
            if case.valid_from.is_some_and(|from| at < from) {
                block("not_yet_valid");
            }
            if !self.standing(case, at.date()).1.permits.contains(&asked.activity) {
                block("stage_does_not_permit");
            }
            let binding = [Comparator::Exact, Comparator::UpTo, Comparator::LessThan];
            let authorised = case.quantities.iter().filter(|it| it.role == QuantityRole::Authorised);
            for quantity in authorised.filter(|it| binding.contains(&it.comparator) && !early) {
                let less = i128::from(quantity.comparator == Comparator::LessThan);
                let cap = Some(i128::from(quantity.units.get()) - less + self.slip);
                let own = |it: &Movement| it.approval.as_ref().is_none_or(|id| *id == case.id);
                let counts = vec![(1, self.count(asked, &asked.chip, Counting::Shipped, own))];
                let limit = Limit { subject: case.id.to_string(), cap, counts };
                if !limit.holds(asked.units.get().into()) {
                    block("over_limit");
                }
                limits.push(limit);
            }
        }
        let governing = self.conditions.values().filter(|it| {
            it.status == ConditionStatus::InForce
                && it.in_force_from.is_none_or(|from| from <= at)
                && it.in_force_until.is_none_or(|until| at < until)
                && it.scope.company.as_ref().is_none_or(|id| *id == asked.company)
                && it.scope.chip.as_ref().is_none_or(|id| *id == asked.chip)
                && it.scope.authority.as_ref().is_none_or(|id| self.gates(asked).concat().contains(&id))
                && it.scope.approval.as_ref().is_none_or(|id| cases.iter().any(|case| case.id == *id))
        });
        for condition in governing {
            let code = self.code(asked, condition, &mut limits).unwrap_or("condition_unknown");
            let effect = match (condition.force, code) {
                (_, "met") => continue,
                (Force::Encouraged, _) | (_, "payment_due") => "advises",
                (Force::MayBeRequired, _) | (_, "condition_unknown") => "leaves_open",
                (Force::Required, _) => "blocks",
            };
            reasons.push((code, effect, condition.id.to_string()));
        }
        (reasons, limits)
    }

    /// What a condition in force says, if that is known, by its terms; one that is required adds its limit.
    fn code(&self, asked: &Question, condition: &Condition, limits: &mut Vec<Limit>) -> Option<&'static str> {
        let (early, today) = (asked.activity == Activity::Prepare, asked.valid_at.date());
        let now = |period: Option<Period>| {
            move |it: &Movement| period.is_none_or(|period| period.next(it.occurred_on) == period.next(today))
        };
        let (cap, counts) = match &condition.terms {
            Terms::Payment { .. } => return Some("payment_due"),
            Terms::Prohibition { activities } => {
                return Some(if activities.contains(&asked.activity) { "prohibited" } else { "met" });
            }
            Terms::UnitCap { .. } | Terms::RelativeCap { .. } | Terms::DomesticShare { .. } if early => {
                return Some("met");
            }
            Terms::UnitCap { chips, .. } if !chips.is_empty() && !chips.contains(&asked.chip) => {
                return Some("met");
            }
            Terms::UnitCap { maximum, counting, chips, period } => {
                let (maximum, counting) = (i128::from((*maximum)?.get()), (*counting)?);
                let chips = [&asked.chip].into_iter().chain(chips.iter().filter(|it| **it != asked.chip));
                let counts = chips.map(|chip| (1, self.count(asked, chip, counting, now(*period))));
                (Some(maximum), counts.collect())
            }
            Terms::RelativeCap { maximum_share, reference_units } => {
                let ((part, whole), reference) = ((*maximum_share)?.ratio(), (*reference_units)?.get());
                let count = self.count(asked, &asked.chip, Counting::Shipped, now(None));
                (Some(part * i128::from(reference) / whole), vec![(1, count)])
            }
            Terms::DomesticShare { minimum, basis, counting, period } => {
                let ((part, whole), basis, counting) = ((*minimum)?.ratio(), (*basis)?, (*counting)?);
                let case = condition.scope.approval.as_ref().map(|id| &self.approvals[id.as_str()].authority);
                let authority = condition.scope.authority.as_ref().or(case);
                let home = authority.map(|id| self.authorities[id.as_str()].jurisdiction);
                let home = home.unwrap_or(self.companies[asked.company.as_str()].jurisdiction);
                let mut counts = Vec::new();
                for chip in self.chips.values() {
                    let count = self.count(asked, &chip.id, counting, now(*period));
                    if chip.id == asked.chip || count(0) > 0 {
                        let tpp = chip.specification.tpp.map(|tpp| tpp.thousandths().into());
                        let weight = if basis == ShareBasis::Units { 1 } else { tpp? };
                        let lacks = if chip.origin == home { part - whole } else { part };
                        // More cancelled or returned than there was is nothing, not less.
                        let count: Count = Box::new(move |units| count(units) - count(0).min(0));
                        counts.push((lacks * weight, count));
                    }
                }
                (None, counts)
            }
            _ => return self.is_met(asked, condition).map(|met| if met { "met" } else { "condition_unmet" }),
        };
        let limit = Limit { subject: condition.id.to_string(), cap: cap.map(|cap| cap + self.slip), counts };
        let code = if limit.holds(asked.units.get().into()) { "met" } else { "over_limit" };
        limits.extend(Some(limit).filter(|_| condition.force == Force::Required));
        Some(code)
    }

    /// Whether a condition that counts nothing is met, if that is known.
    fn is_met(&self, asked: &Question, condition: &Condition) -> Option<bool> {
        let chip = &self.chips[asked.chip.as_str()].specification;
        let done = condition.met_on.is_some_and(|day| day <= asked.valid_at.date());
        Some(match &condition.terms {
            Terms::SpecificationLimit { metric, below } => {
                let (figure, per) = match metric {
                    Metric::Tpp => (chip.tpp?.thousandths(), 1000),
                    Metric::MemoryBandwidth => (chip.memory_bandwidth_gb_s?.thousandths(), 1000),
                    Metric::PerformanceDensity => (chip.tpp?.thousandths(), chip.die_area_mm2?.thousandths()),
                };
                figure * 1000 < (*below)?.thousandths() * per
            }
            Terms::Exclusion { of, classes } => {
                let declared = if *of == ExclusionOf::EndUse { &asked.end_use } else { &asked.end_user };
                let declared = declared.as_ref()?;
                let is_out = classes.iter().any(|class| overlap(declared, &class.name));
                (is_out || classes.iter().all(|class| class.definition.is_some())).then_some(!is_out)?
            }
            Terms::LocationOfUse { allowed, barred } => {
                let there = asked.destination?;
                !barred.contains(&there) && (allowed.is_empty() || allowed.contains(&there))
            }
            Terms::Requirement { .. } => done,
            _ => done.then_some(true)?,
        })
    }

    /// What a limit counts of a chip: what is ordered and not shipped will be, and a shipment draws on it.
    fn count(&self, asked: &Question, chip: &ChipId, by: Counting, of: impl Fn(&Movement) -> bool) -> Count {
        let own = |it: &&Movement| (&it.company, &it.chip) == (&asked.company, chip) && of(it);
        let sum = |kind| -> i128 {
            let moved = self.movements.iter().filter(own).filter(|it| it.kind == kind);
            moved.map(|it| i128::from(it.units.get())).sum()
        };
        let (ordered, shipped) = (sum(Kind::Order) - sum(Kind::Cancellation), sum(Kind::Shipment));
        let (gone, promised) = (shipped - sum(Kind::Return), (ordered - shipped).max(0));
        let arrived = gone.max(sum(Kind::Delivery));
        let (is_asked, is_shipment) = (*chip == asked.chip, asked.activity == Activity::Ship);
        Box::new(move |units| {
            let units = if is_asked { units } else { 0 };
            let coming = if is_shipment { units } else { promised + units };
            match by {
                Counting::Ordered if is_shipment => ordered + (units - promised).max(0),
                Counting::Ordered => ordered + units,
                Counting::Shipped => gone + coming,
                Counting::Delivered => arrived + coming,
            }
        })
    }
}

/// Whether all words of either name stand in the other.
fn overlap(one: &Name, other: &Name) -> bool {
    let [one, other] = [one, other].map(|name| name.as_str().to_lowercase().replace(['-', '_'], " "));
    let is_within = |some: &str, all: &str| some.split(' ').all(|word| all.split(' ').any(|it| it == word));
    is_within(&one, &other) || is_within(&other, &one)
}
