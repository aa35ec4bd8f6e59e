//! How often somebody may ask.

use std::net::SocketAddr;

use greenlight::http::Limits;

use crate::line::{Answer, exchange};
use crate::service::{Service, brisk, on_sqlite};

const PATH: &str = "/problems/not_found";

async fn get(address: SocketAddr, fields: &str) -> Answer {
    get_from(address, PATH, fields).await
}

async fn get_from(address: SocketAddr, path: &str, fields: &str) -> Answer {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}Connection: close\r\n\r\n")).await
}

#[test]
fn nobody_is_limited_unless_it_is_set() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        for _ in 0..50 {
            let answer = get(service.address, "").await;
            assert_eq!((answer.status, answer.field("ratelimit")), (200, None));
        }
    });
}

#[test]
fn an_address_that_has_asked_enough_is_told_when_to_come_back() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { per_peer: Some(3), ..brisk() }).await;
        for left in ["2", "1", "0"] {
            let answer = get(service.address, "").await;
            assert_eq!(answer.status, 200);
            assert!(answer.field("ratelimit").unwrap().starts_with(&format!("\"peer\";r={left};t=")));
            assert_eq!(answer.field("ratelimit-policy"), Some("\"peer\";q=3;w=60"));
        }
        let answer = get(service.address, "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (429, "too_many_requests"));
        let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
        assert!((15..=20).contains(&wait), "{answer:?}");
        assert!(answer.field("ratelimit").unwrap().starts_with("\"peer\";r=0;t="), "{answer:?}");
    });
}

#[test]
fn each_key_has_its_own_allowance_and_what_has_not_changed_costs_a_tenth() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { per_key: Some(4), ..brisk() }).await;
        let key = "Authorization: Bearer gl_one\r\n";
        let etag = get(service.address, key).await.field("etag").unwrap().to_owned();
        for _ in 0..20 {
            let known = format!("{key}If-None-Match: {etag}\r\n");
            assert_eq!(get(service.address, &known).await.status, 304);
        }
        assert_eq!(get(service.address, key).await.status, 200);
        assert_eq!(get(service.address, key).await.status, 429);
        assert_eq!(get(service.address, "Authorization: Bearer gl_other\r\n").await.status, 200);
        assert_eq!(get(service.address, "").await.status, 200);
    });
}

#[test]
fn a_key_has_one_allowance_however_it_is_written() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { per_key: Some(2), ..brisk() }).await;
        for (written, status) in [
            ("Bearer gl_one", 200),
            ("bearer  gl_one", 200),
            ("BEARER gl_one", 429),
            ("Bearer   gl_one", 429),
        ] {
            let answer = get(service.address, &format!("Authorization: {written}\r\n")).await;
            assert_eq!(answer.status, status, "{written}");
        }
    });
}

#[test]
fn whoever_watches_the_service_is_not_limited() {
    on_sqlite(|database| async {
        let limits = Limits { per_peer: Some(1), per_key: Some(1), ..brisk() };
        let service = Service::start(database, limits).await;
        let key = "Authorization: Bearer gl_one\r\n";
        for path in ["/healthz", "/readyz"] {
            for _ in 0..5 {
                let answer = get_from(service.address, path, key).await;
                assert_eq!((answer.status, answer.field("ratelimit")), (200, None), "{path}");
                let known = format!("{key}If-None-Match: {}\r\n", answer.field("etag").unwrap());
                assert_eq!(get_from(service.address, path, &known).await.status, 304, "{path}");
            }
        }
        assert_eq!(get(service.address, key).await.status, 200);
        assert_eq!(get(service.address, key).await.status, 429);
        assert_eq!(get_from(service.address, "/healthz", key).await.status, 200);
    });
}

#[test]
fn who_is_refused_for_the_key_is_not_charged_for_the_address() {
    on_sqlite(|database| async {
        let limits = Limits { per_peer: Some(4), per_key: Some(1), ..brisk() };
        let service = Service::start(database, limits).await;
        let key = "Authorization: Bearer gl_one\r\n";
        assert_eq!(get(service.address, key).await.status, 200);
        // At the door and behind it.
        for path in [PATH, "/v1/workflows"] {
            for _ in 0..5 {
                let answer = get_from(service.address, path, key).await;
                assert_eq!((answer.status, answer.problem().as_str()), (429, "too_many_requests"), "{path}");
            }
        }
        for left in ["2", "1", "0"] {
            let answer = get(service.address, "").await;
            assert!(
                answer.field("ratelimit").unwrap().starts_with(&format!("\"peer\";r={left};")),
                "{answer:?}"
            );
        }
    });
}
