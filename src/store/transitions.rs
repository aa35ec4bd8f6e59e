//! Transitions in their table.

use std::collections::BTreeMap;

use super::error::Error;
use super::memory::Known;
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Cells, Filed, Stored, Table, Version, holds};
use super::write::Write;
use crate::domain::id::{ApprovalId, AuthorityId, StageId};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::timeline::{Acceptance, Accepted, Timeline};
use crate::domain::transition::Transition;
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Transition {
    const TABLE: Table = Table {
        name: "transition",
        identity: "transition_identity",
        columns: &["approval", "stage", "effective_on", "retracted"],
    };

    fn cells(&self) -> Cells {
        Cells(vec![
            self.approval.as_str().into(),
            self.to.as_str().into(),
            self.effective_on.date.to_string().into(),
            self.retracted.into(),
        ])
    }
}

/// A transition, its case, and when it was accepted.
#[derive(sqlx::FromRow)]
pub(super) struct AcceptedRow {
    pub(super) approval: String,
    #[sqlx(flatten)]
    filed: Filed,
    revision: i64,
    ordinal: i64,
}

impl AcceptedRow {
    pub(super) fn accepted(self) -> (Filed, Acceptance) {
        (self.filed, Acceptance { revision: self.revision, ordinal: self.ordinal })
    }
}

/// When a transition was accepted is written in the change that brought it on record. SQLite would look at
/// every change of a transition first; a `CROSS JOIN` keeps it to the order written.
pub(super) const ACCEPTED: &str = "SELECT t.approval, t.id, t.since, t.document, c.revision, c.ordinal
    FROM transition t CROSS JOIN transition_identity i CROSS JOIN change c
    WHERE i.id = t.id AND c.kind = 'transition' AND c.id = t.id AND c.revision = i.created AND t.approval ";

impl Read {
    /// A case's transitions and when each was accepted, in order of effective date, ties by acceptance.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn transitions(
        &mut self,
        approval: &ApprovalId,
    ) -> Result<Vec<(Version<Transition>, Acceptance)>, Error> {
        let statement = Statement::new(ACCEPTED).push("= ").bind(approval.as_str()).push(" AND ");
        let statement = holds(statement, "t", self.at);
        let statement = statement.push(" ORDER BY t.effective_on, c.revision, c.ordinal");
        let rows: Vec<AcceptedRow> = self.connection.fetch_all(statement).await?;
        let accepted = rows.into_iter().map(AcceptedRow::accepted);
        accepted.map(|(filed, acceptance)| Ok((filed.version()?, acceptance))).collect()
    }
}

impl Write {
    /// The timeline of a case, with the changes made so far.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn timeline(&mut self, approval: &ApprovalId) -> Result<Timeline, Error> {
        let mut pending = self.pending_transitions(approval)?;
        let mut accepted = Vec::new();
        for (known, acceptance) in self.recorded_transitions(approval.as_str()).await? {
            let transition = match pending.remove(&known.filed.id) {
                Some((changed, _)) => changed,
                None => known.version::<Transition>()?.value,
            };
            accepted.push(Accepted { transition, acceptance: *acceptance });
        }
        let created = pending.into_values();
        accepted.extend(created.map(|(transition, acceptance)| Accepted { transition, acceptance }));
        Ok(Timeline::new(accepted))
    }

    /// The transitions of a case that the changes made so far bring or alter, by id. When a new one is
    /// accepted is known already: in this revision, at its place among the changes.
    fn pending_transitions(
        &self,
        approval: &ApprovalId,
    ) -> Result<BTreeMap<String, (Transition, Acceptance)>, Error> {
        let case = ThingRef::new(Kind::Approval, approval.as_str());
        let mut transitions = BTreeMap::new();
        for (ordinal, pending) in (1..).zip(&self.pending) {
            let of_case = pending.thing.kind == Kind::Transition
                && pending.after.as_ref().is_some_and(|after| after.references.contains(&case));
            let Some(after) = pending.after.as_ref().filter(|_| of_case) else { continue };
            let id = pending.thing.id.clone();
            let filed = Filed { id: id.clone(), since: after.since, document: after.document.clone() };
            let acceptance = Acceptance { revision: self.next_revision(), ordinal };
            transitions.insert(id, (filed.version()?.value, acceptance));
        }
        Ok(transitions)
    }

    /// The transitions of a case as the last revision left them, and when each was accepted.
    async fn recorded_transitions(&mut self, approval: &str) -> Result<&[(Known, Acceptance)], Error> {
        if !self.memory.timelines.contains_key(approval) {
            // What this command has flushed is no part of the last revision, and what it has closed still is.
            let at = At { revision: self.head.revision, newest: false };
            let statement = Statement::new(ACCEPTED).push("= ").bind(approval).push(" AND ");
            let rows: Vec<AcceptedRow> = self.connection().fetch_all(holds(statement, "t", at)).await?;
            let accepted = rows.into_iter().map(AcceptedRow::accepted);
            let accepted = accepted.map(|(filed, acceptance)| (filed.into(), acceptance)).collect();
            self.memory.timelines.insert(approval.to_owned(), accepted);
        }
        Ok(self.memory.timelines.get(approval).map_or(&[], Vec::as_slice))
    }

    /// Which of these stages of an authority's workflow are used: cases there have been at them, or reports
    /// name them; each with some of those cases and reports.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn stages_used(
        &mut self,
        authority: &AuthorityId,
        stages: &[StageId],
    ) -> Result<Vec<(StageId, ThingRef)>, Error> {
        self.flush().await?;
        let any = |statement: Statement| statement.bind_all(stages.iter().map(StageId::as_str)).push(")");
        let statement = Statement::new(
            "SELECT s.stage, 'approval' AS kind, s.approval AS id FROM stage_span s JOIN approval a ON a.id = s.approval
             WHERE a.until IS NULL AND a.authority = ",
        );
        let statement = any(statement.bind(authority.as_str()).push(" AND s.stage IN ("));
        let statement = statement.push(
            " UNION SELECT r.stage, 'report', r.id FROM report r WHERE r.until IS NULL AND r.authority = ",
        );
        let statement = any(statement.bind(authority.as_str()).push(" AND r.stage IN ("));
        let statement = statement.push(" ORDER BY stage, kind, id LIMIT 100");
        let rows: Vec<(String, String, String)> = self.queried().await?.fetch_all(statement).await?;
        let row = |(stage, kind, id): (String, String, String)| {
            Some((StageId::try_from(stage.as_str()).ok()?, ThingRef::new(Kind::named(&kind)?, id)))
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}
