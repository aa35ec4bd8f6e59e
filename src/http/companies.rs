//! The OpenAPI description of companies.

use serde_json::{Value, json};

use super::resources::Exposed;
use super::schema::{
    Field, id, jurisdiction, list, names, nullable, optional, read_only, required, set, text, word, written,
};
use crate::domain::company::{Company, CompanyRole};
use crate::domain::identifier::Scheme;
use crate::domain::text::{Name, Note, Reference, TEXT_PATTERN};
use crate::domain::vocabulary::Vocabulary as _;
use crate::wire::values::MAX_ITEMS;

/// The format of the values of an identifier scheme.
fn form(scheme: Scheme) -> Value {
    let pattern = match scheme {
        Scheme::Lei => "^[0-9A-Z]{18}[0-9]{2}$",
        Scheme::Cik => "^[0-9]{1,10}$",
        Scheme::Isin => "^[A-Z]{2}[0-9A-Z]{9}[0-9]$",
        Scheme::Uscc => "^[0-9A-Z]{18}$",
        Scheme::Ticker | Scheme::Other => TEXT_PATTERN,
    };
    json!({"properties": {"scheme": {"const": scheme.as_str()}, "value": {"pattern": pattern}}})
}

impl Exposed for Company {
    const PATH: &'static str = "companies";
    const SINGULAR: &'static str = "Company";
    const PLURAL: &'static str = "Companies";
    const ABOUT: &'static str = "Companies buy, design, make and distribute chips.";

    fn fields() -> Vec<Field> {
        let mut identifier = written(&[
            required("scheme", word::<Scheme>(), "Whose numbering it belongs to."),
            required(
                "value",
                text(Reference::MAX),
                "The identifier. The check digits of an LEI are verified (ISO 17442).",
            ),
            optional(
                "status",
                nullable(text(Note::MAX)),
                "What is known of its standing, for example `lapsed`.",
            ),
        ]);
        identifier["anyOf"] = Scheme::ALL.iter().map(|scheme| form(*scheme)).collect();
        vec![
            read_only("id", id(), "Its id."),
            required("name", text(Name::MAX), "What it is usually called in English."),
            optional("names", names(), "What it is called in other languages, by language tag."),
            required("jurisdiction", jurisdiction(), "Where it has its seat (ISO 3166-1 alpha-2)."),
            optional("roles", set(word::<CompanyRole>()), "What it does with chips."),
            optional(
                "identifiers",
                list(identifier, 0, MAX_ITEMS),
                "The numbers and symbols the world knows it by. None is mandatory.",
            ),
            optional("aliases", set(text(Name::MAX)), "Other names it is found under."),
            optional("parent", nullable(id()), "The company it belongs to."),
        ]
    }

    fn example() -> Value {
        json!({
            "name": "Alibaba Group Holding Limited",
            "names": {"zh": "阿里巴巴集团"},
            "jurisdiction": "CN",
            "roles": ["buyer", "cloud"],
            "identifiers": [{"scheme": "lei", "value": "5493001NTNQJDH60PM02"}, {"scheme": "ticker", "value": "9988.HK"}],
            "aliases": ["Alibaba"],
        })
    }

    fn patch_example() -> Value {
        json!({"names": {"ja": "アリババグループ"}, "aliases": ["Alibaba", "Alibaba Group"]})
    }
}
