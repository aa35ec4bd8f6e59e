//! Movements being entered, and the moments at which the rules of their day change.

use std::collections::BTreeSet;

use super::answer::Reason;
use crate::domain::id::ApprovalId;
use crate::domain::records::Dossier;
use crate::domain::time::{Date, Moment};

/// A movement being entered: what its question does not contain.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The approval it draws on, if it names one.
    pub approval: Option<&'e ApprovalId>,
    /// The date it counts on.
    pub occurred_on: Date,
}

/// The moments from `first` to before `last` at which the rules may differ from those at `last`: `first`
/// itself and every moment when a condition or an approval's validity begins or ends. Empty if nothing
/// changes.
#[must_use]
pub fn turns(dossier: &Dossier<'_>, first: Moment, last: Moment) -> Vec<Moment> {
    let within: BTreeSet<Moment> = dossier.bounds().filter(|it| first < *it && *it <= last).collect();
    let mut moments: Vec<Moment> = std::iter::once(first).chain(within).collect();
    // From the last change on, the rules are those at `last`.
    moments.pop();
    moments
}

/// Adds reasons, skipping those with the same code and subject as one present.
pub fn join(reasons: &mut Vec<Reason>, more: impl IntoIterator<Item = Reason>) {
    for reason in more {
        let about = |it: &Reason| (it.code, it.effect, it.gate, it.authority.clone(), it.subject.clone());
        if reasons.iter().all(|it| about(it) != about(&reason)) {
            reasons.push(reason);
        }
    }
    reasons.sort_by(|one, other| one.rank().cmp(&other.rank()));
}
