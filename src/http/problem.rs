//! The catalogue of problems: every error the service answers with, from one table.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::outcome::{RequestOutcome, is_retryable};
use crate::domain::fault::{Fault, FaultCode, Faults, PlacedFault};

/// Declares the codes with their status, title and advice, so that a code without them cannot exist.
macro_rules! problems {
    ($($variant:ident = $code:literal, $status:ident, $title:literal, $about:literal;)+) => {
        /// The code of a problem: stable for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as text.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The status it is answered with.
            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                }
            }

            /// Whether the same request can succeed later though its sender does nothing else.
            pub(crate) fn is_retryable(self) -> bool {
                is_retryable(self.status())
            }

            /// Its title, the same for every occurrence.
            pub(crate) fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }

            /// What it means and what to do about it.
            pub(crate) fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)+
                }
            }
        }
    };
}

problems! {
    MalformedRequest = "malformed_request", BAD_REQUEST, "The request is not HTTP/1.1",
        "The request breaks the rules of RFC 9112: its line, a field, a line of its head that ends in LF alone, not exactly one `Host`, `Content-Length` together with `Transfer-Encoding`, or how its body is divided into chunks. The connection is closed.";
    MalformedJson = "malformed_json", BAD_REQUEST, "The body is not JSON",
        "The body could not be read as JSON in UTF-8. Mend it and send it again.";
    InvalidBody = "invalid_body", BAD_REQUEST, "The body is not what it should be",
        "`errors` lists every fault, or the first 1,000, with the JSON pointer of the value. Nothing was applied.";
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A parameter is not what it should be",
        "`errors` lists every fault with the name of the query parameter, path parameter or header. Parameters are never ignored.";
    InvalidCursor = "invalid_cursor", BAD_REQUEST, "The cursor does not fit",
        "A cursor continues the list it came from: send it with the same filters, sort and times, or leave it out to begin again.";
    RevisionInFuture = "revision_in_future", BAD_REQUEST, "That revision has not come",
        "`revision`, `known_at` or a position in the feed lies beyond the newest revision.";
    InvalidLines = "invalid_lines", BAD_REQUEST, "Some lines are not what they should be",
        "`errors` lists every fault, or the first 1,000, with its line. Nothing of the import was applied.";
    TooManyLines = "too_many_lines", BAD_REQUEST, "The import has too many lines",
        "An import that is all or nothing has at most 10,000 lines. Divide it, or send it with `mode=partial`.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "A key is needed",
        "Send `Authorization: Bearer gl_…` with a key that is neither expired nor revoked.";
    Forbidden = "forbidden", FORBIDDEN, "The key may not do this",
        "The key's role does not allow the operation. Use a key with the role that `detail` names.";
    ForbiddenAuthority = "forbidden_authority", FORBIDDEN, "The key is limited to other authorities",
        "The key may write only records that belong to the authorities it is limited to.";
    NotFound = "not_found", NOT_FOUND, "There is no such thing",
        "Nothing with this id was on record at the revision read.";
    NoSuchPath = "no_such_path", NOT_FOUND, "There is no such path",
        "The paths are listed in `/openapi.json` and shown at `/docs`.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not take this method",
        "The `Allow` field names the methods it takes.";
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "No form of the answer is acceptable",
        "`Accept` refuses every media type that the answer comes in. Name one of those that `detail` lists, or leave it out.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "The body did not arrive in time. Nothing was applied.";
    IllegalMove = "illegal_move", CONFLICT, "The workflow has no such move",
        "`stage` is the stage the case would leave, `legal` the stages it may enter. What somebody merely claims can be posted as a report.";
    IdRetired = "id_retired", CONFLICT, "The id was retired",
        "Ids are never used again. Choose another one.";
    InUse = "in_use", CONFLICT, "Something refers to it",
        "`by` names what refers to the thing. Change or retire that first.";
    NoSuchReference = "no_such_reference", CONFLICT, "Something it refers to is not on record",
        "`errors` lists the references. Put what they name on record first.";
    StageInUse = "stage_in_use", CONFLICT, "Cases have been at a stage that would be missing",
        "`stages` would be missing, `by` names cases that have been at them. Keep the stages in the workflow.";
    MoveInUse = "move_in_use", CONFLICT, "A case has made a move that would be missing",
        "`by` names a case whose accepted transitions the workflow would no longer allow. Keep the move.";
    Fixed = "fixed", CONFLICT, "What was accepted does not change",
        "Of a transition only the retraction can change: retract it and post another one. A movement never changes: enter another one that sets it right.";
    OverLimit = "over_limit", CONFLICT, "A limit would be broken",
        "`available` is how many units would be within every limit, `limited_by` the condition or approval that sets it, `limits` those that would be broken. Enter fewer, or say in `overage_reason` why the limit was broken.";
    ExceedsLedger = "exceeds_ledger", CONFLICT, "More would be undone than was done",
        "`errors` says how many units are ordered, or shipped, and not undone yet, under the approval named or in all. Enter what was done before what undoes it.";
    ExternalRefConflict = "external_ref_conflict", CONFLICT, "The external reference belongs to another movement",
        "`by` names the movement of the company and kind that has it, `errors` the fields in which they differ. What was entered wrongly is set right by another movement, with a reference of its own.";
    ImportRefused = "import_refused", CONFLICT, "What is on record does not allow some lines",
        "`errors` lists every line, or the first 1,000, with its problem code. Nothing of the import was applied.";
    Retired = "retired", GONE, "The thing was retired",
        "It was on record once. Its history stays readable, and so is it at an earlier `revision`.";
    PositionGone = "position_gone", GONE, "The position is of another epoch",
        "The register was restored from a copy since. Read the lists again, and follow the feed from the revision they state.";
    StaleVersion = "stale_version", PRECONDITION_FAILED, "The thing has another version",
        "The `ETag` field holds the version on record. Read it, decide again, and send the change with that version in `If-Match`. Without that field nothing is on record: to create it, leave `If-Match` out.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "A body has at most 1 MiB, an import at most 64 MiB.";
    UriTooLong = "uri_too_long", URI_TOO_LONG, "The path is too long",
        "Path and query have at most 8 KiB together.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of another media type",
        "Send `application/json`; a patch as `application/merge-patch+json`; an import as `application/x-ndjson`.";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key belongs to another request",
        "A key stands for one request: the same method, path, parameters, preconditions and body. Use a fresh key for another one.";
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED, "The version to change must be named",
        "Send `If-Match` with the `ETag` that the thing was read with, or `*` to change whatever is there.";
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests",
        "The key or the address has used up what it may ask. Wait as long as `Retry-After` says; `RateLimit` tells what is left. A 304 costs a tenth.";
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large",
        "A request has at most 100 header fields, with at most 16 KiB together.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed",
        "It is not the request's fault. If `outcome` is `unknown`, repeat the write with the same `Idempotency-Key` to learn what became of it.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The service has as much to do as it can take",
        "Too many connections are open, too many exports or imports are under way, too many long reads wait, the answer was not ready in time, or it was given up while much was written. Try again after `Retry-After`; if `outcome` is `unknown`, with the same `Idempotency-Key`.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The register cannot be reached or written",
        "Try again after `Retry-After`; if `outcome` is `unknown`, with the same `Idempotency-Key`.";
    HttpVersionNotSupported = "http_version_not_supported", HTTP_VERSION_NOT_SUPPORTED, "The HTTP version is not supported",
        "The service speaks only HTTP/1.1. If a proxy sent the request, set it to speak HTTP/1.1 to the service; in nginx that is `proxy_http_version 1.1`. Nothing was applied, and the connection is closed.";
}

