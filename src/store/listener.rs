//! Notifications of revisions written by other nodes (PostgreSQL `LISTEN`/`NOTIFY`).

use std::future::pending;

use sqlx::postgres::PgListener;

use super::address::Address;
use super::engine::CONNECT_TIMEOUT;
use super::error::{Error, within};
use super::statement::Statement;
use super::writer::{BoxFuture, Writer};

/// The channel on which the server announces each revision.
const CHANNEL: &str = "greenlight_revision";

/// Makes an update of the head notify every node of the revision on commit.
pub(super) fn with_notify(head: Statement) -> Statement {
    head.push(" RETURNING pg_notify('").push(CHANNEL).push("', revision::TEXT)")
}

/// Listens for revisions made by other nodes. It can miss some; regular polling finds those.
pub struct RevisionListener {
    address: Address,
    writer: Writer,
    state: Listening,
}

/// The connection state, kept here so that `notified` is cancel-safe.
enum Listening {
    Idle,
    Connecting(BoxFuture<'static, Result<PgListener, Error>>),
    Ready(PgListener),
}

impl RevisionListener {
    pub(super) fn new(address: Address, writer: Writer) -> Self {
        Self { address, writer, state: Listening::Idle }
    }

    /// Waits until PostgreSQL announces a revision that this process does not know; never resolves on SQLite.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] if the connection fails; [`Error::Silent`] if connecting times out.
    pub async fn notified(&mut self) -> Result<(), Error> {
        let Address::Postgres(url) = &self.address else { return pending().await };
        loop {
            match &mut self.state {
                Listening::Idle => {
                    self.state =
                        Listening::Connecting(Box::pin(within(CONNECT_TIMEOUT, connect(url.clone()))));
                }
                Listening::Connecting(listener) => {
                    let listener = listener.await;
                    self.state = Listening::Idle;
                    self.state = Listening::Ready(listener?);
                }
                Listening::Ready(listener) => {
                    let notification = listener.recv().await?;
                    let known = self.writer.newest().revision;
                    if notification.payload().parse::<i64>().is_ok_and(|revision| revision > known) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

async fn connect(url: String) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(&url).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
