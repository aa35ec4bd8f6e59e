//! The answer: a verdict and everything it is based on.

use crate::domain::authority::Gate;
use crate::domain::citation::Citation;
use crate::domain::condition::{ConditionKind, ConditionStatus, Force};
use crate::domain::id::{ApprovalId, AuthorityId, ConditionId, SourceId, StageId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Date;
use crate::domain::vocabulary::vocabulary;
use crate::domain::workflow::Phase;

vocabulary! {
    /// The verdict of an answer, from the worst to the best.
    Verdict {
        /// Something stands in the way.
        No = "no",
        /// Nothing known stands in the way, but something needed is not known.
        Unknown = "unknown",
        /// Everything needed is known and there.
        Yes = "yes",
    }
}

vocabulary! {
    /// The effect of a reason on the verdict.
    Effect {
        /// It makes it `no`.
        Blocks = "blocks",
        /// It keeps it from being `yes`.
        LeavesOpen = "leaves_open",
        /// It leaves it as it is.
        Advises = "advises",
    }
}

vocabulary! {
    /// The closed list of reasons.
    ReasonCode {
        /// No authority that guards the gate is on record.
        NoAuthority = "no_authority",
        /// The company has no case for the chip at the gate.
        NoRecord = "no_record",
        /// The cases at the gate are over; this was the last.
        ApprovalEnded = "approval_ended",
        /// The approvals at the gate are past their validity; this was the last.
        ApprovalExpired = "approval_expired",
        /// The approval's validity is still to begin.
        NotYetValid = "not_yet_valid",
        /// The case is at a stage that does not permit the activity.
        StageDoesNotPermit = "stage_does_not_permit",
        /// An open report names another stage than the one accepted.
        Disputed = "disputed",
        /// A condition is not met.
        ConditionUnmet = "condition_unmet",
        /// Whether a condition is met is not known.
        ConditionUnknown = "condition_unknown",
        /// The activity is ruled out.
        Prohibited = "prohibited",
        /// A known limit would be broken.
        OverLimit = "over_limit",
        /// Money is due.
        PaymentDue = "payment_due",
        /// What speaks in favour rests on nothing but sources past their freshness limit.
        SourceStale = "source_stale",
    }
}

vocabulary! {
    /// The outcome of a condition for a question.
    Outcome {
        /// It is met.
        Met = "met",
        /// It is not.
        Unmet = "unmet",
        /// Nobody can say.
        Unknown = "unknown",
        /// It does not bear on the question.
        NotApplicable = "not_applicable",
    }
}

/// One reason for the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its code.
    pub code: ReasonCode,
    /// Its effect on the verdict.
    pub effect: Effect,
    /// The gate where it arises.
    pub gate: Option<Gate>,
    /// The authority where it arises.
    pub authority: Option<AuthorityId>,
    /// The thing on record it is based on.
    pub subject: Option<ThingRef>,
    /// The explanation, for a person.
    pub detail: String,
    /// The citations behind it.
    pub evidence: Vec<Citation>,
    /// What would resolve it, for a person.
    pub remedy: String,
}

impl Reason {
    /// The sort key: effect, gates before conditions, then subject.
    pub(super) fn rank(&self) -> impl Ord + '_ {
        let subject = self.subject.as_ref();
        let place = match (subject.map(|thing| thing.kind), self.gate) {
            (Some(Kind::Condition), _) | (_, None) => 2,
            (_, Some(Gate::Import)) => 1,
            (_, Some(Gate::Export)) => 0,
        };
        (self.effect, place, subject.map(|thing| &thing.id), &self.authority, self.code)
    }
}

/// The state of a gate: one finding per approval that counts there, or one without an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateFinding {
    /// The side of the sale.
    pub gate: Gate,
    /// The jurisdiction whose gate it is.
    pub jurisdiction: Jurisdiction,
    /// The authority asked.
    pub authority: Option<AuthorityId>,
    /// The approval that counts.
    pub approval: Option<ApprovalId>,
    /// The stage it is at.
    pub stage: Option<StageId>,
    /// The phase of that stage.
    pub phase: Option<Phase>,
    /// The date the stage took effect.
    pub since: Option<Date>,
    /// Whether an open report names another stage.
    pub disputed: bool,
}

/// The evaluation of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The condition.
    pub condition: ConditionId,
    /// Its kind.
    pub kind: ConditionKind,
    /// Its force.
    pub force: Force,
    /// Whether it counts.
    pub status: ConditionStatus,
    /// Its outcome.
    pub outcome: Outcome,
    /// The explanation, for a person.
    pub detail: String,
}

/// How many units the limits allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headroom {
    /// The most units that break no known, required limit in force; `None` if there is no such limit.
    pub units: Option<i64>,
    /// The condition or approval that sets it.
    pub limited_by: Option<ThingRef>,
    /// Limits in force without a known number.
    pub unset: Vec<ThingRef>,
}

/// The four figures of a company and a chip.
///
/// Reserved and used units are counted over all time. Available units are what the tightest limit on orders
/// leaves, negative if that limit is broken already. A share is converted to units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What the tightest known, required limit in force allows; `None` if there is no such limit.
    pub authorised: Option<i64>,
    /// Ordered, and neither cancelled nor shipped.
    pub reserved: i64,
    /// Shipped, net of returns.
    pub used: i64,
    /// What that limit leaves for orders.
    pub available: Option<i64>,
    /// The condition or approval that sets it.
    pub limited_by: Option<ThingRef>,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// The state of each gate, export first.
    pub gates: Vec<GateFinding>,
    /// The reasons: blocking, then leaving open, then advising.
    pub reasons: Vec<Reason>,
    /// Every condition in scope, by id.
    pub conditions: Vec<Evaluation>,
    /// How many units the limits allow.
    pub headroom: Headroom,
    /// The four figures.
    pub figures: Figures,
    /// The stale sources among those the answer is based on.
    pub stale: Vec<SourceId>,
}

/// The abridged answer that the board shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The verdict.
    pub verdict: Verdict,
    /// The state of each gate, export first.
    pub gates: Vec<GateFinding>,
    /// The reason codes, without duplicates, the most important first.
    pub reasons: Vec<ReasonCode>,
    /// The four figures.
    pub figures: Figures,
}

impl From<Answer> for Glance {
    fn from(answer: Answer) -> Self {
        let Answer { verdict, gates, figures, .. } = answer;
        Self { verdict, gates, reasons: codes(&answer.reasons), figures }
    }
}

/// The codes of reasons, without duplicates.
pub(super) fn codes(reasons: &[Reason]) -> Vec<ReasonCode> {
    let mut codes = Vec::new();
    for reason in reasons {
        if !codes.contains(&reason.code) {
            codes.push(reason.code);
        }
    }
    codes
}
