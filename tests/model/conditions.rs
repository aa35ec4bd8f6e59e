//! Conditions at random.

use greenlight::domain::condition::{
    Class, Condition, ConditionStatus, Counting, ExclusionOf, Force, Metric, PaymentForm, Period,
    RequirementOf, Scope, ShareBasis, Terms, Unknown,
};
use greenlight::domain::id::ChipId;
use greenlight::domain::number::Units;
use greenlight::domain::text::Name;
use greenlight::domain::vocabulary::Vocabulary as _;
use greenlight::domain::workflow::Activity;

use crate::commands::{
    AUTHORITIES, CASES, CHIPS, COMPANIES, PLACES, USES, citations, date, figure, fraction, span, units,
};
use crate::dice::Dice;
use crate::support::things::{self, of};

/// A condition of any kind, in any scope, that does not contradict itself.
pub(crate) fn condition(dice: &mut Dice) -> Condition {
    loop {
        let terms = terms(dice);
        let (in_force_from, in_force_until) = span(dice);
        let unset = !terms.unset().is_empty();
        let condition = Condition {
            scope: scope(dice),
            unknown: unset.then_some(Unknown::UnsetByAuthority),
            force: dice.pick(&[Force::Required, Force::Required, Force::MayBeRequired, Force::Encouraged]),
            status: match dice.below(8) {
                0 => ConditionStatus::Proposed,
                1 => ConditionStatus::Waived,
                _ => ConditionStatus::InForce,
            },
            in_force_from,
            in_force_until,
            met_on: dice.maybe(40, date),
            citations: citations(dice),
            terms,
            ..things::condition(&format!("c-{}", dice.below(14)))
        };
        if condition.faults().0.is_empty() {
            return condition;
        }
    }
}

fn scope(dice: &mut Dice) -> Scope {
    Scope {
        authority: dice.maybe(30, |dice| of(dice.pick(&AUTHORITIES))),
        approval: dice.maybe(25, |dice| of(dice.pick(&CASES))),
        company: dice.maybe(40, |dice| of(dice.pick(&COMPANIES[..2]))),
        chip: dice.maybe(40, |dice| of(dice.pick(&CHIPS))),
    }
}

fn terms(dice: &mut Dice) -> Terms {
    let name = |dice: &mut Dice| -> Name { of(dice.pick(&USES)) };
    let period = dice.maybe(40, |dice| dice.pick(Period::ALL));
    let counting = dice.maybe(92, |dice| dice.pick(Counting::ALL));
    match dice.below(14) {
        0..3 => Terms::DomesticShare {
            minimum: dice.maybe(90, fraction),
            basis: dice.maybe(92, |dice| dice.pick(ShareBasis::ALL)),
            counting,
            period,
        },
        3..6 => {
            let maximum = |dice: &mut Dice| Units::try_from(units(dice).get() * 3).unwrap();
            Terms::UnitCap { maximum: dice.maybe(90, maximum), counting, chips: chips(dice), period }
        }
        6 => Terms::RelativeCap {
            maximum_share: dice.maybe(90, fraction),
            reference_units: dice.maybe(90, |dice| Units::try_from(units(dice).get() * 7).unwrap()),
        },
        7 => Terms::SpecificationLimit { metric: dice.pick(Metric::ALL), below: dice.maybe(85, figure) },
        8 => {
            let class = |dice: &mut Dice| Class {
                name: name(dice),
                definition: dice.maybe(75, |_| of("as the rule says")),
            };
            let classes = (0..=dice.below(2)).map(|_| class(dice)).collect();
            Terms::Exclusion { of: dice.pick(ExclusionOf::ALL), classes }
        }
        9 => {
            let places = PLACES.map(of);
            Terms::LocationOfUse { allowed: dice.some(&places, 40), barred: dice.some(&places, 25) }
        }
        10 => Terms::Requirement { what: RequirementOf::Justification },
        11 => {
            let other = dice.pick(Activity::ALL);
            let activities = Activity::ALL.iter().filter(|it| **it == other || dice.chance(25));
            Terms::Prohibition { activities: activities.copied().collect() }
        }
        12 => Terms::Payment {
            rate: dice.maybe(70, fraction),
            base: dice.maybe(70, |_| of("sales")),
            form: dice.pick(PaymentForm::ALL),
        },
        _ => Terms::Other { text: of("as agreed") },
    }
}

fn chips(dice: &mut Dice) -> Vec<ChipId> {
    if dice.chance(50) { Vec::new() } else { dice.some(&CHIPS.map(of), 60) }
}
