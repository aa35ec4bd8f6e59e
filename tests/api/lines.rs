//! The register as lines: out, in again, and what is wrong with some of them.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use serde_json::{Value, json};

use crate::service::{Answer, NDJSON, Request, Service};
use crate::support::things::sample;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    an_export_imported_into_an_empty_register_gives_the_same_export,
    importing_what_is_there_changes_nothing,
    an_atomic_import_is_one_revision_or_nothing,
    every_line_is_told_what_is_wrong_with_it,
    a_partial_import_takes_what_it_can,
    an_import_sent_again_with_its_key_is_carried_out_once,
    an_import_in_parts_is_carried_out_once_or_not_at_all,
    an_import_that_was_broken_off_goes_on_where_it_was,
    an_export_is_of_one_revision,
    of_many_exports_at_once_some_are_put_off,
    of_many_imports_at_once_some_are_put_off,
    an_import_sent_many_times_at_once_with_its_key_waits_for_the_first,
    every_reference_of_a_line_that_is_not_on_record_is_told,
);

async fn import(service: &Service, query: &str, lines: &str) -> Answer {
    let request = service.request(Method::POST, &format!("/v1/imports{query}"));
    request.body(NDJSON, lines.to_owned()).await
}

async fn export(service: &Service) -> String {
    service.get("/v1/exports").await.is(200).text().to_owned()
}

async fn an_export_imported_into_an_empty_register_gives_the_same_export(database: Database) {
    let service = Service::sample(&database).await;
    // Something changed, something retracted and something retired, beside what the sample holds.
    let any = |request: Request| request.field("if-match", "*");
    any(service.patch("/v1/companies/tencent", &json!({"names": {"ja": "テンセント"}}))).await.is(200);
    any(service.delete("/v1/conditions/us-2026-existing-use")).await.is(204);
    let step = "/v1/approvals/alibaba-h200-sxm-cn-unspecified/transitions/alibaba-h200-sxm-cn-unspecified-conditional-terms-open";
    any(service.patch(step, &json!({"retracted": true}))).await.is(200);
    let lines = export(&service).await;
    assert_eq!(lines.lines().count(), sample().lines().count() - 1);

    let another = database.another().await;
    let other = Service::empty(&another).await;
    let report = import(&other, "", &lines).await.is(200).json();
    assert_eq!((&report["created"], &report["failed"]), (&json!(lines.lines().count()), &json!(0)));
    assert!(export(&other).await == lines, "the export of the import is another one");
    let again = import(&other, "", &lines).await.is(200).json();
    assert_eq!(again["unchanged"], report["created"]);
}

async fn importing_what_is_there_changes_nothing(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    for query in ["", "?mode=atomic", "?mode=partial"] {
        let report = import(&service, query, &sample()).await.is(200).json();
        let counts = ["created", "updated", "unchanged", "failed"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [0, 0, sample().lines().count() as u64, 0], "{query}");
    }
    assert_eq!(service.revision().await, before);
}

fn line(id: &str, name: &str) -> String {
    json!({"kind": "company", "id": id, "name": name, "jurisdiction": "CN"}).to_string() + "\n"
}

/// Four lines, of which the second and the third cannot be taken.
fn mixed() -> String {
    let orphan = json!({"kind": "company", "id": "b", "name": "B", "jurisdiction": "CN", "parent": "nobody"});
    [line("a", "A"), format!("{orphan}\n"), "{\"kind\": \"colour\"}\n".to_owned(), line("d", "D")].concat()
}

async fn an_atomic_import_is_one_revision_or_nothing(database: Database) {
    let service = Service::empty(&database).await;
    let both = line("a", "A") + &line("b", "B");
    let first = import(&service, "", &both).await.is(200);
    assert_eq!(first.revision(), 1);
    let revision = service.get("/v1/revisions/1").await.is(200).json();
    assert_eq!(revision["changes"].as_array().unwrap().len(), 2);
    import(&service, "", &mixed()).await.is(400);
    let refused = line("c", "C")
        + &json!({"kind": "company", "id": "b", "name": "B", "jurisdiction": "CN", "parent": "nobody"})
            .to_string();
    import(&service, "", &refused).await.refused(409, "import_refused");
    assert_eq!(service.get("/v1/companies").await.ids(), ["a", "b"]);
    assert_eq!(service.revision().await, 1);
}

