//! Schemas that are older or newer than the program, and migrations that are cut off.

use std::borrow::Cow;
use std::path::Path;
use std::process::{Command, Stdio};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, SqlSafeStr as _, SqliteConnection};

use crate::client::Request;
use crate::durability::can_trace;
use crate::form;
use crate::kills::address;
use crate::ledger;
use crate::service::{Service, done, failed, key, program};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_newer_schema_is_refused_by_name,
    a_migration_that_was_cut_off_goes_on,
    a_register_of_an_older_schema_is_brought_up_to_date,
    rows_that_go_elsewhere_go_there_whole,
);

/// Brings a database to a schema of these migrations, as another program would.
async fn migrate(database: &str, migrations: Vec<Migration>) {
    let migrations = Migrator::with_migrations(migrations);
    if database.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&format!("{database}?mode=rwc")).await.unwrap();
        migrations.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(database).await.unwrap();
        migrations.run(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// The migrations of the engine that a database is on.
async fn migrations(database: &str) -> Vec<Migration> {
    let engine = if database.starts_with("sqlite:") { "sqlite" } else { "postgres" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    Migrator::new(folder).await.unwrap().iter().cloned().collect()
}

async fn a_newer_schema_is_refused_by_name(database: Database) {
    let database = address(&database);
    ledger::prepare(&database);
    let mut newer = migrations(&database).await;
    let sql = "CREATE TABLE things_to_come (id TEXT NOT NULL PRIMARY KEY)".into_sql_str();
    newer.push(Migration::new(9000, Cow::Borrowed("things to come"), MigrationType::Simple, sql, false));
    migrate(&database, newer).await;
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["export"], &["verify"], &["key", "list"]] {
        let said = failed(&mut program(&database, command));
        assert!(
            said.contains("a newer Greenlight") && said.contains("migration 9000"),
            "{command:?}: {said}"
        );
    }
}

async fn a_register_of_an_older_schema_is_brought_up_to_date(database: Database) {
    let empty = database.empty().await;
    let database = address(&empty);
    let oldest = migrations(&database).await.into_iter().take(1).collect();
    migrate(&database, oldest).await;
    ledger::prepare(&database);
    let service = Service::start(&database, &key(&database));
    assert!(service.ask(&Request::company("newcomer")).is_done());
    drop(service);
    done(&mut program(&database, &["verify"]));
}

/// How many rows a statement counts, or none if it does something else.
async fn run(database: &str, statement: &'static str) -> i64 {
    let counted: Option<(i64,)> = if database.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(database).await.unwrap();
        sqlx::query_as(statement).fetch_optional(&mut connection).await.unwrap()
    } else {
        let mut connection = PgConnection::connect(database).await.unwrap();
        sqlx::query_as(statement).fetch_optional(&mut connection).await.unwrap()
    };
    counted.unwrap_or_default().0
}

async fn rows_that_go_elsewhere_go_there_whole(database: Database) {
    let empty = database.empty().await;
    let database = address(&empty);
    migrate(&database, migrations(&database).await.into_iter().take(7).collect()).await;
    let revisions = if database.starts_with("sqlite:") {
        "INSERT INTO revision VALUES (1, 0, 'x', NULL, 'x', zeroblob(32)), (2, 0, 'x', NULL, 'x', zeroblob(32))"
    } else {
        "INSERT INTO revision VALUES (1, now(), 'x', NULL, 'x', sha256('1')), (2, now(), 'x', NULL, 'x', sha256('2'))"
    };
    for insert in [
        "INSERT INTO approval_identity VALUES ('case', 1)",
        "INSERT INTO workflow_identity VALUES ('first', 1), ('second', 1)",
        "INSERT INTO workflow VALUES ('first', 1, 2, 'First', '{}'), ('first', 2, NULL, 'First', '{}'),
            ('second', 1, NULL, 'Second', '{}')",
        revisions,
        "INSERT INTO change VALUES (1, 1, 'workflow', 'first', 'created', NULL, '{}'),
            (1, 2, 'workflow', 'second', 'created', NULL, '{}'),
            (2, 1, 'source', 'first', 'created', NULL, '{}'), (2, 2, 'workflow', 'first', 'updated', '{}', '{}')",
        "INSERT INTO reference VALUES ('condition', 'c', 'approval', 'case', TRUE, 1, 3),
            ('condition', 'c', 'approval', 'case', TRUE, 5, NULL), ('condition', 'c', 'chip', 'x', FALSE, 1, NULL),
            ('transition', 't', 'approval', 'case', TRUE, 1, NULL), ('transition', 't', 'chip', 'x', FALSE, 1, NULL)",
        "INSERT INTO stage_span VALUES ('case', '', '2026-01-02', 'asked', 1, NULL),
            ('case', '2026-01-02', NULL, 'granted', 1, 2), ('case', '2026-01-02', '2026-01-05', 'used', 2, 4),
            ('case', '2026-01-02', '2026-01-07', 'used', 4, NULL), ('case', '2026-01-07', NULL, 'ended', 4, 6),
            ('case', '2026-01-07', NULL, 'ended', 9, 11)",
    ] {
        run(&database, insert).await;
    }
    done(&mut program(&database, &["key", "list"]));
    for (expected, count) in [
        (2, "SELECT count(*) FROM reference"),
        (
            1,
            "SELECT count(*) FROM reference WHERE from_id = 'c' AND to_kind = 'approval' AND to_id = 'case'
                AND since = 1 AND until = 3",
        ),
        (5, "SELECT count(*) FROM stage_span"),
        (
            1,
            "SELECT count(*) FROM stage_span WHERE approval = 'case' AND valid_from = '2026-01-02'
                AND stage = 'granted' AND since = 1 AND until = 2",
        ),
        (
            1,
            "SELECT count(*) FROM stage_span WHERE approval = 'case' AND valid_from = '2026-01-02'
                AND stage = 'used' AND since = 2 AND until IS NULL",
        ),
        (2, "SELECT count(*) FROM stage_span WHERE stage = 'ended' AND until = since + 2"),
        (4, "SELECT count(*) FROM change"),
        (3, "SELECT count(*) FROM workflow"),
        (
            2,
            "SELECT count(*) FROM workflow WHERE ordinal = 2 AND (id, since) IN (('first', 2), ('second', 1))",
        ),
    ] {
        assert_eq!(run(&database, count).await, expected, "{count}");
    }
}

/// Has the program migrate a database, and kills it at its so-manieth call that writes something; whether it
/// was killed.
fn killed_at(database: &str, call: u32) -> bool {
    let inject = format!("inject=pwrite64,fdatasync,sendto,write,writev:signal=KILL:when={call}");
    let mut traced = Command::new("strace");
    let program = program(database, &["verify"]);
    traced.args(["-f", "-o", "/dev/null", "-e", &inject]).arg(program.get_program());
    traced.args(program.get_args()).env("GREENLIGHT_DATABASE", database);
    let ended = traced.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).status().unwrap();
    !ended.success()
}

async fn a_migration_that_was_cut_off_goes_on(database: Database) {
    if !can_trace() {
        return;
    }
    let step = usize::try_from(form(29, 3)).unwrap();
    let mut killed = 0;
    for call in (2..).step_by(step) {
        let empty = database.empty().await;
        let database = address(&empty);
        if !killed_at(&database, call) {
            break;
        }
        killed += 1;
        let told = done(&mut program(&database, &["verify"]));
        assert!(told.contains(" 0 faults"), "killed at call {call}: {told}");
        ledger::prepare(&database);
    }
    assert!(killed > 2, "it was killed {killed} times only");
}
