//! Reads: their parameters, and what they show.

use serde_json::{Value, json};

use crate::document::{Operation, operations};
use crate::examples::{filled, path, with};
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_read_answers_head_as_get_without_a_body,
    a_revision_is_shown_to_whoever_reads_at_it_or_later,
    every_unknown_parameter_is_refused_with_a_suggestion,
    parameters_are_what_the_contract_says_or_refused,
    every_fault_of_the_parameters_is_told_at_once,
    a_revision_that_has_not_come_is_refused_everywhere,
    a_stage_is_shown_for_any_day_and_revision,
    a_search_finds_by_any_name_in_any_language,
    a_search_knows_every_way_of_writing_a_letter,
    a_search_goes_on_at_the_revision_it_began_at,
    a_workflow_can_be_drawn,
    what_is_damaged_is_not_shown,
);

/// The operations that read what is on record, with paths to things there.
pub(crate) async fn reads(service: &Service) -> Vec<(Operation, String)> {
    let mut reads = Vec::new();
    for operation in operations().into_iter().filter(|operation| operation.method == "GET") {
        // What the service measures of itself differs from request to request, and a stream has no tag.
        let stands = !["showMetrics"].contains(&operation.id())
            && operation.value["responses"]["200"]["headers"]["ETag"].is_object()
            && operation.value["responses"]["200"]["content"].get("text/event-stream").is_none();
        if stands {
            let path = path(service, &operation).await;
            if service.get(&path).key(&service.keys.admin).await.status == 200 {
                reads.push((operation, path));
            }
        }
    }
    assert!(reads.len() > 30, "only {} reads", reads.len());
    reads
}

async fn a_revision_is_shown_to_whoever_reads_at_it_or_later(database: Database) {
    let service = Service::sample(&database).await;
    service.put("/v1/companies/one", &json!({"name": "One", "jurisdiction": "CN"})).await.is(201);
    let newest = service.revision().await;
    let shown = service.get(&format!("/v1/revisions/{newest}")).await.is(200);
    let same =
        service.get(&format!("/v1/revisions/{newest}?revision={newest}&valid_at=2026-01-01")).await.is(200);
    assert_eq!((same.json(), same.etag()), (shown.json(), shown.etag()));
    let before = newest - 1;
    service.get(&format!("/v1/revisions/{before}?revision={before}")).await.is(200);
    service.get(&format!("/v1/revisions/{newest}?revision={before}")).await.refused(404, "not_found");
    service.get(&format!("/v1/revisions/{newest}?known_at=2026-01-01")).await.refused(404, "not_found");
    let future = service.get(&format!("/v1/revisions/1?revision={}", newest + 1)).await;
    future.refused(400, "revision_in_future");
}

async fn every_read_answers_head_as_get_without_a_body(database: Database) {
    let service = Service::sample(&database).await;
    for (_, path) in reads(&service).await {
        let get = service.get(&path).key(&service.keys.admin).await.is(200);
        let head = service.head(&path).key(&service.keys.admin).await.is(200);
        assert_eq!(head.body.len(), 0, "{path}");
        for name in ["etag", "content-type", "revision", "cache-control", "vary"] {
            assert_eq!(head.field(name), get.field(name), "{path} {name}");
        }
        service.head(&path).key(&service.keys.admin).field("if-none-match", &get.etag()).await.is(304);
    }
}

async fn every_unknown_parameter_is_refused_with_a_suggestion(database: Database) {
    let service = Service::sample(&database).await;
    for operation in operations() {
        let path = path(&service, &operation).await;
        let method = operation.method.clone();
        let media_type = operation.body().map_or("application/json", |(media_type, _)| media_type);
        let asked = |path: &str| {
            service.request(method.clone(), path).key(&service.keys.admin).body(media_type, "{}")
        };
        let answer = asked(&with(&path, "colour=red")).await.refused(400, "invalid_parameter");
        assert_eq!(answer.faults(), ["colour unknown_field"], "{}", operation.id());
        // A name of one letter is near to none.
        let known = operation.params().into_iter().map(|param| param["name"].as_str().unwrap());
        let Some(known) = known.into_iter().find(|name| name.len() > 1) else { continue };
        let slip = with(&operation.path.replace(['{', '}'], "x"), &format!("{known}s=1"));
        let answer = asked(&slip).await.refused(400, "invalid_parameter");
        let said = answer.json()["errors"].to_string();
        assert!(said.contains(&format!("did you mean `{known}`?")), "{}: {said}", operation.id());
    }
}

async fn parameters_are_what_the_contract_says_or_refused(database: Database) {
    let service = Service::sample(&database).await;
    for operation in operations() {
        let path = path(&service, &operation).await;
        // A cursor of another form has its own problem, and any text is a search.
        let names = operation.params().into_iter().map(|param| param["name"].as_str().unwrap());
        for name in names.filter(|name| !["cursor", "q"].contains(name)) {
            for wrong in ["", "%00", "%ff", "%+f", "no%20such%20value%0a"] {
                let asked = with(&path, &format!("{name}={wrong}"));
                let answer = filled(&service, &operation, &asked).key(&service.keys.admin).await;
                let answer = answer.refused(400, "invalid_parameter");
                let place = format!("{name} ");
                let blamed = answer.faults().iter().any(|fault| fault.starts_with(&place));
                assert!(blamed, "{asked}: {}", answer.brief());
            }
            let twice = with(&with(&path, &format!("{name}=1")), &format!("{name}=1"));
            let answer = filled(&service, &operation, &twice).key(&service.keys.admin).await;
            let answer = answer.refused(400, "invalid_parameter");
            assert!(answer.faults().contains(&format!("{name} repeated")), "{twice}: {}", answer.brief());
        }
    }
}

