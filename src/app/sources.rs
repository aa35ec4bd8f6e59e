//! Sources: created, updated, retired, and checked again.

use super::things::{Effect, Precondition, Resource, Written, check_chain, present, written};
use super::{Error, put};
use crate::domain::actor::Actor;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::SourceId;
use crate::domain::source::Source;
use crate::domain::time::Moment;
use crate::store::Write;

impl Resource for Source {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(write: &mut Write, before: Option<&Self>, after: Self) -> Result<Self, Error> {
        let checked = after.last_checked_at;
        if checked != before.and_then(|before| before.last_checked_at) {
            not_in_future(checked, "/last_checked_at", write.now())?;
        }
        let original = |source: &Self| source.republishes.as_ref().map(ToString::to_string);
        check_chain(write, "/republishes", after.id.as_str(), original(&after), original).await?;
        Ok(after)
    }

    async fn settle(write: &mut Write, _before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        let now = write.now();
        if let Some(stale_at) = after.and_then(Source::stale_at).filter(|stale_at| *stale_at > now) {
            write.falls_due(stale_at);
        }
        Ok(())
    }
}

/// Records that a source was checked, at a moment or now, without news.
///
/// # Errors
///
/// [`Error::Invalid`] for a moment in the future; any other [`Error`].
pub async fn check(
    write: &mut Write,
    actor: &Actor,
    id: &SourceId,
    at: Option<Moment>,
) -> Result<Written, Error> {
    actor.may_write_for(&[])?;
    let now = write.now();
    let at = at.unwrap_or(now);
    not_in_future(Some(at), "/checked_at", now)?;
    let source = present::<Source>(write, id.as_str()).await?;
    let checked = source.value.clone().checked(at);
    if checked == source.value {
        return Ok(written(Effect::Unchanged, &source));
    }
    put(write, actor, checked, &Precondition::Any).await
}

/// Rejects a check in the future, which would keep the source from going stale until then.
fn not_in_future(checked: Option<Moment>, pointer: &str, now: Moment) -> Result<(), Error> {
    if checked.is_none_or(|checked| checked <= now) {
        return Ok(());
    }
    let mut faults = Faults::default();
    faults.add(pointer, FaultCode::OutOfRange, "must not lie in the future");
    Err(faults.into())
}
