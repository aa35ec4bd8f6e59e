//! Where requests end and the next ones begin: what others may read in another way is refused.

use std::time::{Duration, Instant};

use greenlight::http::Limits;
use tokio::time::timeout;

use crate::line::{Answer, Client, PATIENCE, exchange};
use crate::service::{Service, brisk, on_sqlite};
use crate::support::things::{company, newest, put};

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const BODY: &str = "{\n\"name\": \"A\",\n\n\"jurisdiction\": \"CN\"\n}\n";

/// Limits with which no answer is late.
fn patient() -> Limits {
    Limits { head: Duration::from_secs(20), ..brisk() }
}

/// A request that puts a company on record, with these fields and this body.
fn post(key: &str, fields: &str, body: &str) -> String {
    format!(
        "POST /v1/companies HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{fields}\r\n\r\n{body}"
    )
}

/// A request that puts a company on record, with a length.
fn sized(key: &str) -> String {
    post(key, &format!("Content-Length: {}", BODY.len()), BODY)
}

/// A body in two chunks.
fn chunks() -> String {
    let (first, second) = BODY.split_at(7);
    format!("7\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len())
}

/// What is told until the connection closes: the statuses, and the last answer.
async fn told(service: &Service, text: impl AsRef<[u8]>) -> (Vec<u16>, Answer) {
    let (told, _) = Client::saying(service.address, text).await.rest().await;
    let answers = told.split("HTTP/1.1 ").skip(1).map(|answer| Answer::of(&format!("HTTP/1.1 {answer}")));
    let mut answers: Vec<Answer> = answers.collect();
    let statuses = answers.iter().map(|answer| answer.status).collect();
    (statuses, answers.pop().unwrap_or_else(|| panic!("no answer: {told:?}")))
}

#[test]
fn a_line_of_a_head_that_ends_in_a_bare_line_feed_is_refused() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let refused = async |text: String| {
            let (statuses, answer) = told(&service, &text).await;
            assert_eq!((statuses, answer.problem().as_str()), (vec![400], "malformed_request"), "{text:?}");
            assert_eq!(answer.field("connection"), Some("close"), "{answer:?}");
            let (statuses, answer) = told(&service, format!("{GET}{text}")).await;
            assert_eq!((statuses, answer.problem().as_str()), (vec![200, 400], "malformed_request"));
        };
        for (at, _) in LAST.match_indices("\r\n") {
            let mut text = LAST.to_owned();
            text.remove(at);
            refused(text.clone()).await;
            // A bare carriage return is refused by the protocol.
            text.replace_range(at..=at, "\r");
            text.push_str(GET);
            refused(text).await;
        }
        refused(LAST.replace("\r\n", "\n")).await;
        refused(format!("\n{LAST}")).await;
        refused(format!("\r{LAST}")).await;
        refused(LAST.replace("a\r\n", "a\rb\r\n")).await;
        assert_eq!(told(&service, format!("{GET}\r\n\r\n{LAST}")).await.0, [200, 200]);
        assert_eq!(told(&service, format!("\r\n{LAST}")).await.0, [200]);
    });
}

#[test]
fn a_body_may_hold_bare_line_feeds() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let before = newest(&service.register).await;
        let text = format!("{}{GET}{}{LAST}", sized(&key), sized(&key));
        assert_eq!(told(&service, text).await.0, [201, 200, 201, 200]);
        assert_eq!(newest(&service.register).await, before + 2);
    });
}

#[test]
fn a_length_beside_a_transfer_coding_is_refused_and_nothing_is_applied() {
    on_sqlite(|database| async {
        let service = Service::start(database, brisk()).await;
        let key = service.first_key().await;
        let before = newest(&service.register).await;
        let (length, chunks) = (format!("Content-Length: {}", BODY.len()), chunks());
        for fields in [
            format!("{length}\r\nTransfer-Encoding: chunked"),
            format!("Transfer-Encoding: chunked\r\n{length}"),
            format!("TRANSFER-ENCODING:CHUNKED\r\nAccept: */*\r\n{}", length.to_lowercase()),
            "content-LENGTH:0\r\ntransfer-encoding: gzip, chunked".to_owned(),
        ] {
            for before in ["", GET] {
                let text = format!("{before}{}{GET}", post(&key, &fields, &chunks));
                let (statuses, answer) = told(&service, text).await;
                let expected = if before.is_empty() { vec![400] } else { vec![200, 400] };
                assert_eq!(statuses, expected, "{fields}");
                assert_eq!(answer.problem(), "malformed_request", "{fields}");
                assert_eq!(answer.field("connection"), Some("close"), "{answer:?}");
            }
        }
        assert_eq!(newest(&service.register).await, before);
        // Either of them alone is taken. After chunks nothing is read as a request.
        assert_eq!(told(&service, format!("{}{LAST}", sized(&key))).await.0, [201, 200]);
        let chunked = post(&key, "Transfer-Encoding: chunked", &chunks);
        assert_eq!(told(&service, format!("{GET}{chunked}{LAST}")).await.0, [200, 201]);
        assert_eq!(newest(&service.register).await, before + 2);
    });
}

