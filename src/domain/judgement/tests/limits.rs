//! Limits, headroom and figures.

use crate::domain::approval::Comparator;
use crate::domain::condition::{Condition, Counting, Force, Period, ShareBasis, Terms};
use crate::domain::holding::{Holding, Totals};
use crate::domain::judgement::testing::{World, authorised, condition, held, id, told, units};
use crate::domain::judgement::{Figures, Outcome, Verdict};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::workflow::Activity;

fn cap(maximum: i64, counting: Counting, chips: &[&str], period: Option<Period>) -> Condition {
    let chips = chips.iter().map(|chip| id(chip)).collect();
    condition(
        "cap",
        Terms::UnitCap { maximum: Some(units(maximum)), counting: Some(counting), chips, period },
    )
}

/// 100 ordered, 20 cancelled, 30 shipped of which 5 came back and 10 arrived: 50 are still to ship.
fn busy() -> Totals {
    Totals { ordered: 100, cancelled: 20, shipped: 30, delivered: 10, returned: 5 }
}

#[test]
fn a_cap_leaves_what_is_neither_promised_nor_used() {
    for (counting, activity, headroom) in [
        (Counting::Ordered, Activity::Order, 20),
        (Counting::Shipped, Activity::Order, 25),
        (Counting::Delivered, Activity::Order, 20),
        (Counting::Ordered, Activity::Ship, 75),
        (Counting::Shipped, Activity::Ship, 75),
        (Counting::Delivered, Activity::Ship, 70),
    ] {
        let mut world = World::new().holding("h200", busy());
        world.conditions.push(cap(100, counting, &[], None));
        world.question.activity = activity;
        let answer = world.judged();
        assert_eq!(answer.headroom.units, Some(headroom), "{counting} {activity}");
        assert_eq!(answer.headroom.limited_by, Some(ThingRef::new(Kind::Condition, "cap")));
    }
}

#[test]
fn the_four_figures_add_up_and_are_those_of_orders() {
    for activity in [Activity::Prepare, Activity::Order, Activity::Ship] {
        let mut world = World::new().holding("h200", busy());
        world.conditions.push(cap(100, Counting::Shipped, &[], None));
        world.question.activity = activity;
        let figures = Figures {
            authorised: Some(100),
            reserved: 50,
            used: 25,
            available: Some(25),
            limited_by: Some(ThingRef::new(Kind::Condition, "cap")),
        };
        assert_eq!(world.judged().figures, figures, "{activity}");
    }
    // A share that is broken by far allows nothing, and not less.
    let mut world = World::new().holding("h20", Totals { ordered: 1000, ..Totals::default() });
    world.conditions.push(condition("share", share("0.5", ShareBasis::Units, Counting::Ordered)));
    let figures = world.judged().figures;
    assert_eq!((figures.authorised, figures.available), (Some(0), Some(-1000)));
    let unlimited = World::new().holding("h200", busy()).judged().figures;
    assert_eq!(unlimited, Figures { reserved: 50, used: 25, ..Figures::default() });
}

#[test]
fn a_shared_cap_counts_the_chips_that_share_it() {
    let world =
        World::new().holding("h200", busy()).holding("h20", Totals { shipped: 15, ..Totals::default() });
    for (chips, headroom) in
        [(vec![], Some(25)), (vec!["h200"], Some(25)), (vec!["h20", "h200"], Some(10)), (vec!["h20"], None)]
    {
        let world = world.clone().with(|w| w.conditions.push(cap(100, Counting::Shipped, &chips, None)));
        assert_eq!(world.judged().headroom.units, headroom, "{chips:?}");
    }
}

#[test]
fn a_cap_with_a_period_counts_that_period() {
    let mut world = World::new();
    let month = Totals { ordered: 3, ..Totals::default() };
    world.holdings = vec![Holding { all: busy(), unattributed: busy(), month, ..held("h200") }];
    for (period, headroom) in [(Some(Period::Month), 97), (Some(Period::Year), 100), (None, 25)] {
        let world = world.clone().with(|w| w.conditions.push(cap(100, Counting::Shipped, &[], period)));
        assert_eq!(world.judged().headroom.units, Some(headroom), "{period:?}");
    }
}

