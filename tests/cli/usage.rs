//! Exit codes, the two streams, and the environment.

use std::path::Path;

use greenlight::app::Address;

use crate::program::{on, program, run};
use crate::support::{Database, on_each_engine};

/// What is logged of a register that was made because there was none.
fn made(file: &Path) -> String {
    format!("{} was not there: an empty register was made of that name", file.display())
}

on_each_engine!(every_command_makes_its_database);

async fn every_command_makes_its_database(database: Database) {
    let database = database.empty().await;
    let ran = run(&mut on(&database, &["verify"])).ended(0);
    assert!(ran.out.starts_with("0 revisions and 0 versions checked, 0 faults"), "{ran:?}");
    let Address::Sqlite(file) = database.address() else {
        assert_eq!(ran.err, "");
        return;
    };
    assert!(ran.err.contains(&made(&file)), "{ran:?}");
    let again = run(&mut on(&database, &["verify"])).ended(0);
    assert_eq!((again.out, again.err), (ran.out, String::new()));
}

#[test]
fn who_reads_a_register_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for command in [["backup", &file("copy.db")].as_slice(), &["export"]] {
        let missing = file(&format!("{}.db", command[0]));
        let database = format!("sqlite:{missing}");
        let arguments = [command, &["--database", &database]].concat();
        let ran = run(&mut program(&arguments)).ended(0);
        assert!(ran.err.contains(&made(Path::new(&missing))), "{ran:?}");
    }
    run(&mut program(&["verify", &file("mistyped.db")])).ended(1);
    assert!(!folder.path().join("mistyped.db").exists());
}

#[test]
fn help_is_a_result_and_a_mistake_is_not() {
    for arguments in [["--help"].as_slice(), &["--version"], &["serve", "--help"], &["help", "key"]] {
        let ran = run(&mut program(arguments)).ended(0);
        assert!(!ran.out.is_empty() && ran.err.is_empty(), "{ran:?}");
    }
    for arguments in [
        [].as_slice(),
        &["key"],
        &["reap"],
        &["serve", "--lisen", "x"],
        &["serve", "--listen", "8080"],
        &["serve", "--listen", ":8080"],
        &["import"],
        &["import", "-", "--mode", "some"],
        &["import", "-", "--reason", ""],
        &["key", "create", "--name", "loader"],
        &["key", "create", "--name", "loader", "--role", "owner"],
        &["key", "create", "--name", "loader", "--role", "reader", "--expires-in", "366d"],
        &["key", "revoke", "KEY"],
        &["verify", "--database", "mysql://host/database"],
        &["verify", "--database", "postgres://host:99999/database"],
        &["verify", "--database", "postgres://host/database?sslmod=require"],
        &["serve", "--database", "sqlite:register.db/"],
        &["health", "--url", "ftp://host"],
    ] {
        // It is found before there is a register, which could not be opened there.
        let ran =
            run(program(arguments).env("GREENLIGHT_DATABASE", "sqlite:/nowhere/greenlight.db")).ended(2);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{ran:?}");
    }
}

#[test]
fn what_fails_exits_with_one() {
    for arguments in [
        ["import", "/nowhere/lines.ndjson"].as_slice(),
        &["verify", "/nowhere/register.db"],
        &["verify", "--database", "sqlite:/nowhere/register.db"],
        &["serve", "--database", "sqlite:/nowhere/register.db"],
        &["verify", "--database", "postgres://127.0.0.1:1/register"],
        &["health", "--url", "http://127.0.0.1:1/healthz"],
    ] {
        let ran = run(&mut program(arguments)).ended(1);
        assert!(ran.out.is_empty() && ran.err.starts_with("error: "), "{ran:?}");
    }
}