async fn every_fault_of_the_parameters_is_told_at_once(database: Database) {
    let service = Service::empty(&database).await;
    let both = service.get("/v1/companies?revision=1&known_at=2026-09-15").await;
    both.refused(400, "invalid_parameter");
    for limit in ["0", "1001", "-1", "1.5", "ten"] {
        service.get(&format!("/v1/companies?limit={limit}")).await.refused(400, "invalid_parameter");
    }
    let answer = service.get("/v1/companies?jurisdicton=CN&colour=red&limit=1&limit=2").await;
    assert_eq!(answer.faults(), ["limit repeated", "jurisdicton unknown_field", "colour unknown_field"]);
    let answer = service.get("/v1/companies?limit=0&count=maybe&revision=-1&valid_at=x&colour=red").await;
    let faults = ["colour unknown_field", "limit out_of_range", "count wrong_type", "revision out_of_range"];
    assert_eq!(answer.faults(), [&faults[..], &["valid_at malformed"]].concat());
    let answer = service.get("/v1/approvals?sort=zzz&stage=NO&disputed=perhaps&gate=door").await;
    let faults = ["sort not_in_list", "stage malformed", "disputed wrong_type", "gate not_in_list"];
    assert_eq!(answer.faults(), faults);
    let answer = service.get("/v1/companies?sort=nam").await.refused(400, "invalid_parameter");
    assert!(answer.text().contains("did you mean `name`?"), "{}", answer.brief());
    let answer = service.get("/v1/approvals?phase=grantd").await.refused(400, "invalid_parameter");
    assert!(answer.text().contains("did you mean `granted`?"), "{}", answer.brief());
}

async fn a_revision_that_has_not_come_is_refused_everywhere(database: Database) {
    let service = Service::sample(&database).await;
    let newest = service.revision().await;
    let mut tried = 0;
    for operation in operations() {
        let names: Vec<&Value> = operation.params().into_iter().map(|param| &param["name"]).collect();
        if !names.contains(&&json!("revision")) || operation.method != "GET" {
            continue;
        }
        let path = path(&service, &operation).await;
        for future in [format!("revision={}", newest + 1), "known_at=2999-01-01T00:00:00Z".to_owned()] {
            let answer = service.get(&with(&path, &future)).await;
            answer.refused(400, "revision_in_future");
        }
        tried += 1;
    }
    assert!(tried > 20, "only {tried} operations were tried");
}

async fn a_stage_is_shown_for_any_day_and_revision(database: Database) {
    let service = Service::sample(&database).await;
    let case = "/v1/approvals/alibaba-h200-sxm-cn-unspecified";
    let stages = [
        ("2026-01-10", "no_public_position", Value::Null),
        ("2026-01-25", "in_principle", json!("2026-01-23")),
        ("2026-02-10", "conditional_terms_open", json!("2026-01-28")),
        ("2026-02-10T23:59:59-05:00", "conditional_terms_open", json!("2026-01-28")),
    ];
    for (day, stage, since) in &stages {
        let day = day.replace(':', "%3A");
        let shown = service.get(&format!("{case}?valid_at={day}")).await.is(200).json();
        assert_eq!((&shown["stage"], &shown["stage_since"]), (&json!(stage), since), "{day}");
        let listed = service
            .get(&format!("/v1/approvals?id=alibaba-h200-sxm-cn-unspecified&stage={stage}&valid_at={day}"));
        assert_eq!(listed.await.is(200).items(), [shown], "{day}");
    }
    let before = service.revision().await;
    let set = json!({"to": "conditional_terms_set", "effective_on": {"date": "2026-02-05", "precision": "day"}, "citations": [{"attribution": "own_record"}]});
    service.post(&format!("{case}/transitions"), &set).await.is(201);
    let stage = async |path: String| service.get(&path).await.is(200).json()["stage"].clone();
    assert_eq!(stage(format!("{case}?valid_at=2026-02-10")).await, "conditional_terms_set");
    assert_eq!(stage(format!("{case}?valid_at=2026-02-01")).await, "conditional_terms_open");
    assert_eq!(
        stage(format!("{case}?valid_at=2026-02-10&revision={before}")).await,
        "conditional_terms_open"
    );
}

