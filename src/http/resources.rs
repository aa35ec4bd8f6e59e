//! The operations of every collection: list, create, show, replace, patch, retire, history.

use axum::http::Method;
use serde_json::{Value, json};

use super::operation::{Api, Input, Operation, Param};
use super::params::{DEFAULT_ITEMS, MOST_ITEMS, filter_schema};
use super::problem::Code;
use super::putting::{create, patch, remove, replace};
use super::reading::lasting_sorts;
use super::schema::{Field, bound, named};
use super::showing::{list, show};
use super::workflows;
use crate::app::{Filter, Listing, Resource, Takes};
use crate::domain::thing::Kind;
use crate::wire;

/// The most bytes of a body, apart from imports.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// The media type of JSON.
pub(crate) const JSON: &str = "application/json";

/// A kind of thing that the service serves as a collection.
pub(crate) trait Exposed: Resource<Record: Listing> {
    /// Its path segment under `/v1`.
    const PATH: &'static str;
    /// Its name in the OpenAPI document, in the singular.
    const SINGULAR: &'static str;
    /// Its name in the OpenAPI document, in the plural.
    const PLURAL: &'static str;
    /// Its description, in a sentence or two.
    const ABOUT: &'static str;
    /// Its read-only fields, beside the id.
    const READ_ONLY: &'static [&'static str] = &[];
    /// The fields that only some of its forms have.
    const VARYING: &'static [&'static str] = &[];
    /// The problems of changing it, beside those of every kind.
    const PROBLEMS: &'static [Code] = &[];
    /// Whether it can refer to other things.
    const REFERS: bool = true;
    /// Whether other things can refer to it.
    const REFERRED: bool = true;

    /// Its fields.
    fn fields() -> Vec<Field>;

    /// Its output schema, unless its fields alone define it.
    fn shown() -> Value {
        super::schema::shown(&Self::fields())
    }

    /// Its input schema, unless its fields alone define it.
    fn writable() -> Value {
        super::schema::submitted(&Self::fields())
    }

    /// An example of its input.
    fn example() -> Value;

    /// An example of a patch.
    fn patch_example() -> Value;

    /// Adds what the service sets to an example of its input.
    fn complete(document: Value) -> Value {
        document
    }
}

/// The output example of a kind: every field, with the id of the example.
pub(crate) fn shown_example<T: Exposed>() -> Value {
    let Value::Object(mut object) = T::example() else { return Value::Null };
    object.entry("id").or_insert_with(|| "example".into());
    wire::read::<T>(&object).map_or(Value::Null, |thing| T::complete(thing.write()))
}

/// Adds the operations of a kind.
pub(crate) fn expose<T: Exposed>(api: &mut Api) {
    expose_collection::<T>(api);
    expose_one::<T>(api);
    expose_changes::<T>(api);
    expose_past::<T>(api);
}

/// The problems of any body for a thing of a kind.
fn written<T: Exposed>() -> Vec<Code> {
    let mut problems = vec![Code::InvalidBody, Code::MalformedJson];
    if T::REFERS {
        problems.push(Code::NoSuchReference);
    }
    problems
}

/// Adds list and creation.
fn expose_collection<T: Exposed>(api: &mut Api) {
    let collection = format!("/v1/{}", T::PATH);
    let (singular, plural) = (T::SINGULAR, T::PLURAL);
    let noun = T::KIND.to_string();
    api.on(
        Operation::get(&collection, format!("list{plural}"), plural)
            .says(
                format!("List {}", T::PATH),
                format!(
                    "{} Filters are named like fields; several values are separated by commas and mean *or*.",
                    T::ABOUT
                ),
            )
            .takes(list_params::<T::Record>())
            .answers(
                200,
                "A page of the list.",
                JSON,
                named(&format!("{singular}Page")),
                page_example(&shown_example::<T>()),
            ),
        list::<T::Record>,
    );
    api.on(
        Operation::write(Method::POST, &collection, format!("create{singular}"), plural)
            .says(format!("Add one {noun}"), format!("Puts one {noun} on record under an id that the service makes. To choose the id, use `PUT`."))
            .reads(input::<T>(&[JSON], nameless(named(&format!("{singular}Input")))))
            .answers(201, "It is on record.", JSON, named(singular), shown_example::<T>())
            .refuses(&written::<T>())
            .refuses(&[Code::ForbiddenAuthority])
            .tagged(),
        create::<T>,
    );
}

