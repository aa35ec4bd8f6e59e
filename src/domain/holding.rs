//! Holdings: the sums of a company's movements of a chip.

use std::collections::BTreeMap;

use super::condition::Period;
use super::id::{ApprovalId, ChipId, CompanyId};
use super::movement::MovementKind;

/// Sums of movements by kind, in units.
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
    /// The largest sum stored for a company and a chip; JSON numbers represent it exactly.
    pub const MAX: i64 = 1_000_000_000_000_000;
    /// The largest sum of sums, so that differences of three do not overflow.
    const GREATEST: i64 = i64::MAX / 2;

    /// The totals with one more movement; `None` on overflow.
    #[must_use]
    pub fn with(self, kind: MovementKind, units: i64) -> Option<Self> {
        let mut one = Self::default();
        match kind {
            MovementKind::Order => one.ordered = units,
            MovementKind::Cancellation => one.cancelled = units,
            MovementKind::Shipment => one.shipped = units,
            MovementKind::Delivery => one.delivered = units,
            MovementKind::Return => one.returned = units,
        }
        self.plus(one)
    }

    /// The sums of both; `None` on overflow.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = |one: i64, other: i64| one.checked_add(other).filter(|sum| *sum <= Self::GREATEST);
        Some(Self {
            ordered: sum(self.ordered, other.ordered)?,
            cancelled: sum(self.cancelled, other.cancelled)?,
            shipped: sum(self.shipped, other.shipped)?,
            delivered: sum(self.delivered, other.delivered)?,
            returned: sum(self.returned, other.returned)?,
        })
    }

    /// Whether no sum exceeds what the register stores for a company and a chip.
    #[must_use]
    pub fn can_be_kept(self) -> bool {
        [self.ordered, self.cancelled, self.shipped, self.delivered, self.returned]
            .into_iter()
            .all(|sum| sum <= Self::MAX)
    }

    /// Units ordered, net of cancellations.
    #[must_use]
    pub fn ordered_net(self) -> i64 {
        self.ordered - self.cancelled
    }

    /// Units shipped, net of returns: the part of a limit that is used.
    #[must_use]
    pub fn used(self) -> i64 {
        self.shipped - self.returned
    }

    /// Units ordered and neither cancelled nor shipped; zero if more was shipped than ordered.
    #[must_use]
    pub fn reserved(self) -> i64 {
        (self.ordered - self.cancelled - self.shipped).max(0)
    }
}

/// The sums of a company's movements of a chip, in every way in which limits count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The buyer.
    pub company: CompanyId,
    /// The chip.
    pub chip: ChipId,
    /// All movements.
    pub all: Totals,
    /// Movements that name an approval, by approval.
    pub by_approval: BTreeMap<ApprovalId, Totals>,
    /// Movements that name none, which count against every open approval of the pair.
    pub unattributed: Totals,
    /// Movements in the calendar month of the day asked about.
    pub month: Totals,
    /// Movements in its quarter.
    pub quarter: Totals,
    /// Movements in its year.
    pub year: Totals,
}

impl Holding {
    /// The empty holding of a company and a chip.
    #[must_use]
    pub fn none(company: CompanyId, chip: ChipId) -> Self {
        let none = Totals::default();
        Self {
            company,
            chip,
            all: none,
            by_approval: BTreeMap::new(),
            unattributed: none,
            month: none,
            quarter: none,
            year: none,
        }
    }

    /// The sums over a period, or over all time.
    #[must_use]
    pub fn over(&self, period: Option<Period>) -> Totals {
        match period {
            None => self.all,
            Some(Period::Month) => self.month,
            Some(Period::Quarter) => self.quarter,
            Some(Period::Year) => self.year,
        }
    }

    /// How many units can be cancelled or returned, under an approval or without one: those ordered or
    /// shipped and not undone yet. `None` for kinds that undo nothing.
    #[must_use]
    pub fn undoable(&self, kind: MovementKind, approval: Option<&ApprovalId>) -> Option<i64> {
        let left = |totals: Totals| match kind {
            MovementKind::Cancellation => Some(totals.ordered_net()),
            MovementKind::Return => Some(totals.used()),
            MovementKind::Order | MovementKind::Shipment | MovementKind::Delivery => None,
        };
        let all = left(self.all)?.max(0);
        let Some(approval) = approval else { return Some(all) };
        let own = left(self.by_approval.get(approval).copied().unwrap_or_default())?;
        Some(all.min(own + left(self.unattributed)?.max(0)).max(0))
    }

    /// The sums that count against an approval: movements that name it and that name none; `None` on
    /// overflow.
    ///
    /// Orders and shipments that name none count against every approval. Cancellations and returns that name
    /// none first undo those, then movements that name an approval, as far as they can belong to no other
    /// approval: otherwise they would be credited to several.
    #[must_use]
    pub fn against(&self, approval: &ApprovalId) -> Option<Totals> {
        let Totals { ordered, cancelled, shipped, returned, .. } = self.unattributed;
        let unattributed = Totals {
            cancelled: cancelled.min(ordered) + self.credit(approval, Totals::ordered_net),
            returned: returned.min(shipped) + self.credit(approval, Totals::used),
            ..self.unattributed
        };
        self.by_approval.get(approval).copied().unwrap_or_default().plus(unattributed)
    }

