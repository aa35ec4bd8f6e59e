//! The schemas of questions and answers, shared by determinations, the board and movements.

use serde_json::{Value, json};

use super::schema::{
    Field, choice, citations, count, date, fraction, id, jurisdiction, list, moment, named, nullable,
    optional, required, shown, stage_id, text, truth, units, word, written,
};
use crate::domain::authority::Gate;
use crate::domain::condition::{ConditionKind, ConditionStatus, Force};
use crate::domain::judgement::{Effect, Outcome, ReasonCode, Verdict};
use crate::domain::text::{Name, Note};
use crate::domain::thing::Kind;
use crate::domain::workflow::{Activity, Phase};
use crate::wire::values::MAX_ITEMS;

/// The description of the declared end use.
pub(crate) const CLASS_OF_USE: &str = "What the chips are for, as a class such as `university research`: its words are compared with the names of the classes that an `exclusion` rules out.";
/// The description of the declared end user.
pub(crate) const CLASS_OF_USER: &str = "Who uses them, as a class such as `state-funded data centre` and not as a proper name: only words are compared with the names of the classes that an `exclusion` rules out, and nobody looks up what class a company belongs to.";

fn number() -> Value {
    count(i64::MIN, i64::MAX)
}

fn about(most: usize) -> Value {
    json!({"type": "string", "maxLength": most})
}

/// The fields of a question.
pub(crate) fn question_fields() -> Vec<Field> {
    vec![
        required("company", id(), "The company that wants the chips."),
        required("chip", id(), "The chip it wants."),
        required("activity", word::<Activity>(), "What it wants to do."),
        required("units", units(), "With how many chips."),
        required(
            "destination",
            nullable(jurisdiction()),
            "Where the chips are declared to go; gates are those of the company's seat if nothing is declared.",
        ),
        required("end_use", nullable(text(Name::MAX)), "The class of use that is declared."),
        required("end_user", nullable(text(Name::MAX)), "The class of user that is declared."),
        required("exporter", nullable(id()), "The exporter, where licences differ by exporter."),
    ]
}

/// The fields of an answer.
pub(crate) fn answer_fields() -> Vec<Field> {
    vec![
        required(
            "verdict",
            word::<Verdict>(),
            "`no` if anything blocks, else `unknown` if anything is left open, else `yes`.",
        ),
        required(
            "reasons",
            list(named("Reason"), 0, 100_000),
            "Why: what blocks, then what leaves open, then what advises.",
        ),
        required(
            "gates",
            list(named("GateFinding"), 0, 1000),
            "How each gate stands, export first: one for each approval that counts, or one without.",
        ),
        required(
            "conditions",
            list(named("Evaluation"), 0, 100_000),
            "What every condition in scope comes to.",
        ),
        required("headroom", named("Headroom"), "How many units no known limit stands in the way of."),
        required("figures", named("Figures"), "The four figures of the company and the chip."),
        required(
            "stale_sources",
            list(id(), 0, 100_000),
            "The sources past their freshness limit among those the answer rests on.",
        ),
    ]
}

/// The fields of an assumption.
fn assumption_fields() -> Vec<Field> {
    vec![
        optional("approval", id(), "The approval whose stage is assumed."),
        optional("stage", stage_id(), "The stage it is assumed to be at."),
        optional("condition", id(), "The condition that is assumed to differ, in one of the following."),
        optional("minimum", fraction(), "The least share of a `domestic_share`."),
        optional("maximum", units(), "The greatest number of a `unit_cap`."),
        optional("met_on", date(), "The day a `requirement` or `other` was met."),
        optional("status", word::<ConditionStatus>(), "Whether the condition counts."),
    ]
}

/// The fields that are set together: an approval at a stage, or one parameter of a condition.
const ASSUMPTIONS: [&[&str]; 5] = [
    &["approval", "stage"],
    &["condition", "minimum"],
    &["condition", "maximum"],
    &["condition", "met_on"],
    &["condition", "status"],
];

/// The body of a question.
fn input() -> Value {
    let assumption = choice(&assumption_fields(), &ASSUMPTIONS);
    written(&[
        required("company", id(), "The company that wants the chips."),
        required("chip", id(), "The chip it wants."),
        optional("activity", word::<Activity>(), "What it wants to do; `order` if not given."),
        optional("units", units(), "With how many chips; 1 if not given."),
        optional(
            "destination",
            nullable(jurisdiction()),
            "Where the chips go. Left out, it stays undeclared: gates are those of the company's seat, and a `location_of_use` is unknown.",
        ),
        optional("end_use", nullable(text(Name::MAX)), CLASS_OF_USE),
        optional("end_user", nullable(text(Name::MAX)), CLASS_OF_USER),
        optional("exporter", nullable(id()), "The exporter to buy from, where licences differ by exporter."),
        optional(
            "valid_at",
            nullable(super::schema::bound()),
            "The moment it is about; now if not given. A bare date means 00:00Z.",
        ),
        optional("revision", nullable(count(0, i64::MAX)), "Answer on what was on record at this revision."),
        optional(
            "known_at",
            nullable(super::schema::bound()),
            "Answer on what was on record at this moment. Not together with `revision`.",
        ),
        optional(
            "assume",
            list(assumption, 0, MAX_ITEMS),
            "Facts to assume: an approval at a stage, or a condition that differs in one parameter.",
        ),
    ])
}

