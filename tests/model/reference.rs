//! The rules told a second time, as plainly as they can be: every answer is worked out from scratch on all
//! that was accepted. Of the crate it uses only the types of what is put on record.

use std::collections::{BTreeMap, BTreeSet};

use greenlight::domain::approval::{Approval, Comparator, QuantityRole};
use greenlight::domain::authority::Gate;
use greenlight::domain::condition::Terms::{DomesticShare, Exclusion, LocationOfUse, Payment, Prohibition};
use greenlight::domain::condition::Terms::{RelativeCap, Requirement, SpecificationLimit, UnitCap};
use greenlight::domain::condition::{Condition, ConditionStatus, Counting, ExclusionOf, Force, Metric};
use greenlight::domain::condition::{Period, ShareBasis};
use greenlight::domain::id::{ApprovalId, AuthorityId, ChipId, StageId};
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind as Kind};
use greenlight::domain::text::Name;
use greenlight::domain::time::Date;
use greenlight::domain::workflow::{Activity, Phase, Stage, Workflow};
use unicode_normalization::UnicodeNormalization as _;

use crate::record::{Answer, By, Count, Entry, Found, Limit, Of, On, Reason, Record, SHIPPED};

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
            course.windows(2).all(|step| moves.iter().any(|it| (&it.from, &it.to) == (step[0].1, step[1].1)))
        })
    }

    /// Since when a case is where it stands on a day, and the stage.
    pub(crate) fn standing(&self, case: &Approval, day: Date) -> (Option<Date>, &Stage) {
        let (Workflow { stages, .. }, course) = self.course(case);
        let (since, id) = course.into_iter().rfind(|(since, _)| *since <= Some(day)).unwrap();
        (since, stages.iter().find(|stage| stage.id == *id).unwrap())
    }

    /// Whether a company may do with a chip what it wants to, or enter a movement, and why not.
    pub(crate) fn answer(&self, asked: &Question, entry: Entry<'_>) -> Answer {
        let (mut reasons, mut cases) = (BTreeSet::new(), Vec::new());
        let here = self.cases(asked, entry.and_then(|entry| entry.approval.as_ref()));
        for guards in self.gates(asked) {
            let (missing, open) = pass(&here, &guards);
            reasons.extend(missing);
            cases.extend(open);
        }
        let (told, limits) = self.weigh(asked, &cases, entry);
        reasons.extend(told);
        let is_any = |effect| reasons.iter().any(|reason| reason.1 == effect);
        let open = if is_any("leaves_open") { "unknown" } else { "yes" };
        let verdict = if is_any("blocks") { "no" } else { open };
        let most = limits.iter().filter_map(|limit| limit.most(0)).min();
        // No number fits if a share is mended only by more than another limit leaves.
        let headroom = most.map(|most| if limits.iter().all(|limit| limit.holds(most)) { most } else { 0 });
        Answer { verdict, headroom, figures: self.figures(asked, &cases), reasons }
    }

    /// Authorised by the tightest limit on orders; reserved; used; and available, by that limit, too.
    fn figures(&self, asked: &Question, cases: &[&Approval]) -> (Option<i128>, i128, i128, Option<i128>) {
        let sum = |kind| self.sum(asked, &asked.chip, kind, &|_| true);
        let reserved = (sum(Kind::Order) - sum(Kind::Cancellation) - sum(Kind::Shipment)).max(0);
        let used = sum(Kind::Shipment) - sum(Kind::Return);
        let limits = self.weigh(&Question { activity: Activity::Order, ..asked.clone() }, cases, None).1;
        let left = limits.iter().filter_map(|it| Some((it.most(-1_000_000_000)?, &it.subject, it.cap)));
        let cap = |it: (i128, _, Option<i128>)| (it.2.unwrap_or((it.0 + reserved + used).max(0)), it.0);
        let (cap, left) = left.min().map(cap).unzip();
        (cap, reserved, used, left)
    }

    /// Who guards the export gate of a chip's origin and the import gate where it goes; at home it passes none.
    fn gates(&self, asked: &Question) -> Vec<Vec<&AuthorityId>> {
        let (from, to) = (self.chip(asked).origin, asked.destination.unwrap_or(self.home(asked)));
        let gates = [(Gate::Export, from), (Gate::Import, to)].into_iter().filter(|_| from != to);
        let guards = |gate| self.authorities.values().filter(move |it| (it.gate, it.jurisdiction) == gate);
        gates.map(|gate| guards(gate).map(|authority| &authority.id).collect()).collect()
    }

    /// The cases of a pair that nothing takes the place of; those that are over with since when, and how.
    fn cases(&self, asked: &Question, named: On<'_>) -> Vec<Found<'_>> {
        let all = || self.approvals.values();
        let here = all().filter(|it| (&it.company, &it.chip) == (&asked.company, &asked.chip));
        let here = here.filter(|it| !all().any(|later| later.supersedes.as_ref() == Some(&it.id)));
        let over = |case| {
            let (since, stage) = self.standing(case, asked.valid_at.date());
            let expired = case.valid_until.filter(|until| *until <= asked.valid_at);
            let expired = expired.map(|until| (Some(until.date()), "approval_expired"));
            if stage.phase == Phase::Ended { Some((since, "approval_ended")) } else { expired }
        };
        let here: Vec<_> = here.map(|case| (case, over(case))).collect();
        let begun = |case: &Approval| case.valid_from.is_none_or(|from| from <= asked.valid_at);
        let whose = |it: &Found<'_>| it.0.authority.clone();
        let valid: Vec<_> = here.iter().filter(|it| it.1.is_none() && begun(it.0)).map(whose).collect();
        // A renewal ahead of its time is set aside while another like it is valid, unless a movement names it.
        let counts = |it: &Found<'_>| begun(it.0) || Some(&it.0.id) == named || !valid.contains(&whose(it));
        here.into_iter().filter(|it| it.1.is_some() || counts(it)).collect()
    }

    /// What the cases that count and the conditions in scope say, and the limits they set: a movement, by its period.
    fn weigh(&self, asked: &Question, cases: &[&Approval], entry: Entry<'_>) -> (Vec<Reason>, Vec<Limit>) {
        let (mut reasons, mut limits) = (Vec::new(), Vec::new());
        let (at, day, early) = (asked.valid_at, asked.valid_at.date(), asked.activity == Activity::Prepare);
        for case in cases {
            let early = case.valid_from.is_some_and(|from| at < from).then_some("not_yet_valid");
            let permits = self.standing(case, day).1.permits.contains(&asked.activity);
            let codes = [early, (!permits).then_some("stage_does_not_permit")].into_iter().flatten();
            reasons.extend(codes.map(|code| (code, "blocks", case.id.to_string())));
        }
        let named = entry.and_then(|entry| entry.approval.as_ref());
        // What a movement draws on: the case it names, or all that are open.
        let cases: Vec<_> = cases.iter().filter(|it| named.is_none_or(|id| *id == it.id)).copied().collect();
        let open = self.cases(asked, named).into_iter().filter(|it| it.1.is_none() && named.is_none());
        let drawn = named.map(|id| &self.approvals[id.as_str()]).into_iter().chain(open.map(|it| it.0));
        let drawn: Vec<_> = drawn.filter(|case| entry.is_some() && !cases.contains(case)).collect();
        for case in cases.iter().chain(&drawn) {
            let binding = [Comparator::Exact, Comparator::UpTo, Comparator::LessThan];
            let authorised = case.quantities.iter().filter(|it| it.role == QuantityRole::Authorised);
            for quantity in authorised.filter(|it| binding.contains(&it.comparator) && !early) {
                let less = i128::from(quantity.comparator == Comparator::LessThan);
                let cap = Some(i128::from(quantity.units.get()) - less + self.slip);
                let count = self.count(asked, &asked.chip, SHIPPED, Some(&case.id), &|_| true);
                let limit = Limit { subject: case.id.to_string(), cap, counts: vec![(1, count)] };
                let breaks = !limit.holds(asked.units.get().into());
                reasons.extend(breaks.then(|| ("over_limit", "blocks", case.id.to_string())));
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
                && it.terms.period().zip(entry).is_none_or(|(of, it)| of.next(it.occurred_on) == of.next(day))
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
        let broken = limits.iter().filter(|it| entry.is_some() && it.is_broken_by(asked.units.get().into()));
        reasons.extend(broken.map(|it| ("breaks", "blocks", it.subject.clone())));
        (reasons, limits)
    }

    /// What a condition in force says, if that is known, by its terms; one that is required adds its limit.
    fn code(&self, asked: &Question, condition: &Condition, limits: &mut Vec<Limit>) -> Option<&'static str> {
        let (early, today) = (asked.activity == Activity::Prepare, asked.valid_at.date());
        let now = |period: Option<Period>| {
            move |it: &Movement| period.is_none_or(|period| period.next(it.occurred_on) == period.next(today))
        };
        let (cap, counts) = match &condition.terms {
            Payment { .. } => return Some("payment_due"),
            Prohibition { activities } if activities.contains(&asked.activity) => return Some("prohibited"),
            UnitCap { .. } | RelativeCap { .. } | DomesticShare { .. } if early => return Some("met"),
            UnitCap { chips, .. } if !chips.is_empty() && !chips.contains(&asked.chip) => return Some("met"),
            Prohibition { .. } => return Some("met"),
            UnitCap { maximum, counting, chips, period } => {
                let (maximum, counting) = (i128::from((*maximum)?.get()), (*counting)?);
                let chips = [&asked.chip].into_iter().chain(chips.iter().filter(|it| **it != asked.chip));
                let count = |chip| self.count(asked, chip, (counting, false), None, &now(*period));
                (Some(maximum), chips.map(|chip| (1, count(chip))).collect())
            }
            RelativeCap { maximum_share, reference_units } => {
                let ((part, whole), reference) = ((*maximum_share)?.ratio(), (*reference_units)?.get());
                let count = self.count(asked, &asked.chip, SHIPPED, None, &now(None));
                (Some(part * i128::from(reference) / whole), vec![(1, count)])
            }
            DomesticShare { minimum, basis, counting, period } => {
                let ((part, whole), basis, counting) = ((*minimum)?.ratio(), (*basis)?, (*counting)?);
                let case = condition.scope.approval.as_ref().map(|id| &self.approvals[id.as_str()].authority);
                let by = condition.scope.authority.as_ref().or(case);
                let home = by.map_or(self.home(asked), |id| self.authorities[id.as_str()].jurisdiction);
                let (mut counts, imports) = (Vec::new(), self.chip(asked).origin != home);
                for chip in self.chips.values() {
                    // What is still to come, or was never ordered, speaks against imports, not for them.
                    let certain = chip.origin == home && (imports || counting == Counting::Ordered);
                    let count = self.count(asked, &chip.id, (counting, certain), None, &now(*period));
                    if chip.id == asked.chip || count(0) > 0 {
                        let tpp = chip.specification.tpp.map(|tpp| tpp.thousandths().into());
                        let weight = if basis == ShareBasis::Units { 1 } else { tpp? };
                        let lacks = if chip.origin == home { part - whole } else { part };
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
        let chip = &self.chip(asked).specification;
        let done = condition.met_on.is_some_and(|day| day <= asked.valid_at.date());
        Some(match &condition.terms {
            SpecificationLimit { metric, below } => {
                let density = *metric == Metric::PerformanceDensity;
                let per = if density { chip.die_area_mm2?.thousandths() } else { 1000 };
                let bandwidth = *metric == Metric::MemoryBandwidth;
                let figure = if bandwidth { chip.memory_bandwidth_gb_s? } else { chip.tpp? }.thousandths();
                figure * 1000 < (*below)?.thousandths() * per
            }
            Exclusion { of, classes } => {
                let by_use = *of == ExclusionOf::EndUse;
                let declared = if by_use { asked.end_use.as_ref()? } else { asked.end_user.as_ref()? };
                let is_out = classes.iter().any(|class| overlap(declared, &class.name));
                (is_out || classes.iter().all(|class| class.definition.is_some())).then_some(!is_out)?
            }
            LocationOfUse { barred, .. } if barred.contains(&asked.destination?) => false,
            LocationOfUse { allowed, .. } => allowed.is_empty() || allowed.contains(&asked.destination?),
            Requirement { .. } => done,
            _ => done.then_some(true)?,
        })
    }

    /// What a limit counts of a chip: what is ordered will be shipped, a shipment draws on it, what is sent arrives.
    fn count(&self, asked: &Question, chip: &ChipId, by: By, case: On<'_>, now: Of<'_>) -> Count {
        let own = |it: &Movement| case.is_none() || it.approval.as_ref() == case;
        let loose = |it: &Movement| case.is_some() && it.approval.is_none();
        let sum = |kind, now: Of<'_>| self.sum(asked, chip, kind, &|it| (own(it) || loose(it)) && now(it));
        // More cancelled or returned than there was is nothing, not less, and a case's own if it can be no other's.
        let net = |done, undone, now: Of<'_>| {
            let part = |of: Of<'_>| self.sum(asked, chip, done, of) - self.sum(asked, chip, undone, of);
            let [own, loose] = [&own as Of<'_>, &loose].map(|whose| part(&|it| whose(it) && now(it)));
            let others = self.approvals.values().filter(|it| case.is_some_and(|case| *case != it.id));
            let of = |by: &Approval| part(&|it| it.approval.as_ref() == Some(&by.id)).max(0);
            own + loose.max(0) - (-loose - others.map(of).sum::<i128>()).clamp(0, own.max(0))
        };
        let ever: Of<'_> = &|_| true;
        let ordered = net(Kind::Order, Kind::Cancellation, now).max(0);
        let gone = net(Kind::Shipment, Kind::Return, now).max(0);
        let promised = net(Kind::Order, Kind::Cancellation, ever);
        let kept = net(Kind::Shipment, Kind::Return, ever).max(0);
        let [sent, arrived] = [Kind::Shipment, Kind::Delivery].map(|kind| sum(kind, ever));
        // What was shipped beyond all orders counts as ordered.
        let taken = ordered + (kept - promised.max(0)).clamp(0, (gone - ordered).max(0)) * i128::from(!by.1);
        // What came back had arrived, if anything had.
        let here = sum(Kind::Delivery, now);
        let arriving = here + (sent - arrived - (sum(Kind::Return, ever) - arrived).max(0)).max(0);
        let (is_asked, is_shipment) = (*chip == asked.chip, asked.activity == Activity::Ship);
        Box::new(move |units| {
            let (units, left) = (if is_asked { units } else { 0 }, |done: i128| (promised - done).max(0));
            let coming = |done| if is_shipment { units } else { left(done).min(ordered) + units };
            match by.0 {
                Counting::Ordered if is_shipment => taken + (units - left(kept)).max(0),
                Counting::Ordered => taken + units,
                Counting::Shipped => gone + coming(sent),
                Counting::Delivered if by.1 => here,
                Counting::Delivered => arriving + coming(sent.max(arrived)),
            }
        })
    }
}

/// The open cases at a gate; where the gate, or an authority, has none, the last to end there blocks.
fn pass<'r>(here: &[Found<'r>], guards: &[&AuthorityId]) -> (Vec<Reason>, Vec<&'r Approval>) {
    let here = here.iter().copied().filter(|it| guards.contains(&&it.0.authority));
    let (open, over): (Vec<_>, Vec<_>) = here.partition(|it| it.1.is_none());
    let open: Vec<_> = open.into_iter().map(|it| it.0).collect();
    if open.is_empty() && over.is_empty() {
        let code = if guards.is_empty() { "no_authority" } else { "no_record" };
        return (vec![(code, "leaves_open", String::new())], open);
    }
    let over = over.into_iter().filter(|it| open.iter().all(|case| case.authority != it.0.authority));
    let over = over.filter_map(|(it, over)| over.map(|(on, code)| (on, &it.id, code, &it.authority)));
    let place = |by| (!open.is_empty()).then_some(by);
    let block = |(_, id, code, by): (_, &ApprovalId, _, _)| (place(by), (code, "blocks", id.to_string()));
    let last: BTreeMap<_, _> = over.collect::<BTreeSet<_>>().into_iter().map(block).collect();
    (last.into_values().collect(), open)
}

/// Whether all words of either name stand in the other, however their letters are written.
fn overlap(one: &Name, other: &Name) -> bool {
    let plain = |name: &Name| name.as_str().nfkd().filter(char::is_ascii).collect::<String>();
    let [one, other] = [one, other].map(|name| plain(name).to_lowercase().replace(['-', '_'], " "));
    let is_within = |some: &str, all: &str| some.split(' ').all(|word| all.split(' ').any(|it| it == word));
    is_within(&one, &other) || is_within(&other, &one)
}
