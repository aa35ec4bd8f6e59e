//! What is entered in the ledger: how it is held against what binds on its day.

use std::collections::BTreeSet;

use super::answer::Reason;
use crate::domain::id::ApprovalId;
use crate::domain::records::Dossier;
use crate::domain::time::{Date, Moment};

/// What is entered in the ledger, as far as it is not in the question that it puts.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The approval it draws on, if it names one.
    pub approval: Option<&'e ApprovalId>,
    /// The day it counts on.
    pub occurred_on: Date,
}

/// The moments before the last one of a stretch at which something else may bind than later: the first one, and
/// each at which a condition or the validity of an approval begins or ends. None if nothing does.
#[must_use]
pub fn turns(dossier: &Dossier<'_>, first: Moment, last: Moment) -> Vec<Moment> {
    let within: BTreeSet<Moment> = dossier.bounds().filter(|it| first < *it && *it <= last).collect();
    let mut moments: Vec<Moment> = std::iter::once(first).chain(within).collect();
    // From the last turn on it is as at the last moment.
    moments.pop();
    moments
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
