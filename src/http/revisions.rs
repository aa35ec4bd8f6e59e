//! Operations on revisions: who changed what, when and why.

use axum::response::Response;
use serde_json::{Value, json};

use super::call::Call;
use super::changes::listed;
use super::conditional::{Shown, strong};
use super::operation::{Api, Operation, Param};
use super::page::{Cursor, answer as page_answer, cut, total};
use super::params::filter_schema;
use super::problem::{Code, Problem};
use super::reading::read_at;
use super::resources::{JSON, count_param, cursor_param, limit_param, page_example, time_params};
use super::schema::{Field, count, list, moment, named, nullable, required, text};
use crate::app::{ChangeFilter, Position, Takes, feed};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::record::Revision;
use crate::domain::text::{Name, Reason};
use crate::wire::values::hexadecimal;

/// The fields of a revision.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        required("number", count(1, i64::MAX), "Its number: 1, 2, 3, … without gaps."),
        required("recorded_at", moment(), "When it was recorded; never earlier than the one before."),
        required("actor", text(Name::MAX), "Who made it."),
        required("reason", nullable(text(Reason::MAX)), "Why, in the words of who made it."),
        required("request_id", text(Name::MAX), "The request that made it."),
        required(
            "digest",
            json!({"type": "string", "minLength": 64, "maxLength": 64, "pattern": "^[0-9a-f]{64}$"}),
            "SHA-256 over the digest before it and everything in it.",
        ),
    ]
}

/// The fields of a revision with its changes.
pub(crate) fn fields_in_full() -> Vec<Field> {
    let mut fields = fields();
    fields.push(required("changes", list(named("Change"), 0, 1_000_000), "What changed, in order."));
    fields
}

fn example() -> Value {
    json!({
        "number": 42, "recorded_at": "2026-01-23T08:00:00Z", "actor": "operator", "reason": "the sample register",
        "request_id": "0198f0c2a1b07c3e9d4f5a6b7c8d9e0f",
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    })
}

fn written(revision: &Revision) -> Value {
    let digest: String = hexadecimal(&revision.digest);
    json!({
        "number": revision.number,
        "recorded_at": revision.recorded_at.to_string(),
        "actor": revision.actor.as_str(),
        "reason": revision.reason.as_ref().map(Reason::as_str),
        "request_id": revision.request_id.as_str(),
        "digest": digest,
    })
}

/// Adds the operations on revisions.
pub(crate) fn expose(api: &mut Api) {
    api.on(
        Operation::get("/v1/revisions", "listRevisions", "Changes")
            .says("List the revisions", "Every accepted write, newest first: who made it, when, and why.")
            .takes([Param::new(
                "actor",
                filter_schema(Takes::Id),
                "Revisions made by these: ids of keys, `operator` or `service`.",
            )])
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "A page of the list.", JSON, named("RevisionPage"), page_example(&example())),
        list_all,
    );
    let mut in_full = example();
    in_full["changes"] = json!([]);
    api.on(
        Operation::get("/v1/revisions/{number}", "showRevision", "Changes")
            .says("Show one revision", "Who made it, when and why, and everything that changed in it.")
            .takes(time_params())
            .answers(200, "The revision.", JSON, named("RevisionInFull"), in_full)
            .refuses(&[Code::NotFound]),
        show,
    );
}

async fn list_all(call: Call) -> Result<Response, Problem> {
    let limit = call.params.limit()?;
    call.params.valid_on()?;
    let actors = call.params.values("actor", Takes::Id)?.unwrap_or_default();
    let cursor = Cursor::read(&call)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let revision = read.at().revision;
    let below = cursor.as_ref().map(Cursor::number).transpose()?;
    let mut found = read.revisions(&actors, below, limit + 1).await?;
    let total = total(&call, read.revision_count(&actors)).await?;
    drop(read);
    let next = cut(&call, &mut found, (limit, revision), |last| Position {
        key: last.number.to_string(),
        id: String::new(),
    });
    let items: Vec<String> = found.iter().map(|revision| written(revision).to_string()).collect();
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

/// The number of a revision, from a path.
struct Number(i64);

impl TryFrom<&str> for Number {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let number = text.parse::<i64>().ok().filter(|number| *number >= 1);
        number.map(Self).ok_or_else(|| Fault::new(FaultCode::Malformed, "must be a whole number from 1"))
    }
}

async fn show(call: Call) -> Result<Response, Problem> {
    let Number(number) = call.path("number")?;
    call.params.valid_on()?;
    let mut read = read_at(&call, None).await?;
    let found = read.revision(number).await?;
    let found =
        found.ok_or_else(|| Problem::new(Code::NotFound, format!("revision {number} is not on record")))?;
    let changes = read.changes_between(number, number, &ChangeFilter::default()).await;
    let changes = changes?;
    let entries = feed::with_revisions(&mut read, changes).await?;
    let etag = strong(&read.head().epoch, number);
    let mut body = written(&found).to_string();
    body.pop();
    body.push_str(",\"changes\":");
    body.push_str(&listed(&entries));
    body.push('}');
    Ok(Shown { etag, media_type: JSON, body, revision: read.at().revision }.answer(&call.headers))
}
