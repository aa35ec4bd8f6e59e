//! Pages: a list in pieces, and the cursors that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::examples::with;
use crate::lists::{lists, register, whole};
use crate::service::Service;
use crate::support::things::of;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_list_is_the_same_in_pages_of_any_size,
    a_list_keeps_its_revision_from_page_to_page,
    holdings_keep_their_moment_from_page_to_page,
    chips_keep_their_rule_from_page_to_page,
    a_cursor_serves_its_own_list_only,
    a_cursor_that_the_register_did_not_give_out_is_refused,
    a_cursor_serves_on_every_node_and_after_a_restart,
    an_earlier_revision_stays_what_it_was,
);

/// Everything a list has, page by page.
async fn paged(service: &Service, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let page =
            service.get(&with(path, &format!("limit={limit}{next}"))).key(&service.keys.admin).await.is(200);
        let found = page.items();
        assert!(found.len() <= limit);
        items.extend(found);
        match page.json()["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return items,
        }
    }
}

async fn every_list_is_the_same_in_pages_of_any_size(database: Database) {
    let (service, [before, _]) = register(&database).await;
    for (operation, path) in lists() {
        let dated = operation.params().iter().any(|param| param["name"] == "revision");
        let sorts = operation.params().into_iter().find(|param| param["name"] == "sort");
        let sorts = sorts.map_or_else(Vec::new, |sort| sort["schema"]["enum"].as_array().unwrap().clone());
        let mut variants = vec![path.clone()];
        variants.extend(sorts.last().map(|sort| with(&path, &format!("sort={}", sort.as_str().unwrap()))));
        variants.extend(
            (dated && !sorts.is_empty()).then(|| with(&path, &format!("sort=-id&revision={before}"))),
        );
        variants.extend(dated.then(|| with(&path, "valid_at=2026-01-25")));
        for path in variants {
            let all = whole(&service, &path).await;
            let counted =
                service.get(&with(&path, "limit=1&count=true")).key(&service.keys.admin).await.is(200);
            assert_eq!(counted.json()["total"], all.len(), "{path}");
            for limit in [1, 2, 7, all.len().max(1)] {
                assert_eq!(paged(&service, &path, limit).await, all, "{path} by {limit}");
            }
        }
    }
    let history = "/v1/companies/tencent/history";
    let all = whole(&service, history).await;
    assert_eq!(all.len(), 2);
    assert_eq!(paged(&service, history, 1).await, all);
}

async fn a_list_keeps_its_revision_from_page_to_page(database: Database) {
    let service = Service::sample(&database).await;
    let all = whole(&service, "/v1/companies").await;
    let first = service.get("/v1/companies?limit=5").await.is(200).json();
    service.put("/v1/companies/aaa", &json!({"name": "First of all", "jurisdiction": "CN"})).await.is(201);
    service.put("/v1/companies/zzz", &json!({"name": "Last of all", "jurisdiction": "CN"})).await.is(201);
    let cursor = first["next"].as_str().unwrap();
    let rest = service.get(&format!("/v1/companies?limit=1000&cursor={cursor}")).await.is(200).json();
    assert_eq!(rest["revision"], first["revision"]);
    let together = [first["items"].as_array().unwrap().clone(), rest["items"].as_array().unwrap().clone()];
    assert_eq!(together.concat(), all);
}

