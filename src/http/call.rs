//! A call: a request, checked against its operation.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::concurrency::Turn;
use super::connection::Peer;
use super::operation::{Access, Operation};
use super::params::{DEFAULT_ITEMS, Params};
use super::problem::{Code, Problem};
use super::resources::BODY_LIMIT;
use super::write::IDEMPOTENCY_KEY;
use super::{board, changes};
use crate::app;
use crate::domain::actor::{Actor, Key};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::text::Name;
use crate::domain::time::Moment;
use crate::wire::json::{Unreadable, parse};

/// Parameters that select another time than the present; a cursor is pinned to one.
const TIMES: [&str; 4] = ["valid_at", "revision", "known_at", "cursor"];

/// The id of a request, made or adopted by the outermost layer.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Name);

/// A request, checked against its operation.
pub(crate) struct Call {
    /// The service's shared state.
    pub(crate) app: App,
    /// The operation.
    pub(crate) operation: Arc<Operation>,
    /// The caller.
    pub(crate) actor: Actor,
    /// The caller's address, if the request came by a connection.
    pub(crate) peer: Option<IpAddr>,
    /// The query parameters.
    pub(crate) params: Params,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
    /// The path as sent.
    pub(crate) path: String,
    /// The path and query as sent.
    pub(crate) target: String,
    /// The id of the request.
    pub(crate) request_id: Name,
    path_params: Vec<(String, String)>,
    /// Its permit among requests whose bodies may be large.
    _place: Option<Turn>,
}

impl Call {
    /// Reads a request and checks it against its operation.
    pub(crate) async fn read(
        request: Request,
        app: &App,
        operation: Arc<Operation>,
    ) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let lost = || Problem::new(Code::Internal, "the request came without its id");
        let RequestId(request_id) = parts.extensions.get::<RequestId>().cloned().ok_or_else(lost)?;
        let actor = actor(app, operation.access, &parts.headers).await?;
        let path_params = RawPathParams::from_request_parts(&mut parts, app)
            .await
            .map_err(|cause| Problem::malformed("path", cause.body_text()))?;
        let path_params =
            path_params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        check_length(&parts.headers)?;
        let params =
            Params::read(parts.uri.query().unwrap_or_default(), &operation, app.register.store().seal())?;
        check_media_type(&operation, &parts.headers, &parts.method)?;
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let place = match &operation.input {
            Some(input) if body.size_hint().lower() > input.limit as u64 => {
                return Err(too_large(input.limit));
            }
            Some(input) if input.limit > BODY_LIMIT => {
                let idempotency_key = parts.headers.get(IDEMPOTENCY_KEY).map(HeaderValue::as_bytes);
                Some(app.imports.take_turn(&actor, peer, idempotency_key).await?)
            }
            _ => None,
        };
        let body = match &operation.input {
            Some(input) => whole(body, input.limit).await?,
            None => Bytes::new(),
        };
        let path = parts.uri.path().to_owned();
        let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Ok(Self {
            app: app.clone(),
            operation,
            actor,
            peer,
            params,
            headers: parts.headers,
            body,
            path,
            target,
            request_id,
            path_params,
            _place: place,
        })
    }

    /// A permit for a long read, if this is one: a page longer than the default, or the board at another
    /// time, of which no row is cached. The feed is exempt: it is not computed, and its pollers seldom get a
    /// long page.
    pub(crate) async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Operation { method, access, path, .. } = &*self.operation;
        let board = path == board::PATH && TIMES.iter().any(|name| self.params.text(name).is_some());
        let page = path != changes::PATH && self.params.limit().is_ok_and(|limit| limit > DEFAULT_ITEMS);
        if *method != Method::GET || *access != Access::Read || !(board || page) {
            return Ok(None);
        }
        self.app.long_reads.take().await.map(Some)
    }

    /// A path parameter, as a checked value.
    pub(crate) fn path<T>(&self, name: &str) -> Result<T, Problem>
    where
        T: for<'t> TryFrom<&'t str, Error = Fault>,
    {
        let text =
            self.path_params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        T::try_from(text).map_err(|fault| Problem::parameter(name, fault))
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Problem> {
        if self.body.is_empty() && self.operation.input.as_ref().is_some_and(|input| !input.required) {
            return Ok(Map::new());
        }
        match parse(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(Problem::new(Code::InvalidBody, "the body must be a JSON object")),
            Err(Unreadable::Syntax(syntax)) => Err(Problem::new(Code::MalformedJson, syntax.to_string())),
            Err(Unreadable::Faults(faults)) => Err(Problem::invalid_body(&faults)),
        }
    }
}

