//! The change feed as server-sent events, resumable from a position.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::call::Call;
use super::changes::{self, change_filter, filter_params, located};
use super::conditional::set;
use super::hub::{After, Events, Hub};
use super::key_watch::KeyValidity;
use super::operation::{Api, Operation};
use super::problem::{Code, Problem};
use super::raw_stream::StreamMarker;
use super::stopping::Stopping;
use crate::app::{ChangeFilter, Error, Wanted};
use crate::domain::actor::Actor;

/// The media type of server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream";
/// The position after which a client resumes.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The reconnection delay that clients are told, in milliseconds.
const RETRY: u32 = 1000;

/// The body of a stream, carried in a response extension past the compression layer, whose state would take
/// as much memory as the rest of a subscriber.
#[derive(Clone)]
pub(crate) struct DetachedBody(Arc<Mutex<Option<Body>>>);

impl DetachedBody {
    fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Some(body))))
    }

    /// Moves the detached body, if there is one, into the response; drops it for a `HEAD` request.
    pub(crate) fn arrive(response: &mut Response, asked_for: bool) {
        let Some(Self(pushed)) = response.extensions_mut().remove() else { return };
        response.headers_mut().remove(header::CONTENT_LENGTH);
        let body = pushed.lock().ok().and_then(|mut pushed| pushed.take()).filter(|_| asked_for);
        let Some(body) = body else { return };
        *response.body_mut() = body;
        response.extensions_mut().insert(StreamMarker);
    }
}

/// Adds the stream's operation.
pub(crate) fn expose(api: &mut Api) {
    let schema =
        json!({"type": "string", "maxLength": 1_000_000_000, "contentMediaType": "text/event-stream"});
    let change = changes::example();
    let example = format!(
        "retry: {RETRY}\nid: 5f2c9a0b1d3e.41\n\nevent: revision\nid: 5f2c9a0b1d3e.42\ndata: [{change}]\n\n:\n\n"
    );
    api.on(
        Operation::get("/v1/changes/stream", "streamChanges", "Changes")
            .says(
                "Be told of changes",
                "Server-sent events. `revision`: one for each revision, its `id` the position after it, its data the changes in it that the filters let through, as in the feed; a revision of which nothing is left is passed over. `reset`: the position to resume from is of another epoch; read the lists again, and go on from here. The stream begins with the position where it begins, so that nothing is missed if it breaks before the first event. A comment is a sign of life. The stream ends when the key stops working, when the service stops, and when the client is too slow; come back with `Last-Event-ID`.",
            )
            .takes(filter_params())
            .resumes()
            .answers(200, "The events, as they happen.", EVENTS, schema, example.into())
            .refuses(&[Code::RevisionInFuture]),
        stream,
    );
}

async fn stream(call: Call) -> Result<Response, Problem> {
    let change_filter = change_filter(&call)?;
    let read = call.app.register.read(Wanted::Newest).await?;
    let (newest, epoch) = (read.at().revision, read.head().epoch.clone());
    drop(read);
    let (position, reset) = match left_off(&call, &epoch, newest) {
        Ok(position) => (position.unwrap_or(newest), false),
        Err(problem) if problem.code == Code::PositionGone => (newest, true),
        Err(problem) => return Err(problem),
    };
    let hub = Arc::clone(&call.app.hub);
    hub.begin(&epoch, newest);
    let works = match &call.actor {
        Actor::Key(key) => hub.key_watch.watch(&key.id),
        _ => KeyValidity::always(),
    };
    let subscriber = Subscriber {
        news: hub.news(),
        hub,
        change_filter,
        pending: [greeting(&epoch, position, reset)].into(),
        reading: None,
        epoch,
        position,
        works,
        stopping: call.app.stopping.clone(),
        heartbeat: call.app.options.limits.heartbeat,
    };
    let events = unfold(subscriber, |mut subscriber| async move {
        let bytes = subscriber.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), subscriber))
    });
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(DetachedBody::new(Body::from_stream(events)));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    // Keeps proxies from buffering, which would delay events.
    fields.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    set(fields, HeaderName::from_static("revision"), &newest.to_string());
    Ok(response)
}

/// The position in `Last-Event-ID`, if given.
fn left_off(call: &Call, epoch: &str, newest: i64) -> Result<Option<i64>, Problem> {
    let Some(value) = call.headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // A value that is not text is not a position either: `?` is refused.
    let text = value.to_str().unwrap_or("?");
    located(LAST_EVENT_ID.as_str(), text, epoch, newest).map(Some)
}

fn greeting(epoch: &str, position: i64, reset: bool) -> Bytes {
    let beginning = format!("retry: {RETRY}\nid: {epoch}.{position}\n");
    let data = json!({"next": format!("{epoch}.{position}"), "revision": position});
    let event = if reset { format!("event: reset\ndata: {data}\n") } else { String::new() };
    format!("{beginning}{event}\n").into()
}

/// A comment, which keeps the connection alive.
const HEARTBEAT: &[u8] = b":\n\n";

/// A subscriber of the stream and its position.
struct Subscriber {
    hub: Arc<Hub>,
    news: watch::Receiver<i64>,
    change_filter: ChangeFilter,
    /// What has yet to be sent, up to `position`.
    pending: VecDeque<Bytes>,
    /// A running read of the register, as a task of its own: it must go on while a heartbeat is sent.
    reading: Option<JoinSet<Result<Events, Error>>>,
    epoch: String,
    position: i64,
    works: KeyValidity,
    stopping: Stopping,
    heartbeat: Duration,
}

impl Subscriber {
    /// The next piece to send, polled once the last one is sent; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let heartbeat_at = Instant::now() + self.heartbeat;
        while self.works.now() {
            if let Some(piece) = self.pending.pop_front() {
                return Some(piece);
            }
            // The filter may drop every change of many revisions in a row.
            if Instant::now() >= heartbeat_at {
                return Some(Bytes::from_static(HEARTBEAT));
            }
            match self.hub.after(&self.epoch, self.position) {
                After::Event(event, position) => {
                    self.position = position;
                    self.pending = event.told(&self.epoch, &self.change_filter);
                }
                After::Behind => {
                    let read = || self.hub.read(self.position, &self.change_filter);
                    let reading = self.reading.get_or_insert_with(read);
                    tokio::select! {
                        read = reading.join_next() => self.caught_up(read?)?,
                        () = self.works.ended() => return None,
                        () = self.stopping.begun() => return None,
                        () = sleep_until(heartbeat_at) => {}
                    }
                }
                After::Nothing => tokio::select! {
                    news = self.news.changed() => news.ok()?,
                    () = self.works.ended() => return None,
                    () = self.stopping.begun() => return None,
                    () = sleep_until(heartbeat_at) => {}
                },
                After::Gone => return None,
            }
        }
        None
    }

    /// Takes the result of a read from the register; `None`, which ends the stream, if it failed.
    fn caught_up(&mut self, read: Result<Result<Events, Error>, JoinError>) -> Option<()> {
        self.reading = None;
        match read {
            Ok(Ok(events)) => {
                self.position = events.next();
                self.pending.extend(events.bytes());
                return Some(());
            }
            Ok(Err(error)) => tracing::warn!(%error, "a stream could not go on"),
            Err(cause) => tracing::error!(%cause, "a stream could not go on"),
        }
        None
    }
}
