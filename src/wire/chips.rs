//! The JSON form of chips.

use serde_json::{Value, json};

use super::Document;
use super::fields::{Fields, Place};
use super::values::{boolean, figure, listed, number, set, shown, text};
use crate::domain::chip::{Chip, Specification};
use crate::domain::classification::Classification;

impl Document for Chip {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "name": self.name.as_str(),
            "designer": self.designer.as_str(),
            "origin": self.origin.as_str(),
            "aliases": listed(&self.aliases),
            "specification": written(&self.specification),
            "eccn_published": shown(self.eccn_published.as_ref()),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let name = fields.required("name", text);
        let designer = fields.required("designer", text);
        let origin = fields.required("origin", text);
        let aliases = fields.or("aliases", Vec::new(), set);
        let specification = fields.or("specification", Specification::default(), specification);
        let eccn_published = fields.nullable("eccn_published", text);
        Some(Self {
            id: id?,
            name: name?,
            designer: designer?,
            origin: origin?,
            aliases: aliases?,
            specification: specification?,
            eccn_published: eccn_published?,
        })
    }
}

/// A classification as JSON.
#[must_use]
pub fn classification(classification: &Classification) -> Value {
    let rule = classification.rule.map_or(Value::Null, |rule| {
        json!({
            "vintage": rule.to_string(),
            "effective_on": rule.effective_on().to_string(),
            "citation": rule.citation(),
            "url": rule.url(),
        })
    });
    json!({
        "control": classification.control.to_string(),
        "review": classification.review.to_string(),
        "decided_by": classification.decided_by.to_string(),
        "rule": rule,
        "inputs": written(&classification.inputs),
    })
}

fn written(specification: &Specification) -> Value {
    json!({
        "tpp": number(specification.tpp),
        "die_area_mm2": number(specification.die_area_mm2),
        "memory_gb": number(specification.memory_gb),
        "memory_bandwidth_gb_s": number(specification.memory_bandwidth_gb_s),
        "data_centre": specification.data_centre,
        "commercially_available_us_on": shown(specification.commercially_available_us_on.as_ref()),
    })
}

fn specification(place: Place<'_, '_>) -> Option<Specification> {
    place.object(|fields| {
        let tpp = fields.nullable("tpp", figure);
        let die_area_mm2 = fields.nullable("die_area_mm2", figure);
        let memory_gb = fields.nullable("memory_gb", figure);
        let memory_bandwidth_gb_s = fields.nullable("memory_bandwidth_gb_s", figure);
        let data_centre = fields.nullable("data_centre", boolean);
        let commercially_available_us_on = fields.nullable("commercially_available_us_on", text);
        Some(Specification {
            tpp: tpp?,
            die_area_mm2: die_area_mm2?,
            memory_gb: memory_gb?,
            memory_bandwidth_gb_s: memory_bandwidth_gb_s?,
            data_centre: data_centre?,
            commercially_available_us_on: commercially_available_us_on?,
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::chip::{Chip, Specification};
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    #[test]
    fn a_chip_is_written_as_it_was_read() {
        assert_written_as_read::<Chip>(
            r#"{"id":"h200-sxm","name":"H200 SXM","designer":"nvidia","origin":"US","aliases":["H200"],
                "specification":{"tpp":15832,"die_area_mm2":814,"memory_gb":141,"memory_bandwidth_gb_s":4800.125,
                "data_centre":true,"commercially_available_us_on":"2024-11-18"},"eccn_published":"3A090.a"}"#,
        );
    }

    #[test]
    fn what_is_not_given_stays_unknown() {
        let chip =
            thing::<Chip>(r#"{"id":"910c","name":"Ascend 910C","designer":"huawei","origin":"CN"}"#).unwrap();
        assert_eq!(chip.specification, Specification::default());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Chip>(
            r#"{"id":"h200","name":"H200","designer":"NVIDIA","origin":"US",
                "specification":{"tpp":"15832","die_area_mm2":0.0001,"memory_gb":-1,"data_centre":1,
                "commercially_available_us_on":"2024","memory":141}}"#,
        );
        assert_eq!(
            told,
            [
                "/designer malformed",
                "/specification/tpp wrong_type",
                "/specification/die_area_mm2 out_of_range",
                "/specification/memory_gb out_of_range",
                "/specification/data_centre wrong_type",
                "/specification/commercially_available_us_on malformed",
                "/specification/memory unknown_field",
            ]
        );
    }

    #[test]
    fn the_chips_of_the_sample_are_classified_as_published() {
        use crate::domain::classification::classify;
        use crate::domain::time::Date;

        let today = Date::try_from("2026-10-09").unwrap();
        let mut compared = 0;
        for line in include_str!("../../data/chips.ndjson").lines() {
            let chip = thing::<Chip>(&line.replacen(r#""kind": "chip", "#, "", 1)).unwrap();
            let Some(published) = chip.eccn_published else { continue };
            let control = classify(&chip.specification, today).control;
            assert_eq!(control.to_string(), published.as_str(), "{}", chip.id);
            compared += 1;
        }
        assert_eq!(compared, 11);
    }
}
