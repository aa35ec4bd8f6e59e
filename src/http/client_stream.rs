//! The line to one client: what it says is watched, and it is given up once it takes nothing any more.

use std::future::Future as _;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::limits::Limits;

/// The least a client must take of an answer within a deadline, in bytes: else it is given up.
const LEAST_TAKEN: usize = 16 * 1024;
/// How long a client that is told to go away may go on talking, and how much of it is listened to.
const LINGER: Duration = Duration::from_secs(1);
const MOST_LINGER_BYTES: usize = 1024 * 1024;

/// What goes on at a line, as far as both of its ends need to know.
#[derive(Debug, Default)]
pub(crate) struct ConnectionState {
    /// Whether a request is being answered, and whether all of the answer has been handed over.
    answering: AtomicBool,
    handed_over: AtomicBool,
    /// Whether the client has yet to take something.
    write_blocked: AtomicBool,
    /// Whether anything came since the last answer, whether it had a first line, and whether its head took
    /// too long.
    heard: AtomicBool,
    first_line_received: AtomicBool,
    late: AtomicBool,
    /// The status with which the protocol itself would refuse what came.
    refused: AtomicU16,
}

impl ConnectionState {
    /// A request has come whole, but for its body.
    pub(crate) fn begin(&self) {
        self.handed_over.store(false, Ordering::Release);
        self.answering.store(true, Ordering::Release);
    }

    /// All of its answer has been handed over, though it may have yet to be sent.
    pub(crate) fn end(&self) {
        self.handed_over.store(true, Ordering::Release);
    }

    /// Everything that was handed over has been sent; whether that was the end of an answer.
    fn sent(&self) -> bool {
        let ended = self.handed_over.load(Ordering::Acquire);
        if ended {
            self.handed_over.store(false, Ordering::Release);
            self.heard.store(false, Ordering::Release);
            self.first_line_received.store(false, Ordering::Release);
            self.answering.store(false, Ordering::Release);
        }
        ended
    }

    fn answering(&self) -> bool {
        self.answering.load(Ordering::Acquire)
    }

    /// Whether a request is being answered, or part of an answer has yet to be taken.
    pub(crate) fn busy(&self) -> bool {
        self.answering() || self.write_blocked.load(Ordering::Acquire)
    }

    /// Whether part of a request has come.
    pub(crate) fn heard(&self) -> bool {
        !self.busy() && self.heard.load(Ordering::Acquire)
    }

    /// Whether the head of a request took too long.
    pub(crate) fn late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    /// The status with which the protocol refused what came, if it did.
    pub(crate) fn refused(&self) -> Option<StatusCode> {
        let status = StatusCode::from_u16(self.refused.load(Ordering::Acquire)).ok()?;
        // A head that is too large before its first line has ended has too long a path.
        let endless = status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            && !self.first_line_received.load(Ordering::Acquire);
        Some(if endless { StatusCode::URI_TOO_LONG } else { status })
    }

    fn note_received(&self, bytes: &[u8]) {
        if bytes.is_empty() || self.answering() {
            return;
        }
        self.heard.store(true, Ordering::Release);
        if bytes.contains(&b'\n') {
            self.first_line_received.store(true, Ordering::Release);
        }
    }

    /// Keeps back the empty answer with which the protocol refuses what is no request, and notes its
    /// status: it is answered with a problem instead. While nothing is being answered nobody else writes.
    fn swallow_refusal(&self, bytes: &[u8]) -> bool {
        if self.answering() {
            return false;
        }
        let status =
            bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok());
        let Some(status) = status.and_then(|status| status.parse().ok()) else { return false };
        self.refused.store(status, Ordering::Release);
        true
    }
}

