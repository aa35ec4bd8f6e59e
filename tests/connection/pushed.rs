//! The stream on its line: how its pieces come, and when its connection ends.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use greenlight::http::Limits;
use tokio::io::AsyncWriteExt as _;

use crate::line::{Answer, Client, exchange};
use crate::service::{Service, brisk, on_sqlite};
use crate::support::things::{company, found, of, put};

const GET: &str = "GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\n\r\n";
const ALIVE: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Nothing ends a stream but its client and the service.
fn quiet() -> Limits {
    Limits { heartbeat: Duration::from_mins(5), ..brisk() }
}

/// The head, and the first piece of the body.
async fn open(address: SocketAddr) -> (Client, Answer) {
    let mut client = Client::saying(address, GET).await;
    let mut answer = Answer::of(&client.until("\r\n\r\n").await);
    answer.body = piece(&mut client).await;
    (client, answer)
}

/// The next piece of a body that comes in pieces, each of which says how long it is.
async fn piece(client: &mut Client) -> String {
    let size = client.until("\r\n").await;
    let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
    let piece = client.until("\r\n").await;
    assert_eq!(piece.len(), size + 2, "{piece:?}");
    piece.trim_end_matches("\r\n").to_owned()
}

#[test]
fn its_head_is_that_of_an_answer_and_its_pieces_are_whole_events() {
    on_sqlite(|database| async {
        let service = Service::start(database, quiet()).await;
        found(&service.register).await;
        let (mut client, answer) = open(service.address).await;
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("text/event-stream")));
        assert_eq!(answer.field("transfer-encoding"), Some("chunked"), "{answer:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{answer:?}");
        assert!(answer.field("x-request-id").is_some_and(|id| id.len() == 32), "{answer:?}");
        let other = exchange(service.address, ALIVE).await;
        let date = |answer: &Answer| answer.field("date").map(|date| (date.len(), date.ends_with(" GMT")));
        assert_eq!(date(&answer), date(&other), "{answer:?}");
        assert!(answer.body.starts_with("retry: ") && answer.body.ends_with("\n\n"), "{answer:?}");
        put(&service.register, company("a")).await.unwrap();
        let event = piece(&mut client).await;
        assert!(event.starts_with("event: revision\n") && event.ends_with("]\n\n"), "{event}");
        let head = format!("HEAD {}", GET.trim_start_matches("GET "))
            .replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let (told, _) = Client::saying(service.address, head).await.rest().await;
        let answer = Answer::of(&told);
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    });
}

#[test]
fn who_hangs_up_leaves_its_place_at_once() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { connections: 1, ..quiet() }).await;
        let (mut client, _) = open(service.address).await;
        assert_eq!(exchange(service.address, ALIVE).await.status, 503);
        client.stream.shutdown().await.unwrap();
        let began = Instant::now();
        while exchange(service.address, ALIVE).await.status != 200 {
            assert!(began.elapsed() < Duration::from_secs(5), "its place is still taken");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn who_asks_again_while_it_follows_is_not_answered_and_goes_on_following() {
    on_sqlite(|database| async {
        let service = Service::start(database, quiet()).await;
        found(&service.register).await;
        let (mut early, _) = {
            let mut client = Client::saying(service.address, format!("{GET}{ALIVE}")).await;
            client.until("\r\n\r\n").await;
            let greeting = piece(&mut client).await;
            (client, greeting)
        };
        let (mut late, _) = open(service.address).await;
        late.say(ALIVE).await;
        for name in ["a", "b"] {
            put(&service.register, company(name)).await.unwrap();
            for client in [&mut early, &mut late] {
                let event = piece(client).await;
                assert!(event.contains(&format!("\"id\":\"{name}\"")), "{event}");
            }
        }
    });
}

#[test]
fn who_does_not_take_its_events_does_not_hold_up_a_stop() {
    on_sqlite(|database| async {
        let long = Duration::from_mins(5);
        let service = Service::start(database, Limits { reply: long, ..quiet() }).await;
        found(&service.register).await;
        let (_stalled, _) = open(service.address).await;
        for number in 0..100 {
            let mut large = company(&format!("c-{number}"));
            large.aliases = (0..100).map(|alias| of(&format!("{number}-{alias:0>190}"))).collect();
            for round in 0..3 {
                large.name = of(&format!("round {round}"));
                put(&service.register, large.clone()).await.unwrap();
            }
        }
        let began = Instant::now();
        service.stop().await;
        let took = began.elapsed();
        assert!(took > brisk().stop / 2, "all of it was taken, so this shows nothing");
        assert!(took < Duration::from_secs(3), "it took {took:?}");
    });
}
