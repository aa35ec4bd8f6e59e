//! The change feed, polled or long-polled, and the history of single things.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::header;
use axum::response::Response;
use serde_json::{Value, json};

use super::call::{Call, actor};
use super::conditional::{Shown, weak};
use super::operation::{Api, Operation, Param};
use super::page::{Cursor, answer as page_answer, body as page_body, cut, total, with_link};
use super::params::filter_schema;
use super::problem::{Code, Problem};
use super::reading::read_at;
use super::resources::{Exposed, JSON, limit_param};
use super::schema::{count, id, moment, named, nullable, required, shown, text, word};
use crate::app::feed::{self, Entry};
use crate::app::{ChangeFilter, Error, Position, Takes, Wanted};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::id::ThingId;
use crate::domain::record::Action;
use crate::domain::text::{Name, Reason};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;

/// The path of the feed.
pub(crate) const PATH: &str = "/v1/changes";
/// The longest `wait`, in seconds.
const LONGEST_WAIT: i64 = 25;
/// How long a request searches for changes that pass the filters before it returns an empty page.
const SEARCH: Duration = Duration::from_secs(2);
/// The longest position, in characters.
const LONGEST_POSITION: usize = 64;

/// A change as JSON.
pub(crate) fn written(entry: &Entry) -> String {
    let mut text = String::new();
    write_change(&mut text, entry);
    text
}

/// Appends a change as JSON.
pub(crate) fn write_change<'e>(text: &mut String, entry: &'e Entry) {
    let Entry { change, revision } = entry;
    let document = |text: &'e Option<String>| text.as_deref().unwrap_or("null");
    let quoted = |text: &str| Value::from(text).to_string();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "{{\"revision\":{},\"ordinal\":{},\"kind\":\"{}\",\"id\":\"{}\",\"action\":\"{}\",\"recorded_at\":\"{}\",\"actor\":{},\"reason\":{},\"before\":{},\"after\":{}}}",
        change.revision,
        change.ordinal,
        change.thing.kind,
        change.thing.id,
        change.action,
        revision.recorded_at,
        quoted(revision.actor.as_str()),
        revision.reason.as_ref().map_or_else(|| "null".to_owned(), |reason| quoted(reason.as_str())),
        document(&change.before),
        document(&change.after),
    );
}

/// The schema of a change.
pub(crate) fn schema() -> Value {
    let document = json!({"type": ["object", "null"]});
    shown(&[
        required("revision", count(1, i64::MAX), "The revision it is part of."),
        required("ordinal", count(1, i64::MAX), "Its place in the revision."),
        required("kind", word::<Kind>(), "The kind of thing."),
        required("id", id(), "The thing."),
        required(
            "action",
            word::<Action>(),
            "What became of it. The last three are recorded by the service itself, when a date comes.",
        ),
        required("recorded_at", moment(), "When the revision was recorded."),
        required(
            "actor",
            text(Name::MAX),
            "Who made it: the id of a key, `operator`, or `service` where a date passed.",
        ),
        required("reason", nullable(text(Reason::MAX)), "Why, in the words of who made it."),
        required("before", document.clone(), "The thing before; `null` if it was not on record."),
        required("after", document, "The thing after; `null` if it left the record."),
    ])
}

/// An example of a change.
pub(crate) fn example() -> Value {
    json!({
        "revision": 42, "ordinal": 1, "kind": "company", "id": "alibaba", "action": "created",
        "recorded_at": "2026-01-23T08:00:00Z", "actor": "operator", "reason": "the sample register",
        "before": null, "after": super::resources::shown_example::<crate::domain::company::Company>(),
    })
}

/// An example of a page of changes.
pub(crate) fn page_example() -> Value {
    super::resources::page_example(&example())
}

