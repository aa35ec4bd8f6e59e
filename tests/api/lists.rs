//! Lists: every filter and every sort of every one, against a look at all items.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::document::{Operation, operations};
use crate::examples::with;
use crate::service::Service;
use crate::support::things::of;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_filter_leaves_what_fits_it_and_nothing_else,
    a_filter_of_texts_finds_what_has_a_comma_in_it,
    every_sort_orders_the_list_both_ways,
    every_list_is_the_same_in_pages_of_any_size,
    a_list_keeps_its_revision_from_page_to_page,
    holdings_keep_their_moment_from_page_to_page,
    a_cursor_serves_its_own_list_only,
    a_cursor_that_the_register_did_not_give_out_is_refused,
    a_cursor_serves_on_every_node_and_after_a_restart,
    an_earlier_revision_stays_what_it_was,
);

/// The filters that are not simply a field of the item, and where the value stands instead.
const ELSEWHERE: [(&str, &str, &str); 9] = [
    ("listReports", "company", "/about/company"),
    ("listReports", "chip", "/about/chip"),
    ("listReports", "authority", "/about/authority"),
    ("listConditions", "authority", "/scope/authority"),
    ("listConditions", "approval", "/scope/approval"),
    ("listConditions", "company", "/scope/company"),
    ("listConditions", "chip", "/scope/chip"),
    ("listTransitions", "to", "/to"),
    ("listRevisions", "actor", "/actor"),
];
/// The filters of approvals that ask for a field of their authority.
const OF_AUTHORITY: [&str; 2] = ["jurisdiction", "gate"];
/// The parameters of a list that are no filters.
const NO_FILTERS: [&str; 8] = ["q", "sort", "limit", "cursor", "count", "revision", "known_at", "valid_at"];

/// The lists, each with the path that lists what the sample register has. The board has rows instead of items,
/// and tests of its own.
fn lists() -> Vec<(Operation, String)> {
    let is_list = |operation: &Operation| {
        operation.id() != "showBoard" && operation.params().iter().any(|param| param["name"] == "cursor")
    };
    let path = |operation: &Operation| {
        let case = "alibaba-h200-sxm-us-bis";
        let path = operation.path.replace("/approvals/{id}", &format!("/approvals/{case}"));
        // What is searched for must be said.
        if operation.id() == "search" { with(&path, "q=a") } else { path }
    };
    let all = operations().into_iter().filter(is_list);
    let all: Vec<_> = all.map(|operation| (operation.clone(), path(&operation))).collect();
    // A history has no filters and no ids of its own; it is paged through by its revisions elsewhere.
    all.into_iter().filter(|(_, path)| !path.contains('{')).collect()
}

/// The sample register, changed a little, so that an earlier revision is not the newest one.
async fn register(database: &Database) -> (Service, [i64; 2]) {
    let service = Service::sample(database).await;
    let before = service.revision().await;
    let moved = json!({"to": "suspended", "effective_on": {"date": "2026-08-30", "precision": "day"}, "citations": [{"attribution": "own_record"}]});
    service.post("/v1/approvals/alibaba-h200-sxm-us-bis/transitions", &moved).await.is(201);
    let renamed = json!({"name": "Aardvark", "roles": ["cloud"], "jurisdiction": "SG"});
    service.patch("/v1/companies/tencent", &renamed).field("if-match", "*").await.is(200);
    service
        .patch("/v1/chips/h20", &json!({"eccn_published": "3A090.a"}))
        .field("if-match", "*")
        .await
        .is(200);
    service.delete("/v1/conditions/us-2026-existing-use").field("if-match", "*").await.is(204);
    let order = json!({"company": "alibaba", "chip": "h20", "kind": "order", "units": 5, "occurred_on": "2026-09-01", "external_ref": "PO-1"});
    service.post("/v1/movements", &order).await.is(201);
    let order = with_reference(order, "PO-1, second half, 50%");
    service.post("/v1/movements", &order).await.is(201);
    for (chip, activity) in [("h20", "order"), ("h20", "ship"), ("ascend-910b", "order")] {
        let question = json!({"company": "alibaba", "chip": chip, "activity": activity});
        service.post("/v1/determinations", &question).await.is(201);
    }
    let after = service.revision().await;
    (service, [before, after])
}

