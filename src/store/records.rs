//! Loads what judgements need, in a number of statements that does not depend on the number of pairs.

use super::approvals::standing;
use super::bundle::{FILED, Items, filed, items_of};
use super::error::Error;
use super::holdings::holdings;
use super::list::{Clause, Listing as _, cases_naming};
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Filed, Stored, holds, thing};
use super::transitions::ACCEPTED;
use crate::domain::approval::{Approval, Case};
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::citation::Citation;
use crate::domain::fault::Fault;
use crate::domain::id::{ApprovalId, ChipId, CompanyId, SourceId};
use crate::domain::records::{CaseOn, Records};
use crate::domain::report::Report;
use crate::domain::thing::Kind;
use crate::domain::time::Moment;
use crate::domain::transition::Transition;
use crate::domain::workflow::Workflow;

/// The most sources queried by one statement.
const MOST_SOURCES: usize = 10_000;

/// The questions for which records are loaded.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The companies.
    pub companies: Vec<CompanyId>,
    /// The chips; all if none are named.
    pub chips: Vec<ChipId>,
    /// The moment for which to determine the standing of cases.
    pub valid_at: Moment,
    /// Whether that is the recorded present, so that the stored standings apply.
    pub present: bool,
}

impl Extent {
    /// The companies and the chips.
    fn pairs(&self) -> (&[CompanyId], &[ChipId]) {
        (&self.companies, &self.chips)
    }
}

/// A case, its standing, and the transition that is the evidence for it.
struct CaseRow<'t> {
    filed: Filed,
    standing: [&'t str; 3],
    evidence: Option<&'t str>,
}

/// The columns of a [`CaseRow`], from a query `q`.
const CASE: [&str; 7] = [
    "q.id",
    "q.since",
    "q.stage",
    "COALESCE(q.stage_since, '')",
    "q.disputed",
    "COALESCE(q.evidence, '')",
    "q.document",
];

