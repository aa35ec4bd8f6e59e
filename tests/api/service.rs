//! The service in process: a register, a key of each role, and requests answered without a socket.
//!
//! Whatever a test asks, the answer is held against the OpenAPI document: its status, media type and
//! problem code must be among those of the operation, and its body as the schema says.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{self, HeaderMap, HeaderName, HeaderValue, Method, header};
use greenlight::app::Register;
use greenlight::app::keys::{self, NewKey};
use greenlight::clock::Clock;
use greenlight::domain::actor::{Actor, Role};
use greenlight::domain::time::Moment;
use greenlight::domain::vocabulary::Vocabulary as _;
use greenlight::http::{Options, router};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::Database;
use crate::support::things::{import, of, sample};

/// The moment at which the clock of every test stands.
pub(crate) const NOW: &str = "2026-09-15T12:00:00Z";
/// The only authority whose records the limited key may write.
pub(crate) const LIMIT: &str = "us-bis";

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
pub(crate) const NDJSON: &str = "application/x-ndjson";
const EVENTS: &str = "text/event-stream";

/// The secrets of a key of each role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) reader: String,
    pub(crate) editor: String,
    /// An editor's that is limited to [`LIMIT`]; empty while the register does not know that authority.
    pub(crate) limited: String,
    pub(crate) admin: String,
}

/// A service over a register of its own.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) register: Register,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    router: Router,
}

impl Service {
    /// A service over a register that holds nothing but keys.
    pub(crate) async fn empty(database: &Database) -> Self {
        let clock = Clock::standing(of(NOW));
        let register = database.open(&clock).await;
        Self::over(register, clock).await
    }

    /// A service over the sample register, imported in one revision.
    pub(crate) async fn sample(database: &Database) -> Self {
        let clock = Clock::standing(of(NOW));
        let register = database.open(&clock).await;
        let outcome = import(&register, &sample()).await;
        assert_eq!((outcome.failed, outcome.created), (0, sample().lines().count()), "{:?}", outcome.bad);
        Self::over(register, clock).await
    }

    /// A service over a register, with keys of its own.
    pub(crate) async fn over(register: Register, clock: Clock) -> Self {
        let mut service = Self {
            router: router(&register, Options { public_read: false, ..Options::default() }),
            register,
            clock,
            keys: Keys::default(),
        };
        service.keys.reader = service.key(Role::Reader, &[], None).await;
        service.keys.editor = service.key(Role::Editor, &[], None).await;
        service.keys.admin = service.key(Role::Admin, &[], None).await;
        if service.get("/v1/authorities/us-bis").send().await.status == 200 {
            service.keys.limited = service.key(Role::Editor, &[LIMIT], None).await;
        }
        service
    }

    /// Another service over the same register, in which anybody may read.
    pub(crate) fn public(&self) -> Self {
        Self {
            router: router(&self.register, Options { public_read: true, ..Options::default() }),
            ..self.clone()
        }
    }

    /// The same register, closed and opened again.
    pub(crate) async fn reopened(self, database: &Database) -> Self {
        self.register.store().close().await;
        let register = database.open(&self.clock).await;
        Self {
            router: router(&register, Options { public_read: false, ..Options::default() }),
            register,
            ..self
        }
    }

    /// The secret of another key.
    pub(crate) async fn key(&self, role: Role, authorities: &[&str], expires_at: Option<Moment>) -> String {
        let new = NewKey {
            name: of(role.as_str()),
            owner: of("tests"),
            role,
            authorities: authorities.iter().map(|id| of(id)).collect(),
            expires_at,
        };
        let made = self.register.write(move |write| {
            Box::pin(async move { Ok(keys::create(write, &Actor::Operator, new).await) })
        });
        made.await.unwrap().unwrap().1.reveal().to_owned()
    }

