//! Receipts: what was answered once stays as it was, and what was asked is answered for the times asked about.

use serde_json::{Value, json};

use super::{CASE, CHIP, COMPANY, TOLD, asked, but, question, register};
use crate::service::{Answer, Service};
use crate::support::things::of;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_receipt_is_the_same_bytes_whatever_happens_later,
    an_answer_is_for_the_times_asked_about,
    a_trial_keeps_nothing,
    a_question_sent_again_with_its_key_is_answered_the_same,
    a_question_about_what_is_not_on_record_is_refused,
    anybody_may_ask_where_reading_is_public_but_receipts_need_a_key,
    what_is_declared_is_told_and_weighed,
);

async fn receipt(service: &Service, question: &Value) -> Answer {
    service.post("/v1/determinations", question).await.is(201)
}

async fn a_receipt_is_the_same_bytes_whatever_happens_later(database: Database) {
    let service = Service::sample(&database).await;
    let mut kept = Vec::new();
    for fields in [
        json!({}),
        json!({"valid_at": "2026-01-25", "activity": "ship", "units": 10_000, "destination": "HK"}),
        json!({"company": "bytedance", "end_use": "research", "end_user": "a university", "exporter": "nvidia"}),
        json!({"company": "tencent", "chip": "ascend-910c", "activity": "prepare"}),
    ] {
        let given = receipt(&service, &but(question(), &fields)).await;
        let path = given.field("location").unwrap().to_owned();
        let read = service.get(&path).await.is(200);
        assert_eq!(read.body, given.body, "{path}");
        kept.push((path, read));
    }
    let [_, newest] = register(&service).await;
    service.clock.set(of("2026-11-01T00:00:00Z"));
    service.register.look().await.unwrap();
    service.get("/v1/board").await.is(200);
    let retired = service.delete("/v1/conditions/us-2026-existing-use").field("if-match", "*");
    assert!(retired.await.is(204).revision() > newest);
    let service = service.reopened(&database).await;
    let listed = service.get("/v1/determinations?limit=1000").await.is(200);
    assert_eq!(listed.items().len(), kept.len());
    for (path, before) in kept {
        let after = service.get(&path).await.is(200);
        assert_eq!((after.body.clone(), after.etag()), (before.body.clone(), before.etag()), "{path}");
        assert!(listed.text().contains(after.text()), "{path} is listed otherwise");
        let early = service.get(&format!("{path}?revision={newest}&valid_at=2026-01-01")).await.is(200);
        assert_eq!(early.body, after.body, "{path}");
        // It had not been given before the register was filled.
        service.get(&format!("{path}?revision=0")).await.refused(404, "not_found");
    }
}

async fn an_answer_is_for_the_times_asked_about(database: Database) {
    let service = Service::sample(&database).await;
    let sample = service.revision().await;
    let stage = |answer: &Value| {
        let gates = answer["gates"].as_array().unwrap();
        gates.iter().find(|gate| gate["approval"] == CASE).map(|gate| gate["stage"].clone())
    };
    for (day, expected) in [
        ("2026-01-10", "no_public_position"),
        ("2026-01-25", "in_principle"),
        ("2026-08-20", "conditional_terms_open"),
    ] {
        let told = asked(&service, &but(question(), &json!({"valid_at": day}))).await;
        assert_eq!(
            (stage(&told), &told["valid_at"]),
            (Some(json!(expected)), &json!(format!("{day}T00:00:00Z")))
        );
        assert_eq!((&told["revision"], &told["known_at"]), (&json!(sample), &json!(crate::service::NOW)));
    }
    service.clock.set(of("2026-09-16T12:00:00Z"));
    let [_, newest] = register(&service).await;
    let about = json!({"valid_at": "2026-08-20"});
    let now = asked(&service, &but(question(), &about)).await;
    assert_eq!((stage(&now), &now["revision"]), (Some(json!("suspended")), &json!(newest)));
    for known in [json!({"revision": sample}), json!({"known_at": "2026-09-16T11:59:59Z"})] {
        let told = asked(&service, &but(but(question(), &about), &known)).await;
        assert_eq!(
            (stage(&told), &told["revision"]),
            (Some(json!("conditional_terms_open")), &json!(sample))
        );
        assert_eq!(told["known_at"], crate::service::NOW);
    }
    // Before anything was on record there was nobody to ask about.
    let unknown = service.post("/v1/determinations", &but(question(), &json!({"revision": 0})));
    assert_eq!(unknown.await.refused(409, "no_such_reference").faults().len(), 2);
    for future in [json!({"revision": newest + 1}), json!({"known_at": "2026-09-17"})] {
        let answer = service.post("/v1/determinations", &but(question(), &future)).await;
        answer.refused(400, "revision_in_future");
    }
}

async fn a_trial_keeps_nothing(database: Database) {
    let service = Service::sample(&database).await;
    let trial = service.post("/v1/determinations?dry_run=true", &question()).await.is(201);
    let path = trial.field("location").unwrap();
    service.get(path).await.refused(404, "not_found");
    assert_eq!(service.get("/v1/determinations").await.is(200).items(), [Value::Null; 0]);
    let given = receipt(&service, &question()).await.json();
    assert_eq!(
        service.get("/v1/determinations").await.is(200).items().as_slice(),
        std::slice::from_ref(&given)
    );
    for name in TOLD {
        assert_eq!(given[name], trial.json()[name], "{name}");
    }
    // Neither is a receipt part of the register: there is no revision for it.
    assert_eq!(given["revision"], service.revision().await);
}

