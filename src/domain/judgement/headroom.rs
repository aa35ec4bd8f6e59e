//! The headroom that limits leave, and the four figures.

use crate::domain::condition::ConditionKind;
use crate::domain::thing::{Kind, ThingRef};

use super::answer::{Evaluation, Figures, Headroom, Outcome};
use super::context::Context;
use super::limits::{Limit, room_of};

/// The headroom that limits leave; `unset` lists those without a known number.
pub(super) fn headroom(limits: &[Limit], evaluations: &[Evaluation]) -> Headroom {
    let room = room_of(limits);
    let unset = evaluations
        .iter()
        .filter(|evaluation| is_limit(evaluation.kind) && evaluation.outcome == Outcome::Unknown)
        .map(|evaluation| ThingRef::new(Kind::Condition, evaluation.condition.as_str()));
    Headroom {
        units: room.map(|room| held(room.most())),
        limited_by: room.map(|room| room.limit.subject.clone()),
        unset: unset.collect(),
    }
}

fn is_limit(kind: ConditionKind) -> bool {
    matches!(kind, ConditionKind::DomesticShare | ConditionKind::UnitCap | ConditionKind::RelativeCap)
}

/// The four figures, from the limits on orders.
pub(super) fn figures(context: &Context<'_>, limits: &[Limit]) -> Figures {
    let tightest = limits
        .iter()
        .filter_map(|limit| Some((limit.bound.left()?, limit)))
        .min_by_key(|(left, limit)| (*left, &limit.subject));
    let totals = context.holding.map(|holding| holding.all).unwrap_or_default();
    let (reserved, used) = (totals.reserved(), totals.used());
    Figures {
        authorised: tightest.map(|(left, limit)| {
            // A share sets no number; where it is broken by more than all units, it allows none.
            let allowed = || (left + i128::from(reserved) + i128::from(used)).max(0);
            held(limit.bound.maximum().unwrap_or_else(allowed))
        }),
        reserved,
        used,
        available: tightest.map(|(left, _)| held(left)),
        limited_by: tightest.map(|(_, limit)| limit.subject.clone()),
    }
}

/// A number of units as an `i64`, saturating.
fn held(units: i128) -> i64 {
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(units.clamp(least, most)).unwrap_or_default()
}
