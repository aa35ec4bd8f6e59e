//! Import and export.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Service, export, fed, import_sample, on, program, run, things};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    an_export_imported_elsewhere_is_exported_the_same,
    an_export_can_go_to_a_file,
    an_export_takes_the_place_of_a_file_as_it_is,
    an_export_goes_through_what_is_no_file,
    an_export_does_not_take_the_place_of_a_register,
    an_export_fails_on_what_is_damaged_and_names_it,
    bad_lines_are_all_told_and_leave_nothing,
    what_is_told_of_a_line_does_nothing_to_the_terminal,
    lines_that_are_refused_leave_nothing,
    a_partial_import_takes_what_it_can,
    a_long_import_must_be_partial,
    the_reason_is_kept,
);

fn company(id: &str) -> String {
    json!({"kind": "company", "id": id, "name": id, "jurisdiction": "CN"}).to_string()
}

fn summary(out: &str) -> Value {
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(out).unwrap()
}

fn revisions(database: &Database) -> String {
    run(&mut on(database, &["verify"])).ended(0).out.split(' ').next().unwrap().to_owned()
}

async fn an_export_imported_elsewhere_is_exported_the_same(database: Database) {
    import_sample(&database);
    let lines = export(&database);
    assert_eq!(lines.lines().count(), things());
    for other in [database.another().await, Database::sqlite().await] {
        let ran = fed(&mut on(&other, &["import", "-"]), &lines).ended(0);
        let counts = json!({"created": things(), "updated": 0, "unchanged": 0, "failed": 0});
        assert_eq!(summary(&ran.out), counts);
        assert_eq!(export(&other), lines);
    }
    let again = fed(&mut on(&database, &["import", "-"]), &lines).ended(0);
    assert_eq!(summary(&again.out), json!({"created": 0, "updated": 0, "unchanged": things(), "failed": 0}));
    assert_eq!(again.err, format!("created 0, updated 0, unchanged {}, failed 0\n", things()));
    assert_eq!(revisions(&database), "1");
}

async fn an_export_can_go_to_a_file(database: Database) {
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("register.ndjson");
    std::fs::write(&file, "an older export\n").unwrap();
    let ran = run(&mut on(&database, &["export", file.to_str().unwrap()])).ended(0);
    let told = format!("exported {} lines at revision 1\n", things());
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", told.as_str()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), export(&database));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let ran = run(&mut on(&database, &["import", file.to_str().unwrap()])).ended(0);
    assert_eq!(summary(&ran.out)["unchanged"], things());
}

