//! Limits on requests: head size, the time for bodies and answers, and rate.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, timeout, timeout_at};

use super::App;
use super::call::secret;
use super::conditional::set;
use super::connection::Peer;
use super::problem::{Code, Problem};
use super::rate::{Allowances, Left, WINDOW};
use super::stream::DetachedBody;

/// The most bytes of all header fields, names and values.
pub(crate) const MOST_FIELD_BYTES: usize = 16 * 1024;
/// The most bytes of path and query.
pub(crate) const MOST_URI_BYTES: usize = 8 * 1024;
/// The most bytes of a head; the protocol reads no further.
pub(crate) const MOST_HEAD_BYTES: usize = MOST_FIELD_BYTES + MOST_URI_BYTES;
/// The minimum rate of a body once its allowance has passed, in bytes a second.
const PACE: u32 = 16 * 1024;
/// How many bytes of an unread body are discarded, and for how long, so that the connection can be kept
/// alive.
const MOST_UNWANTED: u64 = 64 * 1024;
const UNWANTED: Duration = Duration::from_millis(50);
/// Paths exempt from rate limits: a monitor must not take a busy client for a dead service.
const UNCOUNTED: [&str; 2] = ["/healthz", "/readyz"];
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Limits on clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most open connections.
    pub connections: u32,
    /// How long a request head may take, and a connection may be idle.
    pub head: Duration,
    /// How long a body may take, in addition to the time for its size.
    pub body: Duration,
    /// How long a client may take less than 16 KiB of an answer.
    pub reply: Duration,
    /// How long an answer may take to begin, once the request has arrived.
    pub request: Duration,
    /// How long requests in progress may go on after a shutdown begins.
    pub stop: Duration,
    /// The interval of heartbeats on an idle stream.
    pub heartbeat: Duration,
    /// Requests a minute from one address; `None` is unlimited.
    pub per_peer: Option<u32>,
    /// Requests a minute with one key; `None` is unlimited.
    pub per_key: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            reply: Duration::from_secs(30),
            request: Duration::from_mins(1),
            stop: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            per_peer: None,
            per_key: None,
        }
    }
}

/// The rate limits in force, by address and by key.
#[derive(Debug)]
pub(crate) struct Rates {
    peers: Option<Allowances>,
    keys: Option<Allowances>,
}

impl Rates {
    /// The rate limits that `limits` sets.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { peers: limits.per_peer.map(Allowances::new), keys: limits.per_key.map(Allowances::new) }
    }

    /// Charges a request; returns the tightest allowance, if any is set. If the key's is exhausted, the
    /// address is not charged.
    pub(crate) fn spend(&self, asker: &Asker) -> Result<Option<(&'static str, Left)>, Problem> {
        let peers = self.peers.as_ref().zip(asker.peer);
        let peer = peers.map(|(all, peer)| all.spend(&peer, asker.at)).transpose();
        let peer = peer.map_err(|left| exhausted("peer", left))?;
        let key = self.keys.as_ref().zip(asker.secret()).map(|(all, key)| all.spend(&key, asker.at));
        let key = key.transpose().map_err(|left| {
            if let Some((all, peer)) = peers {
                all.give_back_all(&peer);
            }
            exhausted("key", left)
        })?;
        let left = [peer.map(|left| ("peer", left)), key.map(|left| ("key", left))];
        Ok(left.into_iter().flatten().min_by_key(|(_, left)| left.requests))
    }

    /// Refunds the difference between a 304 and a full answer.
    pub(crate) fn give_back(&self, asker: &Asker) {
        if let Some((all, peer)) = self.peers.as_ref().zip(asker.peer) {
            all.give_back(&peer);
        }
        if let Some((all, key)) = self.keys.as_ref().zip(asker.secret()) {
            all.give_back(&key);
        }
    }
}

/// The client to charge for a request, and when it came.
pub(crate) struct Asker {
    at: std::time::Instant,
    peer: Option<IpAddr>,
    authorization: Option<HeaderValue>,
}

impl Asker {
    /// The client at an address, if any, with the key in these header fields.
    pub(crate) fn new(peer: Option<IpAddr>, fields: &HeaderMap, at: std::time::Instant) -> Self {
        Self { at, peer: peer.map(network), authorization: fields.get(header::AUTHORIZATION).cloned() }
    }

    /// The key's secret, whatever the spelling of the field around it.
    fn secret(&self) -> Option<&str> {
        secret(self.authorization.as_ref()?.as_bytes())
    }
}

