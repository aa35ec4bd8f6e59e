//! Storage of transitions.

use std::num::ParseIntError;

use super::bundle::{Items, items_of};
use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Cells, Filed, Stored, Table, Version, holds};
use super::write::Write;
use crate::domain::fault::Fault;
use crate::domain::id::{ApprovalId, AuthorityId, StageId, TransitionId};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Date;
use crate::domain::timeline::{Acceptance, Step, Timeline};
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

/// A transition and its acceptance.
#[derive(sqlx::FromRow)]
struct AcceptedRow {
    #[sqlx(flatten)]
    filed: Filed,
    revision: i64,
    ordinal: i64,
}

/// A transition `t` and its first version `f`, whose revision and ordinal are its acceptance.
pub(super) const ACCEPTED: &str = "transition t CROSS JOIN transition f
    WHERE f.id = t.id AND f.since = (SELECT min(x.since) FROM transition x WHERE x.id = t.id) AND ";

/// The columns of a step of a case, as text, from [`ACCEPTED`].
pub(super) const STEP: [&str; 7] = [
    "t.approval",
    "t.id",
    "t.stage",
    "t.effective_on",
    "CASE WHEN t.retracted THEN 'retracted' ELSE '' END",
    "CAST(f.since AS TEXT)",
    "CAST(f.ordinal AS TEXT)",
];

/// A step and its case.
pub(super) struct StepOf {
    pub(super) case: String,
    pub(super) step: Step,
}

impl StepOf {
    pub(super) fn read([case, id, to, date, retracted, revision, ordinal]: [&str; 7]) -> Result<Self, Error> {
        let what = format_args!("transition `{id}`");
        let damaged = |fault: Fault| Error::damaged(what, fault);
        let number = |text: &str| text.parse().map_err(|cause: ParseIntError| Error::damaged(what, cause));
        let step = Step {
            id: TransitionId::try_from(id).map_err(damaged)?,
            to: StageId::try_from(to).map_err(damaged)?,
            date: Date::try_from(date).map_err(damaged)?,
            retracted: !retracted.is_empty(),
            acceptance: Acceptance { revision: number(revision)?, ordinal: number(ordinal)? },
        };
        Ok(Self { case: case.to_owned(), step })
    }
}

impl Read {
    /// A case's transitions and their acceptance, ordered by effective date and acceptance.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a document is.
    pub async fn transitions(
        &mut self,
        approval: &ApprovalId,
    ) -> Result<Vec<(Version<Transition>, Acceptance)>, Error> {
        let statement =
            Statement::new("SELECT t.id, t.since, t.document, f.since AS revision, f.ordinal FROM ");
        let statement = statement.push(ACCEPTED).push("t.approval = ").bind(approval.as_str()).push(" AND ");
        let statement = holds(statement, "t", self.at);
        let statement = statement.push(" ORDER BY t.effective_on, f.since, f.ordinal");
        let rows: Vec<AcceptedRow> = self.connection.fetch_all(statement).await?;
        let acceptance = |row: &AcceptedRow| Acceptance { revision: row.revision, ordinal: row.ordinal };
        rows.into_iter().map(|row| Ok((row.filed.version()?, acceptance(&row)))).collect()
    }
}

impl Write {
    /// The timeline of a case, including pending changes.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Damaged`] if a row is.
    pub async fn timeline(&mut self, approval: &ApprovalId) -> Result<Timeline, Error> {
        let mut steps = self.recorded_steps(approval).await?.to_vec();
        let revision = self.next_revision();
        let changed = (1..).zip(&self.pending).filter(|(_, pending)| pending.thing.kind == Kind::Transition);
        for (ordinal, pending) in changed {
            let Some(after) = &pending.after else { continue };
            let transition = after.known.thing::<Transition>()?;
            if transition.approval != *approval {
                continue;
            }
            match steps.iter_mut().find(|step| step.id == transition.id) {
                Some(known) => *known = Step::of(&transition, known.acceptance),
                // The acceptance of a new one: this revision, and its place among the changes.
                None => steps.push(Step::of(&transition, Acceptance { revision, ordinal })),
            }
        }
        Ok(Timeline::new(steps))
    }

    /// The steps of a case as of the last revision.
    async fn recorded_steps(&mut self, approval: &ApprovalId) -> Result<&[Step], Error> {
        let case = approval.as_str();
        if !self.cache.timelines.contains_key(case) {
            // Read as of that revision: leaves out rows flushed by this command, and keeps those it has
            // closed.
            let at = At { revision: self.head.revision, newest: false };
            let from = Statement::new(ACCEPTED).push("t.approval = ").bind(case).push(" AND ");
            let query = items_of(&STEP, holds(from, "t", at));
            let lists = self.connection().bundled(vec![query]).await?;
            let rows = lists.as_slice().iter().flat_map(Items::fields);
            let steps = rows.map(|item| Ok(StepOf::read(item?)?.step)).collect::<Result<_, Error>>()?;
            self.cache.timelines.insert(case.to_owned(), steps);
        }
        Ok(self.cache.timelines.get(case).map_or(&[], Vec::as_slice))
    }

    /// The stages, of those given, that are in use at an authority, each with some of the cases and reports
    /// that use it: cases that have been at the stage while at the authority, even if moved or retired since,
    /// and reports that name it.
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
             WHERE (a.until IS NULL OR a.until > s.since) AND (s.until IS NULL OR s.until > a.since)
                 AND a.authority = ",
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
