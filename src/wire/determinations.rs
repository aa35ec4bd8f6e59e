//! The JSON form of questions and answers.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::citations::written as cited;
use super::fields::{Fields, Place};
use super::values::{MAX_ITEMS, beginning, integer, linked, listed, members, shown, text, whole};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::id::{ApprovalId, AuthorityId, StageId};
use crate::domain::judgement::{
    Answer, Assumption, Change, Evaluation, Figures, GateFinding, Headroom, Question, Reason, Supposed,
};
use crate::domain::number::Units;
use crate::domain::time::Moment;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::workflow::Activity;

/// A request for a determination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question; `valid_at` defaults to the time of the request.
    pub question: Question,
    /// Whether the request gives `valid_at`.
    pub is_dated: bool,
    /// The revision to read.
    pub revision: Option<i64>,
    /// The moment whose state of knowledge to read.
    pub known_at: Option<Moment>,
    /// The assumptions.
    pub assume: Vec<Assumption>,
}

/// Reads a request for a determination made at a moment.
pub fn asked(fields: &mut Fields<'_>, now: Moment) -> Option<Asked> {
    let company = fields.required("company", text);
    let chip = fields.required("chip", text);
    let activity = fields.or("activity", Activity::Order, text);
    let units = fields.or("units", Units::ONE, integer);
    let destination = fields.nullable("destination", text);
    let end_use = fields.nullable("end_use", text);
    let end_user = fields.nullable("end_user", text);
    let exporter = fields.nullable("exporter", text);
    let valid_at = fields.nullable("valid_at", beginning);
    let revision = fields.nullable("revision", revision);
    let known_at = fields.nullable("known_at", beginning);
    let assume = fields.or("assume", Vec::new(), |place| place.list((0, MAX_ITEMS), assumption));
    if let (Some(Some(_)), Some(Some(_))) = (&revision, &known_at) {
        let fault = Fault::new(FaultCode::Inconsistent, "cannot be given together with `revision`");
        fields.refuse("known_at", fault);
    }
    let valid_at = valid_at?;
    let question = Question {
        company: company?,
        chip: chip?,
        activity: activity?,
        units: units?,
        destination: destination?,
        end_use: end_use?,
        end_user: end_user?,
        exporter: exporter?,
        valid_at: valid_at.unwrap_or(now),
    };
    Some(Asked {
        question,
        is_dated: valid_at.is_some(),
        revision: revision?,
        known_at: known_at?,
        assume: assume?,
    })
}

fn revision(place: Place<'_, '_>) -> Option<i64> {
    match whole(place.value).filter(|number| *number >= 0) {
        Some(number) => Some(number),
        None => place.refuse(Fault::new(FaultCode::WrongType, "must be the number of a revision, 0 or more")),
    }
}

/// Reads an assumption: an approval's stage, or one changed parameter of a condition.
fn assumption(place: Place<'_, '_>) -> Option<Assumption> {
    place.object(|fields| {
        let approval = fields.nullable("approval", text);
        let stage = fields.nullable("stage", text);
        let condition = fields.nullable("condition", text);
        let changes = [
            fields.nullable("minimum", text).map(|share| share.map(Change::Minimum)),
            fields.nullable("maximum", integer).map(|units| units.map(Change::Maximum)),
            fields.nullable("met_on", text).map(|day| day.map(Change::MetOn)),
            fields.nullable("status", text).map(|status| status.map(Change::Status)),
        ];
        let (approval, stage, condition) = (approval?, stage?, condition?);
        let mut given = Vec::new();
        for change in changes {
            given.extend(change?);
        }
        match (approval, stage, condition, given.as_slice()) {
            (Some(approval), Some(stage), None, []) => Some(Assumption::Stage { approval, stage }),
            (None, None, Some(condition), [change]) => {
                Some(Assumption::Condition { condition, change: *change })
            }
            _ => {
                fields.refuse_whole(Fault::new(
                    FaultCode::Inconsistent,
                    "must be `approval` with `stage`, or `condition` with one of `minimum`, `maximum`, `met_on` and `status`",
                ));
                None
            }
        }
    })
}

