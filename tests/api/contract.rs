//! The contract itself: complete, true to the domain, and changed only on purpose.

use std::collections::BTreeSet;

use greenlight::domain::citation::Citation;
use greenlight::domain::id::{ID_PATTERN, MAX_ID, STAGE_ID_PATTERN};
use greenlight::domain::number::{Figure, Units};
use greenlight::domain::source::Source;
use greenlight::domain::text::{Name, Note, Reason, TEXT_PATTERN, URL_PATTERN, Url};
use greenlight::domain::workflow::Workflow;
use greenlight::wire::values::{MAX_ITEMS, MAX_NAMES};
use serde_json::{Value, json};

use crate::document::{DOCUMENT, Operation, assert_fits, fits, operation, operations};
use crate::examples;
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_body_is_held_to_the_limits_that_the_contract_states,
    the_answer_shown_as_an_example_is_what_the_service_says,
);

/// To accept a change that is meant: `INSTA_UPDATE=always cargo test --test api contract`.
#[test]
fn the_contract_changes_only_on_purpose() {
    insta::assert_snapshot!("openapi", greenlight::http::openapi());
}

#[test]
fn every_operation_and_parameter_is_described() {
    let said = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let mut ids = Vec::new();
    for operation in operations() {
        let (id, value) = (operation.id(), operation.value);
        ids.push(id);
        assert!(said(&value["summary"]) && said(&value["description"]), "{id}");
        assert!(value["description"].as_str().unwrap().ends_with('.'), "{id}: {}", value["description"]);
        for parameter in value["parameters"].as_array().unwrap() {
            let schema = parameter["schema"].as_object();
            assert!(
                said(&parameter["description"]) && schema.is_some_and(|s| !s.is_empty()),
                "{id}: {parameter}"
            );
        }
        for (status, response) in value["responses"].as_object().unwrap() {
            assert!(said(&response["description"]), "{id} {status}");
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an operation id stands for two operations");
}

#[test]
fn every_field_of_a_thing_is_described() {
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name}.{field}");
        }
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    for operation in operations() {
        let id = operation.id();
        for (media_type, content) in
            operation.value["requestBody"]["content"].as_object().into_iter().flatten()
        {
            assert!(content.get("example").is_some(), "{id}");
            assert_fits(&content["schema"], &content["example"], &format!("{id} takes {media_type}"));
        }
        let answers = operation.answers();
        assert!(answers.iter().any(|(status, ..)| *status >= 400), "{id} refuses nothing");
        for (status, media_type, content) in answers {
            if media_type == "application/problem+json" {
                continue;
            }
            assert!(content.get("example").is_some(), "{id} {status}");
            assert_fits(&content["schema"], &content["example"], &format!("{id} answers {status}"));
        }
    }
}

#[test]
fn every_problem_of_an_operation_has_an_example_with_its_status() {
    let known = &DOCUMENT["components"]["examples"];
    for operation in operations() {
        for (status, _, content) in operation.answers() {
            for (code, example) in content["examples"].as_object().into_iter().flatten() {
                let what = format!("{} {status} {code}", operation.id());
                assert_eq!(example["$ref"], format!("#/components/examples/{code}"), "{what}");
                let problem = &known[code]["value"];
                assert_fits(&content["schema"], problem, &what);
                assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{what}");
                assert_ne!(problem["detail"], problem["title"], "{what} says nothing of what is the matter");
            }
        }
    }
}

/// The problems that are no operation's: of paths and methods that are none, and of a line that would change
/// an accepted transition, which the problem of the import tells.
const OF_NO_OPERATION: [&str; 3] = ["no_such_path", "method_not_allowed", "fixed"];

#[test]
fn every_problem_of_the_catalogue_is_one_of_some_operation() {
    let told: BTreeSet<&str> =
        operations().iter().flat_map(Operation::problems).chain(OF_NO_OPERATION).collect();
    let known = DOCUMENT["components"]["examples"].as_object().unwrap();
    assert_eq!(told, known.keys().map(String::as_str).collect::<BTreeSet<_>>());
}