#[test]
fn an_authorised_quantity_limits_what_is_shipped_under_its_approval() {
    for (comparator, headroom) in [
        (Comparator::Exact, Some(60)),
        (Comparator::UpTo, Some(60)),
        (Comparator::LessThan, Some(59)),
        (Comparator::About, None),
        (Comparator::MoreThan, None),
        (Comparator::AtLeast, None),
    ] {
        let mut world = World::new();
        let shipped = |shipped| Totals { shipped, ..Totals::default() };
        world.holdings = vec![Holding {
            all: shipped(60),
            unattributed: shipped(30),
            by_approval: [(id("licence"), shipped(10)), (id("other"), shipped(20))].into(),
            ..held("h200")
        }];
        world.cases[0].approval.quantities = vec![authorised(comparator, 100)];
        let answer = world.judged();
        assert_eq!(answer.headroom.units, headroom, "{comparator}");
        let Some(headroom) = headroom else { continue };
        assert_eq!(answer.headroom.limited_by, Some(ThingRef::new(Kind::Approval, "licence")));
        world.question.units = units(headroom + 1);
        assert_eq!(told(&world.judged()), ["blocks over_limit licence"], "{comparator}");
        world.question.activity = Activity::Prepare;
        assert_eq!(world.judged().verdict, Verdict::Yes, "{comparator}");
    }
}

#[test]
fn only_known_required_limits_in_force_set_the_headroom() {
    let unset = || Terms::UnitCap { maximum: None, counting: None, chips: Vec::new(), period: None };
    for (change, headroom, without_number) in [
        ((|_| {}) as fn(&mut Condition), Some(5), 0),
        (|it| it.force = Force::MayBeRequired, None, 0),
        (|it| it.force = Force::Encouraged, None, 0),
        (|it| it.in_force_until = Some(crate::domain::judgement::testing::moment("2026-01-25")), None, 0),
    ] {
        let mut limit = cap(5, Counting::Ordered, &[], None);
        change(&mut limit);
        let world = World::new().with(|w| w.conditions.push(limit.clone()));
        let answer = world.judged().headroom;
        assert_eq!((answer.units, answer.unset.len()), (headroom, without_number), "{limit:?}");
    }
    let world = World::new().with(|w| w.conditions.push(condition("unset", unset())));
    let headroom = world.judged().headroom;
    assert_eq!((headroom.units, headroom.unset), (None, vec![ThingRef::new(Kind::Condition, "unset")]));
}

fn share(minimum: &str, basis: ShareBasis, counting: Counting) -> Terms {
    Terms::DomesticShare {
        minimum: Some(id(minimum)),
        basis: Some(basis),
        counting: Some(counting),
        period: None,
    }
}

#[test]
fn a_share_is_of_all_the_company_buys() {
    let ordered = |ordered| Totals { ordered, ..Totals::default() };
    for (minimum, basis, headroom) in [
        ("0.5", ShareBasis::Units, Some(80)),
        ("0.25", ShareBasis::Units, Some(280)),
        ("1", ShareBasis::Units, Some(0)),
        ("0", ShareBasis::Units, None),
        // 100 × 12,800 against 20 and more × 15,832.
        ("0.5", ShareBasis::Performance, Some(60)),
    ] {
        let mut world = World::new().holding("h200", ordered(20)).holding("910c", ordered(100));
        world.conditions.push(condition("share", share(minimum, basis, Counting::Ordered)));
        assert_eq!(world.judged().headroom.units, headroom, "{minimum} {basis}");
    }
}

