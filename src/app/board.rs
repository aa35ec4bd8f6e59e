//! The board: the answers for every company and chip.
//!
//! A row is a company that buys, or has an approval or a movement. A cell is a chip, answered for one unit
//! exactly as a single determination would be.

use std::collections::BTreeSet;

use super::Error;
use crate::domain::approval::Case;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::id::{AuthorityId, ChipId, CompanyId, ConditionId, StageId};
use crate::domain::judgement::{
    Answer, Figures, GateFinding, Glance, Question, ReasonCode, Verdict, glance, judge,
};
use crate::domain::number::Units;
use crate::domain::records::{CaseOn, Dossier, Records};
use crate::domain::report::Report;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::domain::transition::Transition;
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::{Activity, Phase};
use crate::store::{BOARD, Extent, Position, Query, Read};

/// Companies read per query when the filter is by answer, so that some of them get no row.
const COMPANIES_PER_QUERY: i64 = 200;

/// A filter for cells. An empty list filters nothing.
#[derive(Clone, Debug, Default)]
pub struct CellFilter {
    /// The chips.
    pub chips: Vec<ChipId>,
    /// Cells with any of these verdicts.
    pub verdicts: Vec<Verdict>,
    /// The activity that `verdicts` and `reasons` apply to; an order if `None`.
    pub activity: Option<Activity>,
    /// Cells with any of these among the reasons.
    pub reasons: Vec<ReasonCode>,
    /// Cells with a case at any of these authorities.
    pub authorities: Vec<AuthorityId>,
    /// Cells with a case at any of these stages.
    pub stages: Vec<StageId>,
    /// Cells with a case at a stage that means any of these.
    pub phases: Vec<Phase>,
}

/// The moment a board is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The moment.
    pub valid_at: Moment,
    /// Whether it is the present, as the register has recorded it.
    pub present: bool,
}

/// The answers for one company and one chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The chip.
    pub chip: ChipId,
    /// The verdict for each activity, in the order of [`Activity`].
    pub verdicts: [Verdict; 3],
    /// The state of each gate.
    pub gates: Vec<GateFinding>,
    /// The reasons for the verdict on an order, without duplicates, the most important first.
    pub reasons: Vec<ReasonCode>,
    /// The four figures.
    pub figures: Figures,
}

/// One company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The company.
    pub company: CompanyId,
    /// Its cells, by chip.
    pub cells: Vec<Cell>,
}

/// A page of the board.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Position to continue from, if there is more.
    pub next: Option<Position>,
}

/// The question a cell answers: one unit, with nothing declared.
#[must_use]
pub fn question(company: &Company, chip: &Chip, activity: Activity, valid_at: Moment) -> Question {
    Question {
        company: company.id.clone(),
        chip: chip.id.clone(),
        activity,
        units: Units::ONE,
        destination: None,
        end_use: None,
        end_user: None,
        exporter: None,
        valid_at,
    }
}

/// The activities, in their order.
const ACTIVITIES: [Activity; 3] = [Activity::Prepare, Activity::Order, Activity::Ship];

/// The abridged answer for each activity, in the order of [`ACTIVITIES`].
fn glances(dossier: &Dossier<'_>, valid_at: Moment) -> [Glance; 3] {
    ACTIVITIES.map(|activity| glance(dossier, &question(dossier.company, dossier.chip, activity, valid_at)))
}

/// The full answer for each activity, in the order of [`Activity`].
#[must_use]
pub fn answers(dossier: &Dossier<'_>, valid_at: Moment) -> [Answer; 3] {
    ACTIVITIES.map(|activity| judge(dossier, &question(dossier.company, dossier.chip, activity, valid_at)))
}

/// Builds a cell from the answers for each activity.
#[must_use]
pub fn cell(chip: &ChipId, answers: [Glance; 3]) -> Cell {
    let verdicts = answers.each_ref().map(|answer| answer.verdict);
    let [_, Glance { gates, reasons, figures, .. }, _] = answers;
    Cell { chip: chip.clone(), verdicts, gates, reasons, figures }
}

