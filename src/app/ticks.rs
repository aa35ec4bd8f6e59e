//! Due dates: a change that a date brings about is recorded like any other.

use super::Error;
use super::approvals::settle_case;
use crate::domain::actor::Actor;
use crate::domain::approval::Case;
use crate::domain::chip::Chip;
use crate::domain::classification::Vintage;
use crate::domain::condition::Condition;
use crate::domain::fault::Fault;
use crate::domain::id::{ApprovalId, AuthorityId, ChipId, CompanyId};
use crate::domain::record::Action;
use crate::domain::source::Source;
use crate::domain::text::Name;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::store::{Error as StoreError, Maker, Stored, Write};

/// Records everything that is due, in one revision of the service's own, and schedules the next tick.
pub(super) async fn tick(write: &mut Write) -> Result<(), StoreError> {
    flip(write).await.map_err(|error| match error {
        Error::Store(error) => error,
        other => StoreError::damaged("what a date changes by passing", other),
    })
}

async fn flip(write: &mut Write) -> Result<(), Error> {
    let now = write.now();
    let Some(due) = write.head().due_at else { return Ok(()) };
    // Everything due earlier has been recorded; what is due at exactly this moment has not.
    let after = Moment::from_microseconds(due.microseconds() - 1);
    for approval in write.spans_beginning(after.date(), now.date()).await? {
        spared(settle_case(write, &named(&approval, "approval")?, Action::TookEffect).await)?;
    }
    for (company, chip, authority) in write.reports_dated(after.date(), now.date()).await? {
        let parties: (CompanyId, ChipId, AuthorityId) =
            (named(&company, "company")?, named(&chip, "chip")?, named(&authority, "authority")?);
        for case in write.cases_of(&parties).await? {
            let id: ApprovalId = case.value.approval.id;
            spared(settle_case(write, &id, Action::TookEffect).await)?;
        }
    }
    for id in write.conditions_turning(after.date(), now.date()).await? {
        spared(pass(write, &ThingRef::new(Kind::Condition, id), Action::TookEffect).await)?;
    }
    if Vintage::on(after.date()) != Vintage::on(now.date()) {
        // The rule is part of every chip's classification.
        for (id, _) in write.reading().await?.ids_with_parents(Kind::Chip).await? {
            spared(pass(write, &ThingRef::new(Kind::Chip, id), Action::TookEffect).await)?;
        }
    }
    for passed in write.bounds_passed(after, now).await? {
        spared(pass(write, &passed.thing, action(passed.bound)).await)?;
    }
    write.flush().await?;
    let next = write.reading().await?.next_due(now).await?;
    write.set_due(next);
    write.record(&service()?).await?;
    Ok(())
}

/// Logs and skips a damaged thing, so that the dates of all others take effect.
fn spared(passed: Result<(), Error>) -> Result<(), Error> {
    match passed {
        Err(Error::Store(error @ StoreError::Damaged { .. })) => {
            tracing::error!(%error, "a date could not pass for it");
            Ok(())
        }
        passed => passed,
    }
}

fn named<T: for<'t> TryFrom<&'t str, Error = Fault>>(id: &str, column: &str) -> Result<T, StoreError> {
    T::try_from(id).map_err(|fault| StoreError::damaged(format_args!("{column} `{id}`"), fault))
}

fn action(bound: &str) -> Action {
    match bound {
        "valid_until" | "in_force_until" => Action::Ended,
        "stale_at" => Action::BecameStale,
        _ => Action::TookEffect,
    }
}

/// Records that a date of a thing has passed. The thing is unchanged, but the feed shows the event.
async fn pass(write: &mut Write, thing: &ThingRef, action: Action) -> Result<(), Error> {
    match thing.kind {
        Kind::Approval => put_again::<Case>(write, &thing.id, action).await,
        Kind::Condition => put_again::<Condition>(write, &thing.id, action).await,
        Kind::Chip => put_again::<Chip>(write, &thing.id, action).await,
        Kind::Source => put_again::<Source>(write, &thing.id, action).await,
        _ => Ok(()),
    }
}

async fn put_again<T: Stored>(write: &mut Write, id: &str, action: Action) -> Result<(), Error> {
    let version = super::things::present::<T>(write, id).await?;
    write.put(Some(&version), &version.value, action);
    Ok(())
}

fn service() -> Result<Maker, StoreError> {
    let name = |text: &str| Name::try_from(text).map_err(|fault| StoreError::Unfit(fault.detail));
    Ok(Maker { actor: name(Actor::Service.name())?, reason: None, request_id: name("clock")? })
}
