//! Writes that the rules refuse, given what is on record.

use std::fmt;

use super::fault::Faults;
use super::id::{StageId, WorkflowId};
use super::judgement::{Headroom, Reason};
use super::thing::ThingRef;

/// A transition that the workflow does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IllegalMove {
    /// The workflow.
    pub workflow: WorkflowId,
    /// The stage it would leave.
    pub stage: StageId,
    /// The stage it would enter.
    pub to: StageId,
    /// The stage accepted after it, if any.
    pub before: Option<StageId>,
    /// The stages that may be entered instead.
    pub legal: Vec<StageId>,
}

impl fmt::Display for IllegalMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no move from `{}` to `{}`", self.workflow, self.stage, self.to)?;
        if let Some(before) = &self.before {
            write!(f, " and on to `{before}`, which is accepted after it")?;
        }
        Ok(())
    }
}

/// A write that the rules refuse; none of it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The workflow does not allow the transition.
    IllegalMove(IllegalMove),
    /// The id belonged to a retired thing; ids are never reused.
    Retired(ThingRef),
    /// Something on record refers to the thing, so it cannot be retired.
    InUse {
        /// The thing to be retired.
        thing: ThingRef,
        /// Some of the things that refer to it.
        by: Vec<ThingRef>,
    },
    /// The input refers to things that are not on record.
    Dangling(Faults),
    /// A workflow would lose stages that approvals have been at.
    StageInUse {
        /// The stages.
        stages: Vec<StageId>,
        /// Some of the approvals that have been at them.
        by: Vec<ThingRef>,
    },
    /// A workflow would lack a move that an approval has made.
    MoveInUse {
        /// The move.
        illegal: IllegalMove,
        /// The approval.
        by: ThingRef,
    },
    /// The content of a movement cannot change, nor that of a transition except its retraction.
    Fixed(Faults),
    /// An order or shipment would break limits and gives no reason.
    OverLimit {
        /// How many units all limits allow.
        headroom: Headroom,
        /// The limits it would break.
        limits: Vec<Reason>,
    },
    /// More units would be cancelled, or returned, than are ordered or shipped and not undone yet.
    ExceedsLedger(Faults),
    /// Another movement of the company and kind has the same external reference and other content.
    ExternalRefTaken {
        /// The movement on record.
        by: ThingRef,
        /// The fields in which the two differ.
        differences: Faults,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IllegalMove(illegal) => illegal.fmt(f),
            Self::Retired(thing) => write!(f, "{thing} was retired, and ids are never used again"),
            Self::InUse { thing, by } => write!(f, "{thing} is referred to by {}", listed(by)),
            Self::Dangling(faults) => write!(f, "something it refers to is not on record: {faults}"),
            Self::StageInUse { stages, by } => {
                let stages: Vec<&str> = stages.iter().map(StageId::as_str).collect();
                write!(
                    f,
                    "stages that approvals have been at would be missing: {}; see {}",
                    stages.join(", "),
                    listed(by)
                )
            }
            Self::MoveInUse { illegal, by } => {
                write!(f, "{by} has made a move that would be missing: {illegal}")
            }
            Self::Fixed(faults) => write!(f, "what was accepted does not change: {faults}"),
            Self::OverLimit { headroom, limits } => {
                match headroom.units {
                    None | Some(0) => f.write_str("no unit is available")?,
                    Some(1) => f.write_str("1 unit is available")?,
                    Some(units) => write!(f, "{units} units are available")?,
                }
                limits.iter().try_for_each(|limit| told(f, limit))
            }
            Self::ExceedsLedger(faults) => write!(f, "more would be undone than was done: {faults}"),
            Self::ExternalRefTaken { by, differences } => {
                write!(f, "{by} has the same external reference and says something else: {differences}")
            }
        }
    }
}

/// Writes a broken limit: what sets it, and the resulting count.
fn told(f: &mut fmt::Formatter<'_>, limit: &Reason) -> fmt::Result {
    f.write_str("; ")?;
    if let Some(subject) = &limit.subject {
        write!(f, "{subject}: ")?;
    }
    f.write_str(limit.detail.trim_end_matches('.'))
}

fn listed(things: &[ThingRef]) -> String {
    let named: Vec<String> = things.iter().map(ToString::to_string).collect();
    named.join(", ")
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::judgement::{Effect, ReasonCode};
    use crate::domain::thing::Kind;

    fn limit(kind: Kind, id: &str) -> Reason {
        Reason {
            code: ReasonCode::OverLimit,
            effect: Effect::Blocks,
            gate: None,
            authority: None,
            subject: Some(ThingRef::new(kind, id)),
            detail: "The count would come to 9, of at most 5.".to_owned(),
            evidence: Vec::new(),
            remedy: String::new(),
        }
    }

    #[test]
    fn every_limit_that_would_be_broken_is_named() {
        for (units, limits, told) in [
            (
                Some(1),
                vec![limit(Kind::Condition, "cap")],
                "1 unit is available; condition `cap`: The count would come to 9, of at most 5",
            ),
            (
                Some(0),
                vec![limit(Kind::Condition, "cap"), limit(Kind::Approval, "case")],
                "no unit is available; condition `cap`: The count would come to 9, of at most 5; \
                 approval `case`: The count would come to 9, of at most 5",
            ),
            (Some(4), Vec::new(), "4 units are available"),
        ] {
            let headroom = Headroom { units, ..Headroom::default() };
            assert_eq!(Refusal::OverLimit { headroom, limits }.to_string(), told);
        }
    }
}
