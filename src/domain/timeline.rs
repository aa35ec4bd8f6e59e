//! Timelines: the accepted transitions of a case in order, and the stages that result.

use super::id::{StageId, TransitionId};
use super::refusal::IllegalMove;
use super::time::Date;
use super::transition::Transition;
use super::workflow::Workflow;

/// When a transition was accepted; breaks ties on an effective date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acceptance {
    /// The revision that first held it.
    pub revision: i64,
    /// Its ordinal among the changes of that revision.
    pub ordinal: i64,
}

/// The part of an accepted transition that determines the stages of its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The transition.
    pub id: TransitionId,
    /// The stage entered.
    pub to: StageId,
    /// The effective date, by which steps are ordered.
    pub date: Date,
    /// Whether it is retracted.
    pub retracted: bool,
    /// When it was accepted.
    pub acceptance: Acceptance,
}

impl Step {
    /// The step of a transition, accepted at this position in the record.
    #[must_use]
    pub fn of(transition: &Transition, acceptance: Acceptance) -> Self {
        let Transition { id, to, effective_on, retracted, .. } = transition;
        Self { id: id.clone(), to: to.clone(), date: effective_on.date, retracted: *retracted, acceptance }
    }

    fn order(&self) -> (Date, Acceptance) {
        (self.date, self.acceptance)
    }
}

/// A stage and the dates between which it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The stage.
    pub stage: StageId,
    /// Its first day; `None` for the initial stage.
    pub from: Option<Date>,
    /// The first day of the next stage; `None` if there is none.
    pub until: Option<Date>,
}

impl Span {
    /// Whether the stage is in effect on that day.
    #[must_use]
    pub fn covers(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.until.is_none_or(|until| date < until)
    }
}

/// Every step of one case, in order of effective date, ties by acceptance.
#[derive(Clone, Debug)]
pub struct Timeline {
    steps: Vec<Step>,
}

impl Timeline {
    /// Builds a timeline from steps in any order.
    #[must_use]
    pub fn new(mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(Step::order);
        Self { steps }
    }

    /// All steps in order, including retracted ones.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn standing(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.steps.iter().filter(|step| !step.retracted)
    }

    /// The timeline with one step added or replaced.
    ///
    /// # Errors
    ///
    /// [`IllegalMove`] if the workflow does not allow the move to the step from the one before it, or from it
    /// to the one after it; for a retraction, if the steps around it may not follow each other.
    pub fn with(&self, workflow: &Workflow, changed: Step) -> Result<Self, IllegalMove> {
        let id = changed.id.clone();
        let mut steps: Vec<Step> = self.steps.iter().filter(|other| other.id != id).cloned().collect();
        steps.push(changed);
        let timeline = Self::new(steps);
        timeline.check_around(workflow, &id)?;
        Ok(timeline)
    }

    fn check_around(&self, workflow: &Workflow, id: &TransitionId) -> Result<(), IllegalMove> {
        let Some(changed) = self.steps.iter().find(|step| step.id == *id) else { return Ok(()) };
        let before = self
            .standing()
            .rfind(|other| other.order() < changed.order())
            .map_or(&workflow.initial, |other| &other.to);
        let after = self.standing().find(|other| other.order() > changed.order()).map(|other| &other.to);
        if changed.retracted {
            return after.map_or(Ok(()), |after| step(workflow, before, after, None));
        }
        step(workflow, before, &changed.to, after)
    }

    /// Checks every step against a workflow, for a case that changes workflow.
    ///
    /// # Errors
    ///
    /// The first [`IllegalMove`].
    pub fn check(&self, workflow: &Workflow) -> Result<(), IllegalMove> {
        let mut before = &workflow.initial;
        for taken in self.standing() {
            step(workflow, before, &taken.to, None)?;
            before = &taken.to;
        }
        Ok(())
    }

    /// The stages over all time, without gaps.
    #[must_use]
    pub fn spans(&self, workflow: &Workflow) -> Vec<Span> {
        let mut spans = vec![Span { stage: workflow.initial.clone(), from: None, until: None }];
        for step in self.standing() {
            if let Some(last) = spans.last_mut() {
                last.until = Some(step.date);
            }
            spans.push(Span { stage: step.to.clone(), from: Some(step.date), until: None });
        }
        // Of several steps on one day only the last accepted one takes effect.
        spans.retain(|span| span.from.is_none() || span.from != span.until);
        spans
    }
}

/// The span in effect on a day.
#[must_use]
pub fn span_on(spans: &[Span], date: Date) -> Option<&Span> {
    spans.iter().find(|span| span.covers(date))
}

