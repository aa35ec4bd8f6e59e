//! Showing things: one, or a page of a list, at any revision, with what the service works out for them.
//!
//! What is asked for most is found at a glance: by one statement, without a transaction.

use std::borrow::Cow;

use axum::response::Response;
use serde_json::Value;

use super::call::Call;
use super::conditional::{Shown, marked, weak};
use super::page::{Cursor, answer as page_answer, total};
use super::problem::Problem;
use super::reading::{absent, choice, lasting_sorts, read_at};
use super::resources::JSON;
use super::{chips, workflows};
use crate::app::{At, Filed, Head, Leaf, Listed, Listing, Page, Position, Query, StoreError, Stored, Wanted};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::id::{ApprovalId, ThingId};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::{Date, Moment};
use crate::wire;

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
fn computed(kind: Kind, document: Cow<'_, str>, on: Date) -> (Cow<'_, str>, Option<&'static str>) {
    if kind != Kind::Chip {
        return (document, None);
    }
    let Ok(mut value) = serde_json::from_str(&document) else { return (document, None) };
    let mark = compute(kind, &mut value, on);
    (value.to_string().into(), mark)
}

/// The day for which to say where cases stand, if it is not what the record says itself: one that was
/// asked for, or today while what is recorded is not how things are.
fn day(call: &Call, at: At, head: &Head) -> Result<Option<Date>, Problem> {
    Ok(call.params.valid_on()?.or(overdue(call, head).filter(|_| at.newest)))
}

/// Today, while what is recorded is not how things are.
fn overdue(call: &Call, head: &Head) -> Option<Date> {
    let clock = call.app.register.now();
    (!head.is_current(clock)).then(|| head.present(clock).date())
}

/// The revision at which a call may be answered at a glance, if it may: one that is known by its number or is
/// the newest, for the register's present.
fn at_a_glance(call: &Call) -> Result<Option<At>, Problem> {
    if call.params.valid_on()?.is_some() {
        return Ok(None);
    }
    Ok(match call.params.wanted()? {
        Wanted::Newest => Some(At::NEWEST),
        Wanted::Revision(revision) => Some(At { revision, newest: false }),
        Wanted::KnownAt(_) => None,
    })
}

/// The revision that a glance shows.
fn shown(at: At, head: &Head) -> i64 {
    if at.newest { head.revision } else { at.revision }
}

/// What came of a glance. If it failed, or the record does not say how things are today, a whole read does
/// better, or says what is wrong; but not while the database cannot be reached.
fn glanced<T>(call: &Call, glance: Result<(Head, T), StoreError>) -> Result<Option<(Head, T)>, Problem> {
    match glance {
        Ok((head, found)) => Ok(overdue(call, &head).is_none().then_some((head, found))),
        Err(error) if error.is_outage() => Err(error.into()),
        Err(error) => {
            tracing::debug!(%error, "a glance at the register failed");
            Ok(None)
        }
    }
}

/// Shows a page of a list.
pub(crate) async fn list<R: Listing>(call: Call) -> Result<Response, Problem> {
    let cursor = Cursor::read(&call)?;
    let on = cursor.as_ref().and_then(|cursor| cursor.on).map(Moment::date);
    let (sort, filters) = choice::<R>(&call)?;
    let mut query = Query {
        on,
        sort,
        filters,
        limit: call.params.limit()?,
        after: cursor.as_ref().map(|cursor| cursor.position.clone()),
    };
    if cursor.is_none()
        && let Some((leaf, revision)) = glance_list::<R>(&call, &query).await?
    {
        let documents = leaf.documents().map(Cow::Borrowed);
        return page::<R>(&call, documents, (None, leaf.next()), (revision, None));
    }
    // What is seldom needed is large, and would be moved about with every request.
    let seen = Box::pin(read_list::<R>(&call, cursor.as_ref(), &mut query)).await?;
    let Seen { page: Page { items, next }, total, revision } = seen;
    items.iter().try_for_each(|listed| listed.filed.check::<R>())?;
    let documents = items.into_iter().map(|listed| Cow::Owned(document(listed)));
    page::<R>(&call, documents, (total, next.as_ref()), (revision, query.on))
}

