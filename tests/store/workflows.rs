//! What may become of a workflow that cases go through.

use greenlight::app::{Error, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::approval::{Approval, Case};
use greenlight::domain::authority::Authority;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::workflow::{Move, Workflow};

use crate::support::things::{
    approval, authority, found, newest, noon, of, post, put, report, retire, transition, workflow,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_stage_ever_used_cannot_be_removed,
    a_stage_stays_used_when_its_case_is_retired,
    a_stage_stays_used_when_its_case_is_moved_to_another_authority,
    a_stage_used_elsewhere_only_can_be_removed,
    a_stage_that_a_report_names_cannot_be_removed,
    a_move_ever_made_cannot_be_removed,
    another_initial_stage_settles_the_cases_anew,
    an_authority_changes_its_workflow_only_for_one_that_fits_its_cases,
);

async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-01-15"))).await;
    found(&register).await;
    post(&register, transition("t", "case", "granted", "2026-01-05")).await.unwrap();
    post(&register, transition("u", "case", "paused", "2026-01-07")).await.unwrap();
    register
}

/// The default workflow without some of its stages.
fn without(stages: &[&str]) -> Workflow {
    let mut workflow = workflow("flow");
    workflow.stages.retain(|stage| !stages.contains(&stage.id.as_str()));
    workflow.moves.retain(|step| !stages.iter().any(|stage| [&step.from, &step.to].contains(&&of(stage))));
    workflow
}

