//! Holdings: what the movements of a company and a chip add up to.

use super::movement::MovementKind;

/// Sums over movements, by kind, in units. Whole numbers only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Units ordered.
    pub ordered: i64,
    /// Units whose order was cancelled.
    pub cancelled: i64,
    /// Units shipped.
    pub shipped: i64,
    /// Units delivered.
    pub delivered: i64,
    /// Units returned.
    pub returned: i64,
}

impl Totals {
    /// The totals with one more movement in them; `None` beyond what a total can hold.
    #[must_use]
    pub fn with(mut self, kind: MovementKind, units: i64) -> Option<Self> {
        let sum = match kind {
            MovementKind::Order => &mut self.ordered,
            MovementKind::Cancellation => &mut self.cancelled,
            MovementKind::Shipment => &mut self.shipped,
            MovementKind::Delivery => &mut self.delivered,
            MovementKind::Return => &mut self.returned,
        };
        *sum = sum.checked_add(units)?;
        Some(self)
    }

    /// The sums of both; `None` beyond what a total can hold.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            ordered: self.ordered.checked_add(other.ordered)?,
            cancelled: self.cancelled.checked_add(other.cancelled)?,
            shipped: self.shipped.checked_add(other.shipped)?,
            delivered: self.delivered.checked_add(other.delivered)?,
            returned: self.returned.checked_add(other.returned)?,
        })
    }

    /// Units ordered, net of cancellations.
    #[must_use]
    pub fn ordered_net(self) -> i64 {
        self.ordered - self.cancelled
    }

    /// Units shipped, net of returns: what was used of a limit.
    #[must_use]
    pub fn used(self) -> i64 {
        self.shipped - self.returned
    }

    /// Units ordered and neither cancelled nor shipped; negative if more was shipped than ordered.
    #[must_use]
    pub fn reserved(self) -> i64 {
        self.ordered - self.cancelled - self.shipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_counted_in_its_own_sum() {
        let mut totals = Totals::default();
        for (kind, units) in [
            (MovementKind::Order, 100),
            (MovementKind::Cancellation, 10),
            (MovementKind::Shipment, 50),
            (MovementKind::Delivery, 40),
            (MovementKind::Return, 5),
            (MovementKind::Order, 1),
        ] {
            totals = totals.with(kind, units).unwrap();
        }
        let expected = Totals { ordered: 101, cancelled: 10, shipped: 50, delivered: 40, returned: 5 };
        assert_eq!(totals, expected);
        assert_eq!((totals.ordered_net(), totals.used(), totals.reserved()), (91, 45, 41));
        assert_eq!(totals.plus(Totals::default()), Some(totals));
    }

    #[test]
    fn a_sum_that_cannot_be_held_is_none() {
        let full = Totals { ordered: i64::MAX, ..Totals::default() };
        assert_eq!(full.with(MovementKind::Order, 1), None);
        assert_eq!(full.plus(full), None);
    }
}
