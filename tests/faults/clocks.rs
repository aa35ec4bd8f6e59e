//! A clock that is set back, ahead, and back again while the service runs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::client::Request;
use crate::kills::address;
use crate::service::{Service, done, key, program};
use crate::skipped;
use crate::support::{Database, on_each_engine};

on_each_engine!(order_does_not_depend_on_the_clock, an_expired_key_stays_so);

/// Where `faketime` keeps its library.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// The steps of the clock, as differences from the real one.
const STEPS: [&str; 5] = ["-10y", "+3y", "-2d", "+1d", "+0"];

/// A service whose clock is set by a file.
fn start(database: &str, key: &str, library: &str, file: &Path) -> Service {
    let mut command = program(database, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", file);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Service::of(command, key)
}

/// When each revision was recorded, in the order of the revisions.
fn recorded(service: &Service, newest: u64) -> Vec<String> {
    let at = |number: u64| service.get(&format!("/v1/revisions/{number}")).json()["recorded_at"].clone();
    (1..=newest).map(at).map(|at| at.as_str().unwrap().to_owned()).collect()
}

/// The library that sets the clock of a process; without it the test is skipped.
fn library() -> Option<&'static str> {
    let found = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
    if found.is_none() {
        skipped("faketime is not installed: no clock is set");
    }
    found
}

/// Whether times never go back.
fn is_in_order(times: &[String]) -> bool {
    times.windows(2).all(|pair| pair[0] <= pair[1])
}

async fn order_does_not_depend_on_the_clock(database: Database) {
    let Some(library) = library() else { return };
    let database = address(&database);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    fs::write(&file, "+0\n").unwrap();
    let service = start(&database, &key(&database), library, &file);
    let first = service.ask(&Request::company("first"));
    let mut newest = 1;
    for (number, step) in (0..).zip(STEPS) {
        fs::write(&file, format!("{step}\n")).unwrap();
        let date = service.get("/healthz").field("date").unwrap().to_owned();
        let answer = service.ask(&Request::company(&format!("company-{number}")));
        if step == "+3y" {
            // The key has expired by that clock, and works again once the clock is right.
            assert_eq!(answer.status, 401, "{date}: {answer:?}");
            continue;
        }
        assert_eq!(answer.status, 201, "{step} {date}: {answer:?}");
        newest += 1;
        assert_eq!(answer.field("revision"), Some(newest.to_string().as_str()));
        assert_eq!(service.get("/v1/companies/first").status, 200);
    }
    let times = recorded(&service, newest);
    assert!(is_in_order(&times), "{times:?}");
    assert!(!is_in_order(&["2026-01-02".to_owned(), "2016-01-02".to_owned()]));
    let feed = service.get("/v1/changes?after=0&limit=100").json();
    let numbers = feed["items"].as_array().unwrap().iter().map(|change| change["revision"].as_u64());
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=newest).map(Some).collect::<Vec<_>>());
    let again = service.ask(&Request::company("first"));
    assert_eq!(again.field("idempotency-replayed"), Some("true"), "{again:?}");
    assert_eq!(again.body, first.body);
    assert_ne!(first.json(), Value::Null);
    drop(service);
    done(&mut program(&database, &["verify"]));
}

/// Also where nothing was put on record since: the service knows how much time has passed since it was started.
async fn an_expired_key_stays_so(database: Database) {
    let Some(library) = library() else { return };
    let database = address(&database);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    let create = ["key", "create", "--name", "short", "--role", "reader", "--expires-in", "1d"];
    let short = done(&mut program(&database, &create)).trim().to_owned();
    let long = key(&database);
    fs::write(&file, "+2d\n").unwrap();
    let service = start(&database, &long, library, &file);
    for step in ["+2d", "-2d", "+0"] {
        fs::write(&file, format!("{step}\n")).unwrap();
        let status = |key: &str| Request::get("/v1/companies").send(&service.host, key).unwrap().status;
        assert_eq!((status(&long), status(&short)), (200, 401), "{step}");
    }
}
