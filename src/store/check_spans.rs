//! Recomputes the spans of cases from all versions of their transitions and compares them with the stored
//! ones.

use std::collections::{BTreeMap, BTreeSet};

use super::check_side_tables::{ExpectedRows, Ids, Revisions, row, within};
use super::error::Error;
use super::read::Read;
use super::row_buffer::SPANS;
use super::spans::cells;
use super::statement::Statement;
use super::verify::Findings;
use crate::domain::fault::Fault;
use crate::domain::id::{StageId, TransitionId};
use crate::domain::time::Date;
use crate::domain::timeline::{Acceptance, Step, Timeline};
use crate::domain::workflow::Workflow;

/// The number of cases held in memory at a time.
const CASES: i64 = 200;

/// A value that is valid between two revisions.
type Known<V> = (Revisions, V);
/// The workflow of each authority. Only a workflow's initial stage matters to spans.
type Workflows = BTreeMap<String, Vec<Known<Workflow>>>;

/// All versions of a case's authority and steps.
#[derive(Default)]
struct CaseHistory {
    authorities: Vec<Known<String>>,
    steps: Vec<Known<Step>>,
}

/// A version of a transition, by its columns.
#[derive(sqlx::FromRow)]
struct StepRow {
    approval: String,
    id: String,
    since: i64,
    until: Option<i64>,
    ordinal: i64,
    stage: String,
    effective_on: String,
    retracted: bool,
}

impl StepRow {
    /// The step, with the acceptance of its first version.
    fn step(&self, acceptance: Acceptance) -> Result<Step, Fault> {
        Ok(Step {
            id: TransitionId::try_from(self.id.as_str())?,
            to: StageId::try_from(self.stage.as_str())?,
            date: Date::try_from(self.effective_on.as_str())?,
            retracted: self.retracted,
            acceptance,
        })
    }
}

/// The values valid at a revision.
fn at<V>(known: &[Known<V>], revision: i64) -> impl Iterator<Item = &V> {
    let holds = move |((since, until), _): &&Known<V>| {
        *since <= revision && until.is_none_or(|until| revision < until)
    };
    known.iter().filter(holds).map(|(_, value)| value)
}

/// The revisions at which a value begins or ends.
fn boundaries<V>(known: &[Known<V>]) -> impl Iterator<Item = i64> {
    known.iter().flat_map(|((since, until), _)| [Some(*since), *until].into_iter().flatten())
}

/// The revisions at which both are valid.
fn overlap(one: Revisions, other: Revisions) -> Option<Revisions> {
    let since = one.0.max(other.0);
    let until = [one.1, other.1].into_iter().flatten().min();
    Some((since, until)).filter(|_| until.is_none_or(|until| since < until))
}

/// Appends a workflow, or extends the last one if it has the same initial stage.
fn extend(before: &mut Vec<Known<Workflow>>, (since, until): Revisions, workflow: &Workflow) {
    match before.last_mut() {
        Some(((_, end), last)) if *end == Some(since) && last.initial == workflow.initial => *end = until,
        _ => before.push(((since, until), workflow.clone())),
    }
}

impl CaseHistory {
    /// Computes the spans of the case at every revision.
    fn rebuild(&self, case: &str, workflows: &Workflows, expected: &mut ExpectedRows) {
        let under = |authority: &String| workflows.get(authority).map_or(&[][..], Vec::as_slice);
        let mut revisions: BTreeSet<i64> =
            boundaries(&self.authorities).chain(boundaries(&self.steps)).collect();
        revisions.extend(self.authorities.iter().flat_map(|(_, authority)| boundaries(under(authority))));
        let ends = revisions.iter().skip(1).copied().map(Some).chain([None]);
        for (revision, end) in revisions.iter().copied().zip(ends) {
            let mut workflow =
                at(&self.authorities, revision).flat_map(|authority| at(under(authority), revision));
            let Some(workflow) = workflow.next() else { continue };
            let spans = Timeline::new(at(&self.steps, revision).cloned().collect()).spans(workflow);
            let rows = spans.iter().map(|span| row(&SPANS, cells(case, span)));
            expected.add(case, (revision, end), rows);
        }
    }
}

