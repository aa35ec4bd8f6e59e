//! What is loaded to answer a question: all that bears on it, wherever it is on record.

use greenlight::app::{Error, Precondition, Register, Wanted, determinations, transitions};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::{Authority, Gate};
use greenlight::domain::citation::Citation;
use greenlight::domain::judgement::{Answer, Question, ReasonCode};
use greenlight::domain::number::Units;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::Activity;

use crate::support::things::{
    approval, authority, chip, cited, commit, found, noon, of, post, put, source, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_case_takes_the_place_of_one_of_its_own_company_and_chip,
    a_case_takes_the_place_of_one_at_its_own_authority_or_one_nobody_had_named,
    of_the_steps_of_one_day_the_last_accepted_is_the_evidence,
);

const TODAY: &str = "2026-03-15";

async fn ask(register: &Register) -> Answer {
    let question = Question {
        company: of("alibaba"),
        chip: of("h200"),
        activity: Activity::Order,
        units: Units::ONE,
        destination: None,
        end_use: None,
        end_user: None,
        exporter: None,
        valid_at: noon(TODAY),
    };
    let mut read = register.read(Wanted::Newest).await.unwrap();
    determinations::answer(&mut read, &question, &[], true).await.unwrap().answer
}

async fn a_case_takes_the_place_of_one_of_its_own_company_and_chip(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    put(&register, chip("h20")).await.unwrap();
    let cases = async || -> Vec<_> { ask(&register).await.gates.into_iter().map(|it| it.approval).collect() };
    let refused = async |approval: Approval| match put(&register, approval).await {
        Err(Error::Invalid(faults)) => faults.0[0].pointer.clone(),
        Err(Error::Refused(Refusal::InUse { by, .. })) => by[0].id.clone(),
        other => panic!("{other:?}"),
    };
    let anew = Approval { supersedes: Some(of("case")), ..approval("anew") };
    assert_eq!(refused(Approval { chip: of("h20"), ..anew.clone() }).await, "/supersedes");
    assert_eq!(refused(Approval { company: of("nvidia"), ..anew.clone() }).await, "/supersedes");
    assert_eq!(cases().await, [None, Some(of("case"))]);
    put(&register, anew).await.unwrap();
    assert_eq!(cases().await, [None, Some(of("anew"))]);
    let moved = Approval { chip: of("h20"), ..approval("case") };
    assert_eq!(refused(moved).await, "anew", "it is of the pair that the other one is of");
}

/// Where the faults of what is refused stand.
fn pointers<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<String> {
    let Err(Error::Invalid(faults)) = outcome else { panic!("{outcome:?}") };
    faults.0.into_iter().map(|placed| placed.pointer).collect()
}

async fn a_case_takes_the_place_of_one_at_its_own_authority_or_one_nobody_had_named(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    let nobody = |id: &str| Authority { unspecified: true, ..authority(id) };
    for authority in [
        authority("mofcom"),
        nobody("somebody"),
        Authority { gate: Gate::Export, ..nobody("exporting") },
        Authority { jurisdiction: of("US"), ..nobody("american") },
    ] {
        put(&register, authority).await.unwrap();
    }
    let at = |id: &str, authority: &str| Approval { authority: of(authority), ..approval(id) };
    for authority in ["mofcom", "somebody", "exporting", "american"] {
        put(&register, at(authority, authority)).await.unwrap();
    }
    let anew = |superseded: &str| Approval { supersedes: Some(of(superseded)), ..approval("anew") };
    for elsewhere in ["mofcom", "exporting", "american"] {
        assert_eq!(pointers(put(&register, anew(elsewhere)).await), ["/supersedes"], "{elsewhere}");
    }
    put(&register, anew("case")).await.unwrap();
    put(&register, anew("somebody")).await.unwrap();
    // Neither of the two goes where the one could not be filed anew as the other.
    let to = |authority: &str, approval: Approval| Approval { authority: of(authority), ..approval };
    for elsewhere in ["exporting", "american"] {
        let superseding = put(&register, to(elsewhere, anew("somebody"))).await;
        assert_eq!(pointers(superseding), ["/supersedes"], "{elsewhere}");
    }
    for elsewhere in ["mofcom", "exporting", "american"] {
        let superseded = put(&register, at("somebody", elsewhere)).await;
        assert_eq!(pointers(superseded), ["/authority"], "{elsewhere}");
    }
    // What was accepted once is not judged again because of something else.
    put(&register, authority("somebody")).await.unwrap();
    put(&register, Approval { note: Some(of("seen")), ..anew("somebody") }).await.unwrap();
    assert_eq!(pointers(put(&register, to("mofcom", anew("somebody"))).await), ["/supersedes"]);
    put(&register, nobody("somebody")).await.unwrap();
    put(&register, to("mofcom", anew("somebody"))).await.unwrap();
    put(&register, at("somebody", "mofcom")).await.unwrap();
}

async fn of_the_steps_of_one_day_the_last_accepted_is_the_evidence(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    put(&register, source("first")).await.unwrap();
    put(&register, source("second")).await.unwrap();
    let step = |id: &str, to: &str, source: &str| Transition {
        citations: cited(source),
        ..transition(id, "case", to, "2026-02-01")
    };
    let early = step("z", "used", "first");
    let steps = [
        step("y", "granted", "first"),
        early.clone(),
        step("x", "paused", "first"),
        step("w", "granted", "first"),
        step("v", "used", "second"),
    ];
    let evidence = async || -> Vec<Citation> {
        let reasons = ask(&register).await.reasons;
        reasons.into_iter().find(|it| it.code == ReasonCode::StageDoesNotPermit).unwrap().evidence
    };
    // All in one revision, where neither it nor the ids tell their order.
    let accepted = commit(&register, |write| {
        Box::pin(async move {
            for step in steps {
                transitions::put(write, &Actor::Operator, step, &Precondition::Import).await?;
            }
            Ok(())
        })
    });
    accepted.await.unwrap();
    assert_eq!(evidence().await, cited("second"));
    // What is put back is accepted no later for that.
    for retracted in [true, false] {
        post(&register, Transition { retracted, ..early.clone() }).await.unwrap();
        assert_eq!(evidence().await, cited("second"), "{retracted}");
    }
}
