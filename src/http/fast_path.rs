//! Fast path: cached answers skip router and middleware, whose duties (limits, authentication, request id,
//! metrics, log) are repeated here.

use std::net::IpAddr;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;

use super::App;
use super::cache::Representation;
use super::call::LONGEST_TAGS;
use super::coding::liked;
use super::limits::{Asker, check_head, say_rates};
use super::observe::{REQUEST_ID, request_id};
use super::workflows::may_differ;

/// The cached answer to a request, if it is valid and the caller may have it; `None` sends the request to the
/// router.
pub(crate) fn answer<B: HttpBody>(app: &App, request: &Request<B>, peer: IpAddr) -> Option<Response> {
    // Each clock is read once: on some machines that takes longer than the cache look-up.
    let (started, now) = (Instant::now(), app.register.now());
    let headers = request.headers();
    // A body would have to be read, or the connection closed.
    let bare = request.method() == Method::GET && request.body().is_end_stream();
    if !bare || may_differ(request.uri().path(), headers) {
        return None;
    }
    let kept = app.cache.find(request.uri().path_and_query()?.as_str(), app.lasting_at(now)?)?;
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().map(HeaderValue::len).sum::<usize>();
    if tags > LONGEST_TAGS || check_head(request, true).is_err() {
        return None;
    }
    let form = kept.form(liked(headers), headers)?;
    // Unknown keys, refusals and exhausted allowances are left to the router.
    if !app.knows_reader(headers, started, now) {
        return None;
    }
    let id = request_id(headers, now);
    let id_value = HeaderValue::from_str(id.as_str()).ok()?;
    let asker = Asker::new(Some(peer), headers, started);
    let left = app.rates.spend(&asker).ok()?;
    let mut fields = kept.headers_for(&form);
    let (status, body) = match form {
        Representation::Nothing => {
            app.rates.give_back(&asker);
            (StatusCode::NOT_MODIFIED, Body::empty())
        }
        Representation::Identity(body) | Representation::Coded(_, body) => (StatusCode::OK, Body::from(body)),
    };
    fields.insert(REQUEST_ID, id_value);
    say_rates(&mut fields, left);
    kept.tally().count(status, started);
    tracing::debug!(request.id = %id, status = status.as_u16(), "answered {id} at the door");
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    Some(response)
}
