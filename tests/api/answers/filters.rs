//! Filters and pages of the board, against a look at all of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ACTIVITIES, AsOf, codes, occasions, register, rows, words};
use crate::document::operation;
use crate::service::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_filter_leaves_the_cells_that_fit_it_and_no_other,
    reasons_are_those_of_the_activity_meant,
    the_board_is_the_same_in_pages_of_any_size,
    a_page_keeps_its_revision_and_its_moment,
);

/// The parameters of the board that narrow nothing, or only say what others mean.
const NO_FILTERS: [&str; 8] =
    ["activity", "sort", "limit", "cursor", "count", "revision", "known_at", "valid_at"];

/// Whether a company or a cell is what a filter asks for, for any of these values.
fn fits(row: &Value, seat: &Value, cell: &Value, filter: &str, wanted: &[String]) -> bool {
    let one = |value: &Value| value.as_str().is_some_and(|text| wanted.iter().any(|known| known == text));
    let at = |name: &str| {
        let with_case = |gate: &&Value| gate["approval"].is_string();
        cell["gates"].as_array().unwrap().iter().filter(with_case).any(|gate| one(&gate[name]))
    };
    match filter {
        "company" => one(&row["company"]),
        "jurisdiction" => one(seat),
        "chip" => one(&cell["chip"]),
        "verdict" => one(&cell["verdicts"]["order"]),
        "reason" => cell["reasons"].as_array().unwrap().iter().any(one),
        "authority" | "stage" | "phase" => at(filter),
        _ => panic!("where does a cell have its `{filter}`?"),
    }
}

/// The rows that a filter should leave. What a cell answers can leave a company without any; other filters
/// leave its row, if it fits, however few cells there are in it.
fn narrowed(all: &[Value], seats: &[(Value, Value)], filter: &str, wanted: &[String]) -> Vec<Value> {
    let mut left = Vec::new();
    for row in all {
        let seat = &seats.iter().find(|(company, _)| *company == row["company"]).unwrap().1;
        let cells = row["cells"].as_array().unwrap().iter();
        let cells: Vec<&Value> = cells.filter(|cell| fits(row, seat, cell, filter, wanted)).collect();
        if !cells.is_empty() || filter == "chip" {
            left.push(json!({"company": row["company"], "cells": cells}));
        }
    }
    left
}

async fn seats(service: &Service, as_of: AsOf) -> Vec<(Value, Value)> {
    let path = format!("/v1/companies?limit=1000&revision={}", as_of.revision);
    let companies = service.get(&path).await.is(200).items();
    companies.iter().map(|company| (company["id"].clone(), company["jurisdiction"].clone())).collect()
}

/// Every value a filter finds on the board.
fn known(all: &[Value], seats: &[(Value, Value)], filter: &str) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut add = |value: &Value| known.extend(value.as_str().map(str::to_owned));
    for row in all {
        match filter {
            "company" => add(&row["company"]),
            "jurisdiction" => seats.iter().for_each(|(_, seat)| add(seat)),
            _ => {}
        }
        for cell in row["cells"].as_array().unwrap() {
            match filter {
                "chip" => add(&cell["chip"]),
                "authority" | "stage" | "phase" => {
                    cell["gates"].as_array().unwrap().iter().for_each(|gate| add(&gate[filter]));
                }
                _ => {}
            }
        }
    }
    known.into_iter().collect()
}

async fn every_filter_leaves_the_cells_that_fit_it_and_no_other(database: Database) {
    let service = Service::sample(&database).await;
    let revisions = register(&service).await;
    let mut tried = 0;
    for as_of in occasions(revisions) {
        let all = rows(&service, &as_of.params()).await;
        let seats = seats(&service, as_of).await;
        let names = operation("showBoard").params().into_iter().map(|param| param["name"].as_str().unwrap());
        for filter in names.filter(|name| !NO_FILTERS.contains(name)) {
            let known = match filter {
                "verdict" | "reason" => words(filter),
                _ => known(&all, &seats, filter),
            };
            let several: Vec<String> = known.iter().step_by(3).take(4).cloned().collect();
            let single = known.iter().take(6).map(|one| vec![one.clone()]);
            for wanted in single.chain([several]) {
                let given = format!("{}&{filter}={}", as_of.params(), wanted.join(","));
                let expected = narrowed(&all, &seats, filter, &wanted);
                assert_eq!(rows(&service, &given).await, expected, "{given}");
                tried += 1;
            }
        }
        let both = format!("{}&verdict=no&chip=h200-sxm,h20&jurisdiction=CN", as_of.params());
        let expected = narrowed(&all, &seats, "verdict", &["no".to_owned()]);
        let expected = narrowed(&expected, &seats, "chip", &["h200-sxm".to_owned(), "h20".to_owned()]);
        let mut expected = narrowed(&expected, &seats, "jurisdiction", &["CN".to_owned()]);
        expected.retain(|row| row["cells"] != json!([]));
        assert_eq!(rows(&service, &both).await, expected, "{both}");
    }
    assert!(tried > 150, "only {tried} filters were tried");
}

