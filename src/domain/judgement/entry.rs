//! What is entered in the ledger: how it is held against what binds on its day.

use super::answer::Reason;
use crate::domain::id::ApprovalId;
use crate::domain::time::Date;

/// What is entered in the ledger, as far as it is not in the question that it puts.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The approval it draws on, if it names one.
    pub approval: Option<&'e ApprovalId>,
    /// The day it counts on.
    pub occurred_on: Date,
}

/// Adds reasons to others, but for those that are told already: the same code, about the same.
pub fn join(told: &mut Vec<Reason>, more: impl IntoIterator<Item = Reason>) {
    for reason in more {
        let about = |it: &Reason| (it.code, it.effect, it.gate, it.authority.clone(), it.subject.clone());
        if told.iter().all(|it| about(it) != about(&reason)) {
            told.push(reason);
        }
    }
    told.sort_by(|one, other| one.rank().cmp(&other.rank()));
}
