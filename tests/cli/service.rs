//! Serving.

use std::any::Any;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use greenlight::app::Address;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use crate::program::{SAMPLE, Service, fed, import_sample, on, program, run, things};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    the_first_admin_key_is_shown_once,
    the_sample_is_loaded_into_an_empty_register_only,
    lines_can_be_imported_while_the_service_runs,
    a_register_is_checked_while_the_service_writes,
    a_service_is_asked_for_its_health,
    a_service_that_cannot_listen_says_so,
    a_stop_ends_within_its_bound_while_somebody_else_holds_the_register,
);

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

async fn the_first_admin_key_is_shown_once(database: Database) {
    let service = Service::start(&database, &[]);
    let secret = service.says(|line| line.trim().starts_with("gl_"));
    assert_eq!(status(&service.get("/v1/keys", Some(secret.trim()))), "200");
    assert_eq!(status(&service.get("/v1/companies", None)), "401");
    service.stop();
    let service = Service::start(&database, &["--public-read"]);
    assert_eq!(status(&service.get("/v1/companies", None)), "200");
    assert!(!service.greeting.contains("gl_"));
    assert!(!service.stop().contains("gl_"));
}

async fn the_sample_is_loaded_into_an_empty_register_only(database: Database) {
    let service = Service::start(&database, &["--sample", "--public-read"]);
    let told = format!("loaded the sample register: {} things", things());
    assert!(service.greeting.contains(&told), "{}", service.greeting);
    assert!(service.get("/v1/revisions/1", None).contains("\"the sample register\""));
    service.stop();
    let service = Service::start(&database, &["--sample", "--public-read"]);
    assert!(service.greeting.contains("the sample is left out"), "{}", service.greeting);
    assert_eq!(status(&service.get("/v1/revisions/2", None)), "404");
}

async fn lines_can_be_imported_while_the_service_runs(database: Database) {
    let service = Service::start(&database, &["--public-read"]);
    assert_eq!(status(&service.get("/v1/companies/alibaba", None)), "404");
    import_sample(&database);
    assert_eq!(status(&service.get("/v1/companies/alibaba", None)), "200");
    let ran = fed(&mut on(&database, &["import", "-", "--mode", "partial"]), &SAMPLE.concat()).ended(0);
    assert!(ran.out.contains(&format!("\"unchanged\":{}", things())), "{ran:?}");
    service.stop();
    run(&mut on(&database, &["verify"])).ended(0);
}

async fn a_register_is_checked_while_the_service_writes(database: Database) {
    let service = Service::start(&database, &[]);
    let key = service.says(|line| line.trim().starts_with("gl_")).trim().to_owned();
    let (host, secret, over) = (service.host.clone(), key.clone(), Arc::new(AtomicBool::new(false)));
    let ended = Arc::clone(&over);
    let writing = std::thread::spawn(move || {
        for number in (0..).take_while(|_| !ended.load(Ordering::Relaxed)) {
            let body = r#"{"name": "A", "jurisdiction": "CN"}"#;
            let answer = Service::send(&host, ("PUT", &format!("/v1/companies/c-{number}")), &secret, body);
            assert_eq!(status(&answer), "201");
        }
    });
    for _ in 0..3 {
        let out = run(&mut on(&database, &["verify"])).ended(0).out;
        let (checked, newest) = out.trim().split_once("; revision ").unwrap();
        let (revision, digest) = newest.split_once(" has digest ").unwrap();
        assert_eq!(checked.split(' ').next(), Some(revision), "{out}");
        if revision != "0" {
            let shown = service.get(&format!("/v1/revisions/{revision}"), Some(&key));
            assert!(shown.contains(digest), "{out}{shown}");
        }
    }
    over.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    service.stop();
}