fn step(
    workflow: &Workflow,
    from: &StageId,
    to: &StageId,
    after: Option<&StageId>,
) -> Result<(), IllegalMove> {
    let leads_on = |stage: &StageId| after.is_none_or(|after| workflow.allows(stage, after));
    if workflow.allows(from, to) && leads_on(to) {
        return Ok(());
    }
    Err(IllegalMove {
        workflow: workflow.id.clone(),
        stage: from.clone(),
        to: to.clone(),
        before: after.cloned(),
        legal: workflow.successors(from).filter(|stage| leads_on(stage)).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::workflow::tests::workflow;

    fn day(day: u8) -> Date {
        Date::try_from(format!("2026-01-{day:02}").as_str()).unwrap()
    }

    fn step_to(to: &str, on: u8, ordinal: i64) -> Step {
        Step {
            id: TransitionId::try_from(format!("t{ordinal}").as_str()).unwrap(),
            to: StageId::try_from(to).unwrap(),
            date: day(on),
            retracted: false,
            acceptance: Acceptance { revision: 1, ordinal },
        }
    }

    fn retracted(step: Step, retracted: bool) -> Step {
        Step { retracted, ..step }
    }

    /// From `asked` to `granted` and back by way of `paused`, and from `granted` to the end.
    fn cycle() -> Workflow {
        workflow(
            &["asked", "granted", "paused", "ended"],
            &[("asked", "granted"), ("granted", "paused"), ("paused", "granted"), ("granted", "ended")],
        )
    }

    fn stages(timeline: &Timeline) -> Vec<String> {
        let spans = timeline.spans(&cycle());
        let told = spans.iter().map(|span| match span.from {
            Some(from) => format!("{} {from}", span.stage),
            None => span.stage.to_string(),
        });
        told.collect()
    }

    #[test]
    fn a_legal_step_is_put_at_the_end() {
        let timeline = Timeline::new(vec![step_to("granted", 10, 1)]);
        let timeline = timeline.with(&cycle(), step_to("paused", 20, 2)).unwrap();
        assert_eq!(stages(&timeline), ["asked", "granted 2026-01-10", "paused 2026-01-20"]);
    }

    #[test]
    fn an_illegal_step_is_refused_with_the_legal_ones() {
        let timeline = Timeline::new(vec![step_to("granted", 10, 1)]);
        let illegal = timeline.with(&cycle(), step_to("asked", 20, 2)).unwrap_err();
        assert_eq!(illegal.stage.as_str(), "granted");
        assert_eq!(illegal.to.as_str(), "asked");
        assert_eq!(illegal.before, None);
        assert_eq!(illegal.legal.iter().map(StageId::as_str).collect::<Vec<_>>(), ["paused", "ended"]);
    }

    #[test]
    fn a_step_in_the_middle_is_judged_against_both_neighbours() {
        let timeline = Timeline::new(vec![step_to("granted", 10, 1), step_to("granted", 20, 2)]);
        let illegal = timeline.with(&cycle(), step_to("ended", 15, 3)).unwrap_err();
        assert_eq!(illegal.before.as_ref().map(StageId::as_str), Some("granted"));
        assert_eq!(illegal.legal.iter().map(StageId::as_str).collect::<Vec<_>>(), ["paused"]);
        let timeline = timeline.with(&cycle(), step_to("paused", 15, 3)).unwrap();
        assert!(timeline.check(&cycle()).is_ok());
    }

    #[test]
    fn the_first_step_leaves_the_initial_stage() {
        let timeline = Timeline::new(Vec::new());
        assert!(timeline.with(&cycle(), step_to("granted", 1, 1)).is_ok());
        let illegal = timeline.with(&cycle(), step_to("ended", 1, 1)).unwrap_err();
        assert_eq!(illegal.stage.as_str(), "asked");
    }

    #[test]
    fn a_retraction_leaves_a_legal_sequence_or_is_refused() {
        let steps = [step_to("granted", 10, 1), step_to("paused", 20, 2), step_to("granted", 30, 3)];
        let timeline = Timeline::new(steps.to_vec());
        let [first, middle, last] = steps.map(|step| retracted(step, true));
        let illegal = timeline.with(&cycle(), first).unwrap_err();
        assert_eq!((illegal.stage.as_str(), illegal.to.as_str()), ("asked", "paused"));
        assert!(timeline.with(&cycle(), middle).is_err());
        let timeline = timeline.with(&cycle(), last).unwrap();
        assert_eq!(stages(&timeline), ["asked", "granted 2026-01-10", "paused 2026-01-20"]);
        assert_eq!(timeline.steps().len(), 3, "a retracted step stays on record");
    }

    #[test]
    fn a_retracted_step_can_be_put_back_where_it_still_fits() {
        let last = step_to("ended", 20, 2);
        let timeline = Timeline::new(vec![step_to("granted", 10, 1), retracted(last.clone(), true)]);
        let put_back = timeline.with(&cycle(), last.clone()).unwrap();
        assert_eq!(stages(&put_back), ["asked", "granted 2026-01-10", "ended 2026-01-20"]);
        let paused = timeline.with(&cycle(), step_to("paused", 15, 3)).unwrap();
        let illegal = paused.with(&cycle(), last).unwrap_err();
        assert_eq!(illegal.stage.as_str(), "paused");
    }

    #[test]
    fn of_several_steps_on_one_day_the_last_accepted_stays() {
        let timeline = Timeline::new(vec![
            step_to("ended", 10, 4),
            step_to("granted", 10, 3),
            step_to("granted", 10, 1),
            step_to("paused", 10, 2),
        ]);
        assert!(timeline.check(&cycle()).is_ok());
        assert_eq!(stages(&timeline), ["asked", "ended 2026-01-10"]);
    }

    #[test]
    fn acceptance_goes_by_revision_before_ordinal() {
        let mut earlier = step_to("granted", 10, 9);
        earlier.acceptance.revision = 0;
        let timeline = Timeline::new(vec![step_to("paused", 10, 1), earlier]);
        assert_eq!(stages(&timeline), ["asked", "paused 2026-01-10"]);
    }

    #[test]
    fn a_case_that_comes_under_another_workflow_is_judged_from_its_beginning() {
        let timeline = Timeline::new(vec![step_to("granted", 10, 1), step_to("paused", 20, 2)]);
        let narrower = workflow(&["asked", "granted", "paused"], &[("asked", "granted")]);
        let illegal = timeline.check(&narrower).unwrap_err();
        assert_eq!((illegal.stage.as_str(), illegal.to.as_str()), ("granted", "paused"));
    }

    const STAGES: [&str; 4] = ["s0", "s1", "s2", "s3"];

    fn workflows() -> impl Strategy<Value = Workflow> {
        let moves = proptest::sample::subsequence((0..16).collect::<Vec<usize>>(), 4..=16);
        moves.prop_map(|moves| {
            let moves: Vec<(&str, &str)> =
                moves.into_iter().map(|step| (STAGES[step / 4], STAGES[step % 4])).collect();
            workflow(&STAGES, &moves)
        })
    }

    /// Changes: a step to a stage on a day, or toggling the retraction of an earlier change's step.
    fn changes() -> impl Strategy<Value = Vec<(usize, u8, Option<usize>)>> {
        let earlier = proptest::option::weighted(0.4, 0..20_usize);
        proptest::collection::vec((0..4_usize, 1..=9_u8, earlier), 0..20)
    }

    fn changed(timeline: &Timeline, (to, on, earlier): (usize, u8, Option<usize>), ordinal: i64) -> Step {
        let steps = timeline.steps();
        match earlier {
            Some(earlier) if !steps.is_empty() => {
                let old = steps[earlier % steps.len()].clone();
                let flipped = !old.retracted;
                retracted(old, flipped)
            }
            _ => step_to(STAGES[to], on, ordinal),
        }
    }

    /// The steps after a change, recomputed from all that were accepted.
    fn naive(timeline: &Timeline, changed: &Step) -> Vec<Step> {
        let mut all = timeline.steps().to_vec();
        all.retain(|other| other.id != changed.id);
        all.push(changed.clone());
        all.retain(|step| !step.retracted);
        all.sort_by_key(|step| (step.date, step.acceptance));
        all
    }

    fn naive_is_legal(workflow: &Workflow, standing: &[Step]) -> bool {
        let entered = standing.iter().map(|step| &step.to);
        let left = std::iter::once(&workflow.initial).chain(entered.clone());
        left.zip(entered).all(|(from, to)| workflow.allows(from, to))
    }

    fn naive_stage<'a>(workflow: &'a Workflow, standing: &'a [Step], date: Date) -> &'a StageId {
        standing.iter().rfind(|step| step.date <= date).map_or(&workflow.initial, |step| &step.to)
    }

    proptest! {
        #[test]
        fn a_change_is_taken_just_when_what_stands_after_it_is_legal(
            workflow in workflows(),
            changes in changes(),
        ) {
            let mut timeline = Timeline::new(Vec::new());
            for (ordinal, change) in (0..).zip(changes) {
                let changed = changed(&timeline, change, ordinal);
                let standing = naive(&timeline, &changed);
                let outcome = timeline.with(&workflow, changed);
                prop_assert_eq!(outcome.is_ok(), naive_is_legal(&workflow, &standing));
                timeline = outcome.unwrap_or(timeline);
                prop_assert!(timeline.check(&workflow).is_ok());
            }
        }

        #[test]
        fn every_day_has_just_one_stage_and_it_is_that_of_the_latest_step(
            workflow in workflows(),
            changes in changes(),
        ) {
            let mut timeline = Timeline::new(Vec::new());
            for (ordinal, change) in (0..).zip(changes) {
                let changed = changed(&timeline, change, ordinal);
                timeline = timeline.with(&workflow, changed).unwrap_or(timeline);
            }
            let spans = timeline.spans(&workflow);
            let standing: Vec<Step> = timeline.standing().cloned().collect();
            for date in (1..=10).map(day) {
                let covering: Vec<&Span> = spans.iter().filter(|span| span.covers(date)).collect();
                prop_assert_eq!(covering.len(), 1);
                prop_assert_eq!(&covering[0].stage, naive_stage(&workflow, &standing, date));
                prop_assert_eq!(span_on(&spans, date), Some(covering[0]));
            }
        }
    }
}
