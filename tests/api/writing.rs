//! Writing: once, on the version that was meant, on trial if asked, and with a reason.

use axum::http::Method;
use greenlight::domain::actor::Role;
use greenlight::domain::text::Reason;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::service::{Answer, MERGE_PATCH, NDJSON, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    of_sixteen_edits_of_one_version_one_wins,
    a_request_sent_eight_times_at_once_has_one_effect_and_one_answer,
    an_idempotency_key_stands_for_one_request_of_one_key,
    what_the_rules_refused_is_refused_again_the_same_way,
    what_is_there_already_makes_no_revision,
    a_change_names_the_version_it_is_based_on,
    a_retired_id_is_never_used_again,
    a_reason_is_kept_on_the_revision,
    a_patch_changes_what_it_names,
    a_patch_takes_away_nothing_that_is_no_field,
    a_patch_can_make_a_condition_one_of_another_kind,
    every_fault_of_a_body_is_told_at_once,
    of_very_many_faults_the_first_are_told,
    fields_that_the_service_sets_may_be_repeated_but_not_changed,
    fields_that_the_service_sets_may_be_repeated_while_the_change_alters_them,
    a_thing_that_is_referred_to_stays,
);

fn tencent(name: &str) -> Value {
    json!({"name": name, "jurisdiction": "CN"})
}

async fn of_sixteen_edits_of_one_version_one_wins(database: Database) {
    let service = Service::empty(&database).await;
    let etag = service.put("/v1/companies/tencent", &tencent("Tencent")).await.is(201).etag();
    let before = service.revision().await;
    let mut edits = JoinSet::new();
    for number in 0..16 {
        let edit = service.put("/v1/companies/tencent", &tencent(&format!("Name {number}")));
        edits.spawn(edit.field("if-match", &etag).send());
    }
    let answers = edits.join_all().await;
    let (won, lost): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 15));
    let shown = service.get("/v1/companies/tencent").await.is(200);
    assert_eq!(shown.json(), won[0].json());
    for answer in lost {
        assert_eq!(answer.etag(), shown.etag());
        answer.refused(412, "stale_version");
    }
    assert_eq!(service.revision().await, before + 1);
}

async fn a_request_sent_eight_times_at_once_has_one_effect_and_one_answer(database: Database) {
    let service = Service::empty(&database).await;
    let before = service.revision().await;
    let mut sent = JoinSet::new();
    for _ in 0..8 {
        let request = service.post("/v1/companies", &tencent("Tencent"));
        sent.spawn(request.field("idempotency-key", "once").send());
    }
    let answers: Vec<Answer> = sent.join_all().await.into_iter().map(|answer| answer.is(201)).collect();
    for answer in &answers {
        assert_eq!(answer.body, answers[0].body);
        for name in ["etag", "location", "revision", "content-type"] {
            assert_eq!(answer.field(name), answers[0].field(name), "{name}");
        }
    }
    let replayed = answers.iter().filter(|answer| answer.field("idempotency-replayed") == Some("true"));
    assert_eq!(replayed.count(), 7);
    assert_eq!(service.get("/v1/companies").await.ids().len(), 1);
    assert_eq!(service.revision().await, before + 1);
}

async fn an_idempotency_key_stands_for_one_request_of_one_key(database: Database) {
    let service = Service::empty(&database).await;
    let post = |name: &str| service.post("/v1/companies", &tencent(name)).field("idempotency-key", "k-1");
    let first = post("Tencent").await.is(201);
    post("Another").await.refused(422, "idempotency_key_reused");
    let elsewhere = service.put("/v1/companies/tencent", &tencent("Tencent")).field("idempotency-key", "k-1");
    elsewhere.await.refused(422, "idempotency_key_reused");
    let conditional = post("Tencent").field("if-none-match", "*");
    conditional.await.refused(422, "idempotency_key_reused");
    let reasoned = post("Tencent").field("change-reason", "another");
    reasoned.await.refused(422, "idempotency_key_reused");
    assert_eq!(post("Tencent").await.is(201).body, first.body);
    // A quoted key is the same key.
    assert_eq!(post("Tencent").field("idempotency-key", "\"k-1\"").await.is(201).body, first.body);
    let admin = post("Another").key(&service.keys.admin).await.is(201);
    assert_ne!(admin.body, first.body);
    for wrong in ["", "two words", &"k".repeat(256), "\"", "\"\"", "\"a", "a\"", "\"a\";p=1"] {
        let answer = post("Third").field("idempotency-key", wrong).await.refused(400, "invalid_parameter");
        assert_eq!(answer.faults(), ["Idempotency-Key malformed"], "{wrong}");
    }
    let service = service.reopened(&database).await;
    let again = service.post("/v1/companies", &tencent("Tencent")).field("idempotency-key", "k-1");
    assert_eq!(again.await.is(201).body, first.body);
}