/// A question as JSON.
#[must_use]
pub fn question(question: &Question) -> Map<String, Value> {
    members(json!({
        "company": question.company.as_str(),
        "chip": question.chip.as_str(),
        "activity": question.activity.to_string(),
        "units": question.units.get(),
        "destination": shown(question.destination.as_ref()),
        "end_use": shown(question.end_use.as_ref()),
        "end_user": shown(question.end_user.as_ref()),
        "exporter": shown(question.exporter.as_ref()),
    }))
}

/// An answer as JSON.
#[must_use]
pub fn answer(answer: &Answer) -> Map<String, Value> {
    members(json!({
        "verdict": answer.verdict.to_string(),
        "reasons": answer.reasons.iter().map(reason).collect::<Value>(),
        "gates": answer.gates.iter().map(gate).collect::<Value>(),
        "conditions": answer.conditions.iter().map(evaluation).collect::<Value>(),
        "headroom": headroom(&answer.headroom),
        "figures": figures(&answer.figures),
        "stale_sources": listed(&answer.stale),
    }))
}

/// The assumptions as JSON, each with whether it decided.
#[must_use]
pub fn assumptions(assume: &[Assumption], supposed: &Supposed) -> Value {
    let each = assume.iter().zip(&supposed.decided).map(|(assumption, decided)| {
        let mut assumed = assumed(assumption);
        assumed["decided"] = (*decided).into();
        assumed
    });
    each.collect()
}

fn assumed(assumption: &Assumption) -> Value {
    match assumption {
        Assumption::Stage { approval, stage } => {
            json!({"approval": approval.as_str(), "stage": stage.as_str()})
        }
        Assumption::Condition { condition, change } => {
            let value = match change {
                Change::Minimum(share) => Value::from(share.to_string()),
                Change::Maximum(units) => Value::from(units.get()),
                Change::MetOn(day) => Value::from(day.to_string()),
                Change::Status(status) => Value::from(status.to_string()),
            };
            let mut assumed = json!({"condition": condition.as_str()});
            assumed[change.field()] = value;
            assumed
        }
    }
}

/// A reason as JSON.
#[must_use]
pub fn reason(reason: &Reason) -> Value {
    json!({
        "code": reason.code.to_string(),
        "effect": reason.effect.to_string(),
        "gate": shown(reason.gate.as_ref()),
        "authority": shown(reason.authority.as_ref()),
        "subject": linked(reason.subject.as_ref()),
        "detail": reason.detail,
        "evidence": cited(&reason.evidence),
        "remedy": reason.remedy,
    })
}

/// The serialised form of a gate's state.
#[derive(Serialize)]
pub struct GateForm<'f> {
    gate: &'static str,
    jurisdiction: &'f str,
    authority: Option<&'f str>,
    approval: Option<&'f str>,
    stage: Option<&'f str>,
    phase: Option<&'static str>,
    since: Option<String>,
    disputed: bool,
}

impl<'f> From<&'f GateFinding> for GateForm<'f> {
    fn from(finding: &'f GateFinding) -> Self {
        Self {
            gate: finding.gate.as_str(),
            jurisdiction: finding.jurisdiction.as_str(),
            authority: finding.authority.as_ref().map(AuthorityId::as_str),
            approval: finding.approval.as_ref().map(ApprovalId::as_str),
            stage: finding.stage.as_ref().map(StageId::as_str),
            phase: finding.phase.map(Vocabulary::as_str),
            since: finding.since.as_ref().map(ToString::to_string),
            disputed: finding.disputed,
        }
    }
}

/// A gate's state as JSON.
#[must_use]
pub fn gate(finding: &GateFinding) -> Value {
    formed(&GateForm::from(finding))
}

/// The evaluation of a condition as JSON.
#[must_use]
pub fn evaluation(evaluation: &Evaluation) -> Value {
    json!({
        "condition": evaluation.condition.as_str(),
        "kind": evaluation.kind.to_string(),
        "force": evaluation.force.to_string(),
        "status": evaluation.status.to_string(),
        "outcome": evaluation.outcome.to_string(),
        "detail": evaluation.detail,
    })
}

fn headroom(headroom: &Headroom) -> Value {
    json!({
        "units": headroom.units,
        "limited_by": linked(headroom.limited_by.as_ref()),
        "unset": headroom.unset.iter().map(|limit| linked(Some(limit))).collect::<Value>(),
    })
}

