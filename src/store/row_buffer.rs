//! Rows to be written: the rows of many commands go to the database in few statements.

use std::collections::{BTreeMap, HashMap};

use super::statement::{Cell, Statement};
use super::table::{SideTable, table};
use crate::domain::thing::Kind;
use crate::domain::vocabulary::Vocabulary as _;

/// The most rows in one statement: looking up a longer text among the prepared statements takes longer.
const MOST_ROWS: usize = 64;

/// A table whose rows are valid between two revisions, `since` and `until`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Versioned {
    pub(super) name: &'static str,
    /// The key columns, without `since`, and the other columns.
    pub(super) columns: [&'static [&'static str]; 2],
    /// Whether a row of the same revision is replaced.
    pub(super) replaces: bool,
}

/// The spans of cases.
pub(super) const SPANS: Versioned =
    Versioned { name: "stage_span", columns: [&["approval", "valid_from"], &["stage"]], replaces: false };

/// The table of the versions of a kind (id, ordinal of the change in its revision, document) and its filter
/// columns.
fn versions(kind: Kind) -> (Versioned, &'static [&'static str]) {
    let table = table(kind);
    let columns: [&[&str]; 2] = [&["id"], &["ordinal", "document"]];
    (Versioned { name: table.name, columns, replaces: true }, table.columns)
}

/// The values of a row, or of its key.
pub(super) type Row = Vec<Cell>;
/// Updates that touch each key at most once, by the columns they set. A row is key, values and `since`.
type UpdateRound = BTreeMap<Vec<&'static str>, Vec<Row>>;

/// Rows of one versioned table.
#[derive(Default)]
struct Rows {
    opened: Vec<Opened>,
    /// The indexes in `opened` of the rows still valid, by key.
    current: HashMap<Row, usize>,
    /// Updates of rows in the database: a key's second update is in the second round, and so on.
    rounds: Vec<UpdateRound>,
    /// The number of rounds that a key is in.
    rounds_of_key: HashMap<Row, usize>,
    /// The keys of rows in the database to be closed, each followed by the closing revision.
    closed: Vec<Row>,
}

struct Opened {
    cells: Row,
    since: i64,
    until: Option<i64>,
}

impl Rows {
    fn close(&mut self, key: Row, revision: i64) {
        let opened = self.current.remove(&key).and_then(|index| self.opened.get_mut(index));
        match opened {
            Some(opened) => opened.until = Some(revision),
            None => self.closed.push([key, vec![revision.into()]].concat()),
        }
    }

    fn open(&mut self, width: usize, cells: Row, revision: i64) {
        let key = cells.iter().take(width).cloned().collect();
        self.current.insert(key, self.opened.len());
        self.opened.push(Opened { cells, since: revision, until: None });
    }

    /// Replaces the current version of a thing. `differing` are those of the columns `more` (after the
    /// document) that change.
    fn follow(&mut self, row: Row, more: &[&'static str], differing: Vec<&'static str>, revision: i64) {
        let key: Row = row.iter().take(1).cloned().collect();
        if self.current.contains_key(&key) {
            self.close(key, revision);
            self.open(1, row, revision);
            return;
        }
        let always = row.len().saturating_sub(more.len());
        let mut cells = row.into_iter();
        let mut changed: Row = cells.by_ref().take(always).collect();
        let differs = more.iter().zip(cells).filter(|(column, _)| differing.contains(column));
        changed.extend(differs.map(|(_, cell)| cell));
        changed.push(revision.into());
        let before = self.rounds_of_key.entry(key).or_default();
        if self.rounds.len() == *before {
            self.rounds.push(UpdateRound::new());
        }
        if let Some(round) = self.rounds.get_mut(*before) {
            round.entry(differing).or_default().push(changed);
        }
        *before += 1;
    }
}

/// Rows to be written.
#[derive(Default)]
pub(super) struct RowBuffer {
    identities: HashMap<Kind, Vec<Row>>,
    versions: HashMap<Kind, Rows>,
    /// Rows of the other versioned tables, by the table's name.
    sides: HashMap<&'static str, Rows>,
    revisions: Vec<Row>,
    changes: Vec<Row>,
    replies: Vec<Row>,
    /// Statements that run after all rows.
    more: Vec<Statement>,
}

impl RowBuffer {
    /// Adds an id to its identity table.
    pub(super) fn identify(&mut self, kind: Kind, id: &str, revision: i64) {
        self.identities.entry(kind).or_default().push(vec![id.into(), revision.into()]);
    }