    /// A request of the editor, to be given whatever it needs and awaited.
    pub(crate) fn request(&self, method: Method, path: &str) -> Request {
        let mut request = http::Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_else(|cause| panic!("{path}: {cause}"));
        Request { router: self.router.clone(), request }.key(&self.keys.editor)
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    pub(crate) fn head(&self, path: &str) -> Request {
        self.request(Method::HEAD, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PUT, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PATCH, path).json(body).field("content-type", MERGE_PATCH)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// The newest revision.
    pub(crate) async fn revision(&self) -> i64 {
        self.get("/v1/companies?limit=1").await.is(200).json()["revision"].as_i64().unwrap()
    }

    /// The epoch of the register.
    pub(crate) async fn epoch(&self) -> String {
        let next = self.get("/v1/changes").await.is(200).json()["next"].clone();
        next.as_str().unwrap().rsplit_once('.').unwrap().0.to_owned()
    }
}

/// A request that is sent when it is awaited.
#[must_use]
pub(crate) struct Request {
    router: Router,
    request: http::Request<Body>,
}

impl Request {
    /// With this key instead of the editor's.
    pub(crate) fn key(self, secret: &str) -> Self {
        self.field("authorization", &format!("Bearer {secret}"))
    }

    /// Without a key.
    pub(crate) fn nobody(mut self) -> Self {
        self.request.headers_mut().remove(header::AUTHORIZATION);
        self
    }

    /// Without this header field.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// With this header field instead of what it has.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.request.headers_mut().insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// With a further header field.
    pub(crate) fn further(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap();
        self.request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// With a JSON body.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(JSON, body.to_string())
    }

    /// With a body of this media type.
    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self.field("content-type", media_type)
    }

    /// Sends it, and leaves the body of the answer where it is.
    pub(crate) async fn unread(self) -> axum::response::Response {
        self.router.oneshot(self.request).await.unwrap()
    }

    /// Sends it, and holds the answer against the document.
    pub(crate) async fn send(self) -> Answer {
        let (method, path) = (self.request.method().clone(), self.request.uri().path().to_owned());
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        let streams = parts.headers.get("content-type").is_some_and(|kind| kind == EVENTS);
        // A stream of events has no end to wait for.
        let body = if streams { Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
        let asked = format!("{method} {path}");
        let answer = Answer { asked, status: parts.status.as_u16(), fields: parts.headers, body };
        answer.assert_documented(&method, &path);
        answer
    }
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What the service answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.brief());
        self
    }

    /// The answer, if it is this problem.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.code(), code, "{}: {}", answer.asked, answer.brief());
        answer
    }

    /// The beginning of the body, for what a failed test says.
    pub(crate) fn brief(&self) -> String {
        format!("{:.1000}", self.text())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(bytes)")
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.text())
            .unwrap_or_else(|cause| panic!("{}: {cause}: {}", self.asked, self.brief()))
    }

    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().unwrap())
    }

    /// Its entity tag.
    #[track_caller]
    pub(crate) fn etag(&self) -> String {
        self.field("etag").unwrap_or_else(|| panic!("{}: no ETag", self.asked)).to_owned()
    }

    /// The revision it says it shows or made.
    #[track_caller]
    pub(crate) fn revision(&self) -> i64 {
        self.field("revision").unwrap_or_else(|| panic!("{}: no Revision", self.asked)).parse().unwrap()
    }

    /// The code of the problem it is.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// The faults of the problem it is, each as `place code`.
    #[track_caller]
    pub(crate) fn faults(&self) -> Vec<String> {
        let problem = self.json();
        let place = |fault: &Value| {
            let line = fault["line"].as_i64().map(|line| format!("{line}:"));
            let place = fault["parameter"].as_str().or(fault["pointer"].as_str()).unwrap_or_default();
            format!("{}{place} {}", line.unwrap_or_default(), fault["code"].as_str().unwrap())
        };
        problem["errors"].as_array().into_iter().flatten().map(place).collect()
    }

    /// The items of the page it is.
    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        self.json()["items"].as_array().unwrap().clone()
    }

    /// The ids of the items of the page it is.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}
