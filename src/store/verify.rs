//! Verification that no record was altered: the chain of revisions, and rows against documents.

use super::Store;
use super::check_side_tables::{ExpectedRows, rows_of};
use super::error::Error;
use super::read::{Read, Wanted};
use super::record::{ChangeFilter, digest};
use super::statement::Statement;
use super::table::{Filed, Stored, Version, table};
use crate::domain::approval::Case;
use crate::domain::authority::Authority;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::condition::Condition;
use crate::domain::movement::Movement;
use crate::domain::report::Report;
use crate::domain::source::Source;
use crate::domain::thing::Kind;
use crate::domain::time::Moment;
use crate::domain::transition::Transition;
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Workflow;

/// The number of revisions or versions held in memory at a time.
const PAGE: i64 = 1000;
/// The most findings listed per check.
pub(super) const ENOUGH: i64 = 20;

/// The result of checking a register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The number of revisions checked.
    pub revisions: i64,
    /// The number of versions checked.
    pub versions: i64,
    /// The digest of the newest revision, from the head.
    pub digest: [u8; 32],
    /// Every fault found.
    pub faults: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    pub(super) fn add_all(&mut self, what: &str, rows: Vec<(String, i64)>) {
        for (id, revision) in rows {
            self.add(format!("{what}: `{id}` at revision {revision}"));
        }
    }
}

/// A stored version.
#[derive(sqlx::FromRow)]
pub(super) struct Kept {
    #[sqlx(flatten)]
    pub(super) filed: Filed,
    pub(super) until: Option<i64>,
}

/// Queries, by table of a kind, that find faulty rows.
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

/// Conditions that every change `c` of a kind must meet.
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

/// Adds text in which `{table}`, `{identity}` and `{kind}` are replaced by those of a kind.
fn of_kind(statement: Statement, text: &'static str, kind: Kind) -> Statement {
    text.split(['{', '}']).fold(statement, |statement, piece| match piece {
        "table" => statement.push(table(kind).name),
        "identity" => statement.push(table(kind).identity),
        "kind" => statement.bind(kind.as_str()),
        text => statement.push(text),
    })
}

impl Store {
    /// Checks everything on record: the file, indexes and triggers, the chain of revisions and the head, rows
    /// against the documents of changes, columns and side tables against documents at every revision, spans
    /// against transitions, and sums against movements.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] if the register cannot be read; faults of its contents are findings.
    pub async fn verify(&self) -> Result<Findings, Error> {
        let mut read = self.read(Wanted::Newest).await?;
        let mut findings = Findings { digest: read.head.digest, ..Findings::default() };
        if self.file().is_some() {
            read.check_file(&mut findings).await?;
        }
        read.check_schema(self.file().is_some(), &mut findings).await?;
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
        read.check_strangers(&mut findings).await?;
        read.check_spans(&mut findings).await?;
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
            let changes = self.changes_between(first, last, &ChangeFilter::default()).await?;
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

    /// Checks that the head is that of the newest revision, and that its due date is not later than the next
    /// one.
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

    /// Checks the changes of all kinds. Changes of an unknown kind are findings.
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

    /// Checks the versions of a kind and their side table rows.
    async fn check_things<T: Stored>(&mut self, findings: &mut Findings) -> Result<(), Error> {
        let mut expected = ExpectedRows::default();
        let mut after = (String::new(), 0);
        // Things before this id have been compared.
        let mut from = String::new();
        loop {
            let rows = self.page_of::<T>(&after).await?;
            for Kept { filed, until } in &rows {
                findings.versions += 1;
                match filed.version::<T>() {
                    Ok(version) => {
                        self.check_version(filed, &version, findings).await?;
                        expected.add(&filed.id, (filed.since, *until), rows_of(&version.value));
                    }
                    Err(damage) => findings.add(damage.to_string()),
                }
            }
            let Some(Kept { filed: last, .. }) = rows.last() else {
                expected.finish();
                return self.compare_sides(T::KIND, (&from, None), &mut expected, findings).await;
            };
            after = (last.id.clone(), last.since);
            // The next page may have more versions of the last thing.
            self.compare_sides(T::KIND, (&from, Some(&last.id)), &mut expected, findings).await?;
            from.clone_from(&last.id);
        }
    }

    /// Versions of a kind, ordered by id and revision, after one of them.
    pub(super) async fn page_of<T: Stored>(&mut self, after: &(String, i64)) -> Result<Vec<Kept>, Error> {
        let statement = Statement::new("SELECT id, since, document, until FROM ").push(T::TABLE.name);
        let statement = statement.push(" WHERE (id, since) > (").bind(after.0.as_str());
        let statement = statement.push(", ").bind(after.1).push(") ORDER BY id, since").limit(PAGE);
        self.connection.fetch_all(statement).await
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
        let statement = Statement::new("SELECT t.id FROM ").push(T::TABLE.name).push(" t WHERE t.id = ");
        let mut statement = statement.bind(filed.id.as_str()).push(" AND t.since = ").bind(filed.since);
        for (column, cell) in T::TABLE.columns.iter().zip(version.value.cells().0) {
            statement = statement.push(" AND t.").push(column).push(" IS NOT DISTINCT FROM ").bind(cell);
        }
        if self.connection.fetch_optional::<(String,)>(statement).await?.is_none() {
            findings.add(format!(
                "a column of {thing} at revision {} does not agree with its document",
                filed.since
            ));
        }
        Ok(())
    }
}
