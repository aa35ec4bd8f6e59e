//! Statements, written once in the dialect both engines share and run on either.

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

/// The client-side timeout, above the server's 60 s statement and 30 s lock timeouts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(65);

/// The most parameters of statements that run as one text.
const MOST_CELLS_TOGETHER: usize = 256;
/// The spare capacity of a statement's text, in bytes: enough for most.
const EXTRA_CAPACITY: usize = 192;

/// A connection to either engine, owned or borrowed from a pool.
pub(super) struct Connection {
    to: To,
    /// The lease of a read, where its time is limited.
    lease: Option<Lease>,
    /// The number of statements run.
    pub(super) statements: u64,
}

enum To {
    Sqlite(Box<dyn DerefMut<Target = SqliteConnection> + Send>),
    Postgres(Box<dyn DerefMut<Target = PgConnection> + Send>),
    /// Running statements in the background; `None` once that has failed.
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

/// A statement and the values bound to it. Its text is composed of literals only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    text: Cow<'static, str>,
    cells: Vec<Cell>,
}

impl Statement {
    /// A statement that consists of, or begins with, this text.
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

    /// The text as a `String` with spare capacity.
    fn text_mut(&mut self) -> &mut String {
        if let Cow::Borrowed(begun) = self.text {
            let mut text = String::with_capacity(begun.len() + EXTRA_CAPACITY);
            text.push_str(begun);
            self.text = Cow::Owned(text);
        }
        self.text.to_mut()
    }

    /// Binds a value to the next parameter, which is in the text already.
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

    /// Adds a `LIMIT`. The cast prevents SQLite from planning the statement anew each time a bare parameter
    /// is bound here, which takes longer than finding most pages.
    pub(super) fn limit(self, rows: i64) -> Self {
        self.push(" LIMIT CAST(").bind(rows).push(" AS BIGINT)")
    }

    /// Appends another statement and renumbers its parameters.
    pub(super) fn append(mut self, next: Self) -> Self {
        let before = self.cells.len();
        let text = self.text_mut();
        let mut pieces = next.text.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.len() - piece.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = piece.split_at(digits);
            // Every `$` in a statement begins a parameter.
            let number = number.parse::<usize>().unwrap_or_default() + before;
            let _ = write!(text, "${number}{rest}");
        }
        self.cells.extend(next.cells);
        self
    }

    /// This statement and another, as one text.
    fn then(self, next: Self) -> Self {
        self.push("; ").append(next)
    }

    /// The text with positional parameters, if each number occurs once and in order. SQLite looks a number up
    /// among all names, which is quadratic in the number of parameters.
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

    /// Adds a table of keys named `v`, to be joined by [`Self::matching`]. With a list of row values after
    /// `IN`, SQLite would scan the whole table.
    pub(super) fn bind_keys(self, keys: &[Vec<Cell>]) -> Self {
        self.push("(VALUES ").bind_rows(keys.iter().cloned()).push(") AS v")
    }

    /// Adds the condition that the key columns of a table equal those of `v`.
    pub(super) fn matching(self, alias: &'static str, key: &[&'static str]) -> Self {
        (1..).zip(key).fold(self, |statement, (place, column)| {
            statement.push(" AND ").push(alias).push(".").push(column).push(" = ").value(place)
        })
    }

    /// Adds a column of `v`, by the name both engines give to the columns of `VALUES`.
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

/// Evaluates one expression on whichever engine a connection belongs to.
macro_rules! on_each {
    ($connection:expr, $statement:expr, |$query:ident, $on:ident| $run:expr, $make:ident $(, $row:ty)?) => {{
        $connection.statements += 1;
        $connection.join_background().await?;
        match &mut $connection.to {
            To::Sqlite($on) => {
                let text = $statement.unnumbered().unwrap_or_else(|| $statement.text.into_owned());
                // Injection-safe: `Statement` takes only literals of this crate as text.
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

    /// The same connection, for the time of a lease.
    pub(super) fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// Returns the number of statements run since the last call.
    pub(super) fn take_statements(&mut self) -> u64 {
        std::mem::take(&mut self.statements)
    }

    /// Runs a statement and returns the number of rows affected.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        Ok(on_each!(
            self,
            statement,
            |query, on| async { query.execute(on).await.map(|done| done.rows_affected()) },
            query
        ))
    }

    /// Runs statements one after another. On SQLite a few run as one text, since each round trip to its
    /// thread takes longer than most of them; many would make texts that seldom recur and are prepared in
    /// vain.
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

    /// Starts statements in a task. The next call on the connection awaits it and returns its error.
    pub(super) fn execute_in_background(&mut self, statements: Vec<Statement>) {
        let to = std::mem::replace(&mut self.to, To::Background(None));
        let mut background = Self { to, lease: None, statements: 0 };
        self.to = To::Background(Some(tokio::spawn(async move {
            let outcome = background.execute_all(statements).await;
            (background, outcome)
        })));
    }

    /// Waits for the statements in the background.
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
