//! The JSON form of conditions: the parameters of each kind are members beside `kind`.

use serde_json::{Value, json};

use super::Document;
use super::citations::{citations, written as cited};
use super::fields::{Fields, Place};
use super::values::{
    MAX_ITEMS, beginning, ending, figure, integer, listed, members, number, set, set_of, shown, text,
};
use crate::domain::condition::{Class, Condition, ConditionKind, Scope, Terms};
use crate::domain::number::Units;

/// The parameters of all kinds.
pub(crate) const PARAMETERS: [&str; 20] = [
    "minimum",
    "basis",
    "counting",
    "period",
    "maximum",
    "chips",
    "maximum_share",
    "reference_units",
    "metric",
    "below",
    "of",
    "classes",
    "allowed",
    "barred",
    "what",
    "activities",
    "rate",
    "base",
    "form",
    "text",
];

impl Document for Condition {
    fn write(&self) -> Value {
        let head = json!({
            "id": self.id.as_str(),
            "scope": scope_written(&self.scope),
            "kind": self.terms.kind().to_string(),
        });
        let tail = json!({
            "unknown": shown(self.unknown.as_ref()),
            "force": self.force.to_string(),
            "status": self.status.to_string(),
            "in_force_from": shown(self.in_force_from.as_ref()),
            "in_force_until": shown(self.in_force_until.as_ref()),
            "met_on": shown(self.met_on.as_ref()),
            "citations": cited(&self.citations),
            "note": shown(self.note.as_ref()),
        });
        [head, parameters(&self.terms), tail].into_iter().flat_map(members).collect()
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let scope = fields.required("scope", scope);
        let terms = terms(fields);
        let unknown = fields.nullable("unknown", text);
        let force = fields.required("force", text);
        let status = fields.required("status", text);
        let in_force_from = fields.nullable("in_force_from", beginning);
        let in_force_until = fields.nullable("in_force_until", ending);
        let met_on = fields.nullable("met_on", text);
        let citations = fields.required("citations", citations);
        let note = fields.nullable("note", text);
        let condition = Self {
            id: id?,
            scope: scope?,
            terms: terms?,
            unknown: unknown?,
            force: force?,
            status: status?,
            in_force_from: in_force_from?,
            in_force_until: in_force_until?,
            met_on: met_on?,
            citations: citations?,
            note: note?,
        };
        fields.refuse_all(condition.faults());
        Some(condition)
    }
}

fn scope_written(scope: &Scope) -> Value {
    json!({
        "authority": shown(scope.authority.as_ref()),
        "approval": shown(scope.approval.as_ref()),
        "company": shown(scope.company.as_ref()),
        "chip": shown(scope.chip.as_ref()),
    })
}

fn scope(place: Place<'_, '_>) -> Option<Scope> {
    place.object(|fields| {
        let authority = fields.nullable("authority", text);
        let approval = fields.nullable("approval", text);
        let company = fields.nullable("company", text);
        let chip = fields.nullable("chip", text);
        Some(Scope { authority: authority?, approval: approval?, company: company?, chip: chip? })
    })
}

fn parameters(terms: &Terms) -> Value {
    match terms {
        Terms::DomesticShare { minimum, basis, counting, period } => json!({
            "minimum": shown(minimum.as_ref()),
            "basis": shown(basis.as_ref()),
            "counting": shown(counting.as_ref()),
            "period": shown(period.as_ref()),
        }),
        Terms::UnitCap { maximum, counting, chips, period } => json!({
            "maximum": maximum.map(Units::get),
            "counting": shown(counting.as_ref()),
            "chips": listed(chips),
            "period": shown(period.as_ref()),
        }),
        Terms::RelativeCap { maximum_share, reference_units } => json!({
            "maximum_share": shown(maximum_share.as_ref()),
            "reference_units": reference_units.map(Units::get),
        }),
        Terms::SpecificationLimit { metric, below } => json!({
            "metric": metric.to_string(),
            "below": number(*below),
        }),
        Terms::Exclusion { of, classes } => json!({
            "of": of.to_string(),
            "classes": classes.iter().map(class_written).collect::<Value>(),
        }),
        Terms::LocationOfUse { allowed, barred } => json!({
            "allowed": listed(allowed),
            "barred": listed(barred),
        }),
        Terms::Requirement { what } => json!({"what": what.to_string()}),
        Terms::Prohibition { activities } => json!({"activities": listed(activities)}),
        Terms::Payment { rate, base, form } => json!({
            "rate": shown(rate.as_ref()),
            "base": shown(base.as_ref()),
            "form": form.to_string(),
        }),
        Terms::Other { text } => json!({"text": text.as_str()}),
    }
}