async fn reasons_are_those_of_the_activity_meant(database: Database) {
    let service = Service::sample(&database).await;
    let as_of = occasions(register(&service).await).remove(5);
    let path = |chip: &Value| format!("/v1/board/bytedance/{}?{}", chip.as_str().unwrap(), as_of.params());
    let all = rows(&service, &format!("{}&company=bytedance", as_of.params())).await;
    let mut answers = Vec::new();
    for cell in all[0]["cells"].as_array().unwrap() {
        answers.push((cell, service.get(&path(&cell["chip"])).await.is(200).json()["answers"].clone()));
    }
    let mut found = 0;
    for activity in ACTIVITIES {
        let meant = |param: &str| format!("{}&company=bytedance&activity={activity}&{param}", as_of.params());
        for verdict in words("verdict") {
            let expected: Vec<&Value> = answers
                .iter()
                .filter(|(_, told)| told[activity]["verdict"] == *verdict)
                .map(|(cell, _)| *cell)
                .collect();
            let left = rows(&service, &meant(&format!("verdict={verdict}"))).await;
            assert_eq!(cells(&left), expected, "{activity} {verdict}");
        }
        for reason in words("reason") {
            let expected: Vec<&Value> = answers
                .iter()
                .filter(|(_, told)| codes(&told[activity]).contains(&json!(reason)))
                .map(|(cell, _)| *cell)
                .collect();
            let left = rows(&service, &meant(&format!("reason={reason}"))).await;
            assert_eq!(cells(&left), expected, "{activity} {reason}");
            found += expected.len();
        }
    }
    assert!(found > 100, "only {found} cells");
}

fn cells(rows: &[Value]) -> Vec<&Value> {
    rows.iter().flat_map(|row| row["cells"].as_array().unwrap()).collect()
}

/// The rows of the board, page by page; no page but the last has fewer than asked for, or none.
async fn paged(service: &Service, params: &str, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/board?limit={limit}&{params}{cursor}");
        let page = service.get(&path).await.is(200).json();
        let rows = page["rows"].as_array().unwrap();
        found.extend(rows.iter().cloned());
        let Some(next) = page["next"].as_str() else {
            assert!(rows.len() <= limit && (!rows.is_empty() || cursor.is_empty()), "{path}");
            return found;
        };
        assert_eq!(rows.len(), limit, "{path}");
        cursor = format!("&cursor={next}");
    }
}

async fn the_board_is_the_same_in_pages_of_any_size(database: Database) {
    let service = Service::sample(&database).await;
    let newest = occasions(register(&service).await).remove(4).params();
    for narrowing in [
        "",
        "&sort=-company",
        "&verdict=no",
        "&reason=no_record&chip=h20,h200-sxm&sort=-company",
        "&stage=fulfilled",
        "&phase=granted",
        "&verdict=yes&company=tencent",
    ] {
        let params = format!("{newest}{narrowing}");
        let all = rows(&service, &params).await;
        let counted = service.get(&format!("/v1/board?{params}&count=true&limit=1")).await.is(200).json();
        assert_eq!(counted["total"], all.len(), "{params}");
        for limit in [1, 2, 3, all.len().max(1)] {
            assert_eq!(paged(&service, &params, limit).await, all, "{params} by {limit}");
        }
    }
    let up = rows(&service, &newest).await;
    let mut down = rows(&service, &format!("{newest}&sort=-company")).await;
    down.reverse();
    assert_eq!(up, down);
}

async fn a_page_keeps_its_revision_and_its_moment(database: Database) {
    let service = Service::sample(&database).await;
    let all = rows(&service, "chip=h200-sxm").await;
    let first = service.get("/v1/board?chip=h200-sxm&limit=2").await.is(200).json();
    let prohibition = json!({"scope": {"chip": "h200-sxm"}, "kind": "prohibition", "activities": ["order"], "force": "required",
        "status": "in_force", "citations": [{"attribution": "own_record"}]});
    service.put("/v1/conditions/none-at-all", &prohibition).await.is(201);
    service.clock.set(crate::support::things::of("2026-10-01T00:00:00Z"));
    let cursor = first["next"].as_str().unwrap();
    let rest =
        service.get(&format!("/v1/board?chip=h200-sxm&limit=1000&cursor={cursor}")).await.is(200).json();
    assert_eq!((&rest["revision"], &rest["valid_at"]), (&first["revision"], &first["valid_at"]));
    let together = [first["rows"].as_array().unwrap().clone(), rest["rows"].as_array().unwrap().clone()];
    assert_eq!(together.concat(), all);
    assert_ne!(rows(&service, "chip=h200-sxm").await, all);
    for other in ["chip=h20", "", "chip=h200-sxm&verdict=no"] {
        service.get(&format!("/v1/board?{other}&cursor={cursor}")).await.refused(400, "invalid_cursor");
    }
}
