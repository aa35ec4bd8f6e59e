//! Transitions: what the register accepts as having happened to a case.

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
    /// When it took, or will take, effect.
    pub effective_on: Dated,
    /// Whether the register takes it back.
    pub retracted: bool,
    /// On whose word.
    pub citations: Vec<Citation>,
    /// Anything else worth knowing.
    pub note: Option<Note>,
}
