//! Lists: every filter, every order, page by page, at the newest revision and at earlier ones.

use std::collections::{BTreeMap, BTreeSet};

use greenlight::app::{
    At, Filter, Listing, Position, Query, Read, Register, Sort, StoreError, Takes, Wanted,
};
use greenlight::clock::Clock;
use greenlight::domain::approval::{Approval, Case};
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::movement::Movement;
use greenlight::domain::report::Report;
use greenlight::domain::source::Source;
use greenlight::domain::thing::Kind;
use greenlight::domain::time::Date;
use greenlight::domain::workflow::Workflow;
use greenlight::wire::approvals::standing;
use serde_json::Value;

use crate::support::things::{
    company, import, newest, noon, of, post, put, report, retire, sample, source, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_filter_finds_what_it_says_and_nothing_else,
    every_order_is_kept_page_by_page_in_both_directions,
    lists_at_an_earlier_revision_are_as_they_were,
    lists_of_cases_say_where_they_stand_on_a_day,
    text_is_ordered_by_its_bytes,
    a_glance_shows_what_a_whole_read_shows,
);

type Documents = BTreeMap<String, Value>;

/// What a filter can look at: the documents listed, and those they name.
struct Listed {
    documents: Documents,
    since: BTreeMap<String, i64>,
    authorities: Documents,
    workflows: Documents,
}

const BY_ID: usize = 0;

fn sort<T: Listing>(key: usize, descending: bool) -> Sort {
    Sort { key: &T::SORTS[key], descending }
}

fn everything<T: Listing>(on: Option<Date>) -> Query {
    Query { on, filters: Vec::new(), sort: sort::<T>(BY_ID, false), after: None, limit: 10_000 }
}

async fn documents<T: Listing>(read: &mut Read, on: Option<Date>) -> (Documents, BTreeMap<String, i64>) {
    let page = read.list::<T>(&everything::<T>(on)).await.unwrap();
    assert_eq!(page.next, None);
    let since = page.items.iter().map(|found| (found.filed.id.clone(), found.filed.since)).collect();
    let documents = page.items.into_iter().map(|found| {
        let mut document: Value = serde_json::from_str(&found.filed.document).unwrap();
        assert_eq!(found.standing.is_some(), T::KIND == Kind::Approval && on.is_some());
        if let Some(stands) = found.standing {
            standing(document.as_object_mut().unwrap(), &stands);
        }
        (found.filed.id, document)
    });
    (documents.collect(), since)
}

async fn listed<T: Listing>(read: &mut Read, on: Option<Date>) -> Listed {
    let (documents_, since) = documents::<T>(read, on).await;
    let (authorities, _) = documents::<Authority>(read, None).await;
    let (workflows, _) = documents::<Workflow>(read, None).await;
    Listed { documents: documents_, since, authorities, workflows }
}

impl Listed {
    /// What a document has where a filter looks.
    fn values(&self, kind: Kind, document: &Value, filter: &str) -> Vec<String> {
        let authority = || &self.authorities[document["authority"].as_str().unwrap()];
        let value = match (kind, filter) {
            (Kind::Report, "company" | "chip" | "authority") => &document["about"][filter],
            (Kind::Condition, "authority" | "approval" | "company" | "chip") => &document["scope"][filter],
            (Kind::Approval, "jurisdiction" | "gate") => &authority()[filter],
            (Kind::Approval, "phase") => {
                let workflow = &self.workflows[authority()["workflow"].as_str().unwrap()];
                let stages = workflow["stages"].as_array().unwrap();
                &stages.iter().find(|stage| stage["id"] == document["stage"]).unwrap()["phase"]
            }
            _ => &document[filter],
        };
        match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
            Value::Bool(truth) => vec![truth.to_string()],
            text => vec![text.as_str().unwrap().to_owned()],
        }
    }

    fn ids(&self, kind: Kind, filter: &str, wanted: &[String]) -> Vec<String> {
        let fits =
            |document: &Value| self.values(kind, document, filter).iter().any(|value| wanted.contains(value));
        let fitting = self.documents.iter().filter(|(_, document)| fits(document));
        fitting.map(|(id, _)| id.clone()).collect()
    }

    /// The ids in order of a sort key, ties by id.
    fn sorted(&self, key: &str, descending: bool) -> Vec<String> {
        let by = |id: &String| match key {
            "changed" => (self.since[id], String::new()),
            key => (0, self.documents[id][key].as_str().unwrap_or_default().to_owned()),
        };
        let by = |id: &String| match (key, &self.documents[id]["on"]) {
            ("on", Value::Object(on)) => (0, on["date"].as_str().unwrap().to_owned()),
            _ => by(id),
        };
        let mut ids: Vec<String> = self.documents.keys().cloned().collect();
        ids.sort_by_key(|id| (by(id), id.clone()));
        if descending {
            ids.reverse();
        }
        ids
    }
}