async fn what_the_rules_refused_is_refused_again_the_same_way(database: Database) {
    let service = Service::sample(&database).await;
    let body = json!({"name": "x", "jurisdiction": "CN", "parent": "nobody"});
    let post = || service.post("/v1/companies", &body).field("idempotency-key", "refused");
    let first = post().await.refused(409, "no_such_reference");
    service.put("/v1/companies/nobody", &tencent("Nobody")).await.is(201);
    let again = post().await.refused(409, "no_such_reference");
    assert_eq!((&again.body, again.field("idempotency-replayed").is_some()), (&first.body, true));
    // What the caller was not allowed is not held against a later try.
    let limited = service.key(Role::Editor, &["us-bis"], None).await;
    let denied =
        || service.post("/v1/companies", &tencent("y")).key(&limited).field("idempotency-key", "denied");
    denied().await.refused(403, "forbidden_authority");
    assert_eq!(denied().await.is(403).field("idempotency-replayed"), None);
}

async fn what_is_there_already_makes_no_revision(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    for collection in
        ["companies", "chips", "authorities", "workflows", "sources", "approvals", "reports", "conditions"]
    {
        for id in service.get(&format!("/v1/{collection}?limit=3")).await.is(200).ids() {
            let path = format!("/v1/{collection}/{id}");
            let shown = service.get(&path).await.is(200);
            // Neither needs to name a version, and any version will do.
            let put = service.put(&path, &shown.json()).await.is(200);
            assert_eq!(
                (put.json(), put.etag(), put.revision()),
                (shown.json(), shown.etag(), before),
                "{path}"
            );
            service.put(&path, &shown.json()).field("if-match", "\"elsewhere-1\"").await.is(200);
            let patched = service.patch(&path, &json!({})).await.is(200);
            assert_eq!(patched.json(), shown.json(), "{path}");
        }
    }
    assert_eq!(service.revision().await, before);
}

async fn a_change_names_the_version_it_is_based_on(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/companies/tencent";
    let first = service.get(path).await.is(200).etag();
    for request in [
        service.put(path, &tencent("New")),
        service.patch(path, &json!({"name": "New"})),
        service.delete(path),
    ] {
        let answer = request.await.refused(428, "precondition_required");
        assert_eq!(answer.etag(), first);
    }
    let second = service.put(path, &tencent("New")).field("if-match", &first).await.is(200).etag();
    assert_ne!(second, first);
    for stale in [first.as_str(), &format!("W/{second}"), "\"elsewhere-1\""] {
        let answer = service.patch(path, &json!({"name": "Newer"})).field("if-match", stale).await;
        assert_eq!(answer.refused(412, "stale_version").etag(), second, "{stale}");
    }
    let several = format!("{first}, , {second},");
    service.patch(path, &json!({"name": "Newer"})).field("if-match", &several).await.is(200);
    service.patch(path, &json!({"name": "Newest"})).field("if-match", "*").await.is(200);
    // What is new has no version yet.
    for named in ["*", &second] {
        let answer = service.post("/v1/companies", &tencent("x")).field("if-match", named).await;
        assert_eq!(answer.refused(400, "invalid_parameter").faults(), ["If-Match unknown_field"], "{named}");
    }
    for wrong in ["tencent", "\"open", ""] {
        let answer = service.patch(path, &json!({"name": "x"})).field("if-match", wrong).await;
        answer.refused(400, "invalid_parameter");
    }
    // Nothing is there to be changed, and something that must not be there is.
    for named in ["*", &second] {
        let nothing = service.put("/v1/companies/new", &tencent("x")).field("if-match", named).await;
        assert_eq!(nothing.refused(412, "stale_version").field("etag"), None, "{named}");
    }
    let there = service.put(path, &tencent("x")).field("if-none-match", "*").await;
    there.refused(412, "stale_version");
    service.put("/v1/companies/new", &tencent("x")).field("if-none-match", "*").await.is(201);
    let step = "/v1/approvals/alibaba-h200-sxm-cn-unspecified/transitions/alibaba-h200-sxm-cn-unspecified-conditional-terms-open";
    let as_it_is = || service.patch(step, &json!({"retracted": false}));
    as_it_is().await.is(200);
    as_it_is().field("if-none-match", "*").await.refused(412, "stale_version");
}

