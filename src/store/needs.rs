//! Preloading: the rows that commands are known to read, fetched for a whole batch at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use super::bundle::{Items, damaged, filed, items_of};
use super::error::Error;
use super::statement::{Cell, Statement};
use super::table::{Filed, Presence, Table, table};
use super::transitions::{ACCEPTED, STEP, StepOf};
use super::write::Write;
use super::writer_cache::Parties;
use crate::domain::id::ApprovalId;
use crate::domain::thing::{Kind, ThingRef};

/// The most keys of one list in a statement.
const MOST_KEYS: usize = 256;

/// What a command will read. Omissions are slower, never wrong.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Things by their ids.
    pub things: Vec<ThingRef>,
    /// Things whose ids have just been generated: known to be absent.
    pub minted: Vec<ThingRef>,
    /// Cases whose timeline is read.
    pub cases: Vec<ApprovalId>,
    /// The actor and the idempotency key of its request.
    pub reply: Option<(String, String)>,
}

/// The part of the needs that is not cached, as much as one statement reads.
#[derive(Default)]
struct Unknown<'n> {
    things: BTreeMap<Kind, Vec<&'n str>>,
    cases: Vec<&'n str>,
    replies: Vec<&'n (String, String)>,
}

impl Write {
    /// Loads what the commands need into the cache.
    pub(super) async fn preload(&mut self, needs: &[&Needs]) -> Result<(), Error> {
        for thing in needs.iter().flat_map(|needs| &needs.minted) {
            self.cache.remember(thing.clone(), Presence::Absent);
        }
        loop {
            let unknown = self.unknown(needs);
            if unknown.is_empty() {
                return Ok(());
            }
            let mut lists = self.connection().bundled(unknown.queries()).await?;
            let mut next = || lists.next().ok_or_else(damaged);
            for (kind, ids) in &unknown.things {
                self.load_things(*kind, ids, &next()?)?;
            }
            if !unknown.cases.is_empty() {
                self.load_timelines(&unknown.cases, &next()?)?;
                self.load_spans(&unknown.cases, &next()?)?;
                self.load_reports(&next()?, &next()?)?;
            }
            if !unknown.replies.is_empty() {
                self.load_replies(&unknown.replies, &next()?).await?;
            }
        }
    }

    fn unknown<'n>(&self, needs: &[&'n Needs]) -> Unknown<'n> {
        let mut things: BTreeMap<Kind, HashSet<&str>> = BTreeMap::new();
        for thing in needs.iter().flat_map(|needs| &needs.things) {
            if self.cache.thing(thing).is_none() {
                things.entry(thing.kind).or_default().insert(&thing.id);
            }
        }
        let cases = needs.iter().flat_map(|needs| &needs.cases).map(ApprovalId::as_str);
        let replies = needs.iter().filter_map(|needs| needs.reply.as_ref());
        Unknown {
            things: things.into_iter().map(|(kind, ids)| (kind, distinct(ids))).collect(),
            cases: distinct(cases.filter(|case| !self.cache.timelines.contains_key(*case))),
            replies: distinct(replies.filter(|key| !self.cache.replies.contains_key(*key))),
        }
    }

    fn load_things(&mut self, kind: Kind, ids: &[&str], list: &Items) -> Result<(), Error> {
        for id in ids {
            self.cache.remember(ThingRef::new(kind, *id), Presence::Absent);
        }
        for item in list.fields() {
            let [id, since, document] = item?;
            let presence = match since {
                "" => Presence::Retired,
                since => Presence::Present(filed([id, since, document])?.into()),
            };
            self.cache.remember(ThingRef::new(kind, id), presence);
        }
        Ok(())
    }

    fn load_timelines(&mut self, cases: &[&str], list: &Items) -> Result<(), Error> {
        for case in cases {
            self.cache.timelines.insert((*case).to_owned(), Vec::new());
        }
        for item in list.fields() {
            let StepOf { case, step } = StepOf::read(item?)?;
            self.cache.timelines.entry(case).or_default().push(step);
        }
        Ok(())
    }

    fn load_spans(&mut self, cases: &[&str], list: &Items) -> Result<(), Error> {
        for case in cases {
            self.cache.spans.insert((*case).to_owned(), Vec::new());
        }
        for item in list.fields() {
            let [case, from, stage] = item?;
            let spans = self.cache.spans.entry(case.to_owned()).or_default();
            spans.push((from.to_owned(), stage.to_owned()));
        }
        Ok(())
    }

    fn load_reports(&mut self, parties: &Items, reports: &Items) -> Result<(), Error> {
        let mut of: HashMap<Parties, Vec<Filed>> = HashMap::new();
        for item in parties.fields() {
            of.insert(owned(item?), Vec::new());
        }
        let mut found: Vec<(Parties, Filed)> = Vec::new();
        for item in reports.fields() {
            let [company, chip, authority, id, since, document] = item?;
            found.push((owned([company, chip, authority]), filed([id, since, document])?));
        }
        found.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
        // Cases of the same company, chip and authority yield the same reports.
        found.dedup();
        for (parties, report) in found {
            of.entry(parties).or_default().push(report);
        }
        for (parties, reports) in of {
            self.cache.remember_reports(parties, reports);
        }
        Ok(())
    }

    /// Caches that keys have no reply. The few keys that have one are looked up one by one.
    async fn load_replies(&mut self, keys: &[&(String, String)], list: &Items) -> Result<(), Error> {
        let used = list.fields().collect::<Result<HashSet<[&str; 2]>, Error>>()?;
        for (actor, key) in keys {
            if used.contains(&[actor.as_str(), key.as_str()]) {
                self.kept_reply(actor, key).await?;
            } else {
                self.cache.replies.insert((actor.clone(), key.clone()), None);
            }
        }
        Ok(())
    }
}

