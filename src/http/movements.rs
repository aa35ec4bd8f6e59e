//! Operations on movements: list, show and enter; they are never changed.

use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer_schemas::{CLASS_OF_USE, CLASS_OF_USER};
use super::call::Call;
use super::operation::{Api, Input, Operation};
use super::problem::{Code, Problem};
use super::putting::{new_id, thing};
use super::resources::{BODY_LIMIT, JSON, list_params, page_example, time_params};
use super::schema::{
    Field, citations, date, id, jurisdiction, list as list_of, named, nullable, optional, read_only,
    required, text, truth, units, word, written,
};
use super::showing::{list, show};
use super::write::{Answer, write_with};
use crate::app::movements::{self, Entered, Limits};
use crate::domain::movement::{Movement, MovementKind};
use crate::domain::text::{Name, Note, Reference};
use crate::domain::thing::{Kind, Thing as _};
use crate::domain::vocabulary::Vocabulary as _;
use crate::wire::determinations::reason;
use crate::wire::{self, Document as _};

/// The tag of movements in the OpenAPI document.
pub(crate) const TAG: &str = "Movements";

const ABOUT: &str = "Movements are the ledger: what was ordered, cancelled, shipped, delivered and returned. None is ever edited or retired; what was entered wrongly is set right by another one.";

/// The fields of a movement.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        read_only("id", id(), "Its id."),
        required("company", id(), "The buyer."),
        required("chip", id(), "The chip."),
        optional(
            "approval",
            nullable(id()),
            "The approval it draws on, one of this company and chip. Leave it out unless that one alone is drawn on: without it the movement counts against every open approval of the two, which is what is meant where both sides authorise a number.",
        ),
        required("kind", word::<MovementKind>(), "What happened."),
        required(
            "units",
            units(),
            "To how many chips. No more is cancelled than is ordered and not cancelled, and no more returned than is shipped and not returned.",
        ),
        optional("approximate", truth(), "Whether the number is only roughly known; `false` if not given."),
        required(
            "occurred_on",
            date(),
            "When it happened. An order or a shipment can be dated ahead; anything else tomorrow, by UTC, at the latest.",
        ),
        optional(
            "external_ref",
            nullable(text(Reference::MAX)),
            "The number that somebody else's books give it. A company has one movement of a kind with it: the same again is answered with the one on record.",
        ),
        optional("end_use", nullable(text(Name::MAX)), CLASS_OF_USE),
        optional("end_user", nullable(text(Name::MAX)), CLASS_OF_USER),
        optional("destination", nullable(jurisdiction()), "Where they go."),
        optional(
            "overage_reason",
            nullable(text(Note::MAX)),
            "Why a limit is broken knowingly, for an order or a shipment.",
        ),
        optional("citations", citations(0), "On whose word."),
    ]
}

/// The input schema of a movement: only an order or a shipment can break a limit.
pub(crate) fn input_schema() -> Value {
    let mut schema = written(&fields());
    let limited = [MovementKind::Order, MovementKind::Shipment].map(MovementKind::as_str);
    schema["if"] = json!({"properties": {"kind": {"not": {"enum": limited}}}});
    schema["then"] = json!({"properties": {"overage_reason": {"type": "null"}}});
    schema
}

fn example() -> Value {
    json!({
        "company": "alibaba",
        "chip": "h200-sxm",
        "approval": "alibaba-h200-sxm-cn-unspecified",
        "kind": "order",
        "units": 5000,
        "occurred_on": "2026-02-02",
        "external_ref": "PO-2026-0042",
        "destination": "CN",
    })
}

fn shown_example() -> Value {
    let Value::Object(mut object) = example() else { return Value::Null };
    object.insert("id".to_owned(), "mov-example".into());
    wire::read::<Movement>(&object).map_or(Value::Null, |movement| movement.write())
}

/// The fields of the answer to an entered movement.
pub(crate) fn entered_fields() -> Vec<Field> {
    let mut fields = fields();
    fields.push(required(
        "warnings",
        list_of(named("Reason"), 0, 100_000),
        "What speaks against it, though it was entered: reasons that block or leave open what was done. Empty if it was on record already: they are told once.",
    ));
    fields
}

fn entered_example() -> Value {
    let mut example = shown_example();
    example["warnings"] = json!([]);
    example
}

/// Adds the operations on movements.
pub(crate) fn expose(api: &mut Api) {
    let collection = "/v1/movements";
    let shown = || named("Movement");
    api.on(
        Operation::get(collection, "listMovements", TAG)
            .says("List movements", format!("{ABOUT} Filters are named like fields; several values are separated by commas and mean *or*."))
            .takes(list_params::<Movement>())
            .answers(200, "A page of the list.", JSON, named("MovementPage"), page_example(&shown_example())),
        list::<Movement>,
    );
    api.on(
        Operation::write(Method::POST, collection, "createMovement", TAG)
            .says("Enter a movement", "Enters what happened in the ledger, under an id that the service makes. The same content under the same `external_ref`, company and kind is entered once: sent again it is answered with 200 and the movement on record, and makes no revision. An order or shipment that would break a known, required limit in force is refused unless it states an `overage_reason`: it is held against the conditions in scope, and against what is authorised by the approval it names, or else by every open one of the company for the chip. One that makes a limit that is broken already no worse is entered with a warning, such as an order of domestic chips where their share is too small. Whatever else speaks against it comes back as `warnings`, since the ledger records what happens.")
            .reads(Input { media_types: &[JSON], schema: named("MovementInput"), example: example(), limit: BODY_LIMIT, required: true })
            .answers(200, "It is on record already.", JSON, named("MovementEntered"), entered_example())
            .answers(201, "It is on record.", JSON, named("MovementEntered"), entered_example())
            .refuses(&[Code::OverLimit, Code::ExceedsLedger, Code::InvalidBody, Code::MalformedJson, Code::NoSuchReference, Code::ExternalRefConflict, Code::ForbiddenAuthority])
            .tagged(),
        create,
    );
    api.on(
        Operation::get("/v1/movements/{id}", "showMovement", TAG)
            .says("Show one movement", ABOUT)
            .takes(time_params())
            .answers(200, "The movement.", JSON, shown(), shown_example())
            .refuses(&[Code::NotFound]),
        show::<Movement>,
    );
}

async fn create(call: Call) -> Result<Response, Problem> {
    let object = call.object()?;
    let id = new_id(&call, Kind::Movement, &object)?;
    let movement: Movement = thing(object, &id)?;
    let location = format!("/v1/movements/{}", movement.id());
    write_with(&call, movements::needs(&movement), move |write, given| {
        Box::pin(async move {
            let Entered { mut written, warnings } =
                movements::put(write, &given.actor, movement, Limits::Hold).await?;
            written.document["warnings"] = warnings.iter().map(reason).collect();
            Ok(Ok(Answer::written(written, location)))
        })
    })
    .await
}
