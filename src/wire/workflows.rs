//! The JSON form of workflows.

use serde_json::{Value, json};

use super::Document;
use super::fields::{Fields, Place};
use super::values::{listed, named, names, set, text};
use crate::domain::text::Names;
use crate::domain::workflow::{Move, Stage, Workflow};

impl Document for Workflow {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "name": self.name.as_str(),
            "stages": self.stages.iter().map(written).collect::<Value>(),
            "moves": self.moves.iter().map(|step| json!({
                "from": step.from.as_str(),
                "to": step.to.as_str(),
            })).collect::<Value>(),
            "initial": self.initial.as_str(),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let name = fields.required("name", text);
        let stages = fields.required("stages", |place| place.list((1, Self::MAX_STAGES), stage));
        let moves = fields.required("moves", |place| place.list((0, Self::MAX_MOVES), step));
        let initial = fields.required("initial", text);
        let workflow = Self { id: id?, name: name?, stages: stages?, moves: moves?, initial: initial? };
        fields.refuse_all(workflow.faults());
        Some(workflow)
    }
}

fn written(stage: &Stage) -> Value {
    json!({
        "id": stage.id.as_str(),
        "name": stage.name.as_str(),
        "names": named(&stage.names),
        "phase": stage.phase.to_string(),
        "permits": listed(&stage.permits),
    })
}

fn stage(place: Place<'_, '_>) -> Option<Stage> {
    place.object(|fields| {
        let id = fields.required("id", text);
        let name = fields.required("name", text);
        let names = fields.or("names", Names::new(), names);
        let phase = fields.required("phase", text);
        let permits = fields.or("permits", Vec::new(), set);
        Some(Stage { id: id?, name: name?, names: names?, phase: phase?, permits: permits? })
    })
}

fn step(place: Place<'_, '_>) -> Option<Move> {
    place.object(|fields| {
        let from = fields.required("from", text);
        let to = fields.required("to", text);
        Some(Move { from: from?, to: to? })
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::workflow::Workflow;
    use crate::wire::testing::{assert_written_as_read, faults};

    #[test]
    fn a_workflow_is_written_as_it_was_read() {
        assert_written_as_read::<Workflow>(
            r#"{"id":"cn-import","name":"China, import","stages":[
                {"id":"under_review","name":"Under review","names":{"zh":"审查中"},"phase":"pending","permits":[]},
                {"id":"in_principle","name":"In principle","names":{},"phase":"favourable","permits":["prepare"]}],
                "moves":[{"from":"under_review","to":"in_principle"}],"initial":"under_review"}"#,
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Workflow>(
            r#"{"id":"x","name":"X","stages":[{"id":"_a","name":"A","phase":"perhaps","permits":["ship","ship"]}],
                "moves":[{"from":"a"}],"initial":7}"#,
        );
        assert_eq!(
            told,
            [
                "/stages/0/id malformed",
                "/stages/0/phase not_in_list",
                "/stages/0/permits/1 repeated",
                "/moves/0/to missing",
                "/initial wrong_type",
            ]
        );
    }

    #[test]
    fn a_workflow_has_stages_and_says_its_moves() {
        let told = faults::<Workflow>(r#"{"id":"x","name":"X","stages":[],"initial":"a"}"#);
        assert_eq!(told, ["/stages too_short", "/moves missing"]);
    }

    #[test]
    fn what_contradicts_itself_is_told_by_where_it_stands() {
        let told = faults::<Workflow>(
            r#"{"id":"x","name":"X","stages":[{"id":"a","name":"A","phase":"none"}],
                "moves":[{"from":"a","to":"b"}],"initial":"c"}"#,
        );
        assert_eq!(told, ["/initial inconsistent", "/moves/0/to inconsistent"]);
    }
}
