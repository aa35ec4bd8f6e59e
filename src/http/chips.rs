//! The OpenAPI description of chips, and the classification of each.

use serde_json::{Value, json};

use super::resources::Exposed;
use super::schema::{
    Field, date, figure, id, jurisdiction, nullable, optional, read_only, required, set, shown, text, truth,
    url, word, written,
};
use super::showing::Computed;
use crate::domain::chip::Chip;
use crate::domain::classification::{Control, Review, Test, Vintage, classify};
use crate::domain::text::{Name, Reference};
use crate::domain::time::Date;
use crate::domain::vocabulary::Vocabulary;
use crate::wire;

/// The classification of a chip on a day. Its mark is the rule in force: for one version of a chip, only that
/// changes the value.
pub(crate) fn classified(document: &Value, on: Date) -> Option<Computed> {
    let chip: Chip = wire::read(document.as_object()?).ok()?;
    let classification = classify(&chip.specification, on);
    let mark = classification.rule.map_or("none", Vocabulary::as_str);
    Some(Computed { name: CLASSIFICATION, value: wire::chips::classification(&classification), mark })
}

/// The name of the computed member.
const CLASSIFICATION: &str = "classification";

fn specification() -> Value {
    written(&[
        optional(
            "tpp",
            nullable(figure()),
            "Total processing performance: dense TOPS × bit length, the highest over all bit lengths (15 CFR part 774, 3A090).",
        ),
        optional("die_area_mm2", nullable(figure()), "Applicable die area, in square millimetres."),
        optional("memory_gb", nullable(figure()), "Memory, in gigabytes."),
        optional(
            "memory_bandwidth_gb_s",
            nullable(figure()),
            "Total memory bandwidth, in gigabytes per second.",
        ),
        optional("data_centre", nullable(truth()), "Whether it is designed or marketed for data centres."),
        optional(
            "commercially_available_us_on",
            nullable(date()),
            "Since when it can be bought commercially in the United States.",
        ),
    ])
}

fn classification() -> Value {
    let short = || json!({"type": "string", "maxLength": 100});
    let rule = shown(&[
        required("vintage", word::<Vintage>(), "Which version of the rule."),
        required("effective_on", date(), "The day it took effect."),
        required("citation", short(), "Where it was published."),
        required("url", url(), "Where it can be read."),
    ]);
    shown(&[
        required(
            "control",
            word::<Control>(),
            "The paragraph of ECCN 3A090 it falls under by its figures (15 CFR part 774).",
        ),
        required(
            "review",
            word::<Review>(),
            "How licences towards China and Macau are reviewed (15 CFR 742.6(b)(10)).",
        ),
        required("decided_by", word::<Test>(), "The test of 3A090 that decided the control."),
        required(
            "rule",
            nullable(rule),
            "The rule in force on the day; `null` before November 2023, for which nothing is computed.",
        ),
        required(
            "inputs",
            specification(),
            "The figures it was computed from. One that is not known gives `unknown`, unless the known ones decide.",
        ),
    ])
}

impl Exposed for Chip {
    const PATH: &'static str = "chips";
    const SINGULAR: &'static str = "Chip";
    const PLURAL: &'static str = "Chips";
    const READ_ONLY: &'static [&'static str] = &[CLASSIFICATION];
    const ABOUT: &'static str =
        "Chips stand at the level at which licences speak of them: two variants of one family are two chips.";

    fn fields() -> Vec<Field> {
        vec![
            read_only("id", id(), "Its id."),
            required("name", text(Name::MAX), "What its designer calls it."),
            required("designer", id(), "The company that designed it."),
            required("origin", jurisdiction(), "Where it was designed; it is domestic to that jurisdiction."),
            optional("aliases", set(text(Name::MAX)), "Other names it is found under."),
            optional(
                "specification",
                specification(),
                "Its figures. What is not known is `null`, never zero.",
            ),
            optional(
                "eccn_published",
                nullable(text(Reference::MAX)),
                "The export control classification number its maker publishes.",
            ),
            read_only(
                CLASSIFICATION,
                classification(),
                "What its figures make of it under the rule of the day asked about, computed and never stored.",
            ),
        ]
    }

    fn example() -> Value {
        json!({
            "name": "H200 SXM",
            "designer": "nvidia",
            "origin": "US",
            "aliases": ["H200"],
            "specification": {"tpp": 15832, "die_area_mm2": 814, "memory_gb": 141, "memory_bandwidth_gb_s": 4800, "data_centre": true},
        })
    }

    fn patch_example() -> Value {
        json!({"specification": {"memory_gb": 141}, "eccn_published": "4A090.a"})
    }

    fn complete(mut document: Value) -> Value {
        let on = Date::try_from("2026-01-25").ok();
        if let Some(Computed { name, value, .. }) = on.and_then(|on| classified(&document, on)) {
            document[name] = value;
        }
        document
    }
}
