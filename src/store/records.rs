//! Loading what judgements need, in a number of statements that does not depend on how many pairs are asked about.

use super::error::Error;
use super::list::{Clause, Listing as _};
use super::read::Read;
use super::statement::Statement;
use super::table::{Filed, Stored, holds, thing};
use crate::domain::approval::{Approval, Case};
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::citation::Citation;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::fault::Fault;
use crate::domain::id::{ApprovalId, ChipId, CompanyId, SourceId, StageId};
use crate::domain::records::{CaseOn, Records};
use crate::domain::report::Report;
use crate::domain::time::{Date, Moment};
use crate::domain::transition::Transition;
use crate::domain::workflow::Workflow;

/// The most sources a statement asks for.
const MOST_SOURCES: usize = 10_000;

/// Which questions the records are for, and when.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The companies.
    pub companies: Vec<CompanyId>,
    /// The chips; all if none are named.
    pub chips: Vec<ChipId>,
    /// The moment for which to say where cases stand.
    pub valid_at: Moment,
    /// Whether that is the present as the register has recorded it, so that stored standings say it already.
    pub present: bool,
}

#[derive(sqlx::FromRow)]
struct CaseRow {
    #[sqlx(flatten)]
    filed: Filed,
    stage: String,
    stage_since: Option<String>,
    disputed: i64,
    evidence: Option<String>,
}

impl Read {
    /// Everything that judgements within an extent need.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn records(&mut self, extent: &Extent) -> Result<Records, Error> {
        let mut records = Records::default();
        // Nobody asks, and not every engine takes an empty list.
        if extent.companies.is_empty() {
            return Ok(records);
        }
        for workflow in self.all::<Workflow>().await? {
            records.insert_workflow(workflow);
        }
        for authority in self.all::<Authority>().await? {
            records.insert_authority(authority);
        }
        for company in self.companies_of(extent).await? {
            records.insert_company(company);
        }
        for chip in self.chips_of(extent).await? {
            records.insert_chip(chip);
        }
        for case in self.cases_on(extent).await? {
            records.insert_case(case);
        }
        for approval in self.superseded(extent).await? {
            records.insert_superseded(approval);
        }
        for condition in self.conditions_of(extent).await? {
            records.insert_condition(condition);
        }
        for holding in self.holdings(&extent.companies, &[], extent.valid_at.date()).await? {
            records.insert_holding(holding);
        }
        let cited: Vec<SourceId> = records.cited().into_iter().cloned().collect();
        for source in self.fresh_sources(&cited, extent.valid_at).await? {
            records.insert_fresh(source);
        }
        Ok(records)
    }

    async fn things_of<T: Stored>(&mut self, statement: Statement) -> Result<Vec<T>, Error> {
        let rows: Vec<Filed> = self.connection.fetch_all(statement).await?;
        rows.iter().map(|filed| Ok(filed.version()?.value)).collect()
    }

    async fn all<T: Stored>(&mut self) -> Result<Vec<T>, Error> {
        let statement = Statement::new("SELECT t.id, t.since, t.document FROM ").push(T::TABLE.name);
        let statement = holds(statement.push(" t WHERE "), "t", self.at);
        self.things_of(statement).await
    }

    async fn companies_of(&mut self, extent: &Extent) -> Result<Vec<Company>, Error> {
        let statement = Statement::new("SELECT t.id, t.since, t.document FROM company t WHERE t.id IN (");
        let statement = statement.bind_all(extent.companies.iter().map(CompanyId::as_str)).push(") AND ");
        self.things_of(holds(statement, "t", self.at)).await
    }

    /// The chips asked about, and those that the companies hold: a share counts all of them.
    async fn chips_of(&mut self, extent: &Extent) -> Result<Vec<Chip>, Error> {
        if extent.chips.is_empty() {
            return self.all().await;
        }
        let statement = Statement::new("SELECT t.id, t.since, t.document FROM chip t WHERE (t.id IN (");
        let statement = statement.bind_all(extent.chips.iter().map(ChipId::as_str));
        let statement = statement.push(") OR t.id IN (SELECT h.chip FROM holding h WHERE h.company IN (");
        let statement = statement.bind_all(extent.companies.iter().map(CompanyId::as_str)).push("))) AND ");
        self.things_of(holds(statement, "t", self.at)).await
    }

    /// The cases, with the transition that entered the stage each is at: of those of one day the last accepted.
    async fn cases_on(&mut self, extent: &Extent) -> Result<Vec<CaseOn>, Error> {
        let on = (!extent.present).then(|| extent.valid_at.date());
        let statement = Statement::new("SELECT t.id, t.since, t.document, ").push(Case::STANDING);
        let statement = statement.push(
            ", (SELECT x.document FROM transition x JOIN transition_identity i ON i.id = x.id
               LEFT JOIN change c ON c.kind = 'transition' AND c.id = x.id AND c.revision = i.created
               WHERE x.approval = t.id AND x.effective_on = t.stage_since AND x.stage = t.stage AND x.retracted = ",
        );
        let statement = holds(statement.bind(false).push(" AND "), "x", self.at);
        // The changes of the revision being made have no rows yet; what it accepts is judged all the same.
        let statement =
            statement.push(" ORDER BY i.created DESC, c.ordinal DESC, x.id DESC LIMIT 1) AS evidence FROM ");
        let Clause(statement) = Case::source(Clause(statement), self.at, on);
        let statement = about(statement.push(" WHERE "), "t", extent).push(" AND ");
        let rows: Vec<CaseRow> = self.connection.fetch_all(holds(statement, "t", self.at)).await?;
        rows.iter().map(CaseRow::case).collect()
    }

    /// The cases that others take the place of, which may be those of another company or chip.
    async fn superseded(&mut self, extent: &Extent) -> Result<Vec<ApprovalId>, Error> {
        let statement = Statement::new(
            "SELECT DISTINCT t.supersedes FROM approval t WHERE t.supersedes IN (SELECT a.id FROM approval a WHERE ",
        );
        let statement = holds(about(statement, "a", extent).push(" AND "), "a", self.at).push(") AND ");
        let rows: Vec<(String,)> = self.connection.fetch_all(holds(statement, "t", self.at)).await?;
        let named = |(id,): &(String,)| {
            ApprovalId::try_from(id.as_str()).map_err(|fault| damaged("approval", id, &fault))
        };
        rows.iter().map(named).collect()
    }

    /// The conditions whose scope leaves room for any of the questions.
    async fn conditions_of(&mut self, extent: &Extent) -> Result<Vec<Condition>, Error> {
        let cases = Statement::new(
            "SELECT t.id, t.since, t.document FROM condition t WHERE t.approval IN (SELECT a.id FROM approval a WHERE ",
        );
        let cases = holds(about(cases, "a", extent).push(" AND "), "a", self.at).push(") AND ");
        let mut statement = holds(cases, "t", self.at);
        let companies: Vec<&str> = extent.companies.iter().map(CompanyId::as_str).collect();
        let chips: Vec<&str> = extent.chips.iter().map(ChipId::as_str).collect();
        // Each part is a look-up by what a scope names and what it leaves open; an `OR` of them would be none.
        let of_chips: &[_] = if chips.is_empty() { &[None] } else { &[None, Some(&chips)] };
        for company in [None, Some(&companies)] {
            for chip in of_chips.iter().copied() {
                statement = statement.push(
                    " UNION ALL SELECT t.id, t.since, t.document FROM condition t WHERE t.approval IS NULL",
                );
                statement = naming(statement, " AND t.company", company);
                if !chips.is_empty() {
                    statement = naming(statement, " AND t.chip", chip);
                }
                statement = holds(statement.push(" AND "), "t", self.at);
            }
        }
        self.things_of(statement).await
    }

    /// The transitions of the cases of a company and a chip, in order of effective date, ties by acceptance.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn timeline_of(
        &mut self,
        company: &CompanyId,
        chip: &ChipId,
    ) -> Result<Vec<Transition>, Error> {
        let statement = Statement::new(
            "SELECT t.id, t.since, t.document
             FROM approval a CROSS JOIN transition t CROSS JOIN transition_identity i CROSS JOIN change c
             WHERE t.approval = a.id AND i.id = t.id AND c.kind = 'transition' AND c.id = t.id
                 AND c.revision = i.created AND a.company = ",
        );
        let statement =
            statement.bind(company.as_str()).push(" AND a.chip = ").bind(chip.as_str()).push(" AND ");
        let statement = holds(holds(statement, "a", self.at).push(" AND "), "t", self.at);
        self.things_of(statement.push(" ORDER BY t.effective_on, c.revision, c.ordinal")).await
    }

    /// The reports about a company and a chip, the newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn reports_about(&mut self, company: &CompanyId, chip: &ChipId) -> Result<Vec<Report>, Error> {
        let statement = Statement::new("SELECT t.id, t.since, t.document FROM report t WHERE t.company = ");
        let statement =
            statement.bind(company.as_str()).push(" AND t.chip = ").bind(chip.as_str()).push(" AND ");
        self.things_of(holds(statement, "t", self.at).push(" ORDER BY t.on_date DESC, t.id DESC")).await
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