/// The most errors listed in one problem.
pub(crate) const MOST_TOLD: usize = 1000;

/// An error in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where: `pointer`, `parameter` or `line`.
    pub(crate) place: &'static str,
    /// The pointer, name or number.
    pub(crate) at: Value,
    /// Further places, such as the pointer within a line.
    pub(crate) within: Option<String>,
    /// The code of the fault.
    pub(crate) code: String,
    /// What is wrong and what would be right.
    pub(crate) detail: String,
}

impl Wrong {
    /// An error in a parameter.
    pub(crate) fn parameter(name: &str, code: FaultCode, detail: impl Into<String>) -> Self {
        Self {
            place: "parameter",
            at: name.into(),
            within: None,
            code: code.to_string(),
            detail: detail.into(),
        }
    }

    /// The error as JSON.
    pub(crate) fn value(&self) -> Value {
        let mut value = Map::new();
        value.insert(self.place.to_owned(), self.at.clone());
        if let Some(pointer) = &self.within {
            value.insert("pointer".to_owned(), pointer.as_str().into());
        }
        value.insert("code".to_owned(), self.code.as_str().into());
        value.insert("detail".to_owned(), self.detail.as_str().into());
        Value::Object(value)
    }
}

impl From<&PlacedFault> for Wrong {
    fn from(placed: &PlacedFault) -> Self {
        Self {
            place: "pointer",
            at: placed.pointer.as_str().into(),
            within: None,
            code: placed.fault.code.to_string(),
            detail: placed.fault.detail.clone(),
        }
    }
}