async fn a_service_is_asked_for_its_health(database: Database) {
    let service = Service::start(&database, &[]);
    let health =
        |path: &str| run(&mut program(&["health", "--url", &format!("http://{}{path}", service.host)]));
    let ran = health("/healthz").ended(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let ran = health("/v1/companies").ended(1);
    assert!(ran.err.contains("401"), "{ran:?}");
}

async fn a_service_that_cannot_listen_says_so(database: Database) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run(&mut on(&database, &["serve", "--listen", &address])).ended(1);
    assert!(ran.err.starts_with(&format!("error: cannot listen on {address}: ")), "{ran:?}");
    assert!(!ran.err.contains("gl_"));
}

/// Takes what every write needs, as long as what is returned lives.
async fn held(database: &Database) -> Box<dyn Any> {
    match database.address() {
        Address::Sqlite(file) => {
            let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            Box::new(connection)
        }
        Address::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            connection.execute("BEGIN; SELECT revision FROM head FOR UPDATE").await.unwrap();
            Box::new(connection)
        }
    }
}

async fn a_stop_ends_within_its_bound_while_somebody_else_holds_the_register(database: Database) {
    let service = Service::start(&database, &["--stop-deadline", "500ms"]);
    let key = service.says(|line| line.trim().starts_with("gl_")).trim().to_owned();
    let held = held(&database).await;
    let put = |path: &'static str| {
        let (host, key) = (service.host.clone(), key.clone());
        let body = r#"{"name": "A", "jurisdiction": "CN"}"#;
        std::thread::spawn(move || Service::send(&host, ("PUT", path), &key, body))
    };
    let waiting = [put("/v1/companies/a"), put("/v1/companies/b")];
    // While one waits for the register the others are in the queue.
    while service.get("/metrics", Some(&key)).contains("writes_queued 0") {
        assert!(!waiting.iter().any(std::thread::JoinHandle::is_finished));
    }
    let begun = Instant::now();
    service.stop();
    // What the program itself takes to end comes on top.
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    for waiting in waiting {
        assert!(!waiting.join().unwrap().contains(" 201 "));
    }
    drop(held);
}

#[tokio::test]
async fn a_service_whose_terminal_goes_stops_unless_that_was_ruled_out() {
    let database = Database::sqlite().await;
    // Where the tests themselves are run by `nohup`, the program would inherit that.
    let exec = if hang_ups_are_ignored() { "exec env --default-signal=HUP" } else { "exec" };
    by_shell(&database, exec, "--sample").stopped_by("HUP");
    let service = by_shell(&database, "trap '' HUP; exec", "--public-read");
    service.signal("HUP");
    assert_eq!(status(&service.get("/v1/companies/alibaba", None)), "200");
    service.stop();
}

/// Whether this process ignores SIGHUP.
fn hang_ups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1
}

/// A service that a shell starts by a command that ends with `exec`.
fn by_shell(database: &Database, exec: &str, option: &str) -> Service {
    let serve = on(database, &[]);
    let started =
        format!("{exec} '{}' serve --listen 127.0.0.1:0 {option}", serve.get_program().to_str().unwrap());
    let variables = serve.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &started]).envs(variables).stdin(Stdio::null());
    Service::of(shell)
}

mod sqlite_alone {
    use super::*;

    #[tokio::test]
    async fn a_second_service_on_one_file_is_refused() {
        let database = Database::sqlite().await;
        let first = Service::start(&database, &[]);
        let ran = run(&mut on(&database, &["serve", "--listen", "127.0.0.1:0"])).ended(1);
        assert!(ran.err.contains("another `greenlight serve` has this register"), "{ran:?}");
        first.stop();
        Service::start(&database, &[]).stop();
    }

    fn refused(alias: &std::path::Path, why: &str) {
        let address = crate::program::sqlite(alias);
        let ran = run(&mut program(&["serve", "--listen", "127.0.0.1:0", "--database", &address])).ended(1);
        assert!(ran.err.contains(why), "{ran:?}");
    }

