//! The feed: every revision once, in order, without gaps, and enough to rebuild the register from.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use greenlight::domain::actor::Role;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::document::{DOCUMENT, Operation, operations};
use crate::examples::with;
use crate::service::Service;
use crate::support::things::of;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_poller_under_25_writers_sees_every_revision_once_in_order,
    a_request_that_waits_is_answered_by_the_next_change,
    a_request_that_waits_is_not_woken_by_what_its_filter_leaves_out,
    a_request_that_waits_is_refused_once_its_key_has_ended,
    a_position_of_another_epoch_is_gone_and_one_of_the_future_refused,
    the_register_can_be_rebuilt_from_the_feed,
    following_from_a_list_misses_nothing_and_repeats_nothing,
    filters_leave_out_changes_and_the_position_goes_past_them,
    a_revision_is_never_split_over_two_pages,
);

/// How many write at once, and how often each.
const WRITERS: usize = 25;
const WRITES: usize = 8;

async fn a_poller_under_25_writers_sees_every_revision_once_in_order(database: Database) {
    let service = Service::empty(&database).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let service = service.clone();
        writers.spawn(async move {
            for write in 0..WRITES {
                let body = json!({"name": format!("Company {write} of {writer}"), "jurisdiction": "CN"});
                service.put(&format!("/v1/companies/c-{writer}-{write}"), &body).await.is(201);
            }
        });
    }
    let mut seen: Vec<i64> = Vec::new();
    let mut ids = Vec::new();
    let mut position = "0".to_owned();
    while ids.len() < WRITERS * WRITES {
        let page = service.get(&format!("/v1/changes?limit=3&wait=5&after={position}")).await.is(200);
        for item in page.items() {
            seen.push(item["revision"].as_i64().unwrap());
            ids.push(item["id"].as_str().unwrap().to_owned());
        }
        let next = page.json()["next"].as_str().unwrap().to_owned();
        assert!(number(&next) > number(&position) || page.items().is_empty(), "{position} then {next}");
        position = next;
    }
    writers.join_all().await;
    assert_eq!(seen, (1..=i64::try_from(WRITERS * WRITES).unwrap()).collect::<Vec<_>>());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), WRITERS * WRITES);
    let rest = service.get(&format!("/v1/changes?after={position}")).await.is(200);
    assert_eq!((rest.items().len(), rest.json()["next"].as_str()), (0, Some(position.as_str())));
}

fn number(position: &str) -> i64 {
    position.rsplit('.').next().unwrap().parse().unwrap()
}

fn company(name: &str) -> Value {
    json!({"name": name, "jurisdiction": "CN"})
}

