//! What commands are known to read before they run, read for all commands of a batch at once.

use std::collections::HashSet;

use super::error::Error;
use super::memory::Parties;
use super::replies::Reply;
use super::statement::{Cell, Statement};
use super::table::{Filed, Presence, Table, table};
use super::transitions::{ACCEPTED, AcceptedRow};
use super::write::Write;
use crate::domain::id::ApprovalId;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::vocabulary::Vocabulary as _;

/// The most keys of one statement.
const MOST_KEYS: usize = 256;

/// What a command is known to read. To leave something out costs time, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Things by their ids.
    pub things: Vec<ThingRef>,
    /// Cases of which the timeline is read.
    pub cases: Vec<ApprovalId>,
    /// An actor and the idempotency key of its request.
    pub reply: Option<(String, String)>,
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    id: Option<String>,
    since: Option<i64>,
    document: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ReportRow {
    company: String,
    chip: String,
    authority: String,
    #[sqlx(flatten)]
    report: VersionRow,
}

#[derive(sqlx::FromRow)]
struct ReplyRow {
    actor: String,
    idempotency_key: String,
    #[sqlx(flatten)]
    reply: Reply,
}

impl Write {
    /// Reads what commands need and nothing is known of.
    pub(super) async fn foresee(&mut self, needs: &[&Needs]) -> Result<(), Error> {
        for kind in Kind::ALL {
            let named = needs.iter().flat_map(|needs| &needs.things).filter(|thing| thing.kind == *kind);
            let unknown = named.filter(|thing| !self.memory.things.contains_key(*thing));
            let ids: HashSet<&str> = unknown.map(|thing| thing.id.as_str()).collect();
            for some in padded(ids) {
                self.foresee_things(*kind, &some).await?;
            }
        }
        let cases = needs.iter().flat_map(|needs| &needs.cases).map(ApprovalId::as_str);
        let unknown = cases.filter(|case| !self.memory.timelines.contains_key(*case));
        for some in padded(unknown.collect()) {
            self.foresee_timelines(&some).await?;
            self.foresee_spans(&some).await?;
            self.foresee_reports(&some).await?;
        }
        let keys: HashSet<&(String, String)> =
            needs.iter().filter_map(|needs| needs.reply.as_ref()).collect();
        for some in padded(keys) {
            self.foresee_replies(&some).await?;
        }
        Ok(())
    }

    async fn foresee_things(&mut self, kind: Kind, ids: &[&str]) -> Result<(), Error> {
        let Table { name, identity, .. } = *table(kind);
        let statement = Statement::new("SELECT i.id, t.since, t.document FROM ").push(identity);
        let statement = statement.push(" i LEFT JOIN ").push(name);
        let statement = statement.push(" t ON t.id = i.id AND t.until IS NULL WHERE i.id IN (");
        let statement = statement.bind_all(ids.iter().copied()).push(")");
        let rows: Vec<VersionRow> = self.connection().fetch_all(statement).await?;
        for id in ids {
            self.memory.things.insert(ThingRef::new(kind, *id), Presence::Absent);
        }
        for row in rows {
            let Some(id) = &row.id else { continue };
            let thing = ThingRef::new(kind, id.as_str());
            let presence = row.filed().map_or(Presence::Retired, |filed| Presence::Present(filed.into()));
            self.memory.things.insert(thing, presence);
        }
        Ok(())
    }

    async fn foresee_timelines(&mut self, cases: &[&str]) -> Result<(), Error> {
        let statement = Statement::new(ACCEPTED).push("IN (").bind_all(cases.iter().copied());
        let rows: Vec<AcceptedRow> =
            self.connection().fetch_all(statement.push(") AND t.until IS NULL")).await?;
        for case in cases {
            self.memory.timelines.insert((*case).to_owned(), Vec::new());
        }
        for row in rows {
            let timeline = self.memory.timelines.entry(row.approval.clone()).or_default();
            let (filed, acceptance) = row.accepted();
            timeline.push((filed.into(), acceptance));
        }
        Ok(())
    }

    async fn foresee_spans(&mut self, cases: &[&str]) -> Result<(), Error> {
        let statement = Statement::new(
            "SELECT approval, valid_from, valid_to, stage FROM stage_span WHERE until IS NULL AND approval IN (",
        );
        let statement = statement.bind_all(cases.iter().copied()).push(")");
        let rows: Vec<(String, String, Option<String>, String)> =
            self.connection().fetch_all(statement).await?;
        for case in cases {
            self.memory.spans.insert((*case).to_owned(), Vec::new());
        }
        for (case, from, to, stage) in rows {
            self.memory.spans.entry(case).or_default().push((from, to, stage));
        }
        Ok(())
    }

    async fn foresee_reports(&mut self, cases: &[&str]) -> Result<(), Error> {
        let statement = Statement::new(
            "SELECT DISTINCT a.company, a.chip, a.authority, r.id, r.since, r.document FROM approval a
             LEFT JOIN report r ON r.company = a.company AND r.chip = a.chip AND r.authority = a.authority
                 AND r.until IS NULL AND r.status = 'open' AND r.stage IS NOT NULL
             WHERE a.until IS NULL AND a.id IN (",
        );
        let statement = statement.bind_all(cases.iter().copied()).push(") ORDER BY r.id");
        let rows: Vec<ReportRow> = self.connection().fetch_all(statement).await?;
        let mut found: Vec<(Parties, Option<Filed>)> = Vec::with_capacity(rows.len());
        found
            .extend(rows.into_iter().map(|row| ((row.company, row.chip, row.authority), row.report.filed())));
        for (parties, _) in &found {
            self.memory.reports.insert(parties.clone(), Vec::new());
        }
        for (parties, report) in found {
            self.memory.reports.entry(parties).or_default().extend(report);
        }
        Ok(())
    }

    async fn foresee_replies(&mut self, keys: &[&(String, String)]) -> Result<(), Error> {
        let rows: Vec<Vec<Cell>> =
            keys.iter().map(|(actor, key)| vec![actor.as_str().into(), key.as_str().into()]).collect();
        let statement = Statement::new(
            "SELECT DISTINCT t.actor, t.idempotency_key, t.request_digest, t.status, t.headers, t.body FROM ",
        );
        let statement = statement.bind_keys(&rows).push(" JOIN reply t ON t.status > 0");
        let rows: Vec<ReplyRow> =
            self.connection().fetch_all(statement.matching(&["actor", "idempotency_key"])).await?;
        for key in keys {
            self.memory.replies.insert((*key).clone(), None);
        }
        for row in rows {
            self.memory.replies.insert((row.actor, row.idempotency_key), Some(row.reply));
        }
        Ok(())
    }
}

impl VersionRow {
    /// The version, if there is one that holds.
    fn filed(self) -> Option<Filed> {
        Some(Filed { id: self.id?, since: self.since?, document: self.document? })
    }
}

/// Keys in lists whose lengths are powers of two, the last key standing in for those that are missing: so
/// there are few texts of statements, all of which an engine keeps prepared.
fn padded<K: Copy>(keys: HashSet<K>) -> Vec<Vec<K>> {
    let keys: Vec<K> = keys.into_iter().collect();
    let pad = |some: &[K]| {
        let mut some = some.to_vec();
        if let Some(last) = some.last().copied() {
            some.resize(some.len().next_power_of_two(), last);
        }
        some
    };
    keys.chunks(MOST_KEYS).map(pad).collect()
}
