//! Reports: stored beside what the register accepts, with the disputes that follow from them.

use super::Error;
use super::approvals::{settle_case, workflow_of};
use super::things::Resource;
use crate::domain::actor::Actor;
use crate::domain::fault::{Fault, FaultCode, Faults};
use crate::domain::id::{AuthorityId, ChipId, CompanyId};
use crate::domain::record::Action;
use crate::domain::report::Report;
use crate::domain::time::Moment;
use crate::store::Write;

impl Resource for Report {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn authorise(
        _write: &mut Write,
        actor: &Actor,
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Result<(), Error> {
        let reports: Vec<&Self> = before.into_iter().chain(after).collect();
        let authorities: Option<Vec<&AuthorityId>> =
            reports.iter().map(|report| report.about.authority.as_ref()).collect();
        Ok(actor.may_write_for(&authorities.unwrap_or_default())?)
    }

    async fn decide(write: &mut Write, _before: Option<&Self>, after: Self) -> Result<Self, Error> {
        if let (Some(stage), Some(authority)) = (&after.stage, &after.about.authority) {
            let workflow = workflow_of(write, authority).await?;
            if workflow.stage(stage).is_none() {
                let stages: Vec<&str> = workflow.stages.iter().map(|stage| stage.id.as_str()).collect();
                let detail =
                    format!("is no stage of `{}`, whose stages are {}", workflow.id, stages.join(", "));
                return Err(Faults(vec![Fault::new(FaultCode::NotInList, detail).at("/stage")]).into());
            }
        }
        Ok(after)
    }

    async fn settle(write: &mut Write, before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        if let Some(after) = after.filter(|after| after.on.date > write.now().date()) {
            write.falls_due(Moment::start_of(after.on.date));
        }
        let mut cases: Vec<(CompanyId, ChipId, AuthorityId)> =
            before.into_iter().chain(after).filter_map(case).collect();
        cases.dedup();
        for parties in cases {
            for case in write.cases_of(&parties).await? {
                settle_case(write, &case.value.approval.id, Action::Updated).await?;
            }
        }
        Ok(())
    }
}

/// The case a report is about, if it names one.
fn case(report: &Report) -> Option<(CompanyId, ChipId, AuthorityId)> {
    let about = report.about.clone();
    Some((about.company?, about.chip?, about.authority?))
}
