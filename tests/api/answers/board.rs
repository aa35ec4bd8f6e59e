//! The board: each cell is the answer to the question it stands for.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{ACTIVITIES, AsOf, CHIP, COMPANY, TOLD, asked, but, codes, occasions, question, register, rows};
use crate::service::{Answer, NOW, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_cell_says_what_the_determination_says,
    a_cell_in_full_says_the_same_and_shows_what_it_rests_on,
    without_a_time_it_is_about_now,
    what_is_not_on_record_has_no_cell,
);

async fn every_cell_says_what_the_determination_says(database: Database) {
    let service = Service::sample(&database).await;
    let mut compared = 0;
    for as_of in occasions(register(&service).await) {
        // Asked at once, the questions share what a commit costs.
        let mut asking = JoinSet::new();
        for row in rows(&service, &as_of.params()).await {
            compared += row["cells"].as_array().unwrap().len();
            asking.spawn(assert_same(service.clone(), row, as_of));
        }
        asking.join_all().await;
    }
    assert!(compared > 2000, "only {compared} cells");
}

/// Asserts that the cells of a row say for each activity what the determination says.
async fn assert_same(service: Service, row: Value, as_of: AsOf) {
    for (cell, activity) in
        row["cells"].as_array().unwrap().iter().flat_map(|cell| ACTIVITIES.map(|activity| (cell, activity)))
    {
        let question = json!({"company": row["company"], "chip": cell["chip"], "activity": activity,
            "valid_at": as_of.valid_at, "revision": as_of.revision});
        let told = asked(&service, &question).await;
        assert_eq!(cell["verdicts"][activity], told["verdict"], "{question}");
        if activity == "order" {
            assert_eq!(cell["gates"], told["gates"], "{question}");
            assert_eq!(cell["figures"], told["figures"], "{question}");
            assert_eq!(cell["reasons"], Value::Array(codes(&told)), "{question}");
        }
    }
}

/// The items of a list on an occasion, by what they are called there.
async fn listed(service: &Service, path: &str, as_of: AsOf) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}limit=1000&{}", as_of.params());
    service.get(&path).await.is(200).items()
}

async fn a_cell_in_full_says_the_same_and_shows_what_it_rests_on(database: Database) {
    let service = Service::sample(&database).await;
    let mut shown = 0;
    for as_of in occasions(register(&service).await) {
        let board = rows(&service, &as_of.params()).await;
        for (company, cell) in board.iter().flat_map(cells).filter(|(_, cell)| bears_on_something(cell)) {
            let path = format!(
                "/v1/board/{}/{}?{}",
                company.as_str().unwrap(),
                cell["chip"].as_str().unwrap(),
                as_of.params()
            );
            let whole = service.get(&path).await.is(200).json();
            for name in ["chip", "verdicts", "gates", "reasons", "figures"] {
                assert_eq!(whole[name], cell[name], "{path} {name}");
            }
            assert_answers_are_determinations(&service, &whole, as_of).await;
            assert_shows_its_grounds(&service, &whole, as_of).await;
            shown += 1;
        }
    }
    assert!(shown > 60, "only {shown} cells");
}

/// The cells of a row, each with the company.
fn cells(row: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    row["cells"].as_array().unwrap().iter().map(|cell| (&row["company"], cell))
}

/// Whether there is a case, a movement or a limit behind a cell.
fn bears_on_something(cell: &Value) -> bool {
    let has_case = cell["gates"].as_array().unwrap().iter().any(|gate| gate["approval"].is_string());
    let figures = &cell["figures"];
    has_case || figures["authorised"].is_i64() || figures["used"] != 0 || figures["reserved"] != 0
}

async fn assert_answers_are_determinations(service: &Service, whole: &Value, as_of: AsOf) {
    for activity in ACTIVITIES {
        let question = json!({"company": whole["company"], "chip": whole["chip"], "activity": activity,
            "valid_at": as_of.valid_at, "revision": as_of.revision});
        let told = asked(service, &question).await;
        for name in TOLD {
            assert_eq!(whole["answers"][activity][name], told[name], "{question} {name}");
        }
    }
}

async fn assert_shows_its_grounds(service: &Service, whole: &Value, as_of: AsOf) {
    let (company, chip) = (whole["company"].as_str().unwrap(), whole["chip"].as_str().unwrap());
    let pair = format!("company={company}&chip={chip}");
    let cases = listed(service, &format!("/v1/approvals?{pair}"), as_of).await;
    assert_eq!(whole["approvals"], Value::Array(cases.clone()), "{pair}");
    let mut steps = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        steps.extend(listed(service, &format!("/v1/approvals/{id}/transitions"), as_of).await);
    }
    let day = |step: &Value| step["effective_on"]["date"].as_str().unwrap().to_owned();
    let timeline = whole["timeline"].as_array().unwrap();
    assert!(timeline.is_sorted_by_key(day), "{pair}");
    let ids = |items: &[Value]| {
        let mut ids: Vec<String> = items.iter().map(|item| item["id"].to_string()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(timeline), ids(&steps), "{pair}");
    let reports = listed(service, &format!("/v1/reports?{pair}"), as_of).await;
    assert_eq!(ids(whole["reports"].as_array().unwrap()), ids(&reports), "{pair}");
    // Every condition that was weighed is there to be read, and no other.
    let mut weighed: Vec<String> = ACTIVITIES
        .iter()
        .flat_map(|activity| whole["answers"][activity]["conditions"].as_array().unwrap())
        .map(|evaluation| evaluation["condition"].to_string())
        .collect();
    weighed.sort();
    weighed.dedup();
    assert_eq!(ids(whole["conditions"].as_array().unwrap()), weighed, "{pair}");
}

async fn without_a_time_it_is_about_now(database: Database) {
    let service = Service::sample(&database).await;
    let now = service.get("/v1/board").await.is(200).json();
    assert_eq!(now["valid_at"], NOW);
    let dated = format!("/v1/board?valid_at={}", NOW.replace(':', "%3A"));
    assert_eq!(service.get(&dated).await.is(200).json()["rows"], now["rows"]);
    let told = asked(&service, &question()).await;
    assert_eq!((&told["valid_at"], &told["activity"]), (&json!(NOW), &json!("order")));
    let dated = but(question(), &json!({"valid_at": NOW}));
    let dated = asked(&service, &dated).await;
    for name in TOLD {
        assert_eq!(told[name], dated[name], "{name}");
    }
}

async fn what_is_not_on_record_has_no_cell(database: Database) {
    let service = Service::sample(&database).await;
    let before = service.revision().await;
    service.put("/v1/companies/passing", &json!({"name": "Passing", "jurisdiction": "CN"})).await.is(201);
    // A company without a case or a movement, and no buyer, has no row; its cells can be asked for all the same.
    assert!(rows(&service, "company=passing").await.is_empty());
    service.get(&format!("/v1/board/passing/{CHIP}")).await.is(200);
    service.delete("/v1/companies/passing").field("if-match", "*").await.is(204);
    let cell = async |path: &str| -> Answer { service.get(&format!("/v1/board/{path}")).await };
    cell(&format!("passing/{CHIP}")).await.refused(410, "retired");
    cell(&format!("passing/{CHIP}?revision={before}")).await.refused(404, "not_found");
    cell(&format!("{COMPANY}/nothing")).await.refused(404, "not_found");
    cell(&format!("{COMPANY}/{CHIP}?revision=0")).await.refused(404, "not_found");
    assert!(rows(&service, "revision=0").await.is_empty());
}
