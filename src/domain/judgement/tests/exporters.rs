//! Several exporters, of whom a company may buy from any.

use crate::domain::approval::Comparator;
use crate::domain::authority::Gate;
use crate::domain::condition::Terms;
use crate::domain::judgement::testing::{
    World, authorised, authority, case, condition, id, moment, told, units,
};
use crate::domain::judgement::{Headroom, Verdict};
use crate::domain::records::CaseOn;
use crate::domain::workflow::Activity;

use super::gates::{assert_judged, at};

use Verdict::{No, Unknown, Yes};

fn licence(name: &str, exporter: &str, stage: &str) -> CaseOn {
    let mut case = case(name, "us-bis", stage);
    case.approval.exporter = Some(id(exporter));
    case
}

/// The licences of two exporters at these stages.
fn two(one: &'static str, other: &'static str) -> impl Fn(&mut World) {
    move |w: &mut World| {
        w.cases[0] = licence("a-licence", "amd", one);
        w.cases.push(licence("n-licence", "nvidia", other));
    }
}

#[test]
fn of_several_exporters_at_one_authority_one_will_do() {
    assert_judged("both", two("granted", "granted"), Yes, &[]);
    assert_judged("the first", two("granted", "filed"), Yes, &[]);
    assert_judged("the second", two("filed", "granted"), Yes, &[]);
    assert_judged("neither", two("filed", "barred"), No, &["blocks stage_does_not_permit a-licence"]);
    for (exporter, verdict, reasons) in [
        ("amd", No, vec!["blocks stage_does_not_permit a-licence"]),
        ("nvidia", Yes, vec![]),
        ("intel", Unknown, vec!["leaves_open no_record intel"]),
    ] {
        let change = |w: &mut World| {
            two("filed", "granted")(w);
            w.question.exporter = Some(id(exporter));
        };
        assert_judged(exporter, change, verdict, &reasons);
    }
    assert_judged(
        "the one named had one that is over",
        |w| {
            two("over", "granted")(w);
            w.question.exporter = Some(id("amd"));
        },
        No,
        &["blocks approval_ended a-licence"],
    );
    assert_judged(
        "one without an exporter is over, and the only open one is of another",
        |w| {
            at(w, "over");
            w.cases.push(licence("n-licence", "nvidia", "granted"));
            w.question.exporter = Some(id("amd"));
        },
        No,
        &["blocks approval_ended licence"],
    );
    assert_judged(
        "one without an exporter is over, and another is open",
        |w| {
            at(w, "over");
            w.cases.push(licence("n-licence", "nvidia", "granted"));
            w.cases.push(case("general", "us-bis", "granted"));
            w.question.exporter = Some(id("amd"));
        },
        Unknown,
        &["leaves_open no_record amd"],
    );
}

#[test]
fn a_case_without_an_exporter_always_counts() {
    assert_judged(
        "one without an exporter always counts",
        |w| {
            two("granted", "granted")(w);
            w.cases.push(case("general", "us-bis", "filed"));
        },
        No,
        &["blocks stage_does_not_permit general"],
    );
}

#[test]
fn what_ended_for_an_exporter_a_case_without_one_does_not_make_good() {
    let own_over = |w: &mut World| {
        w.cases.push(licence("a-licence", "amd", "over"));
        w.question.exporter = Some(id("amd"));
    };
    assert_judged("its own is over, whatever is open", own_over, No, &["blocks approval_ended a-licence"]);
    assert_judged(
        "the same beside another one's",
        |w| {
            own_over(w);
            w.cases.push(licence("n-licence", "nvidia", "granted"));
        },
        No,
        &["blocks approval_ended a-licence"],
    );
    assert_judged(
        "another one's is over",
        |w| {
            own_over(w);
            w.question.exporter = Some(id("nvidia"));
        },
        Yes,
        &[],
    );
}

#[test]
fn an_exporter_is_chosen_with_all_that_its_licence_is_tied_to() {
    let mut world = World::new();
    world.cases[0] = licence("a-licence", "amd", "granted");
    world.cases.push(licence("n-licence", "nvidia", "granted"));
    world.cases[0].approval.quantities = vec![authorised(Comparator::UpTo, 10)];
    world.cases[2].approval.quantities = vec![authorised(Comparator::UpTo, 20)];
    assert_eq!(world.judged().headroom.units, Some(20), "the one with more room");
    let mut bars = condition("c", Terms::Prohibition { activities: vec![Activity::Order] });
    bars.scope.authority = None;
    bars.scope.approval = Some(id("n-licence"));
    world.conditions.push(bars);
    let answer = world.judged();
    assert_eq!((answer.verdict, answer.headroom.units), (Yes, Some(10)), "the other is tied");
    world.question.units = units(11);
    assert_eq!(world.judged().verdict, No);
}