    #[tokio::test]
    async fn nor_by_another_name() {
        // The register need not be there yet when it is named.
        for database in [Database::sqlite().await, Database::sqlite().await.empty().await] {
            let Address::Sqlite(file) = database.address() else { panic!("no file") };
            let alias = file.with_file_name("alias.db");
            std::os::unix::fs::symlink(&file, &alias).unwrap();
            let mut first = on(&database, &["serve", "--listen", "127.0.0.1:0"]);
            first.env("GREENLIGHT_DATABASE", crate::program::sqlite(&alias));
            let _first = Service::of(first);
            refused(&file, "another `greenlight serve`");
            refused(&alias, "another `greenlight serve`");
        }
    }

    #[tokio::test]
    async fn nothing_is_written_to_a_file_that_was_taken_away() {
        let database = Database::sqlite().await;
        let Address::Sqlite(file) = database.address() else { panic!("no file") };
        let service = Service::start(&database, &[]);
        let key = service.says(|line| line.trim().starts_with("gl_")).trim().to_owned();
        let put = |id: &str| {
            let body = r#"{"name": "A", "jurisdiction": "CN"}"#;
            let answer = Service::send(&service.host, ("PUT", &format!("/v1/companies/{id}")), &key, body);
            status(&answer).to_owned()
        };
        let ready = || service.get("/readyz", None).contains("\"writable\":true");
        assert_eq!((put("a"), ready()), ("201".to_owned(), true));
        let aside = file.with_file_name("aside.db");
        std::fs::rename(&file, &aside).unwrap();
        assert_eq!((put("b"), ready()), ("503".to_owned(), false));
        // Another in its place is another one, whatever it holds.
        std::fs::copy(&aside, &file).unwrap();
        assert_eq!((put("b"), ready()), ("503".to_owned(), false));
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!((put("b"), ready()), ("201".to_owned(), true));
        service.stop();
        run(&mut on(&database, &["verify"])).ended(0);
    }

    #[tokio::test]
    async fn the_file_of_somebody_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("theirs.db");
        let theirs = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut theirs = theirs.connect().await.unwrap();
        theirs.execute("CREATE TABLE company (name TEXT); INSERT INTO company VALUES ('A')").await.unwrap();
        theirs.close().await.unwrap();
        let before = std::fs::read(&file).unwrap();
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["key", "list"], &["export"]] {
            let address = crate::program::sqlite(&file);
            let ran = run(program(command).env("GREENLIGHT_DATABASE", address)).ended(1);
            assert!(ran.err.contains("holds something else than a register"), "{ran:?}");
        }
        assert!(std::fs::read(&file).unwrap() == before, "it was altered");
    }

    /// What cannot be shown to anybody must not open anything.
    #[tokio::test]
    async fn a_first_key_that_is_not_shown_does_not_work() {
        let database = Database::sqlite().await;
        let mut serve = on(&database, &["serve", "--listen", "127.0.0.1:0"]);
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ended = serve.stdout(Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(ended.code(), Some(1));
        let keys = run(&mut on(&database, &["key", "list"])).ended(0).out;
        assert!(keys.contains("first admin") && keys.contains("revoked"), "{keys}");
    }

    /// SQLite takes such names for URIs, or for no files.
    #[test]
    fn a_path_names_the_file_that_is_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let within = |arguments: &[&str]| {
            let mut command = program(arguments);
            command.current_dir(folder.path()).env("GREENLIGHT_DATABASE", "sqlite:file:a.db");
            command
        };
        let service = Service::of(within(&["serve", "--listen", "127.0.0.1:0", "--sample"]));
        let again = run(&mut within(&["serve", "--listen", "127.0.0.1:0"])).ended(1);
        assert!(again.err.contains("another `greenlight serve`"), "{again:?}");
        for copy in ["file:copy.db", ":memory:"] {
            run(&mut within(&["backup", copy])).ended(0);
            let copied = run(&mut within(&["verify", copy])).ended(0);
            assert!(copied.out.starts_with("1 revisions"), "{copied:?}");
        }
        service.stop();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        names.sort();
        assert_eq!(names, [":memory:", "file:a.db", "file:a.db-serve.lock", "file:copy.db"]);
    }

    #[tokio::test]
    async fn a_file_with_two_names_is_not_served() {
        let database = Database::sqlite().await;
        let Address::Sqlite(file) = database.address() else { panic!("no file") };
        let alias = file.with_file_name("alias.db");
        std::fs::hard_link(&file, &alias).unwrap();
        refused(&file, "more than one name");
        refused(&alias, "more than one name");
        // Nor may a command write what the service would not see.
        let copy = file.with_file_name("copy.db").to_str().unwrap().to_owned();
        for name in [&file, &alias] {
            for command in
                [&["key", "list"][..], &["import", "-"], &["export"], &["backup", &copy], &["verify"]]
            {
                let address = crate::program::sqlite(name);
                let ran = run(program(command).env("GREENLIGHT_DATABASE", address)).ended(1);
                assert!(ran.err.contains("more than one name"), "{ran:?}");
            }
            let ran = run(&mut program(&["verify", name.to_str().unwrap()])).ended(1);
            assert!(ran.err.contains("more than one name"), "{ran:?}");
        }
        std::fs::remove_file(&alias).unwrap();
        Service::start(&database, &[]).stop();
    }
}

