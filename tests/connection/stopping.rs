//! Stopping, whatever the clients do.

use std::time::{Duration, Instant};

use greenlight::http::Limits;
use tokio::net::TcpStream;

use crate::line::Client;
use crate::service::{Service, brisk, on_sqlite};
use crate::support::things::{company, found, put};

/// Deadlines that are no help: only the stop ends anything.
fn patient() -> Limits {
    let long = Duration::from_mins(5);
    Limits { head: long, body: long, reply: long, request: long, ..brisk() }
}

/// What the service says once it wants to read the body of a request that asks whether it does.
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a request to put a company on record, whose body is 35 bytes long.
fn head_of_put(key: &str) -> String {
    format!(
        "PUT /v1/companies/late HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 35\r\nExpect: 100-continue\r\n\r\n"
    )
}

#[test]
fn it_stops_within_its_bound_whatever_the_clients_do() {
    on_sqlite(|database| async {
        let service = Service::start(database, patient()).await;
        found(&service.register).await;
        let half = head_of_put(&service.first_key().await) + "{\"name\":";
        let mut clients = Vec::new();
        for (text, told) in [
            ("", ""),
            ("GET /v1/compan", ""),
            ("GET /v1/companies HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n"),
            (half.as_str(), CONTINUE),
            ("GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\n\r\n", "\n\n"),
            ("PRI * HTTP/2.0\r\n", ""),
            // Clients are taken in the order in which they come: once this one is answered, all have been.
            ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n"),
        ] {
            let mut client = Client::saying(service.address, text).await;
            client.until(told).await;
            clients.push(client);
        }
        let (address, began) = (service.address, Instant::now());
        let _service = service.stop().await;
        assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
        assert!(TcpStream::connect(address).await.is_err(), "it still listens");
        for mut client in clients {
            client.rest().await;
        }
    });
}

#[test]
fn who_waits_for_changes_is_answered_at_once() {
    on_sqlite(|database| async {
        let limits = Limits { stop: Duration::from_secs(20), ..patient() };
        let service = Service::start(database, limits).await;
        put(&service.register, company("a")).await.unwrap();
        let wait = "GET /v1/changes?after=1&wait=25 HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut waiting = Client::saying(service.address, wait).await;
        let stream = "GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut following = Client::saying(service.address, stream).await;
        following.until("\n\n").await;
        let began = Instant::now();
        let stopped = service.stop();
        let answer = waiting.answer().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("\"items\":[]"), "{answer:?}");
        let told = following.rest().await.0;
        assert!(told.ends_with("0\r\n\r\n"), "the stream was cut off: {told:?}");
        stopped.await;
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    });
}

#[test]
fn a_request_under_way_is_finished() {
    on_sqlite(|database| async {
        let service = Service::start(database, Limits { stop: Duration::from_secs(20), ..patient() }).await;
        let head = head_of_put(&service.first_key().await);
        let mut client = Client::saying(service.address, head).await;
        client.say("{\"name\":\"Late\",").await;
        client.until(CONTINUE).await;
        let stopped = tokio::spawn(service.stop());
        // That it goes on waiting shows only in time: more than whoever asks nothing is given at a stop.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!stopped.is_finished());
        client.say("\"jurisdiction\":\"CN\"}").await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let service = stopped.await.unwrap();
        assert_eq!(crate::support::things::newest(&service.register).await, 1);
    });
}
