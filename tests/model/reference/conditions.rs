//! Conditions: what each comes to by its terms.

use std::collections::BTreeSet;

use greenlight::domain::chip::{Chip, Specification};
use greenlight::domain::condition::{Condition, Counting, ExclusionOf, Metric, Period, ShareBasis, Terms};
use greenlight::domain::id::ChipId;
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::Movement;
use greenlight::domain::number::Fraction;
use greenlight::domain::text::Name;
use greenlight::domain::thing::Thing;
use greenlight::domain::workflow::Activity;

use super::World;
use super::limits::{Limit, beyond, count, part_of_year, sums};

/// What a condition comes to, with the code of the reason.
pub(super) enum Found {
    Met,
    Unmet(&'static str),
    Unknown(&'static str),
    Due,
    Apart,
    Limit(Limit),
}

const UNKNOWN: Found = Found::Unknown("condition_unknown");

/// Met, or not.
fn judged(met: bool) -> Found {
    if met { Found::Met } else { Found::Unmet("condition_unmet") }
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

fn weight(chip: &Chip, basis: ShareBasis) -> Option<i128> {
    match basis {
        ShareBasis::Units => Some(1),
        ShareBasis::Performance => Some(chip.specification.tpp?.thousandths().into()),
    }
}

impl World {
    pub(super) fn found(&self, question: &Question, condition: &Condition) -> Found {
        match &condition.terms {
            Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. } => {
                self.limit(question, condition)
            }
            Terms::SpecificationLimit { metric, below } => {
                let chip = &self.chips[question.chip.as_str()].specification;
                below.and_then(|below| is_below(chip, *metric, below.thousandths())).map_or(UNKNOWN, judged)
            }
            Terms::Exclusion { of, classes } => {
                let declared =
                    if *of == ExclusionOf::EndUse { &question.end_use } else { &question.end_user };
                let Some(declared) = declared else { return UNKNOWN };
                if classes.iter().any(|class| overlap(declared, &class.name)) {
                    return judged(false);
                }
                if classes.iter().any(|class| class.definition.is_none()) { UNKNOWN } else { Found::Met }
            }
            Terms::LocationOfUse { allowed, barred } => question.destination.map_or(UNKNOWN, |there| {
                judged(!barred.contains(&there) && (allowed.is_empty() || allowed.contains(&there)))
            }),
            Terms::Requirement { .. } | Terms::Other { .. } => {
                let met = condition.met_on.is_some_and(|met_on| met_on <= question.valid_at.date());
                match &condition.terms {
                    _ if met && self.is_stale(&condition.citations, question.valid_at) => {
                        Found::Unknown("source_stale")
                    }
                    Terms::Other { .. } if !met => UNKNOWN,
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

    fn limit(&self, question: &Question, condition: &Condition) -> Found {
        match &condition.terms {
            _ if question.activity == Activity::Prepare => Found::Apart,
            Terms::UnitCap { chips, .. } if !chips.is_empty() && !chips.contains(&question.chip) => {
                Found::Apart
            }
            Terms::UnitCap { maximum: Some(maximum), counting: Some(counting), chips, period } => {
                let (own, free) = self.counted(question, &question.chip, *counting, *period);
                let others = chips.iter().filter(|other| **other != question.chip);
                let others: i128 =
                    others.map(|other| self.counted(question, other, *counting, *period).0).sum();
                Found::Limit(Limit::cap(condition, maximum.get().into(), (own + others, free), self.slip))
            }
            Terms::RelativeCap { maximum_share: Some(share), reference_units: Some(reference) } => {
                let (part, whole) = share.ratio();
                let most = part * i128::from(reference.get()) / whole;
                let counted = self.counted(question, &question.chip, Counting::Shipped, None);
                Found::Limit(Limit::cap(condition, most, counted, self.slip))
            }
            Terms::DomesticShare { minimum: Some(least), basis: Some(basis), counting: Some(by), period } => {
                let share = self.share(question, condition, (*least, *basis), (*by, *period));
                share.map_or(UNKNOWN, Found::Limit)
            }
            _ => UNKNOWN,
        }
    }

    /// A share over all chips of the company; nothing if the weight of one that counts is not known.
    fn share(
        &self,
        question: &Question,
        condition: &Condition,
        (least, basis): (Fraction, ShareBasis),
        (counting, period): (Counting, Option<Period>),
    ) -> Option<Limit> {
        let scope = &condition.scope;
        let of_case = scope.approval.as_ref().map(|case| &self.approvals[case.as_str()].authority);
        let home = scope.authority.as_ref().or(of_case).map_or_else(
            || self.companies[question.company.as_str()].jurisdiction,
            |authority| self.authorities[authority.as_str()].jurisdiction,
        );
        let (mut domestic, mut total) = (0, 0);
        for chip in self.chips.values() {
            // More cancelled or returned than there was counts as nothing.
            let counted = self.counted(question, &chip.id, counting, period).0.max(0);
            if counted > 0 {
                let weighed = counted * weight(chip, basis)?;
                total += weighed;
                domestic += if chip.origin == home { weighed } else { 0 };
            }
        }
        let asked = &self.chips[question.chip.as_str()];
        let weight = weight(asked, basis)?;
        let own = if asked.origin == home { weight } else { 0 };
        let (part, whole) = least.ratio();
        let free = self.counted(question, &asked.id, counting, period).1;
        let holds = move |units| {
            let added = beyond(units, free);
            (domestic + added * own) * whole >= part * (total + added * weight)
        };
        Some(Limit { subject: condition.thing_ref(), cap: None, holds: Box::new(holds) })
    }

    fn counted(
        &self,
        question: &Question,
        chip: &ChipId,
        counting: Counting,
        period: Option<Period>,
    ) -> (i128, i128) {
        let now = period.map(|period| part_of_year(period, question.valid_at.date()));
        let then = |it: &&Movement| period.map(|period| part_of_year(period, it.occurred_on)) == now;
        count(sums(self.moved(&question.company, chip).filter(then)), counting, question.activity)
    }
}