async fn a_retired_id_is_never_used_again(database: Database) {
    let service = Service::empty(&database).await;
    let path = "/v1/companies/tencent";
    service.put(path, &tencent("Tencent")).await.is(201);
    service.delete(path).field("if-match", "*").await.is(204);
    let gone = service.get(path).await.refused(410, "retired");
    assert_eq!(
        gone.field("link"),
        Some("</v1/companies/tencent/history>; rel=\"version-history\", </v1/companies>; rel=\"collection\"")
    );
    service.put(path, &tencent("Tencent")).await.refused(409, "id_retired");
    service.patch(path, &json!({"name": "x"})).field("if-match", "*").await.refused(410, "retired");
    service.delete(path).field("if-match", "*").await.refused(410, "retired");
    assert_eq!(service.get("/v1/companies").await.ids(), [""; 0]);
    let history = service.get(&format!("{path}/history")).await.is(200).items();
    let actions: Vec<&Value> = history.iter().map(|change| &change["action"]).collect();
    assert_eq!(actions, ["retired", "created"]);
    assert_eq!(history[0]["before"], history[1]["after"]);
    service.get(&format!("{path}?revision=1")).await.is(200);
}

async fn a_reason_is_kept_on_the_revision(database: Database) {
    let service = Service::empty(&database).await;
    let put = service.put("/v1/companies/tencent", &tencent("Tencent"));
    let put = put.field("change-reason", "公告 of 3 March").field("x-request-id", "desk-17").await.is(201);
    let revision = service.get(&format!("/v1/revisions/{}", put.revision())).await.is(200).json();
    assert_eq!(revision["reason"], "公告 of 3 March");
    assert_eq!(revision["request_id"], "desk-17");
    assert!(revision["actor"].as_str().unwrap().starts_with("key-"), "{revision}");
    assert_eq!(revision["changes"][0]["reason"], revision["reason"]);
    let feed = service.get("/v1/changes").await.is(200).items();
    assert_eq!(feed[0]["reason"], revision["reason"]);
    for wrong in ["", " ", &"a".repeat(Reason::MAX + 1), "a\tb"] {
        let answer = service.put("/v1/companies/x", &tencent("x")).field("change-reason", wrong).await;
        assert_eq!(answer.refused(400, "invalid_parameter").faults(), ["Change-Reason malformed"]);
    }
}