/// The serialised form of the four figures.
#[derive(Serialize)]
pub struct FiguresForm {
    authorised: Option<i64>,
    reserved: i64,
    used: i64,
    available: Option<i64>,
    limited_by: Value,
}

impl From<&Figures> for FiguresForm {
    fn from(figures: &Figures) -> Self {
        let Figures { authorised, reserved, used, available, .. } = *figures;
        Self { authorised, reserved, used, available, limited_by: linked(figures.limited_by.as_ref()) }
    }
}

/// The four figures as JSON.
#[must_use]
pub fn figures(figures: &Figures) -> Value {
    formed(&FiguresForm::from(figures))
}

/// Serialises a form, which cannot fail: all its keys are strings.
fn formed(form: &impl Serialize) -> Value {
    serde_json::to_value(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::Faults;
    use crate::wire::json::parse;

    fn read(body: &str) -> Result<Asked, Vec<String>> {
        let value = parse(body.as_bytes()).unwrap();
        let mut faults = Faults::default();
        let now = Moment::try_from("2026-10-01T12:00:00Z").unwrap();
        let mut fields = Fields::new(value.as_object().unwrap(), &mut faults);
        let asked = asked(&mut fields, now);
        fields.finish();
        let told = faults.0.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code));
        asked.filter(|_| faults.is_empty()).ok_or_else(|| told.collect())
    }

    #[test]
    fn what_is_left_out_of_a_question_stays_undeclared() {
        let asked = read(r#"{"company":"alibaba","chip":"h200-sxm"}"#).unwrap();
        let written = Value::Object(question(&asked.question));
        assert_eq!(
            written,
            json!({"company": "alibaba", "chip": "h200-sxm", "activity": "order", "units": 1, "destination": null,
                "end_use": null, "end_user": null, "exporter": null})
        );
        assert!(!asked.is_dated);
        assert_eq!(asked.question.valid_at.to_string(), "2026-10-01T12:00:00Z");
    }

    #[test]
    fn an_assumption_is_a_stage_or_one_parameter() {
        let body = |assume: &str| format!(r#"{{"company":"a","chip":"c","assume":[{assume}]}}"#);
        for (assume, taken) in [
            (r#"{"approval":"x","stage":"approved"}"#, true),
            (r#"{"condition":"x","minimum":"0.5"}"#, true),
            (r#"{"condition":"x","maximum":5}"#, true),
            (r#"{"condition":"x","met_on":"2026-01-01"}"#, true),
            (r#"{"condition":"x","status":"waived"}"#, true),
            (r#"{"condition":"x"}"#, false),
            (r#"{"condition":"x","maximum":5,"status":"waived"}"#, false),
            (r#"{"approval":"x"}"#, false),
            (r#"{"approval":"x","stage":"approved","status":"waived"}"#, false),
            ("{}", false),
        ] {
            let outcome = read(&body(assume));
            if taken {
                let [assumption] = outcome.unwrap().assume.try_into().unwrap();
                assert_eq!(assumed(&assumption), parse(assume.as_bytes()).unwrap());
            } else {
                assert_eq!(outcome, Err(vec!["/assume/0 inconsistent".to_owned()]), "{assume}");
            }
        }
    }

    #[test]
    fn every_fault_of_a_question_is_told_at_once() {
        let told = read(
            r#"{"chip":"H","activity":"buy","units":0,"destination":"XX","valid_at":"soon","revision":-1,"asume":[],
                "assume":[{"condition":"x","maximum":0},{"stag":"y"}]}"#,
        );
        assert_eq!(
            told.unwrap_err(),
            [
                "/company missing",
                "/chip malformed",
                "/activity not_in_list",
                "/units out_of_range",
                "/destination not_in_list",
                "/valid_at malformed",
                "/revision wrong_type",
                "/assume/0/maximum out_of_range",
                "/assume/1 inconsistent",
                "/assume/1/stag unknown_field",
                "/asume unknown_field",
            ]
        );
        assert_eq!(read(r#"{"company":"a","chip":"c","revision":1.0}"#).unwrap().revision, Some(1));
        let both = read(r#"{"company":"a","chip":"c","revision":1,"known_at":"2026-01-01"}"#);
        assert_eq!(both.unwrap_err(), ["/known_at inconsistent"]);
    }
}
