//! Many subscribers on one node: a thousand each time, ten thousand when asked for.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::line::Client;
use crate::program;
use crate::service::on_sqlite;
use crate::stream::Stream;
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

/// Those who ask for the same large revision and never read it share it.
#[test]
fn a_large_revision_is_there_once_for_all_who_do_not_read_it() {
    on_sqlite(|database| async move {
        let register = database.open(&Clock::system()).await;
        let aliases: Vec<String> = (0..30).map(|alias| format!("{alias:0>100}")).collect();
        let line = |number: usize| {
            let line = serde_json::json!({"kind": "company", "id": format!("c-{number}"), "name": "A", "jurisdiction": "CN", "aliases": aliases});
            format!("{line}\n")
        };
        let lines: String = (0..4000).map(line).collect();
        let size = lines.len() as u64;
        assert_eq!(import(&register, &lines).await.failed, 0);
        let service = program::Service::start(&database, &["--public-read"]);
        let address = service.host.parse().unwrap();
        let open = async || {
            let request = "GET /v1/changes/stream HTTP/1.0\r\nLast-Event-ID: 0\r\n\r\n";
            let mut client = Client::saying(address, request).await;
            client.until("event: revision\n").await;
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

/// It takes a while, and ten thousand connections.
#[test]
fn ten_thousand_follow() {
    if std::env::var_os("GREENLIGHT_TEST_LONG").is_some() {
        crowd(10_000, Duration::from_secs(20));
    }
}
