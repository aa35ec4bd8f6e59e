//! Rows read as text: each row and each column costs more to hand over than to find, so a list comes as one
//! value, and several lists come with one statement.

use std::vec::IntoIter;

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::error::Error;
use super::statement::{Connection, Statement};

/// What stands between fields and between items: neither JSON nor any text on record holds control
/// characters as they are.
pub(super) const FIELD: char = '\u{1f}';
/// What stands between items.
pub(super) const ITEM: char = '\u{1e}';

/// Lists to be read with one statement.
#[derive(Default)]
pub(super) struct Lists(Option<Statement>);

/// The columns of a row, all of which are text.
struct Texts(Vec<Option<String>>);

impl<'r, R> FromRow<'r, R> for Texts
where
    R: Row,
    usize: ColumnIndex<R>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        (0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>().map(Self)
    }
}

/// A list as it came, in pieces that belong together.
pub(super) struct List(Option<String>);

impl Lists {
    /// Adds a list: the columns of its items, none of which may be null, and where they come from.
    pub(super) fn add(&mut self, columns: &[&'static str], from: Statement) {
        let mut statement = match self.0.take() {
            Some(statement) => statement.push(", (SELECT string_agg("),
            None => Statement::new("SELECT (SELECT string_agg("),
        };
        for (index, column) in columns.iter().enumerate() {
            statement = statement.push(if index > 0 { " || '\u{1f}' || " } else { "" }).push(column);
        }
        self.0 = Some(statement.push(", '\u{1e}') FROM ").append(from).push(")"));
    }

    /// Reads the lists, in the order in which they were added.
    pub(super) async fn read(self, connection: &mut Connection) -> Result<IntoIter<List>, Error> {
        let Some(statement) = self.0 else { return Ok(Vec::new().into_iter()) };
        let Texts(texts) = connection.fetch_one(statement).await?;
        Ok(texts.into_iter().map(List).collect::<Vec<_>>().into_iter())
    }
}

impl List {
    /// The items, each in as many fields as it has.
    pub(super) fn items<const N: usize>(&self) -> impl Iterator<Item = Result<[&str; N], Error>> {
        let items = self.0.as_deref().unwrap_or_default().split(ITEM).filter(|item| !item.is_empty());
        items.map(|item| {
            let fields: Vec<&str> = item.split(FIELD).collect();
            fields.try_into().map_err(|fields: Vec<&str>| {
                Error::Unfit(format!("an item of a list came in {} pieces instead of {N}", fields.len()))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_as_many_pieces_as_they_have_fields() {
        let list = List(Some("a\u{1f}\u{1f}{}\u{1e}b\u{1f}1\u{1f}".to_owned()));
        let items: Vec<[&str; 3]> = list.items().collect::<Result<_, _>>().unwrap();
        assert_eq!(items, [["a", "", "{}"], ["b", "1", ""]]);
        assert!(list.items::<2>().next().unwrap().is_err(), "a field too many is no part of the last one");
        assert_eq!(List(None).items::<1>().count(), 0);
    }
}