/// The rate-limit key of an address: IPv4 whole, IPv6 by /64, since one client owns a /64.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn exhausted(policy: &str, left: Left) -> Problem {
    let wait = whole_seconds(left.after).max(1);
    let (limit, rule) = rate_fields(policy, left);
    Problem::new(Code::TooManyRequests, format!("the {policy} may make {} requests a minute", left.quota))
        .field(header::RETRY_AFTER, &wait.to_string())
        .field(RATE_LIMIT, &limit)
        .field(RATE_LIMIT_POLICY, &rule)
}

fn rate_fields(policy: &str, left: Left) -> (String, String) {
    let (requests, after) = (left.requests, whole_seconds(left.after));
    let rule = format!("\"{policy}\";q={};w={}", left.quota, WINDOW.as_secs());
    (format!("\"{policy}\";r={requests};t={after}"), rule)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Middleware that enforces the limits on every request, inside the layer that writes problem bodies.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    if let Err(problem) = check_head(&request, peer.is_some()) {
        return closing(problem);
    }
    let asker = Asker::new(peer, request.headers(), std::time::Instant::now());
    let counted = !UNCOUNTED.contains(&request.uri().path());
    let spent = if counted { app.rates.spend(&asker) } else { Ok(None) };
    let asked_for_body = request.method() != Method::HEAD;
    let limits = &app.options.limits;
    let (request, arrival) = Arrival::of(request, limits.body);
    let (left, mut response) = match spent {
        Ok(left) => (left, in_time(limits, request, &arrival, next).await),
        Err(problem) => {
            drop(request);
            (None, problem.into_response())
        }
    };
    if !arrival.ended().await {
        // An unread body is followed by no further request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    DetachedBody::arrive(&mut response, asked_for_body);
    if counted && response.status() == StatusCode::NOT_MODIFIED {
        app.rates.give_back(&asker);
    }
    say_rates(response.headers_mut(), left);
    response
}

/// Sets the rate-limit header fields, if an allowance is set.
pub(crate) fn say_rates(fields: &mut HeaderMap, left: Option<(&'static str, Left)>) {
    if let Some((policy, left)) = left {
        let (limit, rule) = rate_fields(policy, left);
        set(fields, RATE_LIMIT, &limit);
        set(fields, RATE_LIMIT_POLICY, &rule);
    }
}

/// A response that closes the connection.
fn closing(problem: Problem) -> Response {
    problem.field(header::CONNECTION, "close").into_response()
}

/// Checks what hyper lets through. Only requests from a connection need a `Host`.
pub(crate) fn check_head<B>(request: &axum::http::Request<B>, by_connection: bool) -> Result<(), Problem> {
    let uri = request.uri();
    if uri.path_and_query().map_or(0, |text| text.as_str().len()) > MOST_URI_BYTES {
        let detail = format!("path and query must have at most {MOST_URI_BYTES} bytes");
        return Err(Problem::new(Code::UriTooLong, detail));
    }
    if size(request.headers()) > MOST_FIELD_BYTES {
        let detail = format!("the header fields must have at most {MOST_FIELD_BYTES} bytes");
        return Err(Problem::new(Code::HeadTooLarge, detail));
    }
    if !by_connection {
        return Ok(());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if host.as_bytes().iter().all(|byte| names_host(*byte)) => Ok(()),
        (Some(_), None) => Err(Problem::new(Code::MalformedRequest, "`Host` must be a host and no more")),
        _ => Err(Problem::new(Code::MalformedRequest, "the request must name its `Host` once")),
    }
}

/// Whether a byte may be part of a host and its port (RFC 3986, section 3.2).
fn names_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

fn size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Runs the request within the time limit, which counts from when the whole request has arrived.
async fn in_time(limits: &Limits, request: Request, arrival: &Arrival, next: Next) -> Response {
    let mut deadline = Instant::now() + limits.request;
    let mut answer = std::pin::pin!(next.run(request));
    loop {
        match timeout_at(deadline, answer.as_mut()).await {
            Ok(_) if arrival.late.load(Ordering::Relaxed) => {
                return closing(Problem::new(Code::RequestTimeout, "the body did not arrive in time"));
            }
            Ok(response) => return response,
            Err(_) => {}
        }
        let whole_at = arrival.whole_at.get().copied();
        deadline = match whole_at.map(|at| at + limits.request) {
            Some(counted) if counted > deadline => counted,
            // While the body is being read, its own deadline applies.
            None if arrival.asked.load(Ordering::Relaxed) => Instant::now() + limits.request,
            _ => {
                tracing::warn!("a request was not answered in time");
                return Problem::new(Code::Overloaded, "the answer was not ready in time").into_response();
            }
        };
    }
}

/// The progress of a body.
#[derive(Debug, Default)]
struct Arrival {
    asked: AtomicBool,
    late: AtomicBool,
    /// Whether reading it failed, so that no rest can be read.
    broken: AtomicBool,
    /// When it was complete.
    whole_at: OnceLock<Instant>,
    /// Whether the client waits for `100 Continue` before it sends the body.
    holds_back: bool,
    /// The unread rest, once its reader is dropped.
    rest: Mutex<Option<Body>>,
}

impl Arrival {
    /// Puts a deadline on the body of a request and tracks its progress.
    fn of(request: Request, allowed: Duration) -> (Request, Arc<Self>) {
        let holds_back = request.headers().contains_key(header::EXPECT);
        let arrival = Arc::new(Self { holds_back, ..Self::default() });
        if request.body().is_end_stream() {
            arrival.is_whole();
            return (request, arrival);
        }
        let arriving = |body| Body::new(Arriving::new(body, allowed, Arc::clone(&arrival)));
        (request.map(arriving), arrival)
    }

    fn is_whole(&self) {
        self.whole_at.get_or_init(Instant::now);
    }

    /// Whether the body is complete, or its rest can be discarded within the bounds: most small bodies arrive
    /// with their heads.
    async fn ended(&self) -> bool {
        if self.whole_at.get().is_some() {
            return true;
        }
        let Some(rest) = self.rest.lock().ok().and_then(|mut rest| rest.take()) else { return false };
        let unasked = self.holds_back && !self.asked.load(Ordering::Relaxed);
        let over = self.late.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed);
        if unasked || over || rest.size_hint().lower() > MOST_UNWANTED {
            return false;
        }
        let reading = async {
            let (mut pieces, mut left) = (rest.into_data_stream(), MOST_UNWANTED);
            while let Some(piece) = pieces.next().await {
                left = left.checked_sub(piece.ok()?.len() as u64)?;
            }
            Some(())
        };
        timeout(UNWANTED, reading).await.is_ok_and(|ended| ended.is_some())
    }
}

/// A body with a deadline that grows with its size.
struct Arriving {
    body: Body,
    arrival: Arc<Arrival>,
    allowed: Duration,
    /// Starts with the first read: before that the client may not be able to send.
    deadline: Pin<Box<Sleep>>,
}

impl Arriving {
    fn new(body: Body, allowed: Duration, arrival: Arc<Arrival>) -> Self {
        Self { body, arrival, allowed, deadline: Box::pin(sleep(allowed)) }
    }

    /// Extends the deadline for the bytes that came.
    fn came(&mut self, bytes: usize) {
        let more = Duration::from_secs(1).saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX)) / PACE;
        let later = self.deadline.deadline() + more;
        self.deadline.as_mut().reset(later);
    }
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if !this.arrival.asked.swap(true, Ordering::Relaxed) {
            this.deadline.as_mut().reset(Instant::now() + this.allowed);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            ready!(Future::poll(this.deadline.as_mut(), cx));
            this.arrival.late.store(true, Ordering::Relaxed);
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body did not arrive in time");
            return Poll::Ready(Some(Err(axum::Error::new(late))));
        };
        match &frame {
            Some(Ok(frame)) => this.came(frame.data_ref().map_or(0, Bytes::len)),
            None => this.arrival.is_whole(),
            Some(Err(_)) => this.arrival.broken.store(true, Ordering::Relaxed),
        }
        if this.body.is_end_stream() {
            this.arrival.is_whole();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // In a panic the body may be what panicked.
        if !std::thread::panicking()
            && let Ok(mut rest) = self.arrival.rest.lock()
        {
            *rest = Some(std::mem::take(&mut self.body));
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    /// The status that `in_time` gives if the body and the work on it take these times.
    async fn answered(limits: Limits, body_takes: Duration, work_takes: Duration) -> StatusCode {
        let handler = move |body: Bytes| async move {
            sleep(work_takes).await;
            body
        };
        let in_time = move |request: Request, next: Next| async move {
            let (request, arrival) = Arrival::of(request, limits.body);
            in_time(&limits, request, &arrival, next).await
        };
        let body = futures_util::stream::once(async move {
            sleep(body_takes).await;
            Ok::<_, std::io::Error>("late")
        });
        let router = Router::new().route("/", post(handler)).layer(from_fn(in_time));
        let request = axum::http::Request::post("/").body(Body::from_stream(body)).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn the_time_for_an_answer_is_counted_from_when_the_body_is_whole() {
        let limits = Limits { request: Duration::from_secs(1), ..Limits::default() };
        let most = Duration::from_millis(700);
        assert_eq!(answered(limits, most, most).await, StatusCode::OK);
        let status = answered(limits, most, Duration::from_mins(1)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn an_address_of_the_older_kind_is_its_own_however_it_comes() {
        let network = |text: &str| {
            Asker::new(Some(text.parse().unwrap()), &HeaderMap::new(), std::time::Instant::now())
                .peer
                .unwrap()
                .to_string()
        };
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
