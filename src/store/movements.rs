//! Storage of movements.

use super::error::Error;
use super::list::{Filter, Listing, SortKey, Takes, words};
use super::statement::Statement;
use super::table::{Cells, Filed, Stored, Table, Version};
use super::write::Write;
use crate::domain::id::{ApprovalId, CompanyId};
use crate::domain::movement::{Movement, MovementKind};
use crate::domain::text::Reference;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Movement {
    const TABLE: Table = Table {
        name: "movement",
        identity: "movement_identity",
        columns: &["company", "chip", "approval", "kind", "units", "occurred_on", "external_ref"],
    };

    fn cells(&self) -> Cells {
        Cells(vec![
            self.company.as_str().into(),
            self.chip.as_str().into(),
            self.approval.as_ref().map(ToString::to_string).into(),
            self.kind.as_str().into(),
            self.units.get().into(),
            self.occurred_on.to_string().into(),
            self.external_ref.as_ref().map(ToString::to_string).into(),
        ])
    }
}

impl Listing for Movement {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Movements with these ids."),
        Filter::equal("company", Takes::Id, "Movements of these companies."),
        Filter::equal("chip", Takes::Id, "Movements of these chips."),
        Filter::equal("approval", Takes::Id, "Movements that draw on these approvals."),
        Filter::equal("kind", Takes::Words(words::<MovementKind>), "Movements of these kinds."),
        Filter::equal(
            "external_ref",
            Takes::Text,
            "Movements to which somebody else's books give these numbers.",
        ),
        Filter::equal("occurred_on", Takes::Date, "Movements of these days."),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::text("occurred_on", "occurred_on")];
}

impl Write {
    /// Up to `limit` movements that draw on an approval, including pending changes.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn movements_on(&mut self, approval: &ApprovalId, limit: i64) -> Result<Vec<ThingRef>, Error> {
        self.flush().await?;
        let statement = Statement::new("SELECT id FROM movement WHERE approval = $1 ORDER BY id LIMIT $2");
        let statement = statement.with(approval.as_str()).with(limit);
        let rows: Vec<(String,)> = self.queried().await?.fetch_all(statement).await?;
        Ok(rows.into_iter().map(|(id,)| ThingRef::new(Kind::Movement, id)).collect())
    }

    /// The movement of a company and kind with an external reference, including pending changes.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if its document is.
    pub async fn movement_referred(
        &mut self,
        company: &CompanyId,
        kind: MovementKind,
        external_ref: &Reference,
    ) -> Result<Option<Version<Movement>>, Error> {
        if let Some(id) = self.ledger().referred(company, kind, external_ref) {
            return Ok(self.current::<Movement>(id.as_str()).await?.present());
        }
        let statement = Statement::new(
            "SELECT id, since, document FROM movement WHERE company = $1 AND kind = $2 AND external_ref = $3",
        );
        let statement = statement.with(company.as_str()).with(kind.as_str()).with(external_ref.as_str());
        let row: Option<Filed> = self.queried().await?.fetch_optional(statement).await?;
        row.as_ref().map(Filed::version).transpose()
    }
}
