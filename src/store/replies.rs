//! Kept replies: the first answer to a request with an idempotency key, in the transaction of its effect.

use super::error::Error;
use super::statement::Statement;
use super::write::Write;
use crate::domain::time::Moment;

/// An answer that is given again if the same request comes again.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Reply {
    /// SHA-256 of the request it answered.
    pub request_digest: Vec<u8>,
    /// Its status.
    pub status: i64,
    /// Its header fields, one `name: value` a line.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Write {
    /// The answer kept for an actor's idempotency key.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn kept_reply(&mut self, actor: &str, key: &str) -> Result<Option<Reply>, Error> {
        let statement = Statement::new(
            "SELECT request_digest, status, headers, body FROM reply WHERE actor = $1 AND idempotency_key = $2",
        );
        self.connection().fetch_optional(statement.with(actor).with(key)).await
    }

    /// Keeps an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn keep_reply(&mut self, actor: &str, key: &str, reply: Reply) -> Result<(), Error> {
        let at = self.now();
        let statement = Statement::new(
            "INSERT INTO reply (actor, idempotency_key, request_digest, status, headers, body, kept_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        let statement = statement.with(actor).with(key).with(reply.request_digest).with(reply.status);
        self.connection().execute(statement.with(reply.headers).with(reply.body).with(at)).await?;
        Ok(())
    }

    /// Forgets the answers kept before a moment.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn forget_replies(&mut self, before: Moment) -> Result<u64, Error> {
        self.connection().execute(Statement::new("DELETE FROM reply WHERE kept_at < $1").with(before)).await
    }
}
