//! Endless responses, written to the socket as they are made, without hyper.
//!
//! hyper keeps a read and a write buffer per connection, which take more memory than the rest of a
//! subscriber. So it is abandoned when such a response begins: it has read the request and written nothing
//! yet. The connection closes with the response.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use headers::{Date, HeaderMapExt as _};
use hyper::body::{Body as _, Buf as _};
use tokio::io::AsyncWriteExt as _;

use super::client_stream::ClientStream;
use crate::domain::time::Moment;

/// Marks an endless response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamMarker;

/// The `Date` field for a moment.
pub(crate) fn date(now: Moment) -> Date {
    let since = Duration::from_micros(u64::try_from(now.microseconds()).unwrap_or_default());
    Date::from(SystemTime::UNIX_EPOCH + since)
}

/// An endless response.
pub(crate) struct RawStream {
    head: Bytes,
    body: Body,
    /// Whether the client has sent nothing since: only then does a read show that it hung up.
    silent: bool,
}

impl RawStream {
    /// The stream if the response is marked as one, else the response itself.
    pub(crate) fn of(response: Response, now: impl FnOnce() -> Moment) -> Result<Self, Response> {
        if response.extensions().get::<StreamMarker>().is_none() {
            return Err(response);
        }
        let (mut parts, body) = response.into_parts();
        let fields = &mut parts.headers;
        fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        fields.typed_insert(date(now()));
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        for (name, value) in fields.iter() {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        Ok(Self { head: head.into(), body, silent: true })
    }

    /// Sends the response until it ends or the client hangs up; the head goes with the first chunk.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if the socket fails, or the client takes too little for too long.
    pub(crate) async fn send(mut self, stream: &mut ClientStream) -> io::Result<()> {
        stream.stop_reading_requests();
        let mut head = std::mem::take(&mut self.head);
        while let Some(bytes) = self.next(stream).await? {
            let size = format!("{:x}\r\n", bytes.len());
            let mut piece = std::mem::take(&mut head).chain(size.as_bytes()).chain(bytes).chain(&b"\r\n"[..]);
            stream.write_all_buf(&mut piece).await?;
        }
        stream.write_all_buf(&mut head.chain(&b"0\r\n\r\n"[..])).await
    }

    /// The next bytes to send; `None` at the end, or once the client has hung up.
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
                // An empty chunk would end the body.
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
