//! Content codings: which one a client prefers, and what is compressed.

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

/// The coding that the client weighs highest; of equal weights, the one with the smallest result. A client
/// that refuses every coding, even identity, gets the body uncoded, which RFC 9110 (section 12.5.3) allows:
/// the request has been carried out by then, and a 406 would deny that.
pub(crate) fn liked(headers: &HeaderMap) -> Coding {
    let codings: [(Coding, &[&str]); 3] =
        [(Coding::Identity, &["identity"]), (Coding::Gzip, &GZIP), (Coding::Brotli, &["br"])];
    let weights = codings.map(|(coding, names)| (weight(headers, names), coding));
    let acceptable = weights.into_iter().filter(|(weight, _)| *weight > 0);
    acceptable.max_by_key(|(weight, _)| *weight).map_or(Coding::Identity, |(_, coding)| coding)
}

/// The names of the gzip coding.
const GZIP: [&str; 2] = ["gzip", "x-gzip"];

/// Whether a client accepts gzip, by name or by `*`.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    weight(headers, &GZIP) > 0
}

/// The weight of a coding with these names: its own, or else that of `*`.
fn weight(headers: &HeaderMap, names: &[&str]) -> u16 {
    let (mut own, mut any) = (None, None);
    for (coding, weight) in weighed(headers, &header::ACCEPT_ENCODING) {
        // The first element for a coding counts; a malformed weight counts as 0.
        if names.iter().any(|name| coding.eq_ignore_ascii_case(name)) {
            own = own.or(Some(weight.unwrap_or_default()));
        } else if coding == "*" {
            any = any.or(Some(weight.unwrap_or_default()));
        }
    }
    own.or(any).unwrap_or_default()
}

/// Whether an answer of this size is compressed for clients that accept it.
pub(crate) fn worth_compressing(fields: &HeaderMap, size: usize) -> bool {
    size >= WORTH_COMPRESSING && may_be_compressed(fields)
}

/// Says that an answer varies with `Accept-Encoding`.
pub(crate) fn say_depends(fields: &mut HeaderMap) {
    fields.append(header::VARY, HeaderValue::from(header::ACCEPT_ENCODING));
}

/// Whether an answer may be compressed: not with a strong `ETag`, which names its very bytes, not if it is
/// streamed, and not if it is compressed already.
fn may_be_compressed(fields: &HeaderMap) -> bool {
    let text = |name| fields.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let strong = text(header::ETAG).is_some_and(|etag| !etag.starts_with("W/"));
    let streamed = text(header::CONTENT_TYPE)
        .is_some_and(|media_type| [exports::NDJSON, stream::EVENTS].contains(&media_type));
    !strong && !streamed && !fields.contains_key(header::CONTENT_ENCODING)
}

/// Middleware that codes a body as the client prefers. Uncoded bodies bypass the compression layer, which
/// would box each in six kilobytes.
pub(crate) async fn coded(request: Request, next: Next) -> Response {
    let liked = liked(request.headers());
    let mut response = next.run(request).await;
    // The size of a streamed body is unknown.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if !worth_compressing(response.headers(), size.unwrap_or(usize::MAX)) {
        return response;
    }
    match liked {
        Coding::Identity => {
            say_depends(response.headers_mut());
            response
        }
        Coding::Gzip => compressed("gzip", response).await,
        Coding::Brotli => compressed("br", response).await,
    }
}

/// A response, compressed with this coding by the compression layer.
async fn compressed(coding: &'static str, response: Response) -> Response {
    let mut request = Request::default();
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding));
    let held = Arc::new(Mutex::new(Some(response)));
    let given = move || async move {
        // The handler is called once.
        held.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    };
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    given.layer(CompressionLayer::new().compress_when(always)).call(request, ()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
        headers
    }

    #[test]
    fn the_coding_weighed_most_is_liked_and_no_coding_where_none_is_acceptable() {
        assert_eq!(liked(&HeaderMap::new()), Coding::Identity);
        for (text, coding) in [
            ("gzip, deflate, br, zstd", Coding::Brotli),
            ("GZIP", Coding::Gzip),
            ("deflate, x-gzip", Coding::Gzip),
            ("br;q=0.5, gzip", Coding::Gzip),
            ("*", Coding::Brotli),
            ("br;q=0, *", Coding::Gzip),
            ("identity;q=0, gzip", Coding::Gzip),
            ("gzip;q=0.5, identity", Coding::Identity),
            ("identity", Coding::Identity),
            ("deflate", Coding::Identity),
            ("gzip;q=much", Coding::Identity),
            ("", Coding::Identity),
            ("identity;q=0", Coding::Identity),
            ("identity;q=0, zstd", Coding::Identity),
            ("*;q=0", Coding::Identity),
        ] {
            assert_eq!(liked(&accepting(text)), coding, "{text}");
        }
    }

    #[test]
    fn gzip_is_taken_by_whoever_names_it_or_any_coding() {
        assert!(!takes_gzip(&HeaderMap::new()));
        for taken in ["gzip", "br, X-GZIP;q=0.1", "*", "*;q=0, gzip", "br; q=1, * ; q=0.5"] {
            assert!(takes_gzip(&accepting(taken)), "{taken}");
        }
        for refused in ["identity", "br", "gzip;q=0, *", "*;q=0.000", "gzip;q=much", ""] {
            assert!(!takes_gzip(&accepting(refused)), "{refused}");
        }
    }
}
