//! Limits on what is ordered and shipped: an order or shipment that would break one is refused.

use greenlight::app::movements::{self, Limits};
use greenlight::app::{Error, Register};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::{Approval, Comparator, Quantity, QuantityRole};
use greenlight::domain::chip::Chip;
use greenlight::domain::condition::{Condition, Counting, Period, Scope, ShareBasis, Terms};
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::Units;
use greenlight::domain::refusal::Refusal;
use tokio::task::JoinSet;

use crate::support::things::{
    approval, chip, commit, condition, enter, found, movement, noon, of, post, put, retire, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    of_fifty_orders_at_once_just_those_within_the_cap_are_taken,
    an_order_beyond_a_limit_is_refused_with_what_is_available,
    a_limit_is_broken_only_with_a_reason,
    an_authorised_quantity_is_a_balance,
    what_is_open_counts_against_a_cap_on_shipments,
    movements_of_one_command_count_together,
    what_else_speaks_against_a_movement_is_a_warning,
    a_named_approval_is_not_overdrawn_however_it_stands,
    a_movement_that_names_no_approval_counts_against_every_open_one,
    a_movement_that_names_an_approval_counts_against_no_other,
    what_makes_a_broken_limit_no_worse_is_entered_with_a_warning,
    deliveries_and_what_is_under_way_count_together,
    what_is_shipped_without_an_order_counts_against_a_cap_on_orders,
    a_return_that_names_no_approval_is_not_credited_to_every_licence,
    no_more_is_undone_than_was_done,
);

pub(crate) fn units(number: i64) -> Units {
    Units::try_from(number).unwrap()
}

pub(crate) fn cap(maximum: i64, counting: Counting, period: Option<Period>) -> Condition {
    let terms =
        Terms::UnitCap { maximum: Some(units(maximum)), counting: Some(counting), chips: Vec::new(), period };
    Condition { terms, scope: Scope { chip: Some(of("h200")), ..Scope::default() }, ..condition("cap") }
}

pub(crate) fn order(id: &str, number: i64) -> Movement {
    Movement { units: units(number), approval: None, ..movement(id) }
}

pub(crate) fn shipment(id: &str, number: i64) -> Movement {
    Movement { kind: MovementKind::Shipment, ..order(id, number) }
}

/// A register in which `alibaba` may order and ship `h200`, were it not for limits.
pub(crate) async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-03-15"))).await;
    found(&register).await;
    register
}

pub(crate) fn assert_over<T: std::fmt::Debug>(outcome: Result<T, Error>, available: i64, limit: &str) {
    let Err(Error::Refused(Refusal::OverLimit { headroom, limits })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(headroom.units, Some(available));
    assert_eq!(headroom.limited_by.unwrap().id, limit);
    assert!(limits.iter().any(|reason| reason.subject.as_ref().is_some_and(|thing| thing.id == limit)));
}

async fn of_fifty_orders_at_once_just_those_within_the_cap_are_taken(database: Database) {
    let register = opened(&database).await;
    let elsewhere = database.open(&Clock::standing(noon("2026-03-15"))).await;
    put(&register, cap(100, Counting::Ordered, None)).await.unwrap();
    let mut orders = JoinSet::new();
    for number in 0..50 {
        let register = if number % 2 == 0 { register.clone() } else { elsewhere.clone() };
        orders.spawn(async move { enter(&register, order(&format!("o{number}"), 3)).await.is_ok() });
    }
    let taken = orders.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 33);
    assert_over(enter(&register, order("more", 2)).await, 1, "cap");
    enter(&register, order("last", 1)).await.unwrap();
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn an_order_beyond_a_limit_is_refused_with_what_is_available(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, None)).await.unwrap();
    enter(&register, order("a", 60)).await.unwrap();
    assert_over(enter(&register, order("b", 41)).await, 40, "cap");
    enter(&register, order("c", 40)).await.unwrap();
    assert_over(enter(&register, order("d", 1)).await, 0, "cap");
    let cancelled = Movement { kind: MovementKind::Cancellation, ..order("e", 10) };
    enter(&register, cancelled).await.unwrap();
    enter(&register, order("f", 10)).await.unwrap();
    enter(&register, shipment("g", 100)).await.unwrap();
    assert_over(enter(&register, shipment("h", 1)).await, 0, "cap");
}

