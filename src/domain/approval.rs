//! Approvals: one company's case, for one chip, at one authority.

use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{ApprovalId, AuthorityId, ChipId, CompanyId, StageId};
use super::number::Units;
use super::text::{Note, Reference};
use super::time::{Date, Moment};
use super::vocabulary::vocabulary;

vocabulary! {
    /// The role of a quantity on an approval.
    QuantityRole {
        /// What the company is said to want.
        Interest = "interest",
        /// What it asked for.
        Requested = "requested",
        /// What the authority allowed. With `exact`, `up_to` and `less_than` it is a limit on what is ordered and
        /// shipped under the approval; with any other comparator only a note.
        Authorised = "authorised",
    }
}

vocabulary! {
    /// The relation of a number to the truth.
    Comparator {
        /// Just that many. What is authorised so is a limit: at most that many.
        Exact = "exact",
        /// Roughly that many. It limits nothing.
        About = "about",
        /// More than that. It limits nothing.
        MoreThan = "more_than",
        /// That many or more. It limits nothing.
        AtLeast = "at_least",
        /// That many or fewer. What is authorised so is a limit: at most that many.
        UpTo = "up_to",
        /// Fewer than that. What is authorised so is a limit: `less_than` 100 is at most 99.
        LessThan = "less_than",
    }
}

/// A number of units on an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Its role.
    pub role: QuantityRole,
    /// Its comparator.
    pub comparator: Comparator,
    /// The number.
    pub units: Units,
    /// The evidence.
    pub citations: Vec<Citation>,
}

/// One company's case, for one chip, at one authority, as written by callers.
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
    /// The exporter, if the licence is for one exporter.
    pub exporter: Option<CompanyId>,
    /// The authority's own number for the case.
    pub reference: Option<Reference>,
    /// The quantities.
    pub quantities: Vec<Quantity>,
    /// The start of its validity.
    pub valid_from: Option<Moment>,
    /// The end of its validity, exclusive.
    pub valid_until: Option<Moment>,
    /// The earlier case that this one supersedes.
    pub supersedes: Option<ApprovalId>,
    /// Anything else worth knowing.
    pub note: Option<Note>,
}

impl Approval {
    /// Whether it has the same company and chip as another one.
    #[must_use]
    pub fn is_of_the_pair_of(&self, other: &Self) -> bool {
        (&self.company, &self.chip) == (&other.company, &other.chip)
    }

    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.supersedes.as_ref() == Some(&self.id) {
            faults.add("/supersedes", FaultCode::Inconsistent, "an approval cannot supersede itself");
        }
        if ends_before_it_begins(self.valid_from, self.valid_until) {
            faults.add("/valid_until", FaultCode::Inconsistent, "must lie after valid_from");
        }
        faults
    }
}

/// Whether a time span ends at or before its start.
#[must_use]
pub fn ends_before_it_begins(from: Option<Moment>, until: Option<Moment>) -> bool {
    matches!((from, until), (Some(from), Some(until)) if until <= from)
}

/// The state of a case: derived from its transitions and reports, never written by callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stage in effect.
    pub stage: StageId,
    /// The date it took effect; `None` for the initial stage.
    pub since: Option<Date>,
    /// Whether an open report names another stage.
    pub disputed: bool,
}

/// An approval and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The approval as written by callers.
    pub approval: Approval,
    /// Its state.
    pub standing: Standing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        Approval {
            id: ApprovalId::try_from("a").unwrap(),
            company: CompanyId::try_from("alibaba").unwrap(),
            chip: ChipId::try_from("h200").unwrap(),
            authority: AuthorityId::try_from("cn-ndrc").unwrap(),
            exporter: None,
            reference: None,
            quantities: Vec::new(),
            valid_from: None,
            valid_until: None,
            supersedes: None,
            note: None,
        }
    }

    #[test]
    fn an_approval_does_not_supersede_itself() {
        for (supersedes, faults) in [(None, 0), (Some("b"), 0), (Some("a"), 1)] {
            let approval =
                Approval { supersedes: supersedes.map(|id| ApprovalId::try_from(id).unwrap()), ..approval() };
            assert_eq!(approval.faults().0.len(), faults, "{supersedes:?}");
        }
    }

    #[test]
    fn an_approval_ends_after_it_begins() {
        let [first, second] =
            ["2026-01-23", "2026-01-24"].map(|date| Moment::start_of(Date::try_from(date).unwrap()));
        for (valid_from, valid_until, faults) in [
            (None, None, 0),
            (Some(first), None, 0),
            (None, Some(first), 0),
            (Some(first), Some(second), 0),
            (Some(first), Some(first), 1),
            (Some(second), Some(first), 1),
        ] {
            let approval = Approval { valid_from, valid_until, ..approval() };
            assert_eq!(approval.faults().0.len(), faults, "{valid_from:?} {valid_until:?}");
        }
    }
}
