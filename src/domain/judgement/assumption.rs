//! Assumptions: facts that a what-if puts in the place of those on record.

use crate::domain::condition::ConditionStatus;
use crate::domain::id::{ApprovalId, ConditionId, StageId};
use crate::domain::number::{Fraction, Units};
use crate::domain::time::Date;

/// One fact assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// A case is at another stage.
    Stage {
        /// The case.
        approval: ApprovalId,
        /// The stage of its workflow.
        stage: StageId,
    },
    /// A condition reads differently.
    Condition {
        /// The condition.
        condition: ConditionId,
        /// What is different.
        change: Change,
    },
}

/// What is assumed of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The least share of a `domestic_share`.
    Minimum(Fraction),
    /// The greatest number of a `unit_cap`.
    Maximum(Units),
    /// The day a `requirement` or `other` was met.
    MetOn(Date),
    /// Whether the condition counts.
    Status(ConditionStatus),
}
