//! Lists: what filters leave, and how it is sorted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::{Operation, operations};
use crate::examples::with;
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_filter_leaves_what_fits_it_and_nothing_else,
    a_filter_of_texts_finds_what_has_a_comma_in_it,
    every_sort_orders_the_list_both_ways,
);

/// The filters that are not simply a field of the item, and where the value stands instead.
pub(crate) const ELSEWHERE: [(&str, &str, &str); 9] = [
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
pub(crate) fn lists() -> Vec<(Operation, String)> {
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
pub(crate) async fn register(database: &Database) -> (Service, [i64; 2]) {
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
pub(crate) async fn whole(service: &Service, path: &str) -> Vec<Value> {
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

pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encodes whatever is not plain.
pub(crate) fn encoded(text: &str) -> String {
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
