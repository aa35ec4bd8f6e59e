//! Shows things: one, or a page of a list, at any revision, with their computed members.
//!
//! Common reads take a single statement, without a transaction.

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

/// A member that the service computes and never stores.
pub(crate) struct Computed {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) value: Value,
    /// A part of the `ETag`: differs whenever the value differs for the same version.
    pub(crate) mark: &'static str,
}

/// The member computed for a document of a kind on a day, if the kind has one.
fn computed_member(kind: Kind, document: &Value, on: Date) -> Option<Computed> {
    match kind {
        Kind::Chip => chips::classified(document, on),
        _ => None,
    }
}

/// Adds the computed member to a document; returns its mark for the `ETag`.
pub(crate) fn compute(kind: Kind, document: &mut Value, on: Date) -> Option<&'static str> {
    let Computed { name, value, mark } = computed_member(kind, document, on)?;
    document[name] = value;
    Some(mark)
}

/// The same for a document given as text.
fn computed(kind: Kind, document: Cow<'_, str>, on: Date) -> (Cow<'_, str>, Option<&'static str>) {
    if kind != Kind::Chip {
        return (document, None);
    }
    let Ok(mut value) = serde_json::from_str(&document) else { return (document, None) };
    let mark = compute(kind, &mut value, on);
    (value.to_string().into(), mark)
}

/// The day for which to compute standings, if the stored ones will not do: the day asked for, or today while
/// a due date is unrecorded.
fn day(call: &Call, at: At, head: &Head) -> Result<Option<Date>, Problem> {
    Ok(call.params.valid_on()?.or(overdue(call, head).filter(|_| at.newest)))
}

/// Today, while a due date is unrecorded.
fn overdue(call: &Call, head: &Head) -> Option<Date> {
    let clock = call.app.register.now();
    (!head.is_current(clock)).then(|| head.present(clock).date())
}

/// The revision for a single-statement read, if one will do: the newest or a numbered one, without
/// `valid_at`.
fn one_statement_at(call: &Call) -> Result<Option<At>, Problem> {
    if call.params.valid_on()?.is_some() {
        return Ok(None);
    }
    Ok(match call.params.wanted()? {
        Wanted::Newest => Some(At::NEWEST),
        Wanted::Revision(revision) => Some(At { revision, newest: false }),
        Wanted::KnownAt(_) => None,
    })
}

/// The revision that a single-statement read shows.
fn shown(at: At, head: &Head) -> i64 {
    if at.newest { head.revision } else { at.revision }
}

/// The result of a single-statement read; `None` if it failed or a due date is unrecorded: a full read then
/// finds the answer or the error. An outage is an error at once.
fn one_statement_result<T>(
    call: &Call,
    result: Result<(Head, T), StoreError>,
) -> Result<Option<(Head, T)>, Problem> {
    match result {
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
        && let Some((leaf, revision)) = list_in_one_statement::<R>(&call, &query).await?
    {
        let documents = leaf.documents().map(Cow::Borrowed);
        return page::<R>(&call, documents, (None, leaf.next()), (revision, None));
    }
    // Boxed: it is seldom needed, large, and would be moved with every request.
    let seen = Box::pin(read_list::<R>(&call, cursor.as_ref(), &mut query)).await?;
    let Seen { page: Page { items, next }, total, revision } = seen;
    items.iter().try_for_each(|listed| listed.filed.check::<R>())?;
    let documents = items.into_iter().map(|listed| Cow::Owned(document(listed)));
    page::<R>(&call, documents, (total, next.as_ref()), (revision, query.on))
}

/// The response for a page of documents, with their computed members.
fn page<'d, R: Listing>(
    call: &Call,
    documents: impl Iterator<Item = Cow<'d, str>>,
    (total, next): (Option<i64>, Option<&Position>),
    (revision, on): (i64, Option<Date>),
) -> Result<Response, Problem> {
    let today = call.params.valid_on()?.or(on).unwrap_or_else(|| call.app.register.now().date());
    let items: Vec<Cow<'_, str>> = documents.map(|document| computed(R::KIND, document, today).0).collect();
    // Every page computes its members for the same day.
    let on = on.or_else(|| (R::KIND == Kind::Chip).then_some(today)).map(Moment::start_of);
    let next = next.map(|position| Cursor { revision, on, position: position.clone() }.write(call));
    Ok(page_answer(call, &items, (total, next.as_deref()), revision))
}

/// The first page by a single statement; `None` if that will not do.
async fn list_in_one_statement<R: Listing>(
    call: &Call,
    query: &Query,
) -> Result<Option<(Leaf, i64)>, Problem> {
    let Some(at) = one_statement_at(call)? else { return Ok(None) };
    if call.params.flag("count")? || !(at.newest || query.sort.key.at_any_revision) {
        return Ok(None);
    }
    let result = call.app.register.store().glance_list::<R>(query, at).await;
    Ok(one_statement_result(call, result)?.map(|(head, leaf)| (leaf, shown(at, &head))))
}

/// A page found by a full read.
struct Seen {
    page: Page,
    total: Option<i64>,
    revision: i64,
}

/// Any page, by a full read.
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

/// The document of an item, with its standing on the day of the query.
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
    if let Some(at) = one_statement_at(&call)? {
        let result = call.app.register.store().glance::<R>(id.as_str(), at).await;
        if let Some((head, Some(filed))) = one_statement_result(&call, result)? {
            return version(&call, R::KIND, filed, &head, shown(at, &head));
        }
    }
    Box::pin(read_one::<R>(&call, &id)).await
}

/// Shows one thing by a full read.
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

/// The response for a stored version, with its computed member.
fn version(call: &Call, kind: Kind, filed: Filed, head: &Head, revision: i64) -> Result<Response, Problem> {
    let today = call.params.valid_on()?.unwrap_or_else(|| call.app.register.now().date());
    let (body, mark) = computed(kind, filed.document.into(), today);
    let etag = marked(&head.epoch, filed.since, mark);
    Ok(Shown { etag, media_type: JSON, body: body.into_owned(), revision }.answer(&call.headers))
}
