//! The accepted transitions of a case in order, and the stages they make.

use super::id::{StageId, TransitionId};
use super::refusal::IllegalMove;
use super::time::Date;
use super::transition::Transition;
use super::workflow::Workflow;

/// When a transition was accepted: ties on one effective date go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acceptance {
    /// The revision that first held it.
    pub revision: i64,
    /// Its place among the changes of that revision.
    pub ordinal: i64,
}

/// A transition and when it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The transition.
    pub transition: Transition,
    /// When it was accepted.
    pub acceptance: Acceptance,
}

impl Accepted {
    fn order(&self) -> (Date, Acceptance) {
        (self.transition.effective_on.date, self.acceptance)
    }
}

/// A stage and the dates between which it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The stage.
    pub stage: StageId,
    /// Its first day; `None` for the stage a case begins in.
    pub from: Option<Date>,
    /// The first day of the next stage; `None` if there is no next one.
    pub until: Option<Date>,
}

impl Span {
    /// Whether the stage is in effect on that day.
    #[must_use]
    pub fn covers(&self, date: Date) -> bool {
        self.from.is_none_or(|from| from <= date) && self.until.is_none_or(|until| date < until)
    }
}

/// Every transition of one case, in order of effective date, ties by acceptance.
#[derive(Clone, Debug)]
pub struct Timeline {
    accepted: Vec<Accepted>,
}

impl Timeline {
    /// The timeline of a case's transitions, in whatever order they come.
    #[must_use]
    pub fn new(mut accepted: Vec<Accepted>) -> Self {
        accepted.sort_by_key(Accepted::order);
        Self { accepted }
    }

    /// The transitions in order, the retracted ones among them.
    #[must_use]
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    fn standing(&self) -> impl DoubleEndedIterator<Item = &Accepted> {
        self.accepted
            .iter()
            .filter(|accepted| !accepted.transition.retracted)
    }

    /// The timeline with one transition put in, or put back in another state.
    ///
    /// # Errors
    ///
    /// [`IllegalMove`] if the step from the one before it, or from it to the one after it, is no move
    /// of the workflow; for a retraction, if the two it stood between do not follow each other.
    pub fn with(&self, workflow: &Workflow, changed: Accepted) -> Result<Self, IllegalMove> {
        let id = changed.transition.id.clone();
        let mut accepted: Vec<Accepted> = self
            .accepted
            .iter()
            .filter(|other| other.transition.id != id)
            .cloned()
            .collect();
        accepted.push(changed);
        let timeline = Self::new(accepted);
        timeline.check_around(workflow, &id)?;
        Ok(timeline)
    }

    fn check_around(&self, workflow: &Workflow, id: &TransitionId) -> Result<(), IllegalMove> {
        let Some(changed) = self
            .accepted
            .iter()
            .find(|accepted| accepted.transition.id == *id)
        else {
            return Ok(());
        };
        let before = self
            .standing()
            .rfind(|other| other.order() < changed.order())
            .map_or(&workflow.initial, |other| &other.transition.to);
        let after = self
            .standing()
            .find(|other| other.order() > changed.order())
            .map(|other| &other.transition.to);
        if changed.transition.retracted {
            return after.map_or(Ok(()), |after| step(workflow, before, after, None));
        }
        step(workflow, before, &changed.transition.to, after)
    }

    /// Checks every step against a workflow, for a case that comes under another one.
    ///
    /// # Errors
    ///
    /// The first [`IllegalMove`].
    pub fn check(&self, workflow: &Workflow) -> Result<(), IllegalMove> {
        let mut before = &workflow.initial;
        for accepted in self.standing() {
            step(workflow, before, &accepted.transition.to, None)?;
            before = &accepted.transition.to;
        }
        Ok(())
    }

    /// The stages the transitions make, from the beginning of time to its end, without gaps.
    #[must_use]
    pub fn spans(&self, workflow: &Workflow) -> Vec<Span> {
        let mut spans = vec![Span {
            stage: workflow.initial.clone(),
            from: None,
            until: None,
        }];
        for accepted in self.standing() {
            let date = accepted.transition.effective_on.date;
            if let Some(last) = spans.last_mut() {
                last.until = Some(date);
            }
            spans.push(Span {
                stage: accepted.transition.to.clone(),
                from: Some(date),
                until: None,
            });
        }
        // Of several transitions on one day the last accepted one stays; the others are never in effect.
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
        legal: workflow
            .successors(from)
            .filter(|stage| leads_on(stage))
            .cloned()
            .collect(),
    })
}