async fn holdings_keep_their_moment_from_page_to_page(database: Database) {
    let service = Service::empty(&database).await;
    for (id, role) in [("nvidia", "designer"), ("alibaba", "buyer")] {
        let company = json!({"name": id, "jurisdiction": "CN", "roles": [role]});
        service.put(&format!("/v1/companies/{id}"), &company).await.is(201);
    }
    let cap = json!({"scope": {"company": "alibaba"}, "kind": "unit_cap", "maximum": 100, "counting": "ordered", "force": "required", "status": "in_force", "in_force_until": "2026-09-15", "citations": [{"attribution": "own_record"}]});
    service.post("/v1/conditions", &cap).await.is(201);
    for id in ["a", "b"] {
        let chip = json!({"name": id, "designer": "nvidia", "origin": "US"});
        service.put(&format!("/v1/chips/{id}"), &chip).await.is(201);
        let order = json!({"company": "alibaba", "chip": id, "kind": "order", "units": 5, "occurred_on": "2026-09-01"});
        service.post("/v1/movements", &order).await.is(201);
    }
    let all = whole(&service, "/v1/holdings").await;
    assert_eq!(all[1]["authorised"], 100);
    let first = service.get("/v1/holdings?limit=1").await.is(200).json();
    service.clock.set(of("2026-09-16T00:00:00Z"));
    let cursor = first["next"].as_str().unwrap();
    let rest = service.get(&format!("/v1/holdings?cursor={cursor}")).await.is(200);
    assert_eq!(rest.items(), all.get(1..).unwrap());
    assert_eq!(whole(&service, "/v1/holdings").await[1]["authorised"], Value::Null);
}

async fn chips_keep_their_rule_from_page_to_page(database: Database) {
    let service = Service::empty(&database).await;
    service.clock.set(of("2026-01-14T23:59:00Z"));
    service.put("/v1/companies/nvidia", &json!({"name": "NVIDIA", "jurisdiction": "US"})).await.is(201);
    for id in ["a", "b", "c"] {
        let chip = json!({"name": id, "designer": "nvidia", "origin": "US"});
        service.put(&format!("/v1/chips/{id}"), &chip).await.is(201);
    }
    let all = whole(&service, "/v1/chips").await;
    let first = service.get("/v1/chips?limit=1").await.is(200).json();
    service.clock.set(of("2026-01-15T00:00:00Z"));
    service.register.look().await.unwrap();
    let rule = |chip: &Value| chip["classification"]["rule"]["vintage"].clone();
    assert_eq!(rule(&whole(&service, "/v1/chips").await[1]), "2026-01");
    let cursor = first["next"].as_str().unwrap();
    let second = service.get(&format!("/v1/chips?limit=1&cursor={cursor}")).await.is(200);
    assert_eq!(second.items(), all.get(1..2).unwrap());
    let cursor = second.json()["next"].as_str().unwrap().to_owned();
    let third = service.get(&format!("/v1/chips?limit=1&cursor={cursor}")).await.is(200);
    assert_eq!(third.items(), all.get(2..).unwrap());
}

async fn a_cursor_serves_its_own_list_only(database: Database) {
    let service = Service::sample(&database).await;
    let next = service.get("/v1/companies?limit=1&jurisdiction=CN").await.is(200).json()["next"].clone();
    let next = next.as_str().unwrap();
    // How much is shown of it may change.
    service.get(&format!("/v1/companies?limit=2&count=true&jurisdiction=CN&cursor={next}")).await.is(200);
    let others = [
        "/v1/companies?",
        "/v1/companies?jurisdiction=US&",
        "/v1/companies?jurisdiction=CN&sort=name&",
        "/v1/companies?jurisdiction=CN&revision=1&",
        "/v1/companies?jurisdiction=CN&valid_at=2026-01-01&",
        "/v1/chips?",
    ];
    for path in others {
        service.get(&format!("{path}cursor={next}")).await.refused(400, "invalid_cursor");
    }
    for strange in ["x", "", "bnVsbA", "WzEsMiwzXQ"] {
        let answer = service.get(&format!("/v1/companies?cursor={strange}")).await;
        answer.refused(400, "invalid_cursor");
    }
}

/// A cursor with one field changed, and whatever seals it left as it is.
fn altered(cursor: &str, field: usize, value: Value) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let (fields, mark) = bytes.split_last_chunk::<16>().unwrap();
    let mut fields: Vec<Value> = serde_json::from_slice(fields).unwrap();
    fields[field] = value;
    URL_SAFE_NO_PAD.encode([&serde_json::to_vec(&fields).unwrap(), mark.as_slice()].concat())
}

