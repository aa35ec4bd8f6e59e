//! The service's own endpoints: health, metrics, problems, the OpenAPI document and the documentation.

use std::io::Read as _;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::call::Call;
use super::catalogue::RETRYABLE;
use super::coding;
use super::conditional::{REVISION, Shown, has, set, weak};
use super::operation::{Access, Api, Operation};
use super::problem::{Code, Problem, page};
use super::resources::JSON;
use super::schema::{Field, count, named, required, truth};
use crate::app::{StoreError, Wanted};
use crate::domain::fault::Fault;

/// The fields of a problem in the catalogue.
pub(crate) fn catalogue_fields() -> Vec<Field> {
    let text = || json!({"type": "string", "maxLength": 1000});
    vec![
        required("type", text(), "The address of this page."),
        required("title", text(), "The same for every occurrence."),
        required("status", count(400, 599), "The status it is answered with."),
        required("code", text(), "Stable for ever."),
        required("retryable", truth(), RETRYABLE),
        required("about", text(), "What it means and what to do about it."),
    ]
}

/// Adds the service's own operations.
pub(crate) fn expose(api: &mut Api) {
    let health = json!({"type": "object", "properties": {"status": {"type": "string", "maxLength": 20}}, "required": ["status"]});
    api.on(
        Operation::get("/healthz", "showHealth", "Service")
            .says("Whether the process lives", "Asks nothing of the register.")
            .answers(200, "It lives.", JSON, health.clone(), json!({"status": "ok"}))
            .access(Access::Public),
        live,
    );
    api.on(
        Operation::get("/readyz", "showReadiness", "Service")
            .says(
                "Whether the register can be read and written",
                "It is read to answer. `writable` is false from a write that failed until the next one that does not, and while the file of the register is not where it was; reads go on meanwhile. Also tells the engine, the newest revision and how many writes wait.",
            )
            .answers(
                200,
                "It can be read.",
                JSON,
                ready_schema(),
                json!({"status": "ok", "engine": "sqlite", "revision": 42, "writable": true, "queued": 0}),
            )
            .refuses(&[Code::Unavailable])
            .access(Access::Public),
        ready,
    );
    api.on(
        Operation::get("/metrics", "showMetrics", "Service")
            .says("Measurements", "In the OpenMetrics text format, for Prometheus.")
            .answers(
                200,
                "The measurements.",
                METRICS,
                json!({"type": "string", "maxLength": 1_000_000}),
                "# EOF\n".into(),
            )
            .access(Access::Public),
        metrics,
    );
    api.on(
        Operation::get("/openapi.json", "showContract", "Service")
            .says("This contract", "The OpenAPI document, as it is shown at `/docs`.")
            .answers(200, "The contract.", JSON, json!({"type": "object"}), json!({"openapi": "3.1.0"}))
            .access(Access::Public),
        contract,
    );
    api.on(
        Operation::get("/problems/{code}", "showProblem", "Service")
            .says("What a problem means", "The page that the `type` of a problem names.")
            .answers(200, "What it means.", JSON, named("CatalogueEntry"), page(Code::IllegalMove))
            .refuses(&[Code::NotFound])
            .access(Access::Public),
        catalogue,
    );
}

/// The media type of the metrics.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn ready_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": {"type": "string", "maxLength": 20},
            "engine": {"type": "string", "maxLength": 20},
            "revision": count(0, i64::MAX),
            "writable": truth(),
            "queued": count(0, i64::MAX),
        },
        "required": ["status", "engine", "revision", "writable", "queued"],
    })
}

/// A response that shows nothing of the register, and so has no `Revision`.
fn respond(call: &Call, media_type: &'static str, body: String) -> Response {
    let shown = Shown { etag: weak([body.as_str()]), media_type, body, revision: 0 };
    let mut response = shown.answer(&call.headers);
    response.headers_mut().remove(REVISION);
    response
}

async fn live(call: Call) -> Result<Response, Problem> {
    Ok(respond(&call, JSON, json!({"status": "ok"}).to_string()))
}

async fn ready(call: Call) -> Result<Response, Problem> {
    let register = &call.app.register;
    let read = register.read(Wanted::Newest).await?;
    let revision = read.at().revision;
    let store = register.store();
    if store.ended() {
        return Err(StoreError::Closed.into());
    }
    let body = json!({
        "status": "ok",
        "engine": store.engine(),
        "revision": revision,
        "writable": store.writable(),
        "queued": store.queued(),
    })
    .to_string();
    Ok(respond(&call, JSON, body))
}

async fn metrics(call: Call) -> Result<Response, Problem> {
    let revision = match call.app.register.read(Wanted::Newest).await {
        Ok(read) => read.at().revision,
        Err(_) => 0,
    };
    let body = call.app.metrics.text(revision, &call.app.register);
    Ok(respond(&call, METRICS, body))
}

async fn contract(call: Call) -> Result<Response, Problem> {
    let body = call.app.contract.clone();
    Ok(respond(&call, JSON, body))
}

/// The code of this name, if there is one.
struct Named(Option<Code>);

impl TryFrom<&str> for Named {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        Ok(Self(Code::ALL.iter().copied().find(|code| code.as_str() == text)))
    }
}

async fn catalogue(call: Call) -> Result<Response, Problem> {
    let Named(code) = call.path("code")?;
    let code = code.ok_or_else(|| Problem::new(Code::NotFound, "the catalogue has no such problem"))?;
    Ok(respond(&call, JSON, page(code).to_string()))
}

/// The root page: redirects to the documentation.
pub(crate) async fn root() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/docs/"));
    response
}

/// Puts an `ETag` on a page that another crate serves, or answers with an empty 304 if the client has it.
pub(crate) async fn tagged(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let (mut parts, body) = next.run(request).await.into_parts();
    if parts.status != StatusCode::OK {
        return Response::from_parts(parts, body);
    }
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(cause) => {
            tracing::error!(%cause, "a page broke off");
            return Problem::new(Code::Internal, "the service failed on this request").into_response();
        }
    };
    let etag = weak([bytes.as_ref()]);
    set(&mut parts.headers, header::ETAG, &etag);
    if !has(&headers, &etag) {
        return as_taken(parts, bytes, &headers);
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

/// Most pages come gzipped: unpacks them for clients that do not accept gzip.
fn as_taken(mut parts: Parts, bytes: Bytes, headers: &HeaderMap) -> Response {
    if !parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Response::from_parts(parts, Body::from(bytes));
    }
    if coding::takes_gzip(headers) {
        coding::say_depends(&mut parts.headers);
        return Response::from_parts(parts, Body::from(bytes));
    }
    let mut page = Vec::new();
    if let Err(cause) = GzDecoder::new(bytes.as_ref()).read_to_end(&mut page) {
        tracing::error!(%cause, "a page could not be unpacked");
        return Problem::new(Code::Internal, "the service failed on this request").into_response();
    }
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}

/// The answer to an unknown path.
pub(crate) async fn no_such_path() -> Response {
    Problem::new(Code::NoSuchPath, "there is no such path; see /docs").into_response()
}

/// The answer to a method that the path does not support.
pub(crate) async fn method_not_allowed() -> Response {
    Problem::new(Code::MethodNotAllowed, "the path does not take this method; see Allow").into_response()
}
