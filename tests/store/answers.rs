//! What is loaded to answer a question: all that bears on it, wherever it is on record.

use greenlight::app::{Register, Wanted, determinations};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::judgement::{Answer, Question};
use greenlight::domain::number::Units;
use greenlight::domain::workflow::Activity;

use crate::support::things::{approval, chip, found, noon, of, put};
use crate::support::{Database, on_each_engine};

on_each_engine!(a_case_that_one_of_another_chip_takes_the_place_of_does_not_count);

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

async fn a_case_that_one_of_another_chip_takes_the_place_of_does_not_count(database: Database) {
    let register = database.open(&Clock::standing(noon(TODAY))).await;
    found(&register).await;
    put(&register, chip("h20")).await.unwrap();
    let cases = async || -> Vec<_> { ask(&register).await.gates.into_iter().map(|it| it.approval).collect() };
    assert_eq!(cases().await, [None, Some(of("case"))]);
    let anew = Approval { chip: of("h20"), supersedes: Some(of("case")), ..approval("anew") };
    put(&register, anew).await.unwrap();
    assert_eq!(cases().await, [None, None]);
}