#[test]
fn requests_that_come_at_once_are_answered_one_after_the_other() {
    on_sqlite(|database| async {
        let service = Service::start(database, patient()).await;
        let key = service.first_key().await;
        let text = format!("{}{LAST}", format!("{GET}{}", sized(&key)).repeat(50));
        let (statuses, _) = told(&service, &text).await;
        assert_eq!(statuses, [[200, 201].repeat(50), vec![200]].concat());
        let text = format!("{}{LAST}", GET.repeat(5000));
        assert_eq!(told(&service, &text).await.0, vec![200; 5001]);
    });
}

#[test]
fn requests_that_come_in_small_pieces_are_answered() {
    on_sqlite(|database| async {
        let service = Service::start(database, patient()).await;
        let key = service.first_key().await;
        let text = format!("{}{GET}{LAST}", sized(&key));
        for size in [1, 2, 3, 50, 333] {
            let mut client = Client::saying(service.address, "").await;
            client.stream.set_nodelay(true).unwrap();
            for piece in text.as_bytes().chunks(size) {
                client.say(piece).await;
                tokio::task::yield_now().await;
            }
            for status in [201, 200, 200] {
                assert_eq!(client.answer().await.status, status, "in pieces of {size}");
            }
            assert_eq!(client.rest().await.0, "");
        }
    });
}

#[test]
fn what_comes_during_an_answer_is_read_after_it() {
    on_sqlite(|database| async {
        let service = Service::start(database, patient()).await;
        put(&service.register, company("a")).await.unwrap();
        let wait = |after: i64| format!("GET /v1/changes?after={after}&wait=25 HTTP/1.1\r\nHost: a\r\n\r\n");
        let bare = LAST.replace("\r\n", "\n");
        for (at, text, status) in [(0, LAST, 200), (9, LAST, 200), (0, &bare, 400), (9, &bare, 400)] {
            let id = format!("b-{status}-{at}");
            let mut client = Client::saying(service.address, wait(newest(&service.register).await)).await;
            // It waits by then, so that the rest comes during its answer.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let (start, rest) = text.split_at(at);
            client.say(start).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            client.say(rest).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            put(&service.register, company(&id)).await.unwrap();
            let waited = client.answer().await;
            assert!(waited.status == 200 && waited.body.contains(&id), "{waited:?}");
            assert_eq!(client.answer().await.status, status);
            assert_eq!(client.rest().await.0, "");
        }
    });
}

#[test]
fn a_body_that_is_asked_for_is_followed_by_a_request() {
    on_sqlite(|database| async {
        let service = Service::start(database, patient()).await;
        let key = service.first_key().await;
        let fields = format!("Content-Length: {}\r\nExpect: 100-continue", BODY.len());
        let mut client = Client::saying(service.address, post(&key, &fields, "")).await;
        client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
        client.say(format!("{BODY}{LAST}")).await;
        assert_eq!(client.answer().await.status, 201);
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(client.rest().await.0, "");
    });
}

#[test]
fn a_client_that_leaves_during_its_answer_makes_room() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { connections: 1, ..patient() }).await;
        let wait = "GET /v1/changes?wait=25 HTTP/1.1\r\nHost: a\r\n\r\n";
        let waiting = Client::saying(service.address, wait).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(exchange(service.address, LAST).await.status, 503);
        let began = Instant::now();
        drop(waiting);
        let taken = async { while exchange(service.address, LAST).await.status != 200 {} };
        assert!(timeout(PATIENCE, taken).await.is_ok(), "there is still no room");
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    });
}
