//! Kept replies: the first response to a request with an idempotency key, stored in the transaction of its
//! effect.

use super::error::Error;
use super::statement::Statement;
use super::write::Write;
use crate::domain::time::Moment;

/// A response that is repeated if the same request comes again.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Reply {
    /// The SHA-256 of the request.
    pub request_digest: Vec<u8>,
    /// Its status.
    pub status: i64,
    /// Its header fields, one `name: value` per line.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Write {
    /// The reply kept for an actor's idempotency key.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn kept_reply(&mut self, actor: &str, key: &str) -> Result<Option<Reply>, Error> {
        let of = (actor.to_owned(), key.to_owned());
        if let Some(known) = self.cache.replies.get(&of) {
            return Ok(known.clone());
        }
        let statement = Statement::new(
            "SELECT request_digest, status, headers, body FROM reply WHERE actor = $1 AND idempotency_key = $2",
        );
        let statement = statement.with(actor).with(key);
        let reply: Option<Reply> = self.queried().await?.fetch_optional(statement).await?;
        self.cache.replies.insert(of, reply.clone());
        Ok(reply)
    }

    /// Keeps a reply.
    pub fn keep_reply(&mut self, actor: &str, key: &str, reply: Reply) {
        self.buffer.reply(vec![
            actor.into(),
            key.into(),
            reply.request_digest.clone().into(),
            reply.status.into(),
            reply.headers.as_str().into(),
            reply.body.clone().into(),
            self.now().into(),
        ]);
        self.cache.replies.insert((actor.to_owned(), key.to_owned()), Some(reply));
    }

    /// Deletes the oldest replies kept before a moment, about `most` of them, and returns their number.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn forget_replies(&mut self, before: Moment, most: i64) -> Result<u64, Error> {
        let oldest = Statement::new(
            "DELETE FROM reply WHERE kept_at <= (SELECT max(o.kept_at) FROM
             (SELECT kept_at FROM reply WHERE kept_at < ",
        );
        let oldest = oldest.bind(before).push(" ORDER BY kept_at").limit(most).push(") o)");
        self.queried().await?.execute(oldest).await
    }
}
