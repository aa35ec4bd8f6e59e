//! Recomputes side table rows from documents and compares them with the stored ones.

use std::collections::{BTreeMap, BTreeSet};

use super::buffering::reference;
use super::bundle::{FIELD, items_of};
use super::error::Error;
use super::pending::referred;
use super::read::Read;
use super::row_buffer::{SPANS, Versioned};
use super::statement::{Cell, Statement};
use super::table::{SideTable, Stored};
use super::verify::{ENOUGH, Findings};
use crate::domain::thing::Kind;
use crate::domain::vocabulary::Vocabulary as _;

/// The revisions `since` and `until` of a row.
pub(super) type Revisions = (i64, Option<i64>);
/// A range of ids: from the first up to, but without, the second; unbounded if that is `None`.
pub(super) type Ids<'i> = (&'i str, Option<&'i str>);
/// A table's name and the fields of a row.
type Line = (&'static str, String);

/// The side tables that have rows for a kind.
pub(super) fn side_tables(kind: Kind) -> &'static [SideTable] {
    match kind {
        Kind::Workflow => &[SideTable::Reference, SideTable::WorkflowStage],
        Kind::Company | Kind::Chip => &[SideTable::Reference, SideTable::Label],
        _ => &[SideTable::Reference],
    }
}

/// The side table rows of a thing.
pub(super) fn rows_of<T: Stored>(thing: &T) -> Vec<Line> {
    let (from, to) = (thing.thing_ref(), referred(thing));
    let table = SideTable::Reference.versioned();
    let references = to.iter().map(|to| row(&table, reference(&from, to)));
    references.chain(thing.parts().into_iter().map(|part| row(&part.of.versioned(), part.cells))).collect()
}

/// A row whose fields are all text.
pub(super) fn row(table: &Versioned, cells: impl IntoIterator<Item = Cell>) -> Line {
    let mut fields = String::new();
    for cell in cells {
        if let Cell::Text(Some(text)) = cell {
            fields.push_str(&text);
        }
        fields.push(FIELD);
    }
    (table.name, fields)
}

/// Expected rows, computed from versions in order of id and revision. A row that successive versions share is
/// one row.
#[derive(Default)]
pub(super) struct ExpectedRows {
    /// The id of the current thing.
    id: String,
    /// The `until` of its last version.
    until: Option<i64>,
    /// The rows of that version, and their `since`.
    open: BTreeMap<Line, i64>,
    /// Its closed rows, and then those of the finished things before it.
    closed: BTreeSet<Line>,
    finished: BTreeSet<Line>,
}

impl ExpectedRows {
    /// Adds a version: these, and no other, rows of the thing are valid between two revisions.
    pub(super) fn add(&mut self, id: &str, (since, until): Revisions, rows: impl IntoIterator<Item = Line>) {
        if self.id != id {
            self.finish();
            id.clone_into(&mut self.id);
        } else if self.until != Some(since) {
            self.close();
        }
        let before = std::mem::take(&mut self.open);
        self.open = rows.into_iter().map(|row| (row, since)).collect();
        for (row, begun) in before {
            match self.open.get_mut(&row) {
                Some(still) => *still = begun,
                None => self.enter(row, (begun, Some(since))),
            }
        }
        self.until = until;
    }

    fn enter(&mut self, (table, mut fields): Line, (since, until): Revisions) {
        fields.push_str(&since.to_string());
        fields.push(FIELD);
        fields.push_str(&until.map(|until| until.to_string()).unwrap_or_default());
        self.closed.insert((table, fields));
    }

    fn close(&mut self) {
        for (row, since) in std::mem::take(&mut self.open) {
            self.enter(row, (since, self.until));
        }
    }

    /// Finishes the current thing.
    pub(super) fn finish(&mut self) {
        self.close();
        self.finished.append(&mut self.closed);
    }

    /// Takes the rows of finished things in a table.
    fn taken(&mut self, table: &Versioned) -> BTreeSet<String> {
        let own = self.finished.extract_if(.., |(name, _)| *name == table.name);
        own.map(|(_, fields)| fields).collect()
    }
}

/// The query for the rows of a table, in the format of [`ExpectedRows`].
fn found(table: &Versioned) -> Statement {
    let [key, others] = table.columns;
    let columns = [key, others, &["since", "COALESCE(CAST(until AS TEXT), '')"]].concat();
    items_of(&columns, Statement::new(table.name).push(" WHERE "))
}

