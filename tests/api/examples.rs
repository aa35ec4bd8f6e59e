//! A request for every operation, made from what the document shows as an example.

use serde_json::Value;

use crate::document::Operation;
use crate::service::{Request, Service};

/// The case that most examples are about.
pub(crate) const CASE: &str = "alibaba-h200-sxm-cn-unspecified";

/// A request for an operation, about things on record: its example as the body, whatever version is there,
/// and on trial if it can be.
pub(crate) async fn on_trial(service: &Service, operation: &Operation) -> Request {
    let path = path(service, operation).await;
    let trial = operation.params().iter().any(|param| param["name"] == "dry_run");
    let path = if trial { with(&path, "dry_run=true") } else { path };
    filled(service, operation, &path)
}

/// The same at a path of its own.
pub(crate) fn filled(service: &Service, operation: &Operation, path: &str) -> Request {
    let mut request = service.request(operation.method.clone(), path);
    if operation.takes("If-Match") {
        request = request.field("if-match", "*");
    }
    match operation.body() {
        Some((media_type, content)) => request.body(media_type, bytes(&content["example"])),
        None => request,
    }
}

/// An example as bytes: lines are shown as text, everything else as JSON.
pub(crate) fn bytes(example: &Value) -> String {
    example.as_str().map_or_else(|| example.to_string(), str::to_owned)
}

/// A path with a further query parameter.
pub(crate) fn with(path: &str, parameter: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{parameter}")
}

/// The path of an operation with the ids of things on record in it, and the query parameters that must be there.
pub(crate) async fn path(service: &Service, operation: &Operation) -> String {
    let mut path = String::new();
    for part in operation.path.split('/').skip(1) {
        let part = match part {
            "{number}" => "1".to_owned(),
            "{code}" => "not_found".to_owned(),
            "{company}" => "alibaba".to_owned(),
            "{chip}" => "h200-sxm".to_owned(),
            // What is shown of a timeline goes on with this one.
            "{id}" if operation.path.contains("/transitions") => CASE.to_owned(),
            id if id.starts_with('{') => first(service, &path).await,
            fixed => fixed.to_owned(),
        };
        path = format!("{path}/{part}");
    }
    let required = operation.params().into_iter().filter(|param| param["required"] == true);
    required.fold(path, |path, param| with(&path, &format!("{}=a", param["name"].as_str().unwrap())))
}

/// The first id of a collection; one that names nothing if it has none, or is no list.
async fn first(service: &Service, collection: &str) -> String {
    let answer = service.get(collection).key(&service.keys.admin).await;
    let id = (answer.status == 200).then(|| answer.ids().into_iter().next()).flatten();
    id.unwrap_or_else(|| "nothing".to_owned())
}
