//! One connection: serves HTTP/1.1, and answers anything else with a problem.

use std::fmt::Write as _;
use std::future::{Ready, poll_fn, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use futures_util::future::Either;
use headers::HeaderMapExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::App;
use super::client_stream::{ClientStream, ConnectionState};
use super::fast_path;
use super::limits::MOST_HEAD_BYTES;
use super::problem::{Code, Problem};
use super::raw_stream::{RawStream, date};
use super::request_head::HeadFault;
use crate::app::fresh_id;

/// The largest read and write buffer, in bytes.
const BUFFER: usize = 64 * 1024;
/// How long a connection without a request in progress stays open once shutdown begins: long enough for a
/// request in transit.
const GRACE: Duration = Duration::from_millis(250);

/// The client's address, for requests that came by a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What all connections share.
pub(crate) struct Host {
    pub(crate) app: App,
    pub(crate) router: Router,
}

impl Host {
    fn protocol() -> Builder {
        let mut protocol = Builder::new();
        // hyper's own head timeout sets a timer per head; `ClientStream` avoids that.
        protocol.header_read_timeout(None).max_header_size(MOST_HEAD_BYTES).max_buf_size(BUFFER);
        protocol
    }

    /// Serves a client until it leaves, violates the protocol, or the service stops.
    pub(crate) async fn serve_client(&self, stream: TcpStream, peer: IpAddr) {
        // Responses are written whole; Nagle's algorithm would only delay them.
        drop(stream.set_nodelay(true));
        let state = Arc::new(ConnectionState::default());
        let stream = ClientStream::new(stream, Arc::clone(&state), &self.app.options.limits);
        // Boxed by itself: it is the largest part of the future, and is freed before an endless response is
        // sent.
        let Some((mut stream, end)) = Box::pin(self.run_protocol(stream, peer, &state)).await else { return };
        let last = match end {
            End::LastWord(last) => last,
            End::RawStream(raw_stream) => {
                tokio::select! {
                    // A client that takes no more cannot be told of an error.
                    sent = raw_stream.send(&mut stream) => drop(sent),
                    () = self.stopped(&state) => return,
                }
                None
            }
        };
        Box::pin(stream.close(last)).await;
    }

    /// Runs HTTP/1.1 until it ends; returns what is left to send, or `None` if the service stopped.
    async fn run_protocol(
        &self,
        stream: ClientStream,
        peer: IpAddr,
        state: &Arc<ConnectionState>,
    ) -> Option<(ClientStream, End)> {
        let routes = TowerToHyperService::new(self.router.clone());
        let raw_stream = Mutex::new(None);
        let service = service_fn(|request| self.answer(request, peer, state, &routes, &raw_stream));
        let mut connection = Self::protocol().serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
            () = self.app.stopping.begun() => {
                Pin::new(&mut connection).graceful_shutdown();
                tokio::select! {
                    ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
                    () = self.drain_deadline(state) => return None,
                }
            }
        };
        let stream = connection.into_parts().io.into_inner();
        if let Some(raw_stream) = raw_stream.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Some((stream, End::RawStream(raw_stream)));
        }
        let refusal = refusal(ended.err().as_ref(), state);
        Some((stream, End::LastWord(refusal.map(|problem| self.last_word(&problem)))))
    }

    /// Answers a request on the fast path if it can, else through the router.
    fn answer<'a>(
        &'a self,
        request: Request<Incoming>,
        peer: IpAddr,
        state: &Arc<ConnectionState>,
        routes: &'a TowerToHyperService<Router>,
        raw_stream: &'a Mutex<Option<RawStream>>,
    ) -> Answering<'a> {
        state.begin();
        let state = Arc::clone(state);
        // Where a body in chunks ends, `RequestHeads` does not know, so no head after it could be checked.
        let last = request.headers().contains_key(header::TRANSFER_ENCODING);
        let handed = move |mut response: Response<Body>| {
            if last {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response.map(|body| TrackedBody { body, state })
        };
        if let Some(kept) = fast_path::answer(&self.app, &request, peer) {
            return Either::Left(ready(Ok(handed(kept))));
        }
        Either::Right(Box::pin(async move {
            let mut request = request;
            request.extensions_mut().insert(Peer(peer));
            let response = match routes.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            match RawStream::of(response, || self.app.register.now()) {
                Err(response) => Ok(handed(response)),
                Ok(going_on) => {
                    if let Ok(mut raw_stream) = raw_stream.lock() {
                        *raw_stream = Some(going_on);
                    }
                    Err(LeftProtocol)
                }
            }
        }))
    }

    /// A raw response where there is no valid request, so that nothing was applied; it closes the connection. Counts and
    /// logs it.
    pub(crate) fn last_word(&self, problem: &Problem) -> Vec<u8> {
        let now = self.app.register.now();
        let request_id = fresh_id(now);
        let status = problem.code.status();
        let body = problem.body(request_id.as_str(), false);
        self.app.metrics.count_unread(problem, &request_id);
        let mut text =
            format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
        let mut fields: HeaderMap = problem.header_fields().into_iter().collect();
        fields.typed_insert(date(now));
        for (name, value) in &fields {
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
        let _ = write!(
            text,
            "content-length: {}\r\nx-request-id: {request_id}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        text.into_bytes()
    }

    /// Waits for the shutdown signal, then as `drain_deadline` does.
    async fn stopped(&self, state: &ConnectionState) {
        self.app.stopping.begun().await;
        self.drain_deadline(state).await;
    }

    /// Once shutdown has begun, waits until no response is in progress or the time is up.
    async fn drain_deadline(&self, state: &ConnectionState) {
        let bound = Instant::now() + self.app.options.limits.stop;
        loop {
            sleep_until(bound.min(Instant::now() + GRACE)).await;
            if !state.busy() || Instant::now() >= bound {
                return;
            }
        }
    }
}

/// A response, ready or awaited.
type Answering<'a> = Either<
    Ready<Result<Response<TrackedBody>, LeftProtocol>>,
    Pin<Box<dyn Future<Output = Result<Response<TrackedBody>, LeftProtocol>> + Send + 'a>>,
>;

/// Makes hyper give up the connection, for an endless response.
#[derive(Debug, thiserror::Error)]
#[error("the answer goes on without the protocol")]
struct LeftProtocol;

/// What is left to send once HTTP/1.1 has ended.
enum End {
    LastWord(Option<Vec<u8>>),
    RawStream(RawStream),
}

/// A body that notes when hyper is done with it.
struct TrackedBody {
    body: Body,
    state: Arc<ConnectionState>,
}

impl hyper::body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.state.end();
    }
}

/// The problem for a malformed or late head; `None` if the client left or sent nothing.
fn refusal(error: Option<&hyper::Error>, state: &ConnectionState) -> Option<Problem> {
    // Of an error in reading the first bytes of a head the protocol says nothing.
    if let Some(fault) = state.head_fault() {
        let of_version = fault == HeadFault::Version;
        let code = if of_version { Code::HttpVersionNotSupported } else { Code::MalformedRequest };
        return Some(Problem::new(code, fault.to_string()));
    }
    let error = error?;
    if state.late() {
        let late = || Problem::new(Code::RequestTimeout, "the head of the request did not arrive in time");
        return state.heard().then(late);
    }
    if !error.is_parse() && !error.is_parse_too_large() {
        return None;
    }
    Some(match state.refused() {
        Some(StatusCode::URI_TOO_LONG) => Problem::new(Code::UriTooLong, "the path is too long"),
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => {
            Problem::new(Code::HeadTooLarge, "the head of the request has too many or too large fields")
        }
        _ => Problem::new(Code::MalformedRequest, format!("this is not HTTP/1.1: {error}")),
    })
}
