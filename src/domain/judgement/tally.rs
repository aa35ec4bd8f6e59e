//! What a limit counts, once the activity and what is promised already are carried out.

use crate::domain::condition::Counting;
use crate::domain::holding::Totals;
use crate::domain::workflow::Activity;

/// A count as a function of the units asked: `base`, and every unit beyond `free`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) base: i128,
    pub(super) free: i128,
}

impl Tally {
    /// What a limit that counts `counting` makes of these totals.
    ///
    /// What is ordered and not shipped will be shipped, and delivered: an order comes on top of it. A shipment
    /// draws on it: only units beyond what is ordered and not shipped are ordered anew.
    pub(super) fn of(totals: Totals, counting: Counting, activity: Activity) -> Self {
        let ordered = i128::from(totals.ordered) - i128::from(totals.cancelled);
        let shipped = i128::from(totals.shipped) - i128::from(totals.returned);
        let arrived = i128::from(totals.delivered).max(shipped);
        let promised = (ordered - i128::from(totals.shipped)).max(0);
        let (base, free) = match (counting, activity) {
            (Counting::Ordered, Activity::Ship) => (ordered, promised),
            (Counting::Ordered, _) => (ordered, 0),
            (Counting::Shipped, Activity::Ship) => (shipped, 0),
            (Counting::Shipped, _) => (shipped + promised, 0),
            (Counting::Delivered, Activity::Ship) => (arrived, 0),
            (Counting::Delivered, _) => (arrived + promised, 0),
        };
        Self { base, free }
    }

    /// The units that come on top of the base when so many are asked for.
    pub(super) fn beyond(self, units: i128) -> i128 {
        (units - self.free).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_what_is_promised_and_what_is_asked() {
        // 100 ordered, 20 cancelled, 30 shipped of which 5 came back and 10 arrived: 50 are still to ship.
        let totals = Totals { ordered: 100, cancelled: 20, shipped: 30, delivered: 10, returned: 5 };
        for (counting, activity, base, free) in [
            (Counting::Ordered, Activity::Order, 80, 0),
            (Counting::Shipped, Activity::Order, 75, 0),
            (Counting::Delivered, Activity::Order, 75, 0),
            (Counting::Ordered, Activity::Ship, 80, 50),
            (Counting::Shipped, Activity::Ship, 25, 0),
            (Counting::Delivered, Activity::Ship, 25, 0),
        ] {
            assert_eq!(Tally::of(totals, counting, activity), Tally { base, free }, "{counting} {activity}");
        }
    }

    #[test]
    fn more_shipped_than_ordered_promises_nothing() {
        let totals = Totals { ordered: 10, shipped: 30, delivered: 40, ..Totals::default() };
        for (counting, activity, base) in [
            (Counting::Ordered, Activity::Ship, 10),
            (Counting::Shipped, Activity::Order, 30),
            (Counting::Delivered, Activity::Order, 40),
        ] {
            let tally = Tally::of(totals, counting, activity);
            assert_eq!(tally, Tally { base, free: 0 }, "{counting} {activity}");
        }
    }

    #[test]
    fn a_shipment_of_what_is_ordered_adds_nothing_to_the_orders() {
        let tally = Tally { base: 80, free: 50 };
        for (units, beyond) in [(1, 0), (50, 0), (51, 1), (100, 50)] {
            assert_eq!(tally.beyond(units), beyond, "{units}");
        }
    }
}
