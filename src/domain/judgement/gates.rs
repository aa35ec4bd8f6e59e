//! The gates: which cases count at each, and whether their stages permit the activity.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::citation::Citation;
use crate::domain::id::{AuthorityId, CompanyId};
use crate::domain::records::CaseOn;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::{Date, Moment};
use crate::domain::workflow::Phase;

use super::answer::{Effect, GateFinding, Reason, ReasonCode};
use super::context::{Context, GateCheck};
use super::exporters::choose;
use super::standing;

/// The state of all gates.
#[derive(Default)]
pub(super) struct GateResults<'a> {
    pub(super) findings: Vec<GateFinding>,
    pub(super) reasons: Vec<Reason>,
    /// The open approvals that count for the question.
    pub(super) counting: Vec<&'a CaseOn>,
    /// The evidence for the findings.
    pub(super) evidence: Vec<&'a [Citation]>,
}

impl<'a> GateResults<'a> {
    /// The state of a question's gates for purchases from one exporter.
    pub(super) fn of(context: &Context<'a>, exporter: Option<&'a CompanyId>) -> Self {
        let mut results = Self::default();
        for check in &context.checks {
            results.judge_gate(context, check, exporter);
        }
        results
    }

    fn judge_gate(&mut self, context: &Context<'a>, check: &GateCheck<'a>, exporter: Option<&'a CompanyId>) {
        if check.authorities.is_empty() {
            return self.add_missing(check, None, no_authority(context, check));
        }
        let records = context.dossier.records;
        let (open, closed): (Vec<&CaseOn>, Vec<&CaseOn>) = context
            .dossier
            .cases()
            .filter(|case| check.authorities.contains(&&case.approval.authority))
            .filter(|case| !records.is_superseded(&case.approval.id) && !is_set_aside(context, case))
            .partition(|case| is_open(context, case));
        let of = |case: &CaseOn, asked: Option<&CompanyId>| {
            let exporter = case.approval.exporter.as_ref();
            exporter.is_none() || asked.is_none() || exporter == asked
        };
        if open.is_empty() {
            let asked = context.question.exporter.as_ref();
            return match latest(context, closed.into_iter().filter(|case| of(case, asked))) {
                Some(case) => self.add_ended(context, check, case),
                None => self.add_missing(check, None, no_record(context, check, None, exporter)),
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
                // All authorities must permit, so no other one makes up for a case this one ended.
                let last = latest(context, closed.into_iter().filter(|case| of(case, exporter)));
                if let Some(case) = last {
                    self.add_ended(context, check, case);
                }
                continue;
            }
            let choice = choose(open, exporter);
            // An open case makes up for an ended one without an exporter, but not for an ended licence of the
            // exporter asked about.
            let is_general = !choice.cases.is_empty();
            let own =
                |case: &&CaseOn| of(case, exporter) && !(is_general && case.approval.exporter.is_none());
            for case in choice.cases {
                self.add_counting(context, check, case);
            }
            if choice.has_own || exporter.is_none() {
                continue;
            }
            if let Some(case) = latest(context, closed.into_iter().filter(own)) {
                self.add_ended(context, check, case);
            } else if choice.of_others {
                let none = no_record(context, check, Some(authority), exporter);
                self.add_missing(check, Some(authority), none);
            }
        }
    }

    fn add_counting(&mut self, context: &Context<'a>, check: &GateCheck<'a>, case: &'a CaseOn) {
        self.findings.push(found(context, check, case));
        self.reasons.extend(standing::reasons(context, case));
        self.counting.push(case);
        self.evidence.push(&case.evidence);
    }

    fn add_ended(&mut self, context: &Context<'a>, check: &GateCheck<'a>, case: &'a CaseOn) {
        self.findings.push(found(context, check, case));
        self.reasons.push(over(context, case));
        self.evidence.push(&case.evidence);
    }

    fn add_missing(&mut self, check: &GateCheck<'a>, authority: Option<&AuthorityId>, reason: Reason) {
        self.findings.push(GateFinding {
            gate: check.gate,
            jurisdiction: check.jurisdiction,
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

fn found(context: &Context<'_>, check: &GateCheck<'_>, case: &CaseOn) -> GateFinding {
    GateFinding {
        gate: check.gate,
        jurisdiction: check.jurisdiction,
        authority: Some(case.approval.authority.clone()),
        approval: Some(case.approval.id.clone()),
        stage: Some(case.standing.stage.clone()),
        phase: context.dossier.records.stage_of(case).map(|stage| stage.phase),
        since: case.standing.since,
        disputed: case.standing.disputed,
    }
}

fn has_ended(context: &Context<'_>, case: &CaseOn) -> bool {
    context.dossier.records.stage_of(case).is_some_and(|stage| stage.phase == Phase::Ended)
}

fn has_expired(context: &Context<'_>, case: &CaseOn) -> bool {
    case.approval.valid_until.is_some_and(|until| until <= context.question.valid_at)
}

fn is_open(context: &Context<'_>, case: &CaseOn) -> bool {
    !has_ended(context, case) && !has_expired(context, case)
}

/// Whether a case counts if it is at a gate: it is open, not superseded and not set aside.
pub(super) fn counts(context: &Context<'_>, case: &CaseOn) -> bool {
    is_current(context, case) && !is_set_aside(context, case)
}

fn is_current(context: &Context<'_>, case: &CaseOn) -> bool {
    is_open(context, case) && !context.dossier.records.is_superseded(&case.approval.id)
}

fn has_begun(context: &Context<'_>, case: &CaseOn) -> bool {
    case.approval.valid_from.is_none_or(|from| from <= context.question.valid_at)
}

/// Whether a case is a renewal recorded in advance: its validity has not begun, and another case of the same
/// authority and exporter is valid. A case that the movement being entered names is not set aside.
fn is_set_aside(context: &Context<'_>, case: &CaseOn) -> bool {
    let is_alike = |other: &CaseOn| {
        other.approval.authority == case.approval.authority
            && other.approval.exporter == case.approval.exporter
    };
    let is_valid = |other: &CaseOn| has_begun(context, other) && is_current(context, other);
    is_open(context, case)
        && !has_begun(context, case)
        && !context.names(case)
        && context.dossier.cases().any(|other| is_alike(other) && is_valid(other))
}

/// The case that ended or expired last, then the last by id.
fn latest<'a>(context: &Context<'_>, closed: impl Iterator<Item = &'a CaseOn>) -> Option<&'a CaseOn> {
    let over_on = |case: &CaseOn| -> Option<Date> {
        let expired = case.approval.valid_until.filter(|_| has_expired(context, case));
        let ended = case.standing.since.filter(|_| has_ended(context, case));
        // A case that has ended does not expire again later.
        ended.or(expired.map(Moment::date))
    };
    closed.max_by_key(|case| (over_on(case), &case.approval.id))
}

fn over(context: &Context<'_>, case: &CaseOn) -> Reason {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let (code, detail) = if has_ended(context, case) {
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
    standing::about(context, case, (code, Effect::Blocks), (detail, remedy))
}

fn no_authority(context: &Context<'_>, check: &GateCheck<'_>) -> Reason {
    let GateCheck { gate, jurisdiction, .. } = check;
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
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
    context: &Context<'_>,
    check: &GateCheck<'_>,
    authority: Option<&AuthorityId>,
    exporter: Option<&CompanyId>,
) -> Reason {
    let GateCheck { gate, jurisdiction, .. } = check;
    let (company, chip) = (&context.dossier.company.id, &context.dossier.chip.id);
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
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