/// Adds reading one thing.
fn expose_one<T: Exposed>(api: &mut Api) {
    let one = format!("/v1/{}/{{id}}", T::PATH);
    let (singular, plural) = (T::SINGULAR, T::PLURAL);
    let noun = T::KIND.to_string();
    let mut show_operation = Operation::get(&one, format!("show{singular}"), plural)
        .says(format!("Show one {noun}"), format!("{} Its `ETag` is its version, for `If-Match`.", T::ABOUT))
        .takes(time_params())
        .answers(200, "The thing.", JSON, named(singular), shown_example::<T>())
        .refuses(&[Code::NotFound, Code::Retired]);
    if T::KIND == Kind::Workflow {
        let schema = json!({"type": "string", "maxLength": 1_000_000});
        show_operation =
            show_operation.answers(200, "The thing.", workflows::MERMAID, schema, "stateDiagram-v2\n".into());
        show_operation = show_operation.refuses(&[Code::NotAcceptable]);
    }
    api.on(show_operation, show::<T::Record>);
}

/// Adds replacing and patching one thing.
fn expose_changes<T: Exposed>(api: &mut Api) {
    let one = format!("/v1/{}/{{id}}", T::PATH);
    let (singular, plural) = (T::SINGULAR, T::PLURAL);
    let noun = T::KIND.to_string();
    api.on(
        Operation::write(Method::PUT, &one, format!("put{singular}"), plural)
            .says(format!("Put one {noun}"), format!("Puts one {noun} on record under this id, or in the place of the one that is there, whose version `If-Match` must name; with `If-Match` nothing new is put on record. What is there already is answered with 200 and makes no revision. Fields that the service sets may be repeated as they were shown, or as they become."))
            .reads(input::<T>(&[JSON], named(&format!("{singular}Input"))))
            .answers(200, "It is as the body says.", JSON, named(singular), shown_example::<T>())
            .answers(201, "It is on record.", JSON, named(singular), shown_example::<T>())
            .refuses(&written::<T>())
            .refuses(T::PROBLEMS)
            .refuses(&[Code::IdRetired, Code::StaleVersion, Code::PreconditionRequired, Code::ForbiddenAuthority])
            .conditional()
            .tagged(),
        replace::<T>,
    );
    api.on(
        Operation::write(Method::PATCH, &one, format!("patch{singular}"), plural)
            .says(format!("Change some fields of one {noun}"), "Applies a merge patch (RFC 7396): fields given take the place of what is there, `null` takes a value away, lists are replaced whole.")
            .reads(Input { example: T::patch_example(), ..input::<T>(&["application/merge-patch+json", JSON], named(&format!("{singular}Patch"))) })
            .answers(200, "It is as the patch says.", JSON, named(singular), shown_example::<T>())
            .refuses(&written::<T>())
            .refuses(T::PROBLEMS)
            .refuses(&[Code::NotFound, Code::Retired, Code::StaleVersion, Code::PreconditionRequired, Code::ForbiddenAuthority])
            .conditional()
            .tagged(),
        patch::<T>,
    );
}

