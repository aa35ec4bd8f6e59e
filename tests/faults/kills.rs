//! Killed under load, again and again: nothing acknowledged is lost, nothing is done twice.

use greenlight::app::Address;

use crate::client::{Answer, Request};
use crate::form;
use crate::ledger::{self, Entry, Load};
use crate::service::{Service, done, key, program};
use crate::support::{Database, on_each_engine};

on_each_engine!(nothing_acknowledged_is_lost_by_a_kill, a_write_that_was_never_made_is_missed);

/// The address of a database as the program takes it.
pub(crate) fn address(database: &Database) -> String {
    match database.address() {
        Address::Sqlite(file) => format!("sqlite:{}", file.display()),
        Address::Postgres(url) => url,
    }
}

async fn nothing_acknowledged_is_lost_by_a_kill(database: Database) {
    let database = address(&database);
    ledger::prepare(&database);
    let key = key(&database);
    let mut ledger: Vec<Entry> = Vec::new();
    for round in 0..form(10, 100) {
        let service = Service::start(&database, &key);
        let load = Load::start(&service, round);
        // Each round is killed at another moment.
        load.goes_on(10 + usize::try_from(round % 7).unwrap() * 5);
        drop(service);
        let fresh = load.stop();
        let from = ledger.len();
        ledger.extend(fresh);
        ledger::check(&database, &ledger);
        let service = Service::start(&database, &key);
        ledger::settle(&service, &mut ledger[from..]);
    }
    assert!(ledger.iter().all(Entry::is_acknowledged));
    ledger::check(&database, &ledger);
}

async fn a_write_that_was_never_made_is_missed(database: Database) {
    let database = address(&database);
    let key = key(&database);
    let service = Service::start(&database, &key);
    let request = Request::company("mark-real");
    let made = Entry { answer: Some(service.ask(&request)), request };
    let request = Request::company("mark-made-up");
    let made_up = Entry { answer: made.answer.clone(), request };
    let lines = done(&mut program(&database, &["export"]));
    let unknown = Entry { answer: None::<Answer>, ..made_up.clone() };
    assert_eq!(ledger::untrue(&[made.clone(), unknown], &lines), Vec::<String>::new());
    assert_eq!(ledger::untrue(&[made.clone(), made_up], &lines), ["lost: \"mark-made-up\""]);
    assert_eq!(ledger::untrue(&[made], &lines.repeat(2)), ["2 times: \"mark-real\""]);
}
