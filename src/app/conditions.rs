//! Conditions: created, updated and retired.

use super::Error;
use super::things::{Resource, present};
use crate::domain::actor::Actor;
use crate::domain::approval::Case;
use crate::domain::condition::{Condition, ConditionStatus};
use crate::domain::id::AuthorityId;
use crate::domain::time::Moment;
use crate::store::Write;

impl Resource for Condition {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn authorise(
        write: &mut Write,
        actor: &Actor,
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> Result<(), Error> {
        let mut authorities: Vec<AuthorityId> = Vec::new();
        for condition in before.into_iter().chain(after) {
            let own = authorities_of(write, condition).await?;
            if own.is_empty() {
                return Ok(actor.may_write_for(&[])?);
            }
            authorities.extend(own);
        }
        Ok(actor.may_write_for(&authorities.iter().collect::<Vec<_>>())?)
    }

    async fn decide(_write: &mut Write, _before: Option<&Self>, after: Self) -> Result<Self, Error> {
        Ok(after)
    }

    async fn settle(write: &mut Write, _before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        let now = write.now();
        // The dates of a proposed or waived condition have no effect.
        let counting = after.filter(|condition| condition.status == ConditionStatus::InForce);
        let Some(condition) = counting else { return Ok(()) };
        let met = condition.met_on.map(Moment::start_of);
        let period =
            condition.terms.period().and_then(|period| period.next(now.date())).map(Moment::start_of);
        let dates = [condition.in_force_from, condition.in_force_until, met, period];
        for date in dates.into_iter().flatten().filter(|date| *date > now) {
            write.falls_due(date);
        }
        Ok(())
    }
}

async fn case_of(write: &mut Write, condition: &Condition) -> Result<Option<Case>, Error> {
    let Some(approval) = &condition.scope.approval else { return Ok(None) };
    match present::<Case>(write, approval.as_str()).await {
        Ok(version) => Ok(Some(version.value)),
        // A scope that refers to something not on record is reported with the other references.
        Err(Error::Unknown(_) | Error::Retired(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The authorities of a condition: the one in its scope and that of the approval in its scope.
async fn authorities_of(write: &mut Write, condition: &Condition) -> Result<Vec<AuthorityId>, Error> {
    let case = case_of(write, condition).await?;
    let of_case = case.map(|case| case.approval.authority);
    Ok(condition.scope.authority.iter().cloned().chain(of_case).collect())
}