async fn a_limit_is_broken_only_with_a_reason(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, None)).await.unwrap();
    let over = Movement { overage_reason: Some(of("agreed by letter")), ..order("over", 150) };
    let entered =
        commit(&register, move |write| Box::pin(movements::put(write, &Actor::Operator, over, Limits::Hold)));
    let warnings = entered.await.unwrap().warnings;
    let told: Vec<String> = warnings.iter().map(|reason| reason.code.to_string()).collect();
    assert!(told.contains(&"over_limit".to_owned()), "{told:?}");
    assert_over(enter(&register, order("more", 1)).await, 0, "cap");
}

async fn an_authorised_quantity_is_a_balance(database: Database) {
    let register = opened(&database).await;
    let quantity = Quantity {
        role: QuantityRole::Authorised,
        comparator: Comparator::UpTo,
        units: units(100),
        citations: Vec::new(),
    };
    put(&register, Approval { quantities: vec![quantity], ..approval("case") }).await.unwrap();
    post(&register, transition("t", "case", "granted", "2026-01-05")).await.unwrap();
    enter(&register, Movement { approval: Some(of("case")), ..order("a", 60) }).await.unwrap();
    assert_over(enter(&register, order("b", 41)).await, 40, "case");
    enter(&register, order("c", 40)).await.unwrap();
    enter(&register, shipment("d", 100)).await.unwrap();
    assert_over(enter(&register, shipment("e", 1)).await, 0, "case");
    let back = Movement { kind: MovementKind::Return, ..order("f", 5) };
    enter(&register, back).await.unwrap();
    enter(&register, shipment("g", 5)).await.unwrap();
}

async fn what_is_open_counts_against_a_cap_on_shipments(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Shipped, None)).await.unwrap();
    enter(&register, order("a", 60)).await.unwrap();
    enter(&register, shipment("b", 30)).await.unwrap();
    assert_over(enter(&register, order("c", 41)).await, 40, "cap");
    assert_over(enter(&register, shipment("d", 71)).await, 70, "cap");
    enter(&register, shipment("e", 70)).await.unwrap();
}

async fn movements_of_one_command_count_together(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, None)).await.unwrap();
    let both = commit(&register, |write| {
        Box::pin(async move {
            movements::put(write, &Actor::Operator, order("a", 60), Limits::Hold).await?;
            movements::put(write, &Actor::Operator, order("b", 60), Limits::Hold).await
        })
    });
    assert_over(both.await, 40, "cap");
    enter(&register, order("c", 100)).await.unwrap();
}

async fn what_else_speaks_against_a_movement_is_a_warning(database: Database) {
    let register = opened(&database).await;
    let warnings = entered(&register, order("a", 1)).await;
    // The one authority asks for nothing but has granted nothing either; none guards the way out.
    assert_eq!(warnings, ["blocks stage_does_not_permit", "leaves_open no_authority"]);
    let delivered = Movement { kind: MovementKind::Delivery, ..order("b", 1) };
    assert_eq!(entered(&register, delivered).await, [""; 0]);
}

/// What is said to a movement that is entered all the same: effects and codes.
async fn entered(register: &Register, movement: Movement) -> Vec<String> {
    let entered = commit(register, move |write| {
        Box::pin(movements::put(write, &Actor::Operator, movement, Limits::Hold))
    });
    let warnings = entered.await.unwrap().warnings;
    warnings.iter().map(|reason| format!("{} {}", reason.effect, reason.code)).collect()
}

pub(crate) fn authorised(most: i64) -> Vec<Quantity> {
    let (role, comparator) = (QuantityRole::Authorised, Comparator::UpTo);
    vec![Quantity { role, comparator, units: units(most), citations: Vec::new() }]
}

