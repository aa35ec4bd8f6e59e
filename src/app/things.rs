//! Creates, updates and retires things of any kind.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::Error;
use crate::domain::actor::Actor;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::record::Action;
use crate::domain::refusal::Refusal;
use crate::domain::thing::{Thing, ThingRef};
use crate::store::{Needs, Presence, Stored, Version, Write};
use crate::wire::Document;

/// Most referring things named when a thing cannot be retired.
pub(super) const NAMED: i64 = 20;

/// Which version of a thing a request may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The request does not say.
    None,
    /// Any version.
    Any,
    /// One of these versions.
    Versions(Vec<i64>),
    /// None: the thing must not be on record.
    Absent,
    /// Any version or none: a line of an import.
    Import,
}

impl Precondition {
    /// Checks that a thing at this version may be changed.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] if another version was named, [`Error::Unconditional`] if none was.
    pub fn allows(&self, current: i64) -> Result<(), Error> {
        match self {
            Self::Any | Self::Import => Ok(()),
            Self::Versions(versions) if versions.contains(&current) => Ok(()),
            Self::Versions(_) | Self::Absent => Err(Error::Stale { current }),
            Self::None => Err(Error::Unconditional { current }),
        }
    }

    /// Checks that a thing that is not on record may be created.
    ///
    /// # Errors
    ///
    /// [`Error::NothingToChange`] if the caller named a version to change.
    fn allows_creation(&self, thing: ThingRef) -> Result<(), Error> {
        match self {
            Self::None | Self::Absent | Self::Import => Ok(()),
            Self::Any | Self::Versions(_) => Err(Error::NothingToChange(thing)),
        }
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It created the thing.
    Created,
    /// It changed the thing.
    Updated,
    /// The thing was already as requested.
    Unchanged,
}

/// The effect of a write and the thing after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The effect.
    pub effect: Effect,
    /// The thing's version.
    pub since: i64,
    /// The thing.
    pub document: Value,
}

/// A thing that callers write, and the rules for storing it.
pub trait Resource: Thing + Document {
    /// The stored record: the thing itself, or the thing with what the register derives from it.
    type Record: Stored;

    /// The part of a record that callers write.
    fn written(record: &Self::Record) -> &Self;

    /// Checks that the actor may make this change.
    fn authorise(
        write: &mut Write,
        actor: &Actor,
        before: Option<&Self>,
        after: Option<&Self>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (write, before, after);
        let allowed = actor.may_write_for(&[]);
        async move { allowed.map_err(Error::from) }
    }

    /// Applies the rules and returns the record to store. The thing's references have been checked.
    fn decide(
        write: &mut Write,
        before: Option<&Self::Record>,
        after: Self,
    ) -> impl Future<Output = Result<Self::Record, Error>> + Send;

    /// Updates other things after the change. No rule can reject it.
    fn settle(
        write: &mut Write,
        before: Option<&Self::Record>,
        after: Option<&Self::Record>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (write, before, after);
        async { Ok(()) }
    }
}

/// Creates or replaces a thing. A thing identical to the one on record needs no precondition and changes
/// nothing.
///
/// # Errors
///
/// [`Error`]; nothing of the write is kept then.
pub async fn put<T: Resource>(
    write: &mut Write,
    actor: &Actor,
    thing: T,
    precondition: &Precondition,
) -> Result<Written, Error> {
    actor.may_write()?;
    let before = match write.current::<T::Record>(thing.id()).await? {
        Presence::Retired => return Err(Refusal::Retired(thing.thing_ref()).into()),
        presence => presence.present(),
    };
    T::authorise(write, actor, before.as_ref().map(|version| T::written(&version.value)), Some(&thing))
        .await?;
    match &before {
        Some(version) if *T::written(&version.value) == thing && *precondition != Precondition::Absent => {
            return Ok(written(Effect::Unchanged, version));
        }
        Some(version) => precondition.allows(version.since)?,
        None => precondition.allows_creation(thing.thing_ref())?,
    }
    check_references(write, &thing).await?;
    let id = thing.id().to_owned();
    let record = T::decide(write, before.as_ref().map(|version| &version.value), thing).await?;
    let (action, effect) = match before {
        None => (Action::Created, Effect::Created),
        Some(_) => (Action::Updated, Effect::Updated),
    };
    write.put(before.as_ref(), &record, action);
    T::settle(write, before.as_ref().map(|version| &version.value), Some(&record)).await?;
    match write.current::<T::Record>(&id).await? {
        Presence::Present(version) => Ok(written(effect, &version)),
        Presence::Absent | Presence::Retired => Err(Error::Unknown(ThingRef::new(T::KIND, id))),
    }
}

