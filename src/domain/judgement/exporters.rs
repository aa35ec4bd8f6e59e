//! Choice of exporter: a company needs the licences of only one exporter, the same at every authority.

use std::collections::BTreeSet;

use crate::domain::id::CompanyId;
use crate::domain::records::CaseOn;

use super::context::Context;
use super::gates;

/// Which of the open cases at one authority count.
pub(super) struct Choice<'a> {
    pub(super) cases: Vec<&'a CaseOn>,
    /// Whether there are licences of the exporter in question, and of others.
    pub(super) has_own: bool,
    pub(super) of_others: bool,
}

/// Exporters to try: the one asked for, else all that open cases name, by id; `[None]` if none is named.
pub(super) fn alternatives<'a>(context: &Context<'a>) -> Vec<Option<&'a CompanyId>> {
    if let Some(named) = &context.question.exporter {
        return vec![Some(named)];
    }
    let at_gates = context.dossier.cases().filter(|case| context.gate_of(&case.approval.authority).is_some());
    let counting = at_gates.filter(|case| gates::counts(context, case));
    let named: BTreeSet<_> = counting.filter_map(|case| case.approval.exporter.as_ref()).collect();
    if named.is_empty() { vec![None] } else { named.into_iter().map(Some).collect() }
}

/// Selects the cases without an exporter, and those of the exporter in question.
pub(super) fn choose<'a>(open: Vec<&'a CaseOn>, exporter: Option<&'a CompanyId>) -> Choice<'a> {
    let (general, named): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|case| case.approval.exporter.is_none());
    let (own, others): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|case| case.approval.exporter.as_ref() == exporter);
    let (has_own, of_others) = (!own.is_empty(), !others.is_empty());
    Choice { cases: [general, own].concat(), has_own, of_others }
}
