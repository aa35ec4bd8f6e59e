//! The shapes that the contract allows are those that the service takes.

use greenlight::domain::movement::MovementKind;
use greenlight::domain::vocabulary::Vocabulary as _;
use serde_json::{Value, json};

use crate::document::{fits, operation};
use crate::examples::CASE;
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    conditions_are_taken_as_the_contract_says,
    assumptions_are_taken_as_the_contract_says,
    movements_are_taken_as_the_contract_says,
    what_the_service_sets_is_taken_as_the_contract_says,
    header_fields_are_taken_as_the_contract_says,
    times_are_taken_as_the_contract_says,
);

/// Whether the contract allows a body.
fn allowed(id: &str, body: &Value) -> bool {
    fits(&operation(id).body().unwrap().1["schema"], body)
}

/// An object with the members of another one in the place of its own.
fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// Members of a condition of a kind, and whether they go together.
fn conditions() -> Vec<(&'static str, Value, bool)> {
    let class = |definition: Value| json!({"of": "end_use", "classes": [{"name": "military", "definition": definition}]});
    let explained = |members: Value| with(members, &json!({"unknown": "not_reported"}));
    let share = json!({"minimum": "0.5", "basis": "units", "counting": "ordered"});
    vec![
        ("requirement", json!({"what": "reporting", "met_on": "2026-01-01"}), true),
        ("requirement", json!({"what": "reporting", "met_on": null, "unknown": null}), true),
        ("requirement", explained(json!({"what": "reporting"})), false),
        ("prohibition", json!({"activities": ["ship"]}), true),
        ("prohibition", explained(json!({"activities": ["ship"]})), false),
        ("prohibition", json!({"activities": ["ship"], "met_on": "2026-01-01"}), false),
        ("location_of_use", json!({"allowed": ["SG"]}), true),
        ("location_of_use", json!({"allowed": null, "barred": ["CN"]}), true),
        ("location_of_use", explained(json!({"allowed": ["SG"]})), false),
        ("location_of_use", json!({"allowed": [], "barred": null}), false),
        ("location_of_use", json!({}), false),
        ("other", json!({"text": "words", "met_on": "2026-01-01"}), true),
        ("other", explained(json!({"text": "words"})), false),
        ("exclusion", class("as listed".into()), true),
        ("exclusion", class(Value::Null), false),
        ("exclusion", explained(class(Value::Null)), true),
        ("exclusion", explained(class("as listed".into())), false),
        ("domestic_share", share.clone(), true),
        ("domestic_share", with(share.clone(), &json!({"met_on": "2026-01-01"})), false),
        ("domestic_share", explained(share.clone()), false),
        ("domestic_share", with(share.clone(), &json!({"basis": null})), false),
        ("domestic_share", explained(with(share, &json!({"basis": null}))), true),
        ("unit_cap", json!({"maximum": 1}), false),
        ("unit_cap", explained(json!({"maximum": 1})), true),
        ("relative_cap", json!({"maximum_share": "0.5", "reference_units": 7}), true),
        ("relative_cap", json!({"maximum_share": "0.5"}), false),
        ("specification_limit", json!({"metric": "tpp"}), false),
        ("specification_limit", explained(json!({"metric": "tpp"})), true),
        ("payment", json!({"form": "fee", "rate": "0.1", "base": "revenue"}), true),
        ("payment", json!({"form": "fee", "rate": "0.1"}), false),
    ]
}

async fn conditions_are_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    let common = json!({
        "scope": {"company": "alibaba"}, "force": "encouraged", "status": "in_force", "citations": [{"attribution": "own_record"}],
    });
    for (kind, members, right) in conditions() {
        let body = with(with(common.clone(), &json!({"kind": kind})), &members);
        let answer = service.post("/v1/conditions?dry_run=true", &body).await;
        assert_eq!(answer.status == 201, right, "{body}: {}", answer.brief());
        assert_eq!(allowed("createCondition", &body), right, "{body}");
    }
}

async fn assumptions_are_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    let share = "alibaba-h200-domestic-share";
    for (assumption, right) in [
        (json!({"approval": CASE, "stage": "approved"}), true),
        (json!({"approval": CASE, "stage": "approved", "condition": null}), true),
        (json!({"condition": share, "minimum": "0.5"}), true),
        (json!({"condition": share, "status": "waived", "minimum": null}), true),
        (json!({}), false),
        (json!({"approval": CASE}), false),
        (json!({"approval": CASE, "stage": null}), false),
        (json!({"stage": "approved"}), false),
        (json!({"condition": share}), false),
        (json!({"condition": share, "minimum": "0.5", "status": "waived"}), false),
        (json!({"approval": CASE, "stage": "approved", "condition": share, "minimum": "0.5"}), false),
        (json!({"minimum": "0.5"}), false),
    ] {
        let body = json!({"company": "alibaba", "chip": "h200-sxm", "assume": [assumption]});
        let answer = service.post("/v1/determinations", &body).await;
        assert_eq!(answer.status == 200, right, "{assumption}: {}", answer.brief());
        assert_eq!(allowed("createDetermination", &body), right, "{assumption}");
    }
}

