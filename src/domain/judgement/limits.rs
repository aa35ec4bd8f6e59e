//! Limits: caps, shares and authorised quantities.

use crate::domain::approval::{Comparator, Quantity, QuantityRole};
use crate::domain::condition::{Condition, Counting, Force, Period, Terms};
use crate::domain::holding::Holding;
use crate::domain::id::ChipId;
use crate::domain::number::{Fraction, Units};
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::workflow::Activity;

use super::answer::{Effect, Outcome, Reason, ReasonCode};
use super::bound::Bound;
use super::context::{Context, Detail};
use super::shares::{Sharing, share};
use super::standing;
use super::tally::Tally;
use super::terms::Finding;

/// A limit, as far as it is known.
pub(super) enum Measured {
    /// It is known.
    Known(Bound),
    /// It has no number, or its count is unknown; the text says which.
    Open(String),
    /// It does not apply to the question; the text says why.
    Apart(String),
}

/// A known limit and the thing that sets it.
pub(super) struct Limit {
    pub(super) subject: ThingRef,
    pub(super) bound: Bound,
}

/// The room that several limits leave together.
#[derive(Clone, Copy)]
pub(super) struct Room<'a> {
    least: i128,
    most: i128,
    /// The tightest limit.
    pub(super) limit: &'a Limit,
}

impl Room<'_> {
    /// The most units that all limits allow; zero if no number satisfies them all.
    pub(super) fn most(self) -> i128 {
        if self.least > self.most { 0 } else { self.most }
    }
}

/// The room that limits leave together; `None` if they allow any number of units.
pub(super) fn room_of(limits: &[Limit]) -> Option<Room<'_>> {
    let least = limits.iter().map(|limit| limit.bound.least()).max()?;
    let bounded = limits.iter().filter_map(|limit| Some((limit.bound.most()?, limit)));
    let (most, limit) = bounded.min_by_key(|(most, limit)| (*most, &limit.subject))?;
    Some(Room { least, most, limit })
}

/// The units that limits allow together; `i128::MAX` if they allow any number.
pub(super) fn room(limits: &[Limit]) -> i128 {
    room_of(limits).map_or(i128::MAX, Room::most)
}

/// The known, required limits in force, from conditions in scope and approvals that count.
pub(super) fn known(
    context: &Context<'_>,
    conditions: &[&Condition],
    counting: &[&CaseOn],
    activity: Activity,
) -> Vec<Limit> {
    let of_conditions = conditions
        .iter()
        .filter(|condition| condition.force == Force::Required)
        .filter(|condition| condition.is_in_force(context.question.valid_at))
        .filter_map(|condition| match measure(context, condition, activity)? {
            Measured::Known(bound) => {
                Some(Limit { subject: ThingRef::new(Kind::Condition, condition.id.as_str()), bound })
            }
            Measured::Open(_) | Measured::Apart(_) => None,
        });
    let of_approvals = counting.iter().flat_map(|case| {
        allowances(context, case, activity).into_iter().map(|(_, bound)| Limit {
            subject: ThingRef::new(Kind::Approval, case.approval.id.as_str()),
            bound,
        })
    });
    of_conditions.chain(of_approvals).collect()
}

/// Evaluates a condition that sets a limit.
pub(super) fn found(context: &Context<'_>, condition: &Condition) -> Finding {
    match measure(context, condition, context.question.activity) {
        None => {
            Finding::not_applicable(context.wording.words(format_args!("It limits nothing that is counted.")))
        }
        Some(Measured::Apart(why)) => Finding::not_applicable(why),
        Some(Measured::Open(why)) => {
            let remedy = format_args!("Record the limit once it is set, and what it counts.");
            Finding::new(Outcome::Unknown, why, context.wording.words(remedy))
        }
        Some(Measured::Known(bound)) => {
            let units = i128::from(context.question.units.get());
            let (told, remedy) = told(context, bound, units);
            if bound.admits(units) {
                return Finding::new(Outcome::Met, told, "");
            }
            Finding::new(Outcome::Unmet, told, remedy).because(ReasonCode::OverLimit)
        }
    }
}

/// Reasons for the authorised quantities of an approval that the question would break.
pub(super) fn authorised(context: &Context<'_>, case: &CaseOn) -> Vec<Reason> {
    let units = i128::from(context.question.units.get());
    allowances(context, case, context.question.activity)
        .into_iter()
        .filter(|(_, bound)| !bound.admits(units))
        .map(|(quantity, bound)| Reason {
            evidence: context.wording.evidence(&quantity.citations),
            ..standing::about(
                context,
                case,
                (ReasonCode::OverLimit, Effect::Blocks),
                told(context, bound, units),
            )
        })
        .collect()
}