impl Read {
    /// Loads everything that judgements within an extent need.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn records(&mut self, extent: &Extent) -> Result<Records, Error> {
        let mut records = Records::default();
        // No questions; besides, PostgreSQL rejects an empty `IN` list.
        if extent.companies.is_empty() {
            return Ok(records);
        }
        let day = extent.valid_at.date();
        let [held, months] = self.held_by(&extent.companies, day);
        let [workflows, authorities, companies, chips, cases, superseded, conditions, held, months] = self
            .bundled([
                self.all::<Workflow>(),
                self.all::<Authority>(),
                self.companies_of(extent),
                self.chips_of(extent),
                self.cases_on(extent),
                self.superseded(extent),
                self.conditions_of(extent),
                held,
                months,
            ])
            .await?;
        for workflow in things(&workflows) {
            records.insert_workflow(workflow?);
        }
        for authority in things(&authorities) {
            records.insert_authority(authority?);
        }
        for company in things(&companies) {
            records.insert_company(company?);
        }
        for chip in things(&chips) {
            records.insert_chip(chip?);
        }
        for case in cases.fields() {
            records.insert_case(CaseRow::read(case?)?.case()?);
        }
        for approval in superseded.iter() {
            let id = ApprovalId::try_from(approval);
            records.insert_superseded(id.map_err(|fault| damaged("approval", approval, &fault))?);
        }
        for condition in things(&conditions) {
            records.insert_condition(condition?);
        }
        for holding in holdings(&held, &months, day)? {
            records.insert_holding(holding);
        }
        let cited: Vec<SourceId> = records.cited().into_iter().cloned().collect();
        for source in self.fresh_sources(&cited, extent.valid_at).await? {
            records.insert_fresh(source);
        }
        Ok(records)
    }

    fn all<T: Stored>(&self) -> Statement {
        holds(select(FILED).push(T::TABLE.name).push(" t WHERE "), "t", self.at)
    }

    fn companies_of(&self, extent: &Extent) -> Statement {
        let statement = select(FILED).push("company t WHERE t.id IN (");
        let statement = statement.bind_all(extent.companies.iter().map(CompanyId::as_str)).push(") AND ");
        holds(statement, "t", self.at)
    }

    /// The chips asked about, and those that the companies hold: limits by share count all of them.
    fn chips_of(&self, extent: &Extent) -> Statement {
        if extent.chips.is_empty() {
            return self.all::<Chip>();
        }
        let statement = select(FILED).push("chip t WHERE (t.id IN (");
        let statement = statement.bind_all(extent.chips.iter().map(ChipId::as_str));
        let statement = statement.push(") OR t.id IN (SELECT h.chip FROM holding h WHERE h.company IN (");
        let statement = statement.bind_all(extent.companies.iter().map(CompanyId::as_str)).push("))) AND ");
        holds(statement, "t", self.at)
    }

    /// The cases, each with the transition that entered its stage: on one day, the last one accepted.
    fn cases_on(&self, extent: &Extent) -> Statement {
        let on = (!extent.present).then(|| extent.valid_at.date());
        let statement = Statement::new("(SELECT t.id, t.since, t.document, ");
        let statement = statement.push(Case::STANDING);
        let statement = statement.push(
            ", (SELECT x.document FROM transition x JOIN transition f
                   ON f.id = x.id AND f.since = (SELECT min(y.since) FROM transition y WHERE y.id = x.id)
               WHERE x.approval = t.id AND x.effective_on = t.stage_since AND x.stage = t.stage AND x.retracted = ",
        );
        let statement = holds(statement.bind(false).push(" AND "), "x", self.at);
        let statement = statement.push(" ORDER BY f.since DESC, f.ordinal DESC LIMIT 1) AS evidence FROM ");
        let Clause(statement) = Case::source(Clause(statement), self.at, on, None);
        let statement = about(statement.push(" WHERE "), "t", extent.pairs(), self.at).push(" AND ");
        items_of(&CASE, holds(statement, "t", self.at).push(") q"))
    }

    /// The superseded cases among these; their successors may be of another company or chip.
    fn superseded(&self, extent: &Extent) -> Statement {
        let statement = Statement::new(
            "SELECT DISTINCT t.supersedes AS item FROM approval t
             WHERE t.supersedes IN (SELECT a.id FROM approval a WHERE ",
        );
        let statement =
            holds(about(statement, "a", extent.pairs(), self.at).push(" AND "), "a", self.at).push(") AND ");
        holds(statement, "t", self.at)
    }

    /// The conditions whose scope may cover any of the questions.
    fn conditions_of(&self, extent: &Extent) -> Statement {
        let cases = select(FILED).push("condition t WHERE t.approval IN (SELECT a.id FROM approval a WHERE ");
        let cases =
            holds(about(cases, "a", extent.pairs(), self.at).push(" AND "), "a", self.at).push(") AND ");
        let mut statement = holds(cases, "t", self.at);
        let companies: Vec<&str> = extent.companies.iter().map(CompanyId::as_str).collect();
        let chips: Vec<&str> = extent.chips.iter().map(ChipId::as_str).collect();
        // Each part is an index look-up by the columns a scope names or leaves open; one `OR` would use no
        // index.
        let of_chips: &[_] = if chips.is_empty() { &[None] } else { &[None, Some(&chips)] };
        for company in [None, Some(&companies)] {
            for chip in of_chips.iter().copied() {
                statement = statement.push(" UNION ALL SELECT ").push(FILED);
                statement = statement.push(" FROM condition t WHERE t.approval IS NULL");
                statement = naming(statement, " AND t.company", company);
                if !chips.is_empty() {
                    statement = naming(statement, " AND t.chip", chip);
                }
                statement = holds(statement.push(" AND "), "t", self.at);
            }
        }
        statement
    }

    /// The transitions of the cases of a company and a chip, ordered by effective date and acceptance; and
    /// the reports about the two, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn history_of(
        &mut self,
        company: &CompanyId,
        chip: &ChipId,
    ) -> Result<(Vec<Transition>, Vec<Report>), Error> {
        let statement = select(FILED).push("approval a CROSS JOIN ");
        let statement = statement.push(ACCEPTED).push("t.approval = a.id AND ");
        let pair = (std::slice::from_ref(company), std::slice::from_ref(chip));
        let statement = about(statement, "a", pair, self.at).push(" AND ");
        let statement = holds(holds(statement, "a", self.at).push(" AND "), "t", self.at);
        let timeline = statement.push(" ORDER BY t.effective_on, f.since, f.ordinal");
        let statement = select(FILED).push("report t WHERE t.company = ").bind(company.as_str());
        let statement = statement.push(" AND t.chip = ").bind(chip.as_str()).push(" AND ");
        let reports = holds(statement, "t", self.at).push(" ORDER BY t.on_date DESC, t.id DESC");
        let [timeline, reports] = self.bundled([timeline, reports]).await?;
        Ok((things(&timeline).collect::<Result<_, _>>()?, things(&reports).collect::<Result<_, _>>()?))
    }

    async fn fresh_sources(&mut self, cited: &[SourceId], at: Moment) -> Result<Vec<SourceId>, Error> {
        let mut fresh = Vec::with_capacity(cited.len());
        for some in cited.chunks(MOST_SOURCES) {
            let statement = Statement::new("SELECT t.id FROM source t WHERE t.id IN (");
            let statement = statement.bind_all(some.iter().map(SourceId::as_str));
            let statement =
                statement.push(") AND (t.stale_at IS NULL OR t.stale_at > ").bind(at).push(") AND ");
            let rows: Vec<(String,)> = self.connection.fetch_all(holds(statement, "t", self.at)).await?;
            for (id,) in rows {
                fresh.push(SourceId::try_from(&*id).map_err(|fault| damaged("source", &id, &fault))?);
            }
        }
        Ok(fresh)
    }
}