async fn a_named_approval_is_not_overdrawn_however_it_stands(database: Database) {
    let register = opened(&database).await;
    let case = |id: &str| Approval { quantities: authorised(10), ..approval(id) };
    put(&register, Approval { valid_until: Some(noon("2026-02-01")), ..case("expired") }).await.unwrap();
    put(&register, case("replaced")).await.unwrap();
    put(&register, Approval { supersedes: Some(of("replaced")), ..approval("anew") }).await.unwrap();
    for id in ["expired", "replaced"] {
        let named = |units| Movement {
            approval: Some(of(id)),
            occurred_on: of("2026-03-10"),
            ..shipment(&format!("{id}-{units}"), units)
        };
        assert_over(enter(&register, named(11)).await, 10, id);
        enter(&register, named(10)).await.unwrap();
        assert_over(enter(&register, named(1)).await, 0, id);
    }
    // Of no gate of this movement, since it goes elsewhere.
    put(&register, case("case")).await.unwrap();
    let elsewhere = Movement { approval: Some(of("case")), destination: Some(of("SG")), ..shipment("e", 11) };
    assert_over(enter(&register, elsewhere.clone()).await, 10, "case");
    enter(&register, Movement { overage_reason: Some(of("agreed")), ..elsewhere }).await.unwrap();
}

async fn a_movement_that_names_no_approval_counts_against_every_open_one(database: Database) {
    let register = opened(&database).await;
    retire::<Approval>(&register, "case").await.unwrap();
    for (id, exporter, most) in [("one", "nvidia", 60), ("other", "alibaba", 100)] {
        let exporter = Some(of(exporter));
        put(&register, Approval { exporter, quantities: authorised(most), ..approval(id) }).await.unwrap();
    }
    assert_over(enter(&register, shipment("both", 61)).await, 60, "one");
    let named = |approval: &str| Movement { approval: Some(of(approval)), ..shipment(approval, 80) };
    assert_over(enter(&register, named("one")).await, 60, "one");
    // Whatever it names, it counts against nothing else.
    enter(&register, named("other")).await.unwrap();
    assert_over(enter(&register, shipment("both", 21)).await, 20, "other");
    enter(&register, shipment("both", 20)).await.unwrap();
}

async fn a_movement_that_names_an_approval_counts_against_no_other(database: Database) {
    let register = opened(&database).await;
    for (id, most) in [("one", 10), ("other", 20)] {
        put(&register, Approval { quantities: authorised(most), ..approval(id) }).await.unwrap();
    }
    let scope = Scope { approval: Some(of("one")), ..Scope::default() };
    put(&register, Condition { scope, ..cap(5, Counting::Shipped, None) }).await.unwrap();
    let named =
        |approval: &str, units| Movement { approval: Some(of(approval)), ..shipment(approval, units) };
    assert_over(enter(&register, named("other", 21)).await, 20, "other");
    enter(&register, named("other", 20)).await.unwrap();
    assert_over(enter(&register, named("one", 1)).await, 0, "cap");
    retire::<Condition>(&register, "cap").await.unwrap();
    assert_over(enter(&register, named("one", 11)).await, 10, "one");
    enter(&register, named("one", 10)).await.unwrap();
    assert_over(enter(&register, shipment("both", 1)).await, 0, "one");
}

async fn what_makes_a_broken_limit_no_worse_is_entered_with_a_warning(database: Database) {
    let register = opened(&database).await;
    put(&register, Chip { origin: of("CN"), ..chip("910c") }).await.unwrap();
    enter(&register, order("a", 10)).await.unwrap();
    let terms = Terms::DomesticShare {
        minimum: Some(of("0.5")),
        basis: Some(ShareBasis::Units),
        counting: Some(Counting::Ordered),
        period: None,
    };
    let scope = Scope { company: Some(of("alibaba")), ..Scope::default() };
    put(&register, Condition { terms, scope, ..cap(1, Counting::Ordered, None) }).await.unwrap();
    assert_over(enter(&register, order("b", 1)).await, 0, "cap");
    let domestic = |id: &str| Movement { chip: of("910c"), ..order(id, 3) };
    let warnings = entered(&register, domestic("c")).await;
    assert!(warnings.contains(&"blocks over_limit".to_owned()), "{warnings:?}");
    // A shipment of what is ordered is no more of it.
    put(&register, cap(5, Counting::Ordered, None)).await.unwrap();
    let warnings = entered(&register, shipment("d", 10)).await;
    assert!(warnings.contains(&"blocks over_limit".to_owned()), "{warnings:?}");
    assert_over(enter(&register, shipment("e", 1)).await, 0, "cap");
}

