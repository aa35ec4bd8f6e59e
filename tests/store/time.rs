//! Time as a writer: what a date changes by passing is recorded, once, whoever was there when it passed.

use greenlight::app::{ChangeFilter, Register, Reply, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::condition::{Condition, ConditionStatus, Counting, Period, Terms};
use greenlight::domain::number::Units;
use greenlight::domain::record::Change;
use greenlight::domain::source::Source;
use greenlight::domain::vocabulary::Vocabulary as _;

use crate::support::things::{
    approval, condition, found, newest, noon, of, post, put, report, source, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_date_that_passes_is_recorded,
    dates_that_passed_while_nothing_ran_are_recorded_once,
    a_period_begins_again_and_again,
    dates_of_conditions_that_are_not_in_force_pass_unrecorded,
    a_condition_put_in_force_later_has_its_date_recorded,
    a_date_passes_for_everything_but_what_is_damaged,
    replies_are_forgotten_a_week_after_they_were_given,
);

/// What the newest revisions changed, as `action kind id`.
async fn changes(register: &Register, after: i64) -> Vec<String> {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let (first, last) = (after + 1, read.at().revision);
    let changes = read.changes_between(first, last, &ChangeFilter::default()).await.unwrap();
    let told = |change: Change| format!("{} {}", change.action, change.thing);
    changes.into_iter().map(told).collect()
}

fn cap(period: Period) -> Condition {
    Condition {
        terms: Terms::UnitCap {
            maximum: Units::try_from(10).ok(),
            counting: Some(Counting::Ordered),
            chips: Vec::new(),
            period: Some(period),
        },
        ..condition("capped")
    }
}

/// Things of which each has one date ahead: the first of February to the tenth.
async fn dated(register: &Register) {
    found(register).await;
    post(register, transition("t", "case", "granted", "2026-02-01")).await.unwrap();
    let begins = Approval { valid_from: Some(of("2026-02-02T00:00:00Z")), ..approval("begins") };
    put(register, begins).await.unwrap();
    let ends = Approval { valid_until: Some(of("2026-02-03T00:00:00Z")), ..approval("ends") };
    put(register, ends).await.unwrap();
    let comes = Condition { in_force_from: Some(of("2026-02-04T00:00:00Z")), ..condition("comes") };
    put(register, comes).await.unwrap();
    let goes = Condition { in_force_until: Some(of("2026-02-05T00:00:00Z")), ..condition("goes") };
    put(register, goes).await.unwrap();
    put(register, Condition { met_on: Some(of("2026-02-06")), ..condition("met") }).await.unwrap();
    let stale = Source {
        check_every_days: Some(7),
        last_checked_at: Some(of("2026-01-31T00:00:00Z")),
        ..source("stale")
    };
    put(register, stale).await.unwrap();
    put(register, report("claim", "refused", "2026-02-08")).await.unwrap();
    put(register, cap(Period::Month)).await.unwrap();
}

const PASSED: [(&str, &[&str]); 9] = [
    ("2026-02-01", &["took_effect approval `case`", "took_effect condition `capped`"]),
    ("2026-02-02", &["took_effect approval `begins`"]),
    ("2026-02-03", &["ended approval `ends`"]),
    ("2026-02-04", &["took_effect condition `comes`"]),
    ("2026-02-05", &["ended condition `goes`"]),
    ("2026-02-06", &["took_effect condition `met`"]),
    ("2026-02-07", &["became_stale source `stale`"]),
    (
        "2026-02-08",
        &["took_effect approval `begins`", "took_effect approval `case`", "took_effect approval `ends`"],
    ),
    ("2026-03-01", &["took_effect condition `capped`"]),
];

async fn every_date_that_passes_is_recorded(database: Database) {
    let clock = Clock::standing(noon("2026-01-31"));
    let register = database.open(&clock).await;
    dated(&register).await;
    for (day, told) in PASSED {
        let before = newest(&register).await;
        register.look().await.unwrap();
        assert_eq!(newest(&register).await, before, "nothing is due before {day}");
        clock.set(noon(day));
        register.look().await.unwrap();
        assert_eq!(changes(&register, before).await, told, "{day}");
        assert_eq!(newest(&register).await, before + 1, "{day}");
    }
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn dates_that_passed_while_nothing_ran_are_recorded_once(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-31"))).await;
    dated(&register).await;
    let before = newest(&register).await;
    register.store().close().await;
    let clock = Clock::standing(noon("2026-02-20"));
    let nodes = [database.open(&clock).await, database.open(&clock).await];
    let [one, other] = &nodes;
    let (first, second) = tokio::join!(one.look(), other.look());
    first.and(second).unwrap();
    let mut told = changes(one, before).await;
    assert_eq!(newest(one).await, before + 1, "{told:?}");
    told.sort();
    let mut expected: Vec<&str> = PASSED.iter().take(8).flat_map(|(_, told)| told.iter().copied()).collect();
    // What several dates change in one revision is one change, named by the last of them.
    expected.retain(|told| !["took_effect approval `ends`"].contains(told));
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(told, expected);
    other.look().await.unwrap();
    assert_eq!(newest(other).await, before + 1);
}

async fn a_period_begins_again_and_again(database: Database) {
    for (period, days) in [
        (Period::Quarter, ["2026-04-01", "2026-07-01", "2026-10-01"]),
        (Period::Year, ["2027-01-01", "2028-01-01", "2029-01-01"]),
    ] {
        let clock = Clock::standing(noon("2026-01-31"));
        let fresh = database.another().await;
        let register = fresh.open(&clock).await;
        found(&register).await;
        put(&register, cap(period)).await.unwrap();
        for day in days {
            let before = newest(&register).await;
            clock.set(noon(day));
            register.look().await.unwrap();
            assert_eq!(changes(&register, before).await, ["took_effect condition `capped`"], "{day}");
        }
    }
}

/// Conditions with a date each that do not count: proposed and waived ones.
fn idle() -> Vec<Condition> {
    let with = |status: ConditionStatus| {
        let named = |what: &str| of(&format!("{what}-{}", status.as_str().replace('_', "-")));
        let dated = Condition { status, ..condition("capped") };
        [
            Condition {
                id: named("comes"),
                in_force_from: Some(of("2026-02-01T00:00:00Z")),
                ..dated.clone()
            },
            Condition {
                id: named("goes"),
                in_force_until: Some(of("2026-02-02T00:00:00Z")),
                ..dated.clone()
            },
            Condition { id: named("met"), met_on: Some(of("2026-02-03")), ..dated },
            Condition { id: named("capped"), status, ..cap(Period::Month) },
        ]
    };
    [ConditionStatus::Proposed, ConditionStatus::Waived].into_iter().flat_map(with).collect()
}

async fn dates_of_conditions_that_are_not_in_force_pass_unrecorded(database: Database) {
    let clock = Clock::standing(noon("2026-01-31"));
    let register = database.open(&clock).await;
    found(&register).await;
    for condition in idle() {
        put(&register, condition).await.unwrap();
    }
    let mut read = register.read(Wanted::Newest).await.unwrap();
    assert_eq!(read.head().due_at, None);
    assert_eq!(read.next_due(noon("2026-01-31")).await.unwrap(), None);
    drop(read);
    // A date of a thing that counts passes on the same day as theirs.
    put(&register, Condition { met_on: Some(of("2026-02-10")), ..condition("met") }).await.unwrap();
    let before = newest(&register).await;
    clock.set(noon("2026-03-01"));
    register.look().await.unwrap();
    assert_eq!(changes(&register, before).await, ["took_effect condition `met`"]);
}

async fn a_condition_put_in_force_later_has_its_date_recorded(database: Database) {
    let clock = Clock::standing(noon("2026-01-31"));
    let register = database.open(&clock).await;
    found(&register).await;
    for mut condition in idle() {
        put(&register, condition.clone()).await.unwrap();
        condition.status = ConditionStatus::InForce;
        put(&register, condition).await.unwrap();
    }
    let mut before = newest(&register).await;
    for (day, told) in [
        ("2026-02-01", vec!["took_effect capped", "took_effect comes"]),
        ("2026-02-02", vec!["ended goes"]),
        ("2026-02-03", vec!["took_effect met"]),
    ] {
        clock.set(noon(day));
        register.look().await.unwrap();
        let mut of_both: Vec<String> = told
            .iter()
            .filter_map(|told| told.split_once(' '))
            .flat_map(|(action, id)| {
                ["proposed", "waived"].map(|status| format!("{action} condition `{id}-{status}`"))
            })
            .collect();
        let mut changed = changes(&register, before).await;
        changed.sort();
        of_both.sort();
        assert_eq!(changed, of_both, "{day}");
        before = newest(&register).await;
    }
}

async fn a_date_passes_for_everything_but_what_is_damaged(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-31"))).await;
    dated(&register).await;
    let before = newest(&register).await;
    database.tamper("UPDATE condition SET document = '{}' WHERE id = 'comes'").await;
    let register = database.open(&Clock::standing(noon("2026-02-05"))).await;
    register.look().await.unwrap();
    let passed = changes(&register, before).await;
    assert!(passed.iter().any(|change| change == "ended condition `goes`"), "{passed:?}");
    assert!(!passed.iter().any(|change| change.contains("`comes`")), "{passed:?}");
    // Whoever writes is not kept from it either.
    put(&register, source("later")).await.unwrap();
}

/// Keeps replies for keys that begin with a name.
async fn keep_replies(register: &Register, name: &'static str, count: usize) {
    let keep = register.write(move |write| {
        Box::pin(async move {
            for number in 0..count {
                let (headers, body) = Default::default();
                let reply = Reply { request_digest: vec![0; 32], status: 200, headers, body };
                write.keep_reply("key-a", &format!("{name}-{number}"), reply);
            }
            Ok(())
        })
    });
    keep.await.unwrap();
}

async fn replies_are_forgotten_a_week_after_they_were_given(database: Database) {
    // More than are forgotten at a time, of one moment and of several.
    for (moment, name, count) in [
        ("2026-01-01", "first", 1500),
        ("2026-01-02", "second", 700),
        ("2026-01-03", "third", 700),
        ("2026-01-09", "last", 5),
    ] {
        keep_replies(&database.open(&Clock::standing(noon(moment))).await, name, count).await;
    }
    let register = database.open(&Clock::standing(noon("2026-01-11"))).await;
    assert_eq!(register.tidy().await.unwrap(), 2900);
    assert_eq!(register.tidy().await.unwrap(), 0);
    let kept = register.write(|write| {
        Box::pin(async {
            let (gone, kept) = (write.kept_reply("key-a", "third-699"), "last-4");
            Ok((gone.await?.is_some(), write.kept_reply("key-a", kept).await?.is_some()))
        })
    });
    assert_eq!(kept.await.unwrap(), (false, true));
}
