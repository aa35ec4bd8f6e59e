//! Statements: written once, in the dialect both engines share, and run on either.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::DerefMut;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};
use tokio::task::JoinHandle;

use super::column::Stamp;
use super::error::{Error, within};
use super::wal::Lease;
use crate::domain::time::Moment;

/// How long a server may be silent: longer than it is told to work on a statement or to wait for a lock.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);

/// The most parameters of statements that are run as one text.
const MOST_CELLS_TOGETHER: usize = 256;
/// How much longer most statements become than they begin, in bytes.
const EXTRA_CAPACITY: usize = 192;

/// A connection to either engine, owned or lent by a pool.
pub(super) struct Connection {
    to: To,
    /// The time for which it is lent to a read, where that is limited.
    lease: Option<Lease>,
    /// How many statements it was given.
    pub(super) statements: u64,
}

enum To {
    Sqlite(Box<dyn DerefMut<Target = SqliteConnection> + Send>),
    Postgres(Box<dyn DerefMut<Target = PgConnection> + Send>),
    /// It is at work on statements that nobody waits for yet, unless that has failed.
    Background(Option<JoinHandle<(Connection, Result<(), Error>)>>),
}

/// A row that can be read from either engine.
pub(super) trait Row:
    Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>
{
}

impl<R> Row for R where R: Send + Unpin + for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> {}

/// A value bound to a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cell {
    /// Text.
    Text(Option<String>),
    /// A whole number.
    Integer(Option<i64>),
    /// A truth value.
    Boolean(bool),
    /// A moment.
    Moment(Option<Stamp>),
    /// Bytes.
    Bytes(Vec<u8>),
}

macro_rules! cells {
    ($($from:ty => |$value:ident| $cell:expr;)+) => {
        $(impl From<$from> for Cell {
            fn from($value: $from) -> Self {
                $cell
            }
        })+
    };
}

cells! {
    &str => |value| Self::Text(Some(value.to_owned()));
    String => |value| Self::Text(Some(value));
    Option<String> => |value| Self::Text(value);
    i64 => |value| Self::Integer(Some(value));
    Option<i64> => |value| Self::Integer(value);
    bool => |value| Self::Boolean(value);
    Moment => |value| Self::Moment(Some(Stamp(value)));
    Option<Moment> => |value| Self::Moment(value.map(Stamp));
    Vec<u8> => |value| Self::Bytes(value);
}

/// A statement and the values bound to it. Its text is put together from literals only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    text: Cow<'static, str>,
    cells: Vec<Cell>,
}

