//! The count of a limit, once the activity and earlier commitments are carried out.

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
    /// The count `counting` for an activity, from the sums `within` a limit's period and over `all` time.
    ///
    /// Units ordered and not shipped will be shipped and delivered, so an order adds to those ordered within
    /// the period. A shipment first uses up open orders, whenever placed: only units beyond them are new
    /// orders, and units shipped beyond all orders count as ordered. Returned units can be shipped again on
    /// the same order. Units under way will be delivered; returned units are taken to have been delivered
    /// first, if any were. Negative sums count as zero.
    pub(super) fn of(within: Totals, all: Totals, counting: Counting, activity: Activity) -> Self {
        let at_least_none = |units: i64| i128::from(units.max(0));
        let (ordered, shipped) = (at_least_none(within.ordered_net()), at_least_none(within.used()));
        let open = |gone: i64| at_least_none(all.ordered_net() - gone);
        let (to_ship, to_deliver) = (open(all.shipped), open(all.shipped.max(all.delivered)));
        let back_on_the_way = (all.returned - all.delivered).max(0);
        let under_way = at_least_none(all.shipped - all.delivered - back_on_the_way);
        let arriving = i128::from(within.delivered) + under_way;
        let beyond_orders = at_least_none(all.used() - all.ordered_net().max(0));
        let ordered_or_shipped = ordered + beyond_orders.min((shipped - ordered).max(0));
        let (base, free) = match (counting, activity) {
            (Counting::Ordered, Activity::Ship) => (ordered_or_shipped, open(all.used().max(0))),
            (Counting::Ordered, _) => (ordered_or_shipped, 0),
            (Counting::Shipped, Activity::Ship) => (shipped, 0),
            (Counting::Shipped, _) => (shipped + to_ship.min(ordered), 0),
            (Counting::Delivered, Activity::Ship) => (arriving, 0),
            (Counting::Delivered, _) => (arriving + to_deliver.min(ordered), 0),
        };
        Self { base, free }
    }

    /// How many of the units asked about add to the base.
    pub(super) fn beyond(self, units: i128) -> i128 {
        (units - self.free).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_what_is_promised_and_what_is_asked() {
        // 100 ordered, 20 cancelled, 30 shipped of which 10 arrived and 5 of these came back: 20 are under way, and 50
        // still to ship.
        let totals = Totals { ordered: 100, cancelled: 20, shipped: 30, delivered: 10, returned: 5 };
        for (counting, activity, base, free) in [
            (Counting::Ordered, Activity::Order, 80, 0),
            (Counting::Shipped, Activity::Order, 75, 0),
            (Counting::Delivered, Activity::Order, 80, 0),
            // The 5 that came back can be shipped again.
            (Counting::Ordered, Activity::Ship, 80, 55),
            (Counting::Shipped, Activity::Ship, 25, 0),
            (Counting::Delivered, Activity::Ship, 30, 0),
        ] {
            assert_eq!(
                Tally::of(totals, totals, counting, activity),
                Tally { base, free },
                "{counting} {activity}"
            );
        }
    }

    #[test]
    fn more_shipped_than_ordered_promises_nothing() {
        let totals = Totals { ordered: 10, shipped: 30, delivered: 40, ..Totals::default() };
        for (counting, activity, base) in [
            (Counting::Ordered, Activity::Ship, 30),
            (Counting::Ordered, Activity::Order, 30),
            (Counting::Shipped, Activity::Order, 30),
            (Counting::Delivered, Activity::Order, 40),
        ] {
            let tally = Tally::of(totals, totals, counting, activity);
            assert_eq!(tally, Tally { base, free: 0 }, "{counting} {activity}");
        }
    }

    #[test]
    fn what_is_shipped_without_an_order_counts_as_ordered_when_it_is_shipped() {
        // Before: 100 ordered. Within the period 30 are ordered and 150 shipped: 20 of them nobody ordered.
        let within = Totals { ordered: 30, shipped: 150, ..Totals::default() };
        let all = Totals { ordered: 130, ..within };
        for activity in [Activity::Order, Activity::Ship] {
            let tally = Tally::of(within, all, Counting::Ordered, activity);
            assert_eq!(tally, Tally { base: 50, free: 0 }, "{activity}");
            let earlier = Tally::of(Totals::default(), all, Counting::Ordered, activity);
            assert_eq!(earlier, Tally::default(), "{activity}");
        }
    }

    #[test]
    fn what_was_delivered_without_a_shipment_on_record_is_not_delivered_again() {
        let totals = Totals { ordered: 100, delivered: 100, ..Totals::default() };
        let tally = |activity| Tally::of(totals, totals, Counting::Delivered, activity);
        assert_eq!(tally(Activity::Order), Tally { base: 100, free: 0 });
        assert_eq!(tally(Activity::Ship), Tally { base: 100, free: 0 });
    }

    #[test]
    fn what_came_back_had_been_delivered_if_anything_was() {
        let shipped = Totals { shipped: 150, returned: 50, ..Totals::default() };
        for (delivered, base) in [(0, 100), (30, 130), (100, 150), (150, 150), (200, 200)] {
            let totals = Totals { delivered, ..shipped };
            let tally = Tally::of(totals, totals, Counting::Delivered, Activity::Ship);
            assert_eq!(tally, Tally { base, free: 0 }, "{delivered}");
        }
    }

    #[test]
    fn a_period_counts_what_occurred_in_it_and_what_is_still_to_come() {
        // Before: 100 ordered, of which 60 were shipped, and all of those are delivered within the period. Within it
        // 30 are ordered, and 50 of all that were shipped.
        let within = Totals { ordered: 30, shipped: 50, delivered: 60, ..Totals::default() };
        let all = Totals { ordered: 130, shipped: 110, delivered: 60, ..Totals::default() };
        for (counting, activity, base, free) in [
            (Counting::Ordered, Activity::Order, 30, 0),
            (Counting::Ordered, Activity::Ship, 30, 20),
            (Counting::Shipped, Activity::Order, 70, 0),
            (Counting::Shipped, Activity::Ship, 50, 0),
            (Counting::Delivered, Activity::Order, 130, 0),
            (Counting::Delivered, Activity::Ship, 110, 0),
        ] {
            let tally = Tally::of(within, all, counting, activity);
            assert_eq!(tally, Tally { base, free }, "{counting} {activity}");
        }
        // Of what is open from before the period nothing is ordered within it.
        let tally = Tally::of(Totals::default(), all, Counting::Shipped, Activity::Order);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn more_cancelled_or_returned_than_there_was_leaves_nothing_and_no_more_room() {
        let within = Totals { cancelled: 10, returned: 20, ..Totals::default() };
        let all = Totals { ordered: 10, shipped: 20, ..within };
        for (counting, activity) in [
            (Counting::Ordered, Activity::Order),
            (Counting::Shipped, Activity::Order),
            (Counting::Shipped, Activity::Ship),
            (Counting::Delivered, Activity::Ship),
        ] {
            let tally = Tally::of(within, all, counting, activity);
            assert_eq!(tally, Tally::default(), "{counting} {activity}");
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
