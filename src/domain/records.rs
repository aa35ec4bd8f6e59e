//! The records that judgements need, in memory and indexed.
//!
//! Records are loaded once, at one revision and for one valid moment, which case stages and period sums refer
//! to. Every pair of a company and a chip can then be judged on them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::approval::{Approval, Standing};
use super::authority::{Authority, Gate};
use super::chip::Chip;
use super::citation::Citation;
use super::company::Company;
use super::condition::{Condition, Scope};
use super::holding::Holding;
use super::id::{ApprovalId, AuthorityId, ChipId, CompanyId, ConditionId, SourceId, WorkflowId};
use super::jurisdiction::Jurisdiction;
use super::time::Moment;
use super::workflow::{Stage, Workflow};

/// An approval and its state at the valid moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOn {
    /// The approval.
    pub approval: Approval,
    /// Its state.
    pub standing: Standing,
    /// The citations of the transition into the stage; empty for a case's initial stage.
    pub evidence: Vec<Citation>,
}

/// The most selective part of a scope, used as the index key of its condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Narrowest {
    Approval(ApprovalId),
    Pair(CompanyId, ChipId),
    Company(CompanyId),
    Chip(ChipId),
    Authority(AuthorityId),
}

impl Narrowest {
    fn of(scope: &Scope) -> Option<Self> {
        let approval = scope.approval.clone().map(Self::Approval);
        let holder = match (&scope.company, &scope.chip) {
            (Some(company), Some(chip)) => Some(Self::Pair(company.clone(), chip.clone())),
            (Some(company), None) => Some(Self::Company(company.clone())),
            (None, Some(chip)) => Some(Self::Chip(chip.clone())),
            (None, None) => None,
        };
        approval.or(holder).or_else(|| scope.authority.clone().map(Self::Authority))
    }
}

/// The records that judgements need.
#[derive(Clone, Debug, Default)]
pub struct Records {
    companies: BTreeMap<CompanyId, Company>,
    chips: BTreeMap<ChipId, Chip>,
    authorities: BTreeMap<AuthorityId, Authority>,
    guards: HashMap<(Gate, Jurisdiction), BTreeSet<AuthorityId>>,
    workflows: HashMap<WorkflowId, Workflow>,
    fresh: HashSet<SourceId>,
    cases: HashMap<CompanyId, HashMap<ChipId, BTreeMap<ApprovalId, CaseOn>>>,
    superseded: BTreeSet<ApprovalId>,
    conditions: Vec<Condition>,
    places: HashMap<ConditionId, usize>,
    governing: HashMap<Narrowest, Vec<usize>>,
    holdings: HashMap<CompanyId, BTreeMap<ChipId, Holding>>,
}

/// The records that concern one company and one chip.
#[derive(Clone, Copy, Debug)]
pub struct Dossier<'a> {
    /// All records.
    pub records: &'a Records,
    /// The company asked about.
    pub company: &'a Company,
    /// The chip asked about.
    pub chip: &'a Chip,
}

impl Records {
    /// Adds a company.
    pub fn insert_company(&mut self, company: Company) {
        self.companies.insert(company.id.clone(), company);
    }

    /// Adds a chip.
    pub fn insert_chip(&mut self, chip: Chip) {
        self.chips.insert(chip.id.clone(), chip);
    }

    /// Adds an authority.
    pub fn insert_authority(&mut self, authority: Authority) {
        let gate = (authority.gate, authority.jurisdiction);
        self.guards.entry(gate).or_default().insert(authority.id.clone());
        self.authorities.insert(authority.id.clone(), authority);
    }

    /// Adds a workflow.
    pub fn insert_workflow(&mut self, workflow: Workflow) {
        self.workflows.insert(workflow.id.clone(), workflow);
    }

    /// Marks a source as fresh at the valid moment. All others count as stale.
    pub fn insert_fresh(&mut self, source: SourceId) {
        self.fresh.insert(source);
    }

    /// The sources that these cases and conditions cite.
    #[must_use]
    pub fn cited(&self) -> BTreeSet<&SourceId> {
        let cases = self.cases.values().flat_map(HashMap::values).flat_map(BTreeMap::values);
        let of_cases = cases.flat_map(|case| {
            let quantities = &case.approval.quantities;
            case.evidence.iter().chain(quantities.iter().flat_map(|quantity| &quantity.citations))
        });
        let of_conditions = self.conditions.iter().flat_map(|condition| &condition.citations);
        of_cases.chain(of_conditions).filter_map(Citation::source).collect()
    }

    /// Marks an approval as superseded by another one on record; it no longer counts.
    pub fn insert_superseded(&mut self, approval: ApprovalId) {
        self.superseded.insert(approval);
    }

    /// Adds a case, open or not.
    pub fn insert_case(&mut self, case: CaseOn) {
        let approval = &case.approval;
        self.cases
            .entry(approval.company.clone())
            .or_default()
            .entry(approval.chip.clone())
            .or_default()
            .insert(approval.id.clone(), case);
    }

    /// The case with this id, for an assumption.
    pub(super) fn case_mut(
        &mut self,
        company: &CompanyId,
        chip: &ChipId,
        id: &ApprovalId,
    ) -> Option<&mut CaseOn> {
        self.cases.get_mut(company)?.get_mut(chip)?.get_mut(id)
    }

    /// Adds a condition, whether or not it is in force. Each is added once.
    pub fn insert_condition(&mut self, condition: Condition) {
        let place = self.conditions.len();
        if let Some(narrowest) = Narrowest::of(&condition.scope) {
            self.governing.entry(narrowest).or_default().push(place);
        }
        self.places.insert(condition.id.clone(), place);
        self.conditions.push(condition);
    }