async fn a_patch_changes_what_it_names(database: Database) {
    let service = Service::empty(&database).await;
    let path = "/v1/companies/tencent";
    let whole = json!({
        "name": "Tencent", "names": {"zh": "腾讯", "ja": "テンセント"}, "jurisdiction": "CN", "roles": ["buyer", "cloud"],
        "identifiers": [{"scheme": "ticker", "value": "0700.HK"}], "aliases": ["Tencent Holdings"],
    });
    service.put("/v1/companies/parent", &tencent("Parent")).await.is(201);
    service.put(path, &whole).await.is(201);
    let patched =
        async |change: Value| service.patch(path, &change).field("if-match", "*").await.is(200).json();
    // An object changes only the members it names, and null takes one away.
    let names = patched(json!({"names": {"ja": null, "ko": "텐센트"}})).await;
    assert_eq!(names["names"], json!({"zh": "腾讯", "ko": "텐센트"}));
    // A list is replaced whole.
    assert_eq!(patched(json!({"roles": ["designer"]})).await["roles"], json!(["designer"]));
    assert_eq!(patched(json!({"aliases": null})).await["aliases"], json!([]));
    assert_eq!(patched(json!({"parent": "parent"})).await["parent"], "parent");
    assert_eq!(patched(json!({"parent": null})).await["parent"], Value::Null);
    let shown = service.get(path).await.is(200).json();
    assert_eq!((&shown["name"], &shown["identifiers"][0]["value"]), (&json!("Tencent"), &json!("0700.HK")));
    let missing = service.patch(path, &json!({"name": null})).field("if-match", "*").await;
    assert_eq!(missing.refused(400, "invalid_body").faults(), ["/name missing"]);
    let json_too = service.patch(path, &json!({"name": "T"})).field("content-type", "application/json");
    json_too.field("if-match", "*").await.is(200);
    let no_object = service.patch(path, &json!([])).field("if-match", "*").await;
    no_object.refused(400, "invalid_body");
    service.patch("/v1/companies/nobody", &json!({})).field("if-match", "*").await.refused(404, "not_found");
}

async fn a_patch_takes_away_nothing_that_is_no_field(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    let patch =
        |path: &str, change: Value| service.patch(&format!("/v1/{path}"), &change).field("if-match", "*");
    for (path, change, faults) in [
        ("companies/tencent", json!({"parentt": null}), vec!["/parentt unknown_field"]),
        (
            "companies/tencent",
            json!({"nam": null, "name": null}),
            vec!["/name missing", "/nam unknown_field"],
        ),
        ("companies/tencent", json!({"id": null}), vec!["/id read_only"]),
        ("companies/tencent", json!({"names": {"zh": 1, "!": null}}), vec!["/names/zh wrong_type"]),
        ("chips/h20", json!({"specification": {"tppp": null}}), vec!["/specification/tppp unknown_field"]),
        ("approvals/alibaba-h200-sxm-us-bis", json!({"stage": null}), vec!["/stage read_only"]),
        (
            "conditions/us-2026-existing-use",
            json!({"in_force_untill": null}),
            vec!["/in_force_untill unknown_field"],
        ),
        (
            "conditions/us-2026-existing-use",
            json!({"scope": {"chips": null}}),
            vec!["/scope/chips unknown_field"],
        ),
    ] {
        let answer = patch(path, change.clone()).await.refused(400, "invalid_body");
        assert_eq!(answer.faults(), faults, "{change}");
    }
    let near = patch("companies/tencent", json!({"parentt": null})).await;
    assert!(near.text().contains("did you mean `parent`?"), "{}", near.text());
    // What is not there can be taken away.
    for (path, change) in [
        ("companies/tencent", json!({"parent": null, "names": {"fr": null}})),
        ("chips/h20", json!({"specification": {"commercially_available_us_on": null}})),
    ] {
        patch(path, change).await.is(200);
    }
    assert_eq!(service.revision().await, before);
}

async fn a_patch_can_make_a_condition_one_of_another_kind(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/conditions/cap";
    let cap = json!({
        "scope": {"company": "tencent"}, "kind": "unit_cap", "maximum": 5, "counting": "ordered", "period": "year",
        "force": "required", "status": "in_force", "citations": [{"attribution": "own_record"}],
    });
    service.put(path, &cap).await.is(201);
    let change = |by: Value| service.patch(path, &by).field("if-match", "*");
    // What is not taken away is still there to be refused.
    let kept = change(json!({"kind": "other", "text": "t", "maximum": null, "chips": null})).await;
    assert_eq!(
        kept.refused(400, "invalid_body").faults(),
        ["/counting unknown_field", "/period unknown_field"]
    );
    let other = json!({"kind": "other", "text": "t", "maximum": null, "counting": null, "chips": null, "period": null});
    let mut strange = other.clone();
    strange["maxium"] = Value::Null;
    let strange = change(strange).await.refused(400, "invalid_body");
    assert_eq!(strange.faults(), ["/maxium unknown_field"]);
    let mut shown = change(other).await.is(200).json();
    assert_eq!((&shown["kind"], &shown["text"]), (&json!("other"), &json!("t")));
    assert_eq!(shown.get("maximum"), None);
    // A name that only other kinds have takes nothing away.
    let before = service.revision().await;
    change(json!({"maximum": null, "allowed": null})).await.is(200);
    assert_eq!(service.revision().await, before);
    // In a whole condition it has no place.
    shown["maximum"] = Value::Null;
    let whole = service.put(path, &shown).field("if-match", "*").await.refused(400, "invalid_body");
    assert_eq!(whole.faults(), ["/maximum unknown_field"]);
}

