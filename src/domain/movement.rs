//! Movements: the append-only ledger of orders, cancellations, shipments, deliveries and returns.

use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{ApprovalId, ChipId, CompanyId, MovementId};
use super::jurisdiction::Jurisdiction;
use super::number::Units;
use super::text::{Name, Note, Reference};
use super::time::Date;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What happened to some units of a chip.
    MovementKind {
        /// They were ordered.
        Order = "order",
        /// An order for them was cancelled.
        Cancellation = "cancellation",
        /// They left for the buyer.
        Shipment = "shipment",
        /// They arrived.
        Delivery = "delivery",
        /// They were sent back.
        Return = "return",
    }
}

/// An entry of the ledger. It is never edited: a wrong entry is corrected by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// The buyer.
    pub company: CompanyId,
    /// The chip.
    pub chip: ChipId,
    /// The approval it draws on; it counts against every open approval of the pair if it names none.
    pub approval: Option<ApprovalId>,
    /// The kind of movement.
    pub kind: MovementKind,
    /// The number of units.
    pub units: Units,
    /// Whether the number is approximate.
    pub approximate: bool,
    /// The date of the movement.
    pub occurred_on: Date,
    /// The number in another party's books, unique per company and kind.
    pub external_ref: Option<Reference>,
    /// The end use of the chips.
    pub end_use: Option<Name>,
    /// The end user of the chips.
    pub end_user: Option<Name>,
    /// The destination of the chips.
    pub destination: Option<Jurisdiction>,
    /// The reason for knowingly breaking a limit.
    pub overage_reason: Option<Note>,
    /// The evidence.
    pub citations: Vec<Citation>,
}

impl Movement {
    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        let limited = matches!(self.kind, MovementKind::Order | MovementKind::Shipment);
        if self.overage_reason.is_some() && !limited {
            faults.add(
                "/overage_reason",
                FaultCode::Inconsistent,
                "only an order or a shipment can break a limit; leave it out",
            );
        }
        faults
    }

    /// Faults of movements that cannot have happened by a day: deliveries, returns and cancellations, which
    /// free room under limits at once, must not be dated ahead.
    #[must_use]
    pub fn faults_on(&self, today: Date) -> Faults {
        let mut faults = Faults::default();
        // East of Greenwich it may be the next day already.
        let latest = today.tomorrow().unwrap_or(today);
        let is_done =
            matches!(self.kind, MovementKind::Cancellation | MovementKind::Delivery | MovementKind::Return);
        if is_done && self.occurred_on > latest {
            let detail =
                format!("must not lie after {latest}: a {} is entered once it has happened", self.kind);
            faults.add("/occurred_on", FaultCode::OutOfRange, detail);
        }
        faults
    }

    /// The fields in which another entry differs, apart from the id; empty if it is the same.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Faults {
        let mut faults = Faults::default();
        for (pointer, same) in [
            ("/company", self.company == other.company),
            ("/chip", self.chip == other.chip),
            ("/approval", self.approval == other.approval),
            ("/kind", self.kind == other.kind),
            ("/units", self.units == other.units),
            ("/approximate", self.approximate == other.approximate),
            ("/occurred_on", self.occurred_on == other.occurred_on),
            ("/external_ref", self.external_ref == other.external_ref),
            ("/end_use", self.end_use == other.end_use),
            ("/end_user", self.end_user == other.end_user),
            ("/destination", self.destination == other.destination),
            ("/overage_reason", self.overage_reason == other.overage_reason),
            ("/citations", self.citations == other.citations),
        ] {
            if !same {
                faults.add(
                    pointer,
                    FaultCode::ReadOnly,
                    "is on record with another value; a correction is another movement",
                );
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::citation::Attribution;
    use crate::domain::vocabulary::Vocabulary as _;

    fn of<T: for<'t> TryFrom<&'t str, Error = crate::domain::fault::Fault>>(text: &str) -> T {
        T::try_from(text).unwrap()
    }

    fn movement(kind: MovementKind) -> Movement {
        Movement {
            id: of("m1"),
            company: of("alibaba"),
            chip: of("h200"),
            approval: None,
            kind,
            units: Units::try_from(100).unwrap(),
            approximate: false,
            occurred_on: of("2026-01-23"),
            external_ref: None,
            end_use: None,
            end_user: None,
            destination: None,
            overage_reason: None,
            citations: Vec::new(),
        }
    }

    #[test]
    fn only_an_order_or_a_shipment_can_give_a_reason_for_an_overage() {
        for kind in MovementKind::ALL {
            let reasoned = Movement { overage_reason: Some(of("agreed")), ..movement(*kind) };
            let limited = matches!(kind, MovementKind::Order | MovementKind::Shipment);
            assert_eq!(reasoned.faults().is_empty(), limited, "{kind}");
            assert!(movement(*kind).faults().is_empty());
        }
    }

    #[test]
    fn what_is_undone_or_arrives_has_happened() {
        for kind in MovementKind::ALL {
            let movement = movement(*kind);
            let may_lie_ahead = matches!(kind, MovementKind::Order | MovementKind::Shipment);
            for (today, is_ahead) in [("2026-01-21", true), ("2026-01-22", false), ("2026-01-23", false)] {
                let faults = movement.faults_on(of(today));
                assert_eq!(faults.is_empty(), may_lie_ahead || !is_ahead, "{kind} {today}");
            }
        }
    }

    #[test]
    fn two_entries_differ_in_every_field_but_the_id() {
        let one = movement(MovementKind::Order);
        let other = Movement {
            id: of("m2"),
            company: of("tencent"),
            chip: of("h20"),
            approval: Some(of("case")),
            kind: MovementKind::Shipment,
            units: Units::try_from(101).unwrap(),
            approximate: true,
            occurred_on: of("2026-01-24"),
            external_ref: Some(of("PO-1")),
            end_use: Some(of("inference")),
            end_user: Some(of("cloud")),
            destination: Some(of("SG")),
            overage_reason: Some(of("agreed")),
            citations: vec![Citation::new(None, Attribution::OwnRecord).unwrap()],
        };
        assert_eq!(one.differences(&other).0.len(), 13);
        assert!(one.differences(&Movement { id: other.id, ..one.clone() }).is_empty());
    }
}
