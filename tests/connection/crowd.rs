//! Many subscribers on one node: a thousand each time, ten thousand when asked for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::line::Client;
use crate::program;
use crate::service::on_sqlite;
use crate::stream::Stream;
use crate::support::Database;
use crate::support::things::{company, found, import, newest, put};
use greenlight::clock::Clock;

/// How many files this process opens at most.
const FILES: u64 = 12_000;
/// How many open their streams at once.
const AT_ONCE: u64 = 100;
/// The most memory a subscriber may take of the service, in bytes: not even one buffer of the protocol.
const MOST: u64 = 8 * 1024;

fn crowd(size: u64, patience: Duration) {
    rlimit::increase_nofile_limit(FILES).unwrap();
    on_sqlite(|database| async move {
        let register = database.open(&Clock::system()).await;
        found(&register).await;
        let service = program::Service::start(&database, &["--public-read"]);
        let address = service.host.parse().unwrap();
        let first = newest(&register).await;
        let more = || join_all((0..AT_ONCE).map(|_| Stream::open(address, "", "")));
        // What it takes to let so many in at once is there from then on, and is no subscriber's.
        let mut streams = more().await;
        let before = service.resident();
        while (streams.len() as u64) < size {
            streams.extend(more().await);
        }
        let each = service.resident().saturating_sub(before) / (size - AT_ONCE);
        put(&register, company("a")).await.unwrap();
        let began = Instant::now();
        let told = join_all(streams.iter_mut().map(Stream::event)).await;
        let after = began.elapsed();
        assert!(told.iter().all(|event| event.as_ref().is_some_and(|event| event.number() == first + 1)));
        // It is another process that wrote, which the service notices within half a second.
        println!("{size} subscribers: {each} bytes each, all told after {after:?}");
        assert!(each <= MOST, "{each} bytes each");
        assert!(after < patience, "it took {after:?}");
    });
}

#[test]
fn a_thousand_follow() {
    crowd(1000, Duration::from_secs(5));
}

/// A register of one large revision, served; with the size of the revision in bytes.
async fn large(database: &Database) -> (program::Service, u64) {
    let register = database.open(&Clock::system()).await;
    let aliases: Vec<String> = (0..30).map(|alias| format!("{alias:0>100}")).collect();
    let line = |number: usize| {
        let line = serde_json::json!({"kind": "company", "id": format!("c-{number}"), "name": "A", "jurisdiction": "CN", "aliases": aliases});
        format!("{line}\n")
    };
    let lines: String = (0..4000).map(line).collect();
    assert_eq!(import(&register, &lines).await.failed, 0);
    (program::Service::start(database, &["--public-read"]), lines.len() as u64)
}

/// Somebody who follows from the beginning, and has read nothing yet.
async fn unread(address: SocketAddr, query: &str) -> Client {
    let request = format!("GET /v1/changes/stream{query} HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 0\r\n\r\n");
    Client::saying(address, request).await
}

const EVENT: &str = "event: revision\n";

/// Those who ask for the same large revision and never read it share it.
#[test]
fn a_large_revision_is_there_once_for_all_who_do_not_read_it() {
    on_sqlite(|database| async move {
        let (service, size) = large(&database).await;
        let address = service.host.parse().unwrap();
        let open = async || {
            let mut client = unread(address, "").await;
            client.until(EVENT).await;
            client
        };
        let first = open().await;
        let before = service.resident();
        let more = join_all((0..30).map(|_| open())).await;
        let grown = service.resident().saturating_sub(before);
        println!("{} more who do not read a revision of {size} bytes: {grown} bytes", more.len());
        assert!(grown < 5 * size, "{grown} bytes");
        drop(first);
    });
}

/// Of those who ask for a large revision in different ways some wait until others have taken it.
#[test]
fn who_finds_no_room_for_a_large_revision_gets_its_turn() {
    on_sqlite(|database| async move {
        let (service, _) = large(&database).await;
        let address = service.host.parse().unwrap();
        let kinds =
            ["chip", "source", "report", "workflow", "authority", "approval", "condition", "movement"];
        let mut holding = Vec::new();
        let mut waiting = Vec::new();
        for kind in kinds {
            let mut client = unread(address, &format!("?kind=company,{kind}")).await;
            match timeout(Duration::from_secs(3), client.until(EVENT)).await {
                Ok(_) => holding.push(client),
                Err(_) => waiting.push(client),
            }
        }
        assert!(holding.len() >= 2 && waiting.len() >= 2, "{} of {} wait", waiting.len(), kinds.len());
        drop(holding);
        for mut client in waiting {
            client.until(EVENT).await;
        }
    });
}

/// It takes a while, and ten thousand connections.
#[test]
fn ten_thousand_follow() {
    if std::env::var_os("GREENLIGHT_TEST_LONG").is_some() {
        crowd(10_000, Duration::from_secs(20));
    }
}