impl CellFilter {
    fn matches(&self, answers: &[Glance; 3]) -> bool {
        let wanted = self.activity.unwrap_or(Activity::Order);
        let place = Activity::ALL.iter().position(|activity| *activity == wanted).unwrap_or_default();
        let Some(answer) = answers.get(place) else { return false };
        let at = |fits: &dyn Fn(&GateFinding) -> bool| answer.gates.iter().any(fits);
        let any = |narrows: bool, fits: bool| !narrows || fits;
        any(!self.verdicts.is_empty(), self.verdicts.contains(&answer.verdict))
            && any(
                !self.reasons.is_empty(),
                answer.reasons.iter().any(|reason| self.reasons.contains(reason)),
            )
            && any(
                !self.authorities.is_empty(),
                at(&|gate| {
                    gate.approval.is_some()
                        && gate.authority.as_ref().is_some_and(|id| self.authorities.contains(id))
                }),
            )
            && any(
                !self.stages.is_empty(),
                at(&|gate| gate.stage.as_ref().is_some_and(|stage| self.stages.contains(stage))),
            )
            && any(
                !self.phases.is_empty(),
                at(&|gate| gate.phase.is_some_and(|phase| self.phases.contains(&phase))),
            )
    }

    /// Whether the filter lets every cell pass.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.chips.is_empty() && !self.is_by_answer()
    }

    /// Whether the filter depends on the answers, so that a company can be left without cells.
    #[must_use]
    pub fn is_by_answer(&self) -> bool {
        !(self.verdicts.is_empty()
            && self.reasons.is_empty()
            && self.authorities.is_empty()
            && self.stages.is_empty()
            && self.phases.is_empty())
    }

    fn row(&self, records: &Records, company: &Company, valid_at: Moment) -> Row {
        let wanted = |chip: &&Chip| self.chips.is_empty() || self.chips.contains(&chip.id);
        let dossiers =
            records.chips().filter(wanted).filter_map(|chip| records.dossier(&company.id, &chip.id));
        let answered = dossiers.map(|dossier| (&dossier.chip.id, glances(&dossier, valid_at)));
        let cells =
            answered.filter(|(_, answers)| self.matches(answers)).map(|(chip, answers)| cell(chip, answers));
        Row { company: company.id.clone(), cells: cells.collect() }
    }
}

/// Reads a page of the board: the companies of a query with their cells. Companies without a matching cell
/// are skipped; the page is filled from the companies after them.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn page(
    read: &mut Read,
    companies: &Query,
    narrowed: &CellFilter,
    as_of: AsOf,
) -> Result<Page, Error> {
    let wanted = usize::try_from(companies.limit).unwrap_or(usize::MAX);
    let mut query = companies.clone();
    if narrowed.is_by_answer() {
        query.limit = query.limit.max(COMPANIES_PER_QUERY);
    }
    let mut rows = Vec::new();
    loop {
        let (listed, beyond) = listed(read, &query).await?;
        for row in rows_of(read, listed, narrowed, as_of).await? {
            if row.cells.is_empty() && narrowed.is_by_answer() {
                continue;
            }
            rows.push(row);
            if rows.len() > wanted {
                break;
            }
        }
        // With a filter by answer, the remaining companies may have no matching cell.
        let more = beyond.is_some() && !narrowed.is_by_answer();
        if rows.len() > wanted || (rows.len() == wanted && more) {
            rows.truncate(wanted);
            let last = rows.last().map(|row| row.company.to_string());
            return Ok(Page { rows, next: last.map(|id| Position { key: id.clone(), id }) });
        }
        let Some(next) = beyond else { return Ok(Page { rows, next: None }) };
        query.after = Some(next);
    }
}

/// The companies a query selects, and the position to continue from, if there is more.
pub(super) async fn listed(
    read: &mut Read,
    companies: &Query,
) -> Result<(Vec<CompanyId>, Option<Position>), Error> {
    let found = read.list::<Company>(companies).await?;
    let listed = found.items.iter().map(|item| CompanyId::try_from(item.filed.id.as_str()));
    Ok((listed.filter_map(Result::ok).collect(), found.next))
}