#[test]
fn an_exporter_that_only_a_limit_stops_is_chosen_before_one_that_is_barred() {
    let mut world = World::new();
    world.cases[0] = licence("a-licence", "amd", "filed");
    world.cases.push(licence("n-licence", "nvidia", "granted"));
    world.cases[2].approval.quantities =
        vec![authorised(Comparator::UpTo, 100), authorised(Comparator::LessThan, 101)];
    world.question.units = units(101);
    let answer = world.judged();
    assert_eq!((answer.verdict, told(&answer)), (No, vec!["blocks over_limit n-licence".to_owned(); 2]));
    assert_eq!(answer.headroom.units, Some(100));
}

#[test]
fn the_exporter_is_the_same_at_every_authority() {
    let mut world = World::new();
    world.cases = vec![licence("a-licence", "amd", "granted"), case("permit", "cn-ndrc", "granted")];
    world.cases[1].approval.exporter = Some(id("nvidia"));
    let answer = world.judged();
    assert_eq!((answer.verdict, told(&answer)), (Unknown, vec!["leaves_open no_record amd".to_owned()]));
    world.cases.push(licence("n-licence", "nvidia", "granted"));
    let answer = world.judged();
    assert_eq!((answer.verdict, told(&answer)), (Yes, Vec::new()));
    let counting: Vec<_> = answer.gates.iter().filter_map(|gate| gate.approval.clone()).collect();
    assert_eq!(counting, [id("n-licence"), id("permit")]);
}

#[test]
fn what_one_authority_ended_another_does_not_make_good() {
    let ended = |w: &mut World| {
        w.authorities.push(authority("us-state", Gate::Export, "US"));
        w.cases.push(case("second", "us-state", "over"));
    };
    assert_judged("ended there", ended, No, &["blocks approval_ended second"]);
    assert_judged(
        "filed anew there",
        |w| {
            ended(w);
            w.cases.push(case("third", "us-state", "granted"));
        },
        Yes,
        &[],
    );
    assert_judged(
        "ended for an exporter that is not asked about",
        |w| {
            ended(w);
            w.cases[2].approval.exporter = Some(id("amd"));
            w.question.exporter = Some(id("nvidia"));
        },
        Yes,
        &[],
    );
}

#[test]
fn headroom_and_figures_are_the_same_whatever_is_asked_of_several_exporters() {
    let mut world = World::new();
    world.cases[0] = licence("a-licence", "amd", "granted");
    world.cases.push(licence("n-licence", "nvidia", "granted"));
    world.cases[0].approval.quantities = vec![authorised(Comparator::UpTo, 10)];
    world.cases[2].approval.quantities = vec![authorised(Comparator::UpTo, 100)];
    let mut open = condition("c", Terms::Other { text: id("terms") });
    open.scope.authority = None;
    open.scope.approval = Some(id("n-licence"));
    world.conditions.push(open);
    for (asked, verdict) in [(1, Yes), (10, Yes), (11, Unknown), (100, Unknown), (101, No)] {
        world.question.units = units(asked);
        let answer = world.judged();
        let Headroom { units, limited_by, .. } = &answer.headroom;
        assert_eq!((answer.verdict, *units), (verdict, Some(100)), "{asked}");
        assert_eq!(limited_by.as_ref().map(|thing| thing.id.as_str()), Some("n-licence"), "{asked}");
        for activity in [Activity::Prepare, Activity::Order, Activity::Ship] {
            world.question.activity = activity;
            assert_eq!(world.judged().figures, answer.figures, "{asked} {activity}");
            assert_eq!(world.glanced().figures, answer.figures, "{asked} {activity}");
        }
        world.question.activity = Activity::Order;
        assert_eq!(answer.figures.authorised, Some(100));
    }
}

#[test]
fn headroom_is_told_of_the_exporter_whose_reasons_are() {
    let mut world = World::new();
    world.cases[0].standing.stage = id("filed");
    for (name, exporter, stage) in [("a-permit", "amd", "granted"), ("n-permit", "nvidia", "filed")] {
        let mut permit = case(name, "cn-ndrc", stage);
        permit.approval.exporter = Some(id(exporter));
        world.cases.push(permit);
    }
    world.cases.remove(1);
    world.cases[2].approval.valid_from = Some(moment("2027-01-01"));
    world.cases[1].approval.quantities = vec![authorised(Comparator::UpTo, 1)];
    world.question.units = units(100);
    let answer = world.judged();
    let reasons = ["blocks stage_does_not_permit licence", "blocks over_limit a-permit"];
    assert_eq!((answer.verdict, told(&answer)), (No, reasons.map(str::to_owned).to_vec()));
    assert_eq!((answer.headroom.units, answer.figures.authorised), (Some(1), Some(1)));
    assert_eq!(world.glanced().figures, answer.figures);
}
