//! The gates, by what is on record there.

use crate::domain::approval::Comparator;
use crate::domain::authority::Gate;
use crate::domain::judgement::Verdict;
use crate::domain::judgement::testing::{World, authorised, authority, case, id, moment, told, units};
use crate::domain::workflow::Activity;

use Verdict::{No, Unknown, Yes};

pub(super) fn assert_judged(name: &str, change: impl FnOnce(&mut World), verdict: Verdict, reasons: &[&str]) {
    let answer = World::new().with(change).judged();
    assert_eq!(
        (answer.verdict, told(&answer)),
        (verdict, reasons.iter().map(ToString::to_string).collect()),
        "{name}"
    );
}

pub(super) fn at(world: &mut World, stage: &str) {
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
