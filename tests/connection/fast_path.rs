//! What is kept ready is given at the door as it is given further in.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use greenlight::http::Limits;

use crate::line::{Answer, exchange};
use crate::service::{Service, brisk, on_sqlite};
use crate::support::things::{found, put, workflow};

const LIST: &str = "/v1/workflows";

async fn get(address: SocketAddr, path: &str, fields: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
    exchange(address, request).await
}

/// The fields of an answer, but for what differs from one to the next.
fn fields(answer: &Answer) -> BTreeSet<String> {
    let lines = answer.head.lines().map(str::to_ascii_lowercase);
    let mut fields: BTreeSet<String> = lines.filter(|line| !line.starts_with("date:")).collect();
    assert!(fields.remove("x-request-id: mine"), "{answer:?}");
    fields
}

#[test]
fn an_answer_at_the_door_is_the_answer_of_the_routes_and_is_counted_like_it() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        found(&service.register).await;
        let mine = "Host: a\r\nX-Request-Id: mine\r\n";
        let made = get(service.address, LIST, mine).await;
        let kept = get(service.address, LIST, mine).await;
        assert_eq!((made.status, kept.status), (200, 200));
        assert_eq!((fields(&made), &made.body), (fields(&kept), &kept.body));
        for fields in ["Host: a\r\n", "Host: a\r\nX-Request-Id: \u{e9}\r\n"] {
            let other = get(service.address, LIST, fields).await;
            assert_eq!(other.field("x-request-id").map(str::len), Some(32), "{other:?}");
        }
        let known = format!("{mine}If-None-Match: {}\r\n", kept.field("etag").unwrap());
        let had = get(service.address, LIST, &known).await;
        assert_eq!((had.status, had.body.as_str(), had.field("content-type")), (304, "", None));
        assert_eq!(had.field("etag"), kept.field("etag"));
        put(&service.register, workflow("another")).await.unwrap();
        let page = format!("{LIST}?limit=1");
        let made = get(service.address, &page, mine).await;
        let kept = get(service.address, &page, mine).await;
        assert_eq!((fields(&made), &made.body), (fields(&kept), &kept.body));
        assert!(kept.field("link").unwrap().ends_with(">; rel=\"next\""), "{kept:?}");
        let known = format!("{mine}If-None-Match: {}\r\n", kept.field("etag").unwrap());
        let had = get(service.address, &page, &known).await;
        assert_eq!((had.status, had.field("link")), (304, None));
        let metrics = get(service.address, "/metrics", "Host: a\r\n").await.body;
        for (status, count) in [("200", 6), ("304", 2)] {
            let line = format!(
                "greenlight_requests_total{{method=\"GET\",route=\"{LIST}\",status=\"{status}\"}} {count}\n"
            );
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }
    });
}

#[test]
fn the_door_refuses_what_the_routes_refuse() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { per_peer: Some(4), ..brisk() }).await;
        found(&service.register).await;
        assert_eq!(get(service.address, LIST, "Host: a\r\n").await.status, 200);
        for hosts in ["", "Host: a\r\nHost: a\r\n"] {
            let answer = get(service.address, LIST, hosts).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed_request"));
        }
        for left in ["2", "1", "0"] {
            let answer = get(service.address, LIST, "Host: a\r\n").await;
            assert!(answer.field("ratelimit").unwrap().starts_with(&format!("\"peer\";r={left};")));
        }
        assert_eq!(get(service.address, LIST, "Host: a\r\n").await.status, 429);
    });
}
