//! Reading the register at one revision.

use super::column::Stamp;
use super::error::Error;
use super::head::{Head, HeadRow};
use super::statement::{Connection, Statement};
use super::table::{At, Filed, Presence, Stored, Table, Version, holds};
use super::transitions::ACCEPTED;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;

/// The revision to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest one.
    Newest,
    /// The one with this number.
    Revision(i64),
    /// The newest one recorded by this moment.
    KnownAt(Moment),
}

/// The register as it was at one revision.
pub struct Read {
    pub(super) connection: Connection,
    pub(super) head: Head,
    pub(super) at: At,
}

impl Read {
    pub(super) async fn open(mut connection: Connection, wanted: Wanted, now: Moment) -> Result<Self, Error> {
        let head: Head = connection.fetch_one::<HeadRow>(super::head::find()).await?.try_into()?;
        let newest = head.revision;
        let mut read = Self { connection, head, at: At { revision: newest, newest: true } };
        let revision = match wanted {
            Wanted::Newest => newest,
            Wanted::Revision(number) if number > newest => return Err(Error::Future { newest }),
            Wanted::Revision(number) => number,
            Wanted::KnownAt(moment) if moment > now.max(read.head.recorded_at) => {
                return Err(Error::Future { newest });
            }
            Wanted::KnownAt(moment) => read.known_at(moment).await?,
        };
        read.at = At { revision, newest: revision == newest };
        Ok(read)
    }

    async fn known_at(&mut self, moment: Moment) -> Result<i64, Error> {
        let statement = Statement::new(
            "SELECT number FROM revision WHERE recorded_at <= $1 ORDER BY recorded_at DESC, number DESC LIMIT 1",
        );
        let found: Option<(i64,)> = self.connection.fetch_optional(statement.with(moment)).await?;
        Ok(found.map_or(0, |(number,)| number))
    }

    /// The revision this read is at.
    #[must_use]
    pub fn at(&self) -> At {
        self.at
    }

    /// The newest revision there is.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The number of statements run. For a page of the board it does not depend on the page's size.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.connection.statements
    }

    /// When the revision this read is at was recorded; `None` before the first.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn recorded_at(&mut self) -> Result<Option<Moment>, Error> {
        let statement = Statement::new("SELECT recorded_at FROM revision WHERE number = $1");
        let found: Option<(Stamp,)> =
            self.connection.fetch_optional(statement.with(self.at.revision)).await?;
        Ok(found.map(|(stamp,)| stamp.0))
    }

    /// The document of a thing.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn filed<T: Stored>(&mut self, id: &str) -> Result<Presence<Filed>, Error> {
        let Table { name, identity, .. } = T::TABLE;
        let statement =
            Statement::new("SELECT t.id, t.since, t.document FROM ").push(name).push(" t WHERE t.id = ");
        let statement = holds(statement.bind(id).push(" AND "), "t", self.at);
        if let Some(filed) = self.connection.fetch_optional(statement).await? {
            return Ok(Presence::Present(filed));
        }
        let once = Statement::new("SELECT id FROM ")
            .push(identity)
            .push(" WHERE created <= ")
            .bind(self.at.revision);
        let once: Option<(String,)> =
            self.connection.fetch_optional(once.push(" AND id = ").bind(id)).await?;
        Ok(if once.is_some() { Presence::Retired } else { Presence::Absent })
    }

    /// A thing.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if its document is.
    pub async fn thing<T: Stored>(&mut self, id: &str) -> Result<Presence<Version<T>>, Error> {
        self.filed::<T>(id).await?.try_map(|filed| filed.version())
    }

    /// The ids of a kind that are on record, of those given.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn on_record(&mut self, kind: Kind, ids: &[&str]) -> Result<Vec<String>, Error> {
        let statement = Statement::new("SELECT t.id FROM ")
            .push(super::table::table(kind).name)
            .push(" t WHERE t.id IN (");
        let statement = holds(statement.bind_all(ids.iter().copied()).push(") AND "), "t", self.at);
        let rows: Vec<(String,)> = self.connection.fetch_all(statement).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Up to `limit` things on record that refer to one. Transitions of a case do not count: they are part of
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn referring(&mut self, to: &ThingRef, limit: i64) -> Result<Vec<ThingRef>, Error> {
        let statement = Statement::new("SELECT r.from_kind, r.from_id FROM reference r WHERE r.to_kind = ")
            .bind(to.kind.to_string())
            .push(" AND r.to_id = ")
            .bind(to.id.as_str())
            .push(" AND ");
        let statement = holds(statement, "r", self.at).push(" ORDER BY r.from_kind, r.from_id").limit(limit);
        let rows: Vec<(String, String)> = self.connection.fetch_all(statement).await?;
        Ok(rows
            .into_iter()
            .filter_map(|(kind, id)| Some(ThingRef::new(Kind::try_from(kind.as_str()).ok()?, id)))
            .collect())
    }

    /// The ids of a kind on record, ordered by id, each with the id of the same kind it refers to.
    /// Transitions are ordered by case, effective date and acceptance, and refer to none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn ids_with_parents(&mut self, kind: Kind) -> Result<Vec<(String, Option<String>)>, Error> {
        let parent = match kind {
            Kind::Company => "t.parent",
            Kind::Source => "t.republishes",
            Kind::Approval => "t.supersedes",
            _ => "CAST(NULL AS TEXT)",
        };
        let statement = Statement::new("SELECT t.id, ").push(parent).push(" FROM ");
        let (statement, order) = if kind == Kind::Transition {
            (statement.push(ACCEPTED), "t.approval, t.effective_on, f.since, f.ordinal")
        } else {
            (statement.push(super::table::table(kind).name).push(" t WHERE "), "t.id")
        };
        let statement = holds(statement, "t", self.at);
        self.connection.fetch_all(statement.push(" ORDER BY ").push(order)).await
    }

    /// The documents of things of a kind, by id.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn documents(&mut self, kind: Kind, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        let statement = Statement::new("SELECT t.id, t.document FROM ").push(super::table::table(kind).name);
        let statement =
            statement.push(" t WHERE t.id IN (").bind_all(ids.iter().map(String::as_str)).push(") AND ");
        self.connection.fetch_all(holds(statement, "t", self.at)).await
    }
}