async fn every_line_is_told_what_is_wrong_with_it(database: Database) {
    let service = Service::empty(&database).await;
    let lines = [
        line("a", "A"),
        "{\"kind\": \"company\", \"id\": \"b\", \"jurisdiction\": \"XX\"}\n".to_owned(),
        "{\n".to_owned(),
        "\n".to_owned(),
        "{\"kind\": \"company\", \"id\": \"c\", \"name\": \"C\", \"name\": \"D\", \"jurisdiction\": \"CN\"}\n".to_owned(),
    ];
    let answer = import(&service, "", &lines.concat()).await.refused(400, "invalid_lines");
    let problem = answer.json();
    let faults: Vec<Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| json!([fault["line"], fault["pointer"], fault["code"]]))
        .collect();
    let expected = [
        json!([2, "/name", "missing"]),
        json!([2, "/jurisdiction", "not_in_list"]),
        json!([3, null, "malformed_json"]),
        json!([5, "/name", "repeated"]),
    ];
    assert_eq!(faults, expected);
    let text = import(&service, "", "id;name\n").await.refused(400, "invalid_lines").json();
    let detail = text["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("a line must be one JSON object, such as `{\"kind\": \"company\","),
        "{detail}"
    );
    assert!(!detail.contains("ident"), "{detail}");
}

async fn a_partial_import_takes_what_it_can(database: Database) {
    let service = Service::empty(&database).await;
    let trial = import(&service, "?mode=partial&dry_run=true", &mixed()).await.is(200).json();
    assert_eq!(service.revision().await, 0);
    let report = import(&service, "?mode=partial", &mixed()).await.is(200).json();
    assert_eq!(report, trial);
    assert_eq!(
        (&report["mode"], &report["created"], &report["failed"]),
        (&json!("partial"), &json!(2), &json!(2))
    );
    let failed: Vec<Value> = report["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| json!([fault["line"], fault["code"]]))
        .collect();
    assert_eq!(failed, [json!([2, "no_such_reference"]), json!([3, "not_in_list"])]);
    assert_eq!(service.get("/v1/companies").await.ids(), ["a", "d"]);

    // A revision for each thousand lines.
    let many: String = (0..2_500).map(|number| line(&format!("c-{number}"), "C")).collect();
    let report = import(&service, "?mode=partial", &many).await.is(200);
    assert_eq!((report.json()["created"].clone(), report.revision()), (json!(2_500), 4));
}

async fn an_import_sent_again_with_its_key_is_carried_out_once(database: Database) {
    let service = Service::empty(&database).await;
    let send = || {
        let request = service.request(Method::POST, "/v1/imports?mode=partial");
        request.body(NDJSON, mixed()).field("idempotency-key", "lines")
    };
    let first = send().await.is(200);
    let again = send().await.is(200);
    assert_eq!(again.body, first.body);
    assert_eq!(again.field("idempotency-replayed"), Some("true"));
}

/// More lines than one part takes.
fn parts() -> String {
    (0..1_001).map(|number| line(&format!("c-{number}"), "C")).collect()
}

fn in_parts(service: &Service, lines: String) -> Request {
    service.request(Method::POST, "/v1/imports?mode=partial").body(NDJSON, lines)
}

async fn an_import_in_parts_is_carried_out_once_or_not_at_all(database: Database) {
    let service = Service::empty(&database).await;
    for (name, value) in [("idempotency-key", "a b"), ("if-match", "nonsense"), ("change-reason", "")] {
        in_parts(&service, parts()).field(name, value).await.is(400);
    }
    assert_eq!(service.revision().await, 0);
    let send = |lines| in_parts(&service, lines).field("idempotency-key", "parts");
    let first = send(parts()).await.is(200);
    assert_eq!((first.revision(), first.json()["created"].clone()), (2, json!(1_001)));
    send(line("other", "Other")).await.refused(422, "idempotency_key_reused");
    send(parts().replace("\"C\"", "\"D\"")).await.refused(422, "idempotency_key_reused");
    let corrected = json!({"name": "Corrected"});
    service.patch("/v1/companies/c-0", &corrected).field("if-match", "*").await.is(200);
    let again = send(parts()).await.is(200);
    assert_eq!((&again.body, again.field("idempotency-replayed")), (&first.body, Some("true")));
    assert_eq!(service.revision().await, 3);
    assert_eq!(service.get("/v1/companies/c-0").await.json()["name"], "Corrected");
}

async fn an_import_that_was_broken_off_goes_on_where_it_was(database: Database) {
    let service = Service::empty(&database).await;
    let send = || in_parts(&service, parts() + "{}\n").field("idempotency-key", "parts");
    let first = send().await.is(200);
    // As if the service had been killed before it came to the last part.
    database.tamper("DELETE FROM reply WHERE idempotency_key = 'parts'").await;
    let service = service.reopened(&database).await;
    service.patch("/v1/companies/c-0", &json!({"name": "Corrected"})).field("if-match", "*").await.is(200);
    let send = || in_parts(&service, parts() + "{}\n").field("idempotency-key", "parts");
    let again = send().await.is(200);
    assert_eq!(again.json()["errors"], first.json()["errors"]);
    let counts = |report: &Value| [&report["created"], &report["unchanged"]].map(Value::clone);
    assert_eq!(counts(&first.json()), [json!(1_001), json!(0)]);
    assert_eq!(counts(&again.json()), [json!(1_000), json!(1)]);
    assert_eq!(service.get("/v1/companies/c-0").await.json()["name"], "Corrected");
}

async fn an_export_is_of_one_revision(database: Database) {
    let service = Service::sample(&database).await;
    let before = export(&service).await;
    service.put("/v1/companies/zzz", &json!({"name": "Z", "jurisdiction": "CN"})).await.is(201);
    let earlier = service.get("/v1/exports?revision=1").await.is(200);
    assert!(earlier.text() == before, "the first revision is another one");
    let now = export(&service).await;
    assert_eq!(now.lines().count(), before.lines().count() + 1);
    assert_eq!(service.get("/v1/exports?revision=0").await.is(200).text(), "");
}

async fn of_many_exports_at_once_some_are_put_off(database: Database) {
    let service = Service::sample(&database).await;
    let mut under_way = Vec::new();
    let by = |key: &str| service.get("/v1/exports").key(key);
    // Nobody has all the places, and nobody is shut out by one who takes nothing.
    for key in [&service.keys.reader, &service.keys.editor] {
        for _ in 0..2 {
            let export = by(key).unread().await;
            assert_eq!(export.status(), 200);
            under_way.push(export);
        }
        by(key).await.refused(503, "overloaded");
    }
    by(&service.keys.admin).await.refused(503, "overloaded");
    service.get("/v1/companies").await.is(200);
    drop(under_way.pop());
    by(&service.keys.reader).await.refused(503, "overloaded");
    by(&service.keys.admin).await.is(200);
    under_way.clear();
    let lines = export(&service).await;
    assert_eq!(lines.lines().count(), sample().lines().count());
    assert_eq!(export(&service).await, lines, "one that is done makes room for another");
}

async fn of_many_imports_at_once_some_are_put_off(database: Database) {
    let service = Service::empty(&database).await;
    let by = |key: &str, body: Body| {
        service.request(Method::POST, "/v1/imports").key(key).body(NDJSON, body).send()
    };
    let never = || Body::from_stream(stream::pending::<io::Result<Bytes>>());
    let one = || Body::from("{\"kind\":\"company\",\"id\":\"a\",\"name\":\"A\",\"jurisdiction\":\"CN\"}");
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        // One that came while the one below had a place was put off.
        while under_way.try_join_next().is_some() {}
        while under_way.len() < 2 {
            under_way.spawn(by(&service.keys.editor, never()));
        }
        let answer = by(&service.keys.editor, one()).await;
        if answer.status != 200 {
            answer.refused(503, "overloaded");
            break;
        }
        tokio::task::yield_now().await;
    }
    by(&service.keys.admin, one()).await.is(200);
    under_way.shutdown().await;
    by(&service.keys.editor, one()).await.is(200);
}

async fn an_import_sent_many_times_at_once_with_its_key_waits_for_the_first(database: Database) {
    let service = Service::empty(&database).await;
    let mut sent = tokio::task::JoinSet::new();
    for _ in 0..6 {
        // It takes a while to come, so that all are under way at the same time.
        let slow = stream::once(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, io::Error>(line("a", "A"))
        });
        let request = service.request(Method::POST, "/v1/imports").field("idempotency-key", "once");
        sent.spawn(request.body(NDJSON, Body::from_stream(slow)).send());
    }
    let answers: Vec<Answer> = sent.join_all().await.into_iter().map(|answer| answer.is(200)).collect();
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    let replayed = answers.iter().filter(|answer| answer.field("idempotency-replayed").is_some());
    assert_eq!((replayed.count(), service.revision().await), (5, 1));
}

async fn every_reference_of_a_line_that_is_not_on_record_is_told(database: Database) {
    let service = Service::empty(&database).await;
    let approval =
        json!({"kind": "approval", "id": "case", "company": "buyer", "chip": "none", "authority": "nobody"});
    let chip = json!({"kind": "chip", "id": "none", "name": "None", "designer": "nobody", "origin": "US"});
    let lines = format!("{chip}\n{approval}\n");
    let told = |errors: &Value| -> Vec<Value> {
        let told = |error: &Value| json!([error["line"], error["pointer"], error["code"], error["detail"]]);
        errors.as_array().unwrap().iter().map(told).collect()
    };
    let missing = |line: u8, pointer: &str, what: &str| {
        json!([line, pointer, "no_such_reference", format!("{what} is not on record")])
    };
    let expected = [
        missing(1, "/designer", "company `nobody`"),
        missing(2, "/company", "company `buyer`"),
        missing(2, "/chip", "chip `none`"),
        missing(2, "/authority", "authority `nobody`"),
    ];
    let refused = import(&service, "", &lines).await.refused(409, "import_refused").json();
    assert_eq!(told(&refused["errors"]), expected);
    let report = import(&service, "?mode=partial", &lines).await.is(200).json();
    assert_eq!((&report["failed"], told(&report["errors"])), (&json!(2), expected.to_vec()));
}
