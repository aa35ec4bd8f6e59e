//! The JSON form of transitions.

use serde_json::{Value, json};

use super::Document;
use super::citations::{citations, written as cited};
use super::fields::Fields;
use super::values::{boolean, dated, dated_value, shown, text};
use crate::domain::transition::Transition;

impl Document for Transition {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "approval": self.approval.as_str(),
            "to": self.to.as_str(),
            "effective_on": dated_value(self.effective_on),
            "retracted": self.retracted,
            "citations": cited(&self.citations),
            "note": shown(self.note.as_ref()),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let approval = fields.required("approval", text);
        let to = fields.required("to", text);
        let effective_on = fields.required("effective_on", dated);
        let retracted = fields.or("retracted", false, boolean);
        let citations = fields.required("citations", citations);
        let note = fields.nullable("note", text);
        Some(Self {
            id: id?,
            approval: approval?,
            to: to?,
            effective_on: effective_on?,
            retracted: retracted?,
            citations: citations?,
            note: note?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::transition::Transition;
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    #[test]
    fn a_transition_is_written_as_it_was_read() {
        assert_written_as_read::<Transition>(
            r#"{"id":"t1","approval":"alibaba-h200-cn","to":"in_principle",
                "effective_on":{"date":"2026-01-23","precision":"about"},"retracted":true,
                "citations":[{"source":"s1","attribution":"anonymous","sources":null,"anonymity_reason":null,
                "note":null}],"note":null}"#,
        );
    }

    #[test]
    fn a_transition_stands_unless_it_is_said_to_be_retracted() {
        let transition = thing::<Transition>(
            r#"{"id":"t1","approval":"a","to":"b","effective_on":{"date":"2026-01-23","precision":"day"},
                "citations":[{"attribution":"own_record"}]}"#,
        );
        assert!(!transition.unwrap().retracted);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Transition>(
            r#"{"id":"t1","to":"In principle","effective_on":{"date":"2026-02-30"},"retracted":0,"citations":[]}"#,
        );
        assert_eq!(
            told,
            [
                "/approval missing",
                "/to malformed",
                "/effective_on/date malformed",
                "/effective_on/precision missing",
                "/retracted wrong_type",
                "/citations too_short",
            ]
        );
    }
}