#[test]
fn a_register_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (path, why) in [
        (format!("{folder}/nowhere/register.db"), "No such file or directory"),
        (folder.to_owned(), "Is a directory"),
        (format!("{folder}/nowhere/../register.db"), "No such file or directory"),
    ] {
        let ran = run(&mut program(&["verify", "--database", &format!("sqlite:{path}")])).ended(1);
        assert!(ran.err.starts_with(&format!("error: {path}: {why}")), "{ran:?}");
    }
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn every_wrong_variable_of_ours_is_told_at_once() {
    let mut command = program(&["openapi"]);
    command.envs([
        ("GREENLIGHT_DATABSE", "sqlite:a.db"),
        ("GREENLIGHT_SAMPEL", "true"),
        ("GREENLIGHT_PUBLIC_READ", "perhaps"),
        ("GREENLIGHT_LISTEN", "everywhere"),
    ]);
    let ran = run(&mut command).ended(2);
    assert_eq!(ran.out, "");
    assert_eq!(
        ran.err,
        "error: GREENLIGHT_DATABSE is no variable of this program; did you mean GREENLIGHT_DATABASE?
error: GREENLIGHT_LISTEN: must be a host and a port, as in 127.0.0.1:8080
error: GREENLIGHT_PUBLIC_READ: must be true or false
error: GREENLIGHT_SAMPEL is no variable of this program; did you mean GREENLIGHT_SAMPLE?
"
    );
}

#[test]
fn every_wrong_option_is_told_with_every_wrong_variable() {
    let options = ["serve", "--max-connections", "0", "--body-deadline=0s", "--database", "mysql://h/d"];
    let ran = run(program(&options).env("GREENLIGHT_SAMPLE", "perhaps")).ended(2);
    assert_eq!(
        ran.err,
        "error: GREENLIGHT_SAMPLE: must be true or false
error: --max-connections: must be a whole number from 1 to 1000000
error: --body-deadline: must lie between 1ms and 60m
error: --database: must be `sqlite:FILE` or `postgres://USER@HOST/DATABASE`
"
    );
    let ran = run(&mut program(&["serve", "--colour", "green", "--max-connections", "0"])).ended(2);
    for told in ["unexpected argument '--colour'", "error: --max-connections: must be a whole number"] {
        assert!(ran.err.contains(told), "{ran:?}");
    }
}

#[test]
fn a_variable_for_tests_is_tolerated() {
    run(program(&["openapi"]).env("GREENLIGHT_TEST_POSTGRES", "postgres://host/database")).ended(0);
}

#[test]
fn a_flag_goes_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let database = crate::program::sqlite(&folder.path().join("register.db"));
    for arguments in [["--database", &database, "verify"], ["verify", "--database", &database]] {
        run(program(&arguments).env("GREENLIGHT_DATABASE", "sqlite:/nowhere/register.db")).ended(0);
    }
}

#[test]
fn a_password_is_never_printed() {
    for address in ["postgres://me:pass-word@127.0.0.1:1/register", "mysql://me:pass-word@host/register"] {
        for arguments in [
            ["verify", "--database", address].as_slice(),
            &["serve", "--database", address, "--listen", "127.0.0.1:0"],
            &["serve", address],
        ] {
            let ran = run(program(arguments).env("RUST_LOG", "trace"));
            assert!(ran.code > 0, "{ran:?}");
            assert!(!address.starts_with("postgres") || !ran.err.contains("pass-word"), "{ran:?}");
        }
        for arguments in [["serve", "--help"].as_slice(), &["verify"], &["--help"]] {
            let ran = run(program(arguments).env("GREENLIGHT_DATABASE", address).env("RUST_LOG", "trace"));
            assert!(!format!("{ran:?}").contains("pass-word"), "{ran:?}");
        }
    }
}

#[test]
fn the_log_goes_to_standard_error_in_the_format_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let database = crate::program::sqlite(&folder.path().join("register.db"));
    let arguments = ["verify", "--database", &database, "--log-format", "json"];
    let ran = run(program(&arguments).env("RUST_LOG", "debug")).ended(0);
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    assert!(ran.err.lines().count() > 0);
    for line in ran.err.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object(), "{line}");
    }
    run(program(&arguments).env("RUST_LOG", "verify=loud")).ended(2);
}

#[test]
fn the_contract_is_printed_as_json() {
    let ran = run(&mut program(&["openapi"])).ended(0);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(ran.err, "");
}
