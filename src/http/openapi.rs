//! The OpenAPI document, put together from the operations that are served.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::call::LONGEST_TAGS;
use super::operation::{Access, Api, Lasting, Operation, Param};
use super::problem::{Code, Problem};
use super::resources::Exposed;
use super::schema::{citation, count, jurisdictions, list, named, patch, required, shown, text, written};
use super::write::LONGEST_KEY;
use super::{
    answers, board, cell, changes, conditions, determinations, holdings, imports, keys, movements, revisions,
    search, service, sources, transitions,
};
use crate::domain::approval::Approval;
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::text::Reason;
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
            "examples": problem_examples(),
            "headers": headers(),
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
    // What is named inside `json!` is copied, and these are megabytes.
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
    let header = |name: &str, about: &str, schema: Value| json!({"name": name, "in": "header", "description": about, "schema": schema});
    if operation.lasting == Lasting::Stream {
        parameters.push(header(
            "Last-Event-ID",
            "Where the caller left off: the `id` of the last event, or a bare revision number. The stream begins with what comes next if it is not given.",
            changes::position_schema(),
        ));
        return Value::Array(parameters);
    }
    if operation.method == Method::GET {
        parameters.push(header(
            "If-None-Match",
            "Tags the caller has; if one still fits, the answer is an empty 304.",
            json!({"type": "string", "maxLength": LONGEST_TAGS}),
        ));
        return Value::Array(parameters);
    }
    if operation.repeatable {
        let schema =
            json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!#-~]+$"});
        parameters.push(header("Idempotency-Key", "The same request with the same key is carried out once; its first answer is given again for 7 days.", schema));
    }
    if operation.conditional {
        let schema =
            json!({"type": "string", "minLength": 3, "maxLength": 82, "pattern": r#"^"[!#-~]{1,80}"$"#});
        parameters.push(header(
            "If-Match",
            "The version to change, as its `ETag` says. `*` and a list of tags are taken as well.",
            schema,
        ));
    }
    let schema = json!({"type": "string", "minLength": 1, "maxLength": Reason::MAX, "pattern": "^[!-~]([ -~]*[!-~])?$"});
    parameters.push(header(
        "Change-Reason",
        "Why, in the words of who makes the change; kept on the revision.",
        schema,
    ));
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
            || json!({"description": output.about, "headers": fields(operation, output.status)}),
        );
        if let Some((media_type, schema, example)) = &output.body {
            entry["content"][*media_type] = json!({"schema": schema, "example": example});
        }
    }
    if operation.method == Method::GET && operation.lasting != Lasting::Stream {
        responses.insert(
            "304".to_owned(),
            json!({"description": "The caller has it already.", "headers": fields(operation, 304)}),
        );
    }
    for code in operation.all_problems() {
        let status = code.status().as_u16().to_string();
        let entry = responses.entry(status).or_insert_with(|| problem_response(code.status()));
        add_problem(entry, code);
    }
    Value::Object(responses)
}

fn problem_response(status: StatusCode) -> Value {
    let names: &[&str] = match status {
        StatusCode::TOO_MANY_REQUESTS => &["X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"],
        StatusCode::SERVICE_UNAVAILABLE => &["X-Request-Id", "Retry-After"],
        _ => &["X-Request-Id"],
    };
    let header = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    json!({
        "description": "",
        "headers": names.iter().map(header).collect::<Map<_, _>>(),
        "content": {"application/problem+json": {"schema": named("Problem"), "examples": {}}},
    })
}

/// The header fields of problems.
fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({"description": about, "schema": schema});
    let text = |most: usize| json!({"type": "string", "maxLength": most});
    json!({
        "X-Request-Id": header("The id of the request.", text(200)),
        "Retry-After": header("After how many seconds it is worth trying again.", count(1, 3600)),
        "RateLimit": header("What is left of the caller's allowance.", text(100)),
        "RateLimit-Policy": header("The caller's allowance.", text(100)),
    })
}

fn add_problem(entry: &mut Value, code: Code) {
    let so_far = entry["description"].as_str().unwrap_or_default().to_owned();
    let separator = if so_far.is_empty() { "" } else { "; " };
    entry["description"] = format!("{so_far}{separator}`{}`: {}", code.as_str(), code.title()).into();
    let example = json!({"$ref": format!("#/components/examples/{}", code.as_str())});
    entry["content"]["application/problem+json"]["examples"][code.as_str()] = example;
}

fn problem_examples() -> Value {
    let example = |code: &Code| {
        let body = Problem::new(*code, code.title()).body("0198f0c2a1b07c3e9d4f5a6b7c8d9e0f");
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        (
            code.as_str().to_owned(),
            json!({"summary": code.title(), "description": code.about(), "value": value}),
        )
    };
    Value::Object(Code::ALL.iter().map(example).collect())
}

fn fields(operation: &Operation, status: u16) -> Value {
    let text = |about: &str| json!({"description": about, "schema": {"type": "string", "maxLength": 2000}});
    let mut fields = json!({"X-Request-Id": text("The id of the request.")});
    if status != 204 && operation.method == Method::GET && operation.lasting != Lasting::Stream {
        fields["ETag"] = text("The version of what is shown.");
    }
    if operation.access != Access::Public {
        fields["Revision"] =
            json!({"description": "The revision shown or made.", "schema": count(0, i64::MAX)});
    }
    if status == 201 {
        fields["Location"] = text("Where it can be read.");
    }
    fields
}

fn schemas() -> Value {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| {
        schemas.insert(name.to_owned(), schema);
    };
    for (name, schema) in [
        of::<Company>(),
        of::<Chip>(),
        of::<Authority>(),
        of::<Workflow>(),
        of::<Source>(),
        of::<Approval>(),
        of::<Report>(),
        of::<Condition>(),
        conditions::kind_schemas(),
    ]
    .concat()
    {
        add(&name, schema);
    }
    add("ConditionPatch", conditions::patch_schema());
    add("Citation", citation());
    add("Jurisdiction", jurisdictions());
    add("SourceCheck", sources::check_schema());
    add("Transition", shown(&transitions::fields()));
    add("TransitionInput", written(&transitions::fields()));
    add("TransitionPatch", transitions::patch_schema());
    add("TransitionPage", page("Transition"));
    add("Movement", shown(&movements::fields()));
    add("MovementEntered", shown(&movements::entered_fields()));
    add("MovementInput", written(&movements::fields()));
    add("MovementPage", page("Movement"));
    for (name, schema) in answers::schemas() {
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
    add("Problem", problem_schema());
    Value::Object(schemas)
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

fn problem_schema() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let bounded = |most: usize| json!({"type": "string", "maxLength": most});
    let fault = json!({
        "type": "object",
        "properties": {
            "pointer": bounded(2000),
            "parameter": bounded(2000),
            "line": count(1, i64::MAX),
            "code": bounded(64),
            "detail": bounded(100_000),
        },
        "required": ["code", "detail"],
    });
    let mut schema = shown(&[
        required("type", bounded(200), "The page that says what the problem means."),
        required("title", bounded(200), "The same for every occurrence."),
        required("status", count(400, 599), "The status."),
        required("code", json!({"type": "string", "enum": codes}), "Stable for ever."),
        required("detail", bounded(100_000), "What is the matter this time."),
        required("instance", text(200), "The id of the request."),
    ]);
    schema["properties"]["errors"] = list(fault, 1, 100_000);
    schema["properties"]["errors"]["description"] = "Everything that is wrong with the input.".into();
    schema["additionalProperties"] = true.into();
    schema["description"] = "An error (RFC 9457). Some codes have further members.".into();
    schema
}
