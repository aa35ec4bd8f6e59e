//! Approvals: one company's case, for one chip, at one authority.

use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{ApprovalId, AuthorityId, ChipId, CompanyId, StageId};
use super::number::Units;
use super::text::{Note, Reference};
use super::time::{Date, Moment};
use super::vocabulary::vocabulary;

vocabulary! {
    /// What a quantity on an approval stands for.
    QuantityRole {
        /// What the company is said to want.
        Interest = "interest",
        /// What it asked for.
        Requested = "requested",
        /// What the authority allowed: a limit on what is shipped under the approval.
        Authorised = "authorised",
    }
}

vocabulary! {
    /// How a number stands to the truth.
    Comparator {
        /// Just that many.
        Exact = "exact",
        /// Roughly that many.
        About = "about",
        /// More than that.
        MoreThan = "more_than",
        /// That many or more.
        AtLeast = "at_least",
        /// That many or fewer.
        UpTo = "up_to",
        /// Fewer than that.
        LessThan = "less_than",
    }
}

/// A number of units that an approval speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// What it stands for.
    pub role: QuantityRole,
    /// How the number stands to the truth.
    pub comparator: Comparator,
    /// The number.
    pub units: Units,
    /// On whose word.
    pub citations: Vec<Citation>,
}

/// One company's case, for one chip, at one authority, as its keeper writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The buyer.
    pub company: CompanyId,
    /// The chip.
    pub chip: ChipId,
    /// The authority that decides.
    pub authority: AuthorityId,
    /// Who exports, where a licence belongs to one exporter.
    pub exporter: Option<CompanyId>,
    /// The authority's own number for the case.
    pub reference: Option<Reference>,
    /// The numbers it speaks of.
    pub quantities: Vec<Quantity>,
    /// From when it holds.
    pub valid_from: Option<Moment>,
    /// Until when it holds; the moment itself is no longer covered.
    pub valid_until: Option<Moment>,
    /// The earlier case this one takes the place of.
    pub supersedes: Option<ApprovalId>,
    /// Anything else worth knowing.
    pub note: Option<Note>,
}

impl Approval {
    /// What contradicts itself in the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.supersedes.as_ref() == Some(&self.id) {
            faults.add(
                "/supersedes",
                FaultCode::Inconsistent,
                "an approval cannot supersede itself",
            );
        }
        if ends_before_it_begins(self.valid_from, self.valid_until) {
            faults.add(
                "/valid_until",
                FaultCode::Inconsistent,
                "must lie after valid_from",
            );
        }
        faults
    }
}

/// Whether a span of time has its end at or before its beginning.
#[must_use]
pub fn ends_before_it_begins(from: Option<Moment>, until: Option<Moment>) -> bool {
    matches!((from, until), (Some(from), Some(until)) if until <= from)
}

/// Where a case stands: never written by hand, always what its transitions and reports make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stage in effect.
    pub stage: StageId,
    /// The date it took effect; `None` for the stage a case begins in.
    pub since: Option<Date>,
    /// Whether an open report names another stage.
    pub disputed: bool,
}

/// An approval together with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The approval as its keeper writes it.
    pub approval: Approval,
    /// Where it stands.
    pub standing: Standing,
}
