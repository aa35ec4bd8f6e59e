//! A small set of records to judge, for tests; every part can be changed first.

use crate::domain::approval::{Approval, Comparator, Quantity, QuantityRole, Standing};
use crate::domain::authority::{Authority, Gate};
use crate::domain::chip::{Chip, Specification};
use crate::domain::citation::{Attribution, Citation};
use crate::domain::company::Company;
use crate::domain::condition::{Condition, ConditionStatus, Force, Scope, Terms};
use crate::domain::holding::{Holding, Totals};
use crate::domain::id::{ApprovalId, AuthorityId, CompanyId, ConditionId, SourceId, StageId, WorkflowId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::{Figure, Units};
use crate::domain::records::{CaseOn, Records};
use crate::domain::source::Source;
use crate::domain::text::{Name, Names, Title};
use crate::domain::time::{Date, Moment};
use crate::domain::workflow::{Activity, Move, Phase, Stage, Workflow};

use super::answer::{Answer, Glance};
use super::question::Question;
use super::{Assumption, Supposed, glance, judge, suppose};
use crate::domain::fault::Faults;

/// Records and a question.
///
/// By default Alibaba may order the H200: the one authority at each gate has granted it, with evidence from a
/// fresh source.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) chips: Vec<Chip>,
    pub(crate) authorities: Vec<Authority>,
    pub(crate) sources: Vec<Source>,
    pub(crate) cases: Vec<CaseOn>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) holdings: Vec<Holding>,
    pub(crate) question: Question,
}

