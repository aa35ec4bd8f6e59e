//! Clients that do not go on, and clients that there is no room for.

use std::time::{Duration, Instant};

use greenlight::domain::condition::Condition;
use greenlight::http::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::line::{Answer, Client, PATIENCE, exchange};
use crate::service::{Service, brisk, on_sqlite};
use crate::support::things::{company, condition, found, of, own_record, put};

const HALF_BODY: &str = "POST /v1/companies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":";
const EXPORT: &str = "GET /v1/exports HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn who_does_not_go_on_is_let_go_in_time() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let half_body = HALF_BODY.replace("KEY", &key);
        let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        for (text, codes) in [
            ("", ""),
            ("GET /healthz HT", "request_timeout"),
            ("GET /healthz HTTP/1.1\r\nHost: a\r\nAcc", "request_timeout"),
            (request, "ok"),
            (half_body.as_str(), "request_timeout"),
        ] {
            let (told, after) = Client::saying(service.address, text).await.rest().await;
            assert!(after < Duration::from_secs(5), "{text:?} was let go after {after:?}");
            match codes {
                "" => assert_eq!(told, ""),
                "ok" => assert!(told.starts_with("HTTP/1.1 200 ") && told.ends_with('}'), "{told}"),
                code => {
                    let answer = Answer::of(&told);
                    assert_eq!((answer.status, answer.problem().as_str()), (408, code), "{text:?}");
                }
            }
        }
    });
}

#[test]
fn the_time_for_a_head_begins_again_with_each_answer_and_with_nothing_else() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut client = Client::saying(service.address, request).await;
        assert_eq!(client.answer().await.status, 200);
        // Longer than a head may take, though not from one answer to the next.
        for _ in 0..6 {
            tokio::time::sleep(brisk().head / 2).await;
            client.say(request).await;
            assert_eq!(client.answer().await.status, 200);
        }
        let began = Instant::now();
        for byte in request.bytes() {
            // It is told before it has said all.
            if client.stream.write_all(&[byte]).await.is_err() || began.elapsed() > brisk().head * 2 {
                break;
            }
            tokio::time::sleep(brisk().head / 20).await;
        }
        let answer = Answer::of(&client.rest().await.0);
        assert_eq!((answer.status, answer.problem().as_str()), (408, "request_timeout"));
        let took = began.elapsed();
        assert!(took > brisk().head * 9 / 10 && took < brisk().head * 5, "it took {took:?}");
    });
}

#[test]
fn a_body_that_comes_slowly_but_comes_is_taken() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { body: Duration::from_secs(2), ..brisk() }).await;
        let key = service.first_key().await;
        let body = "{\"name\":\"Slow\",\"jurisdiction\":\"CN\"}";
        let head = HALF_BODY.split("\r\n\r\n").next().unwrap().replace("KEY", &key);
        let head = head.replace("Length: 100", &format!("Length: {}", body.len()));
        let mut client = Client::saying(service.address, format!("{head}\r\n\r\n")).await;
        for piece in body.as_bytes().chunks(7) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.say(piece).await;
        }
        let answer = client.answer().await;
        assert_eq!(answer.status, 201, "{answer:?}");
    });
}

/// Puts so much on record that it does not fit into what lies between the service and its client.
async fn fill(service: &Service) {
    found(&service.register).await;
    let long = "so it goes ".repeat(180);
    let mut citation = own_record().remove(0);
    citation.note = Some(of(long.trim_end()));
    for number in 0..100 {
        let citations = vec![citation.clone(); 100];
        let condition = Condition { citations, ..condition(&format!("c-{number}")) };
        put(&service.register, condition).await.unwrap();
    }
}

#[test]
fn who_never_reads_is_let_go_and_who_reads_slowly_is_not() {
    on_sqlite(|database| async {
        let limits = Limits { reply: Duration::from_secs(2), ..brisk() };
        let service = Service::start(database, limits).await;
        fill(&service).await;
        let mut stalled = Client::saying(service.address, EXPORT).await;
        let mut slow = Client::saying(service.address, EXPORT).await;
        let slowly = async {
            let (mut bytes, mut total) = (vec![0; 256 * 1024], 0);
            // It takes longer than the deadline, but takes something all the time.
            for round in 0.. {
                let read = slow.stream.read(&mut bytes).await.unwrap();
                total += read;
                if bytes[..read].ends_with(b"0\r\n\r\n") {
                    break;
                }
                assert!(read > 0, "cut off after {total}");
                if round < 60 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            total
        };
        let unread = async {
            // Nothing tells when it is let go, since what was sent until then lies before the end: it waits for
            // longer than that takes.
            tokio::time::sleep(Duration::from_secs(8)).await;
            stalled.rest().await.0
        };
        let (total, told) = tokio::join!(slowly, unread);
        assert!(total > 10_000_000, "only {total}");
        assert!(told.len() < total && !told.ends_with("0\r\n\r\n"), "all {} were taken", told.len());
    });
}

#[test]
fn who_reads_slowly_is_seen_to_read() {
    on_sqlite(|database| async {
        let limits = Limits { reply: Duration::from_secs(2), ..brisk() };
        let service = Service::start(database, limits).await;
        fill(&service).await;
        let mut slow = Client::saying(service.address, EXPORT).await;
        let (mut bytes, mut total) = (vec![0; 64 * 1024], 0);
        let began = Instant::now();
        // Some hundred kilobytes within the deadline: more than it asks for, and less than systems like to keep.
        while began.elapsed() < Duration::from_secs(8) {
            let read = slow.stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "cut off after {total} and {:?}", began.elapsed());
            total += read;
            tokio::time::sleep(Duration::from_millis(160)).await;
        }
        let (rest, _) = slow.rest().await;
        assert!(rest.ends_with("0\r\n\r\n") && total + rest.len() > 10_000_000, "{total}, {}", rest.len());
    });
}

#[test]
fn who_waits_for_a_change_is_answered_in_time() {
    on_sqlite(|database| async {
        let limits = Limits { request: Duration::from_secs(1), ..brisk() };
        let service = Service::start(database, limits).await;
        let wait = "GET /v1/changes?wait=25 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let began = Instant::now();
        let answer = exchange(service.address, wait).await;
        assert!(answer.status == 200 && answer.body.contains("\"items\":[]"), "{answer:?}");
        assert!(began.elapsed() > Duration::from_millis(500), "{:?}", began.elapsed());
    });
}

#[test]
fn a_client_too_many_is_told_so() {
    on_sqlite(|database| async {
        let limits = Limits { connections: 3, head: Duration::from_secs(20), ..brisk() };
        let service = Service::start(database, limits).await;
        put(&service.register, company("a")).await.unwrap();
        let get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut kept = Vec::new();
        for _ in 0..3 {
            let mut client = Client::saying(service.address, get).await;
            assert_eq!(client.answer().await.status, 200);
            kept.push(client);
        }
        let answer = exchange(service.address, get).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"));
        // What nobody read was not carried out, whatever it was.
        assert_eq!(answer.outcome(), "none");
        assert!(answer.field("retry-after").is_some());
        kept.pop();
        let taken =
            async { while Client::saying(service.address, get).await.answer().await.status != 200 {} };
        assert!(timeout(PATIENCE, taken).await.is_ok(), "there is still no room");
    });
}
