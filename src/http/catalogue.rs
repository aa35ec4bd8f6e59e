//! The OpenAPI description of problems: their schema, and an example of each, made by the code that makes
//! real ones.

use serde_json::{Value, json};

use super::outcome::RequestOutcome;
use super::problem::{Code, MOST_TOLD, Problem};
use super::schema::{
    Field, count, id, list, named, nullable, optional, required, shown, stage_id, text, truth,
};
use super::{changes, imports, params, workflows};
use crate::app::imports::{BadLine, Cause, Outcome, read_some};
use crate::app::{Error, StoreError};
use crate::domain::actor::{Denied, Role};
use crate::domain::authority::Gate;
use crate::domain::citation::{Attribution, Citation};
use crate::domain::company::Company;
use crate::domain::fault::{Fault, FaultCode, Faults};
use crate::domain::id::{AuthorityId, StageId, WorkflowId};
use crate::domain::judgement::{Effect, Headroom, Reason, ReasonCode};
use crate::domain::refusal::{IllegalMove, Refusal};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Workflow;
use crate::wire::json::{Unreadable, parse};

fn bounded(most: usize) -> Value {
    json!({"type": "string", "maxLength": most})
}

/// The description of `retryable`.
pub(crate) const RETRYABLE: &str = "Whether the same request, sent again later and unchanged, can succeed though its sender does nothing else: so after 408, 429, 500 and 503. It is never so after a fault of the request, or where what is on record forbids it.";
/// The description of `outcome`.
const OUTCOME: &str = "Whether this request was applied.\n- `none`: nothing was applied, for certain. So after every 4xx and 505, every read and every `dry_run=true`, and where a write failed before it began.\n- `unknown`: it may have been applied, of an import with `mode=partial` also in part. The same request with the same `Idempotency-Key` settles it: it is carried out if it was not, and the first answer is given again if it was. Without a key, read what is on record before you send it again.\n\nIt says nothing of an earlier request with the same key.";

/// The schema of a problem.
pub(crate) fn schema() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let mut schema = shown(&[
        required("type", bounded(200), "The page that says what the problem means."),
        required("title", bounded(200), "The same for every occurrence."),
        required("status", count(400, 599), "The status."),
        required("code", json!({"type": "string", "enum": codes}), "Stable for ever."),
        required("detail", bounded(100_000), "What is the matter this time."),
        required("instance", text(200), "The id of the request."),
        required("retryable", truth(), RETRYABLE),
        required(
            "outcome",
            json!({"type": "string", "enum": RequestOutcome::ALL.map(RequestOutcome::as_str)}),
            OUTCOME,
        ),
    ]);
    if let (Value::Object(all), Value::Object(members)) =
        (&mut schema["properties"], shown(&members())["properties"].take())
    {
        all.extend(members);
    }
    schema["additionalProperties"] = true.into();
    schema["description"] = "An error (RFC 9457). Some codes have further members.".into();
    schema
}

/// The members that only some problems have.
fn members() -> Vec<Field> {
    let stages = || list(stage_id(), 0, Workflow::MAX_STAGES);
    vec![
        optional(
            "errors",
            list(named("Fault"), 1, MOST_TOLD),
            "Everything that is wrong with the input; of more than 1,000 faults the first.",
        ),
        optional("workflow", id(), "The workflow that has no such move: `illegal_move`, `move_in_use`."),
        optional("stage", stage_id(), "The stage the case would leave: `illegal_move`, `move_in_use`."),
        optional("to", stage_id(), "The stage it would enter: `illegal_move`, `move_in_use`."),
        optional("legal", stages(), "The stages it may enter instead: `illegal_move`, `move_in_use`."),
        optional("stages", stages(), "The stages that would be missing: `stage_in_use`."),
        optional(
            "by",
            list(named("ThingLink"), 0, 100_000),
            "What stands in the way: `in_use`, `stage_in_use`, `move_in_use`, `external_ref_conflict`.",
        ),
        optional(
            "available",
            nullable(count(i64::MIN, i64::MAX)),
            "How many units would be within every limit: `over_limit`.",
        ),
        optional(
            "limited_by",
            nullable(named("ThingLink")),
            "The condition or approval that sets that number: `over_limit`.",
        ),
        optional(
            "limits",
            list(named("Reason"), 0, 100_000),
            "The limits that would be broken: `over_limit`.",
        ),
    ]
}

