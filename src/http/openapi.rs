//! The OpenAPI document, put together from the operations that are served.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::operation::{Access, Api, Lasting, Operation, Param};
use super::problem::Code;
use super::resources::Exposed;
use super::schema::{citation, count, jurisdictions, list, named, patch, required, shown, written};
use super::{
    answer_schemas, board, catalogue, cell, changes, conditions, determinations, headers, holdings, imports,
    keys, movements, revisions, search, service, sources, transitions,
};
use crate::domain::approval::Approval;
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::workflow::Workflow;

const ABOUT: &str = "The system of record for which company may buy which AI chip, and why not. \
Every accepted write makes one revision, and every read is a read at a revision: `revision` and `known_at` choose what was \
known, `valid_at` the day in the world. Nothing is overwritten, nothing is deleted.";

/// The OpenAPI document of an API.
pub(crate) fn document(api: &Api) -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Greenlight",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "contact": {"name": "The Greenlight contributors"},
        },
        "servers": [{"url": "/", "description": "This service, in production or wherever it runs.", "x-internal": true}],
        "tags": tags(),
        "security": [{"key": []}],
        "paths": {},
        "components": {
            "schemas": {},
            "examples": catalogue::examples(),
            "headers": headers::components(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "gl_…",
                    "description": "An API key (RFC 6750). Readers read, editors write, admins also manage keys.",
                },
            },
        },
    });
    // `json!` copies the values it is given, and these are megabytes.
    document["components"]["schemas"] = schemas();
    for operation in &api.operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        document["paths"][operation.path.as_str()][method] = described(operation);
    }
    document
}

fn tags() -> Value {
    [
        ("Companies", "Who buys, designs, makes and distributes chips."),
        ("Chips", "Chips and the figures that decide how they are controlled."),
        ("Authorities", "Whose permission a sale needs."),
        ("Workflows", "The stages a case goes through."),
        ("Sources", "What everything on record rests on."),
        ("Approvals", "Approvals are cases, each of one company, for one chip, at one authority; transitions are their steps."),
        ("Reports", "What somebody says."),
        ("Conditions", "What approvals are tied to."),
        (
            "Movements",
            "What was ordered, cancelled, shipped, delivered and returned, and what it adds up to.",
        ),
        ("Answers", "May this company prepare, order or ship, and if not, why not?"),
        ("Changes", "Who changed what, when and why."),
        ("Search", "Finding companies and chips."),
        ("Import and export", "The register as lines."),
        ("Keys", "Who may read and write."),
        ("Service", "What the service says of itself."),
    ]
    .into_iter()
    .map(|(name, about)| json!({"name": name, "description": about}))
    .collect()
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.about,
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    if operation.access == Access::Public {
        described["security"] = json!([]);
    }
    if let Some(input) = &operation.input {
        let content: Map<String, Value> = input
            .media_types
            .iter()
            .map(|media_type| {
                ((*media_type).to_owned(), json!({"schema": input.schema, "example": input.example}))
            })
            .collect();
        described["requestBody"] = json!({"required": input.required, "content": content});
    }
    let role = match operation.access {
        Access::Public => "anybody",
        Access::Read => "reader",
        Access::Write => "editor",
        Access::Admin => "admin",
    };
    described["x-role"] = role.into();
    described
}

fn parameters(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.path_params().into_iter().map(path_parameter).collect();
    parameters.extend(operation.params.iter().map(query_parameter));
    parameters.extend(headers::taken(operation));
    Value::Array(parameters)
}

