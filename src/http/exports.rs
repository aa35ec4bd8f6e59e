//! The register as lines, sent as they are made.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use futures_util::stream;
use serde_json::json;

use super::call::Call;
use super::conditional::Shown;
use super::limits::network;
use super::operation::{Api, Operation};
use super::problem::{Code, Problem};
use super::reading::read_at;
use super::resources::time_params;
use crate::app::exports::Export;
use crate::domain::actor::Actor;
use crate::domain::id::KeyId;

/// Lines of JSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// How many exports can be under way at once: each reads the whole register, while others want a page.
const MOST_EXPORTS: usize = 4;
/// How many of them can be somebody's, so that whoever does not take theirs shuts nobody else out.
const MOST_EACH: usize = 2;

/// Who has exports under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<Vec<Holder>>>);

/// Whoever has a key, or asks from an address without one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Key(KeyId),
    Peer(Option<IpAddr>),
}

/// A place, as long as this lives.
struct Place {
    places: Places,
    holder: Holder,
}

impl Places {
    fn take(&self, holder: Holder) -> Result<Place, Problem> {
        let mut holders = self.holders();
        let own = holders.iter().filter(|other| **other == holder).count();
        if own >= MOST_EACH {
            let detail = format!("{MOST_EACH} exports for the same key or address are under way already");
            return Err(Problem::new(Code::Overloaded, detail));
        }
        if holders.len() >= MOST_EXPORTS {
            let detail = format!("{MOST_EXPORTS} exports are under way already");
            return Err(Problem::new(Code::Overloaded, detail));
        }
        holders.push(holder.clone());
        Ok(Place { places: self.clone(), holder })
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut holders = self.places.holders();
        if let Some(at) = holders.iter().position(|other| *other == self.holder) {
            holders.swap_remove(at);
        }
    }
}

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
    // Held until the last line is sent, or the client has gone.
    let place = call.app.exports.take(match &call.actor {
        Actor::Key(key) => Holder::Key(key.id.clone()),
        _ => Holder::Peer(call.peer.map(network)),
    })?;
    let export = Export::begin(&call.app.register, &mut read).await?;
    drop(read);
    let lines = stream::try_unfold((export, place), |(mut export, place)| async move {
        let chunk = export.chunk().await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>(chunk.map(|chunk| (chunk, (export, place))))
    });
    let (parts, _) = empty.into_parts();
    let mut response = Response::from_parts(parts, Body::from_stream(lines));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(response)
}
