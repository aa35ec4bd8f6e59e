//! The OpenAPI description of authorities.

use serde_json::{Value, json};

use super::problem::Code;
use super::resources::Exposed;
use super::schema::{Field, id, jurisdiction, names, optional, read_only, required, text, truth, word};
use crate::domain::authority::{Authority, Gate};
use crate::domain::text::Name;

impl Exposed for Authority {
    const PATH: &'static str = "authorities";
    const SINGULAR: &'static str = "Authority";
    const PLURAL: &'static str = "Authorities";
    const ABOUT: &'static str = "Authorities decide on either side of a sale. Regulators whom nobody names are a record with `unspecified`.";
    const PROBLEMS: &'static [Code] = &[Code::StageInUse, Code::MoveInUse];

    fn fields() -> Vec<Field> {
        vec![
            read_only("id", id(), "Its id."),
            required("name", text(Name::MAX), "What it is called in English."),
            optional("names", names(), "What it is called in other languages, by language tag."),
            required("jurisdiction", jurisdiction(), "Whose authority it is (ISO 3166-1 alpha-2)."),
            required("gate", word::<Gate>(), "The side of a sale it guards."),
            required("workflow", id(), "The workflow that its cases go through."),
            optional("unspecified", truth(), "Whether it stands for regulators nobody names."),
        ]
    }

    fn example() -> Value {
        json!({
            "name": "Bureau of Industry and Security",
            "jurisdiction": "US",
            "gate": "export",
            "workflow": "us-export-licence",
        })
    }

    fn patch_example() -> Value {
        json!({"names": {"de": "Büro für Industrie und Sicherheit"}})
    }
}
