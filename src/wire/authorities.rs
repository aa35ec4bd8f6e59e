//! The JSON form of authorities.

use serde_json::{Value, json};

use super::Document;
use super::fields::Fields;
use super::values::{boolean, named, names, text};
use crate::domain::authority::Authority;
use crate::domain::text::Names;

impl Document for Authority {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "name": self.name.as_str(),
            "names": named(&self.names),
            "jurisdiction": self.jurisdiction.as_str(),
            "gate": self.gate.to_string(),
            "workflow": self.workflow.as_str(),
            "unspecified": self.unspecified,
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let name = fields.required("name", text);
        let names = fields.or("names", Names::new(), names);
        let jurisdiction = fields.required("jurisdiction", text);
        let gate = fields.required("gate", text);
        let workflow = fields.required("workflow", text);
        let unspecified = fields.or("unspecified", false, boolean);
        Some(Self {
            id: id?,
            name: name?,
            names: names?,
            jurisdiction: jurisdiction?,
            gate: gate?,
            workflow: workflow?,
            unspecified: unspecified?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::authority::Authority;
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    #[test]
    fn an_authority_is_written_as_it_was_read() {
        assert_written_as_read::<Authority>(
            r#"{"id":"cn-regulators","name":"Chinese regulators","names":{"zh":"监管部门"},"jurisdiction":"CN",
                "gate":"import","workflow":"cn-import","unspecified":true}"#,
        );
    }

    #[test]
    fn an_authority_is_a_named_one_unless_said_otherwise() {
        let bis = thing::<Authority>(
            r#"{"id":"us-bis","name":"BIS","jurisdiction":"US","gate":"export","workflow":"us-export"}"#,
        );
        assert!(!bis.unwrap().unspecified);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Authority>(
            r#"{"id":"","name":" BIS","jurisdiction":"us","gate":"transit","workflow":null,"unspecified":"no"}"#,
        );
        assert_eq!(
            told,
            [
                "/id malformed",
                "/name malformed",
                "/jurisdiction not_in_list",
                "/gate not_in_list",
                "/workflow missing",
                "/unspecified wrong_type",
            ]
        );
    }
}
