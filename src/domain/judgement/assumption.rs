//! Assumptions: facts that replace those on record in a what-if.

use crate::domain::approval::Standing;
use crate::domain::condition::{Condition, ConditionKind, ConditionStatus, Terms};
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::{ApprovalId, ConditionId, StageId};
use crate::domain::number::{Fraction, Units};
use crate::domain::records::{Dossier, Records};
use crate::domain::time::Date;

use super::answer::Answer;
use super::judge;
use super::question::Question;

/// An assumed fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// A case is at another stage.
    Stage {
        /// The case.
        approval: ApprovalId,
        /// The stage of its workflow.
        stage: StageId,
    },
    /// A condition has another value.
    Condition {
        /// The condition.
        condition: ConditionId,
        /// The change.
        change: Change,
    },
}

/// A change assumed of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The minimum of a `domestic_share`.
    Minimum(Fraction),
    /// The maximum of a `unit_cap`.
    Maximum(Units),
    /// The day a `requirement` or `other` was met.
    MetOn(Date),
    /// Whether the condition counts.
    Status(ConditionStatus),
}

impl Change {
    /// The field of an assumption that holds this change.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Minimum(_) => "minimum",
            Self::Maximum(_) => "maximum",
            Self::MetOn(_) => "met_on",
            Self::Status(_) => "status",
        }
    }

    fn fits(self, kind: ConditionKind) -> bool {
        match self {
            Self::Minimum(_) => kind == ConditionKind::DomesticShare,
            Self::Maximum(_) => kind == ConditionKind::UnitCap,
            Self::MetOn(_) => matches!(kind, ConditionKind::Requirement | ConditionKind::Other),
            Self::Status(_) => true,
        }
    }

    fn apply(self, condition: &mut Condition) {
        match (self, &mut condition.terms) {
            (Self::Minimum(share), Terms::DomesticShare { minimum, .. }) => *minimum = Some(share),
            (Self::Maximum(units), Terms::UnitCap { maximum, .. }) => *maximum = Some(units),
            (Self::MetOn(day), _) => {
                condition.met_on = Some(day);
                // An assumption has no source that could be stale.
                condition.citations = Vec::new();
            }
            (Self::Status(status), _) => condition.status = status,
            // A parameter that the kind does not have was rejected before.
            (Self::Minimum(_) | Self::Maximum(_), _) => {}
        }
    }
}

impl Assumption {
    /// Whether both are about the same fact.
    fn concerns_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stage { approval: one, .. }, Self::Stage { approval: other, .. }) => one == other,
            (
                Self::Condition { condition: one, change: this },
                Self::Condition { condition: other, change: that },
            ) => one == other && this.field() == that.field(),
            _ => false,
        }
    }

    fn check(&self, dossier: &Dossier<'_>, pointer: &str, faults: &mut Faults) {
        match self {
            Self::Stage { approval, stage } => {
                let Some(case) = dossier.case(approval) else {
                    return faults.add(
                        format!("{pointer}/approval"),
                        FaultCode::NoSuchThing,
                        format!("no approval `{approval}` of this company and chip is on record"),
                    );
                };
                let workflow = dossier.records.workflow_of(case);
                if workflow.is_none_or(|workflow| workflow.stage(stage).is_none()) {
                    faults.add(
                        format!("{pointer}/stage"),
                        FaultCode::NoSuchThing,
                        format!("the workflow of the approval has no stage `{stage}`"),
                    );
                }
            }
            Self::Condition { condition, change } => {
                let known = dossier.records.condition(condition);
                let Some(known) = known.filter(|known| dossier.is_within(&known.scope)) else {
                    return faults.add(
                        format!("{pointer}/condition"),
                        FaultCode::NoSuchThing,
                        format!(
                            "no condition `{condition}` that can govern this company and chip is on record"
                        ),
                    );
                };
                let (kind, field) = (known.terms.kind(), change.field());
                if !change.fits(kind) {
                    faults.add(
                        format!("{pointer}/{field}"),
                        FaultCode::Inconsistent,
                        format!("a `{kind}` has no `{field}` to assume"),
                    );
                }
            }
        }
    }

    fn apply(&self, records: &mut Records, question: &Question) {
        match self {
            Self::Stage { approval, stage } => {
                if let Some(case) = records.case_mut(&question.company, &question.chip, approval) {
                    let since = Some(question.valid_at.date());
                    case.standing = Standing { stage: stage.clone(), since, disputed: false };
                    case.evidence = Vec::new();
                }
            }
            Self::Condition { condition, change } => {
                if let Some(condition) = records.condition_mut(condition) {
                    change.apply(condition);
                }
            }
        }
    }
}

/// The answer to a what-if.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supposed {
    /// The answer with everything assumed.
    pub answer: Answer,
    /// For each assumption, whether it decides: without it, or with it alone, the verdict changes.
    pub decided: Vec<bool>,
}

/// Answers a question with assumptions, and finds out which of them decide.
///
/// # Errors
///
/// [`Faults`] at `/assume/…` for assumptions about something not on record for the pair, a parameter the
/// condition's kind does not have, or a stage the workflow lacks, and for two about the same fact.
pub fn suppose(
    dossier: &Dossier<'_>,
    question: &Question,
    assumptions: &[Assumption],
) -> Result<Supposed, Faults> {
    let mut faults = Faults::default();
    for (index, assumption) in assumptions.iter().enumerate() {
        let pointer = format!("/assume/{index}");
        assumption.check(dossier, &pointer, &mut faults);
        let earlier = assumptions.iter().take(index);
        if earlier.into_iter().any(|earlier| earlier.concerns_the_same_as(assumption)) {
            faults.add(pointer, FaultCode::Repeated, "something is assumed of this already");
        }
    }
    faults.or(())?;
    if assumptions.is_empty() {
        return Ok(Supposed { answer: judge(dossier, question), decided: Vec::new() });
    }
    let answer = judge_with(dossier, question, assumptions.iter());
    let on_record = judge(dossier, question).verdict;
    let decided = assumptions.iter().enumerate().map(|(place, assumption)| {
        let others = assumptions.iter().enumerate().filter(|(index, _)| *index != place);
        let others = judge_with(dossier, question, others.map(|(_, assumption)| assumption));
        // If either of two suffices, omitting one changes nothing, yet both decide.
        let is_enough =
            || judge_with(dossier, question, std::iter::once(assumption)).verdict == answer.verdict;
        others.verdict != answer.verdict || (on_record != answer.verdict && is_enough())
    });
    Ok(Supposed { decided: decided.collect(), answer })
}

fn judge_with<'q>(
    dossier: &Dossier<'_>,
    question: &Question,
    assumptions: impl Iterator<Item = &'q Assumption>,
) -> Answer {
    let mut records = dossier.records.clone();
    for assumption in assumptions {
        assumption.apply(&mut records, question);
    }
    judge(&Dossier { records: &records, ..*dossier }, question)
}