fn class_written(class: &Class) -> Value {
    json!({
        "name": class.name.as_str(),
        "definition": shown(class.definition.as_ref()),
    })
}

fn terms(fields: &mut Fields<'_>) -> Option<Terms> {
    let Some(kind) = fields.required("kind", text) else {
        // The kind is unreadable, so it is unknown which parameters belong to it.
        fields.leave(&PARAMETERS);
        return None;
    };
    match kind {
        ConditionKind::DomesticShare => domestic_share(fields),
        ConditionKind::UnitCap => unit_cap(fields),
        ConditionKind::RelativeCap => relative_cap(fields),
        ConditionKind::SpecificationLimit => specification_limit(fields),
        ConditionKind::Exclusion => exclusion(fields),
        ConditionKind::LocationOfUse => location_of_use(fields),
        ConditionKind::Requirement => requirement(fields),
        ConditionKind::Prohibition => prohibition(fields),
        ConditionKind::Payment => payment(fields),
        ConditionKind::Other => other(fields),
    }
}

fn domestic_share(fields: &mut Fields<'_>) -> Option<Terms> {
    let minimum = fields.nullable("minimum", text);
    let basis = fields.nullable("basis", text);
    let counting = fields.nullable("counting", text);
    let period = fields.nullable("period", text);
    Some(Terms::DomesticShare { minimum: minimum?, basis: basis?, counting: counting?, period: period? })
}

fn unit_cap(fields: &mut Fields<'_>) -> Option<Terms> {
    let maximum = fields.nullable("maximum", integer);
    let counting = fields.nullable("counting", text);
    let chips = fields.or("chips", Vec::new(), set);
    let period = fields.nullable("period", text);
    Some(Terms::UnitCap { maximum: maximum?, counting: counting?, chips: chips?, period: period? })
}

fn relative_cap(fields: &mut Fields<'_>) -> Option<Terms> {
    let maximum_share = fields.nullable("maximum_share", text);
    let reference_units = fields.nullable("reference_units", integer);
    Some(Terms::RelativeCap { maximum_share: maximum_share?, reference_units: reference_units? })
}

fn specification_limit(fields: &mut Fields<'_>) -> Option<Terms> {
    let metric = fields.required("metric", text);
    let below = fields.nullable("below", figure);
    Some(Terms::SpecificationLimit { metric: metric?, below: below? })
}

fn exclusion(fields: &mut Fields<'_>) -> Option<Terms> {
    let of = fields.required("of", text);
    let classes = fields.required("classes", |place| place.list((1, MAX_ITEMS), class));
    Some(Terms::Exclusion { of: of?, classes: classes? })
}

fn class(place: Place<'_, '_>) -> Option<Class> {
    place.object(|fields| {
        let name = fields.required("name", text);
        let definition = fields.nullable("definition", text);
        Some(Class { name: name?, definition: definition? })
    })
}

fn location_of_use(fields: &mut Fields<'_>) -> Option<Terms> {
    let allowed = fields.or("allowed", Vec::new(), set);
    let barred = fields.or("barred", Vec::new(), set);
    Some(Terms::LocationOfUse { allowed: allowed?, barred: barred? })
}

fn requirement(fields: &mut Fields<'_>) -> Option<Terms> {
    let what = fields.required("what", text);
    Some(Terms::Requirement { what: what? })
}

fn prohibition(fields: &mut Fields<'_>) -> Option<Terms> {
    let activities = fields.required("activities", |place| set_of(place, 1));
    Some(Terms::Prohibition { activities: activities? })
}

fn payment(fields: &mut Fields<'_>) -> Option<Terms> {
    let rate = fields.nullable("rate", text);
    let base = fields.nullable("base", text);
    let form = fields.required("form", text);
    Some(Terms::Payment { rate: rate?, base: base?, form: form? })
}

