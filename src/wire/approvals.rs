//! The JSON form of approvals: what callers write, with the state of the case.

use serde_json::{Map, Value, json};

use super::Document;
use super::citations::{any_citations, written as cited};
use super::fields::{Fields, Place};
use super::values::{MAX_ITEMS, beginning, boolean, ending, integer, shown, text};
use crate::domain::approval::{Approval, Case, Quantity, Standing};

/// The members for the state of a case, which are read-only.
pub const STANDING: [&str; 3] = ["stage", "stage_since", "disputed"];

impl Document for Approval {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "company": self.company.as_str(),
            "chip": self.chip.as_str(),
            "authority": self.authority.as_str(),
            "exporter": shown(self.exporter.as_ref()),
            "reference": shown(self.reference.as_ref()),
            "quantities": self.quantities.iter().map(written).collect::<Value>(),
            "valid_from": shown(self.valid_from.as_ref()),
            "valid_until": shown(self.valid_until.as_ref()),
            "supersedes": shown(self.supersedes.as_ref()),
            "note": shown(self.note.as_ref()),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let company = fields.required("company", text);
        let chip = fields.required("chip", text);
        let authority = fields.required("authority", text);
        let exporter = fields.nullable("exporter", text);
        let reference = fields.nullable("reference", text);
        let quantities = fields.or("quantities", Vec::new(), |place| place.list((0, MAX_ITEMS), quantity));
        let valid_from = fields.nullable("valid_from", beginning);
        let valid_until = fields.nullable("valid_until", ending);
        let supersedes = fields.nullable("supersedes", text);
        let note = fields.nullable("note", text);
        let approval = Self {
            id: id?,
            company: company?,
            chip: chip?,
            authority: authority?,
            exporter: exporter?,
            reference: reference?,
            quantities: quantities?,
            valid_from: valid_from?,
            valid_until: valid_until?,
            supersedes: supersedes?,
            note: note?,
        };
        fields.refuse_all(approval.faults());
        Some(approval)
    }
}

impl Document for Case {
    fn write(&self) -> Value {
        let mut document = self.approval.write();
        if let Value::Object(case) = &mut document {
            let place = case.keys().position(|name| name == "quantities");
            let place = place.unwrap_or(case.len());
            for name in STANDING.into_iter().rev() {
                case.shift_insert(place, name.to_owned(), Value::Null);
            }
            standing(case, &self.standing);
        }
        document
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let approval = Approval::read(fields);
        let stage = fields.required("stage", text);
        let since = fields.nullable("stage_since", text);
        let disputed = fields.required("disputed", boolean);
        Some(Self {
            approval: approval?,
            standing: Standing { stage: stage?, since: since?, disputed: disputed? },
        })
    }
}

/// Overwrites the state in the JSON of a case.
pub fn standing(case: &mut Map<String, Value>, standing: &Standing) {
    let values = [
        Value::from(standing.stage.as_str()),
        shown(standing.since.as_ref()),
        Value::from(standing.disputed),
    ];
    for (name, value) in STANDING.into_iter().zip(values) {
        case.insert(name.to_owned(), value);
    }
}

fn written(quantity: &Quantity) -> Value {
    json!({
        "role": quantity.role.to_string(),
        "comparator": quantity.comparator.to_string(),
        "units": quantity.units.get(),
        "citations": cited(&quantity.citations),
    })
}

fn quantity(place: Place<'_, '_>) -> Option<Quantity> {
    place.object(|fields| {
        let role = fields.required("role", text);
        let comparator = fields.required("comparator", text);
        let units = fields.required("units", integer);
        let citations = fields.or("citations", Vec::new(), any_citations);
        Some(Quantity { role: role?, comparator: comparator?, units: units?, citations: citations? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    const APPROVAL: &str = r#"{"id":"alibaba-h200-cn","company":"alibaba","chip":"h200-sxm","authority":"cn-ndrc",
        "exporter":"nvidia","reference":"D1","quantities":[{"role":"requested","comparator":"more_than",
        "units":200000,"citations":[]}],"valid_from":"2026-01-23T00:00:00Z","valid_until":"2027-01-24T00:00:00Z",
        "supersedes":"alibaba-h20-cn","note":"n"}"#;
    const CASE: &str = r#"{"id":"alibaba-h200-cn","company":"alibaba","chip":"h200-sxm","authority":"cn-ndrc",
        "exporter":null,"reference":null,"stage":"in_principle","stage_since":"2026-01-23","disputed":true,
        "quantities":[],"valid_from":null,"valid_until":null,"supersedes":null,"note":null}"#;

    #[test]
    fn an_approval_and_a_case_are_written_as_they_were_read() {
        assert_written_as_read::<Approval>(APPROVAL);
        assert_written_as_read::<Case>(CASE);
    }

    #[test]
    fn a_bare_date_begins_at_midnight_and_ends_with_its_day() {
        let approval = thing::<Approval>(
            r#"{"id":"a","company":"c","chip":"h","authority":"u","valid_from":"2026-01-23","valid_until":"2026-01-23"}"#,
        )
        .unwrap();
        assert_eq!(approval.valid_from.unwrap().to_string(), "2026-01-23T00:00:00Z");
        assert_eq!(approval.valid_until.unwrap().to_string(), "2026-01-24T00:00:00Z");
    }

    #[test]
    fn a_new_standing_takes_the_place_of_the_old_one() {
        let mut case: Map<String, Value> = serde_json::from_str(CASE).unwrap();
        let began = Standing { stage: "under_review".try_into().unwrap(), since: None, disputed: false };
        standing(&mut case, &began);
        let expected = thing::<Case>(CASE).map(|case| Case { standing: began, ..case });
        assert_eq!(Value::Object(case).to_string(), expected.unwrap().write().to_string());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Approval>(
            r#"{"id":"a","company":"c","chip":"h","exporter":"","quantities":[{"role":"wanted","comparator":"exact",
                "units":0,"citations":[{"attribution":"anonymous"}]}],"valid_from":"soon","stage":"approved"}"#,
        );
        assert_eq!(
            told,
            [
                "/authority missing",
                "/exporter malformed",
                "/quantities/0/role not_in_list",
                "/quantities/0/units out_of_range",
                "/quantities/0/citations/0/source missing",
                "/valid_from malformed",
                "/stage unknown_field",
            ]
        );
    }

    #[test]
    fn a_case_says_where_it_stands() {
        let told = faults::<Case>(r#"{"id":"a","company":"c","chip":"h","authority":"u","supersedes":"a"}"#);
        assert_eq!(told, ["/supersedes inconsistent", "/stage missing", "/disputed missing"]);
    }
}
