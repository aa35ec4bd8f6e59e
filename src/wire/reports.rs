//! The JSON form of reports.

use serde_json::{Value, json};

use super::Document;
use super::citations::{citations, written as cited};
use super::fields::{Fields, Place};
use super::values::{dated, dated_value, integer, shown, text};
use crate::domain::report::{About, Report, ReportStatus, ReportedQuantity};

impl Document for Report {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "about": {
                "company": shown(self.about.company.as_ref()),
                "chip": shown(self.about.chip.as_ref()),
                "authority": shown(self.about.authority.as_ref()),
            },
            "on": dated_value(self.on),
            "modality": self.modality.to_string(),
            "stage": shown(self.stage.as_ref()),
            "quantity": self.quantity.as_ref().map(written),
            "text": self.text.as_str(),
            "status": self.status.to_string(),
            "citations": cited(&self.citations),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let about = fields.required("about", about);
        let on = fields.required("on", dated);
        let modality = fields.required("modality", text);
        let stage = fields.nullable("stage", text);
        let quantity = fields.nullable("quantity", quantity);
        let words = fields.required("text", text);
        let status = fields.or("status", ReportStatus::Open, text);
        let citations = fields.required("citations", citations);
        let report = Self {
            id: id?,
            about: about?,
            on: on?,
            modality: modality?,
            stage: stage?,
            quantity: quantity?,
            text: words?,
            status: status?,
            citations: citations?,
        };
        fields.refuse_all(report.faults());
        Some(report)
    }
}

fn about(place: Place<'_, '_>) -> Option<About> {
    place.object(|fields| {
        let company = fields.nullable("company", text);
        let chip = fields.nullable("chip", text);
        let authority = fields.nullable("authority", text);
        Some(About { company: company?, chip: chip?, authority: authority? })
    })
}

fn written(quantity: &ReportedQuantity) -> Value {
    json!({
        "comparator": quantity.comparator.to_string(),
        "units": quantity.units.get(),
        "of": quantity.of.to_string(),
    })
}

fn quantity(place: Place<'_, '_>) -> Option<ReportedQuantity> {
    place.object(|fields| {
        let comparator = fields.required("comparator", text);
        let units = fields.required("units", integer);
        let of = fields.required("of", text);
        Some(ReportedQuantity { comparator: comparator?, units: units?, of: of? })
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::report::{Report, ReportStatus};
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    #[test]
    fn a_report_is_written_as_it_was_read() {
        assert_written_as_read::<Report>(
            r#"{"id":"r1","about":{"company":"alibaba","chip":"h200-sxm","authority":"cn-ndrc"},
                "on":{"date":"2026-01-23","precision":"day"},"modality":"states","stage":"in_principle",
                "quantity":{"comparator":"more_than","units":200000,"of":"each"},"text":"may prepare orders",
                "status":"settled","citations":[{"source":"s1","attribution":"anonymous","sources":null,
                "anonymity_reason":null,"note":null}]}"#,
        );
        assert_written_as_read::<Report>(
            r#"{"id":"r1","about":{"company":null,"chip":"h200-sxm","authority":null},
                "on":{"date":"2026-01-01","precision":"quarter"},"modality":"silent","stage":null,"quantity":null,
                "text":"nothing said","status":"open","citations":[{"source":null,"attribution":"own_record",
                "sources":null,"anonymity_reason":null,"note":null}]}"#,
        );
    }

    #[test]
    fn a_report_is_open_unless_it_is_said_to_be_settled() {
        let report = thing::<Report>(
            r#"{"id":"r1","about":{"chip":"h200"},"on":{"date":"2026-01-23","precision":"day"},
                "modality":"denies","text":"no","citations":[{"attribution":"own_record"}]}"#,
        );
        assert_eq!(report.unwrap().status, ReportStatus::Open);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Report>(
            r#"{"id":"r1","about":{"firm":"alibaba"},"on":"2026-01-23","modality":"says",
                "quantity":{"comparator":"exact","units":1.5},"text":"","citations":{}}"#,
        );
        assert_eq!(
            told,
            [
                "/about/firm unknown_field",
                "/on wrong_type",
                "/modality not_in_list",
                "/quantity/units wrong_type",
                "/quantity/of missing",
                "/text too_short",
                "/citations wrong_type",
            ]
        );
    }

    #[test]
    fn what_contradicts_itself_is_told_by_where_it_stands() {
        let told = faults::<Report>(
            r#"{"id":"r1","about":{},"on":{"date":"2026-01-23","precision":"day"},"modality":"states",
                "stage":"approved","text":"t","citations":[{"attribution":"own_record"}]}"#,
        );
        assert_eq!(told, ["/about missing", "/stage inconsistent"]);
    }
}
