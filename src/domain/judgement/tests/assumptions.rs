//! What-ifs.

use crate::domain::condition::{ConditionStatus, Counting, RequirementOf, ShareBasis, Terms};
use crate::domain::judgement::testing::{World, cited, condition, id, units};
use crate::domain::judgement::{Assumption, Change, Verdict};

fn at(approval: &str, stage: &str) -> Assumption {
    Assumption::Stage { approval: id(approval), stage: id(stage) }
}

fn change(condition: &str, change: Change) -> Assumption {
    Assumption::Condition { condition: id(condition), change }
}

/// Filed at the export gate, and tied to a test, a share and a cap that nobody has set.
fn world() -> World {
    let mut world = World::new();
    world.cases[0].standing.stage = id("filed");
    world.conditions = vec![
        condition("test", Terms::Requirement { what: RequirementOf::ThirdPartyTest }),
        condition(
            "share",
            Terms::DomesticShare {
                minimum: None,
                basis: Some(ShareBasis::Units),
                counting: Some(Counting::Ordered),
                period: None,
            },
        ),
        condition(
            "cap",
            Terms::UnitCap {
                maximum: None,
                counting: Some(Counting::Shipped),
                chips: Vec::new(),
                period: None,
            },
        ),
    ];
    world
}

fn all() -> Vec<Assumption> {
    vec![
        at("licence", "granted"),
        change("test", Change::MetOn(id("2026-01-24"))),
        change("share", Change::Minimum(id("0"))),
        change("cap", Change::Maximum(units(10))),
    ]
}

#[test]
fn assumptions_take_the_place_of_what_is_on_record() {
    let (judged, supposed) = (world().judged(), world().supposed(&all()).unwrap());
    assert_eq!((judged.verdict, supposed.answer.verdict), (Verdict::No, Verdict::Yes));
    assert_eq!(supposed.answer.headroom.units, Some(10));
    assert_eq!(supposed.decided, [true; 4]);
}

#[test]
fn what_is_assumed_does_not_rest_on_a_stale_source() {
    let mut world = World::new();
    world.conditions = vec![condition("test", Terms::Requirement { what: RequirementOf::ThirdPartyTest })];
    world.conditions[0].citations = cited("old");
    let supposed = world.supposed(&[change("test", Change::MetOn(id("2026-01-24")))]).unwrap();
    assert_eq!(supposed.answer.verdict, Verdict::Yes);
    world.conditions[0].met_on = Some(id("2026-01-24"));
    assert_eq!(world.judged().verdict, Verdict::Unknown);
}

#[test]
fn the_assumption_that_decides_is_told_from_those_that_do_not() {
    let mut assumptions = all();
    assumptions[3] = change("cap", Change::Status(ConditionStatus::Waived));
    assumptions.push(at("permit", "granted"));
    let supposed = world().supposed(&assumptions).unwrap();
    assert_eq!(supposed.answer.verdict, Verdict::Yes);
    assert_eq!(supposed.decided, [true, true, true, true, false]);
}

#[test]
fn assumptions_each_of_which_is_enough_decide_together() {
    let assumed = [at("licence", "barred"), at("permit", "barred"), at("permit", "granted")];
    let supposed = World::new().supposed(&assumed[..2]).unwrap();
    assert_eq!((supposed.answer.verdict, supposed.decided), (Verdict::No, vec![true, true]));
    let supposed = World::new().supposed(&[assumed[0].clone(), assumed[2].clone()]).unwrap();
    assert_eq!((supposed.answer.verdict, supposed.decided), (Verdict::No, vec![true, false]));
    let mut filed = World::new();
    filed.cases[0].standing.stage = id("filed");
    let supposed = filed.supposed(&assumed[..2]).unwrap();
    assert_eq!((supposed.answer.verdict, supposed.decided), (Verdict::No, vec![false, false]), "it was no");
}

#[test]
fn nothing_assumed_is_the_answer_itself() {
    let supposed = world().supposed(&[]).unwrap();
    assert_eq!((supposed.answer, supposed.decided), (world().judged(), vec![]));
}

#[test]
fn an_assumption_must_be_about_what_is_there() {
    let mut world = world();
    let mut elsewhere = condition("elsewhere", Terms::Other { text: id("words") });
    elsewhere.scope.chip = Some(id("h20"));
    world.conditions.push(elsewhere);
    let faults = world.supposed(&[
        at("nothing", "granted"),
        at("licence", "nowhere"),
        change("nothing", Change::Status(ConditionStatus::Waived)),
        change("elsewhere", Change::Status(ConditionStatus::Waived)),
        change("test", Change::Maximum(units(1))),
        change("cap", Change::Minimum(id("0.5"))),
        change("share", Change::MetOn(id("2026-01-24"))),
        at("licence", "granted"),
    ]);
    let faults = faults.unwrap_err().0;
    let told: Vec<String> =
        faults.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code)).collect();
    assert_eq!(
        told,
        [
            "/assume/0/approval no_such_thing",
            "/assume/1/stage no_such_thing",
            "/assume/2/condition no_such_thing",
            "/assume/3/condition no_such_thing",
            "/assume/4/maximum inconsistent",
            "/assume/5/minimum inconsistent",
            "/assume/6/met_on inconsistent",
            "/assume/7 repeated",
        ]
    );
}
