//! Approvals: created, updated, moved to another authority and retired; and the current stage of each.

use std::sync::Arc;

use super::Error;
use super::things::{NAMED, Resource, check_chain, present, seen};
use crate::domain::actor::Actor;
use crate::domain::approval::{Approval, Case, Standing};
use crate::domain::authority::Authority;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::{ApprovalId, AuthorityId, StageId};
use crate::domain::record::Action;
use crate::domain::refusal::Refusal;
use crate::domain::thing::{Kind, Thing as _, ThingRef};
use crate::domain::time::{Date, Moment};
use crate::domain::timeline::{Span, span_on};
use crate::domain::transition::Transition;
use crate::domain::workflow::Workflow;
use crate::store::Write;

impl Resource for Approval {
    type Record = Case;

    fn written(record: &Case) -> &Self {
        &record.approval
    }

    async fn authorise(
        write: &mut Write,
        actor: &Actor,
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Result<(), Error> {
        let mut authorities: Vec<AuthorityId> =
            before.into_iter().chain(after).map(|approval| approval.authority.clone()).collect();
        // A case that starts or stops being superseded changes too: it stops or starts to count.
        let supersedes = |side: Option<&Self>| side.and_then(|approval| approval.supersedes.clone());
        let (earlier, later) = (supersedes(before), supersedes(after));
        if earlier != later {
            for case in [earlier, later].into_iter().flatten() {
                let case = write.seen::<Case>(case.as_str()).await?.present();
                authorities.extend(case.map(|case| case.approval.authority.clone()));
            }
        }
        let authorities: Vec<&AuthorityId> = authorities.iter().collect();
        Ok(actor.may_write_for(&authorities)?)
    }

    async fn decide(write: &mut Write, before: Option<&Case>, after: Self) -> Result<Case, Error> {
        let earlier = |case: &Case| case.approval.supersedes.as_ref().map(ToString::to_string);
        let first = after.supersedes.as_ref().map(ToString::to_string);
        check_chain(write, "/supersedes", after.id.as_str(), first, earlier).await?;
        let is_moved = before.is_some_and(|before| before.approval.authority != after.authority);
        let is_of_others = before.is_some_and(|before| !before.approval.is_of_the_pair_of(&after));
        // A superseding accepted before is not checked again for an unrelated change.
        if is_moved || is_of_others || before.is_none_or(|it| it.approval.supersedes != after.supersedes) {
            check_superseded(write, &after).await?;
        }
        if is_of_others {
            check_undrawn(write, &after).await?;
        }
        if is_moved {
            check_superseding(write, &after).await?;
        }
        let workflow = workflow_of(write, &after.authority).await?;
        if is_moved {
            write.timeline(&after.id).await?.check(&workflow)?;
        }
        let standing = before.map(|case| case.standing.clone());
        let initial = Standing { stage: workflow.initial.clone(), since: None, disputed: false };
        Ok(Case { standing: standing.unwrap_or(initial), approval: after })
    }

    async fn settle(write: &mut Write, before: Option<&Case>, after: Option<&Case>) -> Result<(), Error> {
        let Some(after) = after else {
            let Some(before) = before else { return Ok(()) };
            return retire_parts(write, &before.approval).await;
        };
        let now = write.now();
        for bound in [after.approval.valid_from, after.approval.valid_until].into_iter().flatten() {
            if bound > now {
                write.falls_due(bound);
            }
        }
        settle_case(write, &after.approval.id, Action::Updated).await
    }
}

/// Rejects a case that supersedes one it cannot replace: one of another company or chip, or at an authority
/// where it may not be refiled.
async fn check_superseded(write: &mut Write, approval: &Approval) -> Result<(), Error> {
    let Some(superseded) = &approval.supersedes else { return Ok(()) };
    let superseded = seen::<Case>(write, superseded.as_str()).await?;
    let Approval { id, company, chip, authority, .. } = &superseded.approval;
    let mut faults = Faults::default();
    if !superseded.approval.is_of_the_pair_of(approval) {
        let detail = format!("`{id}` is the case of `{company}` for `{chip}`, not of the same two");
        faults.add("/supersedes", FaultCode::Inconsistent, detail);
    } else if !may_be_filed_anew(write, authority, &approval.authority).await? {
        let detail = format!(
            "`{id}` is at `{authority}`; name a case at the same authority, or at an unspecified one of the same gate and jurisdiction"
        );
        faults.add("/supersedes", FaultCode::Inconsistent, detail);
    }
    Ok(faults.or(())?)
}

/// Rejects a new authority for a case if the cases that supersede it could not do so there.
async fn check_superseding(write: &mut Write, approval: &Approval) -> Result<(), Error> {
    let mut faults = Faults::default();
    for case in write.superseding(&approval.id).await? {
        let Approval { id, authority, .. } = case.value.approval;
        if !may_be_filed_anew(write, &approval.authority, &authority).await? {
            let detail =
                format!("`{id}` takes the place of this case and is at `{authority}`; move that one first");
            faults.add("/authority", FaultCode::Inconsistent, detail);
        }
    }
    Ok(faults.or(())?)
}

/// Whether a case at one authority may be refiled at another: the same one, or one of the same side if the
/// first is a placeholder for an unnamed authority.
async fn may_be_filed_anew(write: &mut Write, from: &AuthorityId, to: &AuthorityId) -> Result<bool, Error> {
    if from == to {
        return Ok(true);
    }
    let from = seen::<Authority>(write, from.as_str()).await?;
    let to = seen::<Authority>(write, to.as_str()).await?;
    Ok(from.unspecified && (from.gate, from.jurisdiction) == (to.gate, to.jurisdiction))
}

/// Rejects a new company or chip for a case that movements draw on or another case supersedes: those keep the
/// old ones.
async fn check_undrawn(write: &mut Write, approval: &Approval) -> Result<(), Error> {
    let mut by = write.movements_on(&approval.id, NAMED).await?;
    write.flush().await?;
    let referring = write.reading().await?.referring(&approval.thing_ref(), NAMED).await?;
    by.extend(referring.into_iter().filter(|thing| thing.kind == Kind::Approval));
    if by.is_empty() { Ok(()) } else { Err(Refusal::InUse { thing: approval.thing_ref(), by }.into()) }
}

/// Retires the transitions and spans of a case with it.
async fn retire_parts(write: &mut Write, approval: &Approval) -> Result<(), Error> {
    for step in write.timeline(&approval.id).await?.steps() {
        let version = present::<Transition>(write, step.id.as_str()).await?;
        write.retire(&version);
    }
    write.close_spans(&approval.id);
    Ok(())
}

/// The workflow of an authority's cases.
pub(super) async fn workflow_of(write: &mut Write, authority: &AuthorityId) -> Result<Arc<Workflow>, Error> {
    let authority = seen::<Authority>(write, authority.as_str()).await?;
    seen::<Workflow>(write, authority.workflow.as_str()).await
}

/// Computes the current stage of a case and records it if it changed.
pub(super) async fn settle_case(write: &mut Write, id: &ApprovalId, action: Action) -> Result<(), Error> {
    let before = present::<Case>(write, id.as_str()).await?;
    let workflow = workflow_of(write, &before.value.approval.authority).await?;
    let spans = write.timeline(id).await?.spans(&workflow);
    write.put_spans(id, &spans);
    let today = write.now().date();
    if let Some(next) = next_change(&spans, today) {
        write.falls_due(next);
    }
    let mut after = before.value.clone();
    after.standing = standing(&spans, today, &before.value.standing);
    let reports = write.open_reports(&after.approval).await?;
    after.standing.disputed = reports.iter().any(|report| report.disputes(&after, today));
    if after != before.value {
        write.put(Some(&before), &after, action);
    }
    Ok(())
}

fn standing(spans: &[Span], today: Date, otherwise: &Standing) -> Standing {
    span_on(spans, today).map_or_else(
        || otherwise.clone(),
        |span| Standing { stage: span.stage.clone(), since: span.from, disputed: false },
    )
}

/// When the stage next changes.
fn next_change(spans: &[Span], today: Date) -> Option<Moment> {
    spans.iter().filter_map(|span| span.from).filter(|from| *from > today).min().map(Moment::start_of)
}

/// Rejects a workflow for an authority if its cases have been at stages it lacks, or made moves it does not
/// allow, or if reports name such stages.
pub(super) async fn check_cases(
    write: &mut Write,
    authority: &AuthorityId,
    gone: &[StageId],
    workflow: &Workflow,
) -> Result<(), Error> {
    if !gone.is_empty() {
        let at = write.stages_used(authority, gone).await?;
        if !at.is_empty() {
            let (mut stages, mut by): (Vec<StageId>, Vec<ThingRef>) = at.into_iter().unzip();
            stages.dedup();
            by.sort();
            by.dedup();
            return Err(Refusal::StageInUse { stages, by }.into());
        }
    }
    for case in write.cases_at(authority).await? {
        let timeline = write.timeline(&case.value.approval.id).await?;
        if let Err(illegal) = timeline.check(workflow) {
            return Err(Refusal::MoveInUse { illegal, by: case.value.approval.thing_ref() }.into());
        }
    }
    Ok(())
}
