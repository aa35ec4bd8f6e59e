//! Glances that are under way at once: they share statements, and nothing else.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::future::{join_all, maybe_done};
use greenlight::app::{At, Query, Register, Sort, SortKey, StoreError};
use greenlight::clock::Clock;
use greenlight::domain::company::Company;

use crate::support::things::{company, newest, noon, of, put, retire};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    glances_at_the_same_time_share_statements_and_each_gets_its_own_answer,
    a_glance_sees_what_was_acknowledged_before_while_many_are_under_way,
    a_glance_that_is_given_up_takes_no_other_with_it,
    glances_that_share_a_failure_are_all_told,
);

const MANY: usize = 40;

async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-02-15"))).await;
    for index in 0..MANY {
        put(&register, company(&format!("c{index}"))).await.unwrap();
    }
    retire::<Company>(&register, "c7").await.unwrap();
    register
}

/// The version of a company, if it is on record.
async fn version(register: &Register, id: &str) -> Option<i64> {
    let (_, found) = register.store().glance::<Company>(id, At::NEWEST).await.unwrap();
    found
        .inspect(|filed| assert!(filed.document.contains(&format!(r#""id":"{id}""#)), "{id}: {filed:?}"))
        .map(|filed| filed.since)
}

/// The ids on the page after the company with this number.
async fn page(register: &Register, after: usize) -> Vec<String> {
    let after = Some(greenlight::app::Position { key: format!("c{after}"), id: format!("c{after}") });
    let sort = Sort { key: SortKey::BY_ID, descending: false };
    let query = Query { on: None, filters: Vec::new(), sort, after, limit: 2 };
    let (_, leaf) = register.store().glance_list::<Company>(&query, At::NEWEST).await.unwrap();
    let id = |document: &str| document.split('"').nth(3).unwrap().to_owned();
    leaf.documents().map(id).collect()
}

async fn glances_at_the_same_time_share_statements_and_each_gets_its_own_answer(database: Database) {
    let register = opened(&database).await;
    let before = register.store().coalesced_statements();
    for index in 0..3 {
        version(&register, &format!("c{index}")).await;
    }
    assert_eq!(register.store().coalesced_statements() - before, 3, "who asks alone shares with nobody");
    let before = register.store().coalesced_statements();
    let one = |index: usize| {
        let register = &register;
        async move { version(register, &format!("c{index}")).await }
    };
    let versions = join_all((0..=MANY).map(one)).await;
    for (index, version) in versions.into_iter().enumerate() {
        let expected = i64::try_from(index).unwrap() + 1;
        assert_eq!(version, (index != 7 && index < MANY).then_some(expected), "c{index}");
    }
    let coalesced_statements = register.store().coalesced_statements() - before;
    assert!(coalesced_statements < 20, "{coalesced_statements} coalesced_statements for {MANY} glances");
    let mut ids: Vec<String> =
        (0..MANY).filter(|index| *index != 7).map(|index| format!("c{index}")).collect();
    ids.sort();
    let pages = join_all((0..MANY).map(|after| page(&register, after))).await;
    for (after, page) in pages.into_iter().enumerate() {
        let beyond = ids.iter().filter(|id| **id > format!("c{after}")).take(2);
        assert_eq!(page, beyond.cloned().collect::<Vec<_>>(), "after c{after}");
    }
}

async fn a_glance_sees_what_was_acknowledged_before_while_many_are_under_way(database: Database) {
    let register = opened(&database).await;
    let crowd = |index: usize| {
        let register = register.clone();
        tokio::spawn(async move {
            loop {
                // Every other one asks for what is changed meanwhile.
                version(&register, &format!("c{}", index % 2 * index)).await;
            }
        })
    };
    let crowd: Vec<_> = (0..32).map(crowd).collect();
    for index in 0..100 {
        put(&register, Company { name: of(&format!("Name {index}")), ..company("c0") }).await.unwrap();
        let written = newest(&register).await;
        assert_eq!(version(&register, "c0").await, Some(written), "{index}");
    }
    for task in crowd {
        task.abort();
    }
}

async fn a_glance_that_is_given_up_takes_no_other_with_it(database: Database) {
    let register = opened(&database).await;
    let mut given_up = 0;
    for _ in 0..20 {
        let [mut first, mut same, mut other, mut last] =
            ["c1", "c1", "c2", "c3"].map(|id| Box::pin(maybe_done(version(&register, id))));
        for waiting in [&mut first, &mut same, &mut other, &mut last] {
            // Once: an answer may be there already, but most are not.
            let asked = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
            given_up += usize::from(asked.is_pending());
        }
        drop((first, other));
        same.as_mut().await;
        last.as_mut().await;
        let told = [same, last].map(|mut waiting| waiting.as_mut().take_output().flatten());
        assert_eq!(told, [Some(2), Some(4)]);
    }
    assert!(given_up > 20, "only {given_up} of 80 waited");
    assert_eq!(version(&register, "c2").await, Some(3));
}

async fn glances_that_share_a_failure_are_all_told(database: Database) {
    let register = opened(&database).await;
    register.store().close().await;
    let glances = (0..MANY).map(|index| {
        let register = &register;
        async move { register.store().glance::<Company>(&format!("c{index}"), At::NEWEST).await.map(drop) }
    });
    for told in join_all(glances).await {
        let Err(told @ StoreError::Shared(_)) = told else { panic!("{told:?}") };
        assert!(told.is_outage(), "{told:?}");
    }
}