async fn a_request_that_waits_is_answered_by_the_next_change(database: Database) {
    let service = Service::empty(&database).await;
    let begun = Instant::now();
    let waiting = tokio::spawn(service.get("/v1/changes?after=0&wait=25").send());
    tokio::task::yield_now().await;
    service.put("/v1/companies/a", &company("A")).await.is(201);
    let page = waiting.await.unwrap().is(200);
    assert_eq!(page.ids(), ["a"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // What is there already is not waited for, and waiting for nothing ends.
    assert_eq!(service.get("/v1/changes?after=0&wait=25").await.ids(), ["a"]);
    let begun = Instant::now();
    assert_eq!(service.get("/v1/changes?after=1&wait=1").await.is(200).ids(), [""; 0]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

async fn a_request_that_waits_is_not_woken_by_what_its_filter_leaves_out(database: Database) {
    let service = Service::empty(&database).await;
    let waiting = tokio::spawn(service.get("/v1/changes?after=0&wait=25&company=b").send());
    tokio::task::yield_now().await;
    service.put("/v1/companies/a", &company("A")).await.is(201);
    service.put("/v1/companies/b", &company("B")).await.is(201);
    let page = waiting.await.unwrap().is(200);
    assert_eq!(page.ids(), ["b"]);
    assert_eq!(number(page.json()["next"].as_str().unwrap()), 2);
}

async fn a_request_that_waits_is_refused_once_its_key_has_ended(database: Database) {
    let service = Service::empty(&database).await;
    let until = "2026-09-20T00:00:00Z";
    let revoked = service.key(Role::Reader, &[], Some(of(until))).await;
    let expiring = service.key(Role::Reader, &[], Some(of("2026-09-15T13:00:00Z"))).await;
    let waiting = [revoked, expiring, service.keys.reader.clone()].map(|key| {
        let poll = service.get("/v1/changes?after=0&wait=20").key(&key);
        tokio::spawn(poll.send())
    });
    tokio::task::yield_now().await;
    let keys = service.get("/v1/keys").key(&service.keys.admin).await.is(200).items();
    let key = keys.iter().find(|key| key["expires_at"] == until).unwrap();
    let id = key["id"].as_str().unwrap();
    service.delete(&format!("/v1/keys/{id}")).key(&service.keys.admin).await.is(204);
    service.clock.set(of("2026-09-15T13:00:01Z"));
    service.put("/v1/companies/a", &company("A")).await.is(201);
    let [revoked, expired, going_on] = waiting;
    revoked.await.unwrap().refused(401, "unauthenticated");
    expired.await.unwrap().refused(401, "unauthenticated");
    assert_eq!(going_on.await.unwrap().is(200).ids(), ["a"]);
}

async fn a_position_of_another_epoch_is_gone_and_one_of_the_future_refused(database: Database) {
    let service = Service::empty(&database).await;
    service.put("/v1/companies/a", &company("A")).await.is(201);
    let epoch = service.epoch().await;
    for gone in ["elsewhere.0", "elsewhere.1", "elsewhere.99"] {
        let answer = service.get(&format!("/v1/changes?after={gone}")).await.refused(410, "position_gone");
        assert_eq!(answer.field("link"), Some("</v1/changes>; rel=\"start\""));
    }
    for future in ["2".to_owned(), format!("{epoch}.2"), "999999999999999999".to_owned()] {
        let answer = service.get(&format!("/v1/changes?after={future}&wait=1")).await;
        answer.refused(400, "revision_in_future");
    }
    for present in ["1".to_owned(), format!("{epoch}.1")] {
        let page = service.get(&format!("/v1/changes?after={present}")).await.is(200).json();
        assert_eq!(page["next"], format!("{epoch}.1"));
    }
    for strange in ["x", "-1", "%2B1", "1.", ".", "1.5.x", "1.1.1", ".1", "A.1", "a-b.1"] {
        let answer = service.get(&format!("/v1/changes?after={strange}")).await;
        assert_eq!(answer.refused(400, "invalid_parameter").faults(), ["after malformed"], "{strange}");
    }
}

/// What is on record, by kind and id.
type State = BTreeMap<(String, String), Value>;

/// The lists of the document whose items are things that the feed speaks of, with the kind of the things.
fn collections() -> Vec<(String, String)> {
    let kinds = DOCUMENT["components"]["schemas"]["Change"]["properties"]["kind"]["enum"].as_array().unwrap();
    let collection = |operation: Operation| {
        let path = operation.path.strip_suffix("/{id}")?.to_owned();
        let kind = operation.id().strip_prefix("show")?.to_lowercase();
        kinds.contains(&json!(kind)).then_some((path, kind))
    };
    operations().into_iter().filter_map(collection).collect()
}

/// What the lists say is on record, and the revision at which they say so.
async fn listed(service: &Service) -> (State, i64) {
    let mut state = State::new();
    for (path, kind) in collections() {
        let page = service.get(&with(&path, "limit=1000")).await.is(200);
        assert_eq!(page.json()["next"], Value::Null, "{path}");
        for item in page.items() {
            let id = item["id"].as_str().unwrap().to_owned();
            if kind == "approval" {
                let steps = service.get(&format!("{path}/{id}/transitions?limit=1000")).await.is(200);
                for step in steps.items() {
                    state.insert(("transition".to_owned(), step["id"].as_str().unwrap().to_owned()), step);
                }
            }
            state.insert((kind.clone(), id), stored(item));
        }
    }
    (state, service.revision().await)
}

/// A thing without what is worked out for the day it is shown on, which no change speaks of.
fn stored(mut item: Value) -> Value {
    item.as_object_mut().unwrap().shift_remove("classification");
    item
}

/// Applies every change after a position, and gives back the last one.
async fn follow(service: &Service, state: &mut State, from: &str) -> String {
    let mut position = from.to_owned();
    loop {
        let page = service.get(&format!("/v1/changes?limit=50&after={position}")).await.is(200);
        if page.items().is_empty() {
            return position;
        }
        for change in page.items() {
            let text = |name: &str| change[name].as_str().unwrap().to_owned();
            let thing = (text("kind"), text("id"));
            assert_eq!(state.get(&thing).unwrap_or(&Value::Null), &change["before"], "before {thing:?}");
            match &change["after"] {
                Value::Null => drop(state.remove(&thing)),
                after => drop(state.insert(thing, after.clone())),
            }
        }
        page.json()["next"].as_str().unwrap().clone_into(&mut position);
    }
}

/// Changes of many kinds: of a stage, of a dispute, of names; something new, something retired.
async fn change_much(service: &Service) {
    let citations = json!([{"attribution": "own_record"}]);
    let day = json!({"date": "2026-09-01", "precision": "day"});
    let case = "/v1/approvals/alibaba-h200-sxm-cn-unspecified";
    let step = json!({"to": "conditional_terms_set", "effective_on": day, "citations": citations});
    let step = service.post(&format!("{case}/transitions"), &step).await.is(201).json();
    let report = json!({
        "about": {"company": "alibaba", "chip": "h200-sxm", "authority": "cn-unspecified"}, "on": day,
        "modality": "states", "stage": "orders_halted", "text": "Orders were stopped.", "status": "open", "citations": citations,
    });
    service.post("/v1/reports", &report).await.is(201);
    let any = |request: crate::service::Request| request.field("if-match", "*");
    any(service.patch("/v1/companies/tencent", &json!({"name": "Tencent"}))).await.is(200);
    any(service.delete("/v1/conditions/us-2026-existing-use")).await.is(204);
    let back = format!("{case}/transitions/{}", step["id"].as_str().unwrap());
    any(service.patch(&back, &json!({"retracted": true}))).await.is(200);
    service.put("/v1/sources/gazette", &json!({"publisher": "Gazette", "title": "Notice"})).await.is(201);
    service.post("/v1/sources/gazette/checks", &json!({})).await.is(200);
    // A date that passes is a change like any other.
    let until = json!({"valid_until": "2026-09-20"});
    any(service.patch("/v1/approvals/tencent-h200-sxm-cn-unspecified", &until)).await.is(200);
    service.clock.set(of("2026-10-05T00:00:00Z"));
    any(service.patch("/v1/chips/h20", &json!({"name": "H20 (China)"}))).await.is(200);
}

async fn the_register_can_be_rebuilt_from_the_feed(database: Database) {
    let service = Service::sample(&database).await;
    change_much(&service).await;
    let mut state = State::new();
    let position = follow(&service, &mut state, "0").await;
    let (listed, revision) = listed(&service).await;
    assert_eq!(number(&position), revision);
    assert_same(&state, &listed);
}

async fn following_from_a_list_misses_nothing_and_repeats_nothing(database: Database) {
    let service = Service::sample(&database).await;
    let (mut state, revision) = listed(&service).await;
    change_much(&service).await;
    follow(&service, &mut state, &revision.to_string()).await;
    assert_same(&state, &listed(&service).await.0);
}

fn assert_same(followed: &State, listed: &State) {
    assert!(listed.keys().eq(followed.keys()), "other things are on record than the feed says");
    for (thing, shown) in listed {
        assert_eq!(&followed[thing], shown, "{thing:?}");
    }
}

async fn filters_leave_out_changes_and_the_position_goes_past_them(database: Database) {
    let service = Service::sample(&database).await;
    let from = service.revision().await;
    change_much(&service).await;
    let newest = service.revision().await;
    let page = async |filter: &str| {
        let page = service.get(&format!("/v1/changes?after={from}&{filter}")).await.is(200);
        assert_eq!(number(page.json()["next"].as_str().unwrap()), newest, "{filter}");
        page.items()
    };
    let all = page("limit=1000").await;
    for kind in ["approval", "transition", "report", "condition", "company", "source", "chip"] {
        let expected: Vec<Value> = all.iter().filter(|change| change["kind"] == kind).cloned().collect();
        assert!(!expected.is_empty(), "{kind}");
        assert_eq!(page(&format!("kind={kind}")).await, expected, "{kind}");
    }
    let kinds = |changes: Vec<Value>| {
        let mut kinds: Vec<String> = changes.iter().map(|c| c["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    // What belongs to a case concerns its company, chip and authority.
    for filter in
        ["company=alibaba", "chip=h200-sxm&company=alibaba", "authority=cn-unspecified&company=alibaba"]
    {
        assert_eq!(kinds(page(filter).await), ["approval", "report", "transition"], "{filter}");
    }
    assert_eq!(kinds(page("chip=h20").await), ["chip"]);
    assert_eq!(page("company=nobody").await, Vec::<Value>::new());
}

async fn a_revision_is_never_split_over_two_pages(database: Database) {
    let service = Service::sample(&database).await;
    let whole = service.get("/v1/changes?limit=1").await.is(200);
    let items = whole.items();
    assert!(items.len() > 400, "{}", items.len());
    assert!(items.iter().all(|change| change["revision"] == 1));
    let ordinals: Vec<Option<usize>> =
        items.iter().map(|change| usize::try_from(change["ordinal"].as_u64()?).ok()).collect();
    assert_eq!(ordinals, (1..=items.len()).map(Some).collect::<Vec<_>>());
}
