//! Glances: what one revision shows, found by one statement.
//!
//! A statement sees one state of the register by itself, so it needs no transaction around it: one way to
//! the engine and back takes the place of four. What was asked for comes as one value, since each row and each
//! column costs more to hand over than to find.

use std::ops::Range;

use serde::Deserialize;

use super::Store;
use super::bundle::{FIELD, Items, damaged, filed, gathered};
use super::error::Error;
use super::head::{Head, Newest};
use super::list::{Listing, Position, Query, SortKey, narrowed, ordered};
use super::statement::Statement;
use super::table::{At, Filed, Stored, holds};

/// A page of a list as a glance shows it: its documents in one text, and where it ends.
#[derive(Clone, Debug)]
pub struct Leaf {
    items: Items,
    documents: Vec<Range<usize>>,
    next: Option<Position>,
}

/// What of a document says where a page ends.
#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Leaf {
    /// The page of a query, of items that come each after its sort key if that is not the id, and of which
    /// there is one more if there is one.
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

    /// Where the page ends, if there is more.
    #[must_use]
    pub fn next(&self) -> Option<&Position> {
        self.next.as_ref()
    }
}

/// Whether a list is sorted by nothing but the id, which the documents themselves tell.
fn by_id(query: &Query) -> bool {
    *query.sort.key == SortKey::ID
}

impl Store {
    /// A thing at a revision, if it was on record, and the head.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision that has not come, or [`Error::Database`].
    pub async fn glance<T: Stored>(&self, id: &str, at: At) -> Result<(Head, Option<Filed>), Error> {
        let statement = Statement::new("SELECT t.since || '\u{1f}' || t.document FROM ").push(T::TABLE.name);
        let statement = statement.push(" t WHERE t.id = ").bind(id).push(" AND ");
        let (head, shown) = self.glanced(holds(statement, "t", at), at).await?;
        let version = |shown: String| {
            let (since, document) = shown.split_once(FIELD).ok_or_else(damaged)?;
            filed([id, since, document])
        };
        Ok((head, shown.map(version).transpose()?))
    }

    /// A page of a list at a revision, and the head. Where cases stand is what was on record.
    ///
    /// # Errors
    ///
    /// [`Error::Future`] for a revision that has not come, or [`Error::Database`].
    pub async fn glance_list<T: Listing>(&self, query: &Query, at: At) -> Result<(Head, Leaf), Error> {
        let mut statement = Statement::new("SELECT ");
        if !by_id(query) {
            statement = query.sort.key.add_to(statement.push("CAST(")).push(" AS TEXT) || '\u{1f}' || ");
        }
        let query = Query { on: None, ..query.clone() };
        let statement = narrowed::<T>(statement.push("t.document AS item FROM "), at, &query);
        let (head, shown) = self.glanced(gathered(ordered(statement, &query)), at).await?;
        let leaf = Leaf::read(shown.into(), &query)?;
        Ok((head, leaf))
    }

    /// The head with what else a statement finds.
    async fn glanced(&self, statement: Statement, at: At) -> Result<(Head, Option<String>), Error> {
        let (head, shown) = self.coalescer.fetch(statement).await?;
        self.writer.noticed(Newest::of(&head));
        if !at.newest && at.revision > head.revision {
            return Err(Error::Future { newest: head.revision });
        }
        Ok((head, shown))
    }
}