/// Reads a body of at most `limit` bytes. Not an extractor, as those have limits of their own.
async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut whole = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|cause| {
            Problem::new(Code::MalformedRequest, format!("the body could not be read to its end: {cause}"))
        })?;
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        // Most bodies come in one piece.
        if whole.is_empty() && pieces.is_end_stream() {
            return Ok(piece);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::PayloadTooLarge, format!("the body must have at most {limit} bytes"))
}

/// The longest `If-Match` or `If-None-Match`, in bytes.
pub(crate) const LONGEST_TAGS: usize = 4096;

fn check_length(headers: &HeaderMap) -> Result<(), Problem> {
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        let length: usize = headers.get_all(&name).iter().map(HeaderValue::len).sum();
        if length > LONGEST_TAGS {
            let detail = format!("must have at most {LONGEST_TAGS} bytes");
            return Err(Problem::parameter(name.as_str(), Fault::new(FaultCode::TooLong, detail)));
        }
    }
    Ok(())
}

fn check_media_type(operation: &Operation, headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    let Some(input) = operation.input.as_ref().filter(|_| *method != Method::GET) else { return Ok(()) };
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let fits = essence.as_deref().map_or(!input.required, |given| input.media_types.contains(&given));
    if fits && !given.is_none_or(is_utf8) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "send the body in UTF-8, the only charset taken",
        ));
    }
    // An empty list is allowed.
    let plain = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        let problem = Problem::new(Code::UnsupportedMediaType, "send the body without a content coding");
        return Err(problem.field(header::ACCEPT_ENCODING, "identity"));
    }
    if fits {
        return Ok(());
    }
    let wanted = input.media_types.join("` or `");
    Err(Problem::new(Code::UnsupportedMediaType, format!("send the body as `{wanted}`")))
}

/// Whether a media type names no other charset than UTF-8; names are case-insensitive, and values may be
/// quoted (RFC 9110, section 8.3.1).
fn is_utf8(media_type: &str) -> bool {
    let params = media_type.split(';').skip(1).filter_map(|param| param.split_once('='));
    params.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).all(|(_, charset)| {
        let charset = charset.trim().trim_matches('"');
        ["utf-8", "utf8"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    })
}

/// The caller, if it has the access that an operation asks for. Checks a given key even where reading is
/// public.
pub(crate) async fn actor(app: &App, access: Access, headers: &HeaderMap) -> Result<Actor, Problem> {
    if access == Access::Public {
        return Ok(Actor::Anybody);
    }
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let actor = match (given.next(), given.next()) {
        (None, _) if app.options.public_read => Actor::Anybody,
        (None, _) => return Err(Problem::new(Code::Unauthenticated, "this needs a key")),
        (Some(value), None) => Actor::Key(app.holder(value.as_bytes()).await?),
        (Some(_), Some(_)) => {
            return Err(Problem::new(Code::Unauthenticated, "Authorization is given more than once"));
        }
    };
    let allowed = match access {
        Access::Public | Access::Read => Ok(()),
        Access::Write => actor.may_write(),
        Access::Admin => actor.may_manage_keys(),
    };
    allowed.map_err(app::Error::from)?;
    Ok(actor)
}

impl App {
    /// The key in an `Authorization` field.
    async fn holder(&self, value: &[u8]) -> Result<Arc<Key>, Problem> {
        let unknown = || Problem::new(Code::Unauthenticated, "the key is unknown, expired or revoked");
        let formless = || Problem::new(Code::Unauthenticated, "send the key as `Authorization: Bearer gl_…`");
        let held = app::keys::holder(&self.register, secret(value).ok_or_else(formless)?).await;
        let key = held?.ok_or_else(unknown)?;
        self.note_use(&key, self.register.now());
        Ok(key)
    }

    /// Whether the caller may read, judged from the key cache alone.
    pub(crate) fn knows_reader(&self, headers: &HeaderMap, at: Instant, now: Moment) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (None, _) => self.options.public_read,
            (Some(_), Some(_)) => false,
            (Some(value), None) => {
                let recalled = |secret| app::keys::recalled(&self.register, secret, at, now);
                let key = secret(value.as_bytes()).and_then(recalled);
                if let Some(key) = &key {
                    self.note_use(key, now);
                }
                key.is_some()
            }
        }
    }
}

/// The secret in an `Authorization` field.
pub(crate) fn secret(value: &[u8]) -> Option<&str> {
    let (scheme, secret) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}
