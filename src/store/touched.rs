//! What changes touch, beside the things they are of: for whoever reads each change once for many others.

use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use crate::domain::fault::Fault;
use crate::domain::thing::{Kind, ThingRef};

/// The kinds that changes are followed by.
const FOLLOWED: [Kind; 3] = [Kind::Company, Kind::Chip, Kind::Authority];

/// A change by its revision and its place there, and a thing it touches.
pub type Touch = ((i64, i64), ThingRef);

impl Read {
    /// The companies, chips and authorities that the changes of some revisions refer to, before or after:
    /// what a [`Narrowing`](super::Narrowing) to them goes by.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn touched_between(&mut self, first: i64, last: i64) -> Result<Vec<Touch>, Error> {
        let statement = Statement::new(
            "SELECT c.revision, c.ordinal, t.to_kind, t.to_id FROM change c
             CROSS JOIN reference t WHERE t.from_kind = c.kind AND t.from_id = c.id
                 AND t.since <= c.revision AND (t.until IS NULL OR t.until >= c.revision)
                 AND c.revision BETWEEN ",
        );
        let statement = statement.bind(first).push(" AND ").bind(last).push(" AND t.to_kind IN (");
        let statement = statement.bind_all(FOLLOWED.iter().map(ToString::to_string)).push(")");
        let rows: Vec<(i64, i64, String, String)> = self.connection.fetch_all(statement).await?;
        let touch = |(revision, ordinal, kind, id): (i64, i64, String, String)| {
            let broken =
                |fault: Fault| Error::Unfit(format!("revision {revision} is damaged: {}", fault.detail));
            let kind = Kind::try_from(kind.as_str()).map_err(broken)?;
            Ok(((revision, ordinal), ThingRef::new(kind, id)))
        };
        rows.into_iter().map(touch).collect()
    }
}
