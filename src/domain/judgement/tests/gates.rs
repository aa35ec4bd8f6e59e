//! The gates, by what is on record there.

use crate::domain::approval::Comparator;
use crate::domain::authority::Gate;
use crate::domain::condition::Terms;
use crate::domain::judgement::testing::{
    World, authorised, authority, case, condition, id, moment, told, units,
};
use crate::domain::judgement::{Headroom, Verdict};
use crate::domain::records::CaseOn;
use crate::domain::workflow::Activity;

use Verdict::{No, Unknown, Yes};

fn assert_judged(name: &str, change: impl FnOnce(&mut World), verdict: Verdict, reasons: &[&str]) {
    let answer = World::new().with(change).judged();
    assert_eq!(
        (answer.verdict, told(&answer)),
        (verdict, reasons.iter().map(ToString::to_string).collect()),
        "{name}"
    );
}

fn at(world: &mut World, stage: &str) {
    world.cases[0].standing.stage = id(stage);
}

#[test]
fn every_gate_is_asked_and_every_open_approval_must_permit() {
    assert_judged("both grant", |_| {}, Yes, &[]);
    assert_judged("filed", |w| at(w, "filed"), No, &["blocks stage_does_not_permit licence"]);
    assert_judged("in principle", |w| at(w, "principle"), No, &["blocks stage_does_not_permit licence"]);
    assert_judged("barred", |w| at(w, "barred"), No, &["blocks stage_does_not_permit licence"]);
    assert_judged("no such stage", |w| at(w, "elsewhere"), No, &["blocks stage_does_not_permit licence"]);
    assert_judged(
        "in principle permits to prepare",
        |w| {
            at(w, "principle");
            w.question.activity = Activity::Prepare;
        },
        Yes,
        &[],
    );
    assert_judged(
        "a second authority is still looking at it",
        |w| {
            w.authorities.push(authority("us-state", Gate::Export, "US"));
            w.cases.push(case("second", "us-state", "filed"));
        },
        No,
        &["blocks stage_does_not_permit second"],
    );
    assert_judged("disputed", |w| w.cases[0].standing.disputed = true, Yes, &["advises disputed licence"]);
}

#[test]
fn what_is_not_on_record_is_left_open() {
    assert_judged("no case", |w| drop(w.cases.remove(1)), Unknown, &["leaves_open no_record import"]);
    assert_judged(
        "no cases",
        |w| w.cases.clear(),
        Unknown,
        &["leaves_open no_record export", "leaves_open no_record import"],
    );
    assert_judged(
        "no authority",
        |w| drop(w.authorities.remove(0)),
        Unknown,
        &["leaves_open no_authority export"],
    );
    assert_judged(
        "an authority of another gate",
        |w| w.authorities[1].gate = Gate::Export,
        Unknown,
        &["leaves_open no_authority import"],
    );
    assert_judged(
        "a case of another chip",
        |w| w.cases[1].approval.chip = id("h20"),
        Unknown,
        &["leaves_open no_record import"],
    );
}

#[test]
fn gates_follow_origin_and_destination() {
    assert_judged(
        "another destination has no authority here",
        |w| w.question.destination = Some(id("SG")),
        Unknown,
        &["leaves_open no_authority import"],
    );
    assert_judged(
        "home is where it was designed",
        |w| {
            w.question.destination = Some(id("US"));
            w.cases.clear();
        },
        Yes,
        &[],
    );
    assert_judged(
        "a domestic chip",
        |w| {
            w.question.chip = id("910c");
            w.cases.clear();
        },
        Yes,
        &[],
    );
}

#[test]
fn an_approval_counts_while_it_is_open() {
    let today = moment("2026-01-25");
    assert_judged(
        "expired",
        |w| w.cases[0].approval.valid_until = Some(today),
        No,
        &["blocks approval_expired licence"],
    );
    assert_judged(
        "to expire in a moment",
        |w| w.cases[0].approval.valid_until = Some(today.plus_seconds(1)),
        Yes,
        &[],
    );
    assert_judged("ended", |w| at(w, "over"), No, &["blocks approval_ended licence"]);
    assert_judged(
        "begins later",
        |w| w.cases[0].approval.valid_from = Some(today.plus_seconds(1)),
        No,
        &["blocks not_yet_valid licence"],
    );
    assert_judged("begins", |w| w.cases[0].approval.valid_from = Some(today), Yes, &[]);
    assert_judged(
        "an ended one beside an open one",
        |w| w.cases.push(case("old", "us-bis", "over")),
        Yes,
        &[],
    );
    assert_judged(
        "the latest of those that are over",
        |w| {
            at(w, "over");
            w.cases[0].standing.since = Some(id("2026-01-10"));
            w.cases.push(case("expired", "us-bis", "granted"));
            w.cases[2].approval.valid_until = Some(moment("2026-01-12"));
        },
        No,
        &["blocks approval_expired expired"],
    );
    assert_judged(
        "superseded",
        |w| {
            w.cases.push(case("refiled", "us-bis", "filed"));
            w.cases[2].approval.supersedes = Some(id("licence"));
        },
        No,
        &["blocks stage_does_not_permit refiled"],
    );
}