fn query_parameter(param: &Param) -> Value {
    let mut parameter = json!({
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.about,
        "schema": param.schema,
    });
    if param.schema["type"] == "array" {
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
    parameter
}

fn path_parameter(name: &str) -> Value {
    let (schema, about) = match name {
        "number" => (count(1, i64::MAX), "The number of the revision."),
        "code" => {
            (json!({"type": "string", "maxLength": 64, "pattern": "^[a-z_]+$"}), "The code of the problem.")
        }
        "transition" => (super::schema::id(), "The id of the transition."),
        _ => (super::schema::id(), "The id."),
    };
    json!({"name": name, "in": "path", "required": true, "description": about, "schema": schema})
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for output in &operation.outputs {
        let entry = responses.entry(output.status.to_string()).or_insert_with(
            || json!({"description": output.about, "headers": headers::of_answer(operation, output.status)}),
        );
        if let Some((media_type, schema, example)) = &output.body {
            entry["content"][*media_type] = json!({"schema": schema, "example": example});
        }
    }
    if operation.method == Method::GET && operation.lasting != Lasting::Stream {
        responses.insert(
            "304".to_owned(),
            json!({"description": "The caller has it already.", "headers": headers::of_answer(operation, 304)}),
        );
    }
    for code in operation.all_problems() {
        let status = code.status().as_u16().to_string();
        let entry = responses.entry(status).or_insert_with(|| problem_response(operation, code.status()));
        add_problem(entry, code);
    }
    Value::Object(responses)
}

fn problem_response(operation: &Operation, status: StatusCode) -> Value {
    json!({
        "description": "",
        "headers": headers::of_problem(operation, status),
        "content": {"application/problem+json": {"schema": named("Problem"), "examples": {}}},
    })
}

fn add_problem(entry: &mut Value, code: Code) {
    let so_far = entry["description"].as_str().unwrap_or_default().to_owned();
    let separator = if so_far.is_empty() { "" } else { "; " };
    entry["description"] = format!("{so_far}{separator}`{}`: {}", code.as_str(), code.title()).into();
    let example = json!({"$ref": format!("#/components/examples/{}", code.as_str())});
    entry["content"]["application/problem+json"]["examples"][code.as_str()] = example;
}

fn schemas() -> Value {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| {
        schemas.insert(name.to_owned(), schema);
    };
    for (name, schema) in kinds() {
        add(&name, schema);
    }
    add("ConditionPatch", conditions::patch_schema());
    add("Citation", citation());
    add("Jurisdiction", jurisdictions());
    add("SourceCheck", sources::check_schema());
    add("Transition", shown(&transitions::fields()));
    add("TransitionInput", transitions::input_schema());
    add("TransitionPatch", transitions::patch_schema());
    add("TransitionPage", page("Transition"));
    add("Movement", shown(&movements::fields()));
    add("MovementEntered", shown(&movements::entered_fields()));
    add("MovementInput", movements::input_schema());
    add("MovementPage", page("Movement"));
    for (name, schema) in answer_schemas::schemas() {
        add(name, schema);
    }
    add("Determination", shown(&determinations::fields()));
    add("DeterminationPage", page("Determination"));
    add("BoardCell", shown(&board::cell_fields()));
    add("BoardCellInFull", shown(&cell::fields()));
    add("BoardRow", shown(&board::row_fields()));
    add("Board", board::page_schema());
    add("Holding", shown(&holdings::fields()));
    add("HoldingPage", page("Holding"));
    add("Change", changes::schema());
    add("ChangePage", page("Change"));
    add("Feed", changes::feed_schema());
    add("Revision", shown(&revisions::fields()));
    add("RevisionInFull", shown(&revisions::fields_in_full()));
    add("RevisionPage", page("Revision"));
    add("Found", shown(&search::fields()));
    add("FoundPage", page("Found"));
    add("ImportReport", shown(&imports::fields()));
    add("ImportError", written(&imports::error_fields()));
    add("Key", shown(&keys::fields()));
    add("KeyInput", written(&keys::fields()));
    add("KeyWithSecret", shown(&keys::fields_with_secret()));
    add("KeyPage", page("Key"));
    add("CatalogueEntry", shown(&service::catalogue_fields()));
    add("Problem", catalogue::schema());
    add("Fault", catalogue::fault_schema());
    Value::Object(schemas)
}

fn kinds() -> Vec<(String, Value)> {
    let schemas = [
        of::<Company>(),
        of::<Chip>(),
        of::<Authority>(),
        of::<Workflow>(),
        of::<Source>(),
        of::<Approval>(),
        of::<Report>(),
        of::<Condition>(),
        conditions::kind_schemas(),
    ];
    schemas.concat()
}

fn of<T: Exposed>() -> Vec<(String, Value)> {
    let described = |mut schema: Value| {
        schema["description"] = T::ABOUT.into();
        schema
    };
    vec![
        (T::SINGULAR.to_owned(), described(T::shown())),
        (format!("{}Input", T::SINGULAR), described(T::writable())),
        (format!("{}Patch", T::SINGULAR), described(patch(&T::fields()))),
        (format!("{}Page", T::SINGULAR), page(T::SINGULAR)),
    ]
}

fn page(item: &str) -> Value {
    let items = required("items", list(named(item), 0, 1000), "The items, in order.");
    super::page::schema(items, "How many items the whole list has, if `count=true` asked for it.", [])
}