/// The rows of the given companies, with the matching cells.
pub(super) async fn rows_of(
    read: &mut Read,
    companies: Vec<CompanyId>,
    narrowed: &CellFilter,
    as_of: AsOf,
) -> Result<Vec<Row>, Error> {
    let AsOf { valid_at, present } = as_of;
    let extent = Extent { companies: companies.clone(), chips: narrowed.chips.clone(), valid_at, present };
    let records = read.records(&extent).await?;
    let on_record = companies.iter().filter_map(|id| records.company(id));
    Ok(on_record.map(|company| narrowed.row(&records, company, valid_at)).collect())
}

/// Counts the rows of the board.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn count(
    read: &mut Read,
    companies: &Query,
    narrowed: &CellFilter,
    as_of: AsOf,
) -> Result<i64, Error> {
    if !narrowed.is_by_answer() {
        return Ok(read.count::<Company>(companies).await?);
    }
    let mut query = Query { after: None, limit: COMPANIES_PER_QUERY, ..companies.clone() };
    let mut count = 0;
    loop {
        let page = page(read, &query, narrowed, as_of).await?;
        count += i64::try_from(page.rows.len()).unwrap_or_default();
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(count),
        }
    }
}

/// Restricts a query for companies to those that have a row on the board.
#[must_use]
pub fn on_the_board(mut companies: Query) -> Query {
    companies.filters.push((&BOARD, vec!["true".to_owned()]));
    companies
}

/// The four figures of each pair of company and chip, in the order given.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn figures(
    read: &mut Read,
    pairs: &[(CompanyId, ChipId)],
    as_of: AsOf,
) -> Result<Vec<Figures>, Error> {
    let companies: BTreeSet<&CompanyId> = pairs.iter().map(|(company, _)| company).collect();
    let chips: BTreeSet<&ChipId> = pairs.iter().map(|(_, chip)| chip).collect();
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let extent = Extent {
        companies: companies.into_iter().cloned().collect(),
        chips: chips.into_iter().cloned().collect(),
        valid_at: as_of.valid_at,
        present: as_of.present,
    };
    let records = read.records(&extent).await?;
    let of = |(company, chip): &(CompanyId, ChipId)| {
        let dossier = records.dossier(company, chip)?;
        let question = question(dossier.company, dossier.chip, Activity::Order, as_of.valid_at);
        Some(glance(&dossier, &question).figures)
    };
    Ok(pairs.iter().map(|pair| of(pair).unwrap_or_default()).collect())
}

/// A cell with all the records behind it.
#[derive(Clone, Debug)]
pub struct CellDetail {
    /// The answer for each activity, in the order of [`Activity`].
    pub answers: [Answer; 3],
    /// The approvals of the company for the chip, by id.
    pub cases: Vec<Case>,
    /// Their transitions, in order of effective date.
    pub transitions: Vec<Transition>,
    /// The reports about the company and the chip, newest first.
    pub reports: Vec<Report>,
    /// The conditions in scope, by id.
    pub conditions: Vec<Condition>,
}

/// Reads one cell with all the records behind it.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn detail(
    read: &mut Read,
    company: &CompanyId,
    chip: &ChipId,
    as_of: AsOf,
) -> Result<CellDetail, Error> {
    let extent = Extent {
        companies: vec![company.clone()],
        chips: vec![chip.clone()],
        valid_at: as_of.valid_at,
        present: as_of.present,
    };
    let records = read.records(&extent).await?;
    let unknown = || Error::Unknown(ThingRef::new(Kind::Company, company.as_str()));
    let dossier = records.dossier(company, chip).ok_or_else(unknown)?;
    let answers = answers(&dossier, as_of.valid_at);
    let mut in_scope: BTreeSet<&ConditionId> = BTreeSet::new();
    for answer in &answers {
        in_scope.extend(answer.conditions.iter().map(|evaluation| &evaluation.condition));
    }
    let conditions = in_scope.into_iter().filter_map(|id| records.condition(id).cloned()).collect();
    let case = |case: &CaseOn| Case { approval: case.approval.clone(), standing: case.standing.clone() };
    let cases: Vec<Case> = dossier.cases().map(case).collect();
    let (transitions, reports) = read.history_of(company, chip).await?;
    Ok(CellDetail { answers, cases, transitions, reports, conditions })
}
