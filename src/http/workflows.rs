//! What the contract says of workflows, and one shown as a diagram.

use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::call::Call;
use super::conditional::{Shown, weak};
use super::problem::{Code, Problem};
use super::reading::{absent, read_at};
use super::resources::Exposed;
use super::schema::{
    Field, id, list, names, optional, read_only, required, set, stage_id, text, word, written,
};
use crate::domain::id::WorkflowId;
use crate::domain::text::Name;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::workflow::{Activity, Phase, Workflow};

fn moves(step: Value) -> Value {
    let mut moves = list(step, 0, Workflow::MAX_MOVES);
    moves["uniqueItems"] = true.into();
    moves
}

/// Mermaid.
pub(crate) const MERMAID: &str = "text/vnd.mermaid";

impl Exposed for Workflow {
    const PATH: &'static str = "workflows";
    const SINGULAR: &'static str = "Workflow";
    const PLURAL: &'static str = "Workflows";
    const ABOUT: &'static str = "Workflows are the stages a case goes through, as data: readable, replaceable, different per authority.";
    const PROBLEMS: &'static [Code] = &[Code::StageInUse, Code::MoveInUse];

    fn fields() -> Vec<Field> {
        let stage = written(&[
            required("id", stage_id(), "Its id, unique in the workflow."),
            required("name", text(Name::MAX), "What it is called in English."),
            optional("names", names(), "What it is called in other languages, by language tag."),
            required("phase", word::<Phase>(), "What it means, whatever its authority calls it."),
            optional("permits", set(word::<Activity>()), "What it lets a company do."),
        ]);
        let step = written(&[
            required("from", stage_id(), "The stage left."),
            required("to", stage_id(), "The stage entered."),
        ]);
        vec![
            read_only("id", id(), "Its id."),
            required("name", text(Name::MAX), "What it is called."),
            required(
                "stages",
                list(stage, 1, Workflow::MAX_STAGES),
                "Its stages. One that cases have been at cannot be left out.",
            ),
            required("moves", moves(step), "Its legal moves, each once, between its stages."),
            required("initial", stage_id(), "The stage of a case before its first transition."),
        ]
    }

    fn example() -> Value {
        json!({
            "name": "Import approval",
            "stages": [
                {"id": "under_review", "name": "Under review", "phase": "pending"},
                {"id": "approved", "name": "Approved", "names": {"zh": "批准"}, "phase": "granted", "permits": ["prepare", "order", "ship"]},
            ],
            "moves": [{"from": "under_review", "to": "approved"}],
            "initial": "under_review",
        })
    }
}

/// Whether a call would rather have a diagram.
pub(crate) fn wants_diagram(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.split(';').next().unwrap_or_default().trim() == MERMAID)
}

/// Shows a workflow as a diagram.
pub(crate) async fn diagram(call: Call) -> Result<Response, Problem> {
    let id: WorkflowId = call.path("id")?;
    let mut read = read_at(&call, None).await?;
    let presence = read.thing::<Workflow>(id.as_str()).await?;
    let workflow = absent(presence, ThingRef::new(Kind::Workflow, id.as_str()))?;
    let body = workflow.value.diagram();
    let revision = read.at().revision;
    Ok(Shown { etag: weak([body.as_str()]), media_type: MERMAID, body, revision }.answer(&call.headers))
}