#[test]
fn a_renewal_on_record_ahead_of_time_is_set_aside_while_what_it_renews_is_valid() {
    let (today, later) = (moment("2026-01-25"), moment("2026-02-01"));
    let renewed = |w: &mut World| {
        w.cases[0].approval.valid_until = Some(later);
        w.cases[0].approval.quantities = vec![authorised(Comparator::UpTo, 100)];
        let mut renewal = case("renewal", "us-bis", "granted");
        renewal.approval.valid_from = Some(later);
        renewal.approval.quantities = vec![authorised(Comparator::UpTo, 10)];
        w.cases.push(renewal);
        w.question.units = units(11);
    };
    assert_judged("on record", renewed, Yes, &[]);
    for (name, change) in [
        ("the other has expired", (|w| w.question.valid_at = moment("2026-02-01")) as fn(&mut World)),
        ("the other is another exporter's", |w| w.cases[2].approval.exporter = Some(id("amd"))),
    ] {
        let change = |w: &mut World| {
            renewed(w);
            w.question.units = units(1);
            change(w);
        };
        let answer = World::new().with(change).judged();
        assert!(answer.gates.iter().any(|gate| gate.approval == Some(id("renewal"))), "{name}");
    }
    assert_judged(
        "the other has ended",
        |w| {
            renewed(w);
            at(w, "over");
        },
        No,
        &["blocks not_yet_valid renewal", "blocks over_limit renewal"],
    );
    assert_judged(
        "the other is superseded",
        |w| {
            renewed(w);
            w.question.units = units(1);
            w.cases[2].approval.supersedes = Some(id("licence"));
        },
        No,
        &["blocks not_yet_valid renewal"],
    );
    assert_judged(
        "neither has begun",
        |w| {
            renewed(w);
            w.question.units = units(1);
            w.cases[0].approval.valid_from = Some(today.plus_seconds(1));
        },
        No,
        &["blocks not_yet_valid licence", "blocks not_yet_valid renewal"],
    );
}

#[test]
fn a_stage_on_the_word_of_stale_sources_does_not_permit_by_itself() {
    let stale = |w: &mut World| w.sources[1].last_checked_at = Some(moment("2025-12-26"));
    assert_judged(
        "stale",
        stale,
        Unknown,
        &["leaves_open source_stale licence", "leaves_open source_stale permit"],
    );
    assert_judged(
        "one of two is fresh",
        |w| {
            stale(w);
            for case in &mut w.cases {
                case.evidence.extend(crate::domain::judgement::testing::cited("rule"));
            }
        },
        Yes,
        &[],
    );
    assert_judged(
        "not on record",
        |w| drop(w.sources.remove(1)),
        Unknown,
        &["leaves_open source_stale licence", "leaves_open source_stale permit"],
    );
    let mut world = World::new().with(stale);
    world.cases[0].standing.disputed = true;
    assert_eq!(world.judged().stale, [id("news")]);
}

fn licence(name: &str, exporter: &str, stage: &str) -> CaseOn {
    let mut case = case(name, "us-bis", stage);
    case.approval.exporter = Some(id(exporter));
    case
}

#[test]
fn of_several_exporters_at_one_authority_one_will_do() {
    let two = |one: &'static str, other: &'static str| {
        move |w: &mut World| {
            w.cases[0] = licence("a-licence", "amd", one);
            w.cases.push(licence("n-licence", "nvidia", other));
        }
    };
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
fn each_counting_approval_is_found_and_so_is_a_gate_without_one() {
    let mut world = World::new();
    world.cases.remove(0);
    world.cases.push(case("second", "cn-ndrc", "principle"));
    let found = world.judged().gates;
    let found: Vec<String> = found
        .iter()
        .map(|it| {
            let approval = it.approval.as_ref().map(ToString::to_string);
            let phase = it.phase.map(|phase| phase.to_string());
            format!("{} {} {approval:?} {phase:?}", it.gate, it.jurisdiction)
        })
        .collect();
    assert_eq!(
        found,
        [
            "export US None None",
            "import CN Some(\"permit\") Some(\"granted\")",
            "import CN Some(\"second\") Some(\"favourable\")",
        ]
    );
}

#[test]
fn a_remedy_names_the_stages_that_can_be_reached() {
    for (stage, activity, remedy) in [
        (
            "filed",
            Activity::Prepare,
            "The case must reach a stage that permits to prepare: `principle`, `granted`.",
        ),
        ("principle", Activity::Order, "The case must reach a stage that permits to order: `granted`."),
        (
            "barred",
            Activity::Order,
            "No stage that permits to order can be reached from `barred`; a case filed anew may reach one.",
        ),
    ] {
        let mut world = World::new();
        at(&mut world, stage);
        world.question.activity = activity;
        assert_eq!(world.judged().reasons[0].remedy, remedy, "{stage}");
    }
}
