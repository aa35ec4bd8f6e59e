//! Glances: reads of one revision by a single statement.
//!
//! A statement sees a consistent snapshot by itself, so it needs no transaction: one round trip instead of
//! four. The result is one text value, since each row and column costs more to transfer than to find.

use std::ops::Range;

use serde::Deserialize;

use super::Store;
use super::bundle::{FIELD, Items, damaged, filed, gathered};
use super::error::Error;
use super::head::{Head, Newest};
use super::list::{Listing, Position, Query, SortKey, narrowed, ordered};
use super::statement::Statement;
use super::table::{At, Filed, Stored, holds};

/// A page of a list: its documents in one text, and the position where it ends.
#[derive(Clone, Debug)]
pub struct Leaf {
    items: Items,
    documents: Vec<Range<usize>>,
    next: Option<Position>,
}

/// The part of a document that a position needs.
#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Leaf {
    /// Reads a page from items, each prefixed with its sort key unless that is the id. One item over the
    /// limit means that there is a next page.
    fn read(items: Items, query: &Query) -> Result<Self, Error> {
        let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut documents = Vec::new();
        let (mut beyond, mut key_of_last) = (false, None);
        for (place, item) in items.places() {
            if documents.len() == most {
                beyond = true;
                break;
            }
            let key = if by_id(query) { None } else { Some(item.split_once(FIELD).ok_or_else(damaged)?.0) };
            let start = place.start + key.map_or(0, |key| key.len() + FIELD.len_utf8());
            documents.push(start..place.end);
            key_of_last = key;
        }
        let last = documents.last().and_then(|last| items.text(last)).filter(|_| beyond);
        let next = last.map(|document| {
            let Identified { id } = serde_json::from_str(document).map_err(|_cause| damaged())?;
            Ok::<_, Error>(Position { key: key_of_last.map_or_else(|| id.clone(), str::to_owned), id })
        });
        let next = next.transpose()?;
        Ok(Self { items, documents, next })
    }

    /// The documents of the page.
    pub fn documents(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().filter_map(|place| self.items.text(place))
    }

    /// The position where the page ends, if there is a next page.
    #[must_use]
    pub fn next(&self) -> Option<&Position> {
        self.next.as_ref()
    }
}

/// Whether a list is sorted by id alone, which the documents contain.
fn by_id(query: &Query) -> bool {
    *query.sort.key == SortKey::ID
}

impl Store {
    /// A thing at a revision, if it was on record, and the head.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision after the newest one, or [`Error::Database`].
    pub async fn glance<T: Stored>(&self, id: &str, at: At) -> Result<(Head, Option<Filed>), Error> {
        let statement = Statement::new("SELECT t.since || '\u{1f}' || t.document FROM ").push(T::TABLE.name);
        let statement = statement.push(" t WHERE t.id = ").bind(id).push(" AND ");
        let (head, shown) = self.fetch_with_head(holds(statement, "t", at), at).await?;
        let version = |shown: String| {
            let (since, document) = shown.split_once(FIELD).ok_or_else(damaged)?;
            filed([id, since, document])
        };
        Ok((head, shown.map(version).transpose()?))
    }

    /// A page of a list at a revision, and the head. The stages of cases are the recorded ones.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision after the newest one, or [`Error::Database`].
    pub async fn glance_list<T: Listing>(&self, query: &Query, at: At) -> Result<(Head, Leaf), Error> {
        let mut statement = Statement::new("SELECT ");
        if !by_id(query) {
            statement = query.sort.key.add_to(statement.push("CAST(")).push(" AS TEXT) || '\u{1f}' || ");
        }
        let query = Query { on: None, ..query.clone() };
        let statement = narrowed::<T>(statement.push("t.document AS item FROM "), at, &query);
        let (head, shown) = self.fetch_with_head(gathered(ordered(statement, &query)), at).await?;
        let leaf = Leaf::read(shown.into(), &query)?;
        Ok((head, leaf))
    }

    /// The head and the result of a statement.
    async fn fetch_with_head(&self, statement: Statement, at: At) -> Result<(Head, Option<String>), Error> {
        let (head, shown) = self.coalescer.fetch(statement).await?;
        self.writer.noticed(Newest::of(&head));
        if !at.newest && at.revision > head.revision {
            return Err(Error::Future { newest: head.revision });
        }
        Ok((head, shown))
    }
}