async fn ids<T: Listing>(read: &mut Read, query: &Query) -> (Vec<String>, Option<Position>) {
    let page = read.list::<T>(query).await.unwrap();
    (page.items.into_iter().map(|found| found.filed.id).collect(), page.next)
}

/// Checks every filter with every value there is, and with several at once.
async fn check_filters<T: Listing>(read: &mut Read, on: Option<Date>) {
    let listed = listed::<T>(read, on).await;
    for filter in T::FILTERS {
        let of_each = |document: &Value| listed.values(T::KIND, document, filter.name);
        let known: BTreeSet<String> = listed.documents.values().flat_map(of_each).collect();
        let mut wanted: Vec<Vec<String>> = known.iter().map(|value| vec![value.clone()]).collect();
        wanted.push(known.iter().take(2).cloned().collect());
        if !matches!(filter.takes, Takes::Boolean) {
            wanted.push(vec!["nothing-such".to_owned()]);
        }
        for wanted in wanted.into_iter().filter(|wanted| !wanted.is_empty()) {
            let query = Query { filters: vec![(filter, wanted.clone())], ..everything::<T>(on) };
            let expected = listed.ids(T::KIND, filter.name, &wanted);
            assert_eq!(ids::<T>(read, &query).await, (expected.clone(), None), "{} {wanted:?}", filter.name);
            let count = read.count::<T>(&query).await.unwrap();
            assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{} {wanted:?}", filter.name);
        }
    }
    check_all_filters_at_once::<T>(read, &listed, on).await;
}

/// One document is found by everything that can be said of it.
async fn check_all_filters_at_once<T: Listing>(read: &mut Read, listed: &Listed, on: Option<Date>) {
    let (id, document) = listed.documents.last_key_value().unwrap();
    let of_it = |filter: &'static Filter| (filter, listed.values(T::KIND, document, filter.name));
    let filters = T::FILTERS.iter().map(of_it).filter(|(_, values)| !values.is_empty()).collect();
    let query = Query { filters, ..everything::<T>(on) };
    assert_eq!(ids::<T>(read, &query).await, (vec![id.clone()], None));
}

