//! Content codings: which one a client likes, and what is sent compressed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::handler::Handler as _;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body as _;
use tower_http::compression::CompressionLayer;

use super::quality::weighed;
use super::{exports, stream};

/// Answers smaller than this are not worth compressing, in bytes.
const WORTH_COMPRESSING: usize = 860;

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Brotli,
}

/// How the client likes a body to be coded; `None` if it weighs or excludes codings, which is left to the
/// layer that compresses.
pub(crate) fn liked(headers: &HeaderMap) -> Option<Coding> {
    let mut lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let Some(line) = lines.next() else { return Some(Coding::Identity) };
    let text = line.to_str().ok().filter(|text| !text.contains([';', '*']) && lines.next().is_none())?;
    let taken = |coding: &str| text.split(',').any(|token| token.trim().eq_ignore_ascii_case(coding));
    Some(if taken("br") {
        Coding::Brotli
    } else if taken("gzip") || taken("x-gzip") {
        Coding::Gzip
    } else {
        Coding::Identity
    })
}

/// Whether a client takes a body that is compressed with gzip: it names it, or else any coding, and excludes neither.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings: Vec<(&str, Option<u16>)> = weighed(headers, &header::ACCEPT_ENCODING).collect();
    let is = |coding: &str, names: &[&str]| names.iter().any(|name| coding.eq_ignore_ascii_case(name));
    let named = codings.iter().find(|(coding, _)| is(coding, &["gzip", "x-gzip"]));
    let any = || codings.iter().rfind(|(coding, _)| is(coding, &["*"]));
    named.or_else(any).and_then(|(_, weight)| *weight).is_some_and(|weight| weight > 0)
}

/// Whether an answer of a size is sent compressed to whoever likes that.
pub(crate) fn worth_compressing(fields: &HeaderMap, size: usize) -> bool {
    size >= WORTH_COMPRESSING && may_be_compressed(fields)
}

/// Says that an answer depends on the codings its client accepts.
pub(crate) fn say_depends(fields: &mut HeaderMap) {
    fields.append(header::VARY, HeaderValue::from(header::ACCEPT_ENCODING));
}

/// Whether an answer may be sent compressed: not one with a strong tag, which names its very bytes, not one that
/// is sent as it is made, and not one that is compressed already.
fn may_be_compressed(fields: &HeaderMap) -> bool {
    let text = |name| fields.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let strong = text(header::ETAG).is_some_and(|etag| !etag.starts_with("W/"));
    let streamed = text(header::CONTENT_TYPE)
        .is_some_and(|media_type| [exports::NDJSON, stream::EVENTS].contains(&media_type));
    !strong && !streamed && !fields.contains_key(header::CONTENT_ENCODING)
}

/// Answers a request with a body as the client likes it coded. What is sent as it is does not go through the
/// layer that compresses, which puts every body into a box of six kilobytes and moves that about.
pub(crate) async fn coded(request: Request, next: Next) -> Response {
    let liked = liked(request.headers());
    let accepted: Vec<HeaderValue> =
        request.headers().get_all(header::ACCEPT_ENCODING).iter().cloned().collect();
    let mut response = next.run(request).await;
    // Nobody knows how much it will be in the end of what is sent as it is made.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let worth = worth_compressing(response.headers(), size.unwrap_or(usize::MAX));
    match liked {
        Some(Coding::Identity) if worth => {
            say_depends(response.headers_mut());
            response
        }
        Some(_) if !worth => response,
        _ => compressed(accepted, response, worth).await,
    }
}

/// An answer as the layer that compresses gives it to a client that accepts these codings.
async fn compressed(accepted: Vec<HeaderValue>, response: Response, worth: bool) -> Response {
    let mut request = Request::default();
    for coding in accepted {
        request.headers_mut().append(header::ACCEPT_ENCODING, coding);
    }
    let held = Arc::new(Mutex::new(Some(response)));
    let given = move || async move {
        // It is asked for once.
        held.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    };
    let worth = move |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| worth;
    let layer = CompressionLayer::new().compress_when(worth);
    given.layer(layer).call(request, ()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_weighs_codings_is_left_to_the_layer_that_compresses() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            liked(&headers)
        };
        assert_eq!(liked(&HeaderMap::new()), Some(Coding::Identity));
        assert_eq!(of("gzip, deflate, br, zstd"), Some(Coding::Brotli));
        assert_eq!(of("GZIP"), Some(Coding::Gzip));
        assert_eq!(of("deflate, x-gzip"), Some(Coding::Gzip));
        assert_eq!(of("identity"), Some(Coding::Identity));
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        assert!(!takes_gzip(&HeaderMap::new()));
        for taken in ["gzip", "br, X-GZIP;q=0.1", "*", "*;q=0, gzip", "br; q=1, * ; q=0.5"] {
            assert!(takes(taken), "{taken}");
        }
        for refused in ["identity", "br", "gzip;q=0, *", "*;q=0.000", "gzip;q=much", ""] {
            assert!(!takes(refused), "{refused}");
        }
        for weighed in ["br;q=0.5, gzip", "*", "identity;q=0"] {
            assert_eq!(of(weighed), None, "{weighed}");
        }
    }
}
