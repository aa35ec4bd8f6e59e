//! Whatever is altered behind the program's back is found.

use std::fs;
use std::path::Path;

use greenlight::app::{Address, Register};
use greenlight::clock::Clock;
use greenlight::domain::condition::{Condition, Scope};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::client::Request;
use crate::kills::address;
use crate::service::{Service, done, failed, import, key, program};
use crate::support::Database;
use crate::support::things::{self, condition, noon, of, put};

/// What is done to the record of a register, and a part of what `verify` says to it.
const ALTERED: [(&str, &str); 17] = [
    (
        "UPDATE company SET document = replace(document, 'Alibaba', 'Albaba') WHERE id = 'alibaba'",
        "a version does not agree with its change",
    ),
    ("UPDATE company SET jurisdiction = 'US' WHERE id = 'alibaba'", "alibaba"),
    ("UPDATE change SET after = replace(after, 'Alibaba', 'Albaba') WHERE id = 'alibaba'", "revision 1"),
    ("UPDATE change SET id = 'newcomer-9' WHERE revision = 2", "revision 2"),
    ("DELETE FROM change WHERE revision = 2", "revision 2"),
    ("DELETE FROM revision WHERE number = 2", "revision"),
    ("UPDATE revision SET actor = 'nobody' WHERE number = 2", "revision 2"),
    ("UPDATE revision SET recorded_at = recorded_at - 1 WHERE number = 2", "revision 2"),
    ("UPDATE revision SET digest = zeroblob(32) WHERE number = 2", "revision 2"),
    (
        "UPDATE revision SET number = CASE number WHEN 2 THEN 103 ELSE 102 END WHERE number IN (2, 3); UPDATE revision SET number = number - 100 WHERE number > 100",
        "revision 2",
    ),
    ("DELETE FROM company WHERE id = 'newcomer-2'", "a change has no version: `newcomer-2`"),
    (
        "UPDATE company SET ordinal = ordinal + 1 WHERE id = 'newcomer-2'",
        "a version does not agree with its change: `newcomer-2`",
    ),
    (
        "UPDATE company SET until = 3 WHERE id = 'newcomer-1'",
        "a version does not end where the next change begins: `newcomer-1`",
    ),
    (
        "UPDATE company SET since = 3 WHERE id = 'newcomer-1'",
        "a version does not agree with its change: `newcomer-1` at revision 3",
    ),
    (
        "DROP TRIGGER company_followed; UPDATE company SET since = 3 WHERE id = 'newcomer-1'",
        "an id was not made when its first change was: `newcomer-1`",
    ),
    (
        "UPDATE change SET before = '{}', action = 'updated' WHERE id = 'newcomer-1'",
        "a change does not begin where the one before ends: `newcomer-1`",
    ),
    (
        "INSERT INTO change SELECT revision, ordinal + 1, kind, id, action, before, after FROM change WHERE id = 'newcomer-1'",
        "a change has no version: `newcomer-1`",
    ),
];

/// What is done to a head.
const HEADS: [(&str, &str); 6] = [
    (
        "UPDATE head SET (revision, digest, recorded_at) = (SELECT number, digest, recorded_at FROM revision WHERE number = 3)",
        "the head is at revision 3, but there are revisions up to",
    ),
    (
        "INSERT INTO revision SELECT number + 1, recorded_at, actor, reason, request_id, digest FROM revision ORDER BY number DESC LIMIT 1",
        "but there are revisions up to",
    ),
    ("UPDATE head SET recorded_at = recorded_at + 1", "the head was not recorded when"),
    ("UPDATE head SET recorded_at = recorded_at - 1", "the head was not recorded when"),
    ("UPDATE head SET due_at = due_at + 1", "the head does not say that something falls due at"),
    ("UPDATE head SET due_at = NULL", "the head does not say that something falls due at"),
];

/// A condition that comes into force some day.
fn dated() -> Condition {
    let scope = Scope { company: Some(of("alibaba")), ..Scope::default() };
    Condition { scope, in_force_from: Some(noon("2999-01-01")), ..condition("dated") }
}

fn verify(file: &Path) -> std::process::Command {
    program("sqlite:unused.db", &["verify", file.to_str().unwrap()])
}

#[tokio::test]
async fn whatever_is_altered_is_found() {
    let database = Database::sqlite().await;
    let Address::Sqlite(file) = database.address() else { panic!("no file") };
    import(&address(&database), &things::sample());
    let service = Service::start(&address(&database), &key(&address(&database)));
    for number in 1..4 {
        assert!(service.ask(&Request::company(&format!("newcomer-{number}"))).is_done());
    }
    drop(service);
    let register = Register::open(database.address(), Clock::system()).await.unwrap();
    put(&register, dated()).await.unwrap();
    register.store().close().await;
    done(&mut verify(&file));
    for (alteration, found) in ALTERED.into_iter().chain(HEADS) {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("altered.db");
        fs::copy(&file, &copy).unwrap();
        let options = SqliteConnectOptions::new().filename(&copy).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(alteration)).await.unwrap();
        connection.close().await.unwrap();
        let said = failed(&mut verify(&copy));
        assert!(said.contains(found), "{alteration}: {said}");
    }
}
