//! Limits and days: the day a movement is of, and the days on which a limit is in force.

use greenlight::app::movements::{self, Limits};
use greenlight::app::{Error, Register};
use greenlight::domain::actor::Actor;
use greenlight::domain::condition::{Condition, Counting, Period};
use greenlight::domain::judgement::Reason;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::vocabulary::Vocabulary as _;

use crate::limits::{assert_over, cap, opened, order, shipment};
use crate::support::things::{commit, enter, noon, of, put, retire};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_period_counts_anew,
    a_movement_dated_ahead_is_held_against_the_limits_of_today,
    what_was_ordered_before_a_period_is_shipped_within_it,
    what_is_undone_or_arrives_is_not_dated_ahead,
    a_limit_that_begins_or_ends_within_a_day_binds_on_that_day,
    a_movement_dated_back_is_held_against_the_limits_of_today,
    an_overage_of_today_is_told_whatever_day_a_movement_is_of,
);

async fn a_period_counts_anew(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, Some(Period::Month))).await.unwrap();
    let on = |id: &str, day: &str, number| Movement { occurred_on: of(day), ..order(id, number) };
    enter(&register, on("a", "2026-03-01", 100)).await.unwrap();
    assert_over(enter(&register, on("b", "2026-03-15", 1)).await, 0, "cap");
    enter(&register, on("c", "2026-02-28", 100)).await.unwrap();
    assert_over(enter(&register, on("d", "2026-02-01", 1)).await, 0, "cap");
    enter(&register, on("e", "2026-01-31", 1)).await.unwrap();
}

async fn a_movement_dated_ahead_is_held_against_the_limits_of_today(database: Database) {
    let register = opened(&database).await;
    let until = Some(noon("2026-04-01"));
    put(&register, Condition { in_force_until: until, ..cap(100, Counting::Ordered, None) }).await.unwrap();
    let ahead = |units| Movement { occurred_on: of("2026-05-01"), ..order(&format!("o{units}"), units) };
    assert_over(enter(&register, ahead(101)).await, 100, "cap");
    enter(&register, ahead(100)).await.unwrap();
    let from = Some(noon("2026-04-01"));
    let later = Condition { in_force_from: from, ..cap(120, Counting::Ordered, None) };
    put(&register, Condition { id: of("later"), ..later }).await.unwrap();
    retire::<Condition>(&register, "cap").await.unwrap();
    assert_over(enter(&register, ahead(21)).await, 20, "later");
}

async fn what_was_ordered_before_a_period_is_shipped_within_it(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, Some(Period::Month))).await.unwrap();
    let on = |day: &str, entry: Movement| Movement { occurred_on: of(day), ..entry };
    enter(&register, on("2026-01-15", order("a", 100))).await.unwrap();
    enter(&register, on("2026-02-15", order("b", 100))).await.unwrap();
    assert_over(enter(&register, on("2026-03-15", shipment("c", 301))).await, 300, "cap");
    enter(&register, on("2026-03-15", shipment("d", 200))).await.unwrap();
    enter(&register, on("2026-03-15", order("e", 100))).await.unwrap();
    assert_over(enter(&register, on("2026-03-15", order("f", 1))).await, 0, "cap");
}

async fn what_is_undone_or_arrives_is_not_dated_ahead(database: Database) {
    let register = opened(&database).await;
    let on = |day: &str, kind, id: &str| Movement { occurred_on: of(day), kind, ..order(id, 1) };
    enter(&register, on("2027-01-01", MovementKind::Order, "order")).await.unwrap();
    enter(&register, on("2027-01-01", MovementKind::Shipment, "shipment")).await.unwrap();
    for kind in [MovementKind::Cancellation, MovementKind::Delivery, MovementKind::Return] {
        let Err(Error::Invalid(faults)) = enter(&register, on("2026-03-17", kind, kind.as_str())).await
        else {
            panic!("a {kind} was taken that cannot have happened yet");
        };
        assert_eq!(faults.0[0].pointer, "/occurred_on");
        // East of Greenwich it may be tomorrow.
        let ahead = on("2026-03-16", kind, kind.as_str());
        enter(&register, ahead.clone()).await.unwrap();
        enter(&register, ahead).await.unwrap();
    }
}

