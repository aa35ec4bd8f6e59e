//! Authorities: created, updated and retired; a change of workflow applies to their cases.

use super::Error;
use super::approvals::{check_cases, settle_case};
use super::things::{Resource, present};
use crate::domain::authority::Authority;
use crate::domain::id::StageId;
use crate::domain::record::Action;
use crate::domain::workflow::Workflow;
use crate::store::Write;

impl Resource for Authority {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(write: &mut Write, before: Option<&Self>, after: Self) -> Result<Self, Error> {
        let Some(before) = before.filter(|before| before.workflow != after.workflow) else {
            return Ok(after);
        };
        let old = present::<Workflow>(write, before.workflow.as_str()).await?.value;
        let new = present::<Workflow>(write, after.workflow.as_str()).await?.value;
        let gone = old.stages.iter().map(|stage| &stage.id).filter(|id| new.stage(id).is_none());
        let gone: Vec<StageId> = gone.cloned().collect();
        check_cases(write, &after.id, &gone, &new).await?;
        Ok(after)
    }

    async fn settle(write: &mut Write, before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
        if before.workflow == after.workflow {
            return Ok(());
        }
        for case in write.cases_at(&after.id).await? {
            settle_case(write, &case.value.approval.id, Action::Updated).await?;
        }
        Ok(())
    }
}
