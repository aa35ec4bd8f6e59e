//! Whatever is altered behind the program's back is found.

use std::fs;
use std::path::Path;

use greenlight::app::{Address, Register};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::company::Company;
use greenlight::domain::condition::{Condition, Scope};
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::Phase;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::client::Request;
use crate::kills::address;
use crate::service::{Service, done, failed, import, key, program};
use crate::support::Database;
use crate::support::things::{
    self, approval, authority, chip, company, condition, noon, of, post, put, retire, transition, workflow,
};

/// What is done to the record of a register, and a part of what `verify` says to it.
const ALTERED: [(&str, &str); 20] = [
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
    ("DROP INDEX company_name_idx", "the schema lacks the index company_name_idx"),
    (
        "DROP INDEX company_current_key; CREATE UNIQUE INDEX company_current_key ON company (id, since)",
        "the index company_current_key of the schema is not as it was made",
    ),
    (
        "CREATE TRIGGER forge AFTER INSERT ON company BEGIN UPDATE company SET jurisdiction = 'US'; END",
        "the schema has a trigger forge that is none of ours",
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

/// What is done to rows that follow from what is on record.
const SIDES: [(&str, &str); 25] = [
    (
        "INSERT INTO label VALUES ('company', 'alibaba', 'Forged', 'forged', 1, NULL)",
        "label: a row follows from nothing on record: `company alibaba Forged forged` at revision 1",
    ),
    (
        "INSERT INTO label VALUES ('company', 'nobody', 'Forged', 'forged', 1, 2)",
        "label: a row follows from nothing on record: `company nobody Forged forged` at revision 1 until 2",
    ),
    ("DELETE FROM label WHERE id = 'named'", "label: a row is missing: `company named Before before`"),
    ("DELETE FROM label WHERE until IS NOT NULL", "label: a row is missing: `company named Before before`"),
    ("UPDATE label SET until = until + 1 WHERE text = 'Before'", "label: a row is missing"),
    (
        "UPDATE label SET since = since - 1 WHERE text = 'After'",
        "label: a row is missing: `company named After",
    ),
    ("UPDATE label SET folded = 'x' WHERE text = 'Before'", "label: a row is missing: `company named Before"),
    ("UPDATE reference SET since = 2 WHERE from_kind = 'chip'", "reference: a row is missing: `chip "),
    (
        "UPDATE reference SET until = 2 WHERE from_kind = 'approval' AND since = 1",
        "reference: a row is missing: `approval ",
    ),
    (
        "UPDATE reference SET until = until + 1 WHERE from_id = 'gone'",
        "reference: a row is missing: `company gone company alibaba`",
    ),
    (
        "UPDATE reference SET until = NULL WHERE from_id = 'gone'",
        "reference: a row is missing: `company gone company alibaba`",
    ),
    (
        "DELETE FROM reference WHERE from_id = 'gone'",
        "reference: a row is missing: `company gone company alibaba`",
    ),
    (
        "INSERT INTO reference VALUES ('company', 'gone', 'company', 'nvidia', 2, NULL)",
        "reference: a row follows from nothing on record: `company gone company nvidia` at revision 2",
    ),
    (
        "INSERT INTO reference VALUES ('company', 'zz', 'company', 'nvidia', 2, NULL)",
        "reference: a row follows from nothing on record: `company zz company nvidia` at revision 2",
    ),
    (
        "INSERT INTO reference VALUES ('stranger', 'a', 'company', 'nvidia', 2, NULL)",
        "reference: a row follows from nothing on record: `stranger a company nvidia` at revision 2",
    ),
    (
        "INSERT INTO workflow_stage VALUES ('staged', 'forged', 'granted', 1, NULL)",
        "workflow_stage: a row follows from nothing on record: `staged forged granted` at revision 1",
    ),
    (
        "DELETE FROM workflow_stage WHERE until IS NOT NULL",
        "workflow_stage: a row is missing: `staged asked pending`",
    ),
    (
        "UPDATE workflow_stage SET until = until + 1 WHERE until IS NOT NULL",
        "workflow_stage: a row is missing: `staged asked pending`",
    ),
    (
        "UPDATE workflow_stage SET since = 1 WHERE workflow = 'staged' AND until IS NULL",
        "workflow_stage: a row is missing: `staged asked none`",
    ),
    ("UPDATE stage_span SET since = 2 WHERE since = 1", "stage_span: a row is missing"),
    (
        "UPDATE stage_span SET until = until + 1 WHERE until IS NOT NULL",
        "stage_span: a row is missing: `case ",
    ),
    ("UPDATE stage_span SET stage = 'x' WHERE until IS NOT NULL", "stage_span: a row is missing: `case "),
    ("DELETE FROM stage_span WHERE until IS NOT NULL", "stage_span: a row is missing: `case "),
    ("DELETE FROM stage_span WHERE valid_from <> ''", "stage_span: a row is missing"),
    (
        "INSERT INTO stage_span VALUES ('case', '2020-01-01', 'x', 1, 2)",
        "stage_span: a row follows from nothing on record: `case 2020-01-01 x` at revision 1 until 2",
    ),
];

/// Things that change and go, so that rows of them have ended.
async fn changed(register: &Register) {
    let named = |name| Company { name: of(name), ..company("named") };
    put(register, named("Before")).await.unwrap();
    put(register, named("After")).await.unwrap();
    put(register, Company { parent: Some(of("alibaba")), ..company("gone") }).await.unwrap();
    retire::<Company>(register, "gone").await.unwrap();
    let staged = workflow("staged");
    put(register, staged.clone()).await.unwrap();
    let mut restaged = staged;
    restaged.stages[0].phase = Phase::None;
    put(register, restaged).await.unwrap();
    put(register, Authority { workflow: of("staged"), ..authority("staged") }).await.unwrap();
    put(register, chip("h200")).await.unwrap();
    put(register, Approval { authority: of("staged"), ..approval("case") }).await.unwrap();
    let granted = transition("granted", "case", "granted", "2026-01-10");
    post(register, granted.clone()).await.unwrap();
    post(register, Transition { retracted: true, ..granted }).await.unwrap();
}

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
    changed(&register).await;
    register.store().close().await;
    done(&mut verify(&file));
    for (alteration, found) in ALTERED.into_iter().chain(HEADS).chain(SIDES) {
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
