//! Glances: what the newest revision shows, found by one statement.
//!
//! A statement sees one state of the register by itself, so it needs no transaction around it: one way to
//! the engine and back takes the place of four. What was asked for comes as one value together with the
//! head, since each row and each column costs more to hand over than to find.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::engine::Engine;
use super::error::Error;
use super::head::{FROM_HEAD, HEAD_COLUMNS, Head, HeadRow};
use super::list::{Found, Listing, Page, Position, Query, narrowed};
use super::statement::{Connection, Row, Statement};
use super::table::{At, Filed, Stored};
use super::writer::Newest;
use super::{Store, list};

/// How many glances there are at once at most.
pub(super) const GLANCES: u32 = 4;
/// What stands between fields and between items: neither JSON nor any text on record holds control
/// characters as they are.
const FIELD: char = '\u{1f}';
const ITEM: char = '\u{1e}';

/// Connections that are kept at hand: a pool tests each as it is given out and as it is taken back, and
/// either takes longer than a glance.
pub(super) struct AtHand {
    connections: Mutex<Vec<Connection>>,
    places: Semaphore,
}

impl AtHand {
    pub(super) fn new() -> Self {
        Self { connections: Mutex::default(), places: Semaphore::new(GLANCES as usize) }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Nothing here can panic half way.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one row that a statement finds. A connection on which it failed or was given up goes back to
    /// the pool, which looks whether it is still good.
    async fn fetch_one<R: Row>(&self, engine: &Engine, statement: Statement) -> Result<R, Error> {
        let _place = self.places.acquire().await;
        let kept = self.connections().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => engine.lent().await?,
        };
        let row = connection.fetch_one(statement).await?;
        let mut connections = self.connections();
        if !self.places.is_closed() {
            connections.push(connection);
        }
        Ok(row)
    }

    /// Gives every connection back to its pool, for good.
    pub(super) fn let_go(&self) {
        self.places.close();
        self.connections().clear();
    }
}

/// The head, and what was asked for as one text.
#[derive(sqlx::FromRow)]
struct Glance {
    #[sqlx(flatten)]
    head: HeadRow,
    shown: Option<String>,
}

impl Store {
    /// A thing at the newest revision, if it is on record, and the head.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn glance<T: Stored>(&self, id: &str) -> Result<(Head, Option<Filed>), Error> {
        let statement = head().push(", (SELECT t.since || '\u{1f}' || t.document FROM ");
        let statement = statement.push(T::TABLE.name).push(" t WHERE t.until IS NULL AND t.id = ").bind(id);
        let (head, shown) = self.glanced(statement).await?;
        let filed = |shown: String| {
            let (since, document) = shown.split_once(FIELD)?;
            Some(Filed { id: id.to_owned(), since: since.parse().ok()?, document: document.to_owned() })
        };
        let filed = shown.map(|shown| filed(shown).ok_or_else(damaged::<T>));
        Ok((head, filed.transpose()?))
    }

    /// A page of a list at the newest revision, and the head. Where cases stand is what is on record.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn glance_list<T: Listing>(&self, query: &Query) -> Result<(Head, Page), Error> {
        // The rows of a limited list stay in its order on their way into the text.
        let statement = head()
            .push(", (SELECT string_agg(p.item, '\u{1e}') FROM (SELECT t.id || '\u{1f}' || t.since || '\u{1f}' || CAST(");
        let statement =
            query.sort.key.add_to(statement).push(" AS TEXT) || '\u{1f}' || t.document AS item FROM ");
        let (at, query) = (At { revision: 0, newest: true }, Query { on: None, ..query.clone() });
        let statement = list::ordered(narrowed::<T>(statement, at, &query), &query);
        let (head, shown) = self.glanced(statement.push(") p")).await?;
        let items = shown.as_deref().unwrap_or_default().split(ITEM).filter(|item| !item.is_empty());
        let items = items.map(Item::read).collect::<Option<Vec<_>>>().ok_or_else(damaged::<T>)?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let page = items.iter().take(limit);
        let last = page.clone().next_back().filter(|_| items.len() > limit);
        let next = last.map(|last| Position { key: last.key.to_owned(), id: last.id.to_owned() });
        Ok((head, Page { items: page.map(Item::found).collect(), next }))
    }

    /// The head with what else a statement finds.
    async fn glanced(&self, statement: Statement) -> Result<(Head, Option<String>), Error> {
        let statement = statement.push(") AS shown").push(FROM_HEAD);
        let glance: Glance = self.at_hand.fetch_one(&self.engine, statement).await?;
        let head = Head::try_from(glance.head)?;
        self.writer.noticed(Newest::of(&head));
        Ok((head, glance.shown))
    }
}

fn head() -> Statement {
    Statement::new("SELECT ").push(HEAD_COLUMNS)
}

/// An item of a list, in pieces of the text it came in.
struct Item<'t> {
    id: &'t str,
    since: i64,
    key: &'t str,
    document: &'t str,
}

impl<'t> Item<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let mut fields = text.splitn(4, FIELD);
        let (id, since) = (fields.next()?, fields.next()?.parse().ok()?);
        Some(Self { id, since, key: fields.next()?, document: fields.next()? })
    }

    fn found(&self) -> Found {
        let (id, document) = (self.id.to_owned(), self.document.to_owned());
        Found { filed: Filed { id, since: self.since, document }, standing: None }
    }
}

fn damaged<T: Stored>() -> Error {
    Error::Unfit(format!("what `{}` holds came in pieces that do not fit", T::TABLE.name))
}