async fn every_fault_of_a_body_is_told_at_once(database: Database) {
    let service = Service::empty(&database).await;
    let text = r#"{"name": "a\u0000b", "names": {"not a tag": "x"}, "jurisdiction": "XX", "roles": ["buyer", "buyr"],
        "identifiers": [{"scheme": "lei", "value": "5493001NTNQJDH60PM03"}, {"scheme": "ticker"}], "aliases": "none", "colour": 1}"#;
    let answer = service.put("/v1/companies/x", &json!({})).body("application/json", text).await;
    let mut faults = answer.refused(400, "invalid_body").faults();
    faults.sort();
    let expected = [
        "/aliases wrong_type",
        "/colour unknown_field",
        "/identifiers/0/value check_digits",
        "/identifiers/1/value missing",
        "/jurisdiction not_in_list",
        "/name malformed",
        "/names/not a tag malformed",
        "/roles/1 not_in_list",
    ];
    assert_eq!(faults, expected);
    let repeated = r#"{"name": "a", "name": "b", "jurisdiction": "CN", "names": {"zh": "x", "zh": "y"}}"#;
    let answer = service.put("/v1/companies/x", &json!({})).body("application/json", repeated).await;
    assert_eq!(answer.refused(400, "invalid_body").faults(), ["/name repeated", "/names/zh repeated"]);
    for no_json in ["", "{", "nul", "{\"name\": 'x'}", "{} {}", "\u{feff}{}", "{\"name\": NaN}"] {
        let answer = service.put("/v1/companies/x", &json!({})).body("application/json", no_json).await;
        answer.refused(400, "malformed_json");
    }
    let answer = service
        .put("/v1/companies/x", &json!({}))
        .body("application/json", &b"{\"name\": \"\xff\"}"[..])
        .await;
    answer.refused(400, "malformed_json");
    for media_type in ["text/plain", "application/xml", MERGE_PATCH] {
        let answer = service.put("/v1/companies/x", &json!({})).field("content-type", media_type).await;
        answer.refused(415, "unsupported_media_type");
    }
    for charset in ["latin1", "\"iso-8859-1\"", "utf-16", ""] {
        let media_type = format!("application/json; Charset={charset}");
        let answer = service.put("/v1/companies/x", &tencent("x")).field("content-type", &media_type).await;
        answer.refused(415, "unsupported_media_type");
    }
    assert_eq!(service.get("/v1/companies").await.ids(), [""; 0]);
    for charset in ["utf-8", "\"UTF-8\"", "utf8"] {
        let media_type = format!("application/json;charset={charset};q=1");
        let put = service.put("/v1/companies/x", &tencent("x")).field("content-type", &media_type).await;
        assert!(put.status < 300, "{charset}: {}", put.brief());
    }
}

async fn of_very_many_faults_the_first_are_told(database: Database) {
    let service = Service::empty(&database).await;
    let mut body = tencent("x");
    for number in 0..3000 {
        body[format!("unknown-{number}")] = Value::Null;
    }
    let answer = service.put("/v1/companies/x", &body).await.refused(400, "invalid_body");
    assert_eq!(answer.faults().len(), 1000);
    assert_eq!(answer.json()["detail"], "3000 things are wrong; errors tells the first 1000");
    let lines: String = (0..1500).map(|_| "{\"kind\": \"colour\"}\n").collect();
    let import = service.request(Method::POST, "/v1/imports").body(NDJSON, lines);
    let answer = import.await.refused(400, "invalid_lines");
    assert_eq!(answer.faults().len(), 1000);
    assert_eq!(answer.json()["detail"], "1500 things are wrong; errors tells the first 1000");
}

