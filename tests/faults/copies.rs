//! A copy made while the service is written to.

use crate::client::Request;
use crate::kills::address;
use crate::ledger::{self, Load, untrue};
use crate::service::{Service, done, key, program};
use crate::support::Database;

#[tokio::test]
async fn a_copy_is_a_register_of_its_own() {
    let database = Database::sqlite().await;
    let database = address(&database);
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    let load = Load::start(&service, 0);
    load.goes_on(20);
    let before = load.stop();
    let load = Load::start(&service, 1);
    load.goes_on(5);
    let request = Request::company("repeated");
    let first = service.ask(&request);
    let told = done(&mut program(&database, &["backup", file.to_str().unwrap()]));
    assert!(told.contains(" 0 faults"), "{told}");
    load.goes_on(5);
    let after = load.stop();
    let position = service.get("/v1/changes?after=0&limit=1").json()["next"].as_str().unwrap().to_owned();
    let lines = done(&mut program(&database, &["export"]));
    assert_eq!(untrue(&[before.clone(), after.clone()].concat(), &lines), Vec::<String>::new());

    // What was acknowledged before the copy was begun is in it; what came later need not be, and some is not.
    let copy = format!("sqlite:{}", file.display());
    ledger::check(&copy, &before);
    let lines = done(&mut program(&copy, &["export"]));
    assert_ne!(untrue(&after, &lines), Vec::<String>::new());
    let restored = Service::start(&copy, &service.key);
    let feed = format!("/v1/changes?after={position}");
    assert_eq!(service.get(&feed).status, 200);
    // Whoever repeats there what the copy knows to be carried out is told so.
    let again = restored.ask(&request);
    assert_eq!((again.field("idempotency-replayed"), &again.body), (Some("true"), &first.body), "{again:?}");
    let answer = restored.get(&feed);
    assert_eq!((answer.status, &answer.json()["code"]), (410, &"position_gone".into()));
}
