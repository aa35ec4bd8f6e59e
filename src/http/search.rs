//! Searching companies and chips by any name.

use axum::response::Response;
use serde_json::{Value, json};

use super::call::Call;
use super::operation::{Api, Operation, Param};
use super::page::{Cursor, answer as page_answer, total};
use super::problem::Problem;
use super::reading::read_at;
use super::resources::{JSON, count_param, cursor_param, limit_param, page_example, time_params};
use super::schema::{Field, id, named, required, text};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::text::Name;

/// The fields of a search result.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        required("kind", json!({"type": "string", "enum": ["company", "chip"]}), "What was found."),
        required("id", id(), "Its id."),
        required("name", text(Name::MAX), "What it is called."),
        required("matched", text(Name::MAX), "The name, alias or identifier by which it was found."),
    ]
}

/// Adds the search operation.
pub(crate) fn expose(api: &mut Api) {
    let example = json!({"kind": "company", "id": "alibaba", "name": "Alibaba Group Holding Limited", "matched": "阿里巴巴集团"});
    let query = Param {
        required: true,
        ..Param::new(
            "q",
            text(Name::MAX),
            "Part of a name, alias or identifier, in any language. Neither capitals nor how a letter is made up matter.",
        )
    };
    api.on(
        Operation::get("/v1/search", "search", "Search")
            .says("Find companies and chips", "By any name, alias or identifier, in any language: first what the text is the whole of, then what begins with it.")
            .takes([query, limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "What was found.", JSON, named("FoundPage"), page_example(&example)),
        search,
    );
}

async fn search(call: Call) -> Result<Response, Problem> {
    let wanted: Option<Name> = call.params.value("q", |text| Name::try_from(text))?;
    let Some(wanted) = wanted else {
        return Err(Problem::parameter("q", Fault::new(FaultCode::Missing, "must be given")));
    };
    let limit = call.params.limit()?;
    call.params.valid_on()?;
    let cursor = Cursor::read(&call)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let revision = read.at().revision;
    let after = cursor.map(|cursor| cursor.position);
    let page = read.search(wanted.as_str(), after.as_ref(), limit).await?;
    let total = total(&call, read.search_count(wanted.as_str())).await?;
    drop(read);
    let item = |found: &crate::app::Found| -> Value {
        json!({"kind": found.kind.to_string(), "id": found.id, "name": found.name, "matched": found.matched})
    };
    let items: Vec<String> = page.items.iter().map(|found| item(found).to_string()).collect();
    let next = page.next.map(|position| Cursor { revision, on: None, position }.write(&call));
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}
