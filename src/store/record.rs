//! The chain of revisions and their changes, and reads of both.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::column::Stamp;
use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::table::table;
use super::touched::{CASE_OF_REFERENCE, CASE_OF_TRANSITION, REFERENCES_OF_CHANGE, party};
use crate::domain::fault::Fault;
use crate::domain::record::{Action, Change, Revision};
use crate::domain::text::{Name, Reason};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;

/// The digest of a revision: SHA-256 over the previous digest and all fields of the revision, each prefixed
/// with its length. Optional fields are preceded by a byte, 0 if absent and 1 if present.
#[must_use]
pub fn digest(before: &[u8; 32], revision: &Revision, changes: &[Change]) -> [u8; 32] {
    let mut chain = Chain(Sha256::new());
    chain.0.update(before);
    chain.field(&revision.number.to_string());
    chain.field(&revision.recorded_at.to_string());
    chain.field(revision.actor.as_str());
    chain.optional(revision.reason.as_ref().map(Reason::as_str));
    chain.field(revision.request_id.as_str());
    for change in changes {
        chain.field(&change.ordinal.to_string());
        chain.field(&change.thing.kind.to_string());
        chain.field(&change.thing.id);
        chain.field(&change.action.to_string());
        chain.optional(change.before.as_deref());
        chain.optional(change.after.as_deref());
    }
    chain.0.finalize().into()
}

struct Chain(Sha256);

impl Chain {
    fn field(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.update([u8::from(text.is_some())]);
        if let Some(text) = text {
            self.field(text);
        }
    }
}

#[derive(sqlx::FromRow)]
struct RevisionRow {
    number: i64,
    recorded_at: Stamp,
    actor: String,
    reason: Option<String>,
    request_id: String,
    digest: Vec<u8>,
}

fn damaged(number: i64, what: &str) -> Error {
    Error::damaged(format_args!("revision {number}"), what)
}

impl TryFrom<RevisionRow> for Revision {
    type Error = Error;

