//! Workflows: the stages a case at an authority goes through, as data.

use std::collections::BTreeSet;

use super::fault::{FaultCode, Faults};
use super::id::{StageId, WorkflowId};
use super::text::{Name, Names};
use super::vocabulary::vocabulary;

vocabulary! {
    /// The meaning of a stage, independent of its authority's name for it.
    Phase {
        /// Nothing has been decided or asked.
        None = "none",
        /// Something is under way.
        Pending = "pending",
        /// The signs are good, nothing is granted.
        Favourable = "favourable",
        /// Permission is given; what exactly the stage permits is said by `permits`.
        Granted = "granted",
        /// The authority stands in the way.
        Adverse = "adverse",
        /// The case is over, and counts no longer.
        Ended = "ended",
    }
}

vocabulary! {
    /// What a company may want to do with a chip.
    Activity {
        /// Prepare an order: talk about volumes and terms.
        Prepare = "prepare",
        /// Place an order.
        Order = "order",
        /// Have chips shipped.
        Ship = "ship",
    }
}

/// A stage of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its id, unique in the workflow.
    pub id: StageId,
    /// Its English name.
    pub name: Name,
    /// Its names in other languages.
    pub names: Names,
    /// Its phase.
    pub phase: Phase,
    /// The activities it permits.
    pub permits: Vec<Activity>,
}

/// A legal move from one stage to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The stage left.
    pub from: StageId,
    /// The stage entered.
    pub to: StageId,
}

/// Stages, and the legal moves between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: Name,
    /// Its stages.
    pub stages: Vec<Stage>,
    /// Its legal moves.
    pub moves: Vec<Move>,
    /// The stage of a case before its first transition.
    pub initial: StageId,
}

impl Workflow {
    /// Most stages in a workflow.
    pub const MAX_STAGES: usize = 100;
    /// Most moves in a workflow.
    pub const MAX_MOVES: usize = 2000;