async fn a_limit_that_begins_or_ends_within_a_day_binds_on_that_day(database: Database) {
    let register = opened(&database).await;
    let within = |id: &str, from: &str, until: &str, most| Condition {
        id: of(id),
        in_force_from: Some(of(from)),
        in_force_until: Some(of(until)),
        ..cap(most, Counting::Ordered, None)
    };
    put(&register, within("ends", "2026-01-01T00:00:00Z", "2026-03-10T12:00:00Z", 100)).await.unwrap();
    put(&register, within("between", "2026-03-11T08:00:00Z", "2026-03-11T09:00:00Z", 90)).await.unwrap();
    put(&register, within("begins", "2026-03-12T23:00:00Z", "2026-03-13T00:00:00Z", 80)).await.unwrap();
    put(&register, within("today", "2026-03-15T01:00:00Z", "2026-03-15T02:00:00Z", 70)).await.unwrap();
    put(&register, within("tonight", "2026-03-15T20:00:00Z", "2026-03-15T21:00:00Z", 60)).await.unwrap();
    let on = |day: &str, units| Movement { occurred_on: of(day), ..order(day, units) };
    for (day, most, limit) in [
        ("2026-03-10", 100, "ends"),
        ("2026-03-11", 90, "between"),
        ("2026-03-12", 80, "begins"),
        ("2026-03-15", 70, "today"),
    ] {
        assert_over(enter(&register, on(day, most + 1)).await, most, limit);
    }
    enter(&register, on("2026-03-13", 71)).await.unwrap();
    let told =
        warnings(&register, Movement { overage_reason: Some(of("agreed")), ..on("2026-03-15", 1) }).await;
    assert_eq!(told.iter().filter(|told| told.starts_with("blocks over_limit")).count(), 1, "{told:?}");
}

/// What is told of a movement that is taken.
async fn warnings(register: &Register, movement: Movement) -> Vec<String> {
    let entered = commit(register, move |write| {
        Box::pin(movements::put(write, &Actor::Operator, movement, Limits::Hold))
    });
    let warnings = entered.await.unwrap().warnings;
    let about = |reason: &Reason| reason.subject.as_ref().map_or_else(String::new, |it| it.id.clone());
    warnings.iter().map(|it| format!("{} {} {}", it.effect, it.code, about(it))).collect()
}

async fn a_movement_dated_back_is_held_against_the_limits_of_today(database: Database) {
    let register = opened(&database).await;
    let from = |id: &str, day: &str, limit: Condition| Condition {
        id: of(id),
        in_force_from: Some(noon(day)),
        ..limit
    };
    put(&register, from("cap", "2026-03-01", cap(100, Counting::Ordered, None))).await.unwrap();
    let month = cap(10, Counting::Ordered, Some(Period::Month));
    put(&register, from("month", "2026-03-10", month)).await.unwrap();
    let on =
        |day: &str, units| Movement { occurred_on: of(day), ..order(&format!("o-{units}-{day}"), units) };
    assert_over(enter(&register, on("2026-02-28", 101)).await, 100, "cap");
    // It counts in the month that has the limit now.
    assert_over(enter(&register, on("2026-03-02", 11)).await, 10, "month");
    enter(&register, on("2026-02-27", 60)).await.unwrap();
    let over = Movement { overage_reason: Some(of("agreed")), ..on("2026-02-27", 41) };
    assert_eq!(
        warnings(&register, over).await,
        ["blocks stage_does_not_permit case", "blocks over_limit cap", "leaves_open no_authority "]
    );
}

async fn an_overage_of_today_is_told_whatever_day_a_movement_is_of(database: Database) {
    let register = opened(&database).await;
    let until = Some(noon("2026-04-01"));
    put(&register, Condition { in_force_until: until, ..cap(100, Counting::Ordered, None) }).await.unwrap();
    let month = cap(50, Counting::Ordered, Some(Period::Month));
    put(&register, Condition { id: of("month"), ..month }).await.unwrap();
    enter(&register, order("now", 50)).await.unwrap();
    let ahead = |units| Movement { occurred_on: of("2026-05-01"), ..order(&format!("o{units}"), units) };
    // The limit of a month is not that of another.
    assert_over(enter(&register, ahead(51)).await, 50, "cap");
    let told = warnings(&register, Movement { overage_reason: Some(of("agreed")), ..ahead(51) }).await;
    assert_eq!(
        told,
        [
            "blocks stage_does_not_permit case",
            "blocks over_limit cap",
            "blocks over_limit month",
            "leaves_open no_authority "
        ]
    );
}
