//! Conditional requests: entity tags of things, lists and computed answers (RFC 9110, section 13).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use headers::{ETag, HeaderMapExt as _, IfNoneMatch};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use crate::app::Precondition;
use crate::wire::values::hexadecimal;

/// The tag of a version of a thing: strong, from the epoch and the revision that opened it.
pub(crate) fn strong(epoch: &str, since: i64) -> String {
    format!("\"{epoch}-{since}\"")
}

/// The tag of a version that is shown with a computed member, which `mark` identifies.
pub(crate) fn marked(epoch: &str, since: i64, mark: Option<&str>) -> String {
    mark.map_or_else(|| strong(epoch, since), |mark| format!("\"{epoch}-{since}+{mark}\""))
}

/// The tag of a list or a computed answer: weak, from what it shows.
pub(crate) fn weak<'t, T>(shown: impl IntoIterator<Item = &'t T>) -> String
where
    T: AsRef<[u8]> + ?Sized + 't,
{
    let mut hash = Sha256::new();
    for piece in shown {
        let bytes = piece.as_ref();
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    format!("W/\"{:.32}\"", hexadecimal(&hash.finalize()))
}

/// The tag of something that changes but has no versions: strong, from every byte shown.
pub(crate) fn exact(shown: &str) -> String {
    weak([shown]).replacen("W/", "", 1)
}

/// The header field with the revision that an answer shows.
pub(crate) const REVISION: HeaderName = HeaderName::from_static("revision");

/// Whether `If-None-Match` matches a tag.
pub(crate) fn has(headers: &HeaderMap, etag: &str) -> bool {
    etag.parse::<ETag>().is_ok_and(|etag| {
        headers.typed_get::<IfNoneMatch>().is_some_and(|condition| !condition.precondition_passes(&etag))
    })
}

/// An answer to a read.
pub(crate) struct Shown {
    /// Its tag.
    pub(crate) etag: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its body.
    pub(crate) body: String,
    /// The revision it shows.
    pub(crate) revision: i64,
}

impl Shown {
    /// The response, or an empty 304 if the client has it already.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Response {
        let known = has(headers, &self.etag);
        let (status, body) = if known {
            (StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            (StatusCode::OK, Body::from(self.body))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let fields = response.headers_mut();
        set(fields, header::ETAG, &self.etag);
        set(fields, REVISION, &self.revision.to_string());
        if !known {
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        response
    }
}

/// Sets a header field to text made by the service; drops an invalid value.
pub(crate) fn set(fields: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        fields.insert(name, value);
    }
}

/// The precondition of a write, from `If-Match` and `If-None-Match`.
pub(crate) fn precondition(headers: &HeaderMap, epoch: &str) -> Result<Precondition, Problem> {
    let if_match = joined(headers, &header::IF_MATCH)?;
    let if_none_match = joined(headers, &header::IF_NONE_MATCH)?;
    match (if_match.as_deref().map(str::trim), if_none_match.as_deref().map(str::trim)) {
        (Some("*"), None) => Ok(Precondition::Any),
        (Some(tags), None) => versions(tags, epoch).map(Precondition::Versions),
        (None, Some("*")) => Ok(Precondition::Absent),
        (None, None) => Ok(Precondition::None),
        (None, Some(_)) => Err(Problem::malformed("If-None-Match", "takes only `*` on a write")),
        (Some(_), Some(_)) => {
            Err(Problem::malformed("If-None-Match", "cannot be sent together with If-Match"))
        }
    }
}

/// Whether an optional `If-Match` matches a tag.
pub(crate) fn is_meant(headers: &HeaderMap, etag: &str) -> Result<bool, Problem> {
    match joined(headers, &header::IF_MATCH)?.as_deref().map(str::trim) {
        None | Some("*") => Ok(true),
        Some(list) => {
            Ok(tags(list)?.into_iter().any(|(weak, opaque)| !weak && etag.trim_matches('"') == opaque))
        }
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        lines.push(
            value.to_str().map_err(|_cause| Problem::malformed(name.as_str(), "must be visible ASCII"))?,
        );
    }
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

/// The versions in a list of tags. Weak tags, and tags of another epoch, name none.
fn versions(list: &str, epoch: &str) -> Result<Vec<i64>, Problem> {
    let version = |(weak, opaque): (bool, &str)| {
        // The mark of a computed member is no part of the version.
        let opaque = opaque.split_once('+').map_or(opaque, |(version, _)| version);
        let (_, since) = opaque.rsplit_once('-').filter(|(of, _)| *of == epoch && !weak)?;
        since.parse::<i64>().ok()
    };
    Ok(tags(list)?.into_iter().filter_map(version).collect())
}

/// The tags of a list, without quotes, and whether each is weak. There is at least one; empty elements are
/// ignored (RFC 9110, section 5.6.1).
fn tags(list: &str) -> Result<Vec<(bool, &str)>, Problem> {
    let malformed =
        || Problem::malformed("If-Match", "must be `*` or a list of quoted entity tags, separated by commas");
    let mut tags = Vec::new();
    let mut rest = list.trim_start_matches([',', ' ', '\t']);
    while !rest.is_empty() || tags.is_empty() {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) =
            quoted.strip_prefix('"').and_then(|quoted| quoted.split_once('"')).ok_or_else(malformed)?;
        tags.push((weak, opaque));
        let after = after.trim_start_matches([' ', '\t']);
        if !(after.is_empty() || after.starts_with(',')) {
            return Err(malformed());
        }
        rest = after.trim_start_matches([',', ' ', '\t']);
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn if_match_names_versions_of_this_epoch_by_strong_tags() {
        for (value, wanted) in [
            ("\"abc-7\"", vec![7]),
            ("\"abc-7\", \"abc-9\"", vec![7, 9]),
            ("\"abc-7\",", vec![7]),
            (" ,, \"abc-7\" ,\t, \"abc-9\"", vec![7, 9]),
            ("\"abc-7+2026-01\"", vec![7]),
            ("W/\"abc-7\"", vec![]),
            ("\"other-7\"", vec![]),
        ] {
            assert_eq!(
                precondition(&with(header::IF_MATCH, value), "abc").unwrap(),
                Precondition::Versions(wanted)
            );
        }
        assert_eq!(precondition(&with(header::IF_MATCH, "*"), "abc").unwrap(), Precondition::Any);
        for bad in ["abc-7", "", ",", "\"abc-7", "\"abc-7\" \"abc-8\"", "\"abc-7\", abc-8"] {
            assert!(precondition(&with(header::IF_MATCH, bad), "abc").is_err(), "{bad}");
        }
        assert_eq!(precondition(&with(header::IF_NONE_MATCH, "*"), "abc").unwrap(), Precondition::Absent);
    }

    #[test]
    fn a_client_that_has_the_answer_gets_an_empty_304() {
        let shown = || Shown {
            etag: "W/\"x\"".into(),
            media_type: "application/json",
            body: "{}".into(),
            revision: 3,
        };
        for known in ["W/\"x\"", "\"x\"", "\"y\", W/\"x\"", "*"] {
            let response = shown().answer(&with(header::IF_NONE_MATCH, known));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(shown().answer(&with(header::IF_NONE_MATCH, "\"y\"")).status(), StatusCode::OK);
    }
}