impl Statement {
    /// A statement that begins, or is whole, with this text.
    pub(super) fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), cells: Vec::new() }
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds text.
    pub(super) fn push(mut self, text: &'static str) -> Self {
        self.text_mut().push_str(text);
        self
    }

    /// The text, with room for what most are continued with.
    fn text_mut(&mut self) -> &mut String {
        if let Cow::Borrowed(begun) = self.text {
            let mut text = String::with_capacity(begun.len() + EXTRA_CAPACITY);
            text.push_str(begun);
            self.text = Cow::Owned(text);
        }
        self.text.to_mut()
    }

    /// Binds a value to the next parameter, which the text names already.
    pub(super) fn with(mut self, cell: impl Into<Cell>) -> Self {
        self.cells.push(cell.into());
        self
    }

    /// Adds a parameter to the text and binds a value to it.
    pub(super) fn bind(self, cell: impl Into<Cell>) -> Self {
        let mut bound = self.with(cell);
        let place = bound.cells.len();
        // Writing to a string cannot fail.
        let _ = write!(bound.text_mut(), "${place}");
        bound
    }

    /// Adds parameters for a list of values, separated by commas.
    pub(super) fn bind_all<C: Into<Cell>>(mut self, cells: impl IntoIterator<Item = C>) -> Self {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self = self.push(", ");
            }
            self = self.bind(cell);
        }
        self
    }

    /// Adds that no more than so many rows are wanted. SQLite plans a statement anew each time that a bare
    /// parameter in this place is bound, which takes longer than to find most pages.
    pub(super) fn limit(self, rows: i64) -> Self {
        self.push(" LIMIT CAST(").bind(rows).push(" AS BIGINT)")
    }

    /// Adds another statement: its parameters count on.
    pub(super) fn append(mut self, next: Self) -> Self {
        let before = self.cells.len();
        let text = self.text_mut();
        let mut pieces = next.text.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = piece.split_at(digits);
            // Every `$` of a statement begins a parameter.
            let number = number.parse::<usize>().unwrap_or_default() + before;
            let _ = write!(text, "${number}{rest}");
        }
        self.cells.extend(next.cells);
        self
    }

    /// This statement and then another, as one text.
    fn then(self, next: Self) -> Self {
        self.push("; ").append(next)
    }

    /// The text with parameters that go by their order instead of by number, if each comes once and in order.
    /// SQLite looks a number up among all names, so that twice the parameters cost four times as much.
    fn unnumbered(&self) -> Option<String> {
        let mut pieces = self.text.split('$');
        let mut text = String::with_capacity(self.text.len());
        text.push_str(pieces.next()?);
        for (place, piece) in (1..).zip(pieces) {
            let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
            let number: usize = piece.strip_suffix(rest)?.parse().ok()?;
            if number != place {
                return None;
            }
            text.push('?');
            text.push_str(rest);
        }
        Some(text)
    }

    /// Adds rows of parameters: `($1, $2), ($3, $4)`.
    pub(super) fn bind_rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        for (index, row) in rows.into_iter().enumerate() {
            self = self.push(if index > 0 { ", (" } else { "(" }).bind_all(row).push(")");
        }
        self
    }

    /// Adds a table of keys under the name `v`, to be joined by [`Self::matching`]. A list of keys after `IN`
    /// makes SQLite look at every row of the table from the second key on.
    pub(super) fn bind_keys(self, keys: &[Vec<Cell>]) -> Self {
        self.push("(VALUES ").bind_rows(keys.iter().cloned()).push(") AS v")
    }

    /// Adds that the columns of a key of a table are those of `v`.
    pub(super) fn matching(self, alias: &'static str, key: &[&'static str]) -> Self {
        (1..).zip(key).fold(self, |statement, (place, column)| {
            statement.push(" AND ").push(alias).push(".").push(column).push(" = ").value(place)
        })
    }

    /// Adds a column of `v`, by the name that both engines give to those of a list of values.
    pub(super) fn value(mut self, place: usize) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.text_mut(), "v.column{place}");
        self
    }
}

