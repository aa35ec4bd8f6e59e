//! The OpenAPI description of conditions: one schema per kind.

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
use crate::wire::conditions::PARAMETERS;
use crate::wire::values::MAX_ITEMS;

impl Exposed for Condition {
    const PATH: &'static str = "conditions";
    const SINGULAR: &'static str = "Condition";
    const PLURAL: &'static str = "Conditions";
    const ABOUT: &'static str = "Conditions are what approvals are tied to. A parameter nobody has set is `null`, and `unknown` says why.";
    const VARYING: &'static [&'static str] = &PARAMETERS;
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

/// The output and the input schema of each kind, by name.
pub(crate) fn kind_schemas() -> Vec<(String, Value)> {
    let kinds = ConditionKind::ALL.iter().copied();
    let schemas = kinds.flat_map(|kind| {
        let mut fields = head(json!({"type": "string", "const": kind.as_str(), "maxLength": 32}));
        fields.extend(parameters(kind));
        fields.extend(tail(can_be_unset(kind), can_be_met(kind)));
        let [mut shown, mut written] = [shown(&fields), consistent(kind, &fields)];
        for schema in [&mut shown, &mut written] {
            schema["description"] = about(kind).into();
        }
        [(schema_name(kind, ""), shown), (schema_name(kind, INPUT), written)]
    });
    schemas.collect()
}

/// The description of a kind: what it asks, and when it is met.
fn about(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::DomesticShare => {
            "A share of domestic chips in all a company buys. Met if, with the units asked, domestic chips make up at least `minimum` of all chips that the company has movements of; unknown while `minimum`, `basis` or `counting` is not set. Domestic is what was designed in the jurisdiction of the authority that the scope names, itself or by its approval, else in the company's. It does not govern `prepare`."
        }
        ConditionKind::UnitCap => {
            "A greatest number of units of one company. Met if the count, with the units asked, is at most `maximum`; unknown while `maximum` or `counting` is not set. Where `chips` are listed they share one cap, and it does not apply to any other chip. It does not govern `prepare`."
        }
        ConditionKind::RelativeCap => {
            "A cap that is a share of a reference which tools keep up to date. Met if what was shipped to the company of the chip, net of returns, with the units asked, and for an order with what is still to ship, is at most `maximum_share` of `reference_units`, rounded down; unknown while either is not set. It counts over all time, and does not govern `prepare`."
        }
        ConditionKind::SpecificationLimit => {
            "A limit on one of the chip's figures. Met if the figure on record is less than `below`; unknown while either is not known."
        }
        ConditionKind::Exclusion => {
            "Uses or users that are ruled out. Unmet if the words of the declared end use or end user are those of the name of a class; unknown if nothing is declared, or if any class has no definition; else met. Definitions are for people: only names are compared."
        }
        ConditionKind::LocationOfUse => {
            "Where the chips may stand. Met if the declared `destination` is among `allowed`, or nothing is listed there, and not among `barred`; unknown if no destination is declared, since the company's seat does not say it."
        }
        ConditionKind::Requirement => {
            "Something that must have been done. Met from the day `met_on`; unmet before, or if it is not set; unknown if it rests on nothing but stale sources."
        }
        ConditionKind::Prohibition => {
            "Activities that are ruled out altogether. Never met: it is unmet for those it lists, and does not apply to others."
        }
        ConditionKind::Payment => "Money due. Always met: it only advises, with the reason `payment_due`.",
        ConditionKind::Other => {
            "Anything else, in words that only a person can judge. Met from the day `met_on`; unknown before, or if it is not set."
        }
    }
}

/// The suffix of an input schema's name.
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
        optional("authority", nullable(id()), "Questions in which this authority guards a gate."),
        optional(
            "approval",
            nullable(id()),
            "Questions in which this approval counts: it is open, not superseded, and at a gate of the question.",
        ),
        optional("company", nullable(id()), "Questions of this company."),
        optional("chip", nullable(id()), "Questions about this chip."),
    ]);
    vec![
        read_only("id", id(), "Its id."),
        required(
            "scope",
            scope,
            "Which questions it governs: those that match every part named. At least one is. It does not say what is counted: movements of the question's company always are, whatever the scope.",
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

/// Whether a condition of a kind can have an unset value; in an exclusion, a class can lack its definition.
fn can_be_unset(kind: ConditionKind) -> bool {
    !settable(kind).is_empty() || kind == ConditionKind::Exclusion
}

fn can_be_met(kind: ConditionKind) -> bool {
    matches!(kind, ConditionKind::Requirement | ConditionKind::Other)
}

/// The input schema of a kind, with constraints between its fields.
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
        let some = |name: &str| {
            let some = json!({"type": "array", "items": {}, "minItems": 1, "maxItems": MAX_ITEMS});
            json!({"required": [name], "properties": {name: some}})
        };
        schema["anyOf"] = json!([some("allowed"), some("barred")]);
    }
    schema
}