/// The fields of a gate.
fn gate_fields() -> Vec<Field> {
    vec![
        required("gate", word::<Gate>(), "The side of the sale."),
        required("jurisdiction", jurisdiction(), "Whose gate it is."),
        required("authority", nullable(id()), "The authority asked; `null` where none has a case."),
        required("approval", nullable(id()), "The approval that counts."),
        required("stage", nullable(stage_id()), "The stage it is at."),
        required("phase", nullable(word::<Phase>()), "What that stage means."),
        required("since", nullable(date()), "The date the stage took effect."),
        required(
            "disputed",
            truth(),
            "Whether an open report names another stage, as the approval's `disputed` says.",
        ),
    ]
}

fn reason_fields() -> Vec<Field> {
    vec![
        required("code", word::<ReasonCode>(), "Which reason."),
        required("effect", word::<Effect>(), "What it does to the verdict."),
        required("gate", nullable(word::<Gate>()), "The gate it arises at."),
        required("authority", nullable(id()), "The authority it arises at."),
        required("subject", nullable(named("ThingLink")), "What on record it rests on."),
        required("detail", about(Note::MAX * 2), "What is the matter."),
        required("evidence", citations(0), "On whose word."),
        required("remedy", about(Note::MAX * 2), "What would change it."),
    ]
}

fn evaluation_fields() -> Vec<Field> {
    vec![
        required("condition", id(), "The condition."),
        required("kind", word::<ConditionKind>(), "Its kind."),
        required("force", word::<Force>(), "How strongly it binds."),
        required("status", word::<ConditionStatus>(), "Whether it counts."),
        required("outcome", word::<Outcome>(), "What it comes to."),
        required("detail", about(Note::MAX * 2), "Why."),
    ]
}

fn headroom_fields() -> Vec<Field> {
    vec![
        required(
            "units",
            nullable(number()),
            "The greatest number for which no known, required limit in force is broken; `null` if there is no such limit.",
        ),
        required("limited_by", nullable(named("ThingLink")), "The condition or approval that sets it."),
        required(
            "unset",
            list(named("ThingLink"), 0, 100_000),
            "Limits in force that have no number to hold anything against.",
        ),
    ]
}

fn figure_fields() -> Vec<Field> {
    vec![
        required(
            "authorised",
            nullable(number()),
            "What the tightest known, required limit in force allows, in units; `null` if there is none.",
        ),
        required("reserved", count(0, i64::MAX), "Ordered, and neither cancelled nor shipped."),
        required(
            "used",
            number(),
            "Shipped, net of returns: all movements of the two, whatever approval they name.",
        ),
        required(
            "available",
            nullable(number()),
            "What that limit leaves for orders, by what it counts itself, which may be fewer movements or those of more chips; negative where it is broken.",
        ),
        required(
            "limited_by",
            nullable(named("ThingLink")),
            "The condition or approval that sets the limit.",
        ),
    ]
}

fn link_fields() -> Vec<Field> {
    vec![
        required("kind", word::<Kind>(), "Its kind."),
        required("id", id(), "Its id."),
        required(
            "href",
            nullable(about(200)),
            "Where it can be read; `null` for a transition, which is read under its approval.",
        ),
    ]
}

fn assumptions() -> Value {
    let mut fields = assumption_fields();
    let decided =
        "Whether the verdict would be another without it, or is what it alone makes of what is on record.";
    fields.push(required("decided", truth(), decided));
    let mut assumption = shown(&fields);
    // Of the other fields, those that were given are present.
    assumption["required"] = json!(["decided"]);
    list(assumption, 0, MAX_ITEMS)
}

/// The schemas that answers refer to, by name.
pub(crate) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("DeterminationInput", input()),
        ("Reason", shown(&reason_fields())),
        ("GateFinding", shown(&gate_fields())),
        ("Evaluation", shown(&evaluation_fields())),
        ("Headroom", shown(&headroom_fields())),
        ("Figures", shown(&figure_fields())),
        ("ThingLink", shown(&link_fields())),
        ("Assumptions", assumptions()),
        ("Answer", shown(&answer_fields())),
    ]
}

/// Example figures, with neither a limit nor a movement.
pub(crate) fn no_figures() -> Value {
    json!({"authorised": null, "reserved": 0, "used": 0, "available": null, "limited_by": null})
}

/// An example of a gate.
pub(crate) fn gate_example() -> Value {
    json!({
        "gate": "import", "jurisdiction": "CN", "authority": "cn-unspecified",
        "approval": "alibaba-h200-sxm-cn-unspecified", "stage": "in_principle", "phase": "favourable",
        "since": "2026-01-23", "disputed": false,
    })
}

/// An example of a question and its answer.
pub(crate) fn example() -> Value {
    json!({
        "company": "alibaba", "chip": "h200-sxm", "activity": "order", "units": 10_000, "destination": null,
        "end_use": null, "end_user": null, "exporter": null, "verdict": "no",
        "reasons": [{
            "code": "stage_does_not_permit", "effect": "blocks", "gate": "import", "authority": "cn-unspecified",
            "subject": {"kind": "approval", "id": "alibaba-h200-sxm-cn-unspecified", "href": "/v1/approvals/alibaba-h200-sxm-cn-unspecified"},
            "detail": "The case is at `in_principle`, which does not permit to order.",
            "evidence": [{
                "source": "ndtv-2026-01-23-h200-orders", "attribution": "anonymous", "sources": null,
                "anonymity_reason": "the talks were private", "note": "one of three firms named",
            }],
            "remedy": "The case must reach a stage that permits to order: `conditional_terms_set`, `approved`, `partly_fulfilled`.",
        }],
        "gates": [gate_example()], "conditions": [],
        "headroom": {"units": null, "limited_by": null, "unset": []},
        "figures": no_figures(), "stale_sources": [],
    })
}

/// The field with the valid time of an answer.
pub(crate) fn valid_at() -> Field {
    required("valid_at", moment(), "The moment in the world it is about.")
}