macro_rules! bound {
    ($query:expr, $cells:expr) => {{
        let mut query = $query;
        for cell in $cells {
            query = match cell {
                Cell::Text(value) => query.bind(value),
                Cell::Integer(value) => query.bind(value),
                Cell::Boolean(value) => query.bind(value),
                Cell::Moment(value) => query.bind(value),
                Cell::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

/// Waits for what one expression asks of whichever engine a connection belongs to.
macro_rules! on_each {
    ($connection:expr, $statement:expr, |$query:ident, $on:ident| $run:expr, $make:ident $(, $row:ty)?) => {{
        $connection.statements += 1;
        $connection.join_background().await?;
        match &mut $connection.to {
            To::Sqlite($on) => {
                let text = $statement.unnumbered().unwrap_or_else(|| $statement.text.into_owned());
                // Every piece of the text is a literal of this crate: `Statement` takes nothing else.
                let text = AssertSqlSafe(text);
                let $on: &mut SqliteConnection = &mut *$on;
                let $query = bound!(sqlx::$make::<Sqlite $(, $row)?>(text), $statement.cells);
                match &mut $connection.lease {
                    Some(lease) => lease.during($run).await?,
                    None => $run.await?,
                }
            }
            To::Postgres($on) => {
                let text = AssertSqlSafe($statement.text.into_owned());
                let $on: &mut PgConnection = &mut *$on;
                let $query = bound!(sqlx::$make::<Postgres $(, $row)?>(text), $statement.cells);
                within(ANSWER_TIMEOUT, $run).await?
            }
            To::Background(_) => return Err(Error::Lost),
        }
    }};
}

impl Connection {
    /// A connection to SQLite.
    pub(super) fn sqlite(to: impl DerefMut<Target = SqliteConnection> + Send + 'static) -> Self {
        Self { to: To::Sqlite(Box::new(to)), lease: None, statements: 0 }
    }

    /// A connection to PostgreSQL.
    pub(super) fn postgres(to: impl DerefMut<Target = PgConnection> + Send + 'static) -> Self {
        Self { to: To::Postgres(Box::new(to)), lease: None, statements: 0 }
    }

    /// The same, lent for a limited time.
    pub(super) fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// How many statements it has run since this was last taken.
    pub(super) fn take_statements(&mut self) -> u64 {
        std::mem::take(&mut self.statements)
    }

    /// Runs a statement and tells how many rows it touched.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        Ok(on_each!(
            self,
            statement,
            |query, on| async { query.execute(on).await.map(|done| done.rows_affected()) },
            query
        ))
    }

    /// Runs statements one after another. On SQLite few of them go as one text: each way to its thread and back
    /// takes longer than most of them. Many would be texts that are seldom the same, and prepared in vain.
    pub(super) async fn execute_all(&mut self, statements: Vec<Statement>) -> Result<(), Error> {
        self.join_background().await?;
        let cells: usize = statements.iter().map(|statement| statement.cells.len()).sum();
        if matches!(self.to, To::Sqlite(_)) && cells <= MOST_CELLS_TOGETHER {
            let further = u64::try_from(statements.len()).unwrap_or_default().saturating_sub(1);
            if let Some(all) = statements.into_iter().reduce(Statement::then) {
                self.execute(all).await?;
                self.statements += further;
            }
            return Ok(());
        }
        for statement in statements {
            self.execute(statement).await?;
        }
        Ok(())
    }

    /// Begins to run statements without waiting for them: whatever is asked of the connection next does, and
    /// fails if they do.
    pub(super) fn execute_in_background(&mut self, statements: Vec<Statement>) {
        let to = std::mem::replace(&mut self.to, To::Background(None));
        let mut background = Self { to, lease: None, statements: 0 };
        self.to = To::Background(Some(tokio::spawn(async move {
            let outcome = background.execute_all(statements).await;
            (background, outcome)
        })));
    }

    /// Waits for what the connection is at work on.
    async fn join_background(&mut self) -> Result<(), Error> {
        let To::Background(work) = &mut self.to else { return Ok(()) };
        let (background, outcome) = work.take().ok_or(Error::Lost)?.await.map_err(|cause| {
            tracing::error!(%cause, "statements came to no end");
            Error::Lost
        })?;
        self.to = background.to;
        self.statements += background.statements;
        outcome
    }

    /// Every row of a query.
    pub(super) async fn fetch_all<R: Row>(&mut self, statement: Statement) -> Result<Vec<R>, Error> {
        Ok(on_each!(self, statement, |query, on| query.fetch_all(on), query_as, R))
    }

    /// The first row of a query, if there is one.
    pub(super) async fn fetch_optional<R: Row>(&mut self, statement: Statement) -> Result<Option<R>, Error> {
        Ok(on_each!(self, statement, |query, on| query.fetch_optional(on), query_as, R))
    }

    /// The one row of a query.
    pub(super) async fn fetch_one<R: Row>(&mut self, statement: Statement) -> Result<R, Error> {
        Ok(on_each!(self, statement, |query, on| query.fetch_one(on), query_as, R))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_statements_that_go_together_count_on() {
        let first = Statement::new("UPDATE a SET b = $1 WHERE c = $2").with("x").with(1);
        let second = Statement::new("INSERT INTO d VALUES ").bind_rows([vec![2.into()], vec![3.into()]]);
        let all = first.then(second).then(Statement::new("COMMIT"));
        assert_eq!(all.text, "UPDATE a SET b = $1 WHERE c = $2; INSERT INTO d VALUES ($3), ($4); COMMIT");
        assert_eq!(all.cells, [Cell::from("x"), 1.into(), 2.into(), 3.into()]);
        let unnumbered = "UPDATE a SET b = ? WHERE c = ?; INSERT INTO d VALUES (?), (?); COMMIT";
        assert_eq!(all.unnumbered().as_deref(), Some(unnumbered));
    }

    #[test]
    fn parameters_out_of_order_keep_their_numbers() {
        for text in ["a = $2 AND b = $1", "a = $1 AND b = $1", "a = $1 AND b = $3"] {
            assert_eq!(Statement::new(text).unnumbered(), None, "{text}");
        }
        assert_eq!(Statement::new("a").unnumbered().as_deref(), Some("a"));
    }
}