async fn an_export_takes_the_place_of_a_file_as_it_is(database: Database) {
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let out = |name: &str| run(&mut on(&database, &["export", file(name).to_str().unwrap()])).ended(0);
    let lines = export(&database);
    std::fs::write(file("private"), "before").unwrap();
    std::fs::set_permissions(file("private"), Permissions::from_mode(0o640)).unwrap();
    std::fs::write(file("there.part"), "precious").unwrap();
    for (link, target) in [("to-private", "private"), ("there", "there.ndjson"), ("again", "there")] {
        std::os::unix::fs::symlink(target, file(link)).unwrap();
    }
    for (name, target) in [("to-private", "private"), ("there", "there.ndjson"), ("again", "there.ndjson")] {
        out(name);
        assert!(file(name).is_symlink(), "{name}");
        assert_eq!(std::fs::read_to_string(file(target)).unwrap(), lines);
    }
    assert_eq!(std::fs::metadata(file("private")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_to_string(file("there.part")).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
}

async fn an_export_does_not_take_the_place_of_a_register(database: Database) {
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let serve = |file: &std::path::Path| format!("sqlite:{}", file.display());
    run(program(&["key", "list"]).env("GREENLIGHT_DATABASE", serve(&other))).ended(0);
    let names = || {
        let there = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        there.collect::<BTreeSet<_>>()
    };
    let (before, there) = (std::fs::read(&other).unwrap(), names());
    let ran = run(&mut on(&database, &["export", other.to_str().unwrap()])).ended(1);
    assert!(ran.err.contains("this is a register"), "{ran:?}");
    assert!(std::fs::read(&other).unwrap() == before, "it was altered");
    assert_eq!(names(), there);
}

async fn an_export_fails_on_what_is_damaged_and_names_it(database: Database) {
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("register.ndjson");
    for damage in [
        "UPDATE company SET document = '{broken' WHERE id = 'alibaba'",
        "UPDATE company SET document = '{}' WHERE id = 'alibaba'",
    ] {
        database.tamper(damage).await;
        let ran = run(&mut on(&database, &["export", file.to_str().unwrap()])).ended(1);
        assert!(ran.err.contains("company `alibaba` is damaged: "), "{ran:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let ran = run(&mut on(&database, &["export"])).ended(1);
        assert!(ran.err.contains("company `alibaba` is damaged: "), "{ran:?}");
    }
    // What was sent before it, if anything was, has no proper end.
    let service = Service::start(&database, &["--public-read"]);
    let answer = service.get("/v1/exports", None);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    assert!(service.stop().contains("company `alibaba` is damaged"));
}

async fn an_export_goes_through_what_is_no_file(database: Database) {
    import_sample(&database);
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    run(&mut on(&database, &["export", pipe.to_str().unwrap()])).ended(0);
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), export(&database));
}

async fn bad_lines_are_all_told_and_leave_nothing(database: Database) {
    let text = [
        company("alibaba"),
        "{".to_owned(),
        String::new(),
        json!({"kind": "company", "id": "Tencent", "name": "", "jurisdiction": "CN"}).to_string(),
        "[]".to_owned(),
    ]
    .join("\n");
    let ran = fed(&mut on(&database, &["import", "-"]), &text).ended(1);
    assert_eq!(summary(&ran.out), json!({"created": 0, "updated": 0, "unchanged": 0, "failed": 3}));
    let told: Vec<&str> = ran.err.lines().collect();
    let beginnings = [
        "line 2: a line must be one JSON object, such as `{\"kind\": \"company\", \"id\": …}`: it ends in the middle of an object",
        "line 4: /id: must be a slug",
        "line 4: /name: must not be empty",
        "line 5: a line must be a JSON object",
        "created 0, updated 0, unchanged 0, failed 3",
        "error: 3 lines cannot be taken: nothing was imported",
    ];
    assert_eq!(told.len(), beginnings.len(), "{told:?}");
    for (told, begins) in told.iter().zip(beginnings) {
        assert!(told.starts_with(begins), "{told} does not begin with {begins}");
    }
    assert_eq!((export(&database).as_str(), revisions(&database).as_str()), ("", "0"));
}

async fn what_is_told_of_a_line_does_nothing_to_the_terminal(database: Database) {
    let mut line: Value = serde_json::from_str(&company("alibaba")).unwrap();
    line["a\u{1b}[2J\u{9b}2J\nerror: "] = json!("b");
    let ran = fed(&mut on(&database, &["import", "-"]), &line.to_string()).ended(1);
    assert!(ran.err.starts_with("line 1: /a\\u{1b}[2J\\u{9b}2J\\nerror: "), "{ran:?}");
    assert!(!ran.err.contains(|character: char| character.is_control() && character != '\n'), "{ran:?}");
}

async fn lines_that_are_refused_leave_nothing(database: Database) {
    let child = json!({
        "kind": "company", "id": "t-head", "name": "T-Head", "jurisdiction": "CN", "parent": "alibabba"
    });
    let text = format!("{}\n{child}\n", company("alibaba"));
    let ran = fed(&mut on(&database, &["import", "-"]), &text).ended(1);
    assert!(ran.err.starts_with("line 2: /parent: company `alibabba` is not on record\n"), "{ran:?}");
    assert_eq!((export(&database).as_str(), revisions(&database).as_str()), ("", "0"));
}

async fn a_partial_import_takes_what_it_can(database: Database) {
    let mut text = String::new();
    for number in 1..=2500 {
        match number {
            7 => text.push_str("{}\n"),
            1500 => text.push('\n'),
            2001 => text.push_str("no line\r\n"),
            _ => writeln!(text, "{}", company(&format!("company-{number:04}"))).unwrap(),
        }
    }
    let import = ["import", "-", "--mode", "partial"];
    let ran = fed(&mut on(&database, &import), &text).ended(1);
    assert_eq!(summary(&ran.out), json!({"created": 2497, "updated": 0, "unchanged": 0, "failed": 2}));
    let lines: Vec<&str> = ran.err.lines().filter_map(|line| line.split(':').next()).collect();
    let expected = ["line 7", "line 2001", "created 2497, updated 0, unchanged 0, failed 2", "error"];
    assert_eq!(lines, expected);
    assert_eq!((export(&database).lines().count(), revisions(&database).as_str()), (2497, "3"));
    let good = text.lines().filter(|line| line.contains("company")).collect::<Vec<_>>().join("\n");
    let ran = fed(&mut on(&database, &import), &good).ended(0);
    assert_eq!(summary(&ran.out)["unchanged"], 2497);
    assert_eq!(revisions(&database), "3");
}

async fn a_long_import_must_be_partial(database: Database) {
    let text = format!("{}\n", company("alibaba")).repeat(10_001);
    let ran = fed(&mut on(&database, &["import", "-"]), &text).ended(1);
    assert!(ran.err.contains("--mode partial"), "{ran:?}");
    assert_eq!(export(&database), "");
}

async fn the_reason_is_kept(database: Database) {
    let import = ["import", "-", "--reason", "from the desk's list"];
    fed(&mut on(&database, &import), &company("alibaba")).ended(0);
    let service = Service::start(&database, &["--public-read"]);
    let answer = service.get("/v1/revisions/1", None);
    assert!(answer.contains("\"from the desk's list\"") && answer.contains("\"operator\""), "{answer}");
}
