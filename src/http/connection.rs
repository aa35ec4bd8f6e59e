//! One connection: HTTP/1.1 as far as it is that, and a problem in place of what is none.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Ready, poll_fn, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use futures_util::future::Either;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::App;
use super::door;
use super::limits::{Limits, MOST_FIELD_BYTES, MOST_URI_BYTES};
use super::line::{Line, Talk};
use super::problem::{Code, Problem};
use super::stopping::Stopping;

/// The most that is kept of what a client says or is told, in bytes.
const BUFFER: usize = 64 * 1024;
/// How long a client that is not being answered may go on once the service stops: long enough for a
/// request that is already under way here.
const GRACE: Duration = Duration::from_millis(250);

/// Who is at the other end of the connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What every connection is given.
pub(crate) struct Host {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) stopping: Stopping,
    /// Makes the ids of requests that never became any.
    pub(crate) request_id: Box<dyn Fn() -> String + Send + Sync>,
}

impl Host {
    fn protocol() -> Builder {
        let mut protocol = Builder::new();
        // Its own deadline for heads sets a timer for each; the line has one that does not.
        protocol
            .header_read_timeout(None)
            .max_header_size(MOST_FIELD_BYTES + MOST_URI_BYTES)
            .max_buf_size(BUFFER);
        protocol
    }

    /// Talks to a client until it goes away, breaks the rules, or the service stops.
    pub(crate) async fn attend(&self, stream: TcpStream, peer: IpAddr) {
        // Answers are written whole; waiting for more to send would only delay them.
        drop(stream.set_nodelay(true));
        let talk = Arc::new(Talk::default());
        let line = TokioIo::new(Line::new(stream, Arc::clone(&talk), &self.limits));
        let routes = TowerToHyperService::new(self.router.clone());
        let service = service_fn(|request| self.answer(request, peer, &talk, &routes));
        let mut connection = Self::protocol().serve_connection(line, service);
        let ended = tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
            () = self.stopping.begun() => {
                Pin::new(&mut connection).graceful_shutdown();
                tokio::select! {
                    ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
                    () = self.waited_enough(&talk) => return,
                }
            }
        };
        let refusal = ended.err().and_then(|error| refusal(&error, &talk));
        let last = refusal.map(|problem| last_word(&problem, &(self.request_id)()));
        connection.into_parts().io.into_inner().close(last).await;
    }

    /// Answers a request: at once if the answer is kept, else by the routes.
    fn answer<'a>(
        &'a self,
        request: Request<Incoming>,
        peer: IpAddr,
        talk: &Arc<Talk>,
        routes: &'a TowerToHyperService<Router>,
    ) -> Answering<'a> {
        talk.begin();
        let talk = Arc::clone(talk);
        // Of two lengths the protocol believes the chunks, and drops the other: somebody on the way may have
        // believed that one, so nothing that follows is read as a request (RFC 9112, section 6.3).
        let ambiguous = request.headers().contains_key(header::TRANSFER_ENCODING);
        let handed = move |mut response: Response<Body>| {
            if ambiguous {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response.map(|body| Handed { body, talk })
        };
        if let Some(kept) = door::answer(&self.app, &request, peer) {
            return Either::Left(ready(Ok(handed(kept))));
        }
        Either::Right(Box::pin(async move {
            let mut request = request;
            request.extensions_mut().insert(Peer(peer));
            routes.call(request).await.map(handed)
        }))
    }

    /// Waits, once the service stops, until the client is not being answered or the time is up.
    async fn waited_enough(&self, talk: &Talk) {
        let bound = Instant::now() + self.limits.stop;
        loop {
            sleep_until(bound.min(Instant::now() + GRACE)).await;
            if !talk.busy() || Instant::now() >= bound {
                return;
            }
        }
    }
}

/// An answer, at once or after a while.
type Answering<'a> = Either<
    Ready<Result<Response<Handed>, Infallible>>,
    Pin<Box<dyn Future<Output = Result<Response<Handed>, Infallible>> + Send + 'a>>,
>;

/// A body that tells when it has been handed over.
struct Handed {
    body: Body,
    talk: Arc<Talk>,
}

impl http_body::Body for Handed {
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

impl Drop for Handed {
    fn drop(&mut self) {
        self.talk.end();
    }
}

/// What a client is told that broke the rules or took too long; nothing if it has gone or said nothing.
fn refusal(error: &hyper::Error, talk: &Talk) -> Option<Problem> {
    if talk.late() {
        let late = || Problem::new(Code::RequestTimeout, "the head of the request did not arrive in time");
        return talk.heard().then(late);
    }
    if !error.is_parse() && !error.is_parse_too_large() {
        return None;
    }
    Some(match talk.refused() {
        Some(StatusCode::URI_TOO_LONG) => Problem::new(Code::UriTooLong, "the path is too long"),
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => {
            Problem::new(Code::HeadTooLarge, "the head of the request has too many or too large fields")
        }
        _ => Problem::new(Code::MalformedRequest, format!("this is not HTTP/1.1: {error}")),
    })
}

/// A whole answer for what never became a request; the connection ends with it.
pub(crate) fn last_word(problem: &Problem, request_id: &str) -> Vec<u8> {
    let status = problem.code.status();
    let body = problem.body(request_id);
    let mut text =
        format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default());
    for (name, value) in problem.header_fields() {
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
