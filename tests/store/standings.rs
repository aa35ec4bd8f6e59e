//! Where a case stands at any pair of times: as known at a revision, on a day of the world.

use std::collections::BTreeMap;

use greenlight::app::{self, Error, Precondition, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::{Approval, Case};
use greenlight::domain::authority::Authority;
use greenlight::domain::id::StageId;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::time::Date;
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::{Move, Workflow};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::things::{
    approval, authority, found, maker, newest, noon, of, post, put, transition, workflow,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    the_stage_is_right_at_any_pair_of_times,
    an_illegal_move_names_the_stage_and_the_legal_ones,
    of_a_transition_only_the_retraction_changes,
    a_case_moved_to_another_authority_keeps_its_history,
    a_case_does_not_move_to_an_authority_that_does_not_know_its_ways,
    steps_of_one_day_and_revision_keep_the_order_in_which_they_were_accepted,
);

const TODAY: &str = "2026-01-15";

/// A step as the model keeps it.
#[derive(Clone, Debug)]
struct Step {
    id: String,
    to: &'static str,
    day: u8,
    retracted: bool,
}

/// What is done to a case: another step, or the retraction of one, or its taking back.
#[derive(Clone, Debug)]
enum Deed {
    Post(&'static str, u8),
    Flip(prop::sample::Index),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let stage = prop::sample::select(vec!["asked", "granted", "used", "paused", "refused"]);
    let deed = prop_oneof![
        3 => (stage, 1..28_u8).prop_map(|(stage, day)| Deed::Post(stage, day)),
        1 => any::<prop::sample::Index>().prop_map(Deed::Flip),
    ];
    prop::collection::vec(deed, 300)
}

/// The steps that count, in order of their days; the sort keeps ties in the order of acceptance.
fn standing(steps: &[Step]) -> Vec<&Step> {
    let mut standing: Vec<&Step> = steps.iter().filter(|step| !step.retracted).collect();
    standing.sort_by_key(|step| step.day);
    standing
}

fn legal(workflow: &Workflow, steps: &[Step]) -> bool {
    let mut at = "asked";
    standing(steps)
        .into_iter()
        .all(|step| workflow.allows(&of(std::mem::replace(&mut at, step.to)), &of(step.to)))
}

/// The stage on a day and the day it took effect; the steps of the same day before the last never did.
fn stage_on(steps: &[Step], day: u8) -> (&'static str, Option<u8>) {
    let step = standing(steps).into_iter().rfind(|step| step.day <= day);
    step.map_or(("asked", None), |step| (step.to, Some(step.day)))
}

fn date(day: u8) -> String {
    format!("2026-01-{day:02}")
}

async fn the_stage_is_right_at_any_pair_of_times(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    let mut rules = workflow("flow");
    let stages = rules.stages.iter().map(|stage| &stage.id);
    let pairs =
        stages.clone().enumerate().flat_map(|from| stages.clone().enumerate().map(move |to| (from, to)));
    let pairs = pairs.filter(|((from, _), (to, _))| (from + 2 * to) % 3 > 0);
    rules.moves = pairs.map(|((_, from), (_, to))| Move { from: from.clone(), to: to.clone() }).collect();
    put(&register, rules.clone()).await.unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut known: BTreeMap<i64, Vec<Step>> = [(newest(&register).await, Vec::new())].into();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let deeds = deeds().new_tree(&mut runner).unwrap().current();
    for (number, deed) in deeds.into_iter().enumerate() {
        let mut after = steps.clone();
        match deed {
            Deed::Post(to, day) => after.push(Step { id: format!("t{number}"), to, day, retracted: false }),
            Deed::Flip(_) if after.is_empty() => continue,
            Deed::Flip(index) => {
                let step = after.get_mut(index.index(steps.len())).unwrap();
                step.retracted = !step.retracted;
            }
        }
        // The one step that is not as it was.
        let changed = after.iter().find(|step| {
            steps.iter().find(|old| old.id == step.id).is_none_or(|old| old.retracted != step.retracted)
        });
        let Some(changed) = changed else { continue };
        let mut wanted = transition(&changed.id, "case", changed.to, &date(changed.day));
        wanted.retracted = changed.retracted;
        let taken = post(&register, wanted).await;
        assert_eq!(taken.is_ok(), legal(&rules, &after), "{number} {changed:?} {taken:?}");
        if taken.is_ok() {
            steps = after;
            known.insert(newest(&register).await, steps.clone());
        }
    }
    assert!(known.len() > 50, "only {} were accepted", known.len());
    assert_stages(&register, &known).await;
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn assert_stages(register: &Register, known: &BTreeMap<i64, Vec<Step>>) {
    for (revision, steps) in known {
        let mut read = register.read(Wanted::Revision(*revision)).await.unwrap();
        for day in 0..29 {
            let asked = if day == 0 { "1999-12-31".to_owned() } else { date(day) };
            let found = read.standing_on(&of("case"), of(&asked)).await.unwrap().unwrap();
            let (stage, since) = stage_on(steps, day);
            assert_eq!(found.stage.as_str(), stage, "{revision} {day} {steps:?}");
            assert_eq!(found.since, since.map(|day| of::<Date>(&date(day))), "{revision} {day}");
        }
        let case = read.thing::<Case>("case").await.unwrap().present().unwrap().value;
        assert_eq!(case.standing.stage.as_str(), stage_on(steps, 15).0);
    }
}

async fn an_illegal_move_names_the_stage_and_the_legal_ones(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    post(&register, transition("t", "case", "granted", "2026-01-05")).await.unwrap();
    for (to, day, stage, before, legal) in [
        ("refused", "2026-01-10", "granted", None, vec!["used", "paused"]),
        ("refused", "2026-01-02", "asked", Some("granted"), vec![]),
        ("granted", "2026-01-05", "granted", None, vec!["used", "paused"]),
    ] {
        let refused = post(&register, transition("u", "case", to, day)).await;
        let Err(Error::Refused(Refusal::IllegalMove(illegal))) = refused else { panic!("{refused:?}") };
        let told: Vec<&str> = illegal.legal.iter().map(StageId::as_str).collect();
        let next = illegal.before.as_ref().map(StageId::as_str);
        assert_eq!((illegal.stage.as_str(), illegal.to.as_str(), next, told), (stage, to, before, legal));
    }
    post(&register, transition("u", "case", "used", "2026-01-07")).await.unwrap();
    let mut gap = transition("t", "case", "granted", "2026-01-05");
    gap.retracted = true;
    let refused = post(&register, gap).await;
    assert!(
        matches!(refused, Err(Error::Refused(Refusal::IllegalMove(illegal))) if illegal.to == of("used"))
    );
}

async fn of_a_transition_only_the_retraction_changes(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    put(&register, approval("other")).await.unwrap();
    let first = transition("t", "case", "granted", "2026-01-05");
    post(&register, first.clone()).await.unwrap();
    let mut moved = transition("t", "other", "refused", "2026-01-06");
    moved.note = Some(of("Otherwise."));
    let refused = post(&register, moved).await;
    let Err(Error::Refused(Refusal::Fixed(faults))) = refused else { panic!("{refused:?}") };
    let told: Vec<&str> = faults.0.iter().map(|placed| placed.pointer.as_str()).collect();
    assert_eq!(told, ["/approval", "/to", "/effective_on", "/note"]);
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let [(version, _)] = read.transitions(&of("case")).await.unwrap().try_into().unwrap();
    assert_eq!(version.value, first);
}

async fn a_case_moved_to_another_authority_keeps_its_history(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    put(&register, authority("mofcom")).await.unwrap();
    post(&register, transition("t", "case", "granted", "2026-01-05")).await.unwrap();
    let before = newest(&register).await;
    put(&register, Approval { authority: of("mofcom"), ..approval("case") }).await.unwrap();
    for (wanted, at) in [(Wanted::Revision(before), "ndrc"), (Wanted::Newest, "mofcom")] {
        let mut read = register.read(wanted).await.unwrap();
        let case = read.thing::<Case>("case").await.unwrap().present().unwrap().value;
        assert_eq!((case.approval.authority.as_str(), case.standing.stage.as_str()), (at, "granted"));
        assert_eq!(read.transitions(&of("case")).await.unwrap().len(), 1);
        let standing = read.standing_on(&of("case"), of("2026-01-04")).await.unwrap().unwrap();
        assert_eq!(standing.stage.as_str(), "asked");
    }
    post(&register, transition("u", "case", "used", "2026-01-08")).await.unwrap();
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn a_case_does_not_move_to_an_authority_that_does_not_know_its_ways(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    let mut narrow = workflow("narrow");
    narrow.moves.retain(|step| step.to != of("granted"));
    narrow.initial = of("paused");
    put(&register, narrow).await.unwrap();
    put(&register, Authority { workflow: of("narrow"), ..authority("bis") }).await.unwrap();
    post(&register, transition("t", "case", "granted", "2026-01-05")).await.unwrap();
    let moved = Approval { authority: of("bis"), ..approval("case") };
    let refused = put(&register, moved.clone()).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::IllegalMove(_)))), "{refused:?}");
    let mut gone = transition("t", "case", "granted", "2026-01-05");
    gone.retracted = true;
    post(&register, gone).await.unwrap();
    put(&register, moved).await.unwrap();
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let case = read.thing::<Case>("case").await.unwrap().present().unwrap().value;
    assert_eq!(case.standing.stage.as_str(), "paused", "the stage a case begins in there");
}