/// Adds the feed.
pub(crate) fn expose(api: &mut Api) {
    let wait =
        json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0});
    let mut params = vec![
        Param::new(
            "after",
            position_schema(),
            "The position after which to begin: the `next` of the page before, or a bare revision number; the beginning if not given.",
        ),
        limit_param(),
    ];
    params.extend(filter_params());
    params.push(Param::new(
        "wait",
        wait,
        "If there is nothing yet, hold the request until there is, for at most so many seconds.",
    ));
    api.on(
        Operation::get(PATH, "listChanges", "Changes")
            .says(
                "Follow the changes",
                "Every revision once, in order, whole: a page holds about `limit` changes but never part of a revision. `next` always advances, also past what the filters leave out: a page can be empty though there is more, so go on until `next` stands at `revision`. `Link` has the address of what comes next, also where nothing has come yet. From the `revision` that a list states, following the feed misses nothing and repeats nothing. Several filters must all let a change through. To begin at a date, give as `after` the `revision` that `/v1/revisions?known_at=…&limit=1` states.",
            )
            .takes(params)
            .answers(200, "A page of the feed.", JSON, named("Feed"), json!({"items": [example()], "next": "5f2c9a0b1d3e.42", "revision": 42}))
            .refuses(&[Code::PositionGone, Code::RevisionInFuture]),
        follow,
    );
}

/// The schema of a position in the feed.
pub(crate) fn position_schema() -> Value {
    json!({"type": "string", "maxLength": LONGEST_POSITION, "pattern": "^([a-z0-9]+\\.)?[0-9]{1,18}$"})
}

/// The filters of the feed.
pub(crate) fn filter_params() -> [Param; 4] {
    [
        Param::new("kind", filter_schema(Takes::Words(Kind::words)), "Changes of these kinds of things."),
        Param::new(
            "company",
            filter_schema(Takes::Id),
            "Changes of these companies, of what names one of them (an approval as its buyer or exporter, a movement, a report, the scope of a condition, a subsidiary, a chip it designed), and of what belongs to an approval of theirs (a transition, a condition, a movement). A condition of an authority or a chip alone names no company, nor does a source, though either can change an answer: follow them as well, or poll the board.",
        ),
        Param::new(
            "chip",
            filter_schema(Takes::Id),
            "Changes of these chips, of what names one of them, and of what belongs to an approval for one.",
        ),
        Param::new(
            "authority",
            filter_schema(Takes::Id),
            "Changes of these authorities, of what names one of them, and of what belongs to an approval at one.",
        ),
    ]
}

/// The schema of a page of the feed.
pub(crate) fn feed_schema() -> Value {
    shown(&[
        required("items", super::schema::list(named("Change"), 0, 1_000_000), "The changes, in order."),
        required("next", json!({"type": "string", "maxLength": 64}), "The position after which to go on."),
        required("revision", count(0, i64::MAX), "The newest revision."),
    ])
}

async fn follow(call: Call) -> Result<Response, Problem> {
    let change_filter = change_filter(&call)?;
    let limit = call.params.limit()?;
    let wait = call.params.number("wait", 0, LONGEST_WAIT)?.unwrap_or(0);
    // A long poll ends early enough for its answer to meet the request's deadline.
    let longest = call.app.options.limits.request / 5 * 4;
    let begun = tokio::time::Instant::now();
    let deadline = begun + Duration::from_secs(wait.unsigned_abs()).min(longest);
    let mut after = None;
    loop {
        let mut read = call.app.register.read(Wanted::Newest).await?;
        let (newest, epoch) = (read.at().revision, read.head().epoch.clone());
        let from = match after {
            Some(after) => after,
            None => match call.params.text("after") {
                Some(text) => located("after", text, &epoch, newest)?,
                None => 0,
            },
        };
        let page = feed::page(&mut read, from, limit, &change_filter).await?;
        drop(read);
        let now = tokio::time::Instant::now();
        let caught_up = page.next >= newest;
        if page.items.is_empty() && !caught_up && now < deadline.max(begun + SEARCH) {
            after = Some(page.next);
            continue;
        }
        if page.items.is_empty() && caught_up && now < deadline {
            // Continue after the changes that the filters dropped, so that they are not read again.
            after = Some(page.next);
            tokio::select! {
                _ = tokio::time::timeout_at(deadline, call.app.register.store().changed(newest)) => continue,
                () = call.app.stopping.begun() => {}
            }
        }
        if after.is_some() {
            // The key may have expired or been revoked during the wait.
            actor(&call.app, call.operation.access, &call.headers).await?;
        }
        // Entries are dropped as they are written, so that a large page is not in memory twice.
        let items: Vec<String> = page.items.into_iter().map(|entry| written(&entry)).collect();
        let next = format!("{epoch}.{}", page.next);
        let etag = weak(items.iter().map(String::as_str));
        let body = page_body(&items, None, Some(&next), newest);
        let response = Shown { etag, media_type: JSON, body, revision: newest }.answer(&call.headers);
        return Ok(with_link(response, &call, "after", Some(&next)));
    }
}