mod postgres_shared {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn several_services_share_one_database() {
        let Some(database) = Database::postgres().await else { return };
        let (one, other) =
            (Service::start(&database, &["--public-read"]), Service::start(&database, &["--public-read"]));
        import_sample(&database);
        for service in [&one, &other] {
            assert_eq!(status(&service.get("/v1/companies/alibaba", None)), "200");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_services_started_at_once_one_loads_the_sample() {
        let Some(database) = Database::postgres().await else { return };
        let start = |_| {
            let database = database.clone();
            std::thread::spawn(move || Service::start(&database, &["--sample"]))
        };
        let services: Vec<_> = (0..4).map(start).collect();
        let services: Vec<Service> = services.into_iter().map(|service| service.join().unwrap()).collect();
        let loaded = format!("loaded the sample register: {} things", things());
        let told = |what: &str| services.iter().filter(|service| service.greeting.contains(what)).count();
        assert_eq!((told(&loaded), told(": 0 things")), (1, 0));
    }

    /// However many processes there are, what each accepts it accepts after all the others.
    #[tokio::test(flavor = "multi_thread")]
    async fn of_fifty_orders_through_two_services_just_those_within_the_cap_are_taken() {
        let Some(database) = Database::postgres().await else { return };
        let one = Service::start(&database, &[]);
        let key = one.says(|line| line.trim().starts_with("gl_")).trim().to_owned();
        let other = Service::start(&database, &[]);
        import_sample(&database);
        let cap = r#"{"scope": {"company": "jd", "chip": "mi325x"}, "kind": "unit_cap", "maximum": 100, "counting": "ordered",
            "force": "required", "status": "in_force", "citations": [{"attribution": "own_record"}]}"#;
        let put = Service::send(&one.host, ("PUT", "/v1/conditions/cap"), &key, cap);
        assert_eq!(status(&put), "201", "{put}");
        let order = |number: usize| {
            let host = if number.is_multiple_of(2) { one.host.clone() } else { other.host.clone() };
            let key = key.clone();
            std::thread::spawn(move || {
                let order = r#"{"company": "jd", "chip": "mi325x", "kind": "order", "units": 3, "occurred_on": "2026-10-01"}"#;
                Service::send(&host, ("POST", "/v1/movements"), &key, order)
            })
        };
        let orders: Vec<_> = (0..50).map(order).collect();
        let answers: Vec<String> = orders.into_iter().map(|order| order.join().unwrap()).collect();
        let taken = answers.iter().filter(|answer| status(answer) == "201").count();
        let refused = answers.iter().filter(|answer| answer.contains("\"code\":\"over_limit\"")).count();
        assert_eq!((taken, refused), (33, 17), "{answers:#?}");
        assert!(other.get("/v1/holdings?company=jd", Some(&key)).contains("\"available\":1"));
    }
}
