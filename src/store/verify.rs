//! Checking that nothing on record was altered: the chain of revisions, and rows against documents.

use std::collections::BTreeSet;

use super::Store;
use super::error::Error;
use super::outbox::Versioned;
use super::pending::referred;
use super::read::{Read, Wanted};
use super::record::{Narrowing, digest};
use super::statement::{Cell, Statement};
use super::table::{Filed, Stored, Version, table};
use crate::domain::approval::Case;
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::movement::Movement;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Moment;
use crate::domain::timeline::{Step, Timeline};
use crate::domain::transition::Transition;
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Workflow;

/// How many revisions or versions are held in memory at a time.
const PAGE: i64 = 1000;
/// After so many findings of one sort the rest is not listed.
const ENOUGH: i64 = 20;

/// What checking a register brought to light.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many revisions were checked.
    pub revisions: i64,
    /// How many versions of things were checked.
    pub versions: i64,
    /// Everything that is not as it should be.
    pub faults: Vec<String>,
}

impl Findings {
    fn add(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    pub(super) fn add_all(&mut self, what: &str, rows: Vec<(String, i64)>) {
        for (id, revision) in rows {
            self.add(format!("{what}: `{id}` at revision {revision}"));
        }
    }
}

/// Statements that each find what must not be there, with the tables of a kind.
const RULES: [(&str, &str); 3] = [
    (
        "a version does not agree with its change",
        "SELECT t.id, t.since FROM {table} t LEFT JOIN change c ON c.revision = t.since AND c.ordinal = t.ordinal
         WHERE c.id IS NULL OR c.kind <> {kind} OR c.id <> t.id OR c.after IS NULL OR c.after <> t.document",
    ),
    (
        "a version does not end where the next change begins",
        "SELECT t.id, t.since FROM {table} t WHERE t.until IS DISTINCT FROM (SELECT min(n.since)
             FROM {table} n WHERE n.id = t.id AND n.since > t.since)
         AND NOT EXISTS (SELECT 1 FROM change c WHERE c.revision = t.until AND c.kind = {kind} AND c.id = t.id
             AND c.after IS NULL)",
    ),
    (
        "an id was not made when its first change was",
        "SELECT i.id, i.created FROM {identity} i
         WHERE i.created IS DISTINCT FROM (SELECT min(t.since) FROM {table} t WHERE t.id = i.id)",
    ),
];

/// What must hold of every change `c` of a kind.
const OF_CHANGES: [(&str, &str); 2] = [
    (
        "a change has no version",
        "c.after IS NULL OR EXISTS (SELECT 1 FROM {table} t
             WHERE t.id = c.id AND t.since = c.revision AND t.ordinal = c.ordinal)",
    ),
    (
        "a change does not begin where the one before ends",
        "CASE WHEN c.before IS NULL
             THEN NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = c.id AND t.since < c.revision)
             ELSE EXISTS (SELECT 1 FROM (SELECT t.until, t.document FROM {table} t
                     WHERE t.id = c.id AND t.since < c.revision ORDER BY t.since DESC LIMIT 1) p
                 WHERE p.until = c.revision AND p.document = c.before) END",
    ),
];

/// Adds text, with a kind and the names of its tables where they stand in braces.
fn of_kind(statement: Statement, text: &'static str, kind: Kind) -> Statement {
    text.split(['{', '}']).fold(statement, |statement, piece| match piece {
        "table" => statement.push(table(kind).name),
        "identity" => statement.push(table(kind).identity),
        "kind" => statement.bind(kind.as_str()),
        text => statement.push(text),
    })
}

impl Store {
    /// Checks everything on record: the file itself, the chain of revisions, rows against the documents
    /// of changes, columns, references and stages against documents, and sums against movements.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] if the register cannot be read; what is wrong with it is in the findings.
    pub async fn verify(&self) -> Result<Findings, Error> {
        let mut findings = Findings::default();
        let mut read = self.read(Wanted::Newest).await?;
        if self.file().is_some() {
            read.check_file(&mut findings).await?;
        }
        read.check_chain(&mut findings).await?;
        read.check_head(self.clock.now(), &mut findings).await?;
        for kind in Kind::ALL.iter().copied() {
            read.check_rules(kind, &mut findings).await?;
        }
        read.check_changes(&mut findings).await?;
        read.check_things::<Workflow>(&mut findings).await?;
        read.check_things::<Authority>(&mut findings).await?;
        read.check_things::<Company>(&mut findings).await?;
        read.check_things::<Chip>(&mut findings).await?;
        read.check_things::<Source>(&mut findings).await?;
        read.check_things::<Case>(&mut findings).await?;
        read.check_things::<Transition>(&mut findings).await?;
        read.check_things::<Report>(&mut findings).await?;
        read.check_things::<Condition>(&mut findings).await?;
        read.check_things::<Movement>(&mut findings).await?;
        read.check_sums(&mut findings, ENOUGH).await?;
        Ok(findings)
    }
}

