//! The HTTP interface: reads requests, calls use cases, and answers.
//!
//! Routes, parameters, access and the OpenAPI document come from one table of operations, so that they agree.

mod answer_schemas;
mod approvals;
mod authorities;
mod board;
mod cache;
mod call;
mod catalogue;
mod cell;
mod changes;
mod chips;
mod client_stream;
mod coding;
mod companies;
mod concurrency;
mod conditional;
mod conditions;
mod connection;
mod determinations;
mod exports;
mod fast_path;
mod headers;
mod holdings;
mod hub;
mod imports;
mod key_watch;
mod keys;
mod limits;
mod movements;
mod observe;
mod openapi;
mod operation;
mod outcome;
mod page;
mod params;
mod problem;
mod putting;
mod quality;
mod rate;
mod raw_stream;
mod reading;
mod refusals;
mod reports;
mod request_head;
mod resources;
mod revisions;
mod schema;
mod search;
mod server;
mod service;
mod showing;
mod sources;
mod stopping;
mod stream;
mod transitions;
mod workflows;
mod write;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

pub use limits::Limits;
pub use server::serve;

use crate::app::Register;
use crate::app::rows::Rows;
use crate::domain::actor::Key;
use crate::domain::approval::Approval;
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::id::KeyId;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::time::Moment;
use crate::domain::workflow::Workflow;
use cache::AnswerCache;
use concurrency::{ConcurrencyLimit, Turns};
use hub::Hub;
use limits::Rates;
use observe::Metrics;
use operation::Api;
use resources::expose;
use stopping::Stopping;

/// The default size of the answer cache, in bytes.
pub const CACHE_BYTES: usize = 64 << 20;
/// The cache of board rows has `1 / ROWS_SHARE` of that size.
const ROWS_SHARE: usize = 4;
/// The shortest interval between records of a key's last use, in seconds.
const NOTE_USE_EVERY: i64 = 60;

/// Options of the service.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether reading needs no key.
    pub public_read: bool,
    /// Limits on clients.
    pub limits: Limits,
    /// The size of the answer cache, in bytes; 0 disables it.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { public_read: false, limits: Limits::default(), cache_bytes: CACHE_BYTES }
    }
}

/// A handle to the shared state, for every request.
#[derive(Clone)]
pub(crate) struct App(Arc<Held>);

impl Deref for App {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

/// The shared state of the service.
pub(crate) struct Held {
    pub(crate) register: Register,
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) contract: String,
    pub(crate) cache: AnswerCache,
    pub(crate) rows: Rows,
    pub(crate) exports: ConcurrencyLimit,
    pub(crate) imports: ConcurrencyLimit,
    pub(crate) long_reads: Turns,
    pub(crate) rates: Rates,
    pub(crate) stopping: Stopping,
    pub(crate) hub: Arc<Hub>,
    noted: Mutex<HashMap<KeyId, Moment>>,
}

impl App {
    /// Records the use of a key in the background, unless it was recorded lately.
    pub(crate) fn note_use(&self, key: &Key, now: Moment) {
        let recent =
            |moment: Option<Moment>| moment.is_some_and(|moment| now < moment.plus_seconds(NOTE_USE_EVERY));
        if recent(key.last_used_at) {
            return;
        }
        {
            let Ok(mut noted) = self.noted.lock() else { return };
            if recent(noted.get(&key.id).copied()) {
                return;
            }
            noted.insert(key.id.clone(), now);
        }
        let (register, id) = (self.register.clone(), key.id.clone());
        tokio::spawn(async move {
            let noted =
                register.write(move |write| Box::pin(async move { write.note_use(&id, now).await })).await;
            if let Err(error) = noted {
                tracing::debug!(%error, "the use of a key was not noted");
            }
        });
    }
}

fn api() -> Api {
    let mut api = Api::default();
    expose::<Company>(&mut api);
    expose::<Chip>(&mut api);
    expose::<Authority>(&mut api);
    expose::<Workflow>(&mut api);
    expose::<Source>(&mut api);
    sources::expose_checks(&mut api);
    expose::<Approval>(&mut api);
    transitions::expose(&mut api);
    expose::<Report>(&mut api);
    expose::<Condition>(&mut api);
    movements::expose(&mut api);
    holdings::expose(&mut api);
    determinations::expose(&mut api);
    board::expose(&mut api);
    changes::expose(&mut api);
    stream::expose(&mut api);
    revisions::expose(&mut api);
    search::expose(&mut api);
    imports::expose(&mut api);
    exports::expose(&mut api);
    keys::expose(&mut api);
    service::expose(&mut api);
    api
}

/// The OpenAPI document as text, indented.
#[must_use]
pub fn openapi() -> String {
    serde_json::to_string_pretty(&openapi::document(&api())).unwrap_or_default()
}

/// The catalogue of problems as a Markdown table.
#[must_use]
pub fn problem_table() -> String {
    problem::table()
}

/// The routes of the service, with all middleware.
pub fn router(register: &Register, options: Options) -> Router {
    built(register, options).1
}

/// The shared state and the routes.
fn built(register: &Register, options: Options) -> (App, Router) {
    let api = api();
    let app = App(Arc::new(Held {
        register: register.clone(),
        options,
        metrics: Metrics::new(),
        contract: openapi::document(&api).to_string(),
        cache: AnswerCache::new(options.cache_bytes),
        exports: ConcurrencyLimit::new("exports"),
        imports: ConcurrencyLimit::new("imports"),
        long_reads: Turns::new(),
        rows: Rows::new(options.cache_bytes / ROWS_SHARE),
        rates: Rates::new(&options.limits),
        stopping: Stopping::default(),
        hub: Arc::new(Hub::new(register)),
        noted: Mutex::default(),
    }));
    let docs =
        utoipa_swagger_ui::SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json"));
    let docs = Router::from(docs).layer(from_fn(service::tagged));
    let router = api
        .into_router()
        .route("/", get(service::root))
        .merge(docs)
        .fallback(service::no_such_path)
        .method_not_allowed_fallback(service::method_not_allowed)
        .with_state(app.clone())
        // One layer for all, outermost first: each layer added by itself boxes every route, and the nested
        // boxes are cloned for each request.
        .layer((
            from_fn_with_state(app.clone(), observe::observe),
            from_fn_with_state(app.clone(), limits::guard),
            from_fn(observe::no_bare_errors),
            CatchPanicLayer::custom(observe::panicked),
        ));
    (app, router)
}
