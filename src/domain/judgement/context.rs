//! The input to every part of a judgement: the dossier, the question, and the gates the chip passes.

use std::fmt;

use crate::domain::authority::Gate;
use crate::domain::citation::Citation;
use crate::domain::condition::{Period, Scope};
use crate::domain::holding::Holding;
use crate::domain::id::{ApprovalId, AuthorityId, SourceId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::records::{CaseOn, Dossier};
use crate::domain::time::Date;

use super::entry::Entry;
use super::question::Question;

/// How much of an answer is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// All texts and evidence.
    Full,
    /// Codes and figures only; texts and evidence stay empty.
    CodesOnly,
}

impl Detail {
    /// Formats a text, if texts are wanted.
    pub(super) fn words(self, text: fmt::Arguments<'_>) -> String {
        match self {
            Self::Full => text.to_string(),
            Self::CodesOnly => String::new(),
        }
    }

    /// Clones evidence, if evidence is wanted.
    pub(super) fn evidence(self, evidence: &[Citation]) -> Vec<Citation> {
        match self {
            Self::Full => evidence.to_vec(),
            Self::CodesOnly => Vec::new(),
        }
    }
}

/// A gate that the chip passes, and the authorities on record for it.
pub(super) struct GateCheck<'a> {
    pub(super) gate: Gate,
    pub(super) jurisdiction: Jurisdiction,
    pub(super) authorities: Vec<&'a AuthorityId>,
}

/// A question and the records it is judged on.
pub(super) struct Context<'a> {
    pub(super) dossier: Dossier<'a>,
    pub(super) question: &'a Question,
    /// The movement being entered, if the question is about one.
    pub(super) entry: Option<Entry<'a>>,
    /// How much of the answer is put into words.
    pub(super) wording: Detail,
    pub(super) checks: Vec<GateCheck<'a>>,
    /// The sums of the pair's movements, looked up once.
    pub(super) holding: Option<&'a Holding>,
}

impl<'a> Context<'a> {
    /// Builds the context of a question. A chip whose origin is the destination is domestic and passes no
    /// gate; any other passes the export gate of its origin and the import gate of its destination.
    pub(super) fn new(dossier: Dossier<'a>, question: &'a Question, wording: Detail) -> Self {
        let origin = dossier.chip.origin;
        let destination = question.destination.unwrap_or(dossier.company.jurisdiction);
        let check = |gate, jurisdiction| GateCheck {
            gate,
            jurisdiction,
            authorities: dossier.records.guards(gate, jurisdiction).collect(),
        };
        let checks = if origin == destination {
            Vec::new()
        } else {
            vec![check(Gate::Export, origin), check(Gate::Import, destination)]
        };
        Self { dossier, question, entry: None, wording, checks, holding: dossier.holding() }
    }

    /// The authorities at the gates, whether or not they have a case of the pair.
    pub(super) fn authorities(&self) -> impl Iterator<Item = &'a AuthorityId> {
        self.checks.iter().flat_map(|check| check.authorities.iter().copied())
    }

    /// Whether every part named in a scope matches the question, given the approvals that count.
    pub(super) fn governs(&self, scope: &Scope, counting: &[&CaseOn]) -> bool {
        let counts = |approval: &ApprovalId| counting.iter().any(|case| case.approval.id == *approval);
        self.dossier.is_within(scope)
            && scope.approval.as_ref().is_none_or(counts)
            && scope.authority.as_ref().is_none_or(|authority| self.gate_of(authority).is_some())
    }

    /// The UTC date of the valid moment.
    pub(super) fn today(&self) -> Date {
        self.question.valid_at.date()
    }

    /// Whether the movement being entered names a case; it then counts on it whatever its state.
    pub(super) fn names(&self, case: &CaseOn) -> bool {
        self.entry.and_then(|entry| entry.approval) == Some(&case.approval.id)
    }

    /// Whether the movement being entered occurred in another period than that of the valid moment.
    pub(super) fn is_of_another(&self, period: Period) -> bool {
        self.entry.is_some_and(|entry| period.first(entry.occurred_on) != period.first(self.today()))
    }

    /// The gate of an authority in this question.
    pub(super) fn gate_of(&self, authority: &AuthorityId) -> Option<Gate> {
        let guarded = |check: &&GateCheck<'a>| check.authorities.contains(&authority);
        self.checks.iter().find(guarded).map(|check| check.gate)
    }

    /// Whether a source is past its freshness limit; a source not on record is.
    pub(super) fn is_stale(&self, source: &SourceId) -> bool {
        self.dossier.records.is_stale(source)
    }

    /// Whether there is evidence and all of it is stale. Evidence without a source is the register's own and
    /// fresh.
    pub(super) fn rests_on_stale(&self, evidence: &[Citation]) -> bool {
        !evidence.is_empty()
            && evidence.iter().all(|citation| citation.source().is_some_and(|source| self.is_stale(source)))
    }
}