/// Checks every order, whole and in pages of two and of seven.
async fn check_orders<T: Listing>(read: &mut Read, on: Option<Date>) {
    let listed = listed::<T>(read, on).await;
    let newest = read.at().newest;
    for (key, descending) in (0..T::SORTS.len()).flat_map(|key| [(key, false), (key, true)]) {
        let sort = sort::<T>(key, descending);
        if !newest && !sort.key.at_any_revision {
            continue;
        }
        let expected = listed.sorted(sort.key.name, descending);
        let query = Query { sort, ..everything::<T>(on) };
        assert_eq!(ids::<T>(read, &query).await, (expected.clone(), None), "{}", sort.key.name);
        for limit in [2, 7] {
            let mut walked = Vec::new();
            let mut after = None;
            loop {
                let (items, next) = ids::<T>(read, &Query { after, limit, ..query.clone() }).await;
                assert!(items.len() <= usize::try_from(limit).unwrap());
                walked.extend(items);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(walked, expected, "{} {descending} {limit}", sort.key.name);
        }
    }
}

/// The sample, and in later revisions something changed and something gone of every kind.
async fn opened(database: &Database) -> (Register, i64) {
    let register = database.open(&Clock::standing(noon("2026-08-20"))).await;
    assert_eq!(import(&register, &sample()).await.failed, 0);
    let whole = newest(&register).await;
    retire::<Condition>(&register, "us-2026-tpp-limit").await.unwrap();
    put(&register, Company { parent: Some(of("alibaba")), ..company("new") }).await.unwrap();
    put(&register, company("deepseek")).await.unwrap();
    put(&register, Source { published_on: Some(of("2026-02-01")), ..source("new") }).await.unwrap();
    let mut doubt = report("doubt", "refused", "2026-02-01");
    (doubt.about.chip, doubt.about.authority) = (Some(of("h200-sxm")), Some(of("cn-unspecified")));
    put(&register, doubt).await.unwrap();
    let step = transition("new", "alibaba-h200-sxm-cn-unspecified", "approved", "2026-02-10");
    post(&register, step).await.unwrap();
    retire::<Approval>(&register, "deepseek-h200-sxm-cn-mofcom").await.unwrap();
    (register, whole)
}

async fn check_all_filters(read: &mut Read) {
    check_filters::<Workflow>(read, None).await;
    check_filters::<Authority>(read, None).await;
    check_filters::<Company>(read, None).await;
    check_filters::<Chip>(read, None).await;
    check_filters::<Source>(read, None).await;
    check_filters::<Case>(read, None).await;
    check_filters::<Report>(read, None).await;
    check_filters::<Condition>(read, None).await;
    check_filters::<Movement>(read, None).await;
}

async fn check_all_orders(read: &mut Read) {
    check_orders::<Workflow>(read, None).await;
    check_orders::<Authority>(read, None).await;
    check_orders::<Company>(read, None).await;
    check_orders::<Chip>(read, None).await;
    check_orders::<Source>(read, None).await;
    check_orders::<Case>(read, None).await;
    check_orders::<Report>(read, None).await;
    check_orders::<Condition>(read, None).await;
    check_orders::<Movement>(read, None).await;
}

async fn every_filter_finds_what_it_says_and_nothing_else(database: Database) {
    let (register, _) = opened(&database).await;
    check_all_filters(&mut register.read(Wanted::Newest).await.unwrap()).await;
}

async fn every_order_is_kept_page_by_page_in_both_directions(database: Database) {
    let (register, _) = opened(&database).await;
    check_all_orders(&mut register.read(Wanted::Newest).await.unwrap()).await;
}

async fn lists_at_an_earlier_revision_are_as_they_were(database: Database) {
    let (register, whole) = opened(&database).await;
    let mut now = register.read(Wanted::Newest).await.unwrap();
    let mut then = register.read(Wanted::Revision(whole)).await.unwrap();
    check_all_filters(&mut then).await;
    check_all_orders(&mut then).await;
    for (there_now, there_then, changed) in [
        (documents::<Condition>(&mut now, None).await, documents::<Condition>(&mut then, None).await, 1),
        (documents::<Company>(&mut now, None).await, documents::<Company>(&mut then, None).await, 2),
        (documents::<Source>(&mut now, None).await, documents::<Source>(&mut then, None).await, 1),
        (documents::<Report>(&mut now, None).await, documents::<Report>(&mut then, None).await, 1),
        (documents::<Case>(&mut now, None).await, documents::<Case>(&mut then, None).await, 2),
    ] {
        let ids: BTreeSet<&String> = there_now.0.keys().chain(there_then.0.keys()).collect();
        let differing = ids.into_iter().filter(|id| there_now.0.get(*id) != there_then.0.get(*id));
        assert_eq!(differing.count(), changed);
    }
    let mut before = register.read(Wanted::Revision(0)).await.unwrap();
    assert_eq!(before.count::<Company>(&everything::<Company>(None)).await.unwrap(), 0);
}

async fn lists_of_cases_say_where_they_stand_on_a_day(database: Database) {
    let (register, whole) = opened(&database).await;
    for wanted in [Wanted::Newest, Wanted::Revision(whole)] {
        let mut read = register.read(wanted).await.unwrap();
        for day in ["1999-01-01", "2025-12-08", "2026-01-23", "2026-01-28", "2026-02-12", "2099-01-01"] {
            check_filters::<Case>(&mut read, Some(of(day))).await;
            check_orders::<Case>(&mut read, Some(of(day))).await;
        }
    }
}

async fn text_is_ordered_by_its_bytes(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-02-15"))).await;
    let names = ["Z", "a", "A b", "A-b", "Ab", "\u{e9}", "中", "\u{1f600}"];
    for (index, name) in names.iter().enumerate() {
        put(&register, Company { name: of(name), ..company(&format!("c{index}")) }).await.unwrap();
    }
    let mut read = register.read(Wanted::Newest).await.unwrap();
    check_orders::<Company>(&mut read, None).await;
}

async fn a_glance_shows_what_a_whole_read_shows(database: Database) {
    let (register, whole) = opened(&database).await;
    for wanted in [Wanted::Newest, Wanted::Revision(whole), Wanted::Revision(whole + 2)] {
        check_glances::<Company>(&register, wanted).await;
        check_glances::<Chip>(&register, wanted).await;
        check_glances::<Authority>(&register, wanted).await;
        check_glances::<Workflow>(&register, wanted).await;
        check_glances::<Source>(&register, wanted).await;
        check_glances::<Case>(&register, wanted).await;
        check_glances::<Report>(&register, wanted).await;
        check_glances::<Condition>(&register, wanted).await;
        check_glances::<Movement>(&register, wanted).await;
    }
    put(&register, company("glanced-at")).await.unwrap();
    let there = newest(&register).await;
    let (head, found) = register.store().glance::<Company>("glanced-at", At::NEWEST).await.unwrap();
    assert_eq!((head.revision, found.unwrap().since), (there, there));
    retire::<Company>(&register, "glanced-at").await.unwrap();
    for gone in ["glanced-at", "never-there"] {
        let (head, found) = register.store().glance::<Company>(gone, At::NEWEST).await.unwrap();
        assert_eq!((head.revision, found), (newest(&register).await, None));
    }
    let at = |revision| At { revision, newest: false };
    let (_, found) = register.store().glance::<Company>("glanced-at", at(there)).await.unwrap();
    assert_eq!(found.unwrap().since, there);
    let early = register.store().glance::<Company>("glanced-at", at(there + 2)).await;
    assert!(matches!(early, Err(StoreError::Future { newest }) if newest == there + 1), "{early:?}");
}

/// Compares every page in every order, and every thing on it, with what a read in a transaction finds.
async fn check_glances<T: Listing>(register: &Register, wanted: Wanted) {
    let mut read = register.read(wanted).await.unwrap();
    let at = if wanted == Wanted::Newest { At::NEWEST } else { read.at() };
    assert_eq!(at.newest, wanted == Wanted::Newest);
    let keys = (0..T::SORTS.len()).filter(|key| at.newest || T::SORTS[*key].at_any_revision);
    for (key, descending) in keys.flat_map(|key| [(key, false), (key, true)]) {
        let mut query = Query { limit: 7, sort: sort::<T>(key, descending), ..everything::<T>(None) };
        loop {
            let whole = read.list::<T>(&query).await.unwrap();
            let (head, leaf) = register.store().glance_list::<T>(&query, at).await.unwrap();
            assert_eq!((head.revision, &head.epoch), (read.head().revision, &read.head().epoch));
            assert_eq!(leaf.next(), whole.next.as_ref());
            let documents: Vec<&str> = leaf.documents().collect();
            let found: Vec<&str> = whole.items.iter().map(|found| &*found.filed.document).collect();
            assert_eq!(documents, found);
            for found in &whole.items {
                let (_, one) = register.store().glance::<T>(&found.filed.id, at).await.unwrap();
                assert_eq!(one.as_ref(), Some(&found.filed));
            }
            let Some(next) = whole.next else { break };
            query.after = Some(next);
        }
    }
}