#[test]
fn the_limits_in_the_contract_are_those_of_the_domain() {
    let limits = [
        ("CompanyInput/name/maxLength", json!(Name::MAX)),
        ("CompanyInput/name/pattern", json!(TEXT_PATTERN)),
        ("CompanyInput/names/maxProperties", json!(MAX_NAMES)),
        ("CompanyInput/aliases/maxItems", json!(MAX_ITEMS)),
        ("Company/id/maxLength", json!(MAX_ID)),
        ("Company/id/pattern", json!(ID_PATTERN)),
        ("ApprovalInput/note/maxLength", json!(Note::MAX)),
        ("Approval/stage/pattern", json!(STAGE_ID_PATTERN)),
        ("SourceInput/url/maxLength", json!(Url::MAX)),
        ("SourceInput/url/pattern", json!(URL_PATTERN)),
        ("SourceInput/check_every_days/maximum", json!(Source::MAX_CHECK_EVERY_DAYS)),
        ("Citation/sources/maximum", json!(Citation::MAX_SOURCES)),
        ("WorkflowInput/stages/maxItems", json!(Workflow::MAX_STAGES)),
        ("WorkflowInput/moves/maxItems", json!(Workflow::MAX_MOVES)),
        ("ChipInput/specification/properties/tpp/maximum", json!(Figure::MAX)),
        ("ApprovalInput/quantities/items/properties/units/maximum", json!(Units::MAX)),
        ("Revision/reason/maxLength", json!(Reason::MAX)),
    ];
    for (place, wanted) in limits {
        let (schema, place) = place.split_once('/').unwrap();
        let pointer = format!("/components/schemas/{schema}/properties/{place}");
        assert_eq!(DOCUMENT.pointer(&pointer), Some(&wanted), "{pointer}");
    }
    let all = operation("createCompany").value["parameters"].as_array().unwrap();
    let reason = all.iter().find(|parameter| parameter["name"] == "Change-Reason").unwrap();
    assert_eq!(reason["schema"]["maxLength"], json!(Reason::MAX));
}

/// Takes each field of each body, in turn, out of what the contract allows, and expects that it alone is
/// what the service objects to; and to its limit, and expects that the service does not object to it.
async fn every_body_is_held_to_the_limits_that_the_contract_states(database: Database) {
    let service = Service::sample(&database).await;
    let mut tried = 0;
    for operation in operations().into_iter().filter(|operation| operation.body().is_some()) {
        let (media_type, content) = operation.body().unwrap();
        if !media_type.ends_with("json") {
            continue;
        }
        let path = examples::path(&service, &operation).await;
        let path = if operation.writes() { examples::with(&path, "dry_run=true") } else { path };
        for (field, schema) in fields(&content["schema"]) {
            for (value, allowed) in values(&schema) {
                let mut body = content["example"].clone();
                body[&field] = value;
                let request =
                    examples::filled(&service, &operation, &path).body(media_type, body.to_string());
                let answer = request.key(&service.keys.admin).await;
                let place = format!("/{field}");
                // A patch of a condition may have the parameters of any kind, of which the thing takes some.
                let blamed = answer.status == 400
                    && answer.faults().iter().any(|fault| {
                        fault.starts_with(&place) && !(allowed && fault.ends_with("unknown_field"))
                    });
                let what = format!("{} with {body:.300}: {}", operation.id(), answer.brief());
                assert_eq!(blamed, !allowed, "{what}");
                assert!(
                    allowed || !fits(&content["schema"], &body),
                    "the contract takes what is refused: {what}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "only {tried} values were tried");
}

/// The fields of a body that the contract describes in one place.
async fn the_answer_shown_as_an_example_is_what_the_service_says(database: Database) {
    let service = Service::sample(&database).await;
    let operation =
        operations().into_iter().find(|operation| operation.id() == "createDetermination").unwrap();
    let (_, body) = operation.body().unwrap();
    let answer = service.post("/v1/determinations", &body["example"]).await.is(201).json();
    let (_, _, content) = operation.answers().into_iter().find(|(status, ..)| *status == 201).unwrap();
    let example = &content["example"];
    assert_eq!(example["verdict"], answer["verdict"]);
    // The example shows one of each.
    for list in ["reasons", "gates"] {
        let (shown, said) = (example[list].as_array().unwrap(), answer[list].as_array().unwrap());
        assert_eq!(shown.len(), 1);
        assert!(said.contains(&shown[0]), "{:#} is none of {said:#?}", shown[0]);
    }
}

fn fields(schema: &Value) -> Vec<(String, Value)> {
    let schema = resolved(schema);
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties.into_iter().map(|(name, schema)| (name, resolved(&schema))).collect()
}

fn resolved(schema: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(place) => DOCUMENT.pointer(place.trim_start_matches('#')).unwrap().clone(),
        None => schema.clone(),
    }
}

/// Values for a field, each with whether the schema allows it.
fn values(schema: &Value) -> Vec<(Value, bool)> {
    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
    };
    let mut values = Vec::new();
    if is("string") && schema["enum"].is_array() {
        values.push((json!("no-such-word"), false));
    } else if is("string") {
        let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(0)).unwrap();
        values.push((json!("a".repeat(most + 1)), false));
        values.push((json!("two\nlines\u{0}"), false));
        if schema["pattern"] == TEXT_PATTERN {
            values.push((json!("a".repeat(most)), true));
            values.push((json!("国".repeat(most)), true));
        }
    }
    if is("integer") {
        let bounds = [("minimum", -1), ("maximum", 1)];
        values.extend(
            bounds.into_iter().filter_map(|(name, beyond)| {
                Some((json!(schema[name].as_i64()?.checked_add(beyond)?), false))
            }),
        );
    }
    if is("array") {
        values.push((json!({}), false));
    } else {
        values.push((json!([[]]), false));
    }
    values
}
