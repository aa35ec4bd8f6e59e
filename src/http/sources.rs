//! The OpenAPI description of sources, and the operation that records a check of one.

use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use super::call::Call;
use super::operation::{Api, Input, Operation};
use super::problem::{Code, Problem};
use super::resources::{BODY_LIMIT, Exposed, JSON, shown_example};
use super::schema::{
    Field, count, date, id, language, moment, named, nullable, optional, read_only, required, text, url,
};
use super::write::{Answer, write};
use crate::app::sources::check;
use crate::domain::fault::Faults;
use crate::domain::id::SourceId;
use crate::domain::source::Source;
use crate::domain::text::{Name, Title};
use crate::domain::time::Moment;
use crate::wire::fields::Fields;
use crate::wire::values;

impl Exposed for Source {
    const PATH: &'static str = "sources";
    const SINGULAR: &'static str = "Source";
    const PLURAL: &'static str = "Sources";
    const ABOUT: &'static str = "Sources are the documents that what is on record rests on. A republication and its original are two.";

    fn fields() -> Vec<Field> {
        vec![
            read_only("id", id(), "Its id."),
            required("publisher", text(Name::MAX), "Who published it."),
            required("title", text(Title::MAX), "Its title."),
            optional("url", nullable(url()), "Where it can be read."),
            optional("published_on", nullable(date()), "When it was published."),
            optional("language", nullable(language()), "The language it is written in, as a tag."),
            optional("republishes", nullable(id()), "The source it republishes or relays."),
            optional(
                "check_every_days",
                nullable(count(1, i64::from(Source::MAX_CHECK_EVERY_DAYS))),
                "How often it must be looked at to count as fresh, in days.",
            ),
            optional("last_checked_at", nullable(moment()), "When it was last looked at."),
        ]
    }

    fn example() -> Value {
        json!({
            "publisher": "NDTV Profit",
            "title": "China tells Alibaba, tech firms to ready H200 orders",
            "url": "https://www.ndtvprofit.com/technology/china-tells-alibaba-tech-firms-to-ready-nvidia-h200-orders-10866337",
            "published_on": "2026-01-23",
            "language": "en",
        })
    }

    fn patch_example() -> Value {
        json!({"check_every_days": 30, "language": null})
    }
}

/// The schema of a check.
pub(crate) fn check_schema() -> Value {
    super::schema::written(&[optional(
        "checked_at",
        nullable(moment()),
        "When somebody looked; the moment of the request if not given.",
    )])
}

/// Adds the operation that records a check.
pub(crate) fn expose_checks(api: &mut Api) {
    let input = Input {
        media_types: &[JSON],
        schema: named("SourceCheck"),
        example: json!({"checked_at": "2026-01-24T09:00:00Z"}),
        limit: BODY_LIMIT,
        required: false,
    };
    api.on(
        Operation::write(Method::POST, "/v1/sources/{id}/checks", "checkSource", "Sources")
            .says("Note that a source was looked at", "Nothing new was found: the source is fresh again for as long as its own limit says. An older look takes nothing back from a newer one.")
            .reads(input)
            .answers(200, "The source as it stands.", JSON, named("Source"), shown_example::<Source>())
            .refuses(&[Code::InvalidBody, Code::MalformedJson, Code::NotFound, Code::Retired, Code::ForbiddenAuthority])
            .tagged(),
        checked,
    );
}

async fn checked(call: Call) -> Result<Response, Problem> {
    let id: SourceId = call.path("id")?;
    let object = call.object()?;
    let mut faults = Faults::default();
    let mut fields = Fields::new(&object, &mut faults);
    let at: Option<Option<Moment>> = fields.nullable("checked_at", values::text);
    fields.finish();
    if !faults.is_empty() {
        return Err(Problem::invalid_body(&faults));
    }
    write(&call, move |write, given| {
        Box::pin(async move {
            let written = check(write, &given.actor, &id, at.flatten()).await?;
            Ok(Ok(Answer::written(written, format!("/v1/sources/{id}"))))
        })
    })
    .await
}