async fn a_cursor_that_the_register_did_not_give_out_is_refused(database: Database) {
    let (service, [before, _]) = register(&database).await;
    let mut paths: Vec<String> = lists().into_iter().map(|(_, path)| path).collect();
    paths.extend(
        ["/v1/companies?sort=changed", "/v1/companies/tencent/history", "/v1/board"].map(str::to_owned),
    );
    let mut tried = 0;
    for path in paths {
        let page = service.get(&with(&path, "limit=1")).key(&service.keys.admin).await.is(200).json();
        let Some(next) = page["next"].as_str() else { continue };
        let go_on = |cursor: &str| {
            service.get(&with(&path, &format!("limit=1&cursor={cursor}"))).key(&service.keys.admin)
        };
        go_on(next).await.is(200);
        let changes = [
            (2, json!(before)),
            (3, json!("2020-01-01")),
            (4, json!("\u{0}")),
            (4, json!("none")),
            (5, json!("\u{0}")),
            (5, json!("m")),
        ];
        for (field, value) in changes {
            go_on(&altered(next, field, value)).await.refused(400, "invalid_cursor");
        }
        go_on(next.get(4..).unwrap()).await.refused(400, "invalid_cursor");
        tried += 1;
    }
    assert!(tried > 10, "only {tried} lists have more than a page");
    let other = database.empty().await;
    let other = Service::empty(&other).await;
    for id in ["one", "two"] {
        other.put(&format!("/v1/companies/{id}"), &json!({"name": id, "jurisdiction": "CN"})).await.is(201);
    }
    let next = other.get("/v1/companies?limit=1").await.is(200).json()["next"].clone();
    let path = format!("/v1/companies?limit=1&cursor={}", next.as_str().unwrap());
    other.get(&path).await.is(200);
    service.get(&path).await.refused(400, "invalid_cursor");
}

async fn a_cursor_serves_on_every_node_and_after_a_restart(database: Database) {
    let service = Service::sample(&database).await;
    let next = service.get("/v1/companies?limit=5").await.is(200).json()["next"].clone();
    let path = format!("/v1/companies?limit=5&cursor={}", next.as_str().unwrap());
    let here = service.get(&path).await.is(200);
    assert_eq!(service.public().get(&path).await.is(200).body, here.body);
    let service = service.reopened(&database).await;
    assert_eq!(service.get(&path).await.is(200).body, here.body);
}

async fn an_earlier_revision_stays_what_it_was(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    let mut kept = Vec::new();
    for (operation, path) in lists() {
        if operation.params().iter().any(|param| param["name"] == "revision") {
            kept.push((path.clone(), whole(&service, &path).await));
        }
    }
    let renamed = json!({"name": "Aardvark"});
    service.patch("/v1/companies/tencent", &renamed).field("if-match", "*").await.is(200);
    service.delete("/v1/conditions/us-2026-existing-use").field("if-match", "*").await.is(204);
    for (path, items) in kept {
        let at = with(&path, &format!("revision={before}"));
        assert_eq!(whole(&service, &at).await, items, "{path}");
        if path.contains("alibaba") {
            continue;
        }
        // The sample was recorded at the moment at which the clock of tests stands.
        let early = service.get(&with(&path, "known_at=2026-09-15T11:59:59Z")).await.is(200);
        assert_eq!((early.items().len(), early.revision()), (0, 0), "{path}");
    }
    service.get("/v1/companies/tencent?revision=0").await.refused(404, "not_found");
    let named = service.get(&format!("/v1/companies/tencent?revision={before}")).await.is(200).json();
    assert_ne!(named["name"], "Aardvark");
    service.get(&format!("/v1/conditions/us-2026-existing-use?revision={before}")).await.is(200);
    service.get("/v1/conditions/us-2026-existing-use").await.refused(410, "retired");
}
