//! The OpenAPI description of workflows, and the diagram of one.

use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::call::Call;
use super::conditional::{Shown, weak};
use super::problem::{Code, Problem};
use super::quality::weighed;
use super::reading::{absent, read_at};
use super::resources::{Exposed, JSON};
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

/// The media type of Mermaid diagrams.
pub(crate) const MERMAID: &str = "text/vnd.mermaid";

impl Exposed for Workflow {
    const PATH: &'static str = "workflows";
    const SINGULAR: &'static str = "Workflow";
    const PLURAL: &'static str = "Workflows";
    const ABOUT: &'static str = "Workflows are the stages a case goes through, as data: readable, replaceable, different per authority.";
    const PROBLEMS: &'static [Code] = &[Code::StageInUse, Code::MoveInUse];
    const REFERS: bool = false;

    fn fields() -> Vec<Field> {
        let stage = written(&[
            required("id", stage_id(), "Its id, unique in the workflow."),
            required("name", text(Name::MAX), "What it is called in English."),
            optional("names", names(), "What it is called in other languages, by language tag."),
            required(
                "phase",
                word::<Phase>(),
                "What it means, whatever its authority calls it. A case at a stage that is `ended` counts no longer; the others tell people where it stands.",
            ),
            optional(
                "permits",
                set(word::<Activity>()),
                "What it lets a company do: the answer goes by this alone.",
            ),
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

    fn patch_example() -> Value {
        json!({"name": "Import approval of 2026"})
    }
}

/// The representations of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Diagram,
}

/// Whether `Accept` may change the answer for a path.
pub(crate) fn may_differ(path: &str, headers: &HeaderMap) -> bool {
    path.starts_with("/v1/workflows/") && liked(headers) != Some(Form::Json)
}

/// The representation that the client prefers; `None` if it accepts neither.
pub(crate) fn liked(headers: &HeaderMap) -> Option<Form> {
    // Malformed ranges are ignored.
    let ranges = weighed(headers, &header::ACCEPT).filter(|(range, _)| range.contains('/'));
    let ranges: Vec<(&str, u16)> = ranges.filter_map(|(range, weight)| Some((range, weight?))).collect();
    let (json, diagram) = (liking(&ranges, JSON), liking(&ranges, MERMAID));
    match (json, diagram) {
        _ if ranges.is_empty() => Some(Form::Json),
        ((0, _), (0, _)) => None,
        _ if diagram > json => Some(Form::Diagram),
        _ => Some(Form::Json),
    }
}

/// The weight of a media type, from the most specific range that matches, and how specific that is.
fn liking(ranges: &[(&str, u16)], media_type: &str) -> (u16, usize) {
    let family = media_type.split_once('/').map_or(media_type, |(family, _)| family);
    let wanted = ["*/*".to_owned(), format!("{family}/*"), media_type.to_owned()];
    let closeness = |range: &str| wanted.iter().position(|wanted| wanted.eq_ignore_ascii_case(range));
    let within = ranges.iter().filter_map(|(range, weight)| Some((closeness(range)?, *weight)));
    within.max().map_or((0, 0), |(closeness, weight)| (weight, closeness))
}

/// The problem for a client that accepts no representation.
pub(crate) fn neither() -> Problem {
    Problem::new(Code::NotAcceptable, format!("a workflow is shown as `{JSON}` or `{MERMAID}`"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_form_is_the_one_liked_most_and_json_if_they_are_liked_alike() {
        let (json, diagram) = (Some(Form::Json), Some(Form::Diagram));
        for (lines, form) in [
            (&[][..], json),
            (&[""], json),
            (&["nonsense"], json),
            (&["*/*"], json),
            (&["text/html, */*;q=0.8"], json),
            (&["text/vnd.mermaid"], diagram),
            (&["TEXT/Vnd.Mermaid; charset=utf-8"], diagram),
            (&["text/vnd.mermaid, */*"], diagram),
            (&["text/*"], diagram),
            (&["application/json, text/vnd.mermaid"], json),
            (&["application/json;q=0.5", "text/vnd.mermaid;Q=0.501"], diagram),
            (&["application/json", "text/vnd.mermaid;q=0.999"], json),
            (&["text/vnd.mermaid;q=0, */*"], json),
            (&["application/json;q=0, */*"], diagram),
            (&["text/vnd.mermaid;q=0.000"], None),
            (&["text/html"], None),
            (&["*/*;q=0"], None),
            (&["text/vnd.mermaid;q=2, application/json"], json),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(liked(&headers), form, "{lines:?}");
        }
    }
}
