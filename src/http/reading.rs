//! Reading things of any kind: lists and single ones, at any revision, for any day.

use axum::response::Response;
use serde_json::Value;

use super::call::Call;
use super::conditional::{Shown, marked, weak};
use super::page::{Cursor, answer as page_answer};
use super::params::refused;
use super::problem::Problem;
use super::refusals::{problem, store_problem};
use super::resources::JSON;
use super::{chips, workflows};
use crate::app::{Error, Filter, Listed, Listing, Position, Presence, Query, Read, Sort, Stored};
use crate::domain::fault::{Fault, FaultCode, nearest};
use crate::domain::id::{ApprovalId, ThingId};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Date;
use crate::wire;

/// Opens the revision a call asks for, or the one that its cursor is pinned to.
pub(crate) async fn read_at(call: &Call, cursor: Option<&Cursor>) -> Result<Read, Problem> {
    let asked = call.params.wanted()?;
    let wanted = cursor.map_or(asked, |cursor| crate::app::Wanted::Revision(cursor.revision));
    call.app.register.read(wanted).await.map_err(|error| store_problem(&error))
}

/// The day for which to say where cases stand, if it is not what the record says itself: one that was
/// asked for, or today while a date that has passed could not be recorded.
fn day(call: &Call, read: &Read) -> Result<Option<Date>, Problem> {
    let now = call.app.register.now();
    let overdue = read.at().newest && read.head().due_at.is_some_and(|due| due <= now);
    Ok(call.params.valid_on()?.or(overdue.then(|| now.date())))
}

/// Shows a page of a list.
pub(crate) async fn list<R: Listing>(call: Call) -> Result<Response, Problem> {
    let sort = sort::<R>(&call)?;
    let filters = filters(&call, R::FILTERS)?;
    let limit = call.params.limit()?;
    let cursor = Cursor::read(&call.path, &call.params)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    if cursor.is_none() && !read.at().newest && !sort.key.at_any_revision {
        let fault =
            Fault::new(FaultCode::NotInList, "at an earlier revision a list is sorted by `id` or `name`");
        return Err(refused("sort", &fault));
    }
    let on = match &cursor {
        Some(cursor) => cursor.on,
        None => day(&call, &read)?,
    };
    let revision = read.at().revision;
    let after = cursor.map(|cursor| cursor.position);
    let query = Query { on, filters, sort, after, limit };
    let page = read.list::<R>(&query).await.map_err(|error| store_problem(&error))?;
    let total = if call.params.flag("count")? {
        Some(read.count::<R>(&query).await.map_err(|error| store_problem(&error))?)
    } else {
        None
    };
    drop(read);
    let today = call.params.valid_on()?.or(on).unwrap_or_else(|| call.app.register.now().date());
    let shown = |listed| computed(R::KIND, document(listed), today).0;
    let items: Vec<String> = page.items.into_iter().map(shown).collect();
    let next =
        page.next.map(|position: Position| Cursor { revision, on, position }.write(&call.path, &call.params));
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

/// The document of an item, with where it stands on the day asked for.
fn document(listed: Listed) -> String {
    let Some(standing) = listed.standing else { return listed.filed.document };
    match serde_json::from_str(&listed.filed.document) {
        Ok(Value::Object(mut case)) => {
            wire::approvals::standing(&mut case, &standing);
            Value::Object(case).to_string()
        }
        _ => listed.filed.document,
    }
}

fn sort<R: Listing>(call: &Call) -> Result<Sort, Problem> {
    let keys = R::SORTS;
    let text = call.params.text("sort").unwrap_or("id");
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    if let Some(key) = keys.iter().find(|key| key.name == name) {
        return Ok(Sort { key, descending });
    }
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let hint = nearest(name, names.iter().copied())
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let detail = format!("must be one of {}, with a minus for the greatest first{hint}", names.join(", "));
    Err(refused("sort", &Fault::new(FaultCode::NotInList, detail)))
}

/// Filters and their values.
pub(crate) type Filters = Vec<(&'static Filter, Vec<String>)>;

/// Those of some filters that a call gives, with their values.
pub(crate) fn filters(call: &Call, known: &'static [Filter]) -> Result<Filters, Problem> {
    let mut filters = Vec::new();
    for filter in known {
        filters.extend(call.params.filter(filter)?.map(|values| (filter, values)));
    }
    Ok(filters)
}

/// What a thing that is not there is answered with.
pub(crate) fn absent<F>(presence: Presence<F>, thing: ThingRef) -> Result<F, Problem> {
    match presence {
        Presence::Present(found) => Ok(found),
        Presence::Retired => Err(problem(&Error::Retired(thing), "")),
        Presence::Absent => Err(problem(&Error::Unknown(thing), "")),
    }
}

/// Shows one thing.
pub(crate) async fn show<R: Stored>(call: Call) -> Result<Response, Problem> {
    if R::KIND == Kind::Workflow && workflows::wants_diagram(&call.headers) {
        return workflows::diagram(call).await;
    }
    let id: ThingId = call.path("id")?;
    let mut read = read_at(&call, None).await?;
    let presence = read.filed::<R>(id.as_str()).await.map_err(|error| store_problem(&error))?;
    let filed = absent(presence, ThingRef::new(R::KIND, id.as_str()))?;
    let revision = read.at().revision;
    let on = day(&call, &read)?.filter(|_| R::KIND == Kind::Approval);
    let Some(on) = on else {
        let today = call.params.valid_on()?.unwrap_or_else(|| call.app.register.now().date());
        let (body, mark) = computed(R::KIND, filed.document, today);
        let etag = marked(&read.head().epoch, filed.since, mark);
        return Ok(Shown { etag, media_type: JSON, body, revision }.answer(&call.headers));
    };
    let standing = match ApprovalId::try_from(id.as_str()) {
        Ok(id) => read.standing_on(&id, on).await.map_err(|error| store_problem(&error))?,
        Err(_) => None,
    };
    let body = document(Listed { filed, standing });
    Ok(Shown { etag: weak([body.as_str()]), media_type: JSON, body, revision }.answer(&call.headers))
}

/// A member that the service works out and never stores.
pub(crate) struct Computed {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) value: Value,
    /// A word for the tag of the thing, another one whenever the value is another for the same version.
    pub(crate) mark: &'static str,
}

/// What the service works out for a day from a document of a kind, if it works out anything.
fn worked_out(kind: Kind, document: &Value, on: Date) -> Option<Computed> {
    match kind {
        Kind::Chip => chips::classified(document, on),
        _ => None,
    }
}

/// Adds what the service works out for a day to a document, and says how the tag tells of it.
pub(crate) fn compute(kind: Kind, document: &mut Value, on: Date) -> Option<&'static str> {
    let Computed { name, value, mark } = worked_out(kind, document, on)?;
    document[name] = value;
    Some(mark)
}

/// The same for a document that is text.
fn computed(kind: Kind, document: String, on: Date) -> (String, Option<&'static str>) {
    if kind != Kind::Chip {
        return (document, None);
    }
    let Ok(mut value) = serde_json::from_str(&document) else { return (document, None) };
    let mark = compute(kind, &mut value, on);
    (value.to_string(), mark)
}