fn with_reference(mut movement: Value, reference: &str) -> Value {
    movement["external_ref"] = reference.into();
    movement
}

/// Everything a list has.
async fn whole(service: &Service, path: &str) -> Vec<Value> {
    let answer = service.get(&with(path, "limit=1000")).key(&service.keys.admin).await.is(200);
    assert_eq!(answer.json()["next"], Value::Null, "{path} has more than a page");
    answer.items()
}

/// The values that an item has for a filter.
fn of_item(
    operation: &Operation,
    filter: &str,
    item: &Value,
    authorities: &[Value],
    phases: &[(Value, Value)],
) -> Vec<Value> {
    if operation.id() == "listApprovals" && OF_AUTHORITY.contains(&filter) {
        let authority = authorities.iter().find(|authority| authority["id"] == item["authority"]).unwrap();
        return vec![authority[filter].clone()];
    }
    if operation.id() == "listApprovals" && filter == "phase" {
        let authority = authorities.iter().find(|authority| authority["id"] == item["authority"]).unwrap();
        let stage = json!([authority["workflow"], item["stage"]]);
        return phases.iter().filter(|(key, _)| *key == stage).map(|(_, phase)| phase.clone()).collect();
    }
    let elsewhere = ELSEWHERE.iter().find(|(list, name, _)| *list == operation.id() && *name == filter);
    let pointer = elsewhere.map_or_else(|| format!("/{filter}"), |(_, _, pointer)| (*pointer).to_owned());
    match item.pointer(&pointer) {
        Some(Value::Array(several)) => several.clone(),
        Some(Value::Null) => Vec::new(),
        Some(one) => vec![one.clone()],
        None => panic!("where does an item of {} have its `{filter}`? {item}", operation.id()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encodes whatever is not plain.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

async fn every_filter_leaves_what_fits_it_and_nothing_else(database: Database) {
    let (service, revisions) = register(&database).await;
    let mut tried = 0;
    for revision in revisions {
        let at = format!("revision={revision}");
        let authorities = whole(&service, &with("/v1/authorities", &at)).await;
        let mut phases = Vec::new();
        for workflow in whole(&service, &with("/v1/workflows", &at)).await {
            for stage in workflow["stages"].as_array().unwrap() {
                phases.push((json!([workflow["id"], stage["id"]]), stage["phase"].clone()));
            }
        }
        for (operation, path) in lists() {
            let dated = operation.params().iter().any(|param| param["name"] == "revision");
            let path = if dated { with(&path, &at) } else { path };
            let all = whole(&service, &path).await;
            let names = operation.params().into_iter().map(|param| param["name"].as_str().unwrap());
            for filter in names.filter(|name| !NO_FILTERS.contains(name)) {
                let values = |item: &Value| of_item(&operation, filter, item, &authorities, &phases);
                let known: BTreeSet<String> = all.iter().flat_map(values).map(|value| text(&value)).collect();
                let known: Vec<String> = known.into_iter().collect();
                let several: Vec<String> = known.iter().step_by(2).take(5).cloned().collect();
                let mut wanted: Vec<Vec<String>> =
                    known.iter().take(8).map(|one| vec![one.clone()]).collect();
                if several.len() > 1
                    && several != ["false", "true"]
                    && operation_takes_several(&operation, filter)
                {
                    wanted.push(several);
                }
                for wanted in wanted {
                    let given: Vec<String> = wanted.iter().map(|value| encoded(value)).collect();
                    let found = whole(&service, &with(&path, &format!("{filter}={}", given.join(",")))).await;
                    let fits = |item: &&Value| values(item).iter().any(|value| wanted.contains(&text(value)));
                    let expected: Vec<Value> = all.iter().filter(fits).cloned().collect();
                    assert_eq!(found, expected, "{path} with {filter}={wanted:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 200, "only {tried} filters were tried");
}

async fn a_filter_of_texts_finds_what_has_a_comma_in_it(database: Database) {
    let (service, _) = register(&database).await;
    let found = async |filter: &str| {
        let items = service.get(&format!("/v1/movements?{filter}")).await.is(200).items();
        let references = items.iter().map(|item| item["external_ref"].as_str().unwrap().to_owned());
        references.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>()
    };
    let (plain, commas) = ("PO-1", "PO-1, second half, 50%");
    assert_eq!(found("external_ref=PO-1").await, [plain]);
    assert_eq!(found("external_ref=PO-1%2C%20second+half%2C%2050%25").await, [commas]);
    assert_eq!(found("external_ref=PO-1,PO-1%2C%20second+half%2C%2050%25").await, [plain, commas]);
    // What cannot have a comma in it may be given with encoded ones.
    assert_eq!(found("kind=order%2Cshipment&external_ref=PO-1").await, [plain]);
    // A cursor is for the values it was given with.
    let page =
        service.get("/v1/movements?external_ref=PO-1,PO-1%2C%20second%20half%2C%2050%25&limit=1").await;
    let next = page.is(200).json()["next"].as_str().unwrap().to_owned();
    let other = format!("/v1/movements?external_ref=PO-1%2CPO-1%2C%20second%20half%2C%2050%25&cursor={next}");
    service.get(&other).await.refused(400, "invalid_cursor");
}

fn operation_takes_several(operation: &Operation, filter: &str) -> bool {
    operation.params().iter().any(|param| param["name"] == filter && param["schema"]["type"] == "array")
}

async fn every_sort_orders_the_list_both_ways(database: Database) {
    let (service, _) = register(&database).await;
    let mut since = Vec::new();
    for change in service.get("/v1/changes?limit=1000").await.is(200).items() {
        since.push((change["kind"].clone(), change["id"].clone(), change["revision"].as_i64().unwrap()));
    }
    for (operation, path) in lists() {
        let sorts = operation.params().into_iter().find(|param| param["name"] == "sort");
        let keys = sorts.map_or_else(Vec::new, |sort| sort["schema"]["enum"].as_array().unwrap().clone());
        let all = whole(&service, &path).await;
        for key in keys {
            let key = key.as_str().unwrap();
            let (name, down) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
            let found = whole(&service, &with(&path, &format!("sort={key}"))).await;
            let mut expected = all.clone();
            let order = |one: &Value, other: &Value| {
                let by_key = match name {
                    "changed" => changed(&since, one).cmp(&changed(&since, other)),
                    name => sorted_by(one, name).cmp(&sorted_by(other, name)),
                };
                by_key.then_with(|| one["id"].as_str().cmp(&other["id"].as_str()))
            };
            expected.sort_by(|one, other| if down { order(one, other).reverse() } else { order(one, other) });
            let ids = |items: &[Value]| items.iter().map(|item| text(&item["id"])).collect::<Vec<_>>();
            assert_eq!(ids(&found), ids(&expected), "{path} sorted by {key}");
        }
    }
}

/// The revision that last changed a thing.
fn changed(since: &[(Value, Value, i64)], item: &Value) -> i64 {
    since.iter().filter(|(_, id, _)| *id == item["id"]).map(|(_, _, revision)| *revision).max().unwrap_or(0)
}

/// What an item is sorted by; what has nothing comes first.
fn sorted_by(item: &Value, name: &str) -> String {
    let value = if item[name].is_object() { &item[name]["date"] } else { &item[name] };
    value.as_str().unwrap_or_default().to_owned()
}

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
