//! API keys from the command line.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::program::{Ran, Service, import_sample, on, run};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_key_is_made_listed_and_revoked,
    only_the_secret_is_a_result,
    a_key_whose_secret_is_lost_is_revoked,
    a_key_that_cannot_be_is_refused,
    a_key_opens_the_service_until_it_is_revoked,
);

fn create(database: &Database, options: &[&str]) -> Ran {
    run(&mut on(database, &[&["key", "create", "--name", "loader"], options].concat()))
}

fn list(database: &Database) -> Vec<Vec<String>> {
    let ran = run(&mut on(database, &["key", "list"])).ended(0);
    assert_eq!(ran.err, "");
    ran.out.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The id of a key, which its secret holds.
fn id(secret: &str) -> String {
    secret.trim().strip_prefix("gl_").unwrap().split('_').next().unwrap().to_owned()
}

async fn a_key_is_made_listed_and_revoked(database: Database) {
    import_sample(&database);
    let options = ["--role", "editor", "--owner", "desk", "--authorities", "cn-ndrc,us-bis"];
    let secret = create(&database, &options).ended(0).out;
    let [columns, key] = list(&database).try_into().unwrap();
    let expected = ["id", "name", "owner", "role", "authorities", "created_at", "expires_at"];
    assert_eq!(columns[..7], expected);
    let named = [id(&secret).as_str(), "loader", "desk", "editor", "cn-ndrc,us-bis"].map(str::to_owned);
    assert_eq!(key[..5], named);
    assert_eq!(key[7], "");
    let ran = run(&mut on(&database, &["key", "revoke", &key[0]])).ended(0);
    assert_eq!((ran.out.as_str(), ran.err), ("", format!("revoked {}\n", key[0])));
    let revoked_at = list(&database)[1][7].clone();
    assert!(revoked_at.ends_with('Z'));
    run(&mut on(&database, &["key", "revoke", &key[0]])).ended(0);
    assert_eq!(list(&database)[1][7], revoked_at);
    run(&mut on(&database, &["key", "revoke", "key-nobody-has"])).ended(1);
}

async fn only_the_secret_is_a_result(database: Database) {
    let ran = create(&database, &["--role", "reader", "--expires-in", "36h"]).ended(0);
    assert_eq!(ran.out.lines().count(), 1);
    let secret = ran.out.trim();
    assert!(secret.starts_with("gl_key-") && secret.len() > 60, "{secret}");
    assert!(!ran.err.contains(secret), "{}", ran.err);
    assert!(!format!("{:?}", list(&database)).contains(secret));
}

async fn a_key_whose_secret_is_lost_is_revoked(database: Database) {
    let mut create = on(&database, &["key", "create", "--name", "loader", "--role", "admin"]);
    create.stdout(File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(create.output().unwrap().status.code(), Some(1));
    let [_, key] = list(&database).try_into().unwrap();
    assert!(key[7].ends_with('Z'), "{key:?}");
}

async fn a_key_that_cannot_be_is_refused(database: Database) {
    let ran = create(&database, &["--role", "editor", "--authorities", "nobody"]).ended(1);
    assert!(ran.err.contains("authority `nobody` is not on record"), "{ran:?}");
    let ran = create(&database, &["--role", "admin", "--authorities", "nobody"]).ended(2);
    assert!(ran.err.starts_with("error: --authorities: "), "{ran:?}");
    assert_eq!(list(&database).len(), 1);
}

async fn a_key_opens_the_service_until_it_is_revoked(database: Database) {
    import_sample(&database);
    let service = Service::start(&database, &[]);
    let secret = create(&database, &["--role", "reader"]).ended(0).out;
    let status = || {
        let answer = service.get("/v1/companies/alibaba", Some(secret.trim()));
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(), "200");
    run(&mut on(&database, &["key", "revoke", &id(&secret)])).ended(0);
    // Another process has revoked it: the service learns of that within a second.
    let revoked = Instant::now();
    while status() != "401" {
        assert!(revoked.elapsed() < Duration::from_secs(1), "the key still works");
    }
}