fn other(fields: &mut Fields<'_>) -> Option<Terms> {
    let words = fields.required("text", text);
    Some(Terms::Other { text: words? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::vocabulary::Vocabulary;
    use crate::wire::testing::{assert_written_as_read, faults, thing};

    /// The parameters of each kind: all set, and with as many as possible unset.
    const KINDS: [(&str, &str, Option<&str>); 10] = [
        (
            "domestic_share",
            r#""minimum":"0.5","basis":"units","counting":"ordered","period":"year","#,
            Some(r#""minimum":null,"basis":null,"counting":null,"period":null,"#),
        ),
        (
            "unit_cap",
            r#""maximum":400000,"counting":"shipped","chips":["h200-sxm","h200-nvl"],"period":"quarter","#,
            Some(r#""maximum":null,"counting":null,"chips":[],"period":null,"#),
        ),
        (
            "relative_cap",
            r#""maximum_share":"0.5","reference_units":1000000,"#,
            Some(r#""maximum_share":null,"reference_units":null,"#),
        ),
        (
            "specification_limit",
            r#""metric":"memory_bandwidth_gb_s","below":6500.5,"#,
            Some(r#""metric":"tpp","below":null,"#),
        ),
        (
            "exclusion",
            r#""of":"end_user","classes":[{"name":"military","definition":"as listed"}],"#,
            Some(r#""of":"end_use","classes":[{"name":"sensitive agencies","definition":null}],"#),
        ),
        ("location_of_use", r#""allowed":["SG"],"barred":["CN","HK"],"#, None),
        ("requirement", r#""what":"third_party_test","#, None),
        ("prohibition", r#""activities":["order","ship"],"#, None),
        (
            "payment",
            r#""rate":"0.25","base":"revenue from sales to China","form":"import_duty","#,
            Some(r#""rate":null,"base":null,"form":"fee","#),
        ),
        ("other", r#""text":"only under special circumstances","#, None),
    ];

    fn condition(kind: &str, parameters: &str, unknown: &str) -> String {
        format!(
            r#"{{"id":"c1","scope":{{"authority":"cn-ndrc","approval":null,"company":null,"chip":null}},
                "kind":"{kind}",{parameters}"unknown":{unknown},"force":"required","status":"in_force",
                "in_force_from":"2026-01-15T00:00:00Z","in_force_until":null,"met_on":null,
                "citations":[{{"source":"s1","attribution":"official_text","sources":null,
                "anonymity_reason":null,"note":null}}],"note":null}}"#
        )
    }

    #[test]
    fn every_kind_is_written_as_it_was_read() {
        let kinds: Vec<&str> = ConditionKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(KINDS.map(|(kind, ..)| kind).as_slice(), kinds);
        for (kind, known, unknown) in KINDS {
            assert_written_as_read::<Condition>(&condition(kind, known, "null"));
            if let Some(unknown) = unknown {
                assert_written_as_read::<Condition>(&condition(kind, unknown, r#""not_reported""#));
            }
        }
    }

    #[test]
    fn the_names_of_the_parameters_are_all_there() {
        let mut names = BTreeSet::new();
        for (kind, known, _) in KINDS {
            let read = thing::<Condition>(&condition(kind, known, "null")).unwrap();
            names.extend(members(parameters(&read.terms)).into_iter().map(|(name, _)| name));
        }
        assert_eq!(names, PARAMETERS.map(str::to_owned).into());
    }

    #[test]
    fn a_parameter_of_another_kind_is_no_field() {
        let told =
            faults::<Condition>(&condition("requirement", r#""what":"reporting","maximum":5,"#, "null"));
        assert_eq!(told, ["/maximum unknown_field"]);
    }

    #[test]
    fn a_kind_that_cannot_be_read_does_not_speak_against_its_parameters() {
        let told = faults::<Condition>(&condition("unit_caps", r#""maximum":5,"maxium":5,"#, "null"));
        assert_eq!(told, ["/kind not_in_list", "/maxium unknown_field"]);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Condition>(
            r#"{"id":"c1","scope":{"country":"CN"},"kind":"exclusion","classes":[{"definition":7}],"force":"must",
                "unknown":"nobody_knows","in_force_from":"2026","met_on":"2026-01-15T00:00:00Z"}"#,
        );
        assert_eq!(
            told,
            [
                "/scope/country unknown_field",
                "/of missing",
                "/classes/0/name missing",
                "/classes/0/definition wrong_type",
                "/unknown not_in_list",
                "/force not_in_list",
                "/status missing",
                "/in_force_from malformed",
                "/met_on malformed",
                "/citations missing",
            ]
        );
    }

    #[test]
    fn what_contradicts_itself_is_told_by_where_it_stands() {
        let told =
            faults::<Condition>(&condition("unit_cap", r#""maximum":null,"counting":"shipped","#, "null"));
        assert_eq!(told, ["/unknown missing"]);
    }

    #[test]
    fn what_rules_out_rules_something_out() {
        for (kind, parameters, fault) in [
            ("exclusion", r#""of":"end_use","classes":[],"#, "/classes too_short"),
            ("prohibition", r#""activities":[],"#, "/activities too_short"),
            ("location_of_use", "", "/allowed missing"),
        ] {
            assert_eq!(faults::<Condition>(&condition(kind, parameters, "null")), [fault]);
        }
    }
}
