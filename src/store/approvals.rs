//! Storage of approvals, each with the standing of its case.

use super::error::Error;
use super::list::{Clause, Filter, Listing, Query, Sort, SortKey, Takes, words};
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Cells, Filed, Stored, Table, Version, holds};
use super::write::Write;
use crate::domain::approval::{Case, Standing};
use crate::domain::authority::Gate;
use crate::domain::fault::Fault;
use crate::domain::id::{ApprovalId, AuthorityId, ChipId, CompanyId, StageId};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Date;
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Phase;

impl Stored for Case {
    const TABLE: Table = Table {
        name: "approval",
        identity: "approval_identity",
        columns: &[
            "company",
            "chip",
            "authority",
            "exporter",
            "reference",
            "supersedes",
            "stage",
            "stage_since",
            "disputed",
            "valid_from",
            "valid_until",
        ],
    };

    fn cells(&self) -> Cells {
        let approval = &self.approval;
        Cells(vec![
            approval.company.as_str().into(),
            approval.chip.as_str().into(),
            approval.authority.as_str().into(),
            approval.exporter.as_ref().map(ToString::to_string).into(),
            approval.reference.as_ref().map(ToString::to_string).into(),
            approval.supersedes.as_ref().map(ToString::to_string).into(),
            self.standing.stage.as_str().into(),
            self.standing.since.as_ref().map(ToString::to_string).into(),
            self.standing.disputed.into(),
            approval.valid_from.into(),
            approval.valid_until.into(),
        ])
    }
}

impl Listing for Case {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Approvals with these ids."),
        Filter::party("company", Kind::Company, "Cases of these companies."),
        Filter::party("chip", Kind::Chip, "Cases for these chips."),
        Filter::party("authority", Kind::Authority, "Cases at these authorities."),
        Filter::equal("exporter", Takes::Id, "Cases in which these companies export."),
        Filter::equal("reference", Takes::Text, "Cases to which the authority gave these numbers."),
        Filter::equal("supersedes", Takes::Id, "Cases that take the place of these."),
        Filter::equal("stage", Takes::Stage, "Cases at these stages."),
        Filter::phase(Takes::Words(words::<Phase>), "Cases at stages that mean this."),
        Filter::equal("disputed", Takes::Boolean, "Whether an open report names another stage."),
        Filter::of_authority(
            "jurisdiction",
            Takes::Jurisdiction,
            "Cases at authorities of these jurisdictions.",
        ),
        Filter::of_authority(
            "gate",
            Takes::Words(words::<Gate>),
            "Cases at authorities that guard this side.",
        ),
    ];
    const SORTS: &'static [SortKey] =
        &[SortKey::ID, SortKey::text_or_null("stage_since", "stage_since"), SortKey::CHANGED];

    const STANDING: &'static str = "t.stage, t.stage_since,
        CAST(CASE WHEN t.disputed THEN 1 ELSE 0 END AS BIGINT) AS disputed";

    fn source(Clause(statement): Clause, at: At, on: Option<Date>, by: Option<&ThingRef>) -> Clause {
        let day = on.map(|date| date.to_string());
        if day.is_none() && by.is_none() {
            return Clause(statement.push("approval t"));
        }
        // In the order of the references no page has to be sorted.
        let id = if by.is_some() { "f.from_id" } else { "a.id" };
        let statement = statement.push("(SELECT ").push(id).push(
            " AS id, a.since, a.until, a.document, a.company, a.chip, a.authority, a.exporter, a.reference,
                 a.supersedes, ",
        );
        let statement = match &day {
            Some(day) => standing_on(statement, day, at),
            None => statement.push("a.stage, a.stage_since, a.disputed"),
        };
        let from = if by.is_some() { "reference f CROSS JOIN approval a" } else { "approval a" };
        let mut statement = statement.push(" FROM ").push(from);
        if let Some(day) = day {
            statement = with_span(statement, day, at);
        }
        if let Some(thing) = by {
            statement = referring_to(statement.push(" WHERE "), thing, at);
        }
        Clause(statement.push(") t"))
    }
}

/// Parses a standing from the texts of its columns.
pub(super) fn standing([stage, since, disputed]: [&str; 3]) -> Result<Standing, Fault> {
    let since = Some(since).filter(|since| !since.is_empty());
    Ok(Standing {
        stage: StageId::try_from(stage)?,
        since: since.map(Date::try_from).transpose()?,
        disputed: disputed == "1",
    })
}

