//! Requests as the contract shows them: who tries them on the sample register has something to see.

use axum::http::Method;
use serde_json::Value;

use crate::document::{Operation, operations};
use crate::examples::{self, CASE, with};
use crate::service::{Answer, Service};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_request_shown_is_taken_by_the_sample_register,
    the_import_shown_leaves_what_is_there_as_it_is,
);

/// What a newcomer tries a request on.
const OBVIOUS: [(&str, &str); 8] = [
    ("companies", "alibaba"),
    ("chips", "h200-sxm"),
    ("authorities", "us-bis"),
    ("workflows", "cn-import"),
    ("sources", "ndtv-2026-01-23-h200-orders"),
    ("approvals", CASE),
    ("conditions", "alibaba-h200-domestic-share"),
    ("transitions", "alibaba-h200-sxm-cn-unspecified-conditional-terms-open"),
];

async fn path(service: &Service, operation: &Operation) -> String {
    let mut path = String::new();
    let mut collection = String::new();
    for part in operation.path.split('/').skip(1) {
        let obvious = OBVIOUS.iter().find(|(of, _)| *of == collection).map(|(_, id)| (*id).to_owned());
        let part = match part {
            id if !id.starts_with('{') => id.to_owned(),
            // What is put is something else beside what is there.
            _ if operation.method == Method::PUT => "example".to_owned(),
            _ => match obvious {
                Some(id) => id,
                None => service.get(&path).key(&service.keys.admin).await.is(200).ids()[0].clone(),
            },
        };
        path = format!("{path}/{part}");
        collection = part;
    }
    path
}

async fn shown(service: &Service, operation: &Operation, path: &str) -> Answer {
    let request = examples::filled(service, operation, &with(path, "dry_run=true"));
    // What is put is new, so there is no version to name.
    let request = if operation.method == Method::PUT { request.without("if-match") } else { request };
    request.key(&service.keys.admin).await
}

async fn every_request_shown_is_taken_by_the_sample_register(database: Database) {
    let service = Service::sample(&database).await;
    let mut tried = 0;
    for operation in operations().into_iter().filter(|operation| operation.body().is_some()) {
        let path = path(&service, &operation).await;
        let answer = shown(&service, &operation, &path).await;
        assert!(answer.status < 300, "{} at {path}: {}", operation.id(), answer.brief());
        if operation.method == Method::PATCH {
            let before = service.get(&path).await.is(200).json();
            assert_ne!(answer.json(), before, "{} at {path} changes nothing", operation.id());
        }
        tried += 1;
    }
    assert!(tried > 25, "only {tried} requests were tried");
}

async fn the_import_shown_leaves_what_is_there_as_it_is(database: Database) {
    let service = Service::sample(&database).await;
    let operation = operations().into_iter().find(|operation| operation.id() == "importLines").unwrap();
    let report = shown(&service, &operation, operation.path).await.is(200).json();
    assert_eq!((&report["created"], &report["updated"]), (&Value::from(1), &Value::from(0)), "{report}");
}