/// Restricts a column to a range of ids.
pub(super) fn within(statement: Statement, column: &'static str, (from, to): Ids<'_>) -> Statement {
    let statement = statement.push(column).push(" >= ").bind(from);
    match to {
        Some(to) => statement.push(" AND ").push(column).push(" < ").bind(to),
        None => statement,
    }
}

/// A row as described in a finding.
fn described(fields: &str) -> String {
    let mut fields: Vec<&str> = fields.split(FIELD).collect();
    let until = fields.pop().unwrap_or_default();
    let since = fields.pop().unwrap_or_default();
    let until = if until.is_empty() { String::new() } else { format!(" until {until}") };
    format!("`{}` at revision {since}{until}", fields.join(" "))
}

impl Read {
    /// Compares the side table rows of a kind with the stored ones.
    pub(super) async fn compare_sides(
        &mut self,
        kind: Kind,
        ids: Ids<'_>,
        expected: &mut ExpectedRows,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        for part in side_tables(kind) {
            let table = part.versioned();
            let statement = match part.kind_column() {
                Some(column) => found(&table).push(column).push(" = ").bind(kind.as_str()).push(" AND "),
                None => found(&table),
            };
            self.compare(&table, within(statement, part.id_column(), ids), expected, findings).await?;
        }
        Ok(())
    }

    /// Compares the spans of cases with the stored ones.
    pub(super) async fn compare_spans(
        &mut self,
        ids: Ids<'_>,
        expected: &mut ExpectedRows,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        self.compare(&SPANS, within(found(&SPANS), "approval", ids), expected, findings).await
    }

    async fn compare(
        &mut self,
        table: &Versioned,
        statement: Statement,
        expected: &mut ExpectedRows,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let [found] = self.bundled([statement]).await?;
        let found: BTreeSet<&str> = found.iter().collect();
        let expected = expected.taken(table);
        let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        for (what, fields) in [
            ("a row is missing", expected.difference(&found)),
            ("a row follows from nothing on record", found.difference(&expected)),
        ] {
            for (fields, _) in fields.zip(0..ENOUGH) {
                findings.add(format!("{}: {what}: {}", table.name, described(fields)));
            }
        }
        Ok(())
    }

    /// Finds rows whose kind has none in that table.
    pub(super) async fn check_strangers(&mut self, findings: &mut Findings) -> Result<(), Error> {
        for part in SideTable::ALL {
            let Some(column) = part.kind_column() else { continue };
            let kinds = Kind::ALL.iter().filter(|kind| side_tables(**kind).contains(part));
            let table = part.versioned();
            let strange = found(&table).push(column).push(" NOT IN (");
            let strange = strange.bind_all(kinds.map(|kind| kind.as_str())).push(")").limit(ENOUGH);
            self.compare(&table, strange, &mut ExpectedRows::default(), findings).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(versions: &[(&str, Revisions, &[&str])]) -> Vec<String> {
        let mut expected = ExpectedRows::default();
        for (id, held, rows) in versions {
            let rows = rows.iter().map(|text| row(&SPANS, [Cell::from(*text)]));
            expected.add(id, *held, rows);
        }
        expected.finish();
        let rows = expected.taken(&SPANS);
        rows.iter().map(|row| row.replace(FIELD, " ")).collect()
    }

    #[test]
    fn what_versions_that_follow_each_other_have_in_common_is_one_row() {
        let rows = expected(&[("a", (1, Some(4)), &["x", "y"]), ("a", (4, None), &["x", "z"])]);
        assert_eq!(rows, ["x 1 ", "y 1 4", "z 4 "]);
    }

    #[test]
    fn what_comes_again_is_another_row() {
        let versions: [(&str, Revisions, &[&str]); 4] = [
            ("a", (1, Some(2)), &["x"]),
            ("a", (2, Some(3)), &[]),
            ("a", (3, Some(5)), &["x"]),
            ("a", (7, None), &["x"]),
        ];
        assert_eq!(expected(&versions), ["x 1 2", "x 3 5", "x 7 "]);
    }

    #[test]
    fn things_that_follow_each_other_have_rows_of_their_own() {
        let rows = expected(&[("a", (1, Some(2)), &["x"]), ("b", (2, None), &["x"])]);
        assert_eq!(rows, ["x 1 2", "x 2 "]);
    }
}