/// Narrows to rows that name one of these in a column, or nothing there.
fn naming(statement: Statement, column: &'static str, values: Option<&Vec<&str>>) -> Statement {
    let statement = statement.push(column);
    match values {
        None => statement.push(" IS NULL"),
        Some(values) => statement.push(" IN (").bind_all(values.iter().copied()).push(")"),
    }
}

/// Narrows a table of cases to those of the companies and chips.
fn about(statement: Statement, alias: &'static str, extent: &Extent) -> Statement {
    let companies = extent.companies.iter().map(CompanyId::as_str);
    let statement = statement.push(alias).push(".company IN (").bind_all(companies).push(")");
    if extent.chips.is_empty() {
        return statement;
    }
    let chips = extent.chips.iter().map(ChipId::as_str);
    statement.push(" AND ").push(alias).push(".chip IN (").bind_all(chips).push(")")
}

fn damaged(table: &str, id: &str, fault: &Fault) -> Error {
    Error::Unfit(format!("{table} `{id}` is damaged: {fault}"))
}

impl CaseRow {
    fn case(&self) -> Result<CaseOn, Error> {
        let fault = |fault: Fault| damaged("approval", &self.filed.id, &fault);
        let Case { approval, .. } = self.filed.version::<Case>()?.value;
        Ok(CaseOn {
            stage: StageId::try_from(self.stage.as_str()).map_err(fault)?,
            since: self.stage_since.as_deref().map(Date::try_from).transpose().map_err(fault)?,
            disputed: self.disputed == 1,
            evidence: self.evidence(&approval)?,
            approval,
        })
    }

    fn evidence(&self, approval: &Approval) -> Result<Vec<Citation>, Error> {
        let Some(document) = &self.evidence else { return Ok(Vec::new()) };
        let transition: Transition = thing(document).map_err(|faults| {
            Error::Unfit(format!("a transition of `{}` is damaged: {faults}", approval.id))
        })?;
        Ok(transition.citations)
    }
}