    /// Replaces the current version of a thing.
    pub(super) fn follow(&mut self, kind: Kind, row: Row, differing: Vec<&'static str>, revision: i64) {
        let rows = self.versions.entry(kind).or_default();
        rows.follow(row, table(kind).columns, differing, revision);
    }

    /// Closes the current version of a thing.
    pub(super) fn close(&mut self, kind: Kind, id: &str, revision: i64) {
        self.versions.entry(kind).or_default().close(vec![id.into()], revision);
    }

    /// Opens a version of a thing.
    pub(super) fn open(&mut self, kind: Kind, row: Row, revision: i64) {
        self.versions.entry(kind).or_default().open(1, row, revision);
    }

    /// Closes the current row of another table with this key.
    pub(super) fn close_side(&mut self, table: &Versioned, key: Row, revision: i64) {
        self.sides.entry(table.name).or_default().close(key, revision);
    }

    /// Opens a row of another table.
    pub(super) fn open_side(&mut self, table: &Versioned, row: Row, revision: i64) {
        self.sides.entry(table.name).or_default().open(table.columns[0].len(), row, revision);
    }

    /// Adds a revision and its changes.
    pub(super) fn record(&mut self, revision: Row, changes: impl Iterator<Item = Row>) {
        self.revisions.push(revision);
        self.changes.extend(changes);
    }

    /// Adds a kept reply.
    pub(super) fn reply(&mut self, row: Row) {
        self.replies.push(row);
    }

    /// Adds statements that run after all rows.
    pub(super) fn add(&mut self, statements: Vec<Statement>) {
        self.more.extend(statements);
    }

    /// The statements that write everything: referenced rows first, and closed rows before their successors.
    pub(super) fn statements(mut self) -> Vec<Statement> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            let Some(rows) = self.identities.remove(kind) else { continue };
            let insert = Statement::new("INSERT INTO ").push(table(*kind).identity);
            let insert = insert.push(" (id, created) VALUES ");
            all.extend(insert_all(&insert, rows, &Statement::new(" ON CONFLICT (id) DO NOTHING")));
        }
        for kind in Kind::ALL {
            let Some(rows) = self.versions.remove(kind) else { continue };
            let (table, more) = versions(*kind);
            write_rows(&mut all, &table, more, rows);
        }
        let parts = SideTable::ALL.iter().map(|part| part.versioned());
        for table in std::iter::once(SPANS).chain(parts) {
            let Some(rows) = self.sides.remove(table.name) else { continue };
            write_rows(&mut all, &table, &[], rows);
        }
        let nothing = Statement::new("");
        for (insert, rows) in [
            (
                "INSERT INTO revision (number, recorded_at, actor, reason, request_id, digest) VALUES ",
                self.revisions,
            ),
            ("INSERT INTO change (revision, ordinal, kind, id, action, before, after) VALUES ", self.changes),
            (
                "INSERT INTO reply (actor, idempotency_key, request_digest, status, headers, body, kept_at) VALUES ",
                self.replies,
            ),
        ] {
            all.extend(insert_all(&Statement::new(insert), rows, &nothing));
        }
        all.extend(self.more);
        all
    }
}