async fn fields_that_the_service_sets_may_be_repeated_but_not_changed(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/approvals/alibaba-h200-sxm-cn-unspecified";
    let mut shown = service.get(path).await.is(200).json();
    shown["note"] = "Read again.".into();
    service.put(path, &shown).field("if-match", "*").await.is(200);
    shown["note"] = "And again.".into();
    shown["stage"] = "approved".into();
    let answer = service.put(path, &shown).field("if-match", "*").await.refused(400, "invalid_body");
    assert_eq!(answer.faults(), ["/stage read_only"]);
    let mut other = service.get("/v1/companies/tencent").await.is(200).json();
    other["id"] = "alibaba".into();
    let answer = service.put("/v1/companies/tencent", &other).field("if-match", "*").await;
    assert_eq!(answer.refused(400, "invalid_body").faults(), ["/id read_only"]);
    let answer = service.post("/v1/companies", &other).await.refused(400, "invalid_body");
    assert_eq!(answer.faults(), ["/id read_only"]);
}

async fn fields_that_the_service_sets_may_be_repeated_while_the_change_alters_them(database: Database) {
    let service = Service::sample(&database).await;
    let path = "/v1/chips/h20";
    let mut chip = service.get(path).await.is(200).json();
    let before = chip["classification"].clone();
    chip["specification"]["tpp"] = 15_000.into();
    let written = service.put(path, &chip).field("if-match", "*").await.is(200).json();
    assert_ne!(written["classification"], before);
    // What it becomes is accepted, too, but nothing else.
    chip["specification"]["tpp"] = 2368.into();
    chip["classification"] = before;
    service.patch(path, &chip).field("if-match", "*").await.is(200);
    chip["specification"]["tpp"] = 15_000.into();
    chip["classification"]["control"] = "3A090.b".into();
    let answer = service.put(path, &chip).field("if-match", "*").await.refused(400, "invalid_body");
    assert_eq!(answer.faults(), ["/classification read_only"]);

    let mut workflow = service.get("/v1/workflows/cn-import").await.is(200).json();
    workflow["id"] = "other".into();
    let stage = json!({"id": "begun", "name": "Begun", "phase": "pending", "permits": []});
    workflow["stages"].as_array_mut().unwrap().push(stage);
    workflow["initial"] = "begun".into();
    service.put("/v1/workflows/other", &workflow).await.is(201);
    let mut authority = service.get("/v1/authorities/cn-unspecified").await.is(200).json();
    (authority["id"], authority["workflow"]) = ("other".into(), "other".into());
    service.put("/v1/authorities/other", &authority).await.is(201);
    let path = "/v1/approvals/fresh";
    let new = json!({"company": "tencent", "chip": "h20", "authority": "cn-unspecified"});
    let mut case = service.put(path, &new).await.is(201).json();
    case["authority"] = "other".into();
    let moved = service.put(path, &case).field("if-match", "*").await.is(200).json();
    assert_eq!(moved["stage"], "begun");
    assert_ne!(moved["stage"], case["stage"]);
}

async fn a_thing_that_is_referred_to_stays(database: Database) {
    let service = Service::sample(&database).await;
    for (path, kind) in [
        ("/v1/companies/nvidia", "chip"),
        ("/v1/chips/h200-sxm", "approval"),
        ("/v1/authorities/us-bis", "approval"),
        ("/v1/workflows/cn-import", "authority"),
        ("/v1/sources/ndtv-2026-01-23-h200-orders", "transition"),
    ] {
        let answer = service.delete(path).field("if-match", "*").await.refused(409, "in_use").json();
        let by = answer["by"].as_array().unwrap();
        assert!(by.iter().any(|thing| thing["kind"] == kind) || by.len() > 4, "{path}: {by:?}");
        for thing in by {
            match thing["href"].as_str() {
                Some(href) => assert_eq!(service.get(href).await.is(200).json()["id"], thing["id"]),
                None => assert_eq!(thing["kind"], "transition", "{path}: {thing}"),
            }
        }
    }
}