impl Read {
    async fn check_file(&mut self, findings: &mut Findings) -> Result<(), Error> {
        let rows: Vec<(String,)> =
            self.connection.fetch_all(Statement::new("PRAGMA integrity_check(20)")).await?;
        for (row,) in rows.into_iter().filter(|(row,)| row != "ok") {
            findings.add(format!("the file is damaged: {row}"));
        }
        let broken = "SELECT \"table\", COALESCE(rowid, 0) FROM pragma_foreign_key_check LIMIT 20";
        let rows: Vec<(String, i64)> = self.connection.fetch_all(Statement::new(broken)).await?;
        for (table, row) in rows {
            findings.add(format!("a row of {table} names something that is not there: row {row}"));
        }
        Ok(())
    }

    async fn check_chain(&mut self, findings: &mut Findings) -> Result<(), Error> {
        let mut before = [0; 32];
        let mut recorded_at = None;
        while findings.revisions < self.at.revision {
            let first = findings.revisions + 1;
            let last = self.at.revision.min(first + PAGE - 1);
            let revisions = self.revisions_between(first, last).await?;
            let changes = self.changes_between(first, last, &Narrowing::default()).await?;
            let mut changes = changes.as_slice();
            for (number, revision) in (first..=last).zip(&revisions) {
                if revision.number != number {
                    findings.add(format!("revision {number} is missing"));
                    return Ok(());
                }
                let own = changes.partition_point(|change| change.revision <= number);
                let (of_revision, rest) = changes.split_at(own);
                changes = rest;
                if digest(&before, revision, of_revision) != revision.digest {
                    findings.add(format!("the digest of revision {number} does not fit what it says"));
                }
                if recorded_at.is_some_and(|earlier| revision.recorded_at < earlier) {
                    findings.add(format!("revision {number} was recorded before the one before it"));
                }
                (before, recorded_at) = (revision.digest, Some(revision.recorded_at));
            }
            if revisions.len() < usize::try_from(last - first + 1).unwrap_or(usize::MAX) {
                findings.add(format!("a revision from {first} to {last} is missing"));
                return Ok(());
            }
            findings.revisions = last;
        }
        if before != self.head.digest {
            findings.add("the head's digest is not that of the newest revision");
        }
        Ok(())
    }

    /// Checks that the head is that of the newest revision there is, and that no date passes unnoticed from now on.
    async fn check_head(&mut self, now: Moment, findings: &mut Findings) -> Result<(), Error> {
        let (revision, recorded_at, due_at) = (self.head.revision, self.head.recorded_at, self.head.due_at);
        let newest = Statement::new("SELECT COALESCE(max(number), 0) FROM revision");
        let (newest,): (i64,) = self.connection.fetch_one(newest).await?;
        if newest > revision {
            findings
                .add(format!("the head is at revision {revision}, but there are revisions up to {newest}"));
        }
        if self.recorded_at().await?.is_some_and(|recorded| recorded != recorded_at) {
            findings.add("the head was not recorded when the newest revision was");
        }
        let next = self.next_due(now.max(recorded_at)).await?;
        if let Some(next) = next.filter(|next| due_at.is_none_or(|due_at| due_at > *next)) {
            findings.add(format!("the head does not say that something falls due at {next}"));
        }
        Ok(())
    }

    async fn check_rules(&mut self, kind: Kind, findings: &mut Findings) -> Result<(), Error> {
        for (what, text) in RULES {
            let statement = of_kind(Statement::new(""), text, kind).push(" LIMIT ").bind(ENOUGH);
            let rows = self.connection.fetch_all(statement).await?;
            findings.add_all(&format!("{kind}: {what}"), rows);
        }
        Ok(())
    }

    /// Checks every change, whatever it is of: that of a kind nobody knows has no version, either.
    async fn check_changes(&mut self, findings: &mut Findings) -> Result<(), Error> {
        for (what, text) in OF_CHANGES {
            let mut statement = Statement::new("SELECT c.id, c.revision FROM change c WHERE NOT CASE c.kind");
            for kind in Kind::ALL.iter().copied() {
                statement = statement.push(" WHEN ").bind(kind.as_str()).push(" THEN ");
                statement = of_kind(statement, text, kind);
            }
            let statement = statement.push(" ELSE ").bind(false).push(" END LIMIT ").bind(ENOUGH);
            findings.add_all(what, self.connection.fetch_all(statement).await?);
        }
        Ok(())
    }

