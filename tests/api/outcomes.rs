//! Whether a problem is right about what became of the request: `none` only where nothing is there.

use axum::http::Method;
use serde_json::{Value, json};

use crate::service::{Answer, NDJSON, Request, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_write_that_never_began_says_that_nothing_was_applied,
    a_write_that_fails_once_begun_says_that_nobody_knows,
    an_import_of_which_a_part_is_on_record_does_not_say_that_nothing_was_applied,
);

fn company(id: &str) -> Value {
    json!({"name": id, "jurisdiction": "CN"})
}

fn question() -> Value {
    json!({"company": "alibaba", "chip": "h200-sxm", "activity": "order", "units": 1})
}

fn partial(service: &Service, lines: String) -> Request {
    service.request(Method::POST, "/v1/imports?mode=partial").body(NDJSON, lines)
}

/// A line for each of so many companies.
fn lines(count: usize) -> String {
    let line = |number| {
        let id = format!("c-{number}");
        json!({"kind": "company", "id": id, "name": id, "jurisdiction": "CN"}).to_string() + "\n"
    };
    (0..count).map(line).collect()
}

/// What an answer, which must be 503, says of the outcome.
fn outcome(answer: Answer) -> String {
    let problem = answer.refused(503, "unavailable").json();
    assert_eq!(problem["retryable"], true);
    problem["outcome"].as_str().unwrap().to_owned()
}

async fn a_write_that_never_began_says_that_nothing_was_applied(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    service.register.store().close().await;
    for request in [
        service.post("/v1/companies", &company("lost")),
        service.put("/v1/companies/lost", &company("lost")),
        service.delete("/v1/companies/tencent").field("if-match", "*"),
        service.patch("/v1/companies/tencent", &json!({"name": "Lost"})).field("if-match", "*"),
        service.post("/v1/determinations", &question()),
        service.post("/v1/determinations", &question()).field("idempotency-key", "question"),
        partial(&service, lines(2)),
        partial(&service, lines(2)).field("idempotency-key", "lines"),
        service.get("/v1/companies?limit=17"),
    ] {
        assert_eq!(outcome(request.await), "none");
    }
    let service = service.reopened(&database).await;
    assert_eq!(service.revision().await, before);
    service.get("/v1/companies/lost").await.refused(404, "not_found");
}

async fn a_write_that_fails_once_begun_says_that_nobody_knows(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/companies/newcomer";
    let put = || service.put(path, &company("newcomer"));
    database.tamper("ALTER TABLE company_identity RENAME TO elsewhere").await;
    assert_eq!(outcome(put().field("idempotency-key", "once").await), "unknown");
    assert_eq!(outcome(partial(&service, lines(1)).await), "unknown");
    // The same failure of what changes nothing in any case.
    let trial = service.put(&format!("{path}?dry_run=true"), &company("newcomer"));
    assert_eq!(outcome(trial.await), "none");
    // Refused by the rules before it comes to that.
    service.delete("/v1/companies/tencent").await.refused(428, "precondition_required");
    database.tamper("ALTER TABLE elsewhere RENAME TO company_identity").await;
    put().field("idempotency-key", "once").await.is(201);
    let again = put().field("idempotency-key", "once").await.is(201);
    assert_eq!(again.field("idempotency-replayed"), Some("true"));
}

async fn an_import_of_which_a_part_is_on_record_does_not_say_that_nothing_was_applied(database: Database) {
    let service = Service::empty(&database).await;
    let import = tokio::spawn(partial(&service, lines(60_000)).field("idempotency-key", "lines").send());
    service.register.store().changed(0).await;
    service.register.store().close().await;
    assert_eq!(outcome(import.await.unwrap()), "unknown");
    // The same cause before the first part.
    assert_eq!(outcome(partial(&service, lines(2)).await), "none");
    let service = service.reopened(&database).await;
    service.get("/v1/companies/c-0").await.is(200);
    service.get("/v1/companies/c-59999").await.refused(404, "not_found");
}