    fn try_from(row: RevisionRow) -> Result<Self, Error> {
        let broken = |fault: Fault| damaged(row.number, &fault.detail);
        Ok(Self {
            number: row.number,
            recorded_at: row.recorded_at.0,
            actor: Name::try_from(row.actor.as_str()).map_err(broken)?,
            reason: row.reason.as_deref().map(Reason::try_from).transpose().map_err(broken)?,
            request_id: Name::try_from(row.request_id.as_str()).map_err(broken)?,
            digest: row
                .digest
                .as_slice()
                .try_into()
                .map_err(|cause: std::array::TryFromSliceError| damaged(row.number, &cause.to_string()))?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    revision: i64,
    ordinal: i64,
    kind: String,
    id: String,
    action: String,
    before: Option<String>,
    after: Option<String>,
}

impl TryFrom<ChangeRow> for Change {
    type Error = Error;

    fn try_from(row: ChangeRow) -> Result<Self, Error> {
        let broken = |fault: Fault| damaged(row.revision, &fault.detail);
        Ok(Self {
            revision: row.revision,
            ordinal: row.ordinal,
            thing: ThingRef::new(Kind::try_from(row.kind.as_str()).map_err(broken)?, row.id),
            action: Action::try_from(row.action.as_str()).map_err(broken)?,
            before: row.before,
            after: row.after,
        })
    }
}

const REVISION: &str =
    "SELECT r.number, r.recorded_at, r.actor, r.reason, r.request_id, r.digest FROM revision r";
/// The most numbers bound in one statement.
const MOST_NUMBERS: usize = 10_000;
const CHANGE: &str = "SELECT c.revision, c.ordinal, c.kind, c.id, c.action, c.before, c.after FROM change c";

/// Restricts the feed, a history or a list of revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangeFilter {
    /// Kinds of things.
    pub kinds: Vec<Kind>,
    /// Companies, chips and authorities that a change concerns, directly or by a case: any of each list
    /// given.
    pub touching: Vec<Vec<ThingRef>>,
}

impl ChangeFilter {
    fn add_to(&self, mut statement: Statement) -> Statement {
        if !self.kinds.is_empty() {
            statement = statement
                .push(" AND c.kind IN (")
                .bind_all(self.kinds.iter().map(ToString::to_string))
                .push(")");
        }
        for any in &self.touching {
            let mut of: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
            for thing in any {
                of.entry(thing.kind).or_default().push(&thing.id);
            }
            statement = statement.push(" AND (");
            for (index, (kind, ids)) in of.iter().enumerate() {
                statement = touches(statement.push(if index > 0 { " OR " } else { "" }), *kind, ids);
            }
            statement = statement.push(")");
        }
        statement
    }
}

/// Adds the condition that a change touches some things of a kind: it is of one, refers to one before or
/// after, or refers to a case of one. The number of conditions does not grow with the things: planning many
/// would take longer than running them.
fn touches(statement: Statement, kind: Kind, ids: &[&str]) -> Statement {
    let among = |statement: Statement| statement.push(" IN (").bind_all(ids.iter().copied()).push(")");
    let statement = statement.push("(c.kind = ").bind(kind.as_str()).push(" AND c.id");
    let statement = among(statement).push(") OR EXISTS (SELECT 1 FROM reference t WHERE ");
    let statement = statement.push(REFERENCES_OF_CHANGE).push(" AND t.to_kind = ").bind(kind.as_str());
    let statement = among(statement.push(" AND t.to_id")).push(")");
    let Some(column) = party(kind) else { return statement };
    let statement = statement
        .push(" OR EXISTS (SELECT 1 FROM reference t CROSS JOIN approval a WHERE ")
        .push(REFERENCES_OF_CHANGE)
        .push(" AND ")
        .push(CASE_OF_REFERENCE);
    let statement = among(statement.push(" AND a.").push(column));
    let statement = statement
        .push(") OR EXISTS (SELECT 1 FROM transition t CROSS JOIN approval a WHERE ")
        .push(CASE_OF_TRANSITION);
    among(statement.push(" AND a.").push(column)).push(")")
}

impl Read {
    /// A revision, if it is not after the revision read.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revision(&mut self, number: i64) -> Result<Option<Revision>, Error> {
        let statement = Statement::new(REVISION).push(" WHERE r.number = ").bind(number);
        let statement = statement.push(" AND r.number <= ").bind(self.at.revision);
        let row: Option<RevisionRow> = self.connection.fetch_optional(statement).await?;
        row.map(Revision::try_from).transpose()
    }

    /// Revisions, newest first, below a number if one is given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revisions(
        &mut self,
        actors: &[String],
        below: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Revision>, Error> {
        let statement = Statement::new(REVISION).push(" WHERE r.number <= ");
        let mut statement =
            statement.bind(below.map_or(self.at.revision, |below| self.at.revision.min(below - 1)));
        if !actors.is_empty() {
            statement =
                statement.push(" AND r.actor IN (").bind_all(actors.iter().map(String::as_str)).push(")");
        }
        let statement = statement.push(" ORDER BY r.number DESC").limit(limit);
        let rows: Vec<RevisionRow> = self.connection.fetch_all(statement).await?;
        rows.into_iter().map(Revision::try_from).collect()
    }

    /// The number of revisions, of these actors if any are given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revision_count(&mut self, actors: &[String]) -> Result<i64, Error> {
        let statement =
            Statement::new("SELECT count(*) FROM revision r WHERE r.number <= ").bind(self.at.revision);
        let statement = match actors {
            [] => statement,
            actors => {
                statement.push(" AND r.actor IN (").bind_all(actors.iter().map(String::as_str)).push(")")
            }
        };
        Ok(self.connection.fetch_one::<(i64,)>(statement).await?.0)
    }

