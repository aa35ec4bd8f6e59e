//! Bodies as large as their operation takes, and larger.

use std::time::{Duration, Instant};

use crate::line::{Answer, Client, exchange};
use crate::service::{Service, brisk, on_sqlite};

#[test]
fn a_body_is_taken_without_a_coding_alone() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let body = "{\"name\":\"a\",\"jurisdiction\":\"CN\"}";
        for (coding, status) in [("gzip", 415), ("identity, br", 415), ("Identity", 201), ("", 201)] {
            let text = format!(
                "POST /v1/companies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let answer = exchange(service.address, text).await;
            assert_eq!(answer.status, status, "{coding}: {answer:?}");
            if status == 415 {
                assert_eq!(answer.problem(), "unsupported_media_type");
                assert_eq!(answer.field("accept-encoding"), Some("identity"));
            }
        }
    });
}

#[test]
fn a_body_may_be_as_large_as_its_operation_takes() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let post = async |path: &str, media_type: &str, body: &str, size: usize| -> Answer {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
            );
            exchange(service.address, format!("{head}{body}{}", " ".repeat(size - body.len()))).await
        };
        let line = "{\"kind\":\"company\",\"id\":\"a\",\"name\":\"a\",\"jurisdiction\":\"CN\"}";
        let answer = post("/v1/imports", "application/x-ndjson", line, 3 << 20).await;
        assert!(answer.status == 200 && answer.body.contains("\"created\":1"), "{answer:?}");
        let company = "{\"name\":\"b\",\"jurisdiction\":\"CN\"}";
        assert_eq!(post("/v1/companies", "application/json", company, 1 << 20).await.status, 201);
        let answer = post("/v1/companies", "application/json", company, (1 << 20) + 1).await;
        assert_eq!((answer.status, answer.problem().as_str()), (413, "payload_too_large"));
    });
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_at_once() {
    on_sqlite(|database| async {
        let limits = greenlight::http::Limits { body: Duration::from_mins(1), ..brisk() };
        let service = Service::start(database, limits).await;
        let key = service.first_key().await;
        for (path, media_type, size) in [
            ("/v1/companies", "application/json", 2 << 20),
            ("/v1/imports", "application/x-ndjson", 65 << 20),
        ] {
            for expect in ["", "Expect: 100-continue\r\n"] {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\n{expect}\r\n"
                );
                let began = Instant::now();
                let answer = exchange(service.address, head).await;
                assert_eq!((answer.status, answer.problem().as_str()), (413, "payload_too_large"), "{path}");
                assert_eq!(answer.field("connection"), Some("close"), "{path} {expect}");
                assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
            }
        }
    });
}

#[test]
fn a_refusal_that_leaves_a_body_unread_says_that_the_connection_closes() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let large = 128 * 1024;
        for (line, fields, status) in [
            ("POST /v1/companies", "Content-Type: application/json\r\n".to_owned(), 401),
            ("POST /v1/colours", String::new(), 404),
            ("POST /v1/board", String::new(), 405),
            ("POST /v1/companies", format!("Authorization: Bearer {key}\r\n"), 415),
            ("GET /v1/companies", String::new(), 200),
        ] {
            let head =
                |size: usize| format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {size}\r\n\r\n");
            // What is small is read and passed over, and the connection goes on.
            let mut client = Client::saying(service.address, head(100) + &" ".repeat(100)).await;
            for size in [1000, large] {
                let answer = client.answer().await;
                assert_eq!((answer.status, answer.field("connection")), (status, None), "{line}: {answer:?}");
                client.say(head(size) + &" ".repeat(size)).await;
            }
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.field("connection")), (status, Some("close")), "{line}");
            assert_eq!(client.rest().await.0, "", "{line}");
        }
    });
}
