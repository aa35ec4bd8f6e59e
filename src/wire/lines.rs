//! The lines of an export or import: one thing per line, as NDJSON.
//!
//! A line is a thing's document with its `kind` in front. The state of a case is left out, as it follows from
//! the transitions. As `kind` is taken, a condition's own is called `condition_kind`, and a movement's
//! `movement_kind`.

use serde_json::{Map, Value};

use super::Document;
use super::approvals::STANDING;
use super::fields::Fields;
use super::json::{Unreadable, parse};
use super::values::text;
use crate::domain::approval::{Approval, Case};
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::movement::Movement;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::thing::Kind;
use crate::domain::transition::Transition;
use crate::domain::workflow::Workflow;

/// One thing of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A workflow.
    Workflow(Workflow),
    /// An authority.
    Authority(Authority),
    /// A company.
    Company(Company),
    /// A chip.
    Chip(Chip),
    /// A source.
    Source(Source),
    /// An approval.
    Approval(Approval),
    /// A transition.
    Transition(Transition),
    /// A report.
    Report(Report),
    /// A condition.
    Condition(Condition),
    /// A movement.
    Movement(Movement),
}

/// Parses a line.
///
/// # Errors
///
/// [`Unreadable::Syntax`] if the line is not JSON, [`Unreadable::Faults`] with all faults.
pub fn read(line: &[u8]) -> Result<Line, Unreadable> {
    let Value::Object(mut members) = parse(line)? else {
        let mut faults = Faults::default();
        faults.add("", FaultCode::WrongType, "a line must be a JSON object");
        return Err(Unreadable::Faults(faults));
    };
    let kind = kind(&members).map_err(Unreadable::Faults)?;
    members.shift_remove("kind");
    thing(kind, members).map_err(Unreadable::Faults)
}

fn kind(members: &Map<String, Value>) -> Result<Kind, Faults> {
    let mut faults = Faults::default();
    let kind = Fields::new(members, &mut faults).required("kind", text);
    kind.ok_or(faults)
}

fn thing(kind: Kind, members: Map<String, Value>) -> Result<Line, Faults> {
    match kind {
        Kind::Workflow => super::read(&members).map(Line::Workflow),
        Kind::Authority => super::read(&members).map(Line::Authority),
        Kind::Company => super::read(&members).map(Line::Company),
        Kind::Chip => super::read(&members).map(Line::Chip),
        Kind::Source => super::read(&members).map(Line::Source),
        Kind::Approval => super::read(&members).map(Line::Approval),
        Kind::Transition => super::read(&members).map(Line::Transition),
        Kind::Report => super::read(&members).map(Line::Report),
        Kind::Condition => with_own_kind(members, "condition_kind").map(Line::Condition),
        Kind::Movement => with_own_kind(members, "movement_kind").map(Line::Movement),
    }
}

/// Reads a thing that has a `kind` of its own, which a line holds under another name.
fn with_own_kind<T: Document>(mut members: Map<String, Value>, name: &str) -> Result<T, Faults> {
    if let Some(kind) = members.shift_remove(name) {
        members.insert("kind".to_owned(), kind);
    }
    super::read(&members).map_err(|mut faults| {
        for placed in faults.0.iter_mut().filter(|placed| placed.pointer == "/kind") {
            placed.pointer = format!("/{name}");
        }
        faults
    })
}

/// Writes the line of a stored document, without the line feed.
///
/// # Errors
///
/// The faults of a document that is not the thing of this kind with this id.
pub fn write(kind: Kind, id: &str, document: &str) -> Result<String, Faults> {
    let members = members_of(kind, id, document)?;
    let mut line = Map::new();
    line.insert("kind".to_owned(), Value::from(kind.to_string()));
    for (name, value) in members {
        match kind {
            Kind::Approval if STANDING.contains(&name.as_str()) => {}
            Kind::Condition if name == "kind" => {
                line.insert("condition_kind".to_owned(), value);
            }
            Kind::Movement if name == "kind" => {
                line.insert("movement_kind".to_owned(), value);
            }
            _ => {
                line.insert(name, value);
            }
        }
    }
    Ok(Value::Object(line).to_string())
}

