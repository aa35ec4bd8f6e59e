//! A client's socket, with deadlines for request heads and for taking answers.

use std::future::Future as _;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::limits::Limits;
use super::request_head::{HeadFault, RequestHeads};

/// A client that takes fewer bytes of an answer than this within `reply` is disconnected.
const LEAST_TAKEN: usize = 16 * 1024;
/// How long, and how many bytes, a connection that is being closed is still read.
const LINGER: Duration = Duration::from_secs(1);
const MOST_LINGER_BYTES: usize = 1024 * 1024;

/// The state of a connection, shared by its socket and its HTTP service.
#[derive(Debug, Default)]
pub(crate) struct ConnectionState {
    /// Whether a request is being answered, and whether its whole response was handed to the protocol.
    answering: AtomicBool,
    handed_over: AtomicBool,
    /// Whether a write is waiting for the client.
    write_blocked: AtomicBool,
    /// Whether bytes came since the last answer, whether they held a line end, and whether the head missed
    /// its deadline.
    heard: AtomicBool,
    first_line_received: AtomicBool,
    late: AtomicBool,
    /// The status with which the protocol refused the request; 0 if it did not.
    refused: AtomicU16,
    /// What is wrong with a head that the protocol was not given.
    head_fault: OnceLock<HeadFault>,
}

impl ConnectionState {
    /// Notes that the head of a request is complete.
    pub(crate) fn begin(&self) {
        self.handed_over.store(false, Ordering::Release);
        self.answering.store(true, Ordering::Release);
    }

    /// Notes that the whole response was handed to the protocol, though it may not be sent yet.
    pub(crate) fn end(&self) {
        self.handed_over.store(true, Ordering::Release);
    }

    /// Notes that everything handed over has been sent; returns whether that ended a response.
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

    /// Whether a request is being answered, or a write is waiting for the client.
    pub(crate) fn busy(&self) -> bool {
        self.answering() || self.write_blocked.load(Ordering::Acquire)
    }

    /// Whether part of a request has come.
    pub(crate) fn heard(&self) -> bool {
        !self.busy() && self.heard.load(Ordering::Acquire)
    }

    /// Whether the head of a request missed its deadline.
    pub(crate) fn late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    /// The status with which the protocol refused the request, if it did.
    pub(crate) fn refused(&self) -> Option<StatusCode> {
        let status = StatusCode::from_u16(self.refused.load(Ordering::Acquire)).ok()?;
        // Too large a head without a line end means too long a path.
        let endless = status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            && !self.first_line_received.load(Ordering::Acquire);
        Some(if endless { StatusCode::URI_TOO_LONG } else { status })
    }

    /// What is wrong with the head of a request, if the protocol was not given it for that.
    pub(crate) fn head_fault(&self) -> Option<HeadFault> {
        self.head_fault.get().copied()
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

    /// Swallows the empty response with which the protocol refuses a malformed request, and notes its status:
    /// a problem is sent instead. Only the protocol writes while no request is being answered.
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

/// A client's socket, with its deadlines.
pub(crate) struct ClientStream {
    stream: TcpStream,
    state: Arc<ConnectionState>,
    requests: RequestHeads,
    /// What was received beyond the end of the current request. The protocol is given it as the next request,
    /// once it asks for one.
    held_back: Bytes,
    /// How long the head of a request may take, and how long the client may take less than [`LEAST_TAKEN`]
    /// bytes.
    head: Duration,
    reply: Duration,
    /// The deadline of the next head. The timer is reset only when it fires: most heads come long before, and
    /// resetting it for each would cost more than most answers.
    head_by: Instant,
    head_timer: Option<Pin<Box<Sleep>>>,
    /// Runs while a write is waiting for the client.
    write_timer: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl ClientStream {
    /// Wraps a socket, with the deadlines in `limits`.
    pub(crate) fn new(stream: TcpStream, state: Arc<ConnectionState>, limits: &Limits) -> Self {
        let Limits { head, reply, .. } = *limits;
        Self {
            stream,
            state,
            requests: RequestHeads::default(),
            held_back: Bytes::new(),
            head,
            reply,
            head_by: Instant::now() + head,
            head_timer: None,
            write_timer: None,
            taken: 0,
        }
    }

    /// Sends last bytes and closes gracefully: closing with unread input would reset the connection and lose
    /// them.
    pub(crate) async fn close(mut self, last: Option<Vec<u8>>) {
        let closing = async {
            if let Some(last) = last {
                self.stream.write_all(&last).await?;
            }
            self.stream.shutdown().await?;
            // On the heap, as it would otherwise enlarge every connection's future.
            let (mut ignored, mut listened) = (vec![0; 4096], 0);
            while listened < MOST_LINGER_BYTES {
                match self.stream.read(&mut ignored).await? {
                    0 => break,
                    more => listened += more,
                }
            }
            Ok::<_, io::Error>(())
        };
        // A client that keeps sending is not waited for.
        drop(timeout(LINGER, closing).await);
    }

    /// Notes how many of the offered bytes the client took, and starts or stops the deadline for taking them.
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

    /// Resolves when the head of a request misses its deadline.
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

    /// Resolves when the client hangs up (true) or sends more, which is not read as a request (false).
    pub(crate) fn poll_hang_up(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut byte = [0];
        let mut into = ReadBuf::new(&mut byte);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut into));
        Poll::Ready(read.is_err() || into.filled().is_empty())
    }

    /// Stops waiting for requests, and drops what came of them.
    pub(crate) fn stop_reading_requests(&mut self) {
        self.head_timer = None;
        self.held_back = Bytes::new();
    }

    /// How many of these bytes the protocol may be given: those of the current request.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if they end a head that is to be refused, which is noted.
    fn check(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.requests.check(bytes).map_err(|fault| {
            self.state.head_fault.get_or_init(|| fault);
            io::Error::new(ErrorKind::InvalidData, fault)
        })
    }

    /// Gives the protocol what was held back, up to the end of one request.
    fn hand_out(&mut self, into: &mut ReadBuf<'_>) -> io::Result<()> {
        let next = self.held_back.slice(..self.held_back.len().min(into.remaining()));
        let next = next.slice(..self.check(&next)?);
        self.held_back = self.held_back.split_off(next.len());
        self.state.note_received(&next);
        into.put_slice(&next);
        Ok(())
    }

    /// Resolves when the client took too little of an answer for too long.
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
        // The protocol reads during an answer to see whether the client has left. The next request is not for
        // it then: were it malformed, the error would end the answer. `poll_flush` makes the protocol read
        // again.
        let early = stream.state.answering() && stream.requests.between();
        if !stream.held_back.is_empty() {
            return if early { Poll::Pending } else { Poll::Ready(stream.hand_out(into)) };
        }
        let before = into.filled().len();
        if Pin::new(&mut stream.stream).poll_read(cx, into)?.is_pending() {
            return stream.poll_head_deadline(cx).map(Err);
        }
        let received = into.filled().get(before..).unwrap_or_default();
        let now = if early { 0 } else { stream.check(received)? };
        let (given, later) = received.split_at_checked(now).unwrap_or((received, &[]));
        stream.state.note_received(given);
        if later.is_empty() {
            return Poll::Ready(Ok(()));
        }
        stream.held_back = Bytes::copy_from_slice(later);
        into.set_filled(before + now);
        if early { Poll::Pending } else { Poll::Ready(Ok(())) }
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
        // A single slice costs less as a plain write.
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
            if !stream.held_back.is_empty() {
                cx.waker().wake_by_ref();
            }
            // The protocol may not poll for reading before more bytes come, so the timer is registered here.
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
