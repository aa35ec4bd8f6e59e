//! Limits: what they count, whether they hold, and how much room they leave.

use greenlight::domain::condition::{Counting, Period};
use greenlight::domain::movement::Movement;
use greenlight::domain::thing::{Thing, ThingRef};
use greenlight::domain::time::Date;
use greenlight::domain::workflow::Activity;

/// A limit that is known: what sets it, the number it is told by, if it is a cap, and whether it holds for some units.
pub(super) struct Limit {
    pub(super) subject: ThingRef,
    pub(super) cap: Option<i128>,
    pub(super) holds: Box<dyn Fn(i128) -> bool>,
}

impl Limit {
    /// At most so many, counting what comes on top of `base` beyond what is `free`.
    pub(super) fn cap(by: &impl Thing, most: i128, (base, free): (i128, i128), slip: i128) -> Self {
        let holds = move |units| base + beyond(units, free) <= most + slip;
        Self { subject: by.thing_ref(), cap: Some(most), holds: Box::new(holds) }
    }

    /// The greatest number from `least` on for which it holds: zero if it never does, nothing if it always does.
    pub(super) fn most(&self, least: i128) -> Option<i128> {
        let (mut good, mut bad) = (least, 1_000_000_000_000);
        if (self.holds)(bad) || !(self.holds)(good) {
            return (!(self.holds)(bad)).then_some(0);
        }
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            *if (self.holds)(middle) { &mut good } else { &mut bad } = middle;
        }
        Some(good)
    }
}

/// The greatest number for which all limits hold; nothing if there is no end.
pub(super) fn headroom(limits: &[Limit]) -> Option<i128> {
    let most = limits.iter().filter_map(|limit| limit.most(0)).min()?;
    Some(if limits.iter().all(|limit| (limit.holds)(most)) { most } else { 0 })
}

/// The year, and the period in it.
pub(super) fn part_of_year(period: Period, date: Date) -> (String, usize) {
    let date = date.to_string();
    let (year, month): (String, String) =
        (date.chars().take(4).collect(), date.chars().skip(5).take(2).collect());
    let month: usize = month.parse().unwrap();
    let part = match period {
        Period::Month => month,
        Period::Quarter => month.div_ceil(3),
        Period::Year => 1,
    };
    (year, part)
}

/// Ordered, cancelled, shipped, delivered, returned.
pub(crate) fn sums<'a>(movements: impl Iterator<Item = &'a Movement>) -> [i128; 5] {
    movements.fold([0; 5], |mut sums, movement| {
        sums[movement.kind as usize] += i128::from(movement.units.get());
        sums
    })
}

/// What a limit counts before anything is asked, and how many of the units asked it has counted already.
pub(super) fn count(sums: [i128; 5], counting: Counting, activity: Activity) -> (i128, i128) {
    let [ordered, cancelled, shipped, delivered, returned] = sums;
    let (promised, gone) = ((ordered - cancelled - shipped).max(0), shipped - returned);
    let (drawn, ahead) = if activity == Activity::Ship { (promised, 0) } else { (0, promised) };
    match counting {
        Counting::Ordered => (ordered - cancelled, drawn),
        Counting::Shipped => (gone + ahead, 0),
        Counting::Delivered => (gone.max(delivered) + ahead, 0),
    }
}

/// The units that are counted, of so many asked, if some are counted already.
pub(super) fn beyond(units: i128, free: i128) -> i128 {
    if units < 0 { units } else { (units - free).max(0) }
}
