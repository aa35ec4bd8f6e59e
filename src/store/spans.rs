//! The stages of cases as spans of time, so that the stage at any pair of times is one look-up.

use super::error::Error;
use super::statement::{Cell, Statement};
use super::write::Write;
use crate::domain::id::ApprovalId;
use crate::domain::time::Date;
use crate::domain::timeline::Span;

/// A span as its row holds it: first day (empty for the beginning of time), end, stage.
type SpanRow = (String, Option<String>, String);

fn written(span: &Span) -> SpanRow {
    let from = span.from.map_or_else(String::new, |date| date.to_string());
    (from, span.until.as_ref().map(ToString::to_string), span.stage.to_string())
}

/// A span as the values of its columns.
pub(super) fn cells(approval: &ApprovalId, span: &Span) -> Vec<Cell> {
    let (from, to, stage) = written(span);
    vec![approval.as_str().into(), from.into(), to.into(), stage.into()]
}

impl Write {
    /// Makes these the spans of a case.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn put_spans(&mut self, approval: &ApprovalId, spans: &[Span]) -> Result<(), Error> {
        self.flush().await?;
        self.savepoint().await?;
        let revision = self.next_revision();
        if !self.spanned.insert(approval.as_str().to_owned()) {
            self.take_back_spans(approval, revision).await?;
        }
        let statement = Statement::new(
            "SELECT valid_from, valid_to, stage FROM stage_span WHERE until IS NULL AND approval = $1",
        );
        let current: Vec<SpanRow> = self.connection().fetch_all(statement.with(approval.as_str())).await?;
        let wanted: Vec<SpanRow> = spans.iter().map(written).collect();
        let closed = current.iter().filter(|row| !wanted.contains(row));
        let closed = closed.map(|row| vec![approval.as_str().into(), row.0.as_str().into()]).collect();
        let opened = spans.iter().filter(|span| !current.contains(&written(span)));
        let opened = opened.map(|span| [cells(approval, span), vec![revision.into()]].concat()).collect();
        self.close("stage_span", &["approval", "valid_from"], closed).await?;
        let insert = "INSERT INTO stage_span (approval, valid_from, valid_to, stage, since) VALUES ";
        self.insert(Statement::new(insert), opened, "").await
    }

    /// Undoes what this revision has done to a case's spans so far.
    async fn take_back_spans(&mut self, approval: &ApprovalId, revision: i64) -> Result<(), Error> {
        let opened = Statement::new("DELETE FROM stage_span WHERE approval = $1 AND since = $2");
        self.connection().execute(opened.with(approval.as_str()).with(revision)).await?;
        let closed = Statement::new("UPDATE stage_span SET until = NULL WHERE approval = $1 AND until = $2");
        self.connection().execute(closed.with(approval.as_str()).with(revision)).await?;
        Ok(())
    }

    /// Closes the spans of a case that leaves the record.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn close_spans(&mut self, approval: &ApprovalId) -> Result<(), Error> {
        self.put_spans(approval, &[]).await
    }

    /// The cases for which another stage takes effect after one day and by another.
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
            self.connection().fetch_all(statement.with(after.to_string()).with(by.to_string())).await?;
        Ok(rows.into_iter().map(|(approval,)| approval).collect())
    }
}