async fn a_question_sent_again_with_its_key_is_answered_the_same(database: Database) {
    let service = Service::sample(&database).await;
    let send = |key: &str, question: &Value| {
        service.post("/v1/determinations", question).field("idempotency-key", key)
    };
    let unknown = but(question(), &json!({"company": "later"}));
    let refused = send("refused", &unknown).await.refused(409, "no_such_reference");
    let later = json!({"name": "Later", "jurisdiction": "CN"});
    service.put("/v1/companies/later", &later).await.is(201);
    let given = send("given", &unknown).await.is(201);
    service.delete("/v1/companies/later").field("if-match", "*").await.is(204);
    for (key, before) in [("refused", &refused), ("given", &given)] {
        let again = send(key, &unknown).await.is(before.status);
        assert_eq!((&again.body, again.field("idempotency-replayed")), (&before.body, Some("true")), "{key}");
    }
    let what_if = but(
        question(),
        &json!({"assume": [{"condition": "us-2026-third-party-test", "met_on": "2026-02-01"}]}),
    );
    let supposed = send("what if", &what_if);
    supposed.await.is(400);
    let supposed = send("what-if", &what_if).await.is(200);
    assert_eq!(send("what-if", &what_if).await.is(200).body, supposed.body);
    send("what-if", &question()).await.refused(422, "idempotency_key_reused");
    let dubious = service.post("/v1/determinations?dry_run=banana", &what_if);
    dubious.await.refused(400, "invalid_parameter");
    let unkeyed = service.public().post("/v1/determinations", &what_if);
    unkeyed.nobody().field("idempotency-key", "anybody").await.refused(401, "unauthenticated");
}

async fn a_question_about_what_is_not_on_record_is_refused(database: Database) {
    let service = Service::sample(&database).await;
    let refused = async |fields: Value| {
        let asked = service.post("/v1/determinations", &but(question(), &fields)).await;
        asked.refused(409, "no_such_reference").faults()
    };
    let missing = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("/{name} no_such_thing")).collect()
    };
    assert_eq!(refused(json!({"company": "nobody"})).await, missing(&["company"]));
    assert_eq!(refused(json!({"chip": "nothing"})).await, missing(&["chip"]));
    let all = refused(json!({"company": "nobody", "chip": "nothing", "exporter": "no-one"})).await;
    assert_eq!(all, missing(&["company", "chip", "exporter"]));
    assert_eq!(service.get("/v1/determinations").await.is(200).items(), [Value::Null; 0]);
    service.get("/v1/determinations/det-nothing").await.refused(404, "not_found");
}

async fn anybody_may_ask_where_reading_is_public_but_receipts_need_a_key(database: Database) {
    let service = Service::sample(&database).await;
    let kept = receipt(&service, &question()).await;
    let path = kept.field("location").unwrap();
    let assumed = but(question(), &json!({"assume": [{"approval": CASE, "stage": "approved"}]}));
    for (service, status) in [(service.clone(), 401), (service.public(), 200)] {
        let ask = |path: &str, question: &Value| service.post(path, question).nobody();
        assert_eq!(ask("/v1/determinations", &question()).await.status, 401);
        assert_eq!(ask("/v1/determinations", &assumed).await.status, status);
        let trial = if status == 200 { 201 } else { status };
        assert_eq!(ask("/v1/determinations?dry_run=true", &question()).await.status, trial);
        assert_eq!(service.get(path).nobody().await.status, status);
        assert_eq!(service.get("/v1/board").nobody().await.status, status);
    }
    let reader = service.keys.reader.clone();
    service.post("/v1/determinations", &question()).key(&reader).await.is(201);
}

async fn what_is_declared_is_told_and_weighed(database: Database) {
    let service = Service::sample(&database).await;
    let outcome = async |fields: Value, condition: &str| {
        let told = asked(&service, &but(question(), &fields)).await;
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(&told[name], value, "{name}");
        }
        let conditions = told["conditions"].as_array().unwrap();
        conditions.iter().find(|it| it["condition"] == condition).map(|it| it["outcome"].clone())
    };
    let location = json!({"scope": {"company": COMPANY, "chip": CHIP}, "kind": "location_of_use", "allowed": ["HK"], "barred": ["CN"],
        "force": "required", "status": "in_force", "citations": [{"attribution": "own_record"}]});
    service.put("/v1/conditions/place", &location).await.is(201);
    let users = json!({"scope": {"company": COMPANY, "chip": CHIP}, "kind": "exclusion", "of": "end_user",
        "classes": [{"name": "military", "definition": "an armed force"}],
        "force": "required", "status": "in_force", "citations": [{"attribution": "own_record"}]});
    service.put("/v1/conditions/users", &users).await.is(201);
    for (fields, condition, expected) in [
        (json!({}), "place", "unknown"),
        (json!({"destination": "HK"}), "place", "met"),
        (json!({"destination": "CN"}), "place", "unmet"),
        (json!({}), "users", "unknown"),
        (json!({"end_user": "a university"}), "users", "met"),
        (json!({"end_user": "Military academy"}), "users", "unmet"),
    ] {
        assert_eq!(outcome(fields.clone(), condition).await, Some(json!(expected)), "{fields}");
    }
}