async fn steps_of_one_day_and_revision_keep_the_order_in_which_they_were_accepted(database: Database) {
    let clock = Clock::standing(noon("2026-01-30"));
    let register = database.open(&clock).await;
    found(&register).await;
    let stages: Vec<StageId> = workflow("flow").stages.into_iter().map(|stage| stage.id).collect();
    let pairs = stages.iter().flat_map(|from| stages.iter().map(move |to| (from, to)));
    let moves =
        pairs.filter(|(from, to)| from != to).map(|(from, to)| Move { from: from.clone(), to: to.clone() });
    put(&register, Workflow { moves: moves.collect(), ..workflow("flow") }).await.unwrap();
    let first = transition("first", "case", "granted", "2026-01-20");
    let steps = [first.clone(), transition("second", "case", "paused", "2026-01-20")];
    let both = register.write(move |write| {
        Box::pin(async move {
            for step in steps {
                app::transitions::put(write, &Actor::Operator, step, &Precondition::Import).await.unwrap();
            }
            write.record(&maker()).await
        })
    });
    both.await.unwrap().unwrap();
    // The row of the first one is written after that of the second one.
    for retracted in [true, false] {
        post(&register, Transition { retracted, ..first.clone() }).await.unwrap();
    }
    // Somebody who knows of nothing yet sees the case paused, not granted, before it is used.
    let other = database.open(&clock).await;
    post(&other, transition("third", "case", "used", "2026-01-22")).await.unwrap();
    let standing = other.read(Wanted::Newest).await.unwrap().standing_on(&of("case"), of("2026-01-21")).await;
    assert_eq!(standing.unwrap().unwrap().stage, of("paused"));
    assert_eq!(other.store().verify().await.unwrap().faults, [""; 0]);
}
