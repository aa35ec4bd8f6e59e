//! Transitions: accepted according to the workflow, and retracted.

use std::sync::Arc;

use super::Error;
use super::approvals::{settle_case, workflow_of};
use super::things::{Effect, Precondition, Written, check_references, needs_of_new, present, seen, written};
use crate::domain::actor::Actor;
use crate::domain::approval::Case;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::{ApprovalId, TransitionId};
use crate::domain::record::Action;
use crate::domain::refusal::Refusal;
use crate::domain::thing::{Kind, Thing as _, ThingRef};
use crate::domain::timeline::{Acceptance, Step};
use crate::domain::transition::Transition;
use crate::store::{Needs, Presence, Version, Write};

/// Accepts a transition, or finds it already on record. On record, only its retraction can change.
///
/// # Errors
///
/// [`Refusal::IllegalMove`] if the workflow has no such move between its neighbours, [`Refusal::Fixed`] if it
/// is on record with other content; any other [`Error`].
pub async fn put(
    write: &mut Write,
    actor: &Actor,
    transition: Transition,
    precondition: &Precondition,
) -> Result<Written, Error> {
    actor.may_write()?;
    let case = seen::<Case>(write, transition.approval.as_str())
        .await
        .map_err(|error| dangling(error, &transition))?;
    actor.may_write_for(&[&case.approval.authority])?;
    match write.current::<Transition>(transition.id.as_str()).await? {
        Presence::Retired => Err(Refusal::Retired(transition.thing_ref()).into()),
        Presence::Present(before) if before.value == transition && *precondition != Precondition::Absent => {
            Ok(written(Effect::Unchanged, &before))
        }
        Presence::Present(before) => {
            let same = Transition { retracted: transition.retracted, ..before.value.clone() };
            if same != transition {
                return Err(Refusal::Fixed(differences(&before.value, &transition)).into());
            }
            precondition.allows(before.since)?;
            place(write, &case, Some(&before), transition).await
        }
        Presence::Absent => {
            check_references(write, &transition).await?;
            place(write, &case, None, transition).await
        }
    }
}

/// What accepting a transition with a newly made id reads.
#[must_use]
pub fn needs(transition: &Transition) -> Needs {
    Needs { cases: vec![transition.approval.clone()], ..needs_of_new(transition) }
}

/// The case whose timeline a transition is posted to.
///
/// # Errors
///
/// [`Error::Unknown`] or [`Error::Retired`] if it is not on record.
pub async fn case(write: &mut Write, approval: &ApprovalId) -> Result<Arc<Case>, Error> {
    seen::<Case>(write, approval.as_str()).await
}

/// A case named in the body rather than the path is a reference: a missing one is [`Refusal::Dangling`].
fn dangling(error: Error, transition: &Transition) -> Error {
    let (Error::Unknown(_) | Error::Retired(_)) = error else { return error };
    let mut faults = Faults::default();
    faults.add(
        "/approval",
        FaultCode::NoSuchThing,
        format!("approval `{}` is not on record", transition.approval),
    );
    Refusal::Dangling(faults).into()
}

fn differences(before: &Transition, after: &Transition) -> Faults {
    let mut faults = Faults::default();
    let mut compare = |pointer: &str, same: bool| {
        if !same {
            faults.add(
                pointer,
                FaultCode::ReadOnly,
                "cannot change; retract the transition and post another one",
            );
        }
    };
    compare("/approval", before.approval == after.approval);
    compare("/to", before.to == after.to);
    compare("/effective_on", before.effective_on == after.effective_on);
    compare("/citations", before.citations == after.citations);
    compare("/note", before.note == after.note);
    faults
}

/// Retracts a transition of a case, or undoes the retraction.
///
/// # Errors
///
/// [`Refusal::IllegalMove`] if the remaining sequence is not legal; any other [`Error`].
pub async fn retract(
    write: &mut Write,
    actor: &Actor,
    (approval, id): (&ApprovalId, &TransitionId),
    retracted: bool,
    precondition: &Precondition,
) -> Result<Written, Error> {
    actor.may_write()?;
    case(write, approval).await?;
    let before = present::<Transition>(write, id.as_str()).await?;
    if before.value.approval != *approval {
        return Err(Error::Unknown(ThingRef::new(Kind::Transition, id.as_str())));
    }
    let transition = Transition { retracted, ..before.value };
    put(write, actor, transition, precondition).await
}

async fn place(
    write: &mut Write,
    case: &Case,
    before: Option<&Version<Transition>>,
    transition: Transition,
) -> Result<Written, Error> {
    let workflow = workflow_of(write, &case.approval.authority).await?;
    let timeline = write.timeline(&case.approval.id).await?;
    let known = timeline.steps().iter().find(|step| step.id == transition.id);
    let next = Acceptance { revision: write.next_revision(), ordinal: next_ordinal(write) };
    let acceptance = known.map_or(next, |step| step.acceptance);
    timeline.with(&workflow, Step::of(&transition, acceptance))?;
    let (action, effect) = match before {
        None => (Action::Created, Effect::Created),
        Some(_) => (Action::Updated, Effect::Updated),
    };
    write.put(before, &transition, action);
    settle_case(write, &case.approval.id, Action::Updated).await?;
    Ok(written(effect, &Version { since: write.next_revision(), value: transition }))
}

/// The ordinal of the next change in the revision being made.
fn next_ordinal(write: &Write) -> i64 {
    i64::try_from(write.changes()).map_or(i64::MAX, |changes| changes + 1)
}
