//! Pages of lists, and cursors, which are pinned to the revision and moment of the first page.

use axum::http::{StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::conditional::{Shown, set, weak};
use super::params::within_uri;
use super::problem::{Code, Problem};
use super::resources::JSON;
use super::schema::{Field, count, required, shown};
use crate::app::{Position, Seal};
use crate::domain::time::Moment;
use crate::wire::values::hexadecimal;

/// The format of a cursor; any other is refused.
const FORM: u8 = 2;

/// The end of a page.
///
/// Its text is readable but sealed: a forged or altered cursor is refused. The seal is the same on every
/// node, after a restart and in a copy of the register, and is not tied to a client: a cursor works for
/// anybody while its revision is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The revision every page shows.
    pub(crate) revision: i64,
    /// The moment every page is for, if it is not the revision's present.
    pub(crate) on: Option<Moment>,
    /// The last item.
    pub(crate) position: Position,
}

type Fields = (u8, String, i64, Option<String>, String, String);

fn fit(call: &Call) -> String {
    format!("{:.16}", hexadecimal(&Sha256::digest(format!("{}?{}", call.path, call.params.deciding()))))
}

impl Cursor {
    /// The cursor as text, tied to the list of a call.
    pub(crate) fn write(&self, call: &Call) -> String {
        let Position { key, id } = &self.position;
        let fields: Fields =
            (FORM, fit(call), self.revision, self.on.map(|on| on.to_string()), key.clone(), id.clone());
        let mut sealed = serde_json::to_vec(&fields).unwrap_or_default();
        let mark = call.params.seal().mark(&sealed);
        sealed.extend(mark);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The cursor that a call continues from.
    pub(crate) fn read(call: &Call) -> Result<Option<Self>, Problem> {
        let Some(text) = call.params.text("cursor") else { return Ok(None) };
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_cause| invalid_cursor())?;
        let (bytes, mark) = sealed.split_last_chunk::<{ Seal::MARK }>().ok_or_else(invalid_cursor)?;
        if !call.params.seal().is_on(bytes, mark) {
            return Err(invalid_cursor());
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(|_cause| invalid_cursor())?;
        let (form, fitting, revision, on, key, id) = fields;
        if form != FORM || revision < 0 {
            return Err(invalid_cursor());
        }
        if fitting != fit(call) {
            return Err(Problem::new(
                Code::InvalidCursor,
                "the cursor belongs to a list with other filters, sort or times",
            ));
        }
        let on = on.as_deref().map(Moment::try_from).transpose().map_err(|_fault| invalid_cursor())?;
        Ok(Some(Self { revision, on, position: Position { key, id } }))
    }

    /// The number of the last item, in a list ordered by number.
    pub(crate) fn number(&self) -> Result<i64, Problem> {
        self.position.key.parse().map_err(|_cause| invalid_cursor())
    }
}

fn invalid_cursor() -> Problem {
    Problem::new(Code::InvalidCursor, "this is no cursor that the service gave out")
}

/// Cuts `limit + 1` items to a page; returns the cursor of the next page if there is one.
pub(crate) fn cut<T>(
    call: &Call,
    found: &mut Vec<T>,
    (limit, revision): (i64, i64),
    position: impl FnOnce(&T) -> Position,
) -> Option<String> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| more)?;
    Some(Cursor { revision, on: None, position: position(last) }.write(call))
}

/// The length of the whole list, counted only if the call asks for it.
pub(crate) async fn total<E>(
    call: &Call,
    count: impl Future<Output = Result<i64, E>>,
) -> Result<Option<i64>, Problem>
where
    Problem: From<E>,
{
    Ok(if call.params.flag("count")? { Some(count.await?) } else { None })
}

/// The schema of a page: its items, the description of `total`, and further fields.
pub(crate) fn schema(items: Field, counted: &str, further: impl IntoIterator<Item = Field>) -> Value {
    let next = json!({"type": ["string", "null"], "maxLength": 2000});
    let mut fields = vec![
        items,
        required(
            "next",
            next,
            "The `cursor` of the next page, whose address `Link` has; `null` on the last one. It goes on at the revision of this page: who is answered 304 and wants later pages as they are now asks for the first one again without `If-None-Match`.",
        ),
        required("revision", count(0, i64::MAX), "The revision that every page shows."),
    ];
    fields.extend(further);
    let mut page = shown(&fields);
    page["properties"]["total"] = count(0, i64::MAX);
    page["properties"]["total"]["description"] = counted.into();
    page
}

/// The response for a page of documents.
pub(crate) fn answer(
    call: &Call,
    items: &[impl AsRef<str>],
    (total, next): (Option<i64>, Option<&str>),
    revision: i64,
) -> Response {
    let etag = tag(items, total, next);
    let body = body(items, total, next, revision);
    let response = Shown { etag, media_type: JSON, body, revision }.answer(&call.headers);
    with_link(response, call, "cursor", next)
}

/// Adds the `Link` to the next page (RFC 8288), which is the same request with `next` in the parameter `name`.
/// An answer of 304 has none: it would lead on from another revision than the page that the client has.
pub(crate) fn with_link(mut response: Response, call: &Call, name: &str, next: Option<&str>) -> Response {
    if let Some(next) = next.filter(|_| response.status() == StatusCode::OK) {
        let (path, query) = (within_uri(&call.path), call.params.with(name, next));
        set(response.headers_mut(), header::LINK, &format!("<{path}?{query}>; rel=\"next\""));
    }
    response
}

/// The `ETag` of a page, from its documents, the total, and whether more follow.
pub(crate) fn tag(items: &[impl AsRef<str>], total: Option<i64>, next: Option<&str>) -> String {
    let counted = total.map(|total| total.to_string());
    let more = next.map(|_| "more");
    weak(items.iter().map(AsRef::as_ref).chain(counted.as_deref()).chain(more))
}

/// A page of documents given as JSON.
pub(crate) fn body(
    items: &[impl AsRef<str>],
    total: Option<i64>,
    next: Option<&str>,
    revision: i64,
) -> String {
    body_of("items", items, (total, next), revision, &[])
}

/// A page with its items under another name, and with further members; all values are given as JSON.
pub(crate) fn body_of(
    name: &str,
    items: &[impl AsRef<str>],
    (total, next): (Option<i64>, Option<&str>),
    revision: i64,
    further: &[(&str, &str)],
) -> String {
    let size = items.iter().map(|item| item.as_ref().len() + 1).sum::<usize>() + 200;
    let mut body = String::with_capacity(size);
    body.extend(["{\"", name, "\":["]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(item.as_ref());
    }
    body.push_str("],\"next\":");
    match next {
        // Cursors and positions need no JSON escapes.
        Some(next) => body.extend(["\"", next, "\""]),
        None => body.push_str("null"),
    }
    body.push_str(",\"revision\":");
    body.push_str(&revision.to_string());
    for (name, value) in further {
        body.extend([",\"", name, "\":", value]);
    }
    if let Some(total) = total {
        body.push_str(",\"total\":");
        body.push_str(&total.to_string());
    }
    body.push('}');
    body
}
