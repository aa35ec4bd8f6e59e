//! The gates: which cases count at each, and whether where they stand permits the activity.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::citation::Citation;
use crate::domain::id::{AuthorityId, CompanyId};
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::{Date, Moment};
use crate::domain::workflow::Phase;

use super::answer::{Effect, GateFinding, Reason, ReasonCode};
use super::exporters::choose;
use super::matter::{Crossing, Matter};
use super::standing;

/// How all gates stand.
#[derive(Default)]
pub(super) struct Passage<'a> {
    pub(super) findings: Vec<GateFinding>,
    pub(super) reasons: Vec<Reason>,
    /// The open approvals that count in the question.
    pub(super) counting: Vec<&'a CaseOn>,
    /// What the findings rest on.
    pub(super) evidence: Vec<&'a [Citation]>,
}

impl<'a> Passage<'a> {
    /// How the gates of a question stand for who buys from an exporter, if cases differ by that.
    pub(super) fn of(matter: &Matter<'a>, exporter: Option<&'a CompanyId>) -> Self {
        let mut passage = Self::default();
        for crossing in &matter.crossings {
            passage.cross(matter, crossing, exporter);
        }
        passage
    }

    fn cross(&mut self, matter: &Matter<'a>, crossing: &Crossing<'a>, exporter: Option<&'a CompanyId>) {
        if crossing.authorities.is_empty() {
            return self.miss(crossing, None, no_authority(matter, crossing));
        }
        let records = matter.dossier.records;
        let (open, closed): (Vec<&CaseOn>, Vec<&CaseOn>) = matter
            .dossier
            .cases()
            .filter(|case| crossing.authorities.contains(&&case.approval.authority))
            .filter(|case| !records.is_superseded(&case.approval.id) && !is_set_aside(matter, case))
            .partition(|case| is_open(matter, case));
        let of = |case: &CaseOn, asked: Option<&CompanyId>| {
            let exporter = case.approval.exporter.as_ref();
            exporter.is_none() || asked.is_none() || exporter == asked
        };
        if open.is_empty() {
            let asked = matter.question.exporter.as_ref();
            return match latest(matter, closed.into_iter().filter(|case| of(case, asked))) {
                Some(case) => self.end(matter, crossing, case),
                None => self.miss(crossing, None, no_record(matter, crossing, None, exporter)),
            };
        }
        let mut by_authority: BTreeMap<&AuthorityId, (Vec<&CaseOn>, Vec<&CaseOn>)> = BTreeMap::new();
        for case in open {
            by_authority.entry(&case.approval.authority).or_default().0.push(case);
        }
        for case in closed {
            by_authority.entry(&case.approval.authority).or_default().1.push(case);
        }
        for (authority, (open, closed)) in by_authority {
            if open.is_empty() {
                // What this authority ended nobody else makes good: all must permit.
                let last = latest(matter, closed.into_iter().filter(|case| of(case, exporter)));
                if let Some(case) = last {
                    self.end(matter, crossing, case);
                }
                continue;
            }
            let choice = choose(open, exporter);
            // What ended a case without an exporter, another one that is open makes good.
            let is_general = !choice.cases.is_empty();
            for case in choice.cases {
                self.count(matter, crossing, case);
            }
            if !choice.lacks_own {
                continue;
            }
            let own =
                |case: &&CaseOn| of(case, exporter) && !(is_general && case.approval.exporter.is_none());
            let none = || no_record(matter, crossing, Some(authority), exporter);
            match latest(matter, closed.into_iter().filter(own)) {
                Some(case) => self.end(matter, crossing, case),
                None => self.miss(crossing, Some(authority), none()),
            }
        }
    }

    fn count(&mut self, matter: &Matter<'a>, crossing: &Crossing<'a>, case: &'a CaseOn) {
        self.findings.push(found(matter, crossing, case));
        self.reasons.extend(standing::reasons(matter, case));
        self.counting.push(case);
        self.evidence.push(&case.evidence);
    }

    fn end(&mut self, matter: &Matter<'a>, crossing: &Crossing<'a>, case: &'a CaseOn) {
        self.findings.push(found(matter, crossing, case));
        self.reasons.push(over(matter, case));
        self.evidence.push(&case.evidence);
    }

    fn miss(&mut self, crossing: &Crossing<'a>, authority: Option<&AuthorityId>, reason: Reason) {
        self.findings.push(GateFinding {
            gate: crossing.gate,
            jurisdiction: crossing.jurisdiction,
            authority: authority.cloned(),
            approval: None,
            stage: None,
            phase: None,
            since: None,
            disputed: false,
        });
        self.reasons.push(reason);
    }
}

fn found(matter: &Matter<'_>, crossing: &Crossing<'_>, case: &CaseOn) -> GateFinding {
    GateFinding {
        gate: crossing.gate,
        jurisdiction: crossing.jurisdiction,
        authority: Some(case.approval.authority.clone()),
        approval: Some(case.approval.id.clone()),
        stage: Some(case.standing.stage.clone()),
        phase: matter.dossier.records.stage_of(case).map(|stage| stage.phase),
        since: case.standing.since,
        disputed: case.standing.disputed,
    }
}

