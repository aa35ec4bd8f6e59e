//! Pages of lists, and cursors: where a page ended, pinned to the revision and moment of the first one.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::conditional::{Shown, weak};
use super::problem::{Code, Problem};
use super::resources::JSON;
use super::schema::{Field, count, required, shown};
use crate::app::{Position, Seal};
use crate::domain::time::Moment;
use crate::wire::values::hexadecimal;

/// The form of a cursor; one of another form came from somewhere else.
const FORM: u8 = 2;

/// Where a page ended.
///
/// As text it is readable but sealed: what the register did not give out, or what was altered since, is refused,
/// whatever it says. The seal is the same on every node and after a restart. It does not tell one client from
/// another, and a copy of the register keeps it: a cursor works for whoever holds it, as far as the revision it is
/// pinned to is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The revision every page shows.
    pub(crate) revision: i64,
    /// The moment every page is for, if it is not the present of the revision.
    pub(crate) on: Option<Moment>,
    /// The last item.
    pub(crate) position: Position,
}

type Fields = (u8, String, i64, Option<String>, String, String);

fn fit(call: &Call) -> String {
    format!("{:.16}", hexadecimal(&Sha256::digest(format!("{}?{}", call.path, call.params.deciding()))))
}

impl Cursor {
    /// The cursor as text, for the list it belongs to.
    pub(crate) fn write(&self, call: &Call) -> String {
        let Position { key, id } = &self.position;
        let fields: Fields =
            (FORM, fit(call), self.revision, self.on.map(|on| on.to_string()), key.clone(), id.clone());
        let mut sealed = serde_json::to_vec(&fields).unwrap_or_default();
        let mark = call.params.seal().mark(&sealed);
        sealed.extend(mark);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The cursor a list was asked to continue from.
    pub(crate) fn read(call: &Call) -> Result<Option<Self>, Problem> {
        let Some(text) = call.params.text("cursor") else { return Ok(None) };
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_cause| strange())?;
        let (bytes, mark) = sealed.split_last_chunk::<{ Seal::MARK }>().ok_or_else(strange)?;
        if !call.params.seal().is_on(bytes, mark) {
            return Err(strange());
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(|_cause| strange())?;
        let (form, fitting, revision, on, key, id) = fields;
        if form != FORM || revision < 0 {
            return Err(strange());
        }
        if fitting != fit(call) {
            return Err(Problem::new(
                Code::InvalidCursor,
                "the cursor belongs to a list with other filters, sort or times",
            ));
        }
        let on = on.as_deref().map(Moment::try_from).transpose().map_err(|_fault| strange())?;
        Ok(Some(Self { revision, on, position: Position { key, id } }))
    }

    /// The number of the last item, in a list that goes by numbers.
    pub(crate) fn number(&self) -> Result<i64, Problem> {
        self.position.key.parse().map_err(|_cause| strange())
    }
}

fn strange() -> Problem {
    Problem::new(Code::InvalidCursor, "this is no cursor that the service gave out")
}

/// Leaves as many items as a page has, of one more than that; the cursor of the next page if there was one more.
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

/// How many items the whole list has, counted only if the call asks for it.
pub(crate) async fn total<E>(
    call: &Call,
    count: impl Future<Output = Result<i64, E>>,
) -> Result<Option<i64>, Problem>
where
    Problem: From<E>,
{
    Ok(if call.params.flag("count")? { Some(count.await?) } else { None })
}

/// The schema of a page: its items, what is said of their number, and what else it tells.
pub(crate) fn schema(items: Field, counted: &str, further: impl IntoIterator<Item = Field>) -> Value {
    let next = json!({"type": ["string", "null"], "maxLength": 2000});
    let mut fields = vec![
        items,
        required(
            "next",
            next,
            "The `cursor` of the next page; `null` on the last one. It goes on at the revision of this page: who is answered 304 and wants later pages as they are now asks for the first one again without `If-None-Match`.",
        ),
        required("revision", count(0, i64::MAX), "The revision that every page shows."),
    ];
    fields.extend(further);
    let mut page = shown(&fields);
    page["properties"]["total"] = count(0, i64::MAX);
    page["properties"]["total"]["description"] = counted.into();
    page
}

/// The answer that a page of documents is.
pub(crate) fn answer(
    call: &Call,
    items: &[impl AsRef<str>],
    (total, next): (Option<i64>, Option<&str>),
    revision: i64,
) -> Response {
    let etag = tag(items, total, next);
    let body = body(items, total, next, revision);
    Shown { etag, media_type: JSON, body, revision }.answer(&call.headers)
}

/// The tag of a page: it follows from its documents, from the number of all, and from whether more follow.
pub(crate) fn tag(items: &[impl AsRef<str>], total: Option<i64>, next: Option<&str>) -> String {
    let counted = total.map(|total| total.to_string());
    let more = next.map(|_| "more");
    weak(items.iter().map(AsRef::as_ref).chain(counted.as_deref()).chain(more))
}

/// A page of documents that are JSON texts already.
pub(crate) fn body(
    items: &[impl AsRef<str>],
    total: Option<i64>,
    next: Option<&str>,
    revision: i64,
) -> String {
    body_of("items", items, (total, next), revision, &[])
}

/// A page whose documents go by another name, with further members, whose values are JSON texts already.
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
        // Cursors and positions hold nothing that JSON would have to escape.
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