/// The schema of an error in the input.
pub(crate) fn fault_schema() -> Value {
    let mut schema = shown(&[
        optional("pointer", bounded(2000), "The JSON pointer of the value, in the body or in the line."),
        optional("parameter", bounded(2000), "The name of the query parameter, path parameter or header."),
        optional("line", count(1, i64::MAX), "The number of the line, from 1."),
        required("code", fault_code(), FAULT_CODE),
        required("detail", bounded(100_000), "What is wrong and what would be right."),
    ]);
    schema["required"] = json!(["code", "detail"]);
    schema["anyOf"] = ["pointer", "parameter", "line"].map(|name| json!({"required": [name]})).into();
    schema["description"] = "One thing that is wrong with the input.".into();
    schema
}

const FAULT_CODE: &str = "What is wrong with the value; of a line that is not allowed by what is on record, the code of the problem it would be by itself. `fixed` is the code of lines only.";

/// The code of a fault, or of the problem of a line.
pub(crate) fn fault_code() -> Value {
    let mut codes = FaultCode::words();
    codes.extend(imports::LINE_CODES.map(Code::as_str));
    json!({"type": "string", "enum": codes})
}

/// The examples of all problems, as components.
pub(crate) fn examples() -> Value {
    let example = |code: &Code| {
        let problem = example(*code).unwrap_or_else(|| Problem::new(*code, plain(*code)));
        // As a write is answered, since that may have either outcome.
        let body = problem.body("0198f0c2a1b07c3e9d4f5a6b7c8d9e0f", true);
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        let example = json!({"summary": code.title(), "description": code.about(), "value": value});
        (code.as_str().to_owned(), example)
    };
    Value::Object(Code::ALL.iter().map(example).collect())
}

/// The example of a problem with more than a fixed detail.
fn example(code: Code) -> Option<Problem> {
    let alibaba = || ThingRef::new(Kind::Company, "alibaba");
    match code {
        Code::MalformedJson => match parse(b"{\"name\": 'Alibaba'}") {
            Err(Unreadable::Syntax(syntax)) => Some(Problem::new(code, syntax.to_string())),
            _ => None,
        },
        Code::InvalidBody => {
            let body =
                json!({"id": "alibaba", "name": "Alibaba", "jurisdiction": "XX", "alias": ["9988.HK"]});
            let faults = crate::wire::read::<Company>(body.as_object()?).err()?;
            Some(Problem::invalid_body(&faults))
        }
        Code::InvalidParameter => {
            let known = ["company", "chip", "limit"];
            Some(Problem::with_errors(code, vec![params::unknown("compny", &known)]))
        }
        Code::RevisionInFuture => Some(StoreError::Future { newest: 42 }.into()),
        Code::InvalidLines => {
            let line = br#"{"kind": "company", "id": "alibaba", "jurisdiction": "CN"}"#;
            let (_, outcome) = read_some([(3, line.as_slice())].into_iter());
            Some(imports::refusal(&outcome))
        }
        Code::ImportRefused => {
            let cause = Cause::Error(Error::Refused(fixed()));
            let bad = vec![BadLine { line: 3, cause }];
            Some(imports::refusal(&Outcome { bad, failed: 1, ..Outcome::default() }))
        }
        Code::TooManyLines => Some(imports::too_many()),
        Code::Unauthenticated => Some(Error::Denied(Denied::Anonymous).into()),
        Code::Forbidden => Some(Error::Denied(Denied::Role(Role::Editor)).into()),
        Code::ForbiddenAuthority => {
            let authority = |id| AuthorityId::try_from(id).map(|id| vec![id]);
            let (allowed, of) = (authority("us-bis").ok()?, authority("cn-ndrc").ok()?);
            Some(Error::Denied(Denied::Authority { allowed, of }).into())
        }
        Code::NotFound => Some(Error::Unknown(alibaba()).into()),
        Code::Retired => Some(Error::Retired(alibaba()).into()),
        Code::StaleVersion => Some(Error::Stale { current: 42 }.into()),
        Code::PreconditionRequired => Some(Error::Unconditional { current: 42 }.into()),
        Code::PositionGone => changes::located("after", "elsewhere.41", "5f2c9a0b1d3e", 42).err(),
        Code::NotAcceptable => Some(workflows::neither()),
        code => Some(Error::Refused(refusal(code)?).into()),
    }
}

