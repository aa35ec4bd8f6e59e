//! The OpenAPI document, as tests read it: its operations, and whether an answer is as it says.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&greenlight::http::openapi()).unwrap());

/// One operation of the document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) value: &'static Value,
}

impl Operation {
    /// Its id.
    pub(crate) fn id(&self) -> &'static str {
        self.value["operationId"].as_str().unwrap()
    }

    /// Who may call it: `anybody`, `reader`, `editor` or `admin`.
    pub(crate) fn role(&self) -> &'static str {
        self.value["x-role"].as_str().unwrap()
    }

    /// Its query parameters.
    pub(crate) fn params(&self) -> Vec<&'static Value> {
        let all = self.value["parameters"].as_array().unwrap();
        all.iter().filter(|param| param["in"] == "query").collect()
    }

    /// Whether it takes this header field.
    pub(crate) fn takes(&self, header: &str) -> bool {
        let all = self.value["parameters"].as_array().unwrap();
        all.iter().any(|param| param["in"] == "header" && param["name"] == header)
    }

    /// The media type of the body it takes, the first if there are several, and what is said of it.
    pub(crate) fn body(&self) -> Option<(&'static str, &'static Value)> {
        let content = self.value["requestBody"]["content"].as_object()?;
        content.iter().next().map(|(media_type, content)| (media_type.as_str(), content))
    }

    /// Whether it changes the register or the keys.
    pub(crate) fn writes(&self) -> bool {
        self.params().iter().any(|param| param["name"] == "dry_run")
    }

    /// Its answers with a body: status, media type, and what is said of the body.
    pub(crate) fn answers(&self) -> Vec<(u16, &'static str, &'static Value)> {
        let mut answers = Vec::new();
        for (status, response) in self.value["responses"].as_object().unwrap() {
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                answers.push((status.parse().unwrap(), media_type.as_str(), content));
            }
        }
        answers
    }

    /// The codes of the problems it can answer with.
    pub(crate) fn problems(&self) -> Vec<&'static str> {
        let answers = self.answers().into_iter();
        let examples = answers.filter_map(|(_, _, content)| content["examples"].as_object());
        examples.flat_map(|examples| examples.keys().map(String::as_str)).collect()
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        let same = |(part, given): (&str, &str)| part == given || part.starts_with('{');
        let reads = *method == Method::HEAD && self.method == Method::GET;
        (reads || self.method == *method)
            && self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(same)
    }
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, value) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            operations.push(Operation { method, path, value });
        }
    }
    operations
}

/// The operation that a request is for.
pub(crate) fn operation_of(method: &Method, path: &str) -> Option<Operation> {
    operations().into_iter().find(|operation| operation.has(method, path))
}

/// The operation with this id.
pub(crate) fn operation(id: &str) -> Operation {
    operations().into_iter().find(|operation| operation.id() == id).unwrap()
}

/// What is said somewhere, or where it refers to.
pub(crate) fn resolved(said: &'static Value) -> &'static Value {
    match said["$ref"].as_str() {
        Some(place) => DOCUMENT.pointer(place.trim_start_matches('#')).unwrap(),
        None => said,
    }
}

/// Asserts that a value is as a schema of the document says.
pub(crate) fn assert_fits(schema: &Value, value: &Value, what: &str) {
    let faults: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|fault| format!("{}: {fault:.300}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{what}: {faults:#?}\n{value:#}");
}

/// Whether a value is as a schema of the document says.
pub(crate) fn fits(schema: &Value, value: &Value) -> bool {
    validator(schema).is_valid(value)
}

fn validator(schema: &Value) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let key = schema.to_string();
    if let Some(validator) = KNOWN.lock().unwrap().get(&key) {
        return Arc::clone(validator);
    }
    let whole = json!({"components": DOCUMENT["components"], "allOf": [schema]});
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&whole);
    let validator = Arc::new(validator.unwrap());
    KNOWN.lock().unwrap().insert(key, Arc::clone(&validator));
    validator
}
