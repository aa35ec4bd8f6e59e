//! The companies, chips and authorities that changes touch besides their own thing: those they refer to, and
//! the parties of a case they refer to. A case that supersedes another does not touch the other's parties.

use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use crate::domain::fault::Fault;
use crate::domain::thing::{Kind, ThingRef};

/// A change, by revision and ordinal, and a thing it touches.
pub type Touch = ((i64, i64), ThingRef);

/// The references `t` of a change `c`, before or after it.
pub(super) const REFERENCES_OF_CHANGE: &str = "t.from_kind = c.kind AND t.from_id = c.id
    AND t.since <= c.revision AND (t.until IS NULL OR t.until >= c.revision)";

/// The case `a` to which a reference `t` of a change `c` points, as of that revision.
pub(super) const CASE_OF_REFERENCE: &str =
    "t.to_kind = 'approval' AND t.from_kind <> 'approval' AND a.id = t.to_id
    AND a.since = (SELECT max(x.since) FROM approval x WHERE x.id = t.to_id AND x.since <= c.revision)";

/// The case `a` of a transition `t`, as of its change `c`.
pub(super) const CASE_OF_TRANSITION: &str = "c.kind = 'transition' AND t.id = c.id
    AND t.since = (SELECT min(x.since) FROM transition x WHERE x.id = c.id) AND a.id = t.approval
    AND a.since = (SELECT max(x.since) FROM approval x WHERE x.id = t.approval AND x.since <= c.revision)";

/// The column of a case that names its thing of a kind, for the kinds that changes can be filtered by.
pub(super) fn party(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Company => Some("company"),
        Kind::Chip => Some("chip"),
        Kind::Authority => Some("authority"),
        _ => None,
    }
}

/// A reference of a change, and the parties of the case it points to.
#[derive(sqlx::FromRow)]
struct TouchRow {
    revision: i64,
    ordinal: i64,
    to_kind: String,
    to_id: String,
    company: Option<String>,
    chip: Option<String>,
    authority: Option<String>,
}

impl TouchRow {
    fn touches(self) -> Result<impl Iterator<Item = Touch>, Error> {
        let place = (self.revision, self.ordinal);
        let broken = |fault: Fault| Error::damaged(format_args!("revision {}", place.0), fault.detail);
        let to = ThingRef::new(Kind::try_from(self.to_kind.as_str()).map_err(broken)?, self.to_id);
        let parties =
            [(Kind::Company, self.company), (Kind::Chip, self.chip), (Kind::Authority, self.authority)];
        let parties = parties.into_iter().filter_map(|(kind, id)| Some(ThingRef::new(kind, id?)));
        let named = Some(to).filter(|to| party(to.kind).is_some());
        Ok(named.into_iter().chain(parties).map(move |thing| (place, thing)))
    }
}

impl Read {
    /// The companies, chips and authorities that the changes of some revisions touch, as matched by
    /// [`ChangeFilter`](super::ChangeFilter).
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn touched_between(&mut self, first: i64, last: i64) -> Result<Vec<Touch>, Error> {
        let statement = Statement::new(
            "SELECT c.revision, c.ordinal, t.to_kind, t.to_id, a.company, a.chip, a.authority
             FROM change c CROSS JOIN reference t LEFT JOIN approval a ON ",
        );
        let statement = statement.push(CASE_OF_REFERENCE).push(" WHERE ").push(REFERENCES_OF_CHANGE);
        let statement = statement.push(" AND t.to_kind IN ('company', 'chip', 'authority', 'approval')");
        let statement = statement.push(" AND c.revision BETWEEN ").bind(first).push(" AND ").bind(last);
        let statement = statement.push(
            " UNION ALL SELECT c.revision, c.ordinal, 'approval', a.id, a.company, a.chip, a.authority
             FROM change c CROSS JOIN transition t CROSS JOIN approval a WHERE ",
        );
        let statement = statement.push(CASE_OF_TRANSITION);
        let statement = statement.push(" AND c.revision BETWEEN ").bind(first).push(" AND ").bind(last);
        let rows: Vec<TouchRow> = self.connection.fetch_all(statement).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            all.extend(row.touches()?);
        }
        Ok(all)
    }
}