/// The last fields of every kind. Those that a kind cannot set are always `null`.
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
        optional(
            "met_on",
            if_it_can(met, date()),
            "The day from which it is met, for a `requirement` or `other`; other kinds are computed.",
        ),
        required("citations", citations(1), "On whose word."),
        optional("note", nullable(text(Note::MAX)), "Anything else worth knowing."),
    ]
}

fn parameters(kind: ConditionKind) -> Vec<Field> {
    match kind {
        ConditionKind::DomesticShare | ConditionKind::UnitCap | ConditionKind::RelativeCap => limits(kind),
        ConditionKind::SpecificationLimit => vec![
            required("metric", word::<Metric>(), "The figure that is limited."),
            optional(
                "below",
                nullable(figure()),
                "What it must be below: in TPP, in gigabytes per second, or in TPP per square millimetre.",
            ),
        ],
        ConditionKind::Exclusion => vec![
            required("of", word::<ExclusionOf>(), "Whether uses or users are ruled out."),
            required(
                "classes",
                list(class(), 1, MAX_ITEMS),
                "The classes ruled out. What is declared falls under a class if all words of the one stand in the other, whatever their case, order and number: `military` and `Military end users` fall under `military_end_user`.",
            ),
        ],
        ConditionKind::LocationOfUse => vec![
            optional(
                "allowed",
                set(jurisdiction()),
                "Where the chip may stand; nothing listed means anywhere not barred.",
            ),
            optional(
                "barred",
                set(jurisdiction()),
                "Where it may not stand. Only the declared `destination` is compared.",
            ),
        ],
        ConditionKind::Requirement => {
            vec![required("what", word::<RequirementOf>(), "What must have been done.")]
        }
        ConditionKind::Prohibition => {
            vec![required("activities", activities(), "What is ruled out.")]
        }
        ConditionKind::Payment => vec![
            optional(
                "rate",
                nullable(fraction()),
                "The rate, as a fraction: `\"0.25\"` is a quarter of the base.",
            ),
            optional(
                "base",
                nullable(text(Note::MAX)),
                "What the rate is taken of, in words: no amount is computed.",
            ),
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
            optional(
                "minimum",
                nullable(fraction()),
                "The least share of domestic chips, as a fraction: `\"0.5\"` is one half.",
            ),
            optional("basis", nullable(word::<ShareBasis>()), "What the share is counted in."),
            optional(
                "counting",
                nullable(json!({"type": "string", "enum": ["ordered", "delivered"]})),
                "Which movements count: `ordered` are orders, net of cancellations, `delivered` are deliveries, with what is under way.",
            ),
            period(),
        ],
        ConditionKind::UnitCap => vec![
            optional("maximum", nullable(units()), "The greatest number of units."),
            counting(),
            optional(
                "chips",
                set(id()),
                "The chips that share the cap; none means that each chip asked about has it by itself.",
            ),
            period(),
        ],
        _ => vec![
            optional(
                "maximum_share",
                nullable(fraction()),
                "The greatest share of the reference, as a fraction: `\"0.5\"` is one half.",
            ),
            optional(
                "reference_units",
                nullable(count(1, Units::MAX)),
                "The reference in units, as tools last counted it.",
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
        required(
            "name",
            text(Name::MAX),
            "What the class is called: the words that a declared end use or end user is compared with.",
        ),
        optional(
            "definition",
            nullable(text(Note::MAX)),
            "What falls under it, for people: nothing is compared with it, but while a class has none, whatever is declared may fall under it, and the condition is unknown.",
        ),
    ]);
    class["description"] = "A class of uses or users.".into();
    class
}
