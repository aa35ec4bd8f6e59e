//! Whatever is altered behind the program's back is found.

use std::fs;
use std::path::Path;

use greenlight::app::Address;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::program::{Ran, fed, import_sample, on, program, run};
use crate::support::Database;

/// What is done to a register, and a part of what `verify` says to it.
const ALTERED: &[(&str, &str)] = &[(
    "UPDATE company SET document = replace(document, 'Alibaba', 'Albaba') WHERE id = 'alibaba'",
    "a version does not agree with its change",
)];

/// A register in one file, with more than one revision.
async fn register() -> (Database, std::path::PathBuf) {
    let database = Database::sqlite().await;
    import_sample(&database);
    let renamed = json!({"kind": "company", "id": "newcomer", "name": "Newcomer", "jurisdiction": "CN"});
    fed(&mut on(&database, &["import", "-"]), &renamed.to_string()).ended(0);
    let renamed = json!({"kind": "company", "id": "newcomer", "name": "Old hand", "jurisdiction": "CN"});
    fed(&mut on(&database, &["import", "-"]), &renamed.to_string()).ended(0);
    let Address::Sqlite(file) = database.address() else { panic!("no file") };
    (database, file)
}

fn verify(file: &Path) -> Ran {
    run(&mut program(&["verify", file.to_str().unwrap()]))
}

#[tokio::test]
async fn explore() {
    let (_database, file) = register().await;
    verify(&file).ended(0);
    let folder = tempfile::tempdir().unwrap();
    let mut bad = 0;
    let list = std::env::var("TAMPER").unwrap();
    for statement in fs::read_to_string(list).unwrap().lines().filter(|l| !l.is_empty()) {
        let copy = folder.path().join("altered.db");
        fs::copy(&file, &copy).unwrap();
        let options = SqliteConnectOptions::new().filename(&copy).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        let done = connection.execute(sqlx::AssertSqlSafe(statement.to_owned())).await;
        connection.close().await.unwrap();
        let ran = verify(&copy);
        bad += usize::from(ran.code == 0);
        println!(
            "{} {:?}\n   {} {}\n{}",
            statement,
            done.map(|d| d.rows_affected()),
            ran.code,
            ran.out.trim(),
            ran.err
        );
        for ending in ["", "-wal", "-shm"] {
            drop(fs::remove_file(folder.path().join(format!("altered.db{ending}"))));
        }
    }
    println!("{bad} {ALTERED:?}");
}