    async fn check_things<T: Stored>(&mut self, findings: &mut Findings) -> Result<(), Error> {
        let mut after = (String::new(), 0);
        loop {
            let statement = Statement::new("SELECT id, since, document FROM ").push(T::TABLE.name);
            let statement =
                statement.push(" WHERE (id, since) > (").bind(after.0.as_str()).push(", ").bind(after.1);
            let rows: Vec<Filed> =
                self.connection.fetch_all(statement.push(") ORDER BY id, since LIMIT ").bind(PAGE)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.id.clone(), last.since);
            for filed in &rows {
                findings.versions += 1;
                match filed.version::<T>() {
                    Ok(version) => self.check_version(filed, &version, findings).await?,
                    Err(damage) => findings.add(damage.to_string()),
                }
            }
        }
    }

    async fn check_version<T: Stored>(
        &mut self,
        filed: &Filed,
        version: &Version<T>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let thing = version.value.thing_ref();
        let written = version.value.write().to_string();
        if written != filed.document {
            findings.add(format!("{thing} at revision {} is not written as it is read", filed.since));
        }
        let mut statement = Statement::new(
            "SELECT t.id, t.since, CAST(CASE WHEN t.until IS NULL THEN 1 ELSE 0 END AS BIGINT) FROM ",
        );
        statement = statement.push(T::TABLE.name).push(" t WHERE t.id = ").bind(filed.id.as_str());
        statement = statement.push(" AND t.since = ").bind(filed.since);
        for (column, cell) in T::TABLE.columns.iter().zip(version.value.cells().0) {
            statement = statement.push(" AND t.").push(column).push(" IS NOT DISTINCT FROM ").bind(cell);
        }
        let row: Option<(String, i64, i64)> = self.connection.fetch_optional(statement).await?;
        match row {
            None => findings.add(format!(
                "a column of {thing} at revision {} does not agree with its document",
                filed.since
            )),
            Some((_, _, 1)) => self.check_current(&thing, version, findings).await?,
            Some(_) => {}
        }
        Ok(())
    }

    async fn check_current<T: Stored>(
        &mut self,
        thing: &ThingRef,
        version: &Version<T>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let statement = Statement::new(
            "SELECT to_kind, to_id FROM reference WHERE until IS NULL AND from_kind = $1 AND from_id = $2",
        );
        let statement = statement.with(thing.kind.as_str()).with(thing.id.as_str());
        let rows: Vec<(String, String)> = self.connection.fetch_all(statement).await?;
        let row = |(kind, id): (String, String)| Some(ThingRef::new(Kind::named(&kind)?, id));
        let kept: BTreeSet<ThingRef> = rows.into_iter().filter_map(row).collect();
        if kept != referred(&version.value) {
            findings.add(format!("the references of {thing} do not agree with its document"));
        }
        for part in version.value.parts() {
            let Versioned { name, columns, .. } = part.of.versioned();
            let mut statement =
                Statement::new("SELECT count(*) FROM ").push(name).push(" WHERE until IS NULL");
            for (column, cell) in columns.concat().into_iter().zip(part.cells) {
                statement = statement.push(" AND ").push(column).push(" = ").bind(cell);
            }
            if self.connection.fetch_one::<(i64,)>(statement).await?.0 != 1 {
                findings.add(format!("a row of {name} for {thing} does not agree with its document"));
            }
        }
        if T::KIND == Kind::Approval {
            self.check_spans(thing, findings).await?;
        }
        Ok(())
    }

    async fn check_spans(&mut self, thing: &ThingRef, findings: &mut Findings) -> Result<(), Error> {
        let Some(case) = self.thing::<Case>(&thing.id).await?.present() else { return Ok(()) };
        let authority = self.thing::<Authority>(case.value.approval.authority.as_str()).await?.present();
        let Some(authority) = authority else { return Ok(()) };
        let Some(workflow) = self.thing::<Workflow>(authority.value.workflow.as_str()).await?.present()
        else {
            return Ok(());
        };
        let accepted = self.transitions(&case.value.approval.id).await?;
        let steps = accepted.iter().map(|(version, acceptance)| Step::of(&version.value, *acceptance));
        let mut wanted: Vec<Vec<Cell>> = Timeline::new(steps.collect())
            .spans(&workflow.value)
            .iter()
            .map(|span| super::spans::cells(&case.value.approval.id, span))
            .collect();
        let count = "SELECT count(*) FROM stage_span WHERE until IS NULL AND approval = $1";
        let count: (i64,) = self.connection.fetch_one(Statement::new(count).with(thing.id.as_str())).await?;
        let expected = wanted.len();
        for cells in wanted.drain(..) {
            let row =
                "SELECT count(*) FROM stage_span WHERE until IS NULL AND approval = $1 AND valid_from = $2
                AND stage = $3";
            let statement = cells.into_iter().fold(Statement::new(row), Statement::with);
            if self.connection.fetch_one::<(i64,)>(statement).await?.0 != 1 {
                findings.add(format!("the stages of {thing} do not agree with its transitions"));
            }
        }
        if usize::try_from(count.0).ok() != Some(expected) {
            findings.add(format!("{thing} has stages that its transitions do not make"));
        }
        Ok(())
    }
}
