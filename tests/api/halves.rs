//! Batches: whatever is read while they are written, nobody sees half of one.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::service::{NDJSON, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(nobody_sees_half_a_batch, half_a_batch_would_be_seen);

/// How many things a batch changes, how many batches there are, and how many read meanwhile.
const THINGS: usize = 20;
const BATCHES: usize = 30;
const READERS: usize = 4;

/// Names every company after the batch.
async fn batch(service: &Service, number: usize) {
    let line = |index| {
        let company = json!({
            "kind": "company", "id": format!("c-{index}"), "name": format!("Batch {number}"), "jurisdiction": "CN",
        });
        format!("{company}\n")
    };
    let lines: String = (0..THINGS).map(line).collect();
    service.request(Method::POST, "/v1/imports").body(NDJSON, lines).await.is(200);
}

/// The names that a list shows at once: one, of a batch that is there as a whole.
async fn names(service: &Service) -> BTreeSet<String> {
    let items = service.get("/v1/companies?limit=100").await.is(200).items();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// How many changes each revision of the feed has.
async fn changes(service: &Service) -> BTreeMap<i64, usize> {
    let mut changes = BTreeMap::new();
    let items = service.get("/v1/changes?after=0&limit=1000").await.is(200).items();
    items.iter().map(|item: &Value| item["revision"].as_i64().unwrap()).for_each(|revision| {
        *changes.entry(revision).or_default() += 1;
    });
    changes
}

async fn nobody_sees_half_a_batch(database: Database) {
    let service = Service::empty(&database).await;
    batch(&service, 0).await;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let service = service.clone();
        readers.spawn(async move {
            let mut seen = BTreeSet::new();
            let last = format!("Batch {}", BATCHES - 1);
            while !seen.contains(&last) {
                let names = names(&service).await;
                assert_eq!(names.len(), 1, "{names:?}");
                seen.extend(names);
                assert!(changes(&service).await.values().all(|changes| *changes == THINGS));
            }
            seen.len()
        });
    }
    for number in 1..BATCHES {
        batch(&service, number).await;
    }
    let seen = readers.join_all().await;
    assert!(seen.iter().any(|batches| *batches > 2), "nobody read while they were written: {seen:?}");
}

/// The checks above see a batch that comes in two.
async fn half_a_batch_would_be_seen(database: Database) {
    let service = Service::empty(&database).await;
    batch(&service, 0).await;
    let half = json!({"name": "Batch 1", "jurisdiction": "CN"});
    service.put("/v1/companies/c-0", &half).field("if-match", "*").await.is(200);
    assert_eq!(names(&service).await.len(), 2);
    assert!(changes(&service).await.values().any(|changes| *changes != THINGS));
}
