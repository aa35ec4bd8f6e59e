//! Heads of requests that are none, or are too large.

use crate::line::{Client, exchange};
use crate::service::{Service, brisk, on_sqlite};

const CLOSE: &str = "Connection: close\r\n\r\n";

#[test]
fn what_is_no_request_is_answered_with_a_problem() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        for (text, status, code) in [
            ("hello\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n", 400, "malformed_request"),
            (
                "POST /v1/companies HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
                400,
                "malformed_request",
            ),
            (
                "POST /v1/companies HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                400,
                "malformed_request",
            ),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "http_version_not_supported"),
            ("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: a b/c?\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: me@a\r\n\r\n", 400, "malformed_request"),
            ("GET /healthz HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", 400, "malformed_request"),
        ] {
            let answer = exchange(service.address, text).await;
            assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{text:?}: {answer:?}");
            assert_eq!(answer.field("connection"), Some("close"), "{answer:?}");
            let date = answer.field("date").unwrap();
            assert!(date.len() == 29 && date.ends_with(" GMT"), "{answer:?}");
        }
    });
}

#[test]
fn a_host_is_a_name_or_an_address() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        for host in ["a.example", "a_b:8080", "192.0.2.1:80", "[2001:db8::1]:80", "%C3%A9", ""] {
            let text = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{CLOSE}");
            assert_eq!(exchange(service.address, text).await.status, 200, "{host}");
        }
    });
}

#[test]
fn a_head_that_is_too_large_is_refused_by_what_is_too_large() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let many = "X-Many: 1\r\n".repeat(200);
        let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}{CLOSE}");
        let field = |length: usize| format!("X-Long: {}\r\n", "x".repeat(length));
        let path = |length: usize| format!("/{}", "p".repeat(length));
        for (text, status, code) in [
            (get("/healthz", &many), 431, "head_too_large"),
            (get("/healthz", &field(16 * 1024)), 431, "head_too_large"),
            (get("/healthz", &field(130_000)), 431, "head_too_large"),
            (get(&path(9 * 1024), ""), 414, "uri_too_long"),
            (get(&path(100_000), ""), 414, "uri_too_long"),
        ] {
            let answer = exchange(service.address, &text).await;
            assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{answer:?}");
        }
        assert_eq!(exchange(service.address, get("/healthz", &field(15 * 1024))).await.status, 200);
        assert_eq!(exchange(service.address, get(&path(7 * 1024), "")).await.problem(), "no_such_path");
    });
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let get = |version: &str, fields: &str| format!("GET /healthz HTTP/{version}\r\n{fields}\r\n");
        for version in ["1.0", "0.9", "1.2", "2.0"] {
            for fields in ["", "Host: a\r\n", "Host: a\r\nConnection: keep-alive\r\n"] {
                let text = format!("{}{}", get(version, fields), get("1.1", "Host: a\r\n"));
                let answer = exchange(service.address, &text).await;
                assert_eq!((answer.status, answer.problem().as_str()), (505, "http_version_not_supported"));
                assert_eq!(answer.field("connection"), Some("close"), "{answer:?}");
                assert!(answer.head.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"), "{answer:?}");
            }
        }
        for version in ["2", "1.10", ""] {
            let answer = exchange(service.address, get(version, "Host: a\r\n")).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed_request"), "{version}");
        }
        let answer = exchange(service.address, get("1.1", "Host: a\r\nConnection: close\r\n")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{\"status\":\"ok\"}"));
    });
}

#[test]
fn a_broken_request_after_a_good_one_is_answered_too() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let mut client = Client::saying(service.address, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
        client.say("nonsense\r\n\r\n").await;
        assert_eq!(client.answer().await.problem(), "malformed_request");
        assert_eq!(client.rest().await.0, "");
    });
}
