//! The answer: a verdict, and everything it rests on.

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
    /// What the answer comes down to, from the worst to the best.
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
    /// What a reason does to the verdict.
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
    /// What a condition comes to in a question.
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
    /// Which.
    pub code: ReasonCode,
    /// What it does to the verdict.
    pub effect: Effect,
    /// The gate it arises at.
    pub gate: Option<Gate>,
    /// The authority it arises at.
    pub authority: Option<AuthorityId>,
    /// What on record it rests on.
    pub subject: Option<ThingRef>,
    /// What is the matter, for a person.
    pub detail: String,
    /// On whose word.
    pub evidence: Vec<Citation>,
    /// What would change it, for a person.
    pub remedy: String,
}

impl Reason {
    /// What reasons are ordered by: effect, gates before conditions, then what they are about.
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

/// How a gate stands: one finding for each approval that counts there, or one without an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateFinding {
    /// The side of the sale.
    pub gate: Gate,
    /// Whose gate it is.
    pub jurisdiction: Jurisdiction,
    /// The authority asked.
    pub authority: Option<AuthorityId>,
    /// The approval that counts.
    pub approval: Option<ApprovalId>,
    /// The stage it is at.
    pub stage: Option<StageId>,
    /// What that stage means.
    pub phase: Option<Phase>,
    /// The date the stage took effect.
    pub since: Option<Date>,
    /// Whether an open report names another stage.
    pub disputed: bool,
}

/// What one condition comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The condition.
    pub condition: ConditionId,
    /// Its kind.
    pub kind: ConditionKind,
    /// How strongly it binds.
    pub force: Force,
    /// Whether it counts.
    pub status: ConditionStatus,
    /// What it comes to.
    pub outcome: Outcome,
    /// Why, for a person.
    pub detail: String,
}

/// How many units no limit stands in the way of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headroom {
    /// The greatest number for which no known, required limit in force is broken; `None` if there is no such limit.
    pub units: Option<i64>,
    /// The condition or approval that sets it.
    pub limited_by: Option<ThingRef>,
    /// Limits in force that have no number to hold anything against.
    pub unset: Vec<ThingRef>,
}

/// The four figures of a company and a chip, always together.
///
/// What is reserved and used is the pair's own, over all time. What is available is what the tightest limit on
/// orders leaves; it is negative where that limit is broken already. A share is told as the units it comes to.
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
    /// What it comes down to.
    pub verdict: Verdict,
    /// How each gate stands, export first.
    pub gates: Vec<GateFinding>,
    /// Why: what blocks, then what leaves open, then what advises.
    pub reasons: Vec<Reason>,
    /// Every condition in scope, by id.
    pub conditions: Vec<Evaluation>,
    /// How many units no limit stands in the way of.
    pub headroom: Headroom,
    /// The four figures.
    pub figures: Figures,
    /// The sources past their freshness limit among those the answer rests on.
    pub stale: Vec<SourceId>,
}

/// The answer to a question as far as the board shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// What it comes down to.
    pub verdict: Verdict,
    /// How each gate stands, export first.
    pub gates: Vec<GateFinding>,
    /// Why: each reason once, the weightiest first.
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

/// The codes of reasons, each once.
pub(super) fn codes(reasons: &[Reason]) -> Vec<ReasonCode> {
    let mut codes = Vec::new();
    for reason in reasons {
        if !codes.contains(&reason.code) {
            codes.push(reason.code);
        }
    }
    codes
}