    /// The stage with this id.
    #[must_use]
    pub fn stage(&self, id: &StageId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == *id)
    }

    /// Whether a case may move from one stage to the other.
    #[must_use]
    pub fn allows(&self, from: &StageId, to: &StageId) -> bool {
        self.moves.iter().any(|legal| legal.from == *from && legal.to == *to)
    }

    /// The stages a case may move to from `from`, in workflow order.
    pub fn successors<'a>(&'a self, from: &'a StageId) -> impl Iterator<Item = &'a StageId> {
        self.stages.iter().map(|stage| &stage.id).filter(move |to| self.allows(from, to))
    }

    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        let mut ids = BTreeSet::new();
        for (index, stage) in self.stages.iter().enumerate() {
            if !ids.insert(&stage.id) {
                faults.add(
                    format!("/stages/{index}/id"),
                    FaultCode::Repeated,
                    format!("the workflow has another stage `{}`", stage.id),
                );
            }
        }
        let mut unknown = |pointer: String, stage: &StageId| {
            if !ids.contains(stage) {
                faults.add(pointer, FaultCode::Inconsistent, format!("the workflow has no stage `{stage}`"));
            }
        };
        unknown("/initial".to_owned(), &self.initial);
        for (index, step) in self.moves.iter().enumerate() {
            unknown(format!("/moves/{index}/from"), &step.from);
            unknown(format!("/moves/{index}/to"), &step.to);
        }
        let mut seen = BTreeSet::new();
        for (index, step) in self.moves.iter().enumerate() {
            if !seen.insert(step) {
                faults.add(
                    format!("/moves/{index}"),
                    FaultCode::Repeated,
                    "the workflow has this move already",
                );
            }
        }
        faults
    }

    /// The workflow as a Mermaid state diagram.
    #[must_use]
    pub fn diagram(&self) -> String {
        let number = |id: &StageId| self.stages.iter().position(|stage| stage.id == *id).unwrap_or_default();
        let mut lines = vec!["stateDiagram-v2".to_owned()];
        for (index, stage) in self.stages.iter().enumerate() {
            // Quotes would end the label, and ids may contain characters that diagrams do not allow.
            let label = stage.name.as_str().replace(['"', '`', ':', ';', '#'], " ");
            lines.push(format!("    state \"{label} ({})\" as s{index}", stage.id));
        }
        lines.push(format!("    [*] --> s{}", number(&self.initial)));
        for step in &self.moves {
            lines.push(format!("    s{} --> s{}", number(&step.from), number(&step.to)));
        }
        let ended = self.stages.iter().enumerate().filter(|(_, stage)| stage.phase == Phase::Ended);
        for (index, _) in ended {
            lines.push(format!("    s{index} --> [*]"));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A workflow of these stages, the first of them initial, with these moves.
    pub(crate) fn workflow(stages: &[&str], moves: &[(&str, &str)]) -> Workflow {
        let stage = |id: &&str| Stage {
            id: StageId::try_from(*id).unwrap(),
            name: Name::try_from(*id).unwrap(),
            names: Names::new(),
            phase: Phase::Pending,
            permits: Vec::new(),
        };
        let step = |(from, to): &(&str, &str)| Move {
            from: StageId::try_from(*from).unwrap(),
            to: StageId::try_from(*to).unwrap(),
        };
        Workflow {
            id: WorkflowId::try_from("cn-import").unwrap(),
            name: Name::try_from("China, import").unwrap(),
            stages: stages.iter().map(stage).collect(),
            moves: moves.iter().map(step).collect(),
            initial: StageId::try_from(stages[0]).unwrap(),
        }
    }

    fn told(workflow: &Workflow) -> Vec<String> {
        let faults = workflow.faults().0;
        let told = faults.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code));
        told.collect()
    }

    #[test]
    fn a_workflow_names_only_its_own_stages_and_each_stage_and_move_once() {
        for (stages, moves, faults) in [
            (vec!["a", "b"], vec![("a", "b"), ("b", "a"), ("a", "a")], vec![]),
            (vec!["a", "b", "a"], vec![], vec!["/stages/2/id repeated"]),
            (vec!["a"], vec![("a", "b")], vec!["/moves/0/to inconsistent"]),
            (vec!["a"], vec![("b", "a")], vec!["/moves/0/from inconsistent"]),
            (vec!["a", "b"], vec![("a", "b"), ("b", "a"), ("a", "b")], vec!["/moves/2 repeated"]),
        ] {
            assert_eq!(told(&workflow(&stages, &moves)), faults, "{stages:?} {moves:?}");
        }
    }

    #[test]
    fn the_initial_stage_is_one_of_the_stages() {
        let mut workflow = workflow(&["a"], &[]);
        workflow.initial = StageId::try_from("b").unwrap();
        assert_eq!(told(&workflow), ["/initial inconsistent"]);
    }

    #[test]
    fn just_the_moves_that_are_listed_are_allowed() {
        let stages = ["barred", "in_principle", "refused"];
        let moves = [("barred", "in_principle"), ("in_principle", "barred"), ("barred", "refused")];
        let workflow = workflow(&stages, &moves);
        for from in stages {
            for to in stages {
                let [one, other] = [from, to].map(|id| StageId::try_from(id).unwrap());
                assert_eq!(workflow.allows(&one, &other), moves.contains(&(from, to)), "{from} {to}");
            }
        }
    }

    #[test]
    fn successors_come_in_the_order_of_the_stages() {
        let workflow = workflow(&["a", "b", "c"], &[("a", "c"), ("a", "b"), ("c", "a")]);
        let successors = |from: &str| -> Vec<String> {
            let from = StageId::try_from(from).unwrap();
            workflow.successors(&from).map(ToString::to_string).collect()
        };
        assert_eq!(successors("a"), ["b", "c"]);
        assert_eq!(successors("b"), [""; 0]);
        assert_eq!(successors("elsewhere"), [""; 0]);
    }

    #[test]
    fn the_diagram_shows_stages_moves_beginning_and_end() {
        let mut workflow = workflow(
            &["under_review", "in_principle", "refused"],
            &[("under_review", "in_principle"), ("in_principle", "refused")],
        );
        workflow.stages[0].name = Name::try_from("\"Under\" review: 审查中").unwrap();
        workflow.stages[2].phase = Phase::Ended;
        insta::assert_snapshot!(workflow.diagram(), @r#"
        stateDiagram-v2
            state " Under  review  审查中 (under_review)" as s0
            state "in_principle (in_principle)" as s1
            state "refused (refused)" as s2
            [*] --> s0
            s0 --> s1
            s1 --> s2
            s2 --> [*]
        "#);
    }
}
