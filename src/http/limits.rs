//! What no request may exceed: the size of its head, the time its body and its answer take, and how often
//! it is made.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep, timeout};

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
/// How many bytes of a body must come in a second once its deadline has passed.
const PACE: u32 = 16 * 1024;
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What no client may exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections can be open.
    pub connections: u32,
    /// How long a request may take to send its head, and a connection may be idle.
    pub head: Duration,
    /// How long a body may take, beside what its size allows.
    pub body: Duration,
    /// How long a client may take next to nothing of an answer.
    pub reply: Duration,
    /// How long an answer may take to begin once the request has arrived.
    pub request: Duration,
    /// How long requests under way may go on once the service stops.
    pub stop: Duration,
    /// How often a stream on which nothing happens gives a sign of life.
    pub heartbeat: Duration,
    /// How many requests a minute may come from one address; any if none is given.
    pub per_peer: Option<u32>,
    /// How many requests a minute may be made with one key; any if none is given.
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

/// The allowances of peers and of keys, where there are any.
#[derive(Debug)]
pub(crate) struct Rates {
    peers: Option<Allowances>,
    keys: Option<Allowances>,
}

impl Rates {
    /// Allowances as large as the limits say.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { peers: limits.per_peer.map(Allowances::new), keys: limits.per_key.map(Allowances::new) }
    }

    /// Pays for a request; tells what is left of the tightest allowance, if there is any. Who cannot pay with the key
    /// has not paid for the address either.
    pub(crate) fn spend(&self, asker: &Asker) -> Result<Option<(&'static str, Left)>, Problem> {
        let peers = self.peers.as_ref().zip(asker.peer);
        let peer = peers.map(|(all, peer)| all.spend(&peer, asker.at)).transpose();
        let peer = peer.map_err(|left| exhausted("peer", left))?;
        let key = self.keys.as_ref().zip(asker.secret()).map(|(all, key)| all.spend(&key, asker.at));
        let key = key.transpose().map_err(|left| {
            if let Some((all, peer)) = peers {
                all.give_back_all(&peer);
            }
        }
        Ok(tightest)
    }

    /// Gives back what a 304 costs less than another answer.
    pub(crate) fn give_back(&self, asker: &Asker) {
        if let Some((all, peer)) = self.peers.as_ref().zip(asker.peer) {
            all.give_back(&peer);
        }
        if let Some((all, key)) = self.keys.as_ref().zip(asker.secret()) {
            all.give_back(&key);
        }
    }
}

/// Who asks, and when.
pub(crate) struct Asker {
    at: Instant,
    peer: Option<IpAddr>,
    authorization: Option<HeaderValue>,
}

impl Asker {
    /// Whoever is at the other end of a connection, if it came by one, with the key in these fields.
    pub(crate) fn new(peer: Option<IpAddr>, fields: &HeaderMap, at: Instant) -> Self {
        Self { at, peer: peer.map(network), authorization: fields.get(header::AUTHORIZATION).cloned() }
    }

    /// What tells the key apart, however the field around it is written.
    fn secret(&self) -> Option<&str> {
        secret(self.authorization.as_ref()?.as_bytes())
    }
}

/// What tells a client apart by its address: who has one of the newer kind has a whole network of them.
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

/// Around every request, inside the layer that writes problems: what no request may exceed.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    if let Err(problem) = check_head(&request, peer.is_some()) {
        return closing(problem);
    }
    let asker = Asker::new(peer, request.headers(), Instant::now());
    let left = match app.rates.spend(&asker) {
        Ok(left) => left,
        Err(problem) => return problem.into_response(),
    };
    let asked_for_body = request.method() != Method::HEAD;
    let mut response = in_time(&app.options.limits, request, next).await;
    DetachedBody::arrive(&mut response, asked_for_body);
    if response.status() == StatusCode::NOT_MODIFIED {
        app.rates.give_back(&asker);
    }
    say_rates(response.headers_mut(), left);
    response
}

/// Says what is left of an allowance, if there is any.
pub(crate) fn say_rates(fields: &mut HeaderMap, left: Option<(&'static str, Left)>) {
    if let Some((policy, left)) = left {
        let (limit, rule) = rate_fields(policy, left);
        set(fields, RATE_LIMIT, &limit);
        set(fields, RATE_LIMIT_POLICY, &rule);
    }
}

/// An answer after which the connection is closed.
fn closing(problem: Problem) -> Response {
    problem.field(header::CONNECTION, "close").into_response()
}

/// Checks what the protocol lets through. What did not come by a connection needs no host.
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
        (None, None) if request.version() == Version::HTTP_10 => Ok(()),
        (None, _) => Err(Problem::new(Code::MalformedRequest, "the request must name its `Host`")),
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::MalformedRequest, "the request must name its `Host` once"))
        }
        (Some(host), None) if host.as_bytes().iter().all(|byte| names_host(*byte)) => Ok(()),
        (Some(_), None) => Err(Problem::new(Code::MalformedRequest, "`Host` must be a host and no more")),
    }
}

/// Whether a byte may be part of a host and its port (RFC 3986, section 3.2).
fn names_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

fn size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Answers within the time there is, counted from when the whole request has arrived.
async fn in_time(limits: &Limits, request: Request, next: Next) -> Response {
    let arrival = Arc::new(Arrival::default());
    let request = if request.body().is_end_stream() {
        arrival.whole.store(true, Ordering::Relaxed);
        request
    } else {
        request.map(|body| Body::new(Arriving::new(body, limits.body, Arc::clone(&arrival))))
    };
    let mut answer = std::pin::pin!(next.run(request));
    loop {
        match timeout(limits.request, answer.as_mut()).await {
            Ok(_) if arrival.late.load(Ordering::Relaxed) => {
                return closing(Problem::new(Code::RequestTimeout, "the body did not arrive in time"));
            }
            Ok(response) => return response,
            // A body that is asked for has a deadline of its own.
            Err(_) if arrival.asked.load(Ordering::Relaxed) && !arrival.whole.load(Ordering::Relaxed) => {}
            Err(_) => {
                tracing::warn!("a request was not answered in time");
                return Problem::new(Code::Overloaded, "the answer was not ready in time").into_response();
            }
        }
    }
}

/// How far a body has come.
#[derive(Debug, Default)]
struct Arrival {
    asked: AtomicBool,
    whole: AtomicBool,
    late: AtomicBool,
}

/// A body that must come within a time that grows with its size.
struct Arriving {
    body: Body,
    arrival: Arc<Arrival>,
    deadline: Pin<Box<Sleep>>,
}

impl Arriving {
    fn new(body: Body, allowed: Duration, arrival: Arc<Arrival>) -> Self {
        Self { body, arrival, deadline: Box::pin(sleep(allowed)) }
    }

    /// More has come, and makes more time.
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
        this.arrival.asked.store(true, Ordering::Relaxed);
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            ready!(Future::poll(this.deadline.as_mut(), cx));
            this.arrival.late.store(true, Ordering::Relaxed);
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body did not arrive in time");
            return Poll::Ready(Some(Err(axum::Error::new(late))));
        };
        match &frame {
            Some(Ok(frame)) => this.came(frame.data_ref().map_or(0, Bytes::len)),
            None => this.arrival.whole.store(true, Ordering::Relaxed),
            Some(Err(_)) => {}
        }
        if this.body.is_end_stream() {
            this.arrival.whole.store(true, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_older_kind_is_its_own_however_it_comes() {
        let network = |text: &str| {
            Asker::new(Some(text.parse().unwrap()), &HeaderMap::new(), Instant::now())
                .peer
                .unwrap()
                .to_string()
        };
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