/// Adds the standing of a case `a` on a day, from its span `s`.
fn standing_on(statement: Statement, day: &str, at: At) -> Statement {
    let statement = statement.push(
        "s.stage, NULLIF(s.valid_from, '') AS stage_since,
             EXISTS (SELECT 1 FROM report r WHERE r.company = a.company AND r.chip = a.chip
                 AND r.authority = a.authority AND r.status = 'open' AND r.stage <> s.stage
                 AND r.on_date >= s.valid_from AND r.on_date <= ",
    );
    holds(statement.bind(day).push(" AND "), "r", at).push(") AS disputed")
}

/// Joins the span `s` of a case `a` that contains a day.
fn with_span(statement: Statement, day: String, at: At) -> Statement {
    let statement = holds(statement.push(" JOIN stage_span s ON s.approval = a.id AND "), "s", at).push(
        " AND s.valid_from = (SELECT x.valid_from FROM stage_span x WHERE x.approval = a.id AND x.valid_from <= ",
    );
    holds(statement.bind(day).push(" AND "), "x", at).push(" ORDER BY x.valid_from DESC LIMIT 1)")
}

/// Adds the condition that a reference `f` of a case `a` points to a thing, as of a revision.
fn referring_to(statement: Statement, thing: &ThingRef, at: At) -> Statement {
    let statement = statement.push("f.to_kind = ").bind(thing.kind.as_str()).push(" AND f.to_id = ");
    let statement = statement.bind(thing.id.as_str()).push(" AND f.from_kind = 'approval' AND ");
    let statement =
        holds(statement, "f", at).push(" AND a.id = f.from_id AND a.since = (SELECT max(y.since)");
    let statement = statement.push(" FROM approval y WHERE y.id = f.from_id AND y.since <= ");
    statement.bind(at.revision).push(")")
}

impl Read {
    /// The standing of a case on a day, as known at the revision read; `None` if it is not on record.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn standing_on(&mut self, approval: &ApprovalId, day: Date) -> Result<Option<Standing>, Error> {
        let [id, ..] = Case::FILTERS else { return Ok(None) };
        let sort = Sort { key: &SortKey::ID, descending: false };
        let filters = vec![(id, vec![approval.as_str().to_owned()])];
        let query = Query { on: Some(day), filters, sort, after: None, limit: 1 };
        let page = self.list::<Case>(&query).await?;
        Ok(page.items.into_iter().next().and_then(|found| found.standing))
    }
}

impl Write {
    /// The cases of one company, for one chip, at one authority.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn cases_of(
        &mut self,
        (company, chip, authority): &(CompanyId, ChipId, AuthorityId),
    ) -> Result<Vec<Version<Case>>, Error> {
        self.flush().await?;
        let statement = Statement::new(
            "SELECT id, since, document FROM approval WHERE until IS NULL AND company = $1 AND chip = $2
             AND authority = $3",
        );
        let statement = statement.with(company.as_str()).with(chip.as_str()).with(authority.as_str());
        // With `ORDER BY id` SQLite would scan every case at the authority.
        let mut rows: Vec<Filed> = self.queried().await?.fetch_all(statement).await?;
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        rows.iter().map(Filed::version).collect()
    }

    /// The cases that supersede one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn superseding(&mut self, approval: &ApprovalId) -> Result<Vec<Version<Case>>, Error> {
        self.flush().await?;
        let statement = Statement::new(
            "SELECT id, since, document FROM approval WHERE until IS NULL AND supersedes = $1 ORDER BY id",
        );
        let rows: Vec<Filed> = self.queried().await?.fetch_all(statement.with(approval.as_str())).await?;
        rows.iter().map(Filed::version).collect()
    }

    /// The cases at one authority.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn cases_at(&mut self, authority: &AuthorityId) -> Result<Vec<Version<Case>>, Error> {
        self.flush().await?;
        let statement = Statement::new(
            "SELECT id, since, document FROM approval WHERE until IS NULL AND authority = $1 ORDER BY id",
        );
        let rows: Vec<Filed> = self.queried().await?.fetch_all(statement.with(authority.as_str())).await?;
        rows.iter().map(Filed::version).collect()
    }
}