/// An error response (RFC 9457).
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Its code.
    pub(crate) code: Code,
    /// What is wrong this time.
    pub(crate) detail: String,
    /// The errors in the input.
    pub(crate) errors: Vec<Wrong>,
    /// Whether the request was applied, if its method and the code do not tell.
    pub(crate) outcome: Option<RequestOutcome>,
    /// Further members.
    pub(crate) members: Map<String, Value>,
    /// Further header fields.
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with its detail.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            outcome: None,
            members: Map::new(),
            fields: Vec::new(),
        }
    }

    /// A problem with errors, of which the first [`MOST_TOLD`] are listed.
    pub(crate) fn with_errors(code: Code, errors: Vec<Wrong>) -> Self {
        let count = errors.len();
        Self::counted(code, errors, count)
    }

    /// A problem with errors, of `count` in all.
    pub(crate) fn counted(code: Code, mut errors: Vec<Wrong>, count: usize) -> Self {
        errors.truncate(MOST_TOLD);
        let detail = match errors.as_slice() {
            [only] => only.detail.clone(),
            listed if listed.len() < count => {
                format!("{count} things are wrong; errors tells the first {}", listed.len())
            }
            _ => format!("{count} things are wrong; see errors"),
        };
        Self { errors, ..Self::new(code, detail) }
    }

    /// One problem with the errors of several parameters, if there are any.
    pub(crate) fn of_all(checked: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        let wrong: Vec<Wrong> =
            checked.into_iter().filter_map(Result::err).flat_map(|problem| problem.errors).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Self::with_errors(Code::InvalidParameter, wrong)) }
    }

    /// A problem of one parameter or header field.
    pub(crate) fn parameter(name: &str, fault: Fault) -> Self {
        Self::with_errors(Code::InvalidParameter, vec![Wrong::parameter(name, fault.code, fault.detail)])
    }

    /// A problem of a malformed parameter or header field.
    pub(crate) fn malformed(name: &str, detail: impl Into<String>) -> Self {
        Self::parameter(name, Fault::new(FaultCode::Malformed, detail))
    }

    /// A problem of a body.
    pub(crate) fn invalid_body(faults: &Faults) -> Self {
        let listed = faults.0.iter().take(MOST_TOLD).map(Wrong::from).collect();
        Self::counted(Code::InvalidBody, listed, faults.0.len())
    }

    /// The same of a request of which nothing was applied for certain.
    pub(crate) fn before_any_change(self) -> Self {
        Self { outcome: Some(RequestOutcome::None), ..self }
    }

    /// The same of a request of which a part was applied: not a 4xx, which would say that nothing was.
    pub(crate) fn after_a_change(self) -> Self {
        let code = if self.code.status().is_client_error() { Code::Internal } else { self.code };
        Self { code, outcome: Some(RequestOutcome::Unknown), ..self }
    }

    /// Adds a member.
    pub(crate) fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Adds a header field.
    pub(crate) fn field(mut self, name: HeaderName, value: &str) -> Self {
        self.fields.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// The body, with the id of the request and whether that may change the register.
    pub(crate) fn body(&self, request_id: &str, writes: bool) -> String {
        let status = self.code.status();
        let mut body = json!({
            "type": format!("/problems/{}", self.code.as_str()),
            "title": self.code.title(),
            "status": status.as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "instance": request_id,
            "retryable": self.code.is_retryable(),
            "outcome": RequestOutcome::of(self.outcome, status, writes).as_str(),
        });
        if let Value::Object(members) = &mut body {
            if !self.errors.is_empty() {
                members.insert("errors".to_owned(), self.errors.iter().map(Wrong::value).collect());
            }
            members.extend(self.members.clone());
        }
        body.to_string()
    }

    /// The header fields, beside those of every answer.
    pub(crate) fn header_fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        match self.code {
            Code::Unauthenticated => {
                fields.push((
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"greenlight\""),
                ));
            }
            Code::Unavailable | Code::Overloaded => {
                fields.push((header::RETRY_AFTER, HeaderValue::from_static("2")));
            }
            _ => {}
        }
        fields.extend(self.fields.iter().cloned());
        fields
    }
}

/// Passes the problem as an extension to the layer that has the request id, writes the body and logs it once.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The catalogue as a Markdown table, one row per code.
pub(crate) fn table() -> String {
    let mut table = String::from("| code | status | meaning | what to do |\n| --- | --- | --- | --- |\n");
    for code in Code::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} |",
            code.as_str(),
            code.status().as_u16(),
            code.title(),
            code.about()
        );
    }
    table
}

/// The answer of `/problems/{code}`.
pub(crate) fn page(code: Code) -> Value {
    json!({
        "type": format!("/problems/{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "code": code.as_str(),
        "retryable": code.is_retryable(),
        "about": code.about(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_catalogue() {
        assert!(include_str!("../../README.md").contains(&table()));
    }
}
