//! The catalogue: every problem in it is one that the service answers with.

use std::collections::BTreeSet;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::document::DOCUMENT;
use crate::service::{JSON, NDJSON, Request, Service};
use crate::support::things::sample;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_problem_of_the_catalogue_is_answered_by_some_request,
    every_problem_is_explained_where_its_type_says,
);

/// The codes of the catalogue.
fn catalogue() -> BTreeSet<String> {
    let codes = &DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// The problems that no request to the router can have: of what a connection may bring, and of how long it
/// may take. They are answered over sockets in the tests of the connection.
const OVER_SOCKETS: [&str; 6] = [
    "malformed_request",
    "head_too_large",
    "uri_too_long",
    "too_many_requests",
    "overloaded",
    "http_version_not_supported",
];

/// A problem's code, and a request that is answered with it.
type Case = (&'static str, Request);

async fn every_problem_of_the_catalogue_is_answered_by_some_request(database: Database) {
    let service = Service::sample(&database).await;
    service.put("/v1/companies/gone", &company()).await.is(201);
    service.delete("/v1/companies/gone").field("if-match", "*").await.is(204);
    service.post("/v1/companies", &company()).field("idempotency-key", "taken").await.is(201);
    service.post("/v1/movements", &movement(1)).await.is(201);
    let cap = json!({
        "scope": {"company": "tencent", "chip": "h20"}, "kind": "unit_cap", "maximum": 1, "counting": "ordered",
        "force": "required", "status": "in_force", "citations": [{"attribution": "own_record"}],
    });
    service.put("/v1/conditions/cap", &cap).await.is(201);
    let mut answered: BTreeSet<String> = OVER_SOCKETS.map(str::to_owned).into();
    answered.insert("request_timeout".to_owned());
    let cases = callers(&service).into_iter().chain(reads(&service)).chain(inputs(&service));
    for (code, request) in cases.chain(decisions(&service)) {
        let answer = request.await;
        assert!(answer.status >= 400, "{code}: {}", answer.brief());
        assert_eq!(answer.code(), code, "{}", answer.brief());
        answered.insert(code.to_owned());
    }
    answered.insert(fixed(&service).await);
    let broken = stream::once(async { panic!("nobody foresaw this") });
    let broken = body_of(&service, Body::from_stream::<_>(typed(broken)));
    let broken = broken.await.refused(500, "internal");
    // Where it broke nobody knows.
    assert_eq!(broken.json()["outcome"], "unknown");
    answered.insert(broken.code());
    service.register.store().close().await;
    // What nobody has asked for yet is not kept ready.
    let unavailable = service.get("/v1/companies?limit=17").await.refused(503, "unavailable");
    assert!(unavailable.field("retry-after").is_some());
    answered.insert(unavailable.code());
    let missing: Vec<String> = catalogue().difference(&answered).cloned().collect();
    assert!(missing.is_empty(), "no request here is answered with {missing:?}");
}

/// It takes as long as the service has patience, so it is tried on one engine, and apart from the others.
#[tokio::test]
async fn a_body_that_never_comes_is_answered_with_request_timeout() {
    let database = Database::sqlite().await;
    let service = Service::empty(&database).await;
    let never = Body::from_stream(stream::pending::<io::Result<Bytes>>());
    body_of(&service, never).await.refused(408, "request_timeout");
}

/// A stream as the pieces of a body.
fn typed<S: Stream<Item = io::Result<Bytes>>>(pieces: S) -> S {
    pieces
}

fn company() -> Value {
    json!({"name": "x", "jurisdiction": "CN"})
}

/// An order of so many, always under the same reference.
fn movement(units: i64) -> Value {
    json!({"company": "alibaba", "chip": "h20", "kind": "order", "units": units, "occurred_on": "2026-09-01", "external_ref": "PO-1"})
}

/// A company with this body.
fn body_of(service: &Service, body: Body) -> Request {
    service.request(Method::POST, "/v1/companies").body(JSON, body)
}

/// Problems of who calls, and what for.
fn callers(service: &Service) -> Vec<Case> {
    vec![
        ("unauthenticated", service.get("/v1/companies").nobody()),
        ("forbidden", service.post("/v1/companies", &company()).key(&service.keys.reader)),
        ("forbidden_authority", service.post("/v1/companies", &company()).key(&service.keys.limited)),
        ("no_such_path", service.get("/v1/colours")),
        ("method_not_allowed", service.delete("/v1/companies")),
        ("not_acceptable", service.get("/v1/workflows/cn-import").field("accept", "text/html")),
    ]
}

/// Problems of reading.
fn reads(service: &Service) -> Vec<Case> {
    vec![
        ("invalid_parameter", service.get("/v1/companies?colour=red")),
        ("invalid_cursor", service.get("/v1/companies?cursor=x")),
        ("revision_in_future", service.get("/v1/companies?revision=1000000")),
        ("not_found", service.get("/v1/companies/nobody")),
        ("retired", service.get("/v1/companies/gone")),
        ("position_gone", service.get("/v1/changes?after=elsewhere.1")),
    ]
}

/// Problems of what is sent.
fn inputs(service: &Service) -> Vec<Case> {
    let import = |lines: String| service.request(Method::POST, "/v1/imports").body(NDJSON, lines);
    let orphan = "{\"kind\": \"company\", \"id\": \"b\", \"name\": \"B\", \"jurisdiction\": \"CN\", \"parent\": \"nobody\"}";
    vec![
        ("malformed_json", body_of(service, "{".into())),
        ("invalid_body", body_of(service, "{}".into())),
        ("unsupported_media_type", body_of(service, "{}".into()).field("content-type", "text/plain")),
        ("payload_too_large", body_of(service, vec![b' '; (1 << 20) + 1].into())),
        ("invalid_lines", import("{}".to_owned())),
        ("too_many_lines", import("{}\n".repeat(10_001))),
        ("import_refused", import(orphan.to_owned())),
        (
            "idempotency_key_reused",
            service.put("/v1/companies/other", &company()).field("idempotency-key", "taken"),
        ),
    ]
}

/// Problems of what is on record.
fn decisions(service: &Service) -> Vec<Case> {
    let any = |request: Request| request.field("if-match", "*");
    let tencent = "/v1/companies/tencent";
    let mut orphan = company();
    orphan["parent"] = "nobody".into();
    let fulfilled = json!({"to": "fulfilled", "effective_on": {"date": "2026-09-01", "precision": "day"}, "citations": [{"attribution": "own_record"}]});
    let case = "/v1/approvals/alibaba-h200-sxm-cn-unspecified/transitions";
    let mut beyond = movement(2);
    (beyond["company"], beyond["external_ref"]) = ("tencent".into(), "PO-2".into());
    let mut undone = movement(1000);
    (undone["kind"], undone["external_ref"]) = ("return".into(), "PO-3".into());
    let workflow: Value = serde_json::from_str(sample().lines().next().unwrap()).unwrap();
    let without = |stage: Option<&str>| {
        let mut less = workflow.clone();
        less.as_object_mut().unwrap().shift_remove("kind");
        let leaves = |edge: &Value| stage.is_none_or(|stage| edge["from"] == stage || edge["to"] == stage);
        less["moves"].as_array_mut().unwrap().retain(|edge| !leaves(edge));
        less["stages"].as_array_mut().unwrap().retain(|known| stage.is_none_or(|stage| known["id"] != stage));
        any(service.put("/v1/workflows/cn-import", &less))
    };
    vec![
        ("precondition_required", service.delete(tencent)),
        ("stale_version", service.delete(tencent).field("if-match", "\"elsewhere-1\"")),
        ("in_use", any(service.delete("/v1/companies/nvidia"))),
        ("id_retired", service.put("/v1/companies/gone", &company())),
        ("no_such_reference", service.post("/v1/companies", &orphan)),
        ("illegal_move", service.post(case, &fulfilled)),
        ("stage_in_use", without(Some("in_principle"))),
        ("move_in_use", without(None)),
        ("external_ref_conflict", service.post("/v1/movements", &movement(2))),
        ("over_limit", service.post("/v1/movements", &beyond)),
        ("exceeds_ledger", service.post("/v1/movements", &undone)),
    ]
}

/// A transition that is another one than the accepted one, which only an import can send.
async fn fixed(service: &Service) -> String {
    let line = sample().lines().find(|line| line.contains("\"kind\": \"transition\"")).unwrap().to_owned();
    let mut line: Value = serde_json::from_str(&line).unwrap();
    line["note"] = "Another note.".into();
    let answer = service.request(Method::POST, "/v1/imports").body(NDJSON, line.to_string()).await;
    let problem = answer.refused(409, "import_refused").json();
    problem["errors"][0]["code"].as_str().unwrap().to_owned()
}

async fn every_problem_is_explained_where_its_type_says(database: Database) {
    let service = Service::empty(&database).await;
    for code in catalogue() {
        let page = service.get(&format!("/problems/{code}")).nobody().await.is(200).json();
        let example = &DOCUMENT["components"]["examples"][&code]["value"];
        for name in ["type", "title", "status", "code", "retryable"] {
            assert_eq!(page[name], example[name], "{code} {name}");
        }
        assert!(!page["about"].as_str().unwrap().is_empty(), "{code}");
    }
    service.get("/problems/colour").nobody().await.refused(404, "not_found");
}
