//! Exports the register as lines, streamed.

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::call::Call;
use super::conditional::Shown;
use super::operation::{Api, Operation};
use super::problem::Problem;
use super::reading::read_at;
use super::resources::time_params;
use crate::app::exports::Export;

/// The media type of JSON lines.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Adds the export.
pub(crate) fn expose(api: &mut Api) {
    let [revision, known_at, _] = time_params();
    let example = "{\"kind\":\"company\",\"id\":\"alibaba\",\"name\":\"Alibaba Group Holding Limited\",\"names\":{},\"jurisdiction\":\"CN\",\"roles\":[],\"identifiers\":[],\"aliases\":[],\"parent\":null}\n";
    api.on(
        Operation::get("/v1/exports", "exportRegister", "Import and export")
            .says("Export the register", "Everything on record, one thing a line, what is referred to first. Imported into an empty register it gives the same export. Keys and history are not part of it.")
            .takes([revision, known_at])
            .answers(200, "The register, line by line.", NDJSON, json!({"type": "string", "maxLength": 1_000_000_000}), example.into())
            .unkept(),
        export,
    );
}

async fn export(call: Call) -> Result<Response, Problem> {
    let mut read = read_at(&call, None).await?;
    let revision = read.at().revision;
    let etag = format!("W/\"{}-{revision}-export\"", read.head().epoch);
    let empty = Shown { etag, media_type: NDJSON, body: String::new(), revision }.answer(&call.headers);
    if empty.status() == axum::http::StatusCode::NOT_MODIFIED {
        return Ok(empty);
    }
    // Held until the last line is sent or the client disconnects.
    let place = call.app.exports.take(&call.actor, call.peer)?;
    let mut export = Export::begin(&call.app.register, &mut read).await?;
    drop(read);
    // An error in the first chunk becomes a problem; a later one aborts the body.
    let first = export.chunk().await?;
    let rest = stream::try_unfold((export, place), |(mut export, place)| async move {
        let chunk = export.chunk().await.inspect_err(|error| tracing::error!(%error, "an export broke off"));
        let chunk = chunk.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, (export, place))))
    });
    let lines = stream::iter(first.map(Ok)).chain(rest);
    let (parts, _) = empty.into_parts();
    let mut response = Response::from_parts(parts, Body::from_stream(lines));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(response)
}
