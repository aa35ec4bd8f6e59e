//! Every answer, held against the OpenAPI document: status, media type, header fields, body and members.

use axum::http::Method;
use serde_json::Value;

use crate::document::{DOCUMENT, assert_fits, operation_of, resolved};
use crate::service::{Answer, NDJSON};

/// Header fields that say the same of any message, and are described nowhere but in their standards.
const OF_ANY_MESSAGE: [&str; 9] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "referrer-policy",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
];

impl Answer {
    /// Asserts that it is among the answers that the document has for what was asked.
    pub(crate) fn assert_documented(&self, method: &Method, path: &str) {
        let Some(operation) = operation_of(method, path) else { return };
        let asked = &self.asked;
        let documented = &operation.value["responses"][self.status.to_string()];
        assert!(documented.is_object(), "{asked} may not answer {}: {}", self.status, self.brief());
        self.assert_fields(&documented["headers"]);
        if *method == Method::HEAD || self.body.is_empty() {
            return;
        }
        let essence = |media_type: &str| media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let media_type = essence(self.field("content-type").unwrap());
        let answers = operation.answers();
        let answer = answers
            .iter()
            .find(|(status, documented, _)| *status == self.status && essence(documented) == media_type);
        let Some((_, _, content)) = answer else { panic!("{asked} may not answer {media_type}") };
        if !media_type.ends_with("json")
            || media_type == NDJSON
            || self.fields.contains_key("content-encoding")
        {
            return;
        }
        assert_fits(&content["schema"], &self.json(), asked);
        if media_type == "application/problem+json" {
            let code = self.code();
            assert!(
                content["examples"][&code].is_object(),
                "{asked} may not answer `{code}`: {}",
                self.brief()
            );
            self.assert_honest(method);
            self.assert_members(&DOCUMENT["components"]["examples"][&code]["value"]);
        }
    }

    /// Asserts that every header field is documented, and that those are there which always are.
    fn assert_fields(&self, documented: &'static Value) {
        let asked = &self.asked;
        let documented = documented.as_object().unwrap();
        for (name, value) in &self.fields {
            let said = documented.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
            let said = said.map(|(_, said)| resolved(said));
            assert!(
                said.is_some() || OF_ANY_MESSAGE.contains(&name.as_str()),
                "{asked} may not answer {} with {name}: {value:?}",
                self.status
            );
            let Some(schema) = said.map(|said| &said["schema"]) else { continue };
            let text = value.to_str().unwrap();
            let value = match schema["type"].as_str() {
                Some("integer" | "boolean") => serde_json::from_str(text).unwrap(),
                _ => Value::from(text),
            };
            assert_fits(schema, &value, &format!("{asked} {name}"));
        }
        let always = documented.iter().filter(|(_, said)| resolved(said)["required"] == true);
        for (name, _) in always {
            assert!(
                self.fields.contains_key(name.as_str()),
                "{asked} answers {} without {name}",
                self.status
            );
        }
    }

    /// Asserts that a problem says of no 4xx and no read that it may have been applied, and of no fault of the
    /// request that it is worth sending again.
    fn assert_honest(&self, method: &Method) {
        let problem = self.json();
        let passes = [408, 429, 500, 503].contains(&self.status);
        assert_eq!(problem["retryable"], passes, "{}: {}", self.asked, self.brief());
        if self.status < 500 || method.is_safe() {
            assert_eq!(problem["outcome"], "none", "{}: {}", self.asked, self.brief());
        }
    }

    /// Asserts that a problem has no member that the example of its code has not, nor one that is not described.
    fn assert_members(&self, example: &Value) {
        for (name, value) in self.json().as_object().unwrap() {
            let known = &DOCUMENT["components"]["schemas"]["Problem"]["properties"][name];
            assert!(known.is_object(), "{}: `{name}` is not described: {value}", self.asked);
            assert!(!example[name].is_null(), "{}: no example has {name}: {value}", self.asked);
        }
    }
}
