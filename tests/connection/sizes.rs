//! Bodies as large as their operation takes, and larger.

use crate::line::{Answer, exchange};
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