#[test]
fn a_share_of_performance_needs_the_performance_of_all_that_counts() {
    let mut world = World::new().holding("910c", Totals { ordered: 100, ..Totals::default() });
    world.conditions.push(condition("share", share("0.5", ShareBasis::Performance, Counting::Ordered)));
    assert_eq!(world.judged().conditions[0].outcome, Outcome::Met);
    let world = world.holding("h20", Totals { ordered: 1, ..Totals::default() });
    assert_eq!(world.judged().conditions[0].outcome, Outcome::Unknown);
    assert_eq!(world.judged().headroom.unset, [ThingRef::new(Kind::Condition, "share")]);
}

#[test]
fn chips_are_domestic_to_the_authority_or_else_to_the_company() {
    for (authority, approval, outcome) in [
        ("cn-ndrc", "", Outcome::Unmet),
        ("us-bis", "", Outcome::Met),
        ("", "permit", Outcome::Unmet),
        ("", "licence", Outcome::Met),
        ("", "", Outcome::Unmet),
    ] {
        let mut share = condition("share", share("1", ShareBasis::Units, Counting::Ordered));
        share.scope.company = Some(id("alibaba"));
        share.scope.authority = (!authority.is_empty()).then(|| id(authority));
        share.scope.approval = (!approval.is_empty()).then(|| id(approval));
        let world = World::new().with(|w| w.conditions.push(share));
        assert_eq!(world.judged().conditions[0].outcome, outcome, "{authority} {approval}");
    }
}

#[test]
fn a_share_of_what_is_delivered_is_not_met_by_domestic_chips_that_are_still_to_come() {
    let share = || condition("share", share("0.5", ShareBasis::Units, Counting::Delivered));
    let coming = Totals { ordered: 100, shipped: 60, delivered: 20, ..Totals::default() };
    for (held, headroom) in [("910c", 20), ("h20", 0)] {
        let mut world = World::new().holding(held, coming);
        world.conditions.push(share());
        assert_eq!(world.judged().headroom.units, Some(headroom), "{held}");
    }
    // What is imported counts from the order on, so that at most 20 are to come.
    let mut world = World::new()
        .holding("910c", coming)
        .holding("h200", Totals { ordered: 15, shipped: 5, ..Totals::default() });
    world.conditions.push(share());
    assert_eq!(world.judged().headroom.units, Some(5));
    // Domestic chips can be bought in parts until the share is mended.
    let imported = Totals { ordered: 100, shipped: 100, delivered: 100, ..Totals::default() };
    let mut world = World::new().holding("910c", coming).holding("h200", imported);
    world.conditions.push(share());
    world.conditions[0].scope.authority = None;
    world.conditions[0].scope.company = Some(id("alibaba"));
    world.question.chip = id("910c");
    assert_eq!(world.judged().verdict, Verdict::Yes);
}

#[test]
fn shipping_what_is_ordered_does_not_change_a_share_of_orders() {
    let mut world = World::new()
        .holding("910c", Totals { ordered: 10, ..Totals::default() })
        .holding("h200", Totals { ordered: 10, ..Totals::default() });
    world.conditions.push(condition("share", share("0.5", ShareBasis::Units, Counting::Ordered)));
    world.question.activity = Activity::Ship;
    assert_eq!(world.judged().headroom.units, Some(10));
    world.question.activity = Activity::Order;
    assert_eq!(world.judged().headroom.units, Some(0));
}

#[test]
fn domestic_chips_count_in_a_share_of_orders_only_as_far_as_they_were_ordered() {
    let share = || condition("share", share("0.5", ShareBasis::Units, Counting::Ordered));
    let held = Totals { ordered: 10, shipped: 100, ..Totals::default() };
    let mut world = World::new().holding("910c", held);
    world.conditions.push(share());
    assert_eq!(world.judged().headroom.units, Some(10));
    // What is imported counts, ordered or not.
    let mut world = World::new().holding("910c", Totals { ordered: 120, ..held }).holding("h200", held);
    world.conditions.push(share());
    assert_eq!(world.judged().headroom.units, Some(20));
}
