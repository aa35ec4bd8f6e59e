//! What the contract says of conditions: one schema a kind.

use serde_json::{Map, Value, json};

use super::resources::Exposed;
use super::schema::{
    Field, all_set, bound, citations, count, date, figure, fraction, id, jurisdiction, list, named, nullable,
    optional, patch, read_only, required, set, shown, some, submitted, text, units, word, written,
};
use crate::domain::condition::{
    Condition, ConditionKind, ConditionStatus, Counting, ExclusionOf, Force, Metric, PaymentForm, Period,
    RequirementOf, ShareBasis, Unknown,
};
use crate::domain::number::Units;
use crate::domain::text::{Name, Note};
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Activity;
use crate::wire::values::MAX_ITEMS;

impl Exposed for Condition {
    const PATH: &'static str = "conditions";
    const SINGULAR: &'static str = "Condition";
    const PLURAL: &'static str = "Conditions";
    const ABOUT: &'static str = "Conditions are what approvals are tied to. A parameter nobody has set is `null`, and `unknown` says why.";
    const REFERRED: bool = false;

    fn fields() -> Vec<Field> {
        let kinds = ConditionKind::ALL.iter().copied();
        let mut all: Vec<Field> = head(word::<ConditionKind>());
        all.extend(kinds.flat_map(parameters));
        all.extend(tail(true, true));
        all
    }

    fn shown() -> Value {
        one_of("")
    }

    fn writable() -> Value {
        one_of(INPUT)
    }

    fn example() -> Value {
        json!({
            "scope": {"approval": "alibaba-h200-sxm-cn-unspecified"},
            "kind": "domestic_share",
            "minimum": null,
            "basis": null,
            "counting": null,
            "unknown": "unset_by_authority",
            "force": "encouraged",
            "status": "in_force",
            "citations": [{"attribution": "own_record"}],
        })
    }

    fn patch_example() -> Value {
        json!({"status": "waived", "note": "Waived by letter of 3 February."})
    }
}

/// The schema of a patch: any parameter of any kind.
pub(crate) fn patch_schema() -> Value {
    let mut schema = patch(&Condition::fields());
    schema["description"] =
        "The kind and its parameters must fit each other once the patch is applied.".into();
    schema
}

/// The schemas of each kind, by name: as it is shown, and as it is written.
pub(crate) fn kind_schemas() -> Vec<(String, Value)> {
    let kinds = ConditionKind::ALL.iter().copied();
    let schemas = kinds.flat_map(|kind| {
        let mut fields = head(json!({"type": "string", "const": kind.as_str(), "maxLength": 32}));
        fields.extend(parameters(kind));
        fields.extend(tail(can_be_unset(kind), can_be_met(kind)));
        [(schema_name(kind, ""), shown(&fields)), (schema_name(kind, INPUT), consistent(kind, &fields))]
    });
    schemas.collect()
}

/// What the schema of something written ends in.
const INPUT: &str = "Input";

/// For example `DomesticShareConditionInput`.
fn schema_name(kind: ConditionKind, ending: &str) -> String {
    let words = kind.as_str().split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + "Condition" + ending
}

fn one_of(ending: &str) -> Value {
    let schemas = ConditionKind::ALL.iter().map(|kind| (kind.as_str(), named(&schema_name(*kind, ending))));
    let mapping: Map<String, Value> =
        schemas.clone().map(|(kind, schema)| (kind.to_owned(), schema["$ref"].clone())).collect();
    json!({
        "type": "object",
        "oneOf": schemas.map(|(_, schema)| schema).collect::<Vec<_>>(),
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    })
}

fn head(kind: Value) -> Vec<Field> {
    let scope = some(&[
        optional("authority", nullable(id()), "Questions in which this authority is asked."),
        optional("approval", nullable(id()), "Questions in which this approval counts."),
        optional("company", nullable(id()), "Questions of this company."),
        optional("chip", nullable(id()), "Questions about this chip."),
    ]);
    vec![
        read_only("id", id(), "Its id."),
        required(
            "scope",
            scope,
            "Which questions it governs: those that match every part named. At least one is.",
        ),
        required("kind", kind, "What it asks."),
    ]
}

/// The parameters of a kind that must have a value, unless `unknown` says why they have none.
fn settable(kind: ConditionKind) -> &'static [&'static str] {
    match kind {
        ConditionKind::DomesticShare => &["minimum", "basis", "counting"],
        ConditionKind::UnitCap => &["maximum", "counting"],
        ConditionKind::RelativeCap => &["maximum_share", "reference_units"],
        ConditionKind::SpecificationLimit => &["below"],
        ConditionKind::Payment => &["rate", "base"],
        _ => &[],
    }
}

/// Whether there can be something in a condition of a kind that has no value: a class can be without a definition.
fn can_be_unset(kind: ConditionKind) -> bool {
    !settable(kind).is_empty() || kind == ConditionKind::Exclusion
}

fn can_be_met(kind: ConditionKind) -> bool {
    matches!(kind, ConditionKind::Requirement | ConditionKind::Other)
}