async fn movements_are_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    // What is undone was done before.
    for kind in ["order", "shipment"] {
        let done = json!({"company": "alibaba", "chip": "h20", "kind": kind, "units": 1, "occurred_on": "2026-09-01", "overage_reason": "agreed"});
        service.post("/v1/movements", &done).await.is(201);
    }
    for kind in MovementKind::words() {
        for reason in [Value::Null, "agreed by letter".into()] {
            let right = reason.is_null() || ["order", "shipment"].contains(&kind);
            let body = json!({
                "company": "alibaba", "chip": "h20", "kind": kind, "units": 1, "occurred_on": "2026-09-01", "overage_reason": reason,
            });
            let answer = service.post("/v1/movements?dry_run=true", &body).await;
            assert_eq!(answer.status == 201, right, "{body}: {}", answer.brief());
            assert_eq!(allowed("createMovement", &body), right, "{body}");
        }
    }
}

async fn what_the_service_sets_is_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    for (path, singular) in [
        (format!("/v1/approvals/{CASE}"), "Approval"),
        ("/v1/chips/h200-sxm".to_owned(), "Chip"),
        ("/v1/companies/alibaba".to_owned(), "Company"),
        ("/v1/conditions/alibaba-h200-domestic-share".to_owned(), "Condition"),
    ] {
        let shown = service.get(&path).await.is(200).json();
        service.put(&path, &shown).await.is(200);
        service.patch(&path, &shown).await.is(200);
        assert!(allowed(&format!("put{singular}"), &shown) && allowed(&format!("patch{singular}"), &shown));
        let (collection, _) = path.rsplit_once('/').unwrap();
        service.post(collection, &shown).await.refused(400, "invalid_body");
        assert!(!allowed(&format!("create{singular}"), &shown), "{path}");
    }
    let step = json!({
        "approval": CASE, "to": "conditional_terms_set", "effective_on": {"date": "2026-09-01", "precision": "day"},
        "citations": [{"attribution": "own_record"}],
    });
    service.post(&format!("/v1/approvals/{CASE}/transitions?dry_run=true"), &step).await.is(201);
    assert!(allowed("createTransition", &step));
    assert!(!allowed("createTransition", &with(step, &json!({"id": "mine"}))));
}

async fn header_fields_are_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    let taken = operation("putCompany").value["parameters"].as_array().unwrap();
    let path = "/v1/companies/alibaba?dry_run=true";
    for (name, value, right) in [
        ("If-Match", "*", true),
        ("If-Match", "\"a-1\"", true),
        ("If-Match", "\"a-1\", W/\"b\" ,,\"\"", true),
        ("If-Match", ", \"a-1\",", true),
        ("If-Match", "a-1", false),
        ("If-Match", "\"a-1", false),
        ("If-Match", "\"a-1\" \"b\"", false),
        ("If-Match", "*, \"a\"", false),
        ("If-Match", ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", false),
        ("If-None-Match", "*", true),
        ("If-None-Match", "\"a-1\"", false),
        ("Idempotency-Key", "one", true),
        ("Idempotency-Key", "\"one\"", true),
        ("Idempotency-Key", "one two", false),
        ("Change-Reason", "公告 of 3 March", true),
        ("Change-Reason", " ", false),
    ] {
        let schema = &taken.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"];
        let body = json!({"name": "x", "jurisdiction": "CN"});
        let answer = service.put(path, &body).field(name, value).await;
        assert_eq!(answer.status != 400, right, "{name}: {value}: {}", answer.brief());
        assert_eq!(fits(schema, &value.into()), right, "{name}: {value}");
    }
}

async fn times_are_taken_as_the_contract_says(database: Database) {
    let service = Service::sample(&database).await;
    for name in ["valid_at", "known_at"] {
        let schema =
            operation("listCompanies").params().into_iter().find(|param| param["name"] == name).unwrap();
        for (time, right) in [
            ("2026-09-15", true),
            ("2026-09-15T11:59:00Z", true),
            ("2026-09-15T11:59:00%2B02:00", true),
            ("2026-09", false),
            ("yesterday", false),
        ] {
            let answer = service.get(&format!("/v1/companies?{name}={time}")).await;
            assert_eq!(answer.status == 200, right, "{name}={time}: {}", answer.brief());
            assert_eq!(fits(&schema["schema"], &time.replace("%2B", "+").into()), right, "{name}={time}");
        }
    }
}
