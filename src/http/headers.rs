//! The OpenAPI description of header fields, in requests and in answers.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::call::LONGEST_TAGS;
use super::changes::{self, position_schema};
use super::limits::MOST_URI_BYTES;
use super::operation::{Access, Lasting, Operation};
use super::schema::{count, text};
use super::write::LONGEST_KEY;
use crate::domain::text::Reason;

/// `*`, or a list of entity tags with possibly empty elements (RFC 9110, section 5.6.1).
const TAGS_PATTERN: &str =
    r#"^(\*|[, \t]*(W/)?"[\t !#-~]*"[ \t]*(,[, \t]*(W/)?"[\t !#-~]*"[ \t]*)*(,[, \t]*)?)$"#;
/// An idempotency key, bare or as a quoted string.
const KEY_PATTERN: &str = r#"^([!#-~]+|"[!#-~]+")$"#;

/// The header fields of a request, as parameters.
pub(crate) fn taken(operation: &Operation) -> Vec<Value> {
    let header = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "header", "description": about, "schema": schema});
    if operation.lasting == Lasting::Stream {
        let about = "Where the caller left off: the `id` of the last event, or a bare revision number. The stream begins with what comes next if it is not given.";
        return vec![header("Last-Event-ID", about, position_schema())];
    }
    if operation.method == Method::GET {
        let about = "Tags the caller has; if one still fits, the answer is an empty 304.";
        let schema = json!({"type": "string", "maxLength": LONGEST_TAGS});
        return vec![header("If-None-Match", about, schema)];
    }
    let mut taken = Vec::new();
    if operation.repeatable {
        let about = "The same request with the same key is carried out once; its first answer is given again for 7 days.";
        let schema =
            json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY + 2, "pattern": KEY_PATTERN});
        taken.push(header("Idempotency-Key", about, schema));
    }
    if operation.conditional {
        let about = "The version to change, as its `ETag` says. `*` and a list of tags are taken as well.";
        let schema =
            json!({"type": "string", "minLength": 1, "maxLength": LONGEST_TAGS, "pattern": TAGS_PATTERN});
        taken.push(header("If-Match", about, schema));
    }
    if operation.conditional && operation.method == Method::PUT {
        let about = "`*`: only if nothing is on record under the id. Not together with `If-Match`.";
        taken.push(header("If-None-Match", about, json!({"type": "string", "enum": ["*"], "maxLength": 1})));
    }
    let about = "Why, in the words of who makes the change; kept on the revision.";
    taken.push(header("Change-Reason", about, text(Reason::MAX)));
    taken
}

/// A header field and the component that describes it.
type Said = (&'static str, &'static str);

/// The header fields of every answer.
const EVERYWHERE: [Said; 3] =
    [("X-Request-Id", "X-Request-Id"), ("RateLimit", "RateLimit"), ("RateLimit-Policy", "RateLimit-Policy")];
const REPLAYED: Said = ("Idempotency-Replayed", "Idempotency-Replayed");

/// The header fields of an answer other than a problem.
pub(crate) fn of_answer(operation: &Operation, status: u16) -> Value {
    let mut said = EVERYWHERE.to_vec();
    if operation.method == Method::GET && operation.lasting != Lasting::Stream {
        said.push(("ETag", "ETag"));
    }
    if operation.tagged && status != 204 {
        said.push(("ETag", "ETag-Written"));
    }
    if status == 200 && operation.path == changes::PATH {
        said.push(("Link", "Link-Next"));
    }
    if status == 200 && operation.takes_param("cursor") {
        said.push(("Link", "Link-Next-If-Any"));
    }
    if operation.access != Access::Public {
        said.push(("Revision", "Revision"));
    }
    if status == 201 {
        said.push(("Location", "Location"));
    }
    if operation.repeatable {
        said.push(REPLAYED);
    }
    referred(&said)
}

/// The statuses of problems in which a write can end once it has begun, and those of them that are stored.
const DECIDED: [u16; 7] = [400, 403, 404, 409, 410, 412, 428];
const KEPT: [u16; 5] = [400, 404, 409, 410, 412];

