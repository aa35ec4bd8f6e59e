//! Operations on determinations: asking a question, and reading receipts.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer_schemas::{answer_fields, question_fields};
use super::call::Call;
use super::conditional::{REVISION, Shown, set, weak};
use super::operation::{Access, Api, Input, Operation};
use super::page::{Cursor, answer as page_answer, cut, total};
use super::problem::{Code, Problem};
use super::reading::{filters, read_at};
use super::resources::{
    BODY_LIMIT, JSON, count_param, cursor_param, filter_params, limit_param, page_example, time_params,
};
use super::schema::{Field, count, id, moment, named, nullable, required};
use super::write::{Answer, Terms, write_on};
use crate::app::{Needs, Position, RECEIPT_FILTERS, Receipt, Wanted, determinations};
use crate::domain::actor::Actor;
use crate::domain::fault::Faults;
use crate::domain::id::DeterminationId;
use crate::domain::judgement::Supposed;
use crate::domain::time::Moment;
use crate::wire::determinations::{self as wire, Asked};
use crate::wire::fields::Fields;

const TAG: &str = "Answers";

/// The fields of a determination.
pub(crate) fn fields() -> Vec<Field> {
    let mut fields =
        vec![required("id", nullable(id()), "Its id; `null` for a what-if, of which no receipt is kept.")];
    fields.extend(question_fields());
    fields.extend(answer_fields());
    fields.extend([
        required(
            "assumptions",
            named("Assumptions"),
            "What was assumed, and whether it decided: whether the verdict would be another without it, or is what it alone makes of what is on record.",
        ),
        required("revision", count(0, i64::MAX), "The revision it was answered at."),
        required("known_at", nullable(moment()), "When that revision was recorded; `null` before the first."),
        required("valid_at", moment(), "The moment in the world it is about."),
    ]);
    fields
}

fn example() -> Value {
    json!({"company": "alibaba", "chip": "h200-sxm", "activity": "order", "units": 10_000, "valid_at": "2026-01-25"})
}

fn shown_example() -> Value {
    let mut shown = super::answer_schemas::example();
    for (name, value) in [
        ("id", "det-example".into()),
        ("assumptions", json!([])),
        ("revision", 1.into()),
        ("known_at", "2026-09-01T08:00:00Z".into()),
        ("valid_at", "2026-01-25T00:00:00Z".into()),
    ] {
        shown[name] = value;
    }
    shown
}

/// Adds the operations on determinations.
pub(crate) fn expose(api: &mut Api) {
    let input = Input {
        media_types: &[JSON],
        schema: named("DeterminationInput"),
        example: example(),
        limit: BODY_LIMIT,
        required: true,
    };
    api.on(
        Operation::write(Method::POST, "/v1/determinations", "createDetermination", TAG)
            .says(
                "Ask whether a company may prepare, order or ship",
                "Answers the question for the moment and the revision it names, by default now, and keeps the answer as a receipt that never changes again. What is not declared stays undeclared, and a missing fact is never taken for permission. With `assume` it answers what would be, says which assumption decided, and keeps nothing. Any key may ask.",
            )
            .reads(input)
            .answers(200, "The answer to a what-if; nothing is kept.", JSON, named("Determination"), shown_example())
            .answers(201, "The answer, kept as a receipt.", JSON, named("Determination"), shown_example())
            .refuses(&[Code::InvalidBody, Code::MalformedJson, Code::NoSuchReference, Code::RevisionInFuture])
            .access(Access::Read),
        create,
    );
    api.on(
        Operation::get("/v1/determinations", "listDeterminations", TAG)
            .says("List determinations", "The receipts of answered questions, newest first.")
            .takes(filter_params(RECEIPT_FILTERS))
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(
                200,
                "A page of the list.",
                JSON,
                named("DeterminationPage"),
                page_example(&shown_example()),
            )
            // Receipts make no revision.
            .unkept(),
        list,
    );
    api.on(
        Operation::get("/v1/determinations/{id}", "showDetermination", TAG)
            .says("Show one determination", "The receipt, byte for byte as it was first given.")
            .takes(time_params())
            .answers(200, "The receipt.", JSON, named("Determination"), shown_example())
            .refuses(&[Code::NotFound])
            .unkept(),
        show,
    );
}

/// Parses the question in the body.
fn asked(call: &Call) -> Result<Asked, Problem> {
    let object = call.object()?;
    let mut faults = Faults::default();
    let mut fields = Fields::new(&object, &mut faults);
    let asked = wire::asked(&mut fields, call.app.register.now());
    fields.finish();
    asked.filter(|_| faults.is_empty()).ok_or_else(|| Problem::invalid_body(&faults))
}

/// An answer, with the revision and time it rests on.
struct Given {
    supposed: Supposed,
    revision: i64,
    known_at: Option<Moment>,
}

