//! Backups.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::program::{Service, export, import_sample, on, program, run, sqlite, things};
use crate::support::Database;

/// The files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn backup(database: &Database, file: &Path) -> crate::program::Ran {
    run(&mut on(database, &["backup", file.to_str().unwrap()]))
}

#[tokio::test]
async fn a_backup_is_one_file_that_says_what_the_register_says() {
    let database = Database::sqlite().await;
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let ran = backup(&database, &copy).ended(0);
    let checked = format!("1 revisions and {} versions checked, 0 faults", things());
    assert!(ran.out.starts_with(&checked), "{ran:?}");
    assert_eq!(ran.err, "");
    assert_eq!(files(folder.path()), ["copy.db"]);
    let verified = run(&mut program(&["verify", copy.to_str().unwrap()])).ended(0);
    assert_eq!(verified.out, ran.out);
    let exported = run(&mut program(&["export", "--database", &sqlite(&copy)])).ended(0);
    assert_eq!(exported.out, export(&database));
    assert_eq!(files(folder.path()), ["copy.db"], "something is left beside the copy");
}

#[tokio::test]
async fn what_a_killed_backup_has_left_gives_way() {
    let database = Database::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    for (number, half) in [&b"SQLite format 3\0half"[..], &[0; 4096], b""].into_iter().enumerate() {
        let name = format!("copy-{number}.db");
        let copy = folder.path().join(&name);
        let part = folder.path().join(format!("{name}.part"));
        std::fs::write(&part, half).unwrap();
        std::fs::write(folder.path().join(format!("{name}.part-journal")), half).unwrap();
        let held = std::fs::File::open(&part).unwrap();
        held.lock().unwrap();
        let ran = backup(&database, &copy).ended(1);
        assert!(ran.err.contains("another backup is under way"), "{ran:?}");
        assert_eq!(std::fs::read(&part).unwrap(), half);
        drop(held);
        backup(&database, &copy).ended(0);
        run(&mut program(&["verify", copy.to_str().unwrap()])).ended(0);
    }
    assert_eq!(files(folder.path()), ["copy-0.db", "copy-1.db", "copy-2.db"]);
}

/// The program as somebody who may write neither a file nor its folder: root may write everywhere.
fn powerless(folder: &Path, arguments: &[&str]) -> Command {
    if std::fs::metadata(folder).unwrap().uid() > 0 {
        return program(arguments);
    }
    let copied = folder.join("greenlight");
    std::fs::copy(env!("CARGO_BIN_EXE_greenlight"), &copied).unwrap();
    let mut command = Command::new(copied);
    command.args(arguments).env_clear().stdin(Stdio::null()).uid(65534).gid(65534);
    command
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_can_be_checked() {
    let database = Database::sqlite().await;
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let copied = backup(&database, &copy).ended(0).out;
    let permit = |file: &Path, mode| std::fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    let mut verify = powerless(folder.path(), &["verify", copy.to_str().unwrap()]);
    let mut export = powerless(folder.path(), &["export", "--database", &sqlite(&copy)]);
    permit(folder.path(), 0o555);
    for mode in [0o444, 0o666] {
        permit(&copy, mode);
        assert_eq!(run(&mut verify).ended(0).out, copied);
        let ran = run(&mut export).ended(1);
        assert!(ran.err.starts_with(&format!("error: {}: ", copy.display())), "{ran:?}");
    }
    permit(folder.path(), 0o755);
    // One of an earlier version would have to be brought up to date.
    let mut earlier = SqliteConnectOptions::new().filename(&copy).connect().await.unwrap();
    earlier.execute("UPDATE head SET folding = 1").await.unwrap();
    earlier.close().await.unwrap();
    permit(folder.path(), 0o555);
    permit(&copy, 0o444);
    let ran = run(&mut verify).ended(1);
    assert!(ran.err.contains("left by an earlier Greenlight"), "{ran:?}");
    permit(folder.path(), 0o755);
}

#[tokio::test]
async fn what_is_made_is_for_its_owner_alone() {
    let database = Database::sqlite().await.empty().await;
    let service = Service::start(&database, &[]);
    let greenlight::app::Address::Sqlite(file) = database.address() else { panic!("no file") };
    let folder = file.parent().unwrap();
    backup(&database, &folder.join("copy.db")).ended(0);
    run(&mut on(&database, &["export", folder.join("lines.ndjson").to_str().unwrap()])).ended(0);
    let names = files(folder);
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let mode = std::fs::metadata(folder.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    service.stop();
}

#[tokio::test]
async fn a_backup_can_be_taken_while_the_service_runs() {
    let database = Database::sqlite().await;
    let service = Service::start(&database, &["--sample"]);
    let folder = tempfile::tempdir().unwrap();
    backup(&database, &folder.path().join("copy.db")).ended(0);
    service.stop();
    assert_eq!(files(folder.path()), ["copy.db"]);
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let database = Database::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(file("copy.db"), "precious").unwrap();
    backup(&database, &file("copy.db")).ended(1);
    std::fs::write(file("other.db.part"), "precious").unwrap();
    backup(&database, &file("other.db")).ended(1);
    backup(&database, &file("nowhere/copy.db")).ended(1);
    assert_eq!(files(folder.path()), ["copy.db", "other.db.part"]);
    for name in ["copy.db", "other.db.part"] {
        assert_eq!(std::fs::read_to_string(file(name)).unwrap(), "precious");
    }
}

#[tokio::test]
async fn a_file_that_is_no_register_is_not_made_one() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("empty", ""), ("text", "a text that is long enough to be a header")] {
        let file = folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        let ran = run(&mut program(&["verify", file.to_str().unwrap()])).ended(1);
        assert!(ran.err.contains("this is no register"), "{ran:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
    assert_eq!(files(folder.path()), ["empty", "text"]);
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("theirs", "CREATE TABLE change (id); CREATE TABLE thing (id); INSERT INTO thing VALUES (1)"),
        ("logged", "PRAGMA journal_mode = WAL; CREATE TABLE thing (id)"),
        ("empty", "CREATE TABLE thing (id); DROP TABLE thing"),
    ] {
        let file = folder.path().join(name);
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
        let before = std::fs::read(&file).unwrap();
        let ran = run(&mut program(&["verify", file.to_str().unwrap()])).ended(1);
        assert!(ran.err.contains("this is no register"), "{ran:?}");
        assert!(std::fs::read(&file).unwrap() == before, "{name} is another one");
    }
    assert_eq!(files(folder.path()), ["empty", "logged", "theirs"]);
}

#[tokio::test]
async fn on_a_shared_server_the_tools_of_the_server_are_named() {
    let Some(database) = Database::postgres().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let ran = backup(&database, &folder.path().join("copy.db")).ended(1);
    assert!(ran.err.contains("pg_dump"), "{ran:?}");
    assert_eq!(files(folder.path()), Vec::<String>::new());
}
