//! Operations on transitions, the timeline of a case: list, show, post and retract.

use axum::http::Method;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::conditional::{Shown, strong};
use super::operation::{Api, Input, Operation, Param};
use super::page::{Cursor, answer as page_answer};
use super::problem::{Code, Problem};
use super::putting::{new_id, thing};
use super::reading::{absent, read_at};
use super::resources::{BODY_LIMIT, JSON, count_param, cursor_param, limit_param, page_example, time_params};
use super::schema::{
    Field, citations, dated, id, named, nullable, optional, read_only, required, stage_id, submitted, text,
    truth, written,
};
use super::write::{Answer, write, write_with};
use crate::app::{Error, Position, transitions};
use crate::domain::approval::Case;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::{ApprovalId, StageId, TransitionId};
use crate::domain::text::Note;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::transition::Transition;
use crate::wire::fields::Fields;
use crate::wire::{Document as _, values};

/// The fields of a transition.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        read_only("id", id(), "Its id."),
        read_only("approval", id(), "The case."),
        required("to", stage_id(), "The stage entered."),
        required(
            "effective_on",
            dated(),
            "When it took, or will take, effect: on `date`, whatever `precision` says. The order of transitions goes by this date, ties by acceptance. Once it is known better, retract the transition and post another one.",
        ),
        optional("retracted", truth(), "Whether the register takes it back."),
        required("citations", citations(1), "On whose word."),
        optional("note", nullable(text(Note::MAX)), "Anything else worth knowing."),
    ]
}

/// The schema of a transition to be posted: `approval` may repeat the case in the path, and the service makes
/// the id.
pub(crate) fn input_schema() -> Value {
    let mut schema = submitted(&fields());
    if let Value::Object(properties) = &mut schema["properties"] {
        properties.shift_remove("id");
    }
    schema
}

/// The schema of a retraction.
pub(crate) fn patch_schema() -> Value {
    written(&[required("retracted", truth(), "Whether the register takes the transition back.")])
}

fn example() -> Value {
    json!({
        "to": "conditional_terms_set",
        "effective_on": {"date": "2026-09-01", "precision": "day"},
        "citations": [{"attribution": "own_record", "note": "as entered from the report"}],
    })
}

/// A transition as JSON.
pub(crate) fn shown_example() -> Value {
    let Value::Object(mut object) = example() else { return Value::Null };
    object.insert("id".to_owned(), "trn-example".into());
    object.insert("approval".to_owned(), "alibaba-h200-sxm-cn-unspecified".into());
    crate::wire::read::<Transition>(&object).map_or(Value::Null, |transition| transition.write())
}

/// Adds the operations on transitions.
pub(crate) fn expose(api: &mut Api) {
    let collection = "/v1/approvals/{id}/transitions";
    let shown = || named("Transition");
    let filters = [
        Param::new(
            "to",
            super::params::filter_schema(crate::app::Takes::Stage),
            "Transitions to these stages.",
        ),
        Param::new("retracted", truth(), "Whether the register takes the transition back."),
    ];
    api.on(
        Operation::get(collection, "listTransitions", "Approvals")
            .says("List the transitions of an approval", "The timeline of a case: what the register accepts as having happened, in order of effective date, ties by acceptance.")
            .takes(filters)
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "A page of the timeline.", JSON, named("TransitionPage"), page_example(&shown_example()))
            .refuses(&[Code::NotFound, Code::Retired]),
        list,
    );
    api.on(
        Operation::write(Method::POST, collection, "createTransition", "Approvals")
            .says("Post a transition", "Accepts a step of the case. It must be a move of the workflow from the transition before it by date, and on to the one after it.")
            .reads(Input { media_types: &[JSON], schema: named("TransitionInput"), example: example(), limit: BODY_LIMIT, required: true })
            .answers(201, "It is accepted.", JSON, shown(), shown_example())
            .refuses(&[Code::InvalidBody, Code::MalformedJson, Code::NotFound, Code::Retired, Code::IllegalMove, Code::NoSuchReference, Code::ForbiddenAuthority])
            .tagged(),
        create,
    );
    expose_one(api);
}

fn expose_one(api: &mut Api) {
    let one = "/v1/approvals/{id}/transitions/{transition}";
    let shown = || named("Transition");
    api.on(
        Operation::get(one, "showTransition", "Approvals")
            .says("Show one transition", "Its `ETag` is its version, for `If-Match`.")
            .takes(time_params())
            .answers(200, "The transition.", JSON, shown(), shown_example())
            .refuses(&[Code::NotFound, Code::Retired]),
        show,
    );
    api.on(
        Operation::write(Method::PATCH, one, "retractTransition", "Approvals")
            .says(
                "Retract a transition, or take the retraction back",
                "What remains must be a legal sequence. Nothing else of an accepted transition changes.",
            )
            .reads(Input {
                media_types: &["application/merge-patch+json", JSON],
                schema: named("TransitionPatch"),
                example: json!({"retracted": true}),
                limit: BODY_LIMIT,
                required: true,
            })
            .answers(200, "It is as the patch says.", JSON, shown(), shown_example())
            .refuses(&[
                Code::InvalidBody,
                Code::MalformedJson,
                Code::NotFound,
                Code::Retired,
                Code::IllegalMove,
                Code::StaleVersion,
                Code::PreconditionRequired,
                Code::ForbiddenAuthority,
            ])
            .conditional()
            .tagged(),
        retract,
    );
}

