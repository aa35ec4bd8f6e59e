//! Bundles: the results of several queries, fetched by one statement as one text each.
//!
//! On SQLite each round trip to the connection's thread, and each row, takes longer than most queries.

use std::ops::Range;
use std::vec::IntoIter;

use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::error::Error;
use super::read::Read;
use super::statement::{Connection, Statement};
use super::table::{Filed, check_document};

/// The separators of fields and of items. Neither JSON nor any stored text contains control characters
/// unescaped.
pub(super) const FIELD: char = '\u{1f}';
const ITEM: char = '\u{1e}';

/// The columns of [`Filed`] as one item of a bundle.
pub(super) const FILED: &str = "t.id || '\u{1f}' || t.since || '\u{1f}' || t.document AS item";

/// The result of a query: its items in one text.
#[derive(Clone, Debug)]
pub(super) struct Items(String);

impl Items {
    /// The items, in the order of the query.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.places().map(|(_, item)| item)
    }

    /// The items, each with its range in the text.
    pub(super) fn places(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        let mut start = 0;
        let items = self.0.split(ITEM).map(move |item| {
            let place = start..start + item.len();
            start = place.end + ITEM.len_utf8();
            (place, item)
        });
        // No item is empty; an empty text has no items.
        items.filter(|(_, item)| !item.is_empty())
    }

    /// The text at a range.
    pub(super) fn text(&self, place: &Range<usize>) -> Option<&str> {
        self.0.get(place.clone())
    }

    /// The items, each split into `N` fields.
    pub(super) fn fields<const N: usize>(&self) -> impl Iterator<Item = Result<[&str; N], Error>> {
        self.iter().map(|item| {
            let fields: Vec<&str> = item.split(FIELD).collect();
            fields.try_into().map_err(|_other| damaged())
        })
    }

    /// The documents, for a query of [`FILED`].
    pub(super) fn filed(&self) -> impl Iterator<Item = Result<Filed, Error>> {
        self.fields().map(|item| filed(item?))
    }
}

/// Checks the document at the end of each item of a text.
pub(super) fn check_documents(text: &str) -> Result<(), Error> {
    let documents = text.split(ITEM).filter(|item| !item.is_empty());
    documents.filter_map(|item| item.rsplit(FIELD).next()).try_for_each(|document| {
        check_document(document).map_err(|why| Error::damaged("a document that was asked for", why))
    })
}

impl From<Option<String>> for Items {
    fn from(text: Option<String>) -> Self {
        Self(text.unwrap_or_default())
    }
}

/// A version, from its id, the revision that opened it, and its document.
pub(super) fn filed([id, since, document]: [&str; 3]) -> Result<Filed, Error> {
    let since = since.parse().map_err(|_cause| damaged())?;
    Ok(Filed { id: id.to_owned(), since, document: document.to_owned() })
}

/// The error for a bundle that cannot be split as expected.
pub(super) fn damaged() -> Error {
    Error::damaged("what the register holds", "it comes in pieces that do not fit")
}

/// A query for items of these columns, none of which may be null. `from` continues after `FROM`.
pub(super) fn items_of(columns: &[&'static str], from: Statement) -> Statement {
    let add = |query: Statement, (index, column): (usize, &&'static str)| {
        query.push(if index > 0 { " || '\u{1f}' || " } else { "" }).push(column)
    };
    let query = columns.iter().enumerate().fold(Statement::new("SELECT "), add);
    query.push(" AS item FROM ").append(from)
}

/// Wraps a query, whose one column is `item`, to return all items in one text, in the query's order.
pub(super) fn gathered(query: Statement) -> Statement {
    Statement::new("SELECT string_agg(p.item, '\u{1e}') FROM (").append(query).push(") p")
}

impl Statement {
    /// Adds queries that return one value each, as columns.
    pub(super) fn columns(self, queries: impl IntoIterator<Item = Self>) -> Self {
        let add = |statement: Self, (index, query): (usize, Self)| {
            statement.push(if index > 0 { ", (" } else { "(" }).append(query).push(") AS found")
        };
        queries.into_iter().enumerate().fold(self, add)
    }
}

/// The texts in the columns of a row from index `FROM` on.
pub(super) struct Texts<const FROM: usize>(pub(super) Vec<Option<String>>);

impl<'r, R, const FROM: usize> FromRow<'r, R> for Texts<FROM>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        (FROM..row.len()).map(|column| row.try_get(column)).collect::<sqlx::Result<_>>().map(Self)
    }
}

impl Connection {
    /// The results of queries, each of which selects one column named `item`.
    pub(super) async fn bundled(&mut self, queries: Vec<Statement>) -> Result<IntoIter<Items>, Error> {
        let statement = Statement::new("SELECT ").columns(queries.into_iter().map(gathered));
        let Texts::<0>(texts) = self.fetch_one(statement).await?;
        Ok(texts.into_iter().map(Items::from).collect::<Vec<_>>().into_iter())
    }
}

impl Read {
    /// The results of queries, each of which selects one column named `item`.
    pub(super) async fn bundled<const N: usize>(
        &mut self,
        queries: [Statement; N],
    ) -> Result<[Items; N], Error> {
        let items: Vec<Items> = self.connection.bundled(queries.into()).await?.collect();
        items.try_into().map_err(|_other| damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_as_many_pieces_as_they_have_fields() {
        let items = Items("a\u{1f}\u{1f}{}\u{1e}b\u{1f}1\u{1f}".to_owned());
        let fields: Vec<[&str; 3]> = items.fields().collect::<Result<_, _>>().unwrap();
        assert_eq!(fields, [["a", "", "{}"], ["b", "1", ""]]);
        assert!(items.fields::<2>().next().unwrap().is_err(), "a field too many is no part of the last one");
        assert_eq!(Items(String::new()).fields::<1>().count(), 0);
    }
}
