//! Movements: the append-only ledger of what is ordered, cancelled, shipped, delivered and returned.

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

/// One entry of the ledger. It is never edited: what was entered wrongly is set right by another entry.
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
    /// What happened.
    pub kind: MovementKind,
    /// To how many units.
    pub units: Units,
    /// Whether the number is only roughly known.
    pub approximate: bool,
    /// When it happened.
    pub occurred_on: Date,
    /// The number that somebody else's books give it: one movement per company and kind.
    pub external_ref: Option<Reference>,
    /// What the chips are for.
    pub end_use: Option<Name>,
    /// Who uses them.
    pub end_user: Option<Name>,
    /// Where they go.
    pub destination: Option<Jurisdiction>,
    /// Why a limit was broken knowingly.
    pub overage_reason: Option<Note>,
    /// On whose word.
    pub citations: Vec<Citation>,
}

impl Movement {
    /// What contradicts itself in the record.
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

    /// Whether another entry says the same, under whatever id.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        Self { id: other.id.clone(), ..self.clone() } == *other
    }
}