async fn list(call: Call) -> Result<Response, Problem> {
    let id: ApprovalId = call.path("id")?;
    let to: Option<Vec<StageId>> = call
        .params
        .value("to", |text| super::params::separated(text)?.into_iter().map(StageId::try_from).collect())?;
    let retracted = call.params.text("retracted").map(|_| call.params.flag("retracted")).transpose()?;
    let limit = usize::try_from(call.params.limit()?).unwrap_or(usize::MAX);
    let cursor = Cursor::read(&call)?;
    call.params.valid_on()?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let presence = read.filed::<Case>(id.as_str()).await?;
    absent(presence, ThingRef::new(Kind::Approval, id.as_str()))?;
    let revision = read.at().revision;
    let accepted = read.transitions(&id).await?;
    let chosen = accepted.into_iter().map(|(version, _)| version.value);
    let chosen = chosen.filter(|transition| to.as_ref().is_none_or(|to| to.contains(&transition.to)));
    let chosen: Vec<Transition> =
        chosen.filter(|transition| retracted.is_none_or(|wanted| transition.retracted == wanted)).collect();
    let start = cursor.map_or(Some(0), |cursor| {
        chosen.iter().position(|transition| transition.id.as_str() == cursor.position.id).map(|last| last + 1)
    });
    let start = start.ok_or_else(|| {
        Problem::new(Code::InvalidCursor, "the cursor names a transition that is not in this list")
    })?;
    let page = chosen.get(start..).unwrap_or_default();
    let (page, more) = page.split_at(limit.min(page.len()));
    let items: Vec<String> = page.iter().map(|transition| transition.write().to_string()).collect();
    let next = page.last().filter(|_| !more.is_empty()).map(|last| {
        let position = Position { key: String::new(), id: last.id.to_string() };
        Cursor { revision, on: None, position }.write(&call)
    });
    let total = call.params.flag("count")?.then(|| i64::try_from(chosen.len()).unwrap_or(i64::MAX));
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

async fn show(call: Call) -> Result<Response, Problem> {
    let approval: ApprovalId = call.path("id")?;
    let id: TransitionId = call.path("transition")?;
    call.params.valid_on()?;
    let mut read = read_at(&call, None).await?;
    let thing = ThingRef::new(Kind::Transition, id.as_str());
    let presence = read.thing::<Transition>(id.as_str()).await?;
    let version = absent(presence, thing.clone())?;
    if version.value.approval != approval {
        return Err(Error::Unknown(thing).into());
    }
    let etag = strong(&read.head().epoch, version.since);
    let body = version.value.write().to_string();
    Ok(Shown { etag, media_type: JSON, body, revision: read.at().revision }.answer(&call.headers))
}

async fn create(call: Call) -> Result<Response, Problem> {
    let approval: ApprovalId = call.path("id")?;
    let mut object = call.object()?;
    let id = new_id(&call, Kind::Transition, &object)?;
    of_case(&mut object, &approval)?;
    let transition: Transition = thing(object, &id)?;
    write_with(&call, transitions::needs(&transition), move |write, given| {
        Box::pin(async move {
            transitions::case(write, &transition.approval).await?;
            let location = format!("/v1/approvals/{}/transitions/{}", transition.approval, transition.id);
            let written = transitions::put(write, &given.actor, transition, &given.precondition).await?;
            Ok(Ok(Answer::written(written, location)))
        })
    })
    .await
}

/// Sets the case to the one in the path, which the body may repeat.
fn of_case(object: &mut Map<String, Value>, approval: &ApprovalId) -> Result<(), Problem> {
    if object.get("approval").is_some_and(|given| given != approval.as_str()) {
        let mut faults = Faults::default();
        faults.add(
            "/approval",
            FaultCode::ReadOnly,
            format!("must be the approval in the path, `{approval}`, or be left out"),
        );
        return Err(Problem::invalid_body(&faults));
    }
    object.insert("approval".to_owned(), approval.as_str().into());
    Ok(())
}

async fn retract(call: Call) -> Result<Response, Problem> {
    let approval: ApprovalId = call.path("id")?;
    let id: TransitionId = call.path("transition")?;
    let object = call.object()?;
    let mut faults = Faults::default();
    let mut fields = Fields::new(&object, &mut faults);
    let retracted = fields.required("retracted", values::boolean);
    fields.finish();
    let Some(retracted) = retracted.filter(|_| faults.is_empty()) else {
        return Err(Problem::invalid_body(&faults));
    };
    write(&call, move |write, given| {
        Box::pin(async move {
            let location = format!("/v1/approvals/{approval}/transitions/{id}");
            let written =
                transitions::retract(write, &given.actor, (&approval, &id), retracted, &given.precondition)
                    .await?;
            Ok(Ok(Answer::written(written, location)))
        })
    })
    .await
}
