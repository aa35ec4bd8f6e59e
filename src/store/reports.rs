//! Storage of reports.

use super::error::Error;
use super::list::{Filter, Listing, SortKey, Takes, words};
use super::statement::Statement;
use super::table::{Cells, Filed, Stored, Table};
use super::write::Write;
use crate::domain::approval::Approval;
use crate::domain::report::{Modality, Report, ReportStatus};
use crate::domain::thing::Kind;
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Report {
    const TABLE: Table = Table {
        name: "report",
        identity: "report_identity",
        columns: &["company", "chip", "authority", "stage", "on_date", "modality", "status"],
    };

    fn cells(&self) -> Cells {
        let about = &self.about;
        Cells(vec![
            about.company.as_ref().map(ToString::to_string).into(),
            about.chip.as_ref().map(ToString::to_string).into(),
            about.authority.as_ref().map(ToString::to_string).into(),
            self.stage.as_ref().map(ToString::to_string).into(),
            self.on.date.to_string().into(),
            self.modality.as_str().into(),
            self.status.as_str().into(),
        ])
    }
}

impl Listing for Report {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Reports with these ids."),
        Filter::equal("company", Takes::Id, "Reports about these companies."),
        Filter::equal("chip", Takes::Id, "Reports about these chips."),
        Filter::equal("authority", Takes::Id, "Reports about these authorities."),
        Filter::equal("stage", Takes::Stage, "Reports that name these stages."),
        Filter::equal("modality", Takes::Words(words::<Modality>), "Reports that put it so."),
        Filter::equal("status", Takes::Words(words::<ReportStatus>), "Reports of this status."),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::text("on", "on_date"), SortKey::CHANGED];
}

impl Write {
    /// The open reports about an approval's company, chip and authority, all three, that name a stage.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn open_reports(&mut self, approval: &Approval) -> Result<Vec<Report>, Error> {
        // While this command has pending changes of reports, neither use nor fill the cache.
        let changed = self.alters(Kind::Report);
        if changed {
            self.flush().await?;
        }
        let Approval { company, chip, authority, .. } = approval;
        let parties = (company.to_string(), chip.to_string(), authority.to_string());
        if let Some(known) = self.cache.reports(&parties).filter(|_| !changed) {
            return known.iter().map(|row| Ok(row.version::<Report>()?.value)).collect();
        }
        let statement = Statement::new(
            "SELECT id, since, document FROM report WHERE until IS NULL AND company = $1 AND chip = $2
             AND authority = $3 AND status = 'open' AND stage IS NOT NULL ORDER BY id",
        );
        let statement = statement.with(company.as_str()).with(chip.as_str()).with(authority.as_str());
        let rows: Vec<Filed> = self.connection().fetch_all(statement).await?;
        let reports = rows.iter().map(|row| Ok(row.version::<Report>()?.value)).collect();
        if !changed {
            self.cache.remember_reports(parties, rows);
        }
        reports
    }
}
