//! Evaluates the conditions in scope, and their effects on the verdict.

use std::fmt;

use crate::domain::condition::{Condition, ConditionStatus, Force};
use crate::domain::id::AuthorityId;
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};

use super::answer::{Effect, Evaluation, Outcome, Reason, ReasonCode};
use super::context::Context;
use super::terms::{Finding, found};

/// The conditions in scope, given the approvals that count, by id, in force or not.
pub(super) fn governing<'a>(context: &Context<'a>, counting: &[&CaseOn]) -> Vec<&'a Condition> {
    let records = context.dossier.records;
    let mut governing: Vec<&Condition> = counting
        .iter()
        .flat_map(|case| records.conditions_on(&case.approval.id))
        .chain(context.dossier.conditions(context.authorities()))
        .filter(|condition| context.governs(&condition.scope, counting))
        .collect();
    governing.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    governing
}

/// Evaluates a condition in scope and returns the reason it gives, if any.
pub(super) fn judged(context: &Context<'_>, condition: &Condition) -> (Evaluation, Option<Reason>) {
    let in_force = condition.is_in_force(context.question.valid_at);
    let finding = if in_force {
        found(context, condition)
    } else {
        Finding::not_applicable(not_in_force(context, condition))
    };
    let evaluation = Evaluation {
        condition: condition.id.clone(),
        kind: condition.terms.kind(),
        force: condition.force,
        status: condition.status,
        outcome: finding.outcome,
        detail: finding.detail.clone(),
    };
    let reason = consequence(condition.force, &finding)
        .map(|(code, effect)| told(context, condition, (code, effect), finding));
    (evaluation, reason)
}

/// Why a condition in scope does not apply at the time asked about.
fn not_in_force(context: &Context<'_>, condition: &Condition) -> String {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let asked = context.question.valid_at;
    match (condition.status, condition.in_force_from, condition.in_force_until) {
        (ConditionStatus::Proposed, _, _) => words(format_args!("It is only proposed.")),
        (ConditionStatus::Waived, _, _) => words(format_args!("It was waived.")),
        (ConditionStatus::InForce, Some(from), _) if asked < from => {
            words(format_args!("It is in force from {from} on, which is after the time asked about."))
        }
        (ConditionStatus::InForce, _, Some(until)) => {
            words(format_args!("It was in force until {until}, which is not after the time asked about."))
        }
        (ConditionStatus::InForce, _, None) => String::new(),
    }
}

/// The reason a finding gives and its effect. A condition that may come to bind leaves the answer open.
fn consequence(force: Force, finding: &Finding) -> Option<(ReasonCode, Effect)> {
    let code = match finding.outcome {
        // A payment is always met and always reported.
        Outcome::Met => return finding.code.map(|code| (code, Effect::Advises)),
        Outcome::NotApplicable => return None,
        Outcome::Unmet => finding.code.unwrap_or(ReasonCode::ConditionUnmet),
        Outcome::Unknown => finding.code.unwrap_or(ReasonCode::ConditionUnknown),
    };
    let effect = match (force, finding.outcome) {
        (Force::Encouraged, _) => Effect::Advises,
        (Force::Required, Outcome::Unmet) => Effect::Blocks,
        (Force::Required | Force::MayBeRequired, _) => Effect::LeavesOpen,
    };
    Some((code, effect))
}

fn told(
    context: &Context<'_>,
    condition: &Condition,
    (code, effect): (ReasonCode, Effect),
    finding: Finding,
) -> Reason {
    let authority = authority_of(context, condition);
    Reason {
        code,
        effect,
        gate: authority.and_then(|authority| context.gate_of(authority)),
        authority: authority.cloned(),
        subject: Some(ThingRef::new(Kind::Condition, condition.id.as_str())),
        detail: finding.detail,
        evidence: context.wording.evidence(&condition.citations),
        remedy: finding.remedy,
    }
}

/// The authority in a condition's scope, or that of the approval in its scope.
pub(super) fn authority_of<'a>(context: &Context<'a>, condition: &'a Condition) -> Option<&'a AuthorityId> {
    let scope = &condition.scope;
    let by_approval = || context.dossier.case(scope.approval.as_ref()?).map(|case| &case.approval.authority);
    scope.authority.as_ref().or_else(by_approval)
}
