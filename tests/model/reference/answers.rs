//! Answers: what each gate says, and what the cases that count there are tied to.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use greenlight::domain::approval::{Approval, Comparator, QuantityRole};
use greenlight::domain::authority::Gate;
use greenlight::domain::citation::Citation;
use greenlight::domain::condition::{Condition, ConditionStatus, Counting, Force};
use greenlight::domain::id::{AuthorityId, ChipId, CompanyId};
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::Movement;
use greenlight::domain::time::{Date, Moment};
use greenlight::domain::workflow::{Activity, Phase};

use super::World;
use super::conditions::Found;
use super::limits::{Limit, count, headroom, sums};

/// A code, its effect, and the id it is about.
pub(crate) type Reason = (&'static str, &'static str, String);

/// The answer to a question, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: &'static str,
    pub(crate) reasons: BTreeSet<Reason>,
    pub(crate) headroom: Option<i128>,
    /// Authorised, reserved, used, available.
    pub(crate) figures: (Option<i128>, i128, i128, Option<i128>),
}

/// What is asked, of whom, and what has been said so far.
struct Hearing<'a> {
    question: &'a Question,
    asked: Vec<&'a AuthorityId>,
    reasons: Vec<Reason>,
    counting: Vec<&'a Approval>,
}

impl World {
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
        let mut hearing =
            Hearing { question, asked: gates.concat(), reasons: Vec::new(), counting: Vec::new() };
        for guards in &gates {
            self.pass(guards, &mut hearing);
        }
        let Hearing { asked, mut reasons, counting, .. } = hearing;
        let (told, limits) = self.weigh(question, &asked, &counting, true);
        reasons.extend(told);
        let on_orders = Question { activity: Activity::Order, ..question.clone() };
        let on_orders = self.weigh(&on_orders, &asked, &counting, true).1;
        let tightest = on_orders
            .iter()
            .filter_map(|limit| Some((limit.most(-1_000_000_000_000)?, &limit.subject, limit.cap)))
            .min();
        let [ordered, cancelled, shipped, _, returned] = sums(self.moved(&company.id, &chip.id));
        let (reserved, used) = ((ordered - cancelled - shipped).max(0), shipped - returned);
        let authorised = tightest.map(|(left, _, cap)| cap.unwrap_or(left + reserved + used));
        let is_any = |effect| reasons.iter().any(|reason| reason.1 == effect);
        let verdict = match (is_any("blocks"), is_any("leaves_open")) {
            (true, _) => "no",
            (false, true) => "unknown",
            (false, false) => "yes",
        };
        let figures = (authorised, reserved, used, tightest.map(|(left, ..)| left));
        Ok(Answer { verdict, headroom: headroom(&limits), figures, reasons: reasons.into_iter().collect() })
    }

    /// Hears what a gate says, and which cases count there.
    fn pass<'a>(&'a self, guards: &[&AuthorityId], hearing: &mut Hearing<'a>) {
        if guards.is_empty() {
            return hearing.reasons.push(("no_authority", "leaves_open", String::new()));
        }
        let question = hearing.question;
        let at = question.valid_at;
        let (closed, open): (Vec<&Approval>, Vec<&Approval>) = self
            .approvals
            .values()
            .filter(|case| (&case.company, &case.chip) == (&question.company, &question.chip))
            .filter(|case| guards.contains(&&case.authority))
            .filter(|case| !self.approvals.values().any(|other| other.supersedes.as_ref() == Some(&case.id)))
            .partition(|case| {
                case.valid_until.is_some_and(|until| until <= at) || self.has_ended(case, at.date())
            });
        if open.is_empty() {
            let named = question.exporter.as_ref();
            let ours = closed
                .iter()
                .filter(|case| named.is_none() || case.exporter.is_none() || case.exporter.as_ref() == named);
            return hearing.reasons.push(self.over(ours, at.date(), ""));
        }
        for guard in guards {
            let here: Vec<&Approval> =
                open.iter().copied().filter(|case| case.authority == **guard).collect();
            hearing.counting.extend(here.iter().filter(|case| case.exporter.is_none()));
            let Some(exporter) = self.exporter(&here, hearing) else { continue };
            let theirs: Vec<&Approval> =
                here.into_iter().filter(|case| case.exporter.as_ref() == Some(exporter)).collect();
            if theirs.is_empty() {
                let theirs = closed.iter().filter(|case| case.authority == **guard);
                let theirs = theirs.filter(|case| case.exporter.as_ref() == Some(exporter));
                hearing.reasons.push(self.over(theirs, at.date(), exporter.as_str()));
            }
            hearing.counting.extend(theirs);
        }
    }

    /// Whose licences count at an authority where there are some: those of the exporter the question names, or
    /// else of the one that fewest reasons block, fewest leave open, and limits leave most room.
    fn exporter<'a>(&'a self, here: &[&'a Approval], hearing: &Hearing<'a>) -> Option<&'a CompanyId> {
        let of = |exporter: &CompanyId| -> Vec<&Approval> {
            here.iter().copied().filter(|case| case.exporter.as_ref() == Some(exporter)).collect()
        };
        let best = here.iter().filter_map(|case| case.exporter.as_ref()).min_by_key(|exporter| {
            let (told, limits) = self.weigh(hearing.question, &hearing.asked, &of(exporter), false);
            let number = |effect| told.iter().filter(|reason| reason.1 == effect).count();
            let room = headroom(&limits).unwrap_or(i128::MAX);
            (number("blocks"), number("leaves_open"), Reverse(room), *exporter)
        });
        best.map(|best| hearing.question.exporter.as_ref().unwrap_or(best))
    }

    /// Of cases that are over the last one blocks; if there is none, nothing is known.
    fn over<'a>(&self, closed: impl Iterator<Item = &'a &'a Approval>, day: Date, otherwise: &str) -> Reason {
        let since = |case: &Approval| {
            if self.has_ended(case, day) {
                self.standing(case, day).1
            } else {
                case.valid_until.map(Moment::date)
            }
        };
        match closed.max_by_key(|case| (since(case), &case.id)) {
            Some(case) if self.has_ended(case, day) => ("approval_ended", "blocks", case.id.to_string()),
            Some(case) => ("approval_expired", "blocks", case.id.to_string()),
            None => ("no_record", "leaves_open", otherwise.to_owned()),
        }
    }

    fn has_ended(&self, case: &Approval, day: Date) -> bool {
        let stage = self.standing(case, day).0;
        let stages = &self.workflow(&case.authority).stages;
        stages.iter().any(|it| it.id == *stage && it.phase == Phase::Ended)
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
                let counted = count(sums(own), Counting::Shipped, question.activity);
                let limit = Limit::cap(*case, most.into(), counted, self.slip);
                if !(limit.holds)(units) {
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
                found = if (limit.holds)(units) { Found::Met } else { Found::Unmet("over_limit") };
                if condition.force == Force::Required {
                    limits.push(limit);
                }
            }
            told.extend(told_of(condition, &found));
        }
        (told, limits)
    }

    /// What an open case says by where it stands.
    fn stand(&self, question: &Question, case: &Approval, told: &mut Vec<Reason>) {
        let (stage, _, evidence, disputed) = self.standing(case, question.valid_at.date());
        let stages = &self.workflow(&case.authority).stages;
        let permits = stages.iter().any(|it| it.id == *stage && it.permits.contains(&question.activity));
        let early = case.valid_from.is_some_and(|from| question.valid_at < from);
        let aged = permits && self.is_stale(evidence, question.valid_at);
        for (holds, code, effect) in [
            (early, "not_yet_valid", "blocks"),
            (!permits, "stage_does_not_permit", "blocks"),
            (aged, "source_stale", "leaves_open"),
            (disputed, "disputed", "advises"),
        ] {
            told.extend(holds.then(|| (code, effect, case.id.to_string())));
        }
    }

    /// Whether there is evidence, all of it from sources past their limit.
    pub(super) fn is_stale(&self, evidence: &[Citation], at: Moment) -> bool {
        let stale =
            |citation: &Citation| citation.source().is_some_and(|id| self.sources[id.as_str()].is_stale(at));
        !evidence.is_empty() && evidence.iter().all(stale)
    }

    pub(super) fn moved<'a>(
        &'a self,
        company: &'a CompanyId,
        chip: &'a ChipId,
    ) -> impl Iterator<Item = &'a Movement> {
        self.movements.iter().filter(move |it| (&it.company, &it.chip) == (company, chip))
    }
}

/// What a condition says once it is known what it comes to.
fn told_of(condition: &Condition, found: &Found) -> Option<Reason> {
    let (code, effect) = match (found, condition.force) {
        (Found::Met | Found::Apart | Found::Limit(_), _) => return None,
        (Found::Due, _) => ("payment_due", "advises"),
        (Found::Unmet(code) | Found::Unknown(code), Force::Encouraged) => (*code, "advises"),
        (Found::Unmet(code), Force::Required) => (*code, "blocks"),
        (Found::Unmet(code) | Found::Unknown(code), _) => (*code, "leaves_open"),
    };
    Some((code, effect, condition.id.to_string()))
}
