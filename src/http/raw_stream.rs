//! Answers that go on: written to the line as they are made, without the protocol.
//!
//! The protocol keeps a buffer for each direction as long as it has the connection, which is more than all the
//! rest of somebody who follows the stream. So it is left once such an answer begins: it has read the request,
//! and has said nothing yet. The connection ends with the answer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use headers::{Date, HeaderMapExt as _};
use hyper::body::{Body as _, Buf as _};
use tokio::io::AsyncWriteExt as _;

use super::client_stream::ClientStream;
use crate::domain::time::Moment;

/// Marks an answer that goes on until somebody ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamMarker;

/// The `Date` of an answer that is made at a moment.
pub(crate) fn date(now: Moment) -> Date {
    let since = Duration::from_micros(u64::try_from(now.microseconds()).unwrap_or_default());
    Date::from(SystemTime::UNIX_EPOCH + since)
}

/// An answer that goes on.
pub(crate) struct RawStream {
    head: Bytes,
    body: Body,
    /// Whether each piece says how long it is; else the answer ends where the connection does.
    chunked: bool,
    /// Whether the client has said nothing since, so that it is known once it hangs up.
    silent: bool,
}

impl RawStream {
    /// An answer to a request of some version, if it is one that goes on, else the answer itself.
    pub(crate) fn of(
        response: Response,
        version: Version,
        now: impl FnOnce() -> Moment,
    ) -> Result<Self, Response> {
        if response.extensions().get::<StreamMarker>().is_none() {
            return Err(response);
        }
        let (mut parts, body) = response.into_parts();
        let fields = &mut parts.headers;
        let chunked = version != Version::HTTP_10;
        if chunked {
            fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        fields.typed_insert(date(now()));
        let mut head = format!("{version:?} {}\r\n", parts.status).into_bytes();
        for (name, value) in fields.iter() {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        Ok(Self { head: head.into(), body, chunked, silent: true })
    }

    /// Sends it to its end, or until the client hangs up; the head goes with the first piece.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the client cannot be told any more, or does not listen.
    pub(crate) async fn send(mut self, stream: &mut ClientStream) -> io::Result<()> {
        stream.stop_head_timer();
        let mut head = std::mem::take(&mut self.head);
        while let Some(bytes) = self.next(stream).await? {
            let (size, end) =
                if self.chunked { (format!("{:x}\r\n", bytes.len()), "\r\n") } else { Default::default() };
            let mut piece =
                std::mem::take(&mut head).chain(size.as_bytes()).chain(bytes).chain(end.as_bytes());
            stream.write_all_buf(&mut piece).await?;
        }
        let end = if self.chunked { "0\r\n\r\n" } else { "" };
        stream.write_all_buf(&mut head.chain(end.as_bytes())).await
    }

    /// What to send next; `None` at the end, and once the client has hung up.
    async fn next(&mut self, stream: &mut ClientStream) -> io::Result<Option<Bytes>> {
        poll_fn(|cx| {
            if self.silent
                && let Poll::Ready(gone) = stream.poll_hang_up(cx)
            {
                if gone {
                    return Poll::Ready(Ok(None));
                }
                self.silent = false;
            }
            loop {
                let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                    return Poll::Ready(Ok(None));
                };
                // A piece without a byte would be the end.
                if let Some(bytes) =
                    frame.map_err(io::Error::other)?.into_data().ok().filter(|bytes| !bytes.is_empty())
                {
                    return Poll::Ready(Ok(Some(bytes)));
                }
            }
        })
        .await
    }
}