/// The refusal behind a problem's code.
fn refusal(code: Code) -> Option<Refusal> {
    let case = || ThingRef::new(Kind::Approval, "alibaba-h200-sxm-cn-unspecified");
    Some(match code {
        Code::IllegalMove => Refusal::IllegalMove(illegal("conditional_terms_open", "fulfilled")?),
        Code::IdRetired => Refusal::Retired(case()),
        Code::InUse => Refusal::InUse { thing: ThingRef::new(Kind::Chip, "h200-sxm"), by: vec![case()] },
        Code::NoSuchReference => Refusal::Dangling(one_fault(
            "/parent",
            FaultCode::NoSuchThing,
            &format!("{} is not on record", ThingRef::new(Kind::Company, "alibaba-group")),
        )),
        Code::StageInUse => Refusal::StageInUse { stages: vec![stage("in_principle")?], by: vec![case()] },
        Code::MoveInUse => {
            Refusal::MoveInUse { illegal: illegal("in_principle", "conditional_terms_open")?, by: case() }
        }
        Code::Fixed => fixed(),
        Code::OverLimit => Refusal::OverLimit {
            headroom: Headroom { units: Some(1500), limited_by: Some(cap()), unset: Vec::new() },
            limits: vec![broken()?],
        },
        Code::ExceedsLedger => Refusal::ExceedsLedger(one_fault(
            "/units",
            FaultCode::OutOfRange,
            "must be at most 200, which are ordered and not cancelled",
        )),
        Code::ExternalRefConflict => Refusal::ExternalRefTaken {
            by: ThingRef::new(Kind::Movement, "mov-0198f0c2a1b07c3e9d4f5a6b7c8d9e0f"),
            differences: one_fault(
                "/units",
                FaultCode::ReadOnly,
                "is on record with another value; a correction is another movement",
            ),
        },
        _ => return None,
    })
}

fn one_fault(pointer: &str, code: FaultCode, detail: &str) -> Faults {
    Faults(vec![Fault::new(code, detail).at(pointer)])
}

/// The refusal of a line that would change something fixed.
fn fixed() -> Refusal {
    let detail = "cannot change; retract the transition and post another one";
    Refusal::Fixed(one_fault("/to", FaultCode::ReadOnly, detail))
}

fn stage(id: &str) -> Option<StageId> {
    StageId::try_from(id).ok()
}

fn illegal(from: &str, to: &str) -> Option<IllegalMove> {
    Some(IllegalMove {
        workflow: WorkflowId::try_from("cn-import").ok()?,
        stage: stage(from)?,
        to: stage(to)?,
        before: None,
        legal: ["conditional_terms_set", "suspended", "refused"].into_iter().filter_map(stage).collect(),
    })
}

fn cap() -> ThingRef {
    ThingRef::new(Kind::Condition, "h200-cap-2026")
}

fn broken() -> Option<Reason> {
    Some(Reason {
        code: ReasonCode::OverLimit,
        effect: Effect::Blocks,
        gate: Some(Gate::Import),
        authority: AuthorityId::try_from("cn-unspecified").ok(),
        subject: Some(cap()),
        detail: "The count would come to 13500, of at most 10000.".to_owned(),
        evidence: vec![Citation::new(None, Attribution::OwnRecord).ok()?],
        remedy: "Ask for at most 1500 unit(s), or have the limit raised.".to_owned(),
    })
}

/// The detail of a problem without further content.
fn plain(code: Code) -> &'static str {
    match code {
        Code::MalformedRequest => "the request must name its `Host` once",
        Code::InvalidCursor => "this is no cursor that the service gave out",
        Code::NoSuchPath => "there is no such path; see /docs",
        Code::MethodNotAllowed => "the path does not take this method; see Allow",
        Code::RequestTimeout => "the body did not arrive in time",
        Code::PayloadTooLarge => "the body must have at most 1048576 bytes",
        Code::UriTooLong => "path and query must have at most 8192 bytes",
        Code::UnsupportedMediaType => "send the body as `application/json`",
        Code::IdempotencyKeyReused => "the key was sent with another request before",
        Code::TooManyRequests => "the key may make 600 requests a minute",
        Code::HeadTooLarge => "the header fields must have at most 16384 bytes",
        Code::Overloaded => "the answer was not ready in time",
        Code::HttpVersionNotSupported => "the service speaks only HTTP/1.1",
        Code::Unavailable => "the register cannot be reached or written at the moment",
        _ => "the service failed on this request",
    }
}
