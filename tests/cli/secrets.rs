//! Secrets stay out of the log, and who was refused gets into it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::program::{Service, on, run};
use crate::support::{Database, on_each_engine};

on_each_engine!(no_secret_is_in_the_log_however_much_is_logged, who_is_refused_is_logged_and_counted,);

/// Sends a body with a key; the answer with its head.
fn post(service: &Service, path: &str, key: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&service.host).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A key of a role; its secret.
fn key(database: &Database, role: &str) -> String {
    run(&mut on(database, &["key", "create", "--name", role, "--role", role])).ended(0).out.trim().to_owned()
}

async fn no_secret_is_in_the_log_however_much_is_logged(database: Database) {
    let (admin, reader) = (key(&database, "admin"), key(&database, "reader"));
    let mut serve = on(&database, &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    serve.env("RUST_LOG", "trace");
    let service = Service::of(serve);
    let wrong = "gl_key-00000000000000000000_wrong-as-it-is";
    let made = post(&service, "/v1/keys", &admin, r#"{"name": "made", "owner": "tests", "role": "editor"}"#);
    let made = made.split_once("\"secret\":\"").unwrap_or_else(|| panic!("{made}")).1;
    let made = made.split('"').next().unwrap().to_owned();
    for secret in [&made, &reader, wrong] {
        service.get("/v1/companies", Some(secret));
        post(&service, "/v1/companies", secret, r#"{"name": "known-words", "jurisdiction": "CN"}"#);
    }
    let log = service.greeting.clone() + &service.stop();
    // Everything else is told: so little is hidden that something would show.
    assert!(log.lines().count() > 50 && log.contains("/v1/companies"), "{log}");
    for secret in [admin.as_str(), &reader, &made, wrong] {
        // What is hidden can hold the sign that divides a key, too.
        let hidden = secret.splitn(3, '_').nth(2).unwrap();
        assert!(hidden.len() > 10, "{secret}");
        let shown: Vec<&str> = log.lines().filter(|line| line.contains(hidden)).collect();
        assert_eq!(shown, [""; 0], "the log shows {secret}");
    }
}

async fn who_is_refused_is_logged_and_counted(database: Database) {
    let reader = key(&database, "reader");
    let service = Service::start(&database, &[]);
    for (key, code) in [(None, "unauthenticated"), (Some("gl_nobody"), "unauthenticated")] {
        assert!(service.get("/v1/companies", key).contains(code));
        let line = service.says(|line| line.contains("denied"));
        assert!(line.contains(code) && line.contains("/v1/companies"), "{line}");
    }
    assert!(service.get("/v1/keys", Some(&reader)).contains("forbidden"));
    let line = service.says(|line| line.contains("denied"));
    assert!(line.contains("forbidden") && line.contains("/v1/keys"), "{line}");
    let metrics = service.get("/metrics", None);
    for count in [
        "greenlight_denials_total{code=\"unauthenticated\"} 2",
        "greenlight_denials_total{code=\"forbidden\"} 1",
    ] {
        assert!(metrics.contains(count), "{metrics}");
    }
}