/// A bound's count after adding units, and how a broken bound could be met.
fn told(context: &Context<'_>, bound: Bound, units: i128) -> (String, String) {
    match context.wording {
        Detail::CodesOnly => (String::new(), String::new()),
        Detail::Full if bound.admits(units) => (bound.told(units), String::new()),
        Detail::Full => (bound.told(units), bound.remedy()),
    }
}

/// The quantities an approval authorises, as limits on shipments under it; none for `Prepare`, which ships
/// nothing.
fn allowances<'a>(context: &Context<'_>, case: &'a CaseOn, activity: Activity) -> Vec<(&'a Quantity, Bound)> {
    if activity == Activity::Prepare {
        return Vec::new();
    }
    let authorised = case.approval.quantities.iter().filter(|it| it.role == QuantityRole::Authorised);
    let limits = authorised.filter_map(|quantity| {
        let most = match quantity.comparator {
            Comparator::Exact | Comparator::UpTo => quantity.units.get(),
            Comparator::LessThan => quantity.units.get() - 1,
            Comparator::About | Comparator::MoreThan | Comparator::AtLeast => return None,
        };
        Some((quantity, i128::from(most)))
    });
    let counted = context.holding.map(|holding| holding.against(&case.approval.id));
    let tally = match counted {
        None => Tally::default(),
        Some(Some(totals)) => Tally::of(totals, totals, Counting::Shipped, activity),
        // On overflow, more than any limit allows.
        Some(None) => Tally { base: i128::from(i64::MAX), free: 0 },
    };
    limits.map(|(quantity, most)| (quantity, Bound::cap(tally, most))).collect()
}

/// The limit a condition sets on an activity; `None` for kinds that set none.
pub(super) fn measure(context: &Context<'_>, condition: &Condition, activity: Activity) -> Option<Measured> {
    let limits = matches!(
        condition.terms,
        Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. }
    );
    if limits && activity == Activity::Prepare {
        let why = format_args!("Limits do not govern preparing an order.");
        return Some(Measured::Apart(context.wording.words(why)));
    }
    if condition.terms.period().is_some_and(|period| context.is_of_another(period)) {
        let why = format_args!("It counts in another period than the one it occurred in.");
        return Some(Measured::Apart(context.wording.words(why)));
    }
    match &condition.terms {
        Terms::UnitCap { maximum, counting, chips, period } => {
            Some(unit_cap(context, (*maximum, *counting, *period), chips, activity))
        }
        Terms::RelativeCap { maximum_share, reference_units } => {
            Some(relative_cap(context, *maximum_share, *reference_units, activity))
        }
        Terms::DomesticShare { minimum, basis, counting, period } => {
            let (Some(minimum), Some(basis), Some(counting)) = (*minimum, *basis, *counting) else {
                return Some(unset(context, "the share of domestic chips or how it is counted"));
            };
            let sharing = Sharing { minimum, basis, counting, period: *period };
            Some(share(context, condition, sharing, activity))
        }
        _ => None,
    }
}

fn unset(context: &Context<'_>, what: &str) -> Measured {
    Measured::Open(context.wording.words(format_args!("Nobody has set {what}.")))
}

/// A cap on the company's own units of the listed chips, or of the chip asked about if none are listed.
fn unit_cap(
    context: &Context<'_>,
    (maximum, counting, period): (Option<Units>, Option<Counting>, Option<Period>),
    chips: &[ChipId],
    activity: Activity,
) -> Measured {
    let asked = &context.dossier.chip.id;
    if !chips.is_empty() && !chips.contains(asked) {
        let why = format_args!("`{asked}` is not among the chips that share the cap.");
        return Measured::Apart(context.wording.words(why));
    }
    let (Some(maximum), Some(counting)) = (maximum, counting) else {
        return unset(context, "the greatest number or how it is counted");
    };
    let tally = |holding: &Holding| Tally::of(holding.over(period), holding.all, counting, activity);
    let own = context.holding.map(tally).unwrap_or_default();
    // The list has no duplicates.
    let others = chips.iter().filter(|chip| *chip != asked);
    let shared: i128 =
        others.filter_map(|chip| context.dossier.holding_of(chip)).map(|holding| tally(holding).base).sum();
    let tally = Tally { base: own.base + shared, ..own };
    Measured::Known(Bound::cap(tally, i128::from(maximum.get())))
}

/// A cap relative to a reference, rounded down to whole units.
fn relative_cap(
    context: &Context<'_>,
    maximum_share: Option<Fraction>,
    reference_units: Option<Units>,
    activity: Activity,
) -> Measured {
    let (Some(share), Some(reference)) = (maximum_share, reference_units) else {
        return unset(context, "the greatest share or counted what it is a share of");
    };
    let (part, whole) = share.ratio();
    let maximum = part * i128::from(reference.get()) / whole;
    let totals = context.holding.map(|holding| holding.all).unwrap_or_default();
    Measured::Known(Bound::cap(Tally::of(totals, totals, Counting::Shipped, activity), maximum))
}