fn assert_stage_in_use<T: std::fmt::Debug>(outcome: Result<T, Error>, stage: &str, by: (Kind, &str)) {
    let Err(Error::Refused(Refusal::StageInUse { stages, by: named })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(stages, [of(stage)]);
    assert_eq!(named, [ThingRef::new(by.0, by.1)]);
}

async fn stage(register: &Register, id: &str) -> String {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    read.thing::<Case>(id).await.unwrap().present().unwrap().value.standing.stage.to_string()
}

async fn a_stage_ever_used_cannot_be_removed(database: Database) {
    let register = opened(&database).await;
    let mut gone = transition("u", "case", "paused", "2026-01-07");
    gone.retracted = true;
    post(&register, gone).await.unwrap();
    let case = (Kind::Approval, "case");
    assert_stage_in_use(put(&register, without(&["paused"])).await, "paused", case);
    assert_stage_in_use(put(&register, without(&["granted"])).await, "granted", case);
    let begun = Workflow { initial: of("paused"), ..without(&["asked"]) };
    assert_stage_in_use(put(&register, begun).await, "asked", case);
    put(&register, without(&["used", "refused"])).await.unwrap();
    let illegal = post(&register, transition("v", "case", "used", "2026-01-08")).await;
    assert!(matches!(illegal, Err(Error::Refused(Refusal::IllegalMove(_)))), "{illegal:?}");
}

async fn a_stage_stays_used_when_its_case_is_retired(database: Database) {
    let register = opened(&database).await;
    retire::<Approval>(&register, "case").await.unwrap();
    let case = (Kind::Approval, "case");
    assert_stage_in_use(put(&register, without(&["paused"])).await, "paused", case);
    put(&register, Workflow { id: of("short"), ..without(&["granted"]) }).await.unwrap();
    let elsewhere = put(&register, Authority { workflow: of("short"), ..authority("ndrc") }).await;
    assert_stage_in_use(elsewhere, "granted", case);
    put(&register, without(&["used"])).await.unwrap();
}

/// Puts the authority `mofcom` with a workflow of its own on record, and moves the case to it.
async fn move_case(register: &Register) {
    put(register, Workflow { id: of("other"), ..workflow("flow") }).await.unwrap();
    put(register, Authority { workflow: of("other"), ..authority("mofcom") }).await.unwrap();
    put(register, Approval { authority: of("mofcom"), ..approval("case") }).await.unwrap();
}

async fn a_stage_stays_used_when_its_case_is_moved_to_another_authority(database: Database) {
    let register = opened(&database).await;
    move_case(&register).await;
    let case = (Kind::Approval, "case");
    assert_stage_in_use(put(&register, without(&["paused"])).await, "paused", case);
    let other = Workflow { id: of("other"), ..without(&["granted"]) };
    assert_stage_in_use(put(&register, other).await, "granted", case);
}

async fn a_stage_used_elsewhere_only_can_be_removed(database: Database) {
    let register = opened(&database).await;
    move_case(&register).await;
    // It came to this stage at its present authority.
    post(&register, transition("v", "case", "granted", "2026-01-08")).await.unwrap();
    post(&register, transition("w", "case", "used", "2026-01-09")).await.unwrap();
    put(&register, without(&["used"])).await.unwrap();
    let other = Workflow { id: of("other"), ..without(&["used"]) };
    assert_stage_in_use(put(&register, other).await, "used", (Kind::Approval, "case"));
}

async fn a_stage_that_a_report_names_cannot_be_removed(database: Database) {
    let register = opened(&database).await;
    let before = newest(&register).await;
    put(&register, report("r", "refused", "2026-01-10")).await.unwrap();
    assert_stage_in_use(put(&register, without(&["refused"])).await, "refused", (Kind::Report, "r"));
    put(&register, Workflow { id: of("other"), ..without(&["refused"]) }).await.unwrap();
    let elsewhere = put(&register, Authority { workflow: of("other"), ..authority("ndrc") }).await;
    assert_stage_in_use(elsewhere, "refused", (Kind::Report, "r"));
    assert_eq!(newest(&register).await, before + 2);
}

async fn a_move_ever_made_cannot_be_removed(database: Database) {
    let register = opened(&database).await;
    let mut narrower = workflow("flow");
    narrower.moves.retain(|step| *step != Move { from: of("granted"), to: of("paused") });
    let refused = put(&register, narrower).await;
    let Err(Error::Refused(Refusal::MoveInUse { illegal, by })) = refused else { panic!("{refused:?}") };
    assert_eq!((illegal.stage, illegal.to), (of("granted"), of("paused")));
    assert_eq!(by, ThingRef::new(Kind::Approval, "case"));
    let mut narrower = workflow("flow");
    narrower.moves.retain(|step| step.from != of("used"));
    put(&register, narrower).await.unwrap();
}

async fn another_initial_stage_settles_the_cases_anew(database: Database) {
    let register = opened(&database).await;
    put(&register, approval("fresh")).await.unwrap();
    let before = newest(&register).await;
    let other = Workflow { initial: of("refused"), ..workflow("flow") };
    assert!(matches!(put(&register, other).await, Err(Error::Refused(Refusal::MoveInUse { .. }))));
    let mut other = workflow("flow");
    other.initial = of("paused");
    put(&register, other).await.unwrap();
    assert_eq!(newest(&register).await, before + 1);
    assert_eq!(stage(&register, "fresh").await, "paused");
    assert_eq!(stage(&register, "case").await, "paused");
    for (wanted, begins) in [(Wanted::Revision(before), "asked"), (Wanted::Newest, "paused")] {
        let mut read = register.read(wanted).await.unwrap();
        let standing = read.standing_on(&of("case"), of("2026-01-01")).await.unwrap().unwrap();
        assert_eq!(standing.stage.as_str(), begins);
    }
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn an_authority_changes_its_workflow_only_for_one_that_fits_its_cases(database: Database) {
    let register = opened(&database).await;
    put(&register, approval("fresh")).await.unwrap();
    put(&register, Workflow { id: of("short"), ..without(&["paused"]) }).await.unwrap();
    let mut barred = Workflow { id: of("barred"), ..workflow("flow") };
    barred.moves.retain(|step| step.to != of("paused"));
    put(&register, barred).await.unwrap();
    put(&register, Workflow { id: of("wide"), initial: of("paused"), ..workflow("flow") }).await.unwrap();
    let under = |workflow: &str| Authority { workflow: of(workflow), ..authority("ndrc") };
    assert_stage_in_use(put(&register, under("short")).await, "paused", (Kind::Approval, "case"));
    let refused = put(&register, under("barred")).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::MoveInUse { .. }))), "{refused:?}");
    put(&register, under("wide")).await.unwrap();
    assert_eq!(stage(&register, "fresh").await, "paused");
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}
