//! Approvals in their table, each with where its case stands.

use super::error::Error;
use super::list::{Clause, Filter, Listing, Query, Sort, SortKey, Takes, words};
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Cells, Filed, Stored, Table, Version, holds};
use super::write::Write;
use crate::domain::approval::{Case, Standing};
use crate::domain::authority::Gate;
use crate::domain::id::{ApprovalId, AuthorityId, ChipId, CompanyId};
use crate::domain::time::Date;
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
        Filter::equal("company", Takes::Id, "Cases of these companies."),
        Filter::equal("chip", Takes::Id, "Cases for these chips."),
        Filter::equal("authority", Takes::Id, "Cases at these authorities."),
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
        &[SortKey::ID, SortKey::text("stage_since", "stage_since"), SortKey::CHANGED];

    const STANDING: &'static str = "t.stage, t.stage_since,
        CAST(CASE WHEN t.disputed THEN 1 ELSE 0 END AS BIGINT) AS disputed";

    fn source(Clause(statement): Clause, at: At, on: Option<Date>) -> Clause {
        let Some(day) = on.map(|date| date.to_string()) else { return Clause(statement.push("approval t")) };
        let statement = statement.push(
            "(SELECT a.id, a.since, a.until, a.document, a.company, a.chip, a.authority, a.exporter,
                 a.reference, a.supersedes, s.stage, NULLIF(s.valid_from, '') AS stage_since,
                 EXISTS (SELECT 1 FROM report r WHERE r.company = a.company AND r.chip = a.chip
                     AND r.authority = a.authority AND r.status = 'open' AND r.stage <> s.stage
                     AND r.on_date >= s.valid_from AND r.on_date <= ",
        );
        let statement = holds(statement.bind(day.as_str()).push(" AND "), "r", at);
        let statement =
            statement.push(") AS disputed FROM approval a JOIN stage_span s ON s.approval = a.id AND ");
        let statement = holds(statement, "s", at).push(
            " AND s.valid_from = (SELECT x.valid_from FROM stage_span x WHERE x.approval = a.id AND x.valid_from <= ",
        );
        let statement = holds(statement.bind(day).push(" AND "), "x", at);
        Clause(statement.push(" ORDER BY x.valid_from DESC LIMIT 1)) t"))
    }
}

impl Read {
    /// Where a case stands on a day, as known at the revision read; `None` if it is not on record.
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
        // In order of id SQLite would look through every case at the authority.
        let mut rows: Vec<Filed> = self.queried().await?.fetch_all(statement).await?;
        rows.sort_by(|one, other| one.id.cmp(&other.id));
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