async fn a_search_finds_by_any_name_in_any_language(database: Database) {
    let service = Service::sample(&database).await;
    for (wanted, id) in [
        ("alibaba", "alibaba"),
        ("ALIBABA", "alibaba"),
        ("%E9%98%BF%E9%87%8C%E5%B7%B4%E5%B7%B4", "alibaba"),
        ("h200", "h200-sxm"),
    ] {
        let found = service.get(&format!("/v1/search?q={wanted}")).await.is(200);
        assert!(found.ids().contains(&id.to_owned()), "{wanted}: {}", found.brief());
    }
    assert_eq!(service.get("/v1/search?q=nothing-of-that-name").await.is(200).items(), [Value::Null; 0]);
    assert_eq!(service.get("/v1/search?q=a&limit=2").await.is(200).items().len(), 2);
    let missing = service.get("/v1/search").await.refused(400, "invalid_parameter");
    assert_eq!(missing.faults(), ["q missing"]);
}

async fn a_search_knows_every_way_of_writing_a_letter(database: Database) {
    let service = Service::empty(&database).await;
    for (id, name, wanted) in [
        ("ithaca", "ΟΔΥΣΣΕΥΣ", "%CE%9F%CE%94%CE%A5%CE%A3"),
        ("cafe", "Cafe\u{301}", "caf%C3%A9"),
        ("wide", "ＡＢＣ", "abc"),
        ("narrow", "Straße", "STRASSE"),
    ] {
        let company = json!({"name": name, "jurisdiction": "GR"});
        service.put(&format!("/v1/companies/{id}"), &company).await.is(201);
        let found = service.get(&format!("/v1/search?q={wanted}")).await.is(200).items();
        assert_eq!((&found[0]["id"], &found[0]["matched"]), (&json!(id), &json!(name)));
    }
}

async fn a_search_goes_on_at_the_revision_it_began_at(database: Database) {
    let service = Service::empty(&database).await;
    let put = async |id: &str, name: &str| {
        let company = json!({"name": name, "jurisdiction": "CN"});
        service.put(&format!("/v1/companies/{id}"), &company).await.is(201);
    };
    for (id, name) in [("a", "Beta"), ("b", "Beta Two"), ("c", "A Beta"), ("d", "Beta")] {
        put(id, name).await;
    }
    let first = service.get("/v1/search?q=beta&limit=2&count=true").await.is(200);
    assert_eq!(
        (first.ids(), first.json()["total"].as_i64()),
        (vec!["a".to_owned(), "d".to_owned()], Some(4))
    );
    put("e", "Beta").await;
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let rest = service.get(&format!("/v1/search?q=beta&cursor={next}")).await.is(200);
    assert_eq!((rest.ids(), rest.revision()), (vec!["b".to_owned(), "c".to_owned()], first.revision()));
    service.get(&format!("/v1/search?q=bet&cursor={next}")).await.refused(400, "invalid_cursor");
}

async fn a_workflow_can_be_drawn(database: Database) {
    let service = Service::sample(&database).await;
    let drawn = service.get("/v1/workflows/cn-import").field("accept", "text/vnd.mermaid").await.is(200);
    assert!(drawn.text().starts_with("stateDiagram-v2\n"), "{}", drawn.brief());
    assert!(drawn.text().contains("s8 --> s9"), "{}", drawn.brief());
    let json = service.get("/v1/workflows/cn-import").await.is(200);
    assert_ne!(json.etag(), drawn.etag());
    let path = "/v1/workflows/cn-import";
    let weighed = service.get(path).field("accept", "text/vnd.mermaid;q=0, */*").await.is(200);
    assert_eq!(weighed.body, json.body);
    let two = service.get(path).field("accept", "application/json;q=0.1").further("accept", "Text/*").await;
    assert_eq!(two.is(200).body, drawn.body);
    for method in [service.get(path), service.head(path)] {
        method.field("accept", "text/html").await.is(406);
    }
    service.get(path).field("accept", "text/html").await.refused(406, "not_acceptable");
    // What has one form only is shown in it.
    service.get("/v1/workflows").field("accept", "text/html").await.is(200);
}

async fn what_is_damaged_is_not_shown(database: Database) {
    let service = Service::sample(&database).await;
    for damage in [
        "UPDATE company SET document = '{broken' WHERE id = 'alibaba'",
        "UPDATE approval SET document = '{\"id\":' WHERE id = 'alibaba-h200-sxm-us-bis'",
        "UPDATE chip SET document = '[]' WHERE id = 'h20'",
        "UPDATE workflow SET document = '{}' WHERE id = 'cn-import'",
    ] {
        database.tamper(damage).await;
    }
    for path in [
        "companies/alibaba",
        "companies",
        "companies?limit=1000&sort=name",
        "companies?count=true",
        "companies/alibaba?revision=1",
        "companies/alibaba?valid_at=2026-01-25",
        "approvals/alibaba-h200-sxm-us-bis",
        "approvals/alibaba-h200-sxm-us-bis?valid_at=2026-01-25",
        "approvals?company=alibaba",
        "approvals?company=alibaba&valid_at=2026-01-25",
        "chips/h20",
        "chips",
        // The first lines of an export are known before it begins.
        "exports",
    ] {
        let answer = service.get(&format!("/v1/{path}")).await;
        answer.refused(500, "internal");
    }
    for path in ["companies/tencent", "companies?id=tencent", "chips?id=h200-sxm"] {
        service.get(&format!("/v1/{path}")).await.is(200);
    }
}
