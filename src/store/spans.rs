//! The stages of cases as spans of time, so that the stage on any day at any revision is one look-up.

use super::error::Error;
use super::row_buffer::{RowBuffer, SPANS};
use super::statement::{Cell, Statement};
use super::write::Write;
use crate::domain::id::ApprovalId;
use crate::domain::time::Date;
use crate::domain::timeline::Span;

/// A stored span: first day (empty if unbounded) and stage. It ends where the next begins.
pub(super) type SpanRow = (String, String);

/// The spans of a case in the revision being made.
pub(super) struct NewSpans {
    pub(super) rows: Vec<SpanRow>,
    /// Whether they still have to be written.
    pub(super) dirty: bool,
    /// Whether this revision has already written spans of the case.
    written: bool,
}

impl From<&Span> for SpanRow {
    fn from(span: &Span) -> Self {
        (span.from.map_or_else(String::new, |date| date.to_string()), span.stage.to_string())
    }
}

/// A span as the values of its columns.
pub(super) fn cells(approval: &str, span: &Span) -> Vec<Cell> {
    row(approval, &span.into())
}

fn row(approval: &str, (from, stage): &SpanRow) -> Vec<Cell> {
    vec![approval.into(), from.as_str().into(), stage.as_str().into()]
}

impl Write {
    /// Replaces the spans of a case.
    pub fn put_spans(&mut self, approval: &ApprovalId, spans: &[Span]) {
        let written = self.spans.get(approval.as_str()).is_some_and(|spans| spans.written);
        let spans = NewSpans { rows: spans.iter().map(SpanRow::from).collect(), dirty: true, written };
        self.spans.insert(approval.as_str().to_owned(), spans);
    }

    /// Buffers the spans that are still to be written.
    pub(super) async fn buffer_spans(&mut self, buffer: &mut RowBuffer) -> Result<(), Error> {
        let revision = self.next_revision();
        for (approval, mut spans) in std::mem::take(&mut self.spans) {
            if std::mem::take(&mut spans.dirty) {
                let current = self.spans_of(&approval).await?;
                for old in current.iter().filter(|old| !spans.rows.contains(old)) {
                    let key = vec![approval.as_str().into(), old.0.as_str().into()];
                    buffer.close_side(&SPANS, key, revision);
                }
                for new in spans.rows.iter().filter(|new| !current.contains(new)) {
                    buffer.open_side(&SPANS, row(&approval, new), revision);
                }
                spans.written = true;
            }
            self.spans.insert(approval, spans);
        }
        Ok(())
    }

    /// The spans of a case as of the last revision.
    async fn spans_of(&mut self, approval: &str) -> Result<Vec<SpanRow>, Error> {
        if let Some(spans) = self.cache.spans.get(approval) {
            return Ok(spans.clone());
        }
        let statement =
            Statement::new("SELECT valid_from, stage FROM stage_span WHERE until IS NULL AND approval = $1");
        let spans: Vec<SpanRow> = self.connection().fetch_all(statement.with(approval)).await?;
        self.cache.spans.insert(approval.to_owned(), spans.clone());
        Ok(spans)
    }

    /// Undoes this revision's writes of spans that are to be written again.
    pub(super) async fn take_back_spans(&mut self) -> Result<(), Error> {
        let revision = self.next_revision();
        let again = self.spans.iter().filter(|(_, spans)| spans.dirty && spans.written);
        let again: Vec<String> = again.map(|(approval, _)| approval.clone()).collect();
        for approval in again {
            let opened = Statement::new("DELETE FROM stage_span WHERE approval = $1 AND since = $2");
            self.connection().execute(opened.with(approval.as_str()).with(revision)).await?;
            let closed =
                Statement::new("UPDATE stage_span SET until = NULL WHERE approval = $1 AND until = $2");
            self.connection().execute(closed.with(approval.as_str()).with(revision)).await?;
        }
        Ok(())
    }

    /// Closes the spans of a case that is retired.
    pub fn close_spans(&mut self, approval: &ApprovalId) {
        self.put_spans(approval, &[]);
    }

    /// The cases that enter a stage after one day and up to and including another.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn spans_beginning(&mut self, after: Date, by: Date) -> Result<Vec<String>, Error> {
        let statement = Statement::new(
            "SELECT DISTINCT approval FROM stage_span WHERE until IS NULL AND valid_from > $1 AND valid_from <= $2
             ORDER BY approval",
        );
        let rows: Vec<(String,)> =
            self.queried().await?.fetch_all(statement.with(after.to_string()).with(by.to_string())).await?;
        Ok(rows.into_iter().map(|(approval,)| approval).collect())
    }
}