async fn answered(call: &Call, asked: &mut Asked) -> Result<Given, Problem> {
    let wanted = match (asked.revision, asked.known_at) {
        (Some(revision), _) => Wanted::Revision(revision),
        (None, Some(moment)) => Wanted::KnownAt(moment),
        (None, None) => Wanted::Newest,
    };
    let mut read = call.app.register.read(wanted).await?;
    let clock = call.app.register.now();
    if !asked.is_dated {
        asked.question.valid_at = read.head().present(clock);
    }
    let present = read.at().newest && !asked.is_dated && read.head().is_current(clock);
    let supposed = determinations::answer(&mut read, &asked.question, &asked.assume, present).await?;
    let revision = read.at().revision;
    let known_at = read.recorded_at().await?;
    Ok(Given { supposed, revision, known_at })
}

fn document(id: Option<&DeterminationId>, asked: &Asked, given: &Given) -> Value {
    let mut document = Map::new();
    document.insert("id".to_owned(), id.map_or(Value::Null, |id| id.as_str().into()));
    document.extend(wire::question(&asked.question));
    document.extend(wire::answer(&given.supposed.answer));
    document.insert("assumptions".to_owned(), wire::assumptions(&asked.assume, &given.supposed));
    document.insert("revision".to_owned(), given.revision.into());
    document.insert(
        "known_at".to_owned(),
        given.known_at.map_or(Value::Null, |moment| moment.to_string().into()),
    );
    document.insert("valid_at".to_owned(), asked.question.valid_at.to_string().into());
    Value::Object(document)
}

async fn create(call: Call) -> Result<Response, Problem> {
    let mut asked = asked(&call)?;
    let what_if = !asked.assume.is_empty();
    if matches!(call.actor, Actor::Anybody) && !what_if && !call.params.flag("dry_run")? {
        return Err(Problem::new(
            Code::Unauthenticated,
            "keeping a receipt needs a key; a what-if needs none",
        ));
    }
    let terms = Terms::of(&call)?;
    if terms.is_keyed() {
        if matches!(call.actor, Actor::Anybody) {
            return Err(Problem::new(Code::Unauthenticated, "keeping an answer needs a key of the register"));
        }
        if let Some(kept) = super::write::kept(&call, &terms).await? {
            return Ok(kept);
        }
    }
    let given = match answered(&call, &mut asked).await {
        Err(problem) if terms.is_keyed() && problem.code.status().is_client_error() => {
            return ended(&call, terms, Err(problem)).await;
        }
        given => given.map_err(Problem::before_any_change)?,
    };
    if what_if && terms.is_keyed() {
        let answer = Answer::body(StatusCode::OK, document(None, &asked, &given));
        return ended(&call, terms, Ok(answer)).await;
    }
    if what_if {
        // An answer to a question is not the state of a resource, so it has no tag.
        let body = document(None, &asked, &given).to_string();
        let mut response = Response::new(Body::from(body));
        set(response.headers_mut(), header::CONTENT_TYPE, JSON);
        set(response.headers_mut(), REVISION, &given.revision.to_string());
        return Ok(response);
    }
    let id = determinations::new_id(call.app.register.now())?;
    let document = document(Some(&id), &asked, &given);
    let receipt = Receipt {
        company: asked.question.company,
        chip: asked.question.chip,
        activity: asked.question.activity,
        verdict: given.supposed.answer.verdict,
        document: document.to_string(),
        id,
    };
    write_on(&call, terms, Needs::default(), move |write, _given| {
        Box::pin(async move {
            determinations::keep(write, &receipt).await?;
            let location = format!("/v1/determinations/{}", receipt.id);
            let answer = Answer::body(StatusCode::CREATED, document);
            Ok(Ok(Answer { location: Some(location), ..answer }))
        })
    })
    .await
}

/// Ends a call with an outcome decided outside the write, which only stores the reply.
async fn ended(call: &Call, terms: Terms, outcome: Result<Answer, Problem>) -> Result<Response, Problem> {
    write_on(call, terms, Needs::default(), move |_write, _given| Box::pin(async move { Ok(outcome) })).await
}

async fn show(call: Call) -> Result<Response, Problem> {
    let id: DeterminationId = call.path("id")?;
    call.params.valid_at()?;
    let mut read = read_at(&call, None).await?;
    let found = read.receipt(&id).await?;
    let body =
        found.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no determination `{id}`")))?;
    let revision = read.at().revision;
    Ok(Shown { etag: weak([body.as_str()]), media_type: JSON, body, revision }.answer(&call.headers))
}

async fn list(call: Call) -> Result<Response, Problem> {
    let filters = filters(&call, RECEIPT_FILTERS)?;
    let limit = call.params.limit()?;
    call.params.valid_at()?;
    let cursor = Cursor::read(&call)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let revision = read.at().revision;
    let before = cursor.as_ref().map(|cursor| cursor.position.id.as_str());
    let mut found = read.receipts(&filters, before, limit + 1).await?;
    let total = total(&call, read.receipt_count(&filters)).await?;
    drop(read);
    let next =
        cut(&call, &mut found, (limit, revision), |(id, _)| Position { key: String::new(), id: id.clone() });
    let items: Vec<String> = found.into_iter().map(|(_, document)| document).collect();
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}