/// The result of a write that left a thing at this version.
pub(super) fn written<R: Stored>(effect: Effect, version: &Version<R>) -> Written {
    Written { effect, since: version.since, document: version.value.write() }
}

/// What creating a thing with a newly made id reads.
pub(super) fn needs_of_new(thing: &impl Thing) -> Needs {
    let things = thing.references().into_iter().map(|named| named.to).collect();
    Needs { things, minted: vec![thing.thing_ref()], ..Needs::default() }
}

/// The thing with this id, which must be on record.
pub(super) async fn present<R: Stored>(write: &mut Write, id: &str) -> Result<Version<R>, Error> {
    on_record::<R, _>(id, write.current::<R>(id).await?)
}

/// Like [`present`], for a thing that is only read.
pub(super) async fn seen<R: Stored>(write: &mut Write, id: &str) -> Result<Arc<R>, Error> {
    on_record::<R, _>(id, write.seen::<R>(id).await?)
}

fn on_record<R: Stored, T>(id: &str, presence: Presence<T>) -> Result<T, Error> {
    let thing = || ThingRef::new(R::KIND, id);
    match presence {
        Presence::Present(found) => Ok(found),
        Presence::Retired => Err(Error::Retired(thing())),
        Presence::Absent => Err(Error::Unknown(thing())),
    }
}

/// Rejects a thing that refers to something not on record.
pub(super) async fn check_references<T: Thing>(write: &mut Write, thing: &T) -> Result<(), Error> {
    let references = thing.references();
    let named: Vec<ThingRef> = references.iter().map(|reference| reference.to.clone()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let missing = write.missing(&named).await?;
    let mut faults = Faults::default();
    for reference in references.into_iter().filter(|reference| missing.contains(&reference.to)) {
        faults.add(reference.pointer, FaultCode::NoSuchThing, format!("{} is not on record", reference.to));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Dangling(faults).into()) }
}

/// Retires a thing. Its history stays, and its id is never reused.
///
/// # Errors
///
/// [`Refusal::InUse`] if something on record refers to it; any other [`Error`].
pub async fn retire<T: Resource>(
    write: &mut Write,
    actor: &Actor,
    id: &str,
    precondition: &Precondition,
) -> Result<(), Error> {
    actor.may_write()?;
    let before = present::<T::Record>(write, id).await?;
    T::authorise(write, actor, Some(T::written(&before.value)), None).await?;
    precondition.allows(before.since)?;
    let thing = before.value.thing_ref();
    let by = write.reading().await?.referring(&thing, NAMED).await?;
    if !by.is_empty() {
        return Err(Refusal::InUse { thing, by }.into());
    }
    write.retire(&before);
    T::settle(write, Some(&before.value), None).await
}

/// Rejects a chain of references that leads back to its start.
pub(super) async fn check_chain<T: Stored>(
    write: &mut Write,
    pointer: &str,
    id: &str,
    first: Option<String>,
    next: fn(&T) -> Option<String>,
) -> Result<(), Error> {
    let mut link = first;
    while let Some(at) = link {
        if at == id {
            let mut faults = Faults::default();
            faults.add(pointer, FaultCode::Inconsistent, "the chain of references leads back to this one");
            return Err(faults.into());
        }
        link = write.current::<T>(&at).await?.present().and_then(|version| next(&version.value));
    }
    Ok(())
}