    /// The revisions from `first` to `last`, inclusive.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revisions_between(&mut self, first: i64, last: i64) -> Result<Vec<Revision>, Error> {
        let statement = Statement::new(REVISION).push(" WHERE r.number BETWEEN $1 AND $2 ORDER BY r.number");
        let rows: Vec<RevisionRow> = self.connection.fetch_all(statement.with(first).with(last)).await?;
        rows.into_iter().map(Revision::try_from).collect()
    }

    /// The changes of the revisions from `first` to `last`, inclusive, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn changes_between(
        &mut self,
        first: i64,
        last: i64,
        narrowing: &ChangeFilter,
    ) -> Result<Vec<Change>, Error> {
        let statement =
            Statement::new(CHANGE).push(" WHERE c.revision BETWEEN ").bind(first).push(" AND ").bind(last);
        let statement = narrowing.add_to(statement).push(" ORDER BY c.revision, c.ordinal");
        let rows: Vec<ChangeRow> = self.connection.fetch_all(statement).await?;
        rows.into_iter().map(Change::try_from).collect()
    }

    /// The revisions with these numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn revisions_numbered(&mut self, numbers: &[i64]) -> Result<Vec<Revision>, Error> {
        let mut revisions = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(MOST_NUMBERS) {
            let statement =
                Statement::new(REVISION).push(" WHERE r.number IN (").bind_all(some.iter().copied());
            let rows: Vec<RevisionRow> =
                self.connection.fetch_all(statement.push(") ORDER BY r.number")).await?;
            let some: Result<Vec<Revision>, Error> = rows.into_iter().map(Revision::try_from).collect();
            revisions.extend(some?);
        }
        Ok(revisions)
    }

    /// The last revision of a page of the feed: the one with the `limit`th change after revision `after` and
    /// up to `reach`; `None` if there are fewer.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn page_end(
        &mut self,
        (after, reach): (i64, i64),
        limit: i64,
        narrowing: &ChangeFilter,
    ) -> Result<Option<i64>, Error> {
        let statement = Statement::new("SELECT c.revision FROM change c WHERE c.revision > ").bind(after);
        let statement = narrowing.add_to(statement.push(" AND c.revision <= ").bind(reach));
        let statement = statement.push(" ORDER BY c.revision, c.ordinal LIMIT 1 OFFSET ").bind(limit - 1);
        let row: Option<(i64,)> = self.connection.fetch_optional(statement).await?;
        Ok(row.map(|(revision,)| revision))
    }

    /// The changes of one thing, newest first, below a revision if one is given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn history(
        &mut self,
        thing: &ThingRef,
        below: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Change>, Error> {
        let reach = below.map_or(self.at.revision, |below| self.at.revision.min(below - 1));
        let statement = Statement::new(CHANGE).push(" JOIN ").push(table(thing.kind).name);
        let statement = statement.push(" v ON c.revision = v.since AND c.ordinal = v.ordinal WHERE v.id = ");
        let statement = statement.bind(thing.id.as_str()).push(" AND v.since <= ").bind(reach);
        let statement = statement.push(" ORDER BY v.since DESC").limit(limit);
        let mut rows: Vec<ChangeRow> = self.connection.fetch_all(statement).await?;
        if let Some(revision) = self.retired(thing, reach).await? {
            let statement = Statement::new(CHANGE).push(" WHERE c.revision = ").bind(revision);
            let statement = statement.push(" AND c.kind = ").bind(thing.kind.as_str());
            let statement = statement.push(" AND c.id = ").bind(thing.id.as_str());
            rows.insert(0, self.connection.fetch_one(statement).await?);
            rows.truncate(usize::try_from(limit).unwrap_or_default());
        }
        rows.into_iter().map(Change::try_from).collect()
    }

    /// The number of changes of a thing.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn history_count(&mut self, thing: &ThingRef) -> Result<i64, Error> {
        let statement = Statement::new("SELECT count(*) FROM ").push(table(thing.kind).name);
        let statement = statement.push(" v WHERE v.id = ").bind(thing.id.as_str());
        let statement = statement.push(" AND v.since <= ").bind(self.at.revision);
        let (versions,): (i64,) = self.connection.fetch_one(statement).await?;
        let retired = self.retired(thing, self.at.revision).await?;
        Ok(versions + i64::from(retired.is_some()))
    }

    /// The revision that retired a thing, if not after `by`. Every other change begins a version.
    async fn retired(&mut self, thing: &ThingRef, by: i64) -> Result<Option<i64>, Error> {
        let statement = Statement::new("SELECT v.until FROM ").push(table(thing.kind).name);
        let statement = statement.push(" v WHERE v.id = ").bind(thing.id.as_str());
        let statement = statement.push(" AND v.since <= ").bind(by).push(" ORDER BY v.since DESC LIMIT 1");
        let last: Option<(Option<i64>,)> = self.connection.fetch_optional(statement).await?;
        Ok(last.and_then(|(until,)| until).filter(|until| *until <= by))
    }
}
