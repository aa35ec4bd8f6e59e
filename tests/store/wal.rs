//! SQLite's log stays short under sustained writing, whoever reads meanwhile.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use greenlight::app::{Address, Register, Reply, StoreError, Wanted};
use greenlight::clock::Clock;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::Database;

/// From this size on reads make way.
const TOO_LONG: u64 = 48 << 20;
/// What is written while a read has its time comes on top.
const BOUND: u64 = 3 * TOO_LONG;
/// How much is written at a time.
const PIECE: usize = 1 << 20;

async fn register() -> (Database, Register, PathBuf) {
    let database = Database::sqlite().await;
    let register = database.open(&Clock::system()).await;
    let Address::Sqlite(file) = database.address() else { unreachable!("it is a file") };
    let mut log = file.into_os_string();
    log.push("-wal");
    (database, register, log.into())
}

/// Writes a piece that is no register data, and tells how long the log is after it.
async fn written(register: &Register, log: &PathBuf, number: usize) -> u64 {
    let body = vec![b'x'; PIECE];
    let reply = Reply { request_digest: vec![0; 32], status: 200, headers: "[]".to_owned(), body };
    let keep = register.write(move |write| {
        Box::pin(async move {
            write.keep_reply("someone", &format!("key-{number}"), reply);
            Ok(())
        })
    });
    keep.await.unwrap();
    // What the writer does after a commit it has done before the next.
    register.write(|_| Box::pin(async { Ok(()) })).await.unwrap();
    std::fs::metadata(log).unwrap().len()
}

#[tokio::test]
async fn the_log_begins_again_while_short_reads_overlap() {
    let (_database, register, log) = register().await;
    let reading = async {
        let mut last = register.read(Wanted::Newest).await.unwrap();
        loop {
            let next = register.read(Wanted::Newest).await.unwrap();
            last.recorded_at().await.unwrap();
            last = next;
        }
    };
    let writing = async {
        let mut longest = 0;
        for number in 0..150 {
            longest = longest.max(written(&register, &log, number).await);
        }
        longest
    };
    let longest = tokio::select! {
        longest = writing => longest,
        () = reading => unreachable!("reads go on for ever"),
    };
    assert!(longest < TOO_LONG, "{longest}");
}

#[tokio::test]
async fn a_read_that_goes_on_makes_way_when_the_log_is_too_long() {
    let (_database, register, log) = register().await;
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let begun = Instant::now();
    let (mut longest, mut number) = (0, 0);
    let ended = loop {
        longest = longest.max(written(&register, &log, number).await);
        number += 1;
        match read.recorded_at().await {
            Ok(_) => assert!(begun.elapsed() < Duration::from_mins(1), "{longest}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, StoreError::Ended), "{ended}");
    assert!((TOO_LONG..BOUND).contains(&longest), "{longest}");
    drop(read);
    let mut last = longest;
    while last >= TOO_LONG {
        number += 1;
        last = written(&register, &log, number).await;
        assert!(last < BOUND, "{last}");
    }
}

/// The log does grow while somebody reads: those who make way are why it does not.
#[tokio::test]
async fn a_reader_that_nobody_can_end_lets_the_log_grow() {
    let (database, register, log) = register().await;
    let Address::Sqlite(file) = database.address() else { unreachable!("it is a file") };
    let mut stranger = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    sqlx::query("BEGIN").execute(&mut stranger).await.unwrap();
    sqlx::query("SELECT revision FROM head").fetch_one(&mut stranger).await.unwrap();
    let mut number = 0;
    while written(&register, &log, number).await < BOUND {
        number += 1;
    }
    stranger.close().await.unwrap();
    let mut last = BOUND;
    for number in number + 1..number + 5 {
        last = written(&register, &log, number).await;
    }
    assert!(last < TOO_LONG, "{last}");
}
