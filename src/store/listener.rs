//! Hearing of what other nodes have written, as soon as they have.

use std::future::pending;

use sqlx::postgres::PgListener;

use super::address::Address;
use super::engine::CONNECT_TIMEOUT;
use super::error::{Error, within};
use super::statement::Statement;
use super::writer::{BoxFuture, Writer};

/// The channel on which a server tells of each revision.
const CHANNEL: &str = "greenlight_revision";

/// Lets a change of the head on PostgreSQL tell every node of the revision once it is committed.
pub(super) fn with_notify(head: Statement) -> Statement {
    head.push(" RETURNING pg_notify('").push(CHANNEL).push("', revision::TEXT)")
}

/// Hears of revisions that other nodes have made. What it has missed is found by looking now and then.
pub struct RevisionListener {
    address: Address,
    writer: Writer,
    listens: Listening,
}

/// How far it has come. Whoever waits for what it hears may stop at any time, and goes on from there.
enum Listening {
    Idle,
    Connecting(BoxFuture<'static, Result<PgListener, Error>>),
    Ready(PgListener),
}

impl RevisionListener {
    pub(super) fn new(address: Address, writer: Writer) -> Self {
        Self { address, writer, listens: Listening::Idle }
    }

    /// Waits until a server tells of a revision that this process does not know; of a file nobody tells.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] if it cannot be listened to.
    pub async fn notified(&mut self) -> Result<(), Error> {
        let Address::Postgres(url) = &self.address else { return pending().await };
        loop {
            match &mut self.listens {
                Listening::Idle => {
                    self.listens =
                        Listening::Connecting(Box::pin(within(CONNECT_TIMEOUT, listening(url.clone()))));
                }
                Listening::Connecting(listener) => {
                    let listener = listener.await;
                    self.listens = Listening::Idle;
                    self.listens = Listening::Ready(listener?);
                }
                Listening::Ready(listener) => {
                    let told = listener.recv().await?;
                    let known = self.writer.newest().revision;
                    if told.payload().parse::<i64>().is_ok_and(|revision| revision > known) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

async fn listening(url: String) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect(&url).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