/// The beginning of a query for one column.
fn select(column: &'static str) -> Statement {
    Statement::new("SELECT ").push(column).push(" FROM ")
}

/// The things found by a query for [`FILED`].
fn things<T: Stored>(found: &Items) -> impl Iterator<Item = Result<T, Error>> {
    found.filed().map(|filed| Ok(filed?.version()?.value))
}

/// Restricts a column to these values, or to null if there are none.
fn naming(statement: Statement, column: &'static str, values: Option<&Vec<&str>>) -> Statement {
    let statement = statement.push(column);
    match values {
        None => statement.push(" IS NULL"),
        Some(values) => statement.push(" IN (").bind_all(values.iter().copied()).push(")"),
    }
}

/// Restricts a table of cases to the companies and chips.
fn about(
    statement: Statement,
    alias: &'static str,
    (companies, chips): (&[CompanyId], &[ChipId]),
    at: At,
) -> Statement {
    let companies = || companies.iter().map(CompanyId::as_str);
    let mut statement = statement.push(alias).push(".company IN (").bind_all(companies()).push(")");
    if !at.newest {
        statement = statement.push(" AND ").push(alias).push(".id IN (");
        statement = cases_naming(statement, Kind::Company, companies()).push(")");
    }
    if chips.is_empty() {
        return statement;
    }
    let chips = chips.iter().map(ChipId::as_str);
    statement.push(" AND ").push(alias).push(".chip IN (").bind_all(chips).push(")")
}

fn damaged(table: &str, id: &str, fault: &Fault) -> Error {
    Error::damaged(format_args!("{table} `{id}`"), fault)
}

impl<'t> CaseRow<'t> {
    fn read(
        [id, since, stage, stage_since, disputed, evidence, document]: [&'t str; 7],
    ) -> Result<Self, Error> {
        let evidence = Some(evidence).filter(|evidence| !evidence.is_empty());
        Ok(Self { filed: filed([id, since, document])?, standing: [stage, stage_since, disputed], evidence })
    }

    fn case(&self) -> Result<CaseOn, Error> {
        let standing = standing(self.standing);
        let standing = standing.map_err(|fault| damaged("approval", &self.filed.id, &fault))?;
        let Case { approval, .. } = self.filed.version::<Case>()?.value;
        Ok(CaseOn { standing, evidence: self.evidence(&approval)?, approval })
    }

    fn evidence(&self, approval: &Approval) -> Result<Vec<Citation>, Error> {
        let Some(document) = self.evidence else { return Ok(Vec::new()) };
        let transition: Transition = thing(document)
            .map_err(|faults| Error::damaged(format_args!("a transition of `{}`", approval.id), faults))?;
        Ok(transition.citations)
    }
}
