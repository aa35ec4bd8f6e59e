//! Classification: what a chip's figures make of it on the day it is shown for.

use serde_json::{Value, json};

use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_chip_is_shown_as_the_rule_of_the_day_has_it,
    published_classifications_are_those_of_the_figures,
    a_tag_changes_with_the_rule_and_with_nothing_else,
);

async fn shown(service: &Service, chip: &str, day: &str) -> Value {
    service.get(&format!("/v1/chips/{chip}?valid_at={day}")).await.is(200).json()["classification"].clone()
}

async fn a_chip_is_shown_as_the_rule_of_the_day_has_it(database: Database) {
    let service = Service::sample(&database).await;
    for (chip, day, control, review, vintage) in [
        ("h200-sxm", "2023-11-16", "unknown", "unknown", Value::Null),
        ("h200-sxm", "2023-11-17", "3A090.a", "presumption_of_denial", json!("2023-11")),
        ("h200-sxm", "2024-12-01", "3A090.a", "presumption_of_denial", json!("2023-11")),
        ("h200-sxm", "2024-12-02", "3A090.a", "presumption_of_denial", json!("2024-12")),
        ("h200-sxm", "2026-01-14", "3A090.a", "presumption_of_denial", json!("2024-12")),
        // Since when it is on sale is not on record, and the review turns on it.
        ("h200-sxm", "2026-01-15", "3A090.a", "unknown", json!("2026-01")),
        ("b200", "2026-01-15", "3A090.a", "presumption_of_denial", json!("2026-01")),
        ("h20", "2026-01-15", "none", "not_applicable", json!("2026-01")),
        ("mtt-s5000", "2026-01-15", "unknown", "unknown", json!("2026-01")),
    ] {
        let told = shown(&service, chip, day).await;
        let found = (&told["control"], &told["review"], &told["rule"]["vintage"]);
        assert_eq!(found, (&json!(control), &json!(review), &vintage), "{chip} on {day}: {told}");
        let list = service.get(&format!("/v1/chips?id={chip}&valid_at={day}")).await.is(200).items();
        assert_eq!(list[0]["classification"], told, "{chip} on {day}");
        let earlier = service.get(&format!("/v1/chips/{chip}?valid_at={day}&revision=1")).await.is(200);
        assert_eq!(earlier.json()["classification"], told, "{chip} on {day}");
    }
    let without = service.get("/v1/chips/h200-sxm").await.is(200).json();
    assert_eq!(without["classification"], shown(&service, "h200-sxm", "2026-09-15").await);
    assert_eq!(without["classification"]["inputs"], without["specification"]);
    let on_sale = json!({"specification": {"commercially_available_us_on": "2024-11-18"}});
    service.patch("/v1/chips/h200-sxm", &on_sale).field("if-match", "*").await.is(200);
    for (day, review) in [("2026-01-14", "presumption_of_denial"), ("2026-01-15", "case_by_case")] {
        assert_eq!(shown(&service, "h200-sxm", day).await["review"], review, "{day}");
    }
}

async fn published_classifications_are_those_of_the_figures(database: Database) {
    let service = Service::sample(&database).await;
    let mut decided = 0;
    for chip in service.get("/v1/chips?limit=1000&valid_at=2026-09-15").await.is(200).items() {
        let control = &chip["classification"]["control"];
        let Some(published) = chip["eccn_published"].as_str() else { continue };
        let published = if published.starts_with("3A090.") { published } else { "none" };
        if control != "unknown" {
            assert_eq!(control, published, "{}", chip["id"]);
            decided += 1;
        }
    }
    assert!(decided >= 8, "only {decided} classifications are published");
}

async fn a_tag_changes_with_the_rule_and_with_nothing_else(database: Database) {
    let service = Service::sample(&database).await;
    let etag = async |path: &str| service.get(path).await.is(200).etag();
    let on = |day: &str| format!("/v1/chips/h200-sxm?valid_at={day}");
    let vintages = ["2023-11-16", "2023-11-17", "2024-12-02", "2026-01-15"];
    let mut tags = Vec::new();
    for day in vintages {
        tags.push(etag(&on(day)).await);
    }
    for (index, tag) in tags.iter().enumerate() {
        assert!(!tags[..index].contains(tag), "{tags:?}");
    }
    for (day, same) in [("2024-12-01", 1), ("2026-01-14", 2), ("2026-09-15", 3)] {
        assert_eq!(etag(&on(day)).await, tags[same], "{day}");
        service.get(&on(day)).field("if-none-match", &tags[same]).await.is(304);
    }
    // Lists and what is there without a day have it, too.
    assert_ne!(etag("/v1/chips?valid_at=2024-12-01").await, etag("/v1/chips?valid_at=2024-12-02").await);
    assert_eq!(etag("/v1/chips/h200-sxm").await, tags[3]);
    // It is a tag to change the chip with, whatever day it was read for.
    let named = service.patch("/v1/chips/h200-sxm", &json!({"aliases": ["H200", "H200 module"]}));
    let changed = named.field("if-match", &tags[1]).await.is(200);
    assert_eq!(changed.etag(), etag("/v1/chips/h200-sxm").await);
}
