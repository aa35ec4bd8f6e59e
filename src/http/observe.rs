//! Outermost layer: request id, log, metrics, problem bodies.

use std::any::Any;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::App;
use super::cache;
use super::call::RequestId;
use super::coding;
use super::conditional::set;
use super::outcome;
use super::problem::{Code, Problem};
use crate::app::Register;
use crate::domain::text::Name;
use crate::domain::time::Moment;

/// The header field with the request id, which is also logged.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The methods counted by name.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
/// The method of requests with any other, or with none.
const OTHER: &str = "other";
/// The route of requests that match none.
const NO_ROUTE: &str = "none";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Denial {
    code: String,
}

/// The metrics of the service.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Labels, Counter>,
    seconds: Family<Route, Histogram>,
    denials: Family<Denial, Counter>,
    revision: Gauge,
    queued: Gauge,
    commits: Counter,
    writable: Gauge,
}

impl Metrics {
    /// Metrics that start at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("greenlight");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::<Route, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.0001, 4.0, 9))
        });
        let denials = Family::<Denial, Counter>::default();
        let (revision, queued, writable) = (Gauge::default(), Gauge::default(), Gauge::default());
        let commits = Counter::default();
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time to the first byte of the answer", seconds.clone());
        registry.register("denials", "Requests refused for who asked", denials.clone());
        registry.register("revision", "The newest revision of the register", revision.clone());
        registry.register("writes_queued", "Writes waiting for the writer", queued.clone());
        registry.register("commits", "Transactions that the writer has committed", commits.clone());
        registry.register("writable", "Whether the last write succeeded", writable.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            seconds,
            denials,
            revision,
            queued,
            commits,
            writable,
        }
    }

    /// The metrics in the `OpenMetrics` text format.
    pub(crate) fn text(&self, revision: i64, register: &Register) -> String {
        let store = register.store();
        self.revision.set(revision);
        self.queued.set(i64::try_from(store.queued()).unwrap_or(i64::MAX));
        self.commits.inner().store(store.commits(), Ordering::Relaxed);
        self.writable.set(store.writable().into());
        let mut text = String::new();
        if let Ok(registry) = self.registry.lock() {
            // Writing to a string cannot fail.
            let _ = encode(&mut text, &registry);
        }
        text
    }

    /// The metrics of cached answers on a route.
    pub(crate) fn tally(&self, route: &str) -> Tally {
        let requests = |status: StatusCode| {
            let method = Method::GET.as_str().to_owned();
            let labels = Labels { method, route: route.to_owned(), status: status.as_u16() };
            self.requests.get_or_create(&labels).clone()
        };
        Tally {
            whole: requests(StatusCode::OK),
            not_modified: requests(StatusCode::NOT_MODIFIED),
            seconds: self.seconds.get_or_create(&Route { route: route.to_owned() }).clone(),
        }
    }

    /// Counts and logs a request that was refused before it could be read, so that it has no method and route.
    pub(crate) fn count_unread(&self, problem: &Problem, id: &Name) {
        let status = problem.code.status().as_u16();
        let labels = Labels { method: OTHER.to_owned(), route: NO_ROUTE.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        tracing::debug!(request.id = %id, problem.code = problem.code.as_str(), status, "refused unread {id}");
    }

    fn count(&self, method: &str, route: &str, status: StatusCode, started: Instant) {
        let labels = Labels { method: method.to_owned(), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.seconds
            .get_or_create(&Route { route: route.to_owned() })
            .observe(started.elapsed().as_secs_f64());
    }
}

/// Handles to a route's metrics, for the fast path.
pub(crate) struct Tally {
    whole: Counter,
    not_modified: Counter,
    seconds: Histogram,
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn count(&self, status: StatusCode, started: Instant) {
        let counter = if status == StatusCode::NOT_MODIFIED { &self.not_modified } else { &self.whole };
        counter.inc();
        self.seconds.observe(started.elapsed().as_secs_f64());
    }
}

/// The outermost middleware: assigns the request id, renders problems, sets common header fields, counts and
/// logs.
pub(crate) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers(), app.register.now());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = known(request.method());
    let writes = outcome::writes(request.method(), request.uri());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let mut response = cache::compressed(next.run(request).await).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if matches!(problem.code, Code::Unauthenticated | Code::Forbidden | Code::ForbiddenAuthority) {
            app.metrics.denials.get_or_create(&Denial { code: problem.code.as_str().to_owned() }).inc();
            tracing::info!(request.id = %id, problem.code = problem.code.as_str(), method, route, "denied");
        }
        response = rendered(&problem, &id, writes, response);
    }
    finish(&mut response, &id);
    let status = response.status();
    app.metrics.count(method, &route, status, started);
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    if status.is_server_error() {
        tracing::error!(request.id = %id, method, route, status = status.as_u16(), milliseconds, "failed {id}");
    } else {
        tracing::debug!(request.id = %id, method, route, status = status.as_u16(), milliseconds, "answered {id}");
    }
    response
}

/// The method as counted and logged: a fixed set, as clients could send any number of others, of any length.
fn known(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

/// The request id that the client sent, if it is valid, else a new one.
pub(crate) fn request_id(fields: &HeaderMap, now: Moment) -> Name {
    let given = fields.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let valid = given.filter(|text| text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_graphic()));
    let own = || crate::app::fresh_id(now);
    valid.and_then(|text| Name::try_from(text).ok()).unwrap_or_else(own)
}

fn rendered(problem: &Problem, id: &Name, writes: bool, mut response: Response) -> Response {
    *response.body_mut() = Body::from(problem.body(id.as_str(), writes));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    for (name, value) in problem.header_fields() {
        response.headers_mut().insert(name, value);
    }
    response
}

fn finish(response: &mut Response, id: &Name) {
    let fields = response.headers_mut();
    last_touch(fields);
    set(fields, REQUEST_ID, id.as_str());
}

/// Sets the header fields of every answer. The request id is a placeholder, so that setting it later
/// does not grow the map.
pub(crate) fn last_touch(fields: &mut HeaderMap) {
    fields.insert(REQUEST_ID, HeaderValue::from_static(""));
    fields.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    fields.append(header::VARY, HeaderValue::from_static("authorization, accept"));
}

/// Answers a panic and logs its message.
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = match cause.downcast::<String>() {
        Ok(text) => *text,
        Err(cause) => cause.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned()),
    };
    tracing::error!(panic = text, "a request panicked");
    Problem::new(Code::Internal, "the service failed on this request").into_response()
}

/// Middleware that turns bare error responses of lower layers into problems.
pub(crate) async fn no_bare_errors(request: Request, next: Next) -> Response {
    let response = coding::coded(request, next).await;
    let status = response.status();
    let bare = status.is_client_error() || status.is_server_error();
    let has_type =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    if !bare || has_type || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new(Code::NoSuchPath, "there is no such path; see /docs"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "the path does not take this method; see Allow")
        }
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new(Code::RequestTimeout, "the request did not arrive in time")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "the body is too large"),
        status if status.is_client_error() => {
            Problem::new(Code::InvalidParameter, "the request could not be understood")
        }
        _ => Problem::new(Code::Internal, "the service failed on this request"),
    };
    let (parts, _) = response.into_parts();
    let mut answer = problem.into_response();
    answer.headers_mut().extend(
        parts
            .headers
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .filter(|(name, _)| *name == header::ALLOW),
    );
    answer
}
