//! Receipts of determinations: written once, read byte for byte, never changed.

use super::error::Error;
use super::list::{Filter, Takes, words};
use super::read::Read;
use super::statement::Statement;
use super::write::Write;
use crate::domain::id::{ChipId, CompanyId, DeterminationId};
use crate::domain::judgement::Verdict;
use crate::domain::workflow::Activity;

/// A receipt and its search columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its id, which sorts by time.
    pub id: DeterminationId,
    /// The company asked about.
    pub company: CompanyId,
    /// The chip asked about.
    pub chip: ChipId,
    /// What the company would do.
    pub activity: Activity,
    /// The answer.
    pub verdict: Verdict,
    /// The receipt itself, as JSON text.
    pub document: String,
}

/// The filters of the list of receipts.
pub const RECEIPT_FILTERS: &[Filter] = &[
    Filter::equal("company", Takes::Id, "Determinations about these companies."),
    Filter::equal("chip", Takes::Id, "Determinations about these chips."),
    Filter::equal("activity", Takes::Words(words::<Activity>), "Determinations about these activities."),
    Filter::equal("verdict", Takes::Words(words::<Verdict>), "Determinations with these verdicts."),
];

/// The filters of a list of receipts, with their values.
pub(super) type ReceiptFilters = [(&'static Filter, Vec<String>)];

impl Read {
    /// A receipt, byte for byte as it was first given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn receipt(&mut self, id: &DeterminationId) -> Result<Option<String>, Error> {
        let statement = Statement::new("SELECT document FROM determination WHERE id = $1 AND revision <= $2");
        let statement = statement.with(id.as_str()).with(self.at.revision);
        let row: Option<(String,)> = self.connection.fetch_optional(statement).await?;
        Ok(row.map(|(document,)| document))
    }

    /// Receipts as id and text, newest first, before one if it is given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn receipts(
        &mut self,
        filters: &ReceiptFilters,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(String, String)>, Error> {
        let mut statement = narrowed("SELECT t.id, t.document FROM determination t WHERE ", filters, self);
        if let Some(before) = before {
            statement = statement.push(" AND t.id < ").bind(before);
        }
        self.connection.fetch_all(statement.push(" ORDER BY t.id DESC").limit(limit)).await
    }

    /// The number of receipts.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn receipt_count(&mut self, filters: &ReceiptFilters) -> Result<i64, Error> {
        let statement = narrowed("SELECT count(*) FROM determination t WHERE ", filters, self);
        Ok(self.connection.fetch_one::<(i64,)>(statement).await?.0)
    }
}

/// Leaves out receipts given after the revision read.
fn narrowed(select: &'static str, filters: &ReceiptFilters, read: &Read) -> Statement {
    let known = Statement::new(select).push("t.revision <= ").bind(read.at.revision);
    filters.iter().fold(known, |statement, (filter, values)| filter.add_to(statement, read.at, values))
}

impl Write {
    /// Stores a receipt.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn keep_receipt(&mut self, receipt: &Receipt) -> Result<(), Error> {
        let (made_at, newest) = (self.now(), self.head().revision);
        let statement = Statement::new(
            "INSERT INTO determination (id, company, chip, activity, verdict, revision, made_at, document)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let statement = statement
            .with(receipt.id.as_str())
            .with(receipt.company.as_str())
            .with(receipt.chip.as_str())
            .with(receipt.activity.to_string())
            .with(receipt.verdict.to_string())
            .with(newest)
            .with(made_at)
            .with(receipt.document.as_str());
        self.queried().await?.execute(statement).await?;
        Ok(())
    }
}