impl Unknown<'_> {
    fn is_empty(&self) -> bool {
        self.things.is_empty() && self.cases.is_empty() && self.replies.is_empty()
    }

    /// The common length of the key lists: a power of two, padded with the last key, so that there are few
    /// distinct statement texts, all of which stay prepared.
    fn length(&self) -> usize {
        let lengths = self.things.values().map(Vec::len).chain([self.cases.len(), self.replies.len()]);
        lengths.max().unwrap_or_default().next_power_of_two()
    }

    fn queries(&self) -> Vec<Statement> {
        let (length, mut queries) = (self.length(), Vec::new());
        for (kind, ids) in &self.things {
            let Table { name, identity, .. } = *table(*kind);
            let from = Statement::new("").push(identity).push(" i LEFT JOIN ").push(name);
            let from = from.push(" t ON t.id = i.id AND t.until IS NULL WHERE i.id IN (");
            let columns = ["i.id", "COALESCE(CAST(t.since AS TEXT), '')", "COALESCE(t.document, '')"];
            queries.push(items_of(&columns, padded(from, ids, length)));
        }
        if !self.cases.is_empty() {
            self.add_cases(length, &mut queries);
        }
        if !self.replies.is_empty() {
            let rows = (0..length).filter_map(|index| self.replies.get(index).or(self.replies.last()));
            let rows = rows.map(|(actor, key)| vec![actor.as_str().into(), key.as_str().into()]);
            let keys: Vec<Vec<Cell>> = rows.collect();
            let from = Statement::new("").bind_keys(&keys).push(" JOIN reply t ON t.status > 0");
            queries.push(items_of(
                &["t.actor", "t.idempotency_key"],
                from.matching("t", &["actor", "idempotency_key"]),
            ));
        }
        queries
    }

    fn add_cases(&self, length: usize, queries: &mut Vec<Statement>) {
        let from = Statement::new(ACCEPTED).push("t.until IS NULL AND t.approval IN (");
        queries.push(items_of(&STEP, padded(from, &self.cases, length)));
        let columns = ["t.approval", "t.valid_from", "t.stage"];
        let from = Statement::new("stage_span t WHERE t.until IS NULL AND t.approval IN (");
        queries.push(items_of(&columns, padded(from, &self.cases, length)));
        let columns = ["a.company", "a.chip", "a.authority"];
        let from = Statement::new("approval a WHERE a.until IS NULL AND a.id IN (");
        queries.push(items_of(&columns, padded(from, &self.cases, length)));
        let columns = ["a.company", "a.chip", "a.authority", "r.id", "CAST(r.since AS TEXT)", "r.document"];
        let from = Statement::new(
            "approval a JOIN report r ON r.company = a.company AND r.chip = a.chip AND r.authority = a.authority
                 AND r.until IS NULL AND r.status = 'open' AND r.stage IS NOT NULL
             WHERE a.until IS NULL AND a.id IN (",
        );
        queries.push(items_of(&columns, padded(from, &self.cases, length)));
    }
}

/// The distinct keys, at most as many as a statement takes.
fn distinct<K: Eq + Hash>(keys: impl IntoIterator<Item = K>) -> Vec<K> {
    let different: HashSet<K> = keys.into_iter().collect();
    different.into_iter().take(MOST_KEYS).collect()
}

fn padded(statement: Statement, keys: &[&str], length: usize) -> Statement {
    let keys = (0..length).filter_map(|index| keys.get(index).or(keys.last()));
    statement.bind_all(keys.copied()).push(")")
}

fn owned([company, chip, authority]: [&str; 3]) -> Parties {
    (company.to_owned(), chip.to_owned(), authority.to_owned())
}
