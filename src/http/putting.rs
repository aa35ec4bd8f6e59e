//! Writes things of any kind: creates, replaces, patches, retires.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::problem::{Code, Problem};
use super::reading::absent;
use super::resources::Exposed;
use super::showing::compute;
use super::write::{Answer, write};
use crate::app::{Error, Resource, Write, Written, minted, put, retire};
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::ThingId;
use crate::domain::thing::{Kind, ThingRef};
use crate::wire::{self, Document as _};

/// The values that a body gives for read-only fields.
type Claims = Map<String, Value>;

/// Takes the read-only fields out of a body.
fn claims<T: Exposed>(object: &mut Map<String, Value>) -> Claims {
    T::READ_ONLY.iter().filter_map(|name| Some(((*name).to_owned(), object.shift_remove(*name)?))).collect()
}

/// Refuses a value of a read-only field that is neither the one shown before the write nor the one after it.
fn check_claims(claims: &Claims, before: Option<&Value>, after: Option<&Value>) -> Result<(), Error> {
    let mut faults = Faults::default();
    for (name, claimed) in claims {
        let in_side = |side: Option<&Value>| side.and_then(|document| document.get(name)).cloned();
        if [in_side(before), in_side(after)].iter().flatten().any(|shown| shown == claimed) {
            continue;
        }
        let is = in_side(after).unwrap_or_default();
        faults.add(
            format!("/{name}"),
            FaultCode::ReadOnly,
            format!("is set by the service and is {is}, not {claimed}; leave it out"),
        );
    }
    faults.or(()).map_err(Error::Invalid)
}

/// Parses the thing in a body, with this id.
pub(crate) fn thing<T: wire::Document>(mut object: Map<String, Value>, id: &str) -> Result<T, Problem> {
    if object.get("id").is_some_and(|given| given != id) {
        let mut faults = Faults::default();
        faults.add("/id", FaultCode::ReadOnly, format!("must be the id in the path, `{id}`, or be left out"));
        return Err(Problem::invalid_body(&faults));
    }
    object.insert("id".to_owned(), id.into());
    wire::read(&object).map_err(|faults| Problem::invalid_body(&faults))
}

/// A new id for a thing; refuses a body that gives one.
pub(crate) fn new_id(call: &Call, kind: Kind, object: &Map<String, Value>) -> Result<String, Problem> {
    if object.contains_key("id") {
        let mut faults = Faults::default();
        let choose = match kind {
            Kind::Transition | Kind::Movement => "import it as a line",
            _ => "use PUT",
        };
        faults.add(
            "/id",
            FaultCode::ReadOnly,
            format!("the service makes the id here; to choose it, {choose}"),
        );
        return Err(Problem::invalid_body(&faults));
    }
    Ok(minted(kind, call.app.register.now())?)
}

/// Creates a thing with a new id.
pub(crate) async fn create<T: Exposed>(call: Call) -> Result<Response, Problem> {
    let mut object = call.object()?;
    let id = new_id(&call, T::KIND, &object)?;
    let claims = claims::<T>(&mut object);
    let thing: T = thing(object, &id)?;
    put_thing(&call, thing, claims).await
}

/// Creates or replaces the thing with an id.
pub(crate) async fn replace<T: Exposed>(call: Call) -> Result<Response, Problem> {
    let id: ThingId = call.path("id")?;
    let mut object = call.object()?;
    let claims = claims::<T>(&mut object);
    let thing: T = thing(object, id.as_str())?;
    put_thing(&call, thing, claims).await
}

async fn put_thing<T: Exposed>(call: &Call, thing: T, claims: Claims) -> Result<Response, Problem> {
    let location = format!("/v1/{}/{}", T::PATH, thing.id());
    write(call, move |write, given| {
        Box::pin(async move {
            let before = shown_before::<T>(write, thing.id(), &claims).await?;
            let written = put(write, &given.actor, thing, &given.precondition).await?;
            let answer = finished::<T>(write, written, location);
            check_claims(&claims, before.as_ref(), answer.body.as_ref())?;
            Ok(Ok(answer))
        })
    })
    .await
}

/// Changes some fields of a thing.
pub(crate) async fn patch<T: Exposed>(call: Call) -> Result<Response, Problem> {
    let id: ThingId = call.path("id")?;
    let mut change = call.object()?;
    let claims = claims::<T>(&mut change);
    let location = format!("/v1/{}/{id}", T::PATH);
    write(&call, move |write, given| {
        Box::pin(async move {
            let thing = ThingRef::new(T::KIND, id.as_str());
            let presence = write.current::<T::Record>(id.as_str()).await?;
            let before = match absent(presence, thing) {
                Ok(version) => <T as Resource>::written(&version.value).write(),
                Err(problem) => return Ok(Err(problem)),
            };
            let after: T = match merged(before, Value::Object(change), id.as_str()) {
                Ok(after) => after,
                Err(problem) => return Ok(Err(problem)),
            };
            let before = shown_before::<T>(write, id.as_str(), &claims).await?;
            let written = put(write, &given.actor, after, &given.precondition).await?;
            let answer = finished::<T>(write, written, location);
            check_claims(&claims, before.as_ref(), answer.body.as_ref())?;
            Ok(Ok(answer))
        })
    })
    .await
}

/// The thing that a merge patch results in.
fn merged<T: Exposed>(mut document: Value, change: Value, id: &str) -> Result<T, Problem> {
    merge(&mut document, change);
    // In a field that only some forms have, `null` means that the new form lacks it, not that it is unknown.
    if let Value::Object(members) = &mut document {
        members.retain(|name, value| !(value.is_null() && T::VARYING.contains(&name.as_str())));
    }
    // `names` has languages for keys: `null` removes one.
    if let Some(Value::Object(names)) = document.get_mut("names") {
        names.retain(|_, name| !name.is_null());
    }
    match document {
        Value::Object(object) => thing(object, id),
        _ => Err(Problem::new(Code::InvalidBody, "the patch must be a JSON object")),
    }
}

/// Applies a merge patch (RFC 7396), but sets removed members to `null`: for a field that means the same, and
/// an unknown name is kept to be refused.
fn merge(document: &mut Value, change: Value) {
    let Value::Object(change) = change else {
        *document = change;
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    let Value::Object(members) = document else { return };
    for (name, value) in change {
        merge(members.entry(name).or_insert(Value::Null), value);
    }
}

/// Retires a thing.
pub(crate) async fn remove<T: Exposed>(call: Call) -> Result<Response, Problem> {
    let id: ThingId = call.path("id")?;
    write(&call, move |write, given| {
        Box::pin(async move {
            retire::<T>(write, &given.actor, id.as_str(), &given.precondition).await?;
            Ok(Ok(Answer::empty()))
        })
    })
    .await
}

/// The thing as shown before the write, if the body gives read-only fields.
async fn shown_before<T: Exposed>(
    write: &mut Write,
    id: &str,
    claims: &Claims,
) -> Result<Option<Value>, Error> {
    if claims.is_empty() {
        return Ok(None);
    }
    let Some(version) = write.current::<T::Record>(id).await?.present() else { return Ok(None) };
    let mut document = version.value.write();
    compute(T::KIND, &mut document, write.now().date());
    Ok(Some(document))
}

/// The answer for a written thing, with its member computed for today.
fn finished<T: Exposed>(write: &Write, mut written: Written, location: String) -> Answer {
    let mark = compute(T::KIND, &mut written.document, write.now().date());
    Answer { mark, ..Answer::written(written, location) }
}