fn has_ended(matter: &Matter<'_>, case: &CaseOn) -> bool {
    matter.dossier.records.stage_of(case).is_some_and(|stage| stage.phase == Phase::Ended)
}

fn has_expired(matter: &Matter<'_>, case: &CaseOn) -> bool {
    case.approval.valid_until.is_some_and(|until| until <= matter.question.valid_at)
}

fn is_open(matter: &Matter<'_>, case: &CaseOn) -> bool {
    !has_ended(matter, case) && !has_expired(matter, case)
}

/// Whether a case counts, if it is at a gate: it is open, nothing takes its place, and it is not set aside.
pub(super) fn counts(matter: &Matter<'_>, case: &CaseOn) -> bool {
    is_current(matter, case) && !is_set_aside(matter, case)
}

fn is_current(matter: &Matter<'_>, case: &CaseOn) -> bool {
    is_open(matter, case) && !matter.dossier.records.is_superseded(&case.approval.id)
}

fn has_begun(matter: &Matter<'_>, case: &CaseOn) -> bool {
    case.approval.valid_from.is_none_or(|from| from <= matter.question.valid_at)
}

/// Whether a case is a renewal put on record ahead of time: its validity has not begun, and another case with the
/// same authority and exporter is valid. One that is named by what is entered in the ledger is told all the same.
fn is_set_aside(matter: &Matter<'_>, case: &CaseOn) -> bool {
    let is_alike = |other: &CaseOn| {
        other.approval.authority == case.approval.authority
            && other.approval.exporter == case.approval.exporter
    };
    let is_valid = |other: &CaseOn| has_begun(matter, other) && is_current(matter, other);
    is_open(matter, case)
        && !has_begun(matter, case)
        && !matter.names(case)
        && matter.dossier.cases().any(|other| is_alike(other) && is_valid(other))
}

/// The case that was over last: by the day it ended or expired, then by id.
fn latest<'a>(matter: &Matter<'_>, closed: impl Iterator<Item = &'a CaseOn>) -> Option<&'a CaseOn> {
    let over_on = |case: &CaseOn| -> Option<Date> {
        let expired = case.approval.valid_until.filter(|_| has_expired(matter, case));
        let ended = case.standing.since.filter(|_| has_ended(matter, case));
        // What had ended already does not end again when its validity runs out.
        ended.or(expired.map(Moment::date))
    };
    closed.max_by_key(|case| (over_on(case), &case.approval.id))
}

fn over(matter: &Matter<'_>, case: &CaseOn) -> Reason {
    let words = |text: fmt::Arguments<'_>| matter.telling.words(text);
    let (code, detail) = if has_ended(matter, case) {
        let stage = &case.standing.stage;
        let detail = words(format_args!("The last case at this gate is over; it ended at `{stage}`."));
        (ReasonCode::ApprovalEnded, detail)
    } else {
        let until = case.approval.valid_until.map(|until| until.to_string()).unwrap_or_default();
        let detail = words(format_args!("The last approval at this gate was valid until {until}."));
        (ReasonCode::ApprovalExpired, detail)
    };
    let authority = &case.approval.authority;
    let remedy = words(format_args!("A case filed anew with `{authority}` that reaches a permitting stage."));
    standing::about(matter, case, (code, Effect::Blocks), (detail, remedy))
}

fn no_authority(matter: &Matter<'_>, crossing: &Crossing<'_>) -> Reason {
    let Crossing { gate, jurisdiction, .. } = crossing;
    let words = |text: fmt::Arguments<'_>| matter.telling.words(text);
    Reason {
        code: ReasonCode::NoAuthority,
        effect: Effect::LeavesOpen,
        gate: Some(*gate),
        authority: None,
        subject: None,
        detail: words(format_args!("No authority of {jurisdiction} for {gate} is on record.")),
        evidence: Vec::new(),
        remedy: words(format_args!(
            "Put the authority of {jurisdiction} for {gate} on record, and the case there."
        )),
    }
}

fn no_record(
    matter: &Matter<'_>,
    crossing: &Crossing<'_>,
    authority: Option<&AuthorityId>,
    exporter: Option<&CompanyId>,
) -> Reason {
    let Crossing { gate, jurisdiction, .. } = crossing;
    let (company, chip) = (&matter.dossier.company.id, &matter.dossier.chip.id);
    let words = |text: fmt::Arguments<'_>| matter.telling.words(text);
    let from = exporter.map(|exporter| words(format_args!(" from `{exporter}`"))).unwrap_or_default();
    let at = authority.map(|authority| words(format_args!(" at `{authority}`"))).unwrap_or_default();
    Reason {
        code: ReasonCode::NoRecord,
        effect: Effect::LeavesOpen,
        gate: Some(*gate),
        authority: authority.cloned(),
        subject: authority.and(exporter).map(|exporter| ThingRef::new(Kind::Company, exporter.as_str())),
        detail: words(format_args!(
            "No case of `{company}` for `{chip}`{from} is on record{at} for {gate} ({jurisdiction})."
        )),
        evidence: Vec::new(),
        remedy: words(format_args!(
            "Put the case for {gate} ({jurisdiction}) on record, with the stage it has reached."
        )),
    }
}
