//! A log that cannot be written: the service goes on without it.

use std::fs::File;
use std::net::TcpListener;
use std::process::Stdio;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::client::Request;
use crate::kills::address;
use crate::ledger;
use crate::service::{Service, key, program};
use crate::support::Database;

/// Where a log can go and never arrive.
fn nowhere() -> [(&'static str, Stdio); 2] {
    let full = File::options().write(true).open("/dev/full").unwrap();
    // Its reader has gone as soon as this is over.
    let (_, broken) = std::io::pipe().unwrap();
    [("the disk of the log is full", full.into()), ("nobody reads the log", broken.into())]
}

/// Alters a register behind the back of its service.
async fn alter(file: &str, sql: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_log_that_cannot_be_written_costs_nothing_but_the_log() {
    for (what, log) in nowhere() {
        let database = Database::sqlite().await;
        let database = address(&database);
        ledger::prepare(&database);
        let key = key(&database);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let mut command = program(&database, &["serve", "--listen", &host]);
        command.stderr(log);
        let service = Service::unheard(command, &host, &key);
        let file = database.strip_prefix("sqlite:").unwrap();
        // Both the writer and the request have an error to log.
        alter(file, "ALTER TABLE head RENAME TO body").await;
        let refused = service.ask(&Request::company("refused"));
        assert!(refused.is_unavailable(), "{what}: {refused:?}");
        alter(file, "ALTER TABLE body RENAME TO head").await;
        service.comes_back(&Request::company("taken"));
        assert_eq!(service.get("/readyz").json()["writable"], true, "{what}");
        assert_eq!(service.told_to_stop(), Some(0), "{what}");
    }
}
