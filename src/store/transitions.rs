//! Transitions in their table.

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

/// A transition and when it was accepted.
#[derive(sqlx::FromRow)]
struct AcceptedRow {
    #[sqlx(flatten)]
    filed: Filed,
    revision: i64,
    ordinal: i64,
}

/// When a transition was accepted is written in the change that brought it on record. SQLite would look at
/// every change of a transition first; a `CROSS JOIN` keeps it to the order written.
const ACCEPTED: &str = "SELECT t.id, t.since, t.document, c.revision, c.ordinal
    FROM transition t CROSS JOIN transition_identity i CROSS JOIN change c
    WHERE i.id = t.id AND c.kind = 'transition' AND c.id = t.id AND c.revision = i.created AND ";

/// A list of the steps of cases.
pub(super) struct Steps {
    /// What is read of each step, as text.
    pub(super) columns: [&'static str; 6],
    /// From where, up to further conditions.
    pub(super) from: &'static str,
}

/// The steps of cases, as far as the transitions themselves say. Which of several of one revision was accepted
/// first says the record of changes, which is asked only where it matters.
pub(super) const STEPS: Steps = Steps {
    columns: [
        "t.approval",
        "t.id",
        "t.stage",
        "t.effective_on",
        "CASE WHEN t.retracted THEN 'retracted' ELSE '' END",
        "CAST(i.created AS TEXT)",
    ],
    from: "transition t CROSS JOIN transition_identity i WHERE i.id = t.id AND ",
};

/// A step and its case.
pub(super) struct StepOf {
    pub(super) case: String,
    pub(super) step: Step,
}

impl StepOf {
    pub(super) fn read([case, id, to, date, retracted, created]: [&str; 6]) -> Result<Self, Error> {
        let damaged = |fault: Fault| Error::Unfit(format!("transition `{id}` is damaged: {fault}"));
        let revision = created.parse();
        let revision =
            revision.map_err(|cause| Error::Unfit(format!("transition `{id}` has no beginning: {cause}")))?;
        let step = Step {
            id: TransitionId::try_from(id).map_err(damaged)?,
            to: StageId::try_from(to).map_err(damaged)?,
            date: Date::try_from(date).map_err(damaged)?,
            retracted: !retracted.is_empty(),
            acceptance: Acceptance { revision, ordinal: 0 },
        };
        Ok(Self { case: case.to_owned(), step })
    }

    fn moment(&self) -> (&str, Date, i64) {
        (&self.case, self.step.date, self.step.acceptance.revision)
    }
}

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
        let statement = Statement::new(ACCEPTED).push("t.approval = ").bind(approval.as_str()).push(" AND ");
        let statement = holds(statement, "t", self.at);
        let statement = statement.push(" ORDER BY t.effective_on, c.revision, c.ordinal");
        let rows: Vec<AcceptedRow> = self.connection.fetch_all(statement).await?;
        let acceptance = |row: &AcceptedRow| Acceptance { revision: row.revision, ordinal: row.ordinal };
        rows.into_iter().map(|row| Ok((row.filed.version()?, acceptance(&row)))).collect()
    }
}

impl Write {
    /// The timeline of a case, with the changes made so far.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Unfit`] if a row is damaged.
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
                // When a new one is accepted is known already: in this revision, at its place among the changes.
                None => steps.push(Step::of(&transition, Acceptance { revision, ordinal })),
            }
        }
        Ok(Timeline::new(steps))
    }

    /// The steps of a case as the last revision left them.
    async fn recorded_steps(&mut self, approval: &ApprovalId) -> Result<&[Step], Error> {
        let case = approval.as_str();
        if !self.memory.timelines.contains_key(case) {
            // What this command has flushed is no part of the last revision, and what it has closed still is.
            let at = At { revision: self.head.revision, newest: false };
            let from = Statement::new(STEPS.from).push("t.approval = ").bind(case).push(" AND ");
            let query = items_of(&STEPS.columns, holds(from, "t", at));
            let lists = self.connection().bundled(vec![query]).await?;
            let rows = lists.as_slice().iter().flat_map(Items::fields).map(|item| StepOf::read(item?));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let steps = self.in_order(rows).await?.into_iter().map(|row| row.step).collect();
            self.memory.timelines.insert(case.to_owned(), steps);
        }
        Ok(self.memory.timelines.get(case).map_or(&[], Vec::as_slice))
    }

    /// The same steps, those of one case, day and revision with their places in that revision.
    pub(super) async fn in_order(&mut self, mut rows: Vec<StepOf>) -> Result<Vec<StepOf>, Error> {
        rows.sort_by(|one, other| one.moment().cmp(&other.moment()));
        let ties = rows.chunk_by_mut(|one, other| one.moment() == other.moment());
        for tied in ties.filter(|tied| tied.len() > 1) {
            for row in tied {
                let statement = Statement::new(
                    "SELECT ordinal FROM change WHERE kind = 'transition' AND id = $1 AND revision = $2",
                );
                let statement = statement.with(row.step.id.as_str()).with(row.step.acceptance.revision);
                row.step.acceptance.ordinal = self.connection().fetch_one::<(i64,)>(statement).await?.0;
            }
        }
        Ok(rows)
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
