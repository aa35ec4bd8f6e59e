//! The JSON form of companies.

use serde_json::{Value, json};

use super::Document;
use super::fields::{Fields, Place};
use super::values::{MAX_ITEMS, listed, named, names, set, shown, text};
use crate::domain::company::Company;
use crate::domain::identifier::Identifier;
use crate::domain::text::Names;

impl Document for Company {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "name": self.name.as_str(),
            "names": named(&self.names),
            "jurisdiction": self.jurisdiction.as_str(),
            "roles": listed(&self.roles),
            "identifiers": self.identifiers.iter().map(written).collect::<Value>(),
            "aliases": listed(&self.aliases),
            "parent": shown(self.parent.as_ref()),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let name = fields.required("name", text);
        let names = fields.or("names", Names::new(), names);
        let jurisdiction = fields.required("jurisdiction", text);
        let roles = fields.or("roles", Vec::new(), set);
        let identifiers =
            fields.or("identifiers", Vec::new(), |place| place.list((0, MAX_ITEMS), identifier));
        let aliases = fields.or("aliases", Vec::new(), set);
        let parent = fields.nullable("parent", text);
        let company = Self {
            id: id?,
            name: name?,
            names: names?,
            jurisdiction: jurisdiction?,
            roles: roles?,
            identifiers: identifiers?,
            aliases: aliases?,
            parent: parent?,
        };
        fields.refuse_all(company.faults());
        Some(company)
    }
}

fn written(identifier: &Identifier) -> Value {
    json!({
        "scheme": identifier.scheme().to_string(),
        "value": identifier.value().as_str(),
        "status": shown(identifier.status()),
    })
}

fn identifier(place: Place<'_, '_>) -> Option<Identifier> {
    place.object(|fields| {
        let scheme = fields.required("scheme", text);
        let value = fields.required("value", text);
        let status = fields.nullable("status", text);
        match Identifier::new(scheme?, value?, status?) {
            Ok(identifier) => Some(identifier),
            Err(fault) => {
                fields.refuse("value", fault);
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::company::Company;
    use crate::wire::testing::{assert_written_as_read, faults};

    #[test]
    fn a_company_is_written_as_it_was_read() {
        assert_written_as_read::<Company>(
            r#"{"id":"alibaba","name":"Alibaba","names":{"zh":"阿里巴巴"},"jurisdiction":"CN","roles":["buyer","cloud"],
                "identifiers":[{"scheme":"lei","value":"5493001NTNQJDH60PM02","status":null}],"aliases":["BABA"],
                "parent":null}"#,
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Company>(
            r#"{"id":"Alibaba","nmae":"x","jurisdiction":"XX","roles":["buyer","buyer","king"],
                "identifiers":[{"scheme":"lei","value":"5493001NTNQJDH60PM03"},7],"parent":5}"#,
        );
        assert_eq!(
            told,
            [
                "/id malformed",
                "/name missing",
                "/jurisdiction not_in_list",
                "/roles/2 not_in_list",
                "/identifiers/0/value check_digits",
                "/identifiers/1 wrong_type",
                "/parent wrong_type",
                "/nmae unknown_field",
            ]
        );
    }

    #[test]
    fn a_company_is_not_its_own_parent() {
        let told =
            faults::<Company>(r#"{"id":"alibaba","name":"Alibaba","jurisdiction":"CN","parent":"alibaba"}"#);
        assert_eq!(told, ["/parent inconsistent"]);
    }
}
