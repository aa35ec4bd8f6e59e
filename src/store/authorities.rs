//! Storage of authorities.

use super::error::Error;
use super::list::{Filter, Listing, SortKey, Takes, words};
use super::statement::Statement;
use super::table::{Cells, Filed, Stored, Table, Version};
use super::write::Write;
use crate::domain::authority::{Authority, Gate};
use crate::domain::id::WorkflowId;
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Authority {
    const TABLE: Table = Table {
        name: "authority",
        identity: "authority_identity",
        columns: &["name", "jurisdiction", "gate", "workflow", "unspecified"],
    };

    fn cells(&self) -> Cells {
        Cells(vec![
            self.name.as_str().into(),
            self.jurisdiction.as_str().into(),
            self.gate.as_str().into(),
            self.workflow.as_str().into(),
            self.unspecified.into(),
        ])
    }
}

impl Listing for Authority {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Authorities with these ids."),
        Filter::equal("jurisdiction", Takes::Jurisdiction, "Authorities of these jurisdictions."),
        Filter::equal("gate", Takes::Words(words::<Gate>), "Authorities that guard this side."),
        Filter::equal("workflow", Takes::Id, "Authorities whose cases go through these workflows."),
        Filter::equal(
            "unspecified",
            Takes::Boolean,
            "Whether the authority stands for regulators nobody names.",
        ),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::NAME, SortKey::CHANGED];
}

impl Write {
    /// The authorities whose cases go through a workflow.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn authorities_under(
        &mut self,
        workflow: &WorkflowId,
    ) -> Result<Vec<Version<Authority>>, Error> {
        self.flush().await?;
        let statement = Statement::new(
            "SELECT id, since, document FROM authority WHERE until IS NULL AND workflow = $1 ORDER BY id",
        );
        let rows: Vec<Filed> = self.queried().await?.fetch_all(statement.with(workflow.as_str())).await?;
        rows.iter().map(Filed::version).collect()
    }
}
