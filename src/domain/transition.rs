//! Transitions: accepted steps of a case from stage to stage.

use super::citation::Citation;
use super::id::{ApprovalId, StageId, TransitionId};
use super::text::Note;
use super::time::Dated;

/// A step of a case to another stage. It can be retracted, never edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its id.
    pub id: TransitionId,
    /// The case.
    pub approval: ApprovalId,
    /// The stage entered.
    pub to: StageId,
    /// The date it takes effect.
    pub effective_on: Dated,
    /// Whether it is retracted.
    pub retracted: bool,
    /// The evidence.
    pub citations: Vec<Citation>,
    /// Anything else worth knowing.
    pub note: Option<Note>,
}