fn write_rows(all: &mut Vec<Statement>, table: &Versioned, more: &'static [&'static str], rows: Rows) {
    let [key, others] = table.columns;
    for (differing, rows) in rows.rounds.into_iter().flatten() {
        let columns = [others, differing.as_slice(), &["since"]].concat();
        all.extend(follow_all(table.name, key, &columns, rows));
    }
    all.extend(close_all(table.name, key, rows.closed));
    let mut insert = Statement::new("INSERT INTO ").push(table.name).push(" (since, until");
    let mut tail = Statement::new("");
    if table.replaces {
        tail = tail.push(" ON CONFLICT (since");
        tail = key.iter().fold(tail, |tail, column| tail.push(", ").push(column));
        tail = tail.push(") DO UPDATE SET until = excluded.until");
    }
    for column in key.iter().chain(others).chain(more) {
        insert = insert.push(", ").push(column);
    }
    for column in others.iter().chain(more).filter(|_| table.replaces) {
        tail = tail.push(", ").push(column).push(" = excluded.").push(column);
    }
    let opened = rows.opened.into_iter().map(|row| {
        let mut cells: Row = vec![row.since.into(), row.until.into()];
        cells.extend(row.cells);
        cells
    });
    all.extend(insert_all(&insert.push(") VALUES "), opened.collect(), &tail));
}

/// Overwrites the current rows of the same keys; a trigger keeps the previous versions. Each row begins with
/// its key. Indexes on columns that are not among `columns` are not touched.
pub(super) fn follow_all(
    table: &'static str,
    key: &'static [&'static str],
    columns: &[&'static str],
    rows: Vec<Row>,
) -> Vec<Statement> {
    let follow = |some: Vec<Row>| {
        let mut follow = Statement::new("UPDATE ").push(table).push(" AS t SET ");
        for (place, column) in columns.iter().enumerate() {
            follow = follow.push(if place > 0 { ", " } else { "" }).push(column).push(" = ");
            follow = follow.value(key.len() + place + 1);
        }
        follow.push(" FROM ").bind_keys(&some).push(" WHERE t.until IS NULL").matching("t", key)
    };
    chunks(rows).into_iter().map(follow).collect()
}

/// Closes the current rows of a table by key, each followed by the closing revision. Rows opened at that
/// revision are about to be replaced, and stay. `max(since)` finds the current row of a key in the same time
/// however many versions precede it.
fn close_all(table: &'static str, key: &'static [&'static str], keys: Vec<Row>) -> Vec<Statement> {
    let until = key.len() + 1;
    let close = |some: Vec<Row>| {
        let close = Statement::new("UPDATE ").push(table).push(" AS t SET until = ").value(until);
        let close = close.push(" FROM ").bind_keys(&some);
        let last = close.push(" WHERE t.until IS NULL").matching("t", key);
        let last =
            last.push(" AND t.since = (SELECT max(x.since) FROM ").push(table).push(" x WHERE x.since < ");
        last.value(until).matching("x", key).push(")")
    };
    chunks(keys).into_iter().map(close).collect()
}

/// Inserts rows, as many per statement as allowed.
pub(super) fn insert_all(insert: &Statement, rows: Vec<Row>, tail: &Statement) -> Vec<Statement> {
    let insert = |some| insert.clone().bind_rows(some).append(tail.clone());
    chunks(rows).into_iter().map(insert).collect()
}

/// Splits rows into chunks whose lengths are powers of two, so that there are few distinct statement texts,
/// all of which stay prepared.
fn chunks(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    let mut chunks = Vec::new();
    while left > 0 {
        let some = MOST_ROWS.min(1 << left.ilog2());
        chunks.push(rows.by_ref().take(some).collect());
        left -= some;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_pieces_of_few_lengths_and_in_order() {
        let rows: Vec<Row> = (0..205).map(|number: i64| vec![number.into()]).collect();
        let pieces = chunks(rows.clone());
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 64, 8, 4, 1]);
        assert_eq!(pieces.concat(), rows);
        assert_eq!(chunks(Vec::new()).len(), 0);
    }

    #[test]
    fn a_row_that_is_closed_on_its_way_is_written_closed() {
        let mut rows = Rows::default();
        rows.close(vec!["a".into()], 7);
        rows.open(1, vec!["a".into(), "x".into()], 7);
        rows.close(vec!["a".into()], 8);
        rows.open(1, vec!["a".into(), "y".into()], 8);
        assert_eq!(rows.closed, [vec![Cell::from("a"), 7.into()]]);
        let spans: Vec<_> = rows.opened.iter().map(|row| (row.since, row.until)).collect();
        assert_eq!(spans, [(7, Some(8)), (8, None)]);
    }
}