/// Adds retiring one thing, and its history.
fn expose_past<T: Exposed>(api: &mut Api) {
    let one = format!("/v1/{}/{{id}}", T::PATH);
    let (singular, plural) = (T::SINGULAR, T::PLURAL);
    let noun = T::KIND.to_string();
    let in_use: &[Code] = if T::REFERRED { &[Code::InUse] } else { &[] };
    api.on(
        Operation::write(Method::DELETE, &one, format!("retire{singular}"), plural)
            .says(format!("Retire one {noun}"), "Takes it off the record as long as nothing refers to it. Its history stays readable, and its id is never used again.")
            .answers_nothing(204, "It is off the record.")
            .refuses(in_use)
            .refuses(&[Code::NotFound, Code::Retired, Code::StaleVersion, Code::PreconditionRequired, Code::ForbiddenAuthority])
            .conditional(),
        remove::<T>,
    );
    api.on(
        Operation::get(format!("{one}/history"), format!("list{singular}Versions"), plural)
            .says(format!("List the versions of one {noun}"), "Every change of it, newest first, each with the revision that made it. What was retired keeps its history.")
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "A page of its history.", JSON, named("ChangePage"), super::changes::page_example())
            .refuses(&[Code::NotFound]),
        super::changes::history::<T>,
    );
}

/// The same schema without `id`, which the service makes.
fn nameless(mut schema: Value) -> Value {
    schema["not"] = json!({"required": ["id"]});
    schema
}

fn input<T: Exposed>(media_types: &'static [&'static str], schema: Value) -> Input {
    Input { media_types, schema, example: T::example(), limit: BODY_LIMIT, required: true }
}

/// The parameters for the revision and the day to read.
pub(crate) fn time_params() -> [Param; 3] {
    [
        Param::new(
            "revision",
            json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX}),
            "Read the register as it was at this revision.",
        ),
        Param::new(
            "known_at",
            bound(),
            "Read the register as it was known at this moment: at the newest revision recorded by then. Not together with `revision`.",
        ),
        Param::new(
            "valid_at",
            bound(),
            "Say where cases stand on the UTC date of this moment instead of today. A bare date is taken as well.",
        ),
    ]
}

/// The page size.
pub(crate) fn limit_param() -> Param {
    Param::new(
        "limit",
        json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": MOST_ITEMS, "default": DEFAULT_ITEMS}),
        "The most items of a page.",
    )
}

/// The cursor.
pub(crate) fn cursor_param() -> Param {
    Param::new(
        "cursor",
        json!({"type": "string", "maxLength": 2000}),
        "The `next` of the page before, with the same filters, sort and times. Every page shows the revision and day of the first one.",
    )
}

/// Whether to count the whole list.
pub(crate) fn count_param() -> Param {
    Param::new(
        "count",
        json!({"type": "boolean", "default": false}),
        "Say in `total` how many items the whole list has.",
    )
}

/// The parameters of filters.
pub(crate) fn filter_params(filters: &'static [Filter]) -> Vec<Param> {
    let about = |filter: &Filter| match filter.takes {
        Takes::Text => format!("{} A comma that is part of a value is sent as `%2C`.", filter.about),
        _ => filter.about.to_owned(),
    };
    let param = |filter: &Filter| Param::new(filter.name, filter_schema(filter.takes), about(filter));
    filters.iter().map(param).collect()
}

/// The parameters of a list.
pub(crate) fn list_params<R: Listing>() -> Vec<Param> {
    let mut params = filter_params(R::FILTERS);
    params.push(sort_param::<R>());
    params.extend([limit_param(), cursor_param(), count_param()]);
    params.extend(time_params());
    params
}

/// The order of a list.
fn sort_param<R: Listing>() -> Param {
    let sorts = R::SORTS.iter().flat_map(|key| [key.name.to_owned(), format!("-{}", key.name)]);
    let sorts: Vec<String> = sorts.collect();
    let changed = if R::SORTS.iter().any(|key| key.name == "changed") {
        " `changed` goes by the revision that made the version shown: `-changed` begins with the latest change."
    } else {
        ""
    };
    let about = format!(
        "The order; a minus puts the greatest first. What has no value comes before all others.{changed} At an earlier revision only {}.",
        lasting_sorts::<R>()
    );
    Param::new("sort", json!({"type": "string", "enum": sorts, "default": "id"}), about)
}

/// A page with one item, as an example.
pub(crate) fn page_example(item: &Value) -> Value {
    json!({"items": [item], "next": null, "revision": 42})
}