    /// Adds the sums of a company's movements of a chip.
    pub fn insert_holding(&mut self, holding: Holding) {
        self.holdings.entry(holding.company.clone()).or_default().insert(holding.chip.clone(), holding);
    }

    /// The records that concern a company and a chip, if both are on record.
    #[must_use]
    pub fn dossier(&self, company: &CompanyId, chip: &ChipId) -> Option<Dossier<'_>> {
        Some(Dossier { records: self, company: self.companies.get(company)?, chip: self.chips.get(chip)? })
    }

    /// Every chip, by id.
    pub fn chips(&self) -> impl Iterator<Item = &Chip> {
        self.chips.values()
    }

    /// The company with this id.
    #[must_use]
    pub fn company(&self, id: &CompanyId) -> Option<&Company> {
        self.companies.get(id)
    }

    /// The chip with this id.
    #[must_use]
    pub fn chip(&self, id: &ChipId) -> Option<&Chip> {
        self.chips.get(id)
    }

    /// The authority with this id.
    #[must_use]
    pub fn authority(&self, id: &AuthorityId) -> Option<&Authority> {
        self.authorities.get(id)
    }

    /// The condition with this id.
    #[must_use]
    pub fn condition(&self, id: &ConditionId) -> Option<&Condition> {
        self.conditions.get(*self.places.get(id)?)
    }

    /// The condition with this id, for an assumption, which must keep its id and scope.
    pub(super) fn condition_mut(&mut self, id: &ConditionId) -> Option<&mut Condition> {
        self.conditions.get_mut(*self.places.get(id)?)
    }

    /// The conditions whose scope names this approval.
    pub fn conditions_on(&self, approval: &ApprovalId) -> impl Iterator<Item = &Condition> + use<'_> {
        self.found_by(&Narrowest::Approval(approval.clone()))
    }

    fn found_by(&self, narrowest: &Narrowest) -> impl Iterator<Item = &Condition> + use<'_> {
        let places = self.governing.get(narrowest);
        places.into_iter().flatten().filter_map(|place| self.conditions.get(*place))
    }

    /// Whether a source is past its freshness limit at the valid moment.
    #[must_use]
    pub fn is_stale(&self, source: &SourceId) -> bool {
        !self.fresh.contains(source)
    }

    /// The authorities at a gate of a jurisdiction, by id.
    pub fn guards(&self, gate: Gate, jurisdiction: Jurisdiction) -> impl Iterator<Item = &AuthorityId> {
        self.guards.get(&(gate, jurisdiction)).into_iter().flatten()
    }

    /// Whether another approval on record supersedes this one.
    #[must_use]
    pub fn is_superseded(&self, approval: &ApprovalId) -> bool {
        self.superseded.contains(approval)
    }

    /// The workflow of a case.
    #[must_use]
    pub fn workflow_of(&self, case: &CaseOn) -> Option<&Workflow> {
        self.workflows.get(&self.authority(&case.approval.authority)?.workflow)
    }

    /// The current stage of a case.
    #[must_use]
    pub fn stage_of(&self, case: &CaseOn) -> Option<&Stage> {
        self.workflow_of(case)?.stage(&case.standing.stage)
    }

    /// The chips a company has movements of, by id, with their sums.
    pub fn holdings(&self, company: &CompanyId) -> impl Iterator<Item = (&ChipId, &Holding)> {
        self.holdings.get(company).into_iter().flatten()
    }
}

impl<'a> Dossier<'a> {
    /// The cases of the pair, by id.
    pub fn cases(&self) -> impl Iterator<Item = &'a CaseOn> + use<'a> {
        let of_company = self.records.cases.get(&self.company.id);
        of_company.and_then(|cases| cases.get(&self.chip.id)).into_iter().flat_map(BTreeMap::values)
    }

    /// The moments at which the validity of a case of the pair, or a condition, begins or ends.
    pub fn bounds(&self) -> impl Iterator<Item = Moment> {
        let of_cases = self.cases().flat_map(|case| [case.approval.valid_from, case.approval.valid_until]);
        let conditions = self.records.conditions.iter();
        let of_conditions =
            conditions.flat_map(|condition| [condition.in_force_from, condition.in_force_until]);
        of_cases.chain(of_conditions).flatten()
    }

    /// The case of the pair with this id.
    #[must_use]
    pub fn case(&self, id: &ApprovalId) -> Option<&'a CaseOn> {
        self.records.cases.get(&self.company.id)?.get(&self.chip.id)?.get(id)
    }

    /// The sums of the pair's movements; `None` if there are none.
    #[must_use]
    pub fn holding(&self) -> Option<&'a Holding> {
        self.holding_of(&self.chip.id)
    }

    /// The conditions whose scope names no approval and matches the pair and one of these authorities.
    pub fn conditions<'q>(
        &self,
        authorities: impl Iterator<Item = &'q AuthorityId>,
    ) -> impl Iterator<Item = &'a Condition> {
        let (company, chip) = (&self.company.id, &self.chip.id);
        let records = self.records;
        [
            Narrowest::Pair(company.clone(), chip.clone()),
            Narrowest::Company(company.clone()),
            Narrowest::Chip(chip.clone()),
        ]
        .into_iter()
        .chain(authorities.cloned().map(Narrowest::Authority))
        .flat_map(move |narrowest| records.found_by(&narrowest))
    }

    /// The sums of the company's movements of a chip; `None` if there are none.
    #[must_use]
    pub fn holding_of(&self, chip: &ChipId) -> Option<&'a Holding> {
        self.records.holdings.get(&self.company.id)?.get(chip)
    }

    /// Whether a scope's company and chip match the pair; other parts are ignored.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        scope.company.as_ref().is_none_or(|company| *company == self.company.id)
            && scope.chip.as_ref().is_none_or(|chip| *chip == self.chip.id)
    }
}
