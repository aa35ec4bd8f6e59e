//! How much room the limits leave, and the four figures.

use crate::domain::condition::Condition;
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::workflow::Activity;

use super::answer::{Figures, Headroom};
use super::limits::{Measured, known, measure, room_of};
use super::matter::Matter;

/// The headroom of the activity asked about.
pub(super) fn headroom(matter: &Matter<'_>, conditions: &[&Condition], counting: &[&CaseOn]) -> Headroom {
    let activity = matter.question.activity;
    let limits = known(matter, conditions, counting, activity);
    let room = room_of(&limits);
    let unset = conditions
        .iter()
        .filter(|condition| condition.is_in_force(matter.question.valid_at))
        .filter(|condition| matches!(measure(matter, condition, activity), Some(Measured::Open(_))))
        .map(|condition| ThingRef::new(Kind::Condition, condition.id.as_str()));
    Headroom {
        units: room.map(|room| held(room.most())),
        limited_by: room.map(|room| room.limit.subject.clone()),
        unset: unset.collect(),
    }
}

/// The four figures: those of orders, whatever the activity asked about.
pub(super) fn figures(matter: &Matter<'_>, conditions: &[&Condition], counting: &[&CaseOn]) -> Figures {
    let limits = known(matter, conditions, counting, Activity::Order);
    let tightest = limits
        .iter()
        .filter_map(|limit| Some((limit.bound.left()?, limit)))
        .min_by_key(|(left, limit)| (*left, &limit.subject));
    let totals = matter.dossier.holding().map(|holding| holding.all).unwrap_or_default();
    let (reserved, used) = (totals.reserved().max(0), totals.used());
    let available = tightest.map(|(left, _)| left);
    Figures {
        authorised: tightest.map(|(left, limit)| {
            held(limit.bound.maximum().unwrap_or(left + i128::from(reserved) + i128::from(used)))
        }),
        reserved,
        used,
        available: available.map(held),
        limited_by: tightest.map(|(_, limit)| limit.subject.clone()),
    }
}

/// A number of units as answers hold it; what is beyond stays at the edge.
fn held(units: i128) -> i64 {
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    i64::try_from(units.clamp(least, most)).unwrap_or_default()
}