/// The line to one client.
pub(crate) struct ClientStream {
    stream: TcpStream,
    state: Arc<ConnectionState>,
    /// How long the head of its next request may take, and how long it may take next to nothing of an answer.
    head: Duration,
    reply: Duration,
    /// When the head of the next request must have come. What runs is set again only once it has run out:
    /// most heads come long before, and a timer for each would cost more than most answers.
    head_by: Instant,
    head_timer: Option<Pin<Box<Sleep>>>,
    /// Runs while the client takes less than it is given.
    write_timer: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl ClientStream {
    /// A line whose client is given up once it is waited for too long.
    pub(crate) fn new(stream: TcpStream, state: Arc<ConnectionState>, limits: &Limits) -> Self {
        let Limits { head, reply, .. } = *limits;
        let head_by = Instant::now() + head;
        Self { stream, state, head, reply, head_by, head_timer: None, write_timer: None, taken: 0 }
    }

    /// Says a last word, and closes in such a way that it arrives: closing with something unread would
    /// take it back.
    pub(crate) async fn close(mut self, last: Option<Vec<u8>>) {
        let farewell = async {
            if let Some(last) = last {
                self.stream.write_all(&last).await?;
            }
            self.stream.shutdown().await?;
            // Not part of every connection's future, which would be that much larger.
            let (mut ignored, mut listened) = (vec![0; 4096], 0);
            while listened < MOST_LINGER_BYTES {
                match self.stream.read(&mut ignored).await? {
                    0 => break,
                    more => listened += more,
                }
            }
            Ok::<_, io::Error>(())
        };
        // Whoever does not listen to the end is not waited for.
        drop(timeout(LINGER, farewell).await);
    }

    /// Notes how much the client took of what it was offered.
    fn took(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        offered: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(taken)) = outcome {
            self.taken += taken;
            if taken == offered {
                self.write_timer = None;
                self.state.write_blocked.store(false, Ordering::Release);
            }
            return outcome;
        }
        if outcome.is_pending() {
            self.state.write_blocked.store(true, Ordering::Release);
            return self.wait(cx).map(Err);
        }
        outcome
    }

    /// Whether the head of a request is waited for, and has taken too long.
    fn poll_head_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.state.answering() {
            return Poll::Pending;
        }
        let head_timer = self.head_timer.get_or_insert_with(|| Box::pin(sleep_until(self.head_by)));
        loop {
            ready!(head_timer.as_mut().poll(cx));
            if self.head_by <= Instant::now() {
                self.state.late.store(true, Ordering::Release);
                return Poll::Ready(io::Error::new(ErrorKind::TimedOut, "the client does not ask"));
            }
            head_timer.as_mut().reset(self.head_by);
        }
    }

    /// Waits until the client hangs up or says more, which is no request any more; tells which.
    pub(crate) fn poll_hang_up(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut byte = [0];
        let mut into = ReadBuf::new(&mut byte);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut into));
        Poll::Ready(read.is_err() || into.filled().is_empty())
    }

    /// Waits for no head any more.
    pub(crate) fn stop_head_timer(&mut self) {
        self.head_timer = None;
    }

    /// Runs out of patience if the client took too little for too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.write_timer.is_none() {
            self.taken = 0;
        }
        let write_timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep(self.reply)));
        loop {
            ready!(write_timer.as_mut().poll(cx));
            if self.taken < LEAST_TAKEN {
                return Poll::Ready(io::Error::new(
                    ErrorKind::TimedOut,
                    "the client does not take its answer",
                ));
            }
            self.taken = 0;
            write_timer.as_mut().reset(Instant::now() + self.reply);
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let before = into.filled().len();
        if Pin::new(&mut stream.stream).poll_read(cx, into)?.is_pending() {
            return stream.poll_head_deadline(cx).map(Err);
        }
        stream.state.note_received(into.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.state.swallow_refusal(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut stream.stream).poll_write(cx, bytes);
        stream.took(outcome, bytes.len(), cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // What is one piece costs less as one.
        if let [piece] = pieces {
            return self.poll_write(cx, piece);
        }
        let stream = self.get_mut();
        let offered = pieces.iter().map(|piece| piece.len()).sum();
        if pieces.first().is_some_and(|first| stream.state.swallow_refusal(first)) {
            return Poll::Ready(Ok(offered));
        }
        let outcome = Pin::new(&mut stream.stream).poll_write_vectored(cx, pieces);
        stream.took(outcome, offered, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.state.sent() {
            stream.head_by = Instant::now() + stream.head;
            // The protocol may not ask for more before more comes.
            if let Poll::Ready(late) = stream.poll_head_deadline(cx) {
                return Poll::Ready(Err(late));
            }
        }
        Pin::new(&mut stream.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
