//! The state of an open case, and whether it permits the activity.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::id::StageId;
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::workflow::{Activity, Workflow};

use super::answer::{Effect, Reason, ReasonCode};
use super::context::{Context, Detail};

/// A reason whose subject is a case.
pub(super) fn about(
    context: &Context<'_>,
    case: &CaseOn,
    (code, effect): (ReasonCode, Effect),
    (detail, remedy): (String, String),
) -> Reason {
    let authority = &case.approval.authority;
    Reason {
        code,
        effect,
        gate: context.gate_of(authority),
        authority: Some(authority.clone()),
        subject: Some(ThingRef::new(Kind::Approval, case.approval.id.as_str())),
        detail,
        evidence: context.wording.evidence(&case.evidence),
        remedy,
    }
}

/// The reasons that an open case's state gives for or against the activity.
pub(super) fn reasons(context: &Context<'_>, case: &CaseOn) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut tell = |what, words| reasons.push(about(context, case, what, words));
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let stage = &case.standing.stage;
    let activity = context.question.activity;
    if let Some(from) = case.approval.valid_from.filter(|from| context.question.valid_at < *from) {
        tell(
            (ReasonCode::NotYetValid, Effect::Blocks),
            (
                words(format_args!("The approval is valid from {from} on.")),
                words(format_args!("Ask for a time from {from} on.")),
            ),
        );
    }
    // A stage missing from the workflow permits nothing.
    if !context.dossier.records.stage_of(case).is_some_and(|stage| stage.permits.contains(&activity)) {
        tell(
            (ReasonCode::StageDoesNotPermit, Effect::Blocks),
            (
                words(format_args!("The case is at `{stage}`, which does not permit to {activity}.")),
                way_out(context, case),
            ),
        );
    } else if context.rests_on_stale(&case.evidence) {
        tell(
            (ReasonCode::SourceStale, Effect::LeavesOpen),
            (
                words(format_args!(
                    "That the case is at `{stage}` rests on sources past their freshness limit."
                )),
                words(format_args!("Check one of the sources again.")),
            ),
        );
    }
    if case.standing.disputed {
        tell(
            (ReasonCode::Disputed, Effect::Advises),
            (
                words(format_args!("An open report names another stage than `{stage}`.")),
                words(format_args!("Accept what the report says as a transition, or settle the report.")),
            ),
        );
    }
    reasons
}

fn way_out(context: &Context<'_>, case: &CaseOn) -> String {
    if context.wording == Detail::CodesOnly {
        return String::new();
    }
    let activity = context.question.activity;
    let workflow = context.dossier.records.workflow_of(case);
    let stages =
        workflow.map(|workflow| permitting(workflow, &case.standing.stage, activity)).unwrap_or_default();
    if stages.is_empty() {
        return format!(
            "No stage that permits to {activity} can be reached from `{}`; a case filed anew may reach one.",
            case.standing.stage
        );
    }
    let stages: Vec<String> = stages.into_iter().map(|stage| format!("`{stage}`")).collect();
    format!("The case must reach a stage that permits to {activity}: {}.", stages.join(", "))
}

/// The stages that permit an activity and can be reached from a stage, in workflow order.
fn permitting<'a>(workflow: &'a Workflow, from: &'a StageId, activity: Activity) -> Vec<&'a StageId> {
    let mut reached = BTreeSet::from([from]);
    let mut ahead = vec![from];
    while let Some(stage) = ahead.pop() {
        ahead.extend(workflow.successors(stage).filter(|next| reached.insert(next)));
    }
    let permitting = workflow.stages.iter().filter(|stage| stage.permits.contains(&activity));
    permitting.map(|stage| &stage.id).filter(|id| reached.contains(id)).collect()
}
