//! Several exporters at one authority: a company needs the licence of only one of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::id::CompanyId;
use crate::domain::records::CaseOn;

use super::answer::Effect;
use super::limits::{Room, room_of};
use super::matter::Matter;
use super::{conditions, limits, standing};

/// Which of the open cases at one authority count.
pub(super) struct Choice<'a> {
    pub(super) cases: Vec<&'a CaseOn>,
    /// The exporter the question names, if there are licences of others and none of this one.
    pub(super) missing: Option<&'a CompanyId>,
}

/// Cases without an exporter always count. Of the others those of the exporter that the question names do; if it
/// names none, those of the exporter they speak least against.
pub(super) fn choose<'a>(matter: &Matter<'a>, open: &[&'a CaseOn]) -> Choice<'a> {
    let mut cases = Vec::new();
    let mut alternatives: BTreeMap<&CompanyId, Vec<&CaseOn>> = BTreeMap::new();
    for case in open {
        match &case.approval.exporter {
            None => cases.push(*case),
            Some(exporter) => alternatives.entry(exporter).or_default().push(case),
        }
    }
    let mut missing = None;
    match &matter.question.exporter {
        _ if alternatives.is_empty() => {}
        Some(exporter) => match alternatives.remove(exporter) {
            Some(licences) => cases.extend(licences),
            None => missing = Some(exporter),
        },
        None => cases.extend(best(matter, alternatives)),
    }
    Choice { cases, missing }
}

/// The alternative with the fewest reasons that block, then the fewest that leave open, then the most room, then
/// the first id.
fn best<'a>(matter: &Matter<'a>, alternatives: BTreeMap<&CompanyId, Vec<&'a CaseOn>>) -> Vec<&'a CaseOn> {
    if alternatives.len() == 1 {
        return alternatives.into_values().flatten().collect();
    }
    let ranked = alternatives.into_values().map(|cases| (rank(matter, &cases), cases));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, cases)| cases).unwrap_or_default()
}

fn rank(matter: &Matter<'_>, cases: &[&CaseOn]) -> (usize, usize, Reverse<i128>) {
    let bound: Vec<_> = cases
        .iter()
        .flat_map(|case| matter.dossier.records.conditions_on(&case.approval.id))
        .filter(|condition| matter.governs(&condition.scope, cases))
        .collect();
    let reasons = cases
        .iter()
        .flat_map(|case| standing::reasons(matter, case).into_iter().chain(limits::authorised(matter, case)))
        .chain(bound.iter().filter_map(|condition| conditions::judged(matter, condition).1));
    let (mut blocking, mut open) = (0, 0);
    for reason in reasons {
        match reason.effect {
            Effect::Blocks => blocking += 1,
            Effect::LeavesOpen => open += 1,
            Effect::Advises => {}
        }
    }
    let limits = limits::known(matter, &bound, cases, matter.question.activity);
    (blocking, open, Reverse(room_of(&limits).map_or(i128::MAX, Room::most)))
}