/// The members of a stored document, after checking that it is of this kind and id.
fn members_of(kind: Kind, id: &str, document: &str) -> Result<Map<String, Value>, Faults> {
    let mut faults = Faults::default();
    let members: Map<String, Value> = match serde_json::from_str(document) {
        Ok(members) => members,
        Err(cause) => {
            faults.add("", FaultCode::Malformed, cause.to_string());
            return Err(faults);
        }
    };
    match kind {
        Kind::Workflow => super::read::<Workflow>(&members).map(drop),
        Kind::Authority => super::read::<Authority>(&members).map(drop),
        Kind::Company => super::read::<Company>(&members).map(drop),
        Kind::Chip => super::read::<Chip>(&members).map(drop),
        Kind::Source => super::read::<Source>(&members).map(drop),
        Kind::Approval => super::read::<Case>(&members).map(drop),
        Kind::Transition => super::read::<Transition>(&members).map(drop),
        Kind::Report => super::read::<Report>(&members).map(drop),
        Kind::Condition => super::read::<Condition>(&members).map(drop),
        Kind::Movement => super::read::<Movement>(&members).map(drop),
    }?;
    if members.get("id").and_then(Value::as_str) != Some(id) {
        faults.add("/id", FaultCode::Inconsistent, format!("is not `{id}`, under which it is stored"));
    }
    faults.or(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::{Case, Standing};
    use crate::domain::thing::{Reference, Thing};
    use crate::domain::vocabulary::Vocabulary;

    const LINES: [&str; 10] = [
        r#"{"kind":"workflow","id":"cn-import","name":"China","stages":[{"id":"in_principle","name":"In principle","names":{},"phase":"favourable","permits":["prepare"]}],"moves":[],"initial":"in_principle"}"#,
        r#"{"kind":"authority","id":"cn-ndrc","name":"NDRC","names":{},"jurisdiction":"CN","gate":"import","workflow":"cn-import","unspecified":false}"#,
        r#"{"kind":"company","id":"t-head","name":"T-Head","names":{},"jurisdiction":"CN","roles":["designer"],"identifiers":[],"aliases":[],"parent":"alibaba"}"#,
        r#"{"kind":"chip","id":"h20","name":"H20","designer":"nvidia","origin":"US","aliases":[],"specification":{"tpp":2368,"die_area_mm2":null,"memory_gb":96,"memory_bandwidth_gb_s":4000.5,"data_centre":true,"commercially_available_us_on":null},"eccn_published":null}"#,
        r#"{"kind":"source","id":"s2","publisher":"Reuters","title":"Exclusive","url":null,"published_on":"2026-01-23","language":"en","republishes":"s1","check_every_days":null,"last_checked_at":null}"#,
        r#"{"kind":"approval","id":"a2","company":"alibaba","chip":"h20","authority":"cn-ndrc","exporter":"nvidia","reference":null,"quantities":[{"role":"interest","comparator":"about","units":200000,"citations":[{"source":"s1","attribution":"anonymous","sources":2,"anonymity_reason":null,"note":null}]}],"valid_from":null,"valid_until":null,"supersedes":"a1","note":null}"#,
        r#"{"kind":"transition","id":"t1","approval":"a1","to":"in_principle","effective_on":{"date":"2026-01-23","precision":"day"},"retracted":false,"citations":[{"source":"s1","attribution":"anonymous","sources":null,"anonymity_reason":null,"note":null}],"note":null}"#,
        r#"{"kind":"report","id":"r1","about":{"company":"alibaba","chip":"h20","authority":"cn-ndrc"},"on":{"date":"2026-01-23","precision":"day"},"modality":"states","stage":"approved","quantity":null,"text":"approved","status":"open","citations":[{"source":"s1","attribution":"relayed","sources":null,"anonymity_reason":null,"note":null}]}"#,
        r#"{"kind":"condition","id":"c1","scope":{"authority":"cn-ndrc","approval":"a1","company":"alibaba","chip":"h20"},"condition_kind":"unit_cap","maximum":null,"counting":"ordered","chips":["h20"],"period":null,"unknown":"not_reported","force":"may_be_required","status":"proposed","in_force_from":null,"in_force_until":null,"met_on":null,"citations":[{"source":"s1","attribution":"anonymous","sources":null,"anonymity_reason":null,"note":null}],"note":null}"#,
        r#"{"kind":"movement","id":"m1","company":"alibaba","chip":"h20","approval":"a1","movement_kind":"order","units":100,"approximate":false,"occurred_on":"2026-01-23","external_ref":"PO-1","end_use":null,"end_user":null,"destination":"CN","overage_reason":null,"citations":[{"source":"s1","attribution":"anonymous","sources":null,"anonymity_reason":null,"note":null}]}"#,
    ];

    fn stored(line: Line) -> (Kind, Value, Vec<Reference>) {
        fn of<T: Thing + Document>(thing: &T) -> (Kind, Value, Vec<Reference>) {
            (T::KIND, thing.write(), thing.references())
        }
        match line {
            Line::Workflow(workflow) => of(&workflow),
            Line::Authority(authority) => of(&authority),
            Line::Company(company) => of(&company),
            Line::Chip(chip) => of(&chip),
            Line::Source(source) => of(&source),
            Line::Approval(approval) => {
                let references = approval.references();
                let standing =
                    Standing { stage: "in_principle".try_into().unwrap(), since: None, disputed: true };
                let case = Case { approval, standing };
                (Kind::Approval, case.write(), references)
            }
            Line::Transition(transition) => of(&transition),
            Line::Report(report) => of(&report),
            Line::Condition(condition) => of(&condition),
            Line::Movement(movement) => of(&movement),
        }
    }

    fn told(line: &str) -> Vec<String> {
        let Err(Unreadable::Faults(faults)) = read(line.as_bytes()) else {
            panic!("{line} was not refused for its faults");
        };
        faults.0.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code)).collect()
    }

    #[test]
    fn a_line_of_every_kind_is_written_as_it_was_read() {
        for (kind, line) in Kind::ALL.iter().zip(LINES) {
            let (read_kind, document, _) = stored(read(line.as_bytes()).unwrap());
            assert_eq!(read_kind, *kind);
            let id = document["id"].as_str().unwrap();
            assert_eq!(write(*kind, id, &document.to_string()).as_deref(), Ok(line));
        }
    }

    #[test]
    fn a_damaged_document_makes_no_line() {
        let (_, document, _) = stored(read(LINES[2].as_bytes()).unwrap());
        let told = |id: &str, document: &str| {
            let faults = write(Kind::Company, id, document).unwrap_err();
            faults
                .0
                .iter()
                .map(|placed| format!("{} {}", placed.pointer, placed.fault.code))
                .collect::<Vec<_>>()
        };
        assert_eq!(told("alibaba", "{broken"), [" malformed"]);
        assert_eq!(told("alibaba", "[]"), [" malformed"]);
        assert_eq!(told("alibaba", "{}"), ["/id missing", "/name missing", "/jurisdiction missing"]);
        assert_eq!(told("another", &document.to_string()), ["/id inconsistent"]);
    }

    #[test]
    fn every_reference_stands_in_the_document_where_it_says() {
        for line in LINES {
            let (_, document, references) = stored(read(line.as_bytes()).unwrap());
            for Reference { pointer, to } in references {
                assert_eq!(document.pointer(&pointer), Some(&Value::from(to.id)), "{pointer}");
            }
        }
    }

    #[test]
    fn a_line_is_an_object_with_a_kind_that_is_known() {
        assert_eq!(told("[]"), [" wrong_type"]);
        assert_eq!(told("{}"), ["/kind missing"]);
        assert_eq!(told(r#"{"kind":7,"id":"x"}"#), ["/kind wrong_type"]);
        assert_eq!(told(r#"{"kind":"chips","id":"x"}"#), ["/kind not_in_list"]);
        assert!(matches!(read(b"{"), Err(Unreadable::Syntax(_))));
    }

    #[test]
    fn the_faults_of_a_line_are_those_of_its_thing() {
        let told = told(
            r#"{"kind":"authority","id":"A","name":"A","jurisdiction":"US","gate":"export","worfklow":"w"}"#,
        );
        assert_eq!(told, ["/id malformed", "/workflow missing", "/worfklow unknown_field"]);
    }

    #[test]
    fn the_own_kind_of_a_thing_is_told_by_its_name_in_the_line() {
        let [.., condition, movement] = LINES;
        let misspelt = condition.replace("unit_cap", "unit_caps");
        assert_eq!(told(&misspelt), ["/condition_kind not_in_list"]);
        let missing = condition.replace(r#""condition_kind":"unit_cap","#, "");
        assert_eq!(told(&missing), ["/condition_kind missing"]);
        let misspelt = movement.replace(r#""order""#, r#""orders""#);
        assert_eq!(told(&misspelt), ["/movement_kind not_in_list"]);
    }

    #[test]
    fn where_a_case_stands_is_no_part_of_a_line() {
        let line = LINES[5].replace(r#""supersedes""#, r#""disputed":false,"supersedes""#);
        assert_eq!(told(&line), ["/disputed unknown_field"]);
    }
}