async fn deliveries_and_what_is_under_way_count_together(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(150, Counting::Delivered, Some(Period::Month))).await.unwrap();
    let on = |day: &str, kind, id: &str, number| Movement { occurred_on: of(day), kind, ..order(id, number) };
    enter(&register, on("2026-02-20", MovementKind::Order, "a", 100)).await.unwrap();
    enter(&register, on("2026-02-25", MovementKind::Shipment, "b", 100)).await.unwrap();
    enter(&register, on("2026-03-01", MovementKind::Delivery, "c", 100)).await.unwrap();
    let ship = |id: &str| on("2026-03-02", MovementKind::Shipment, id, 50);
    enter(&register, ship("d")).await.unwrap();
    assert_over(enter(&register, ship("e")).await, 0, "cap");
    enter(&register, on("2026-03-03", MovementKind::Delivery, "f", 50)).await.unwrap();
    assert_over(enter(&register, ship("g")).await, 0, "cap");
}

async fn what_is_shipped_without_an_order_counts_against_a_cap_on_orders(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(100, Counting::Ordered, None)).await.unwrap();
    enter(&register, shipment("a", 60)).await.unwrap();
    assert_over(enter(&register, shipment("b", 41)).await, 40, "cap");
    assert_over(enter(&register, order("c", 41)).await, 40, "cap");
    enter(&register, shipment("d", 40)).await.unwrap();
    let back = Movement { kind: MovementKind::Return, ..order("e", 30) };
    enter(&register, back).await.unwrap();
    assert_over(enter(&register, shipment("f", 31)).await, 30, "cap");
    enter(&register, shipment("g", 30)).await.unwrap();
    assert_over(enter(&register, shipment("h", 1)).await, 0, "cap");
}

async fn a_return_that_names_no_approval_is_not_credited_to_every_licence(database: Database) {
    let register = opened(&database).await;
    for (id, exporter) in [("one", "nvidia"), ("other", "alibaba")] {
        let exporter = Some(of(exporter));
        put(&register, Approval { exporter, quantities: authorised(100), ..approval(id) }).await.unwrap();
    }
    let on = |case: &str, id: &str, units| Movement { approval: Some(of(case)), ..shipment(id, units) };
    enter(&register, on("one", "a", 100)).await.unwrap();
    let back = |id: &str| Movement { kind: MovementKind::Return, ..order(id, 100) };
    // There is nothing else that comes back.
    enter(&register, back("z")).await.unwrap();
    enter(&register, on("one", "y", 100)).await.unwrap();
    enter(&register, on("other", "b", 100)).await.unwrap();
    enter(&register, back("c")).await.unwrap();
    assert_over(enter(&register, on("one", "d", 1)).await, 0, "one");
    assert_over(enter(&register, on("other", "e", 1)).await, 0, "other");
    enter(&register, Movement { approval: Some(of("one")), ..back("f") }).await.unwrap();
    enter(&register, on("one", "g", 100)).await.unwrap();
    assert_over(enter(&register, on("other", "h", 1)).await, 0, "other");
}

async fn no_more_is_undone_than_was_done(database: Database) {
    let register = opened(&database).await;
    put(&register, cap(10, Counting::Shipped, None)).await.unwrap();
    let refused = |outcome: Result<_, Error>| matches!(outcome, Err(Error::Refused(Refusal::ExceedsLedger(faults))) if faults.0[0].pointer == "/units");
    let moved = |id: &str, kind, units| Movement { kind, ..order(id, units) };
    assert!(refused(enter(&register, moved("a", MovementKind::Cancellation, 1)).await));
    assert!(refused(enter(&register, moved("b", MovementKind::Return, 1)).await));
    enter(&register, shipment("c", 10)).await.unwrap();
    let named = Movement { approval: Some(of("case")), ..moved("d", MovementKind::Return, 11) };
    assert!(refused(enter(&register, named.clone()).await));
    enter(&register, Movement { units: Units::try_from(4).unwrap(), ..named }).await.unwrap();
    assert!(refused(enter(&register, moved("e", MovementKind::Return, 7)).await));
    enter(&register, moved("f", MovementKind::Return, 6)).await.unwrap();
    enter(&register, shipment("g", 10)).await.unwrap();
    assert_over(enter(&register, shipment("h", 1)).await, 0, "cap");
}