/// An empty holding of Alibaba in a chip.
pub(crate) fn held(chip: &str) -> Holding {
    Holding::none(id("alibaba"), id(chip))
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            chips: vec![
                chip("h200", "US", Some(15_832)),
                chip("h20", "US", None),
                chip("910c", "CN", Some(12_800)),
            ],
            authorities: vec![
                authority("us-bis", Gate::Export, "US"),
                authority("cn-ndrc", Gate::Import, "CN"),
            ],
            sources: vec![source("rule"), source("news")],
            cases: vec![case("licence", "us-bis", "granted"), case("permit", "cn-ndrc", "granted")],
            conditions: Vec::new(),
            holdings: Vec::new(),
            question: question(),
        }
    }

    pub(crate) fn records(&self) -> Records {
        let mut records = Records::default();
        records.insert_company(company("alibaba"));
        records.insert_workflow(workflow());
        self.chips.iter().cloned().for_each(|chip| records.insert_chip(chip));
        self.authorities.iter().cloned().for_each(|authority| records.insert_authority(authority));
        let is_fresh =
            |source: &&Source| source.stale_at().is_none_or(|stale_at| stale_at > self.question.valid_at);
        let fresh = self.sources.iter().filter(is_fresh);
        fresh.for_each(|source| records.insert_fresh(source.id.clone()));
        let superseded = self.cases.iter().filter_map(|case| case.approval.supersedes.clone());
        superseded.for_each(|approval| records.insert_superseded(approval));
        self.cases.iter().cloned().for_each(|case| records.insert_case(case));
        self.conditions.iter().cloned().for_each(|condition| records.insert_condition(condition));
        self.holdings.iter().cloned().for_each(|holding| records.insert_holding(holding));
        records
    }

    pub(crate) fn judged(&self) -> Answer {
        let records = self.records();
        judge(&records.dossier(&self.question.company, &self.question.chip).unwrap(), &self.question)
    }

    pub(crate) fn glanced(&self) -> Glance {
        let records = self.records();
        glance(&records.dossier(&self.question.company, &self.question.chip).unwrap(), &self.question)
    }

    pub(crate) fn supposed(&self, assumptions: &[Assumption]) -> Result<Supposed, Faults> {
        let records = self.records();
        let dossier = records.dossier(&self.question.company, &self.question.chip).unwrap();
        suppose(&dossier, &self.question, assumptions)
    }

    /// Adds movements of a chip that name no approval, all of them in the current period.
    pub(crate) fn holding(mut self, chip: &str, all: Totals) -> Self {
        let unattributed = all;
        let (month, quarter, year) = (all, all, all);
        self.holdings.push(Holding { all, unattributed, month, quarter, year, ..held(chip) });
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Each reason as `effect code`, with the gate or the id it is about.
pub(crate) fn told(answer: &Answer) -> Vec<String> {
    let about = |reason: &super::Reason| match (&reason.subject, reason.gate) {
        (Some(subject), _) => subject.id.clone(),
        (None, Some(gate)) => gate.to_string(),
        (None, None) => String::new(),
    };
    let reasons = answer.reasons.iter();
    reasons.map(|reason| format!("{} {} {}", reason.effect, reason.code, about(reason))).collect()
}

pub(crate) fn id<T: for<'t> TryFrom<&'t str, Error = crate::domain::fault::Fault>>(text: &str) -> T {
    T::try_from(text).unwrap()
}

pub(crate) fn moment(day: &str) -> Moment {
    Moment::start_of(id(day))
}

pub(crate) fn units(number: i64) -> Units {
    Units::try_from(number).unwrap()
}

/// Evidence from a source.
pub(crate) fn cited(source: &str) -> Vec<Citation> {
    vec![Citation::new(Some(id::<SourceId>(source)), Attribution::OfficialText).unwrap()]
}

pub(crate) fn question() -> Question {
    Question {
        company: id("alibaba"),
        chip: id("h200"),
        activity: Activity::Order,
        units: units(1),
        destination: None,
        end_use: None,
        end_user: None,
        exporter: None,
        valid_at: moment("2026-01-25"),
    }
}

pub(crate) fn case(name: &str, authority: &str, stage: &str) -> CaseOn {
    CaseOn {
        approval: Approval {
            id: id::<ApprovalId>(name),
            company: id("alibaba"),
            chip: id("h200"),
            authority: id(authority),
            exporter: None,
            reference: None,
            quantities: Vec::new(),
            valid_from: None,
            valid_until: None,
            supersedes: None,
            note: None,
        },
        standing: Standing {
            stage: id::<StageId>(stage),
            since: Some(id::<Date>("2026-01-20")),
            disputed: false,
        },
        evidence: cited("news"),
    }
}

pub(crate) fn authorised(comparator: Comparator, number: i64) -> Quantity {
    Quantity { role: QuantityRole::Authorised, comparator, units: units(number), citations: cited("rule") }
}

/// A required condition in force for an authority, with evidence from a source.
pub(crate) fn condition(name: &str, terms: Terms) -> Condition {
    Condition {
        id: id::<ConditionId>(name),
        scope: Scope { authority: Some(id::<AuthorityId>("cn-ndrc")), ..Scope::default() },
        terms,
        unknown: None,
        force: Force::Required,
        status: ConditionStatus::InForce,
        in_force_from: None,
        in_force_until: None,
        met_on: None,
        citations: cited("rule"),
        note: None,
    }
}

pub(crate) fn authority(name: &str, gate: Gate, jurisdiction: &str) -> Authority {
    Authority {
        id: id(name),
        name: id(name),
        names: Names::new(),
        jurisdiction: id::<Jurisdiction>(jurisdiction),
        gate,
        workflow: id("steps"),
        unspecified: false,
    }
}

pub(crate) fn chip(name: &str, origin: &str, tpp: Option<i32>) -> Chip {
    Chip {
        id: id(name),
        name: id(name),
        designer: id("nvidia"),
        origin: id(origin),
        aliases: Vec::new(),
        specification: Specification {
            tpp: tpp.and_then(|tpp| Figure::from_number(tpp.into()).ok()),
            die_area_mm2: Figure::from_number(814.0).ok(),
            memory_bandwidth_gb_s: Figure::from_number(4800.0).ok(),
            ..Specification::default()
        },
        eccn_published: None,
    }
}

/// A source that is fresh on the day of the question.
pub(crate) fn source(name: &str) -> Source {
    Source {
        id: id(name),
        publisher: id(name),
        title: id::<Title>(name),
        url: None,
        published_on: None,
        language: None,
        republishes: None,
        check_every_days: Some(30),
        last_checked_at: Some(moment("2026-01-24")),
    }
}

fn company(name: &str) -> Company {
    Company {
        id: id::<CompanyId>(name),
        name: id(name),
        names: Names::new(),
        jurisdiction: id("CN"),
        roles: Vec::new(),
        identifiers: Vec::new(),
        aliases: Vec::new(),
        parent: None,
    }
}

/// Filed, then in principle, then granted; a grant can be barred and can end.
fn workflow() -> Workflow {
    let everything = vec![Activity::Prepare, Activity::Order, Activity::Ship];
    let stages = [
        ("filed", Phase::Pending, vec![]),
        ("principle", Phase::Favourable, vec![Activity::Prepare]),
        ("granted", Phase::Granted, everything),
        ("barred", Phase::Adverse, vec![]),
        ("over", Phase::Ended, vec![]),
    ];
    let moves = [
        ("filed", "principle"),
        ("principle", "granted"),
        ("granted", "barred"),
        ("granted", "over"),
        ("barred", "over"),
    ];
    let stage = |(name, phase, permits)| Stage {
        id: id::<StageId>(name),
        name: id::<Name>(name),
        names: Names::new(),
        phase,
        permits,
    };
    Workflow {
        id: id::<WorkflowId>("steps"),
        name: id("Steps"),
        stages: stages.into_iter().map(stage).collect(),
        moves: moves.into_iter().map(|(from, to)| Move { from: id(from), to: id(to) }).collect(),
        initial: id("filed"),
    }
}