/// The schema of a kind as it is written, with what its fields ask of each other.
fn consistent(kind: ConditionKind, fields: &[Field]) -> Value {
    let mut schema = submitted(fields);
    if can_be_unset(kind) {
        schema["if"] = match kind {
            ConditionKind::Exclusion => {
                json!({"properties": {"classes": {"items": all_set(&["definition"])}}})
            }
            kind => all_set(settable(kind)),
        };
        schema["then"] = json!({"properties": {"unknown": {"type": "null"}}});
        schema["else"] = all_set(&["unknown"]);
    }
    if kind == ConditionKind::LocationOfUse {
        let some =
            |name: &str| json!({"required": [name], "properties": {name: {"type": "array", "minItems": 1}}});
        schema["anyOf"] = json!([some("allowed"), some("barred")]);
    }
    schema
}

/// The fields that every kind has at its end. Those that a kind cannot give a value are always `null`.
fn tail(unset: bool, met: bool) -> Vec<Field> {
    let if_it_can = |can: bool, schema: Value| if can { nullable(schema) } else { json!({"type": "null"}) };
    vec![
        optional(
            "unknown",
            if_it_can(unset, word::<Unknown>()),
            "Why parameters have no value; given just when one has none.",
        ),
        required("force", word::<Force>(), "How strongly it binds."),
        required("status", word::<ConditionStatus>(), "Whether it counts."),
        optional("in_force_from", nullable(bound()), "From when it is in force; a bare date means 00:00Z."),
        optional(
            "in_force_until",
            nullable(bound()),
            "Until when it is in force; a bare date means the end of that day, UTC.",
        ),
        optional("met_on", if_it_can(met, date()), "The day it was met, for a requirement or `other`."),
        required("citations", citations(1), "On whose word."),
        optional("note", nullable(text(Note::MAX)), "Anything else worth knowing."),
    ]
}

fn parameters(kind: ConditionKind) -> Vec<Field> {
    match kind {
        ConditionKind::DomesticShare | ConditionKind::UnitCap | ConditionKind::RelativeCap => limits(kind),
        ConditionKind::SpecificationLimit => vec![
            required("metric", word::<Metric>(), "The figure that is limited."),
            optional("below", nullable(figure()), "What it must be below."),
        ],
        ConditionKind::Exclusion => vec![
            required("of", word::<ExclusionOf>(), "Whether uses or users are ruled out."),
            required("classes", list(class(), 1, MAX_ITEMS), "The classes ruled out."),
        ],
        ConditionKind::LocationOfUse => vec![
            optional(
                "allowed",
                set(jurisdiction()),
                "Where the chip may stand; nothing listed means anywhere not barred.",
            ),
            optional("barred", set(jurisdiction()), "Where it may not stand."),
        ],
        ConditionKind::Requirement => {
            vec![required("what", word::<RequirementOf>(), "What must have been done.")]
        }
        ConditionKind::Prohibition => {
            vec![required("activities", activities(), "What is ruled out.")]
        }
        ConditionKind::Payment => vec![
            optional("rate", nullable(fraction()), "The rate."),
            optional("base", nullable(text(Note::MAX)), "What the rate is taken of."),
            required("form", word::<PaymentForm>(), "Its legal form."),
        ],
        ConditionKind::Other => vec![required("text", text(Note::MAX), "What it asks, in words.")],
    }
}

/// The parameters of limits on numbers of chips.
fn limits(kind: ConditionKind) -> Vec<Field> {
    let period = || {
        optional(
            "period",
            nullable(word::<Period>()),
            "The calendar period (UTC) over which it counts anew; none means all time.",
        )
    };
    let counting = || optional("counting", nullable(word::<Counting>()), "Which movements count.");
    match kind {
        ConditionKind::DomesticShare => vec![
            optional("minimum", nullable(fraction()), "The least share of domestic chips."),
            optional("basis", nullable(word::<ShareBasis>()), "What the share is counted in."),
            optional(
                "counting",
                nullable(json!({"type": "string", "enum": ["ordered", "delivered"]})),
                "Which movements count.",
            ),
            period(),
        ],
        ConditionKind::UnitCap => vec![
            optional("maximum", nullable(units()), "The greatest number of units."),
            counting(),
            optional("chips", set(id()), "The chips that share the cap; none means the chip asked about."),
            period(),
        ],
        _ => vec![
            optional("maximum_share", nullable(fraction()), "The greatest share of the reference."),
            optional(
                "reference_units",
                nullable(count(1, Units::MAX)),
                "The reference, as tools last counted it.",
            ),
        ],
    }
}

fn activities() -> Value {
    let mut activities = set(word::<Activity>());
    activities["minItems"] = 1.into();
    activities
}

fn class() -> Value {
    let mut class = written(&[
        required("name", text(Name::MAX), "What the class is called."),
        optional("definition", nullable(text(Note::MAX)), "What falls under it; without one nobody can say."),
    ]);
    class["description"] = "A class of uses or users.".into();
    class
}