/// The answer that documents are, with what the service works out for each.
fn page<'d, R: Listing>(
    call: &Call,
    documents: impl Iterator<Item = Cow<'d, str>>,
    (total, next): (Option<i64>, Option<&Position>),
    (revision, on): (i64, Option<Date>),
) -> Result<Response, Problem> {
    let today = call.params.valid_on()?.or(on).unwrap_or_else(|| call.app.register.now().date());
    let items: Vec<Cow<'_, str>> = documents.map(|document| computed(R::KIND, document, today).0).collect();
    // What is worked out for a day is worked out for the same one on every page.
    let on = on.or_else(|| (R::KIND == Kind::Chip).then_some(today)).map(Moment::start_of);
    let next = next.map(|position| Cursor { revision, on, position: position.clone() }.write(call));
    Ok(page_answer(call, &items, (total, next.as_deref()), revision))
}

/// The first page of a list of the present or of a revision, which one statement finds.
async fn glance_list<R: Listing>(call: &Call, query: &Query) -> Result<Option<(Leaf, i64)>, Problem> {
    let Some(at) = at_a_glance(call)? else { return Ok(None) };
    if call.params.flag("count")? || !(at.newest || query.sort.key.at_any_revision) {
        return Ok(None);
    }
    let glance = call.app.register.store().glance_list::<R>(query, at).await;
    Ok(glanced(call, glance)?.map(|(head, leaf)| (leaf, shown(at, &head))))
}

/// A page as a whole read finds it, with what is said of the whole list.
struct Seen {
    page: Page,
    total: Option<i64>,
    revision: i64,
}

/// Any page of any list.
async fn read_list<R: Listing>(
    call: &Call,
    cursor: Option<&Cursor>,
    query: &mut Query,
) -> Result<Seen, Problem> {
    let mut read = read_at(call, cursor).await?;
    if cursor.is_none() {
        if !read.at().newest && !query.sort.key.at_any_revision {
            let detail = format!("at an earlier revision this list is sorted by {}", lasting_sorts::<R>());
            return Err(Problem::parameter("sort", Fault::new(FaultCode::NotInList, detail)));
        }
        query.on = day(call, read.at(), read.head())?;
    }
    let page = read.list::<R>(query).await?;
    let total = total(call, read.count::<R>(query)).await?;
    Ok(Seen { page, total, revision: read.at().revision })
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

/// Shows one thing.
pub(crate) async fn show<R: Stored>(call: Call) -> Result<Response, Problem> {
    if R::KIND == Kind::Workflow {
        match workflows::liked(&call.headers) {
            Some(workflows::Form::Json) => {}
            Some(workflows::Form::Diagram) => return Box::pin(workflows::diagram(call)).await,
            None => return Err(workflows::neither()),
        }
    }
    let id: ThingId = call.path("id")?;
    if let Some(at) = at_a_glance(&call)? {
        let glance = call.app.register.store().glance::<R>(id.as_str(), at).await;
        if let Some((head, Some(filed))) = glanced(&call, glance)? {
            return version(&call, R::KIND, filed, &head, shown(at, &head));
        }
    }
    Box::pin(read_one::<R>(&call, &id)).await
}

/// Shows one thing as a whole read finds it.
async fn read_one<R: Stored>(call: &Call, id: &ThingId) -> Result<Response, Problem> {
    let mut read = read_at(call, None).await?;
    let presence = read.filed::<R>(id.as_str()).await?;
    let filed = absent(presence, ThingRef::new(R::KIND, id.as_str()))?;
    filed.check::<R>()?;
    let revision = read.at().revision;
    let on = day(call, read.at(), read.head())?.filter(|_| R::KIND == Kind::Approval);
    let Some(on) = on else { return version(call, R::KIND, filed, read.head(), revision) };
    let standing = match ApprovalId::try_from(id.as_str()) {
        Ok(id) => read.standing_on(&id, on).await?,
        Err(_) => None,
    };
    let body = document(Listed { filed: filed.clone(), standing });
    if call.params.valid_on()?.is_none() && body == filed.document {
        return version(call, R::KIND, filed, read.head(), revision);
    }
    Ok(Shown { etag: weak([body.as_str()]), media_type: JSON, body, revision }.answer(&call.headers))
}

/// A version as it is on record, with what the service works out for it.
fn version(call: &Call, kind: Kind, filed: Filed, head: &Head, revision: i64) -> Result<Response, Problem> {
    let today = call.params.valid_on()?.unwrap_or_else(|| call.app.register.now().date());
    let (body, mark) = computed(kind, filed.document.into(), today);
    let etag = marked(&head.epoch, filed.since, mark);
    Ok(Shown { etag, media_type: JSON, body: body.into_owned(), revision }.answer(&call.headers))
}