    /// How many units undone without an approval are credited to this one: those in excess of everything done
    /// under no approval or under another one.
    fn credit(&self, approval: &ApprovalId, net: fn(Totals) -> i64) -> i64 {
        let left = |totals: Totals| i128::from(net(totals).max(0));
        let others = self.by_approval.iter().filter(|(id, _)| *id != approval);
        let others: i128 = others.map(|(_, totals)| left(*totals)).sum();
        let own = self.by_approval.get(approval).copied().map_or(0, left);
        let undone = i128::from(net(self.unattributed).min(0).saturating_neg());
        i64::try_from((undone - others).clamp(0, own)).unwrap_or_default()
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
    fn no_more_is_undone_than_was_done() {
        let shipped = |units| Totals { ordered: 100, shipped: units, ..Totals::default() };
        let case = |id: &str| ApprovalId::try_from(id).unwrap();
        let mut holding =
            Holding::none(CompanyId::try_from("alibaba").unwrap(), ChipId::try_from("h200").unwrap());
        (holding.unattributed, holding.all) = (shipped(10), shipped(40));
        holding.by_approval = BTreeMap::from([(case("one"), shipped(30))]);
        let back = |holding: &Holding, approval: Option<&str>| {
            holding.undoable(MovementKind::Return, approval.map(case).as_ref())
        };
        let left = [None, Some("one"), Some("other")].map(|approval| back(&holding, approval));
        assert_eq!(left, [Some(40), Some(40), Some(10)]);
        holding.all.returned = 35;
        assert_eq!(back(&holding, Some("one")), Some(5));
        holding.all.returned = 50;
        assert_eq!(back(&holding, None), Some(0));
        assert_eq!(holding.undoable(MovementKind::Cancellation, None), Some(100));
        assert_eq!(holding.undoable(MovementKind::Delivery, None), None);
    }

    #[test]
    fn a_sum_that_cannot_be_held_is_none() {
        for full in [Totals::GREATEST, i64::MAX] {
            let full = Totals { ordered: full, ..Totals::default() };
            assert_eq!(full.with(MovementKind::Order, 1), None);
            assert_eq!(full.plus(full), None);
        }
        let most = Totals { cancelled: Totals::GREATEST, shipped: Totals::GREATEST, ..Totals::default() };
        assert_eq!(most.reserved(), 0);
    }

    #[test]
    fn the_register_keeps_sums_up_to_its_own_limit() {
        let returned = |returned| Totals { returned, ..Totals::default() };
        assert!(returned(Totals::MAX).can_be_kept());
        assert!(!returned(Totals::MAX + 1).can_be_kept());
    }

    #[test]
    fn a_movement_without_an_approval_counts_against_each() {
        let (one, other) = (ApprovalId::try_from("one").unwrap(), ApprovalId::try_from("other").unwrap());
        let shipped = |shipped| Totals { shipped, ..Totals::default() };
        let mut holding =
            Holding::none(CompanyId::try_from("alibaba").unwrap(), ChipId::try_from("h200").unwrap());
        holding.by_approval.insert(one.clone(), shipped(3));
        (holding.all, holding.unattributed, holding.year) = (shipped(5), shipped(2), shipped(4));
        assert_eq!(holding.against(&one), Some(shipped(5)));
        assert_eq!(holding.against(&other), Some(shipped(2)));
        assert_eq!((holding.over(None), holding.over(Some(Period::Year))), (shipped(5), shipped(4)));
        assert_eq!(holding.over(Some(Period::Month)), Totals::default());
    }

    #[test]
    fn what_is_undone_without_an_approval_is_credited_where_it_must_be() {
        let [one, other] = ["one", "other"].map(|id| ApprovalId::try_from(id).unwrap());
        let mut holding =
            Holding::none(CompanyId::try_from("alibaba").unwrap(), ChipId::try_from("h200").unwrap());
        let moved = |ordered, shipped| Totals { ordered, shipped, ..Totals::default() };
        let undone = |cancelled, returned| Totals { cancelled, returned, ..Totals::default() };
        let net = |holding: &Holding, approval| {
            let totals = holding.against(approval).unwrap();
            (totals.ordered_net(), totals.used())
        };
        // It could undo nothing else.
        holding.by_approval.insert(one.clone(), moved(100, 90));
        holding.unattributed = undone(30, 20);
        assert_eq!(net(&holding, &one), (70, 70));
        assert_eq!(net(&holding, &other), (0, 0));
        // It first undoes movements that name none either.
        holding.unattributed = moved(10, 15).plus(undone(30, 20)).unwrap();
        assert_eq!(net(&holding, &one), (80, 85));
        assert_eq!(net(&holding, &other), (0, 0));
        holding.unattributed = moved(40, 25).plus(undone(30, 20)).unwrap();
        assert_eq!(net(&holding, &one), (110, 95));
        // It may belong to the other approval, as far as that has movements.
        holding.by_approval.insert(other.clone(), moved(25, 40));
        holding.unattributed = undone(30, 20);
        assert_eq!(net(&holding, &one), (95, 90));
        assert_eq!(net(&holding, &other), (25, 40));
        // A movement that names an approval is credited to that one alone, whatever it undoes.
        holding.by_approval.remove(&other);
        holding.by_approval.insert(one.clone(), undone(5, 3));
        holding.unattributed = moved(40, 25).plus(undone(30, 20)).unwrap();
        assert_eq!(net(&holding, &one), (5, 2));
    }
}
