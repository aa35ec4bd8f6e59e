//! The JSON form of movements.

use serde_json::{Value, json};

use super::Document;
use super::citations::{any_citations, written as cited};
use super::fields::Fields;
use super::values::{boolean, integer, shown, text};
use crate::domain::movement::Movement;

impl Document for Movement {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "company": self.company.as_str(),
            "chip": self.chip.as_str(),
            "approval": shown(self.approval.as_ref()),
            "kind": self.kind.to_string(),
            "units": self.units.get(),
            "approximate": self.approximate,
            "occurred_on": self.occurred_on.to_string(),
            "external_ref": shown(self.external_ref.as_ref()),
            "end_use": shown(self.end_use.as_ref()),
            "end_user": shown(self.end_user.as_ref()),
            "destination": shown(self.destination.as_ref()),
            "overage_reason": shown(self.overage_reason.as_ref()),
            "citations": cited(&self.citations),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let company = fields.required("company", text);
        let chip = fields.required("chip", text);
        let approval = fields.nullable("approval", text);
        let kind = fields.required("kind", text);
        let units = fields.required("units", integer);
        let approximate = fields.or("approximate", false, boolean);
        let occurred_on = fields.required("occurred_on", text);
        let external_ref = fields.nullable("external_ref", text);
        let end_use = fields.nullable("end_use", text);
        let end_user = fields.nullable("end_user", text);
        let destination = fields.nullable("destination", text);
        let overage_reason = fields.nullable("overage_reason", text);
        let citations = fields.or("citations", Vec::new(), any_citations);
        let movement = Self {
            id: id?,
            company: company?,
            chip: chip?,
            approval: approval?,
            kind: kind?,
            units: units?,
            approximate: approximate?,
            occurred_on: occurred_on?,
            external_ref: external_ref?,
            end_use: end_use?,
            end_user: end_user?,
            destination: destination?,
            overage_reason: overage_reason?,
            citations: citations?,
        };
        fields.refuse_all(movement.faults());
        Some(movement)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::movement::Movement;
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    #[test]
    fn a_movement_is_written_as_it_was_read() {
        assert_written_as_read::<Movement>(
            r#"{"id":"m1","company":"alibaba","chip":"h200-sxm","approval":"alibaba-h200-cn","kind":"shipment",
                "units":10000,"approximate":true,"occurred_on":"2026-08-18","external_ref":"DN-7",
                "end_use":"inference","end_user":"Alibaba Cloud","destination":"CN","overage_reason":"agreed",
                "citations":[{"source":"s1","attribution":"anonymous","sources":null,"anonymity_reason":null,
                "note":null}]}"#,
        );
    }

    #[test]
    fn a_movement_needs_no_more_than_what_happened_to_how_many_and_when() {
        let movement = thing::<Movement>(
            r#"{"id":"m1","company":"a","chip":"h","kind":"order","units":1,"occurred_on":"2026-08-18"}"#,
        );
        let movement = movement.unwrap();
        assert!(!movement.approximate && movement.approval.is_none() && movement.citations.is_empty());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Movement>(
            r#"{"id":"m1","chip":"H200","kind":"orders","units":0,"approximate":1,"occurred_on":"2026-02-30",
                "external_ref":"","destination":"China","note":"n"}"#,
        );
        assert_eq!(
            told,
            [
                "/company missing",
                "/chip malformed",
                "/kind not_in_list",
                "/units out_of_range",
                "/approximate wrong_type",
                "/occurred_on malformed",
                "/external_ref too_short",
                "/destination not_in_list",
                "/note unknown_field",
            ]
        );
        let told = faults::<Movement>(
            r#"{"id":"m1","company":"a","chip":"h","kind":"return","units":1,"occurred_on":"2026-08-18",
                "overage_reason":"agreed"}"#,
        );
        assert_eq!(told, ["/overage_reason inconsistent"]);
    }
}