/// The header fields of a problem.
pub(crate) fn of_problem(operation: &Operation, status: StatusCode) -> Value {
    let mut said = EVERYWHERE.to_vec();
    said.extend(match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", "WWW-Authenticate")),
        StatusCode::GONE => Some(("Link", "Link")),
        // What a PUT writes need not be on record.
        StatusCode::PRECONDITION_FAILED if operation.method == Method::PUT => {
            Some(("ETag", "ETag-If-On-Record"))
        }
        StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED => {
            Some(("ETag", "ETag-On-Record"))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(("Accept-Encoding", "Accept-Encoding")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(("Retry-After", "Retry-After"))
        }
        _ => None,
    });
    let writes = operation.method != Method::GET;
    if writes && DECIDED.contains(&status.as_u16()) {
        said.push(("Revision", "Revision-Unchanged"));
    }
    if operation.repeatable && KEPT.contains(&status.as_u16()) {
        said.push(REPLAYED);
    }
    referred(&said)
}

fn referred(said: &[Said]) -> Value {
    let field = |(name, component): &Said| {
        ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{component}")}))
    };
    Value::Object(said.iter().map(field).collect())
}

/// The header components. A `required` one is always sent.
pub(crate) fn components() -> Value {
    let short = |most: usize| json!({"type": "string", "maxLength": most});
    let always =
        |about: &str, schema: Value| json!({"description": about, "required": true, "schema": schema});
    let at_times = |about: &str, schema: Value| json!({"description": about, "schema": schema});
    let revision = || count(0, i64::MAX);
    let said: [(&str, Value); 14] = [
        ("X-Request-Id", always("The id of the request.", short(200))),
        ("RateLimit", at_times("What is left of the caller's allowance, where there is one.", short(100))),
        ("RateLimit-Policy", at_times("The caller's allowance, where there is one.", short(100))),
        ("ETag", always("The version of what is shown.", short(200))),
        (
            "ETag-Written",
            at_times(
                "The version of what was written, for `If-Match`. Not with `dry_run`, of which no version comes to be.",
                short(200),
            ),
        ),
        ("ETag-On-Record", always("The version on record, for `If-Match`.", short(200))),
        (
            "ETag-If-On-Record",
            at_times("The version on record, for `If-Match`; not if nothing is on record.", short(200)),
        ),
        ("Revision", always("The revision shown or made.", revision())),
        (
            "Revision-Unchanged",
            at_times(
                "The newest revision when the write was refused, if it came as far as that.",
                revision(),
            ),
        ),
        ("Location", always("Where it can be read.", short(2000))),
        (
            "Idempotency-Replayed",
            at_times(
                "That this is the first answer to the request, given again.",
                json!({"type": "boolean", "const": true}),
            ),
        ),
        ("WWW-Authenticate", always("How to say who is calling.", short(200))),
        ("Accept-Encoding", at_times("The only content coding that a body is taken in.", short(100))),
        ("Retry-After", always("After how many seconds it is worth trying again.", count(1, 3600))),
    ];
    let all = said.into_iter().chain(links());
    Value::Object(all.map(|(name, said)| (name.to_owned(), said)).collect::<Map<_, _>>())
}

/// The components of `Link` (RFC 8288).
fn links() -> [(&'static str, Value); 3] {
    // A target in which every byte is percent-encoded, with a cursor.
    let next = json!({"type": "string", "maxLength": 3 * MOST_URI_BYTES + 2100});
    let about = "Where to go on: the `version-history` of what was retired and the `collection` it was in, the `start` of the feed.";
    let to_next = "The address of the `next` page, relative to that of this one";
    [
        ("Link", json!({"description": about, "schema": {"type": "string", "maxLength": 2000}})),
        ("Link-Next", json!({"description": format!("{to_next}."), "required": true, "schema": next})),
        (
            "Link-Next-If-Any",
            json!({"description": format!("{to_next}; not on the last page."), "schema": next}),
        ),
    ]
}