impl Read {
    /// Recomputes the spans of all cases and reports the rows that differ at any revision.
    pub(super) async fn check_spans(&mut self, findings: &mut Findings) -> Result<(), Error> {
        let workflows = self.workflows_of_authorities().await?;
        let mut from = Some(String::new());
        while let Some(first) = from {
            let statement = Statement::new("SELECT id FROM approval_identity WHERE id >= ");
            let statement = statement.bind(first.as_str()).push(" ORDER BY id LIMIT 1 OFFSET ").bind(CASES);
            let next: Option<(String,)> = self.connection.fetch_optional(statement).await?;
            from = next.map(|(id,)| id);
            let ids = (first.as_str(), from.as_deref());
            let mut expected = ExpectedRows::default();
            for (case, history) in self.histories(ids, findings).await? {
                history.rebuild(&case, &workflows, &mut expected);
            }
            expected.finish();
            self.compare_spans(ids, &mut expected, findings).await?;
        }
        Ok(())
    }

    /// The workflow of each authority at every revision.
    async fn workflows_of_authorities(&mut self) -> Result<Workflows, Error> {
        let mut workflows = Workflows::new();
        let mut after = (String::new(), 0);
        loop {
            let page = self.page_of::<Workflow>(&after).await?;
            let Some(last) = page.last() else { break };
            after = (last.filed.id.clone(), last.filed.since);
            for kept in &page {
                // A version that cannot be read has been reported already.
                let Ok(version) = kept.filed.version::<Workflow>() else { continue };
                let known = workflows.entry(kept.filed.id.clone()).or_default();
                extend(known, (kept.filed.since, kept.until), &version.value);
            }
        }
        let statement = Statement::new("SELECT id, since, until, workflow FROM authority ORDER BY id, since");
        let rows: Vec<(String, i64, Option<i64>, String)> = self.connection.fetch_all(statement).await?;
        let mut of_authorities = Workflows::new();
        for (authority, since, until, workflow) in rows {
            let known = of_authorities.entry(authority).or_default();
            for (held, workflow) in workflows.get(&workflow).into_iter().flatten() {
                if let Some(both) = overlap(*held, (since, until)) {
                    extend(known, both, workflow);
                }
            }
        }
        Ok(of_authorities)
    }

    /// The histories of some cases.
    async fn histories(
        &mut self,
        ids: Ids<'_>,
        findings: &mut Findings,
    ) -> Result<BTreeMap<String, CaseHistory>, Error> {
        let mut histories: BTreeMap<String, CaseHistory> = BTreeMap::new();
        let statement = Statement::new("SELECT id, since, until, authority FROM approval WHERE ");
        let rows: Vec<(String, i64, Option<i64>, String)> =
            self.connection.fetch_all(within(statement, "id", ids)).await?;
        for (case, since, until, authority) in rows {
            histories.entry(case).or_default().authorities.push(((since, until), authority));
        }
        let statement = Statement::new(
            "SELECT approval, id, since, until, ordinal, stage, effective_on, retracted FROM transition WHERE ",
        );
        let statement = within(statement, "approval", ids).push(" ORDER BY id, since");
        let rows: Vec<StepRow> = self.connection.fetch_all(statement).await?;
        for versions in rows.chunk_by(|one, next| one.id == next.id) {
            let accepted = versions.first().map(|first| (first.since, first.ordinal));
            let (revision, ordinal) = accepted.unwrap_or_default();
            for version in versions {
                match version.step(Acceptance { revision, ordinal }) {
                    Ok(step) => {
                        let history = histories.entry(version.approval.clone()).or_default();
                        history.steps.push(((version.since, version.until), step));
                    }
                    Err(fault) => findings.add(format!("a column of transition `{}`: {fault}", version.id)),
                }
            }
        }
        Ok(histories)
    }
}
