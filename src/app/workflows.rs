//! Workflows: created and updated, unless a case would be left at a stage or on a path that is gone.

use super::Error;
use super::approvals::{check_cases, settle_case};
use super::things::Resource;
use crate::domain::id::StageId;
use crate::domain::record::Action;
use crate::domain::workflow::Workflow;
use crate::store::Write;

impl Resource for Workflow {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(write: &mut Write, before: Option<&Self>, after: Self) -> Result<Self, Error> {
        let Some(before) = before else { return Ok(after) };
        let gone = before.stages.iter().map(|stage| &stage.id).filter(|id| after.stage(id).is_none());
        let gone: Vec<StageId> = gone.cloned().collect();
        let narrower =
            before.moves.iter().any(|step| !after.moves.contains(step)) || before.initial != after.initial;
        if narrower || !gone.is_empty() {
            for authority in write.authorities_under(&before.id).await? {
                check_cases(write, &authority.value.id, &gone, &after).await?;
            }
        }
        Ok(after)
    }

    async fn settle(write: &mut Write, before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
        if before.initial == after.initial {
            return Ok(());
        }
        for authority in write.authorities_under(&after.id).await? {
            for case in write.cases_at(&authority.value.id).await? {
                settle_case(write, &case.value.approval.id, Action::Updated).await?;
            }
        }
        Ok(())
    }
}