/// The filters that a call gives.
pub(crate) fn change_filter(call: &Call) -> Result<ChangeFilter, Problem> {
    let mut change_filter = ChangeFilter::default();
    for word in call.params.values("kind", Takes::Words(Kind::words))?.unwrap_or_default() {
        let kind = Kind::try_from(word.as_str()).map_err(|fault| Problem::parameter("kind", fault))?;
        change_filter.kinds.push(kind);
    }
    for (name, kind) in [("company", Kind::Company), ("chip", Kind::Chip), ("authority", Kind::Authority)] {
        let Some(ids) = call.params.values(name, Takes::Id)? else { continue };
        change_filter.touching.push(ids.into_iter().map(|id| ThingRef::new(kind, id)).collect());
    }
    Ok(change_filter)
}

/// The revision of a position, given in the parameter or header field `name`.
pub(crate) fn located(name: &str, text: &str, epoch: &str, newest: i64) -> Result<i64, Problem> {
    if text.len() > LONGEST_POSITION {
        let detail = format!("must have at most {LONGEST_POSITION} characters");
        return Err(Problem::parameter(name, Fault::new(FaultCode::TooLong, detail)));
    }
    let (of, number) = text.rsplit_once('.').map_or((None, text), |(of, number)| (Some(of), number));
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let names_epoch = |of: &str| {
        !of.is_empty() && of.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let formed = digits && of.is_none_or(names_epoch);
    let number = number.parse::<i64>().ok().filter(|_| formed).ok_or_else(|| {
        let detail = "must be a position that the feed gave out, or a revision number";
        Problem::malformed(name, detail)
    })?;
    if of.is_some_and(|of| of != epoch) {
        let detail = "the register was restored since this position; read the lists again and follow from their revision";
        return Err(
            Problem::new(Code::PositionGone, detail).field(header::LINK, "</v1/changes>; rel=\"start\"")
        );
    }
    if number > newest {
        return Err(Problem::new(Code::RevisionInFuture, format!("the newest revision is {newest}")));
    }
    Ok(number)
}

/// Shows the versions of one thing.
pub(crate) async fn history<T: Exposed>(call: Call) -> Result<Response, Problem> {
    let id: ThingId = call.path("id")?;
    let limit = call.params.limit()?;
    call.params.valid_on()?;
    let cursor = Cursor::read(&call)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let revision = read.at().revision;
    let thing = ThingRef::new(T::KIND, id.as_str());
    let below = cursor.as_ref().map(Cursor::number).transpose()?;
    let mut changes = read.history(&thing, below, limit + 1).await?;
    if changes.is_empty() && below.is_none() {
        return Err(Error::Unknown(thing).into());
    }
    let total = total(&call, read.history_count(&thing)).await?;
    let next = cut(&call, &mut changes, (limit, revision), |last| Position {
        key: last.revision.to_string(),
        id: id.to_string(),
    });
    let entries = feed::with_revisions(&mut read, changes).await?;
    drop(read);
    let items: Vec<String> = entries.iter().map(written).collect();
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

/// The changes of a revision as a JSON array.
pub(crate) fn listed(entries: &[Entry]) -> String {
    let items: Vec<String> = entries.iter().map(written).collect();
    format!("[{}]", items.join(","))
}
