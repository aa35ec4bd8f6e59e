//! What every part of a judgement looks at: the dossier, the question, and the gates it leads through.

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
    /// Everything that a person is to read.
    Full,
    /// As little as possible: only codes and figures are asked for, and nobody reads texts or evidence.
    CodesOnly,
}

impl Detail {
    /// A text, if it is to be read.
    pub(super) fn words(self, text: fmt::Arguments<'_>) -> String {
        match self {
            Self::Full => text.to_string(),
            Self::CodesOnly => String::new(),
        }
    }

    /// Evidence, if it is to be read.
    pub(super) fn evidence(self, evidence: &[Citation]) -> Vec<Citation> {
        match self {
            Self::Full => evidence.to_vec(),
            Self::CodesOnly => Vec::new(),
        }
    }
}

/// A gate that the chip passes, and the authorities on record that guard it.
pub(super) struct GateCheck<'a> {
    pub(super) gate: Gate,
    pub(super) jurisdiction: Jurisdiction,
    pub(super) authorities: Vec<&'a AuthorityId>,
}

/// A question, together with what it is judged on.
pub(super) struct Context<'a> {
    pub(super) dossier: Dossier<'a>,
    pub(super) question: &'a Question,
    /// What is entered in the ledger, if that is what is asked about.
    pub(super) entry: Option<Entry<'a>>,
    /// How much of the answer is put into words.
    pub(super) wording: Detail,
    pub(super) checks: Vec<GateCheck<'a>>,
    /// What the pair's movements add up to, looked up once.
    pub(super) holding: Option<&'a Holding>,
}

impl<'a> Context<'a> {
    /// The context of a question. A chip designed where it goes is domestic there and passes no gate; any other
    /// passes the export gate of its origin and the import gate of its destination.
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

    /// The authorities that are asked, whether or not they have a case of the pair.
    pub(super) fn authorities(&self) -> impl Iterator<Item = &'a AuthorityId> {
        self.checks.iter().flat_map(|check| check.authorities.iter().copied())
    }

    /// Whether a scope governs the question, in which these approvals count: every part it names must match.
    pub(super) fn governs(&self, scope: &Scope, counting: &[&CaseOn]) -> bool {
        let counts = |approval: &ApprovalId| counting.iter().any(|case| case.approval.id == *approval);
        self.dossier.is_within(scope)
            && scope.approval.as_ref().is_none_or(counts)
            && scope.authority.as_ref().is_none_or(|authority| self.gate_of(authority).is_some())
    }

    /// The UTC date of the valid moment, which dates in the world are compared with.
    pub(super) fn today(&self) -> Date {
        self.question.valid_at.date()
    }

    /// Whether what is entered names a case, and so counts on it however that stands.
    pub(super) fn names(&self, case: &CaseOn) -> bool {
        self.entry.and_then(|entry| entry.approval) == Some(&case.approval.id)
    }

    /// Whether what is entered occurred in another period than the one that is counted at the valid moment.
    pub(super) fn is_of_another(&self, period: Period) -> bool {
        self.entry.is_some_and(|entry| period.first(entry.occurred_on) != period.first(self.today()))
    }

    /// The gate that an authority guards in this question.
    pub(super) fn gate_of(&self, authority: &AuthorityId) -> Option<Gate> {
        let guarded = |check: &&GateCheck<'a>| check.authorities.contains(&authority);
        self.checks.iter().find(guarded).map(|check| check.gate)
    }

    /// Whether a source is past its freshness limit; one that is not on record is, since nobody can tell.
    pub(super) fn is_stale(&self, source: &SourceId) -> bool {
        self.dossier.records.is_stale(source)
    }

    /// Whether there is evidence, all of it from stale sources. Our own record has no source and is fresh.
    pub(super) fn rests_on_stale(&self, evidence: &[Citation]) -> bool {
        !evidence.is_empty()
            && evidence.iter().all(|citation| citation.source().is_some_and(|source| self.is_stale(source)))
    }
}
