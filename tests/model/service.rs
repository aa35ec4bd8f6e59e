//! The service's own use cases, and what they say to a command, in the words of the reference.

use greenlight::app::movements::{self, Limits};
use greenlight::app::{self, Error, Precondition, Read, Register, Resource, Wanted, Written};
use greenlight::app::{determinations, transitions};
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::{Approval, Case, Standing};
use greenlight::domain::authority::Authority;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::holding::Holding;
use greenlight::domain::judgement;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::report::Report;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::time::Date;
use greenlight::domain::vocabulary::Vocabulary as _;

use crate::commands::{CASES, Command};
use crate::reference::{Answer, Outcome, Reason};
use crate::support::things::{commit, of};

/// What one side says to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    Written(Outcome),
    Answered(Result<Answer, String>),
    Standing(Vec<String>),
}

/// What the service says to a command; `revision` is the newest there was when it was given.
pub(crate) async fn seen(register: &Register, command: Command, revision: i64) -> Seen {
    match command {
        Command::Workflow(thing) => put(register, thing).await,
        Command::Company(thing) => put(register, thing).await,
        Command::Chip(thing) => put(register, thing).await,
        Command::Authority(thing) => put(register, thing).await,
        Command::Source(thing) => put(register, thing).await,
        Command::Approval(thing) => put(register, thing).await,
        Command::Condition(thing) => put(register, thing).await,
        Command::Report(thing) => put(register, thing).await,
        Command::Transition(step) => {
            let case = commit(register, move |write| {
                Box::pin(transitions::put(write, &Actor::Operator, step, &Precondition::Import))
            });
            Seen::Written(outcome(case.await))
        }
        Command::Movement(movement) => {
            let case = commit(register, move |write| {
                Box::pin(movements::put(write, &Actor::Operator, movement, Limits::Hold))
            });
            let entered = case.await;
            Seen::Written(match entered {
                Ok(entered) => Ok((effect(&entered.written), reasons(&entered.warnings))),
                Err(error) => Err(refusal(&error)),
            })
        }
        Command::Retire(thing) => retire(register, &thing).await,
        Command::Clock(_) => Seen::Nothing,
        Command::Ask(question) => {
            let answer = register.write(move |write| {
                Box::pin(async move {
                    Ok(determinations::answer(write.reading().await?, &question, &[], true).await)
                })
            });
            answered(answer.await.unwrap())
        }
        Command::AskAt(question, back) => {
            let mut read = register.read(Wanted::Revision((revision - back).max(0))).await.unwrap();
            answered(determinations::answer(&mut read, &question, &[], false).await)
        }
        Command::Look => look(register).await,
        Command::LookAt(day, back) => {
            let mut read = register.read(Wanted::Revision((revision - back).max(0))).await.unwrap();
            let mut standing = Vec::new();
            for id in CASES {
                standing.extend(read.standing_on(&of(id), day).await.unwrap().map(|case| stands(id, &case)));
            }
            standing.extend(held(&mut read, day).await);
            Seen::Standing(standing)
        }
    }
}

async fn look(register: &Register) -> Seen {
    let looked = register.write(move |write| {
        Box::pin(async move {
            let mut standing = Vec::new();
            for id in CASES {
                let case = write.current::<Case>(id).await?.present();
                standing.extend(case.map(|case| stands(id, &case.value.standing)));
            }
            let day = write.now().date();
            standing.extend(held(write.reading().await?, day).await);
            Ok(standing)
        })
    });
    Seen::Standing(looked.await.unwrap())
}

async fn put<T: Resource>(register: &Register, thing: T) -> Seen {
    let case = commit(register, move |write| {
        Box::pin(app::put(write, &Actor::Operator, thing, &Precondition::Import))
    });
    Seen::Written(outcome(case.await))
}

async fn retire(register: &Register, thing: &ThingRef) -> Seen {
    async fn gone<T: Resource>(register: &Register, id: &str) -> Outcome {
        let id = id.to_owned();
        let case = commit(register, move |write| {
            Box::pin(async move { app::retire::<T>(write, &Actor::Operator, &id, &Precondition::Any).await })
        });
        case.await.map(|()| ("gone", [].into())).map_err(|error| refusal(&error))
    }
    Seen::Written(match thing.kind {
        Kind::Company => gone::<Company>(register, &thing.id).await,
        Kind::Authority => gone::<Authority>(register, &thing.id).await,
        Kind::Condition => gone::<Condition>(register, &thing.id).await,
        Kind::Report => gone::<Report>(register, &thing.id).await,
        Kind::Approval => gone::<Approval>(register, &thing.id).await,
        other => panic!("no {other} is retired here"),
    })
}

fn outcome(written: Result<Written, Error>) -> Outcome {
    written.map(|written| (effect(&written), [].into())).map_err(|error| refusal(&error))
}

fn effect(written: &Written) -> &'static str {
    match written.effect {
        app::Effect::Created => "created",
        app::Effect::Updated => "updated",
        app::Effect::Unchanged => "unchanged",
    }
}

fn refusal(error: &Error) -> String {
    let kind = match error {
        Error::Unknown(_) => "unknown",
        Error::Retired(_) | Error::Refused(Refusal::Retired(_)) => "retired",
        Error::Invalid(_) => "invalid",
        Error::Refused(Refusal::IllegalMove(_)) => "illegal_move",
        Error::Refused(Refusal::InUse { .. }) => "in_use",
        Error::Refused(Refusal::Dangling(_)) => "dangling",
        Error::Refused(Refusal::MoveInUse { .. }) => "move_in_use",
        Error::Refused(Refusal::Fixed(_)) => "fixed",
        Error::Refused(Refusal::ExternalRefTaken { .. }) => "external_ref_taken",
        Error::Refused(Refusal::OverLimit { headroom, .. }) => {
            return format!("over_limit {:?}", headroom.units.map(i128::from));
        }
        other => return format!("{other:?}"),
    };
    kind.to_owned()
}

fn reasons<'a>(
    reasons: impl IntoIterator<Item = &'a judgement::Reason>,
) -> std::collections::BTreeSet<Reason> {
    let told = |reason: &judgement::Reason| {
        let about = reason.subject.as_ref().map_or_else(String::new, |subject| subject.id.clone());
        (reason.code.as_str(), reason.effect.as_str(), about)
    };
    reasons.into_iter().map(told).collect()
}

fn answered(answer: Result<judgement::Supposed, Error>) -> Seen {
    let told = |answer: judgement::Answer| {
        let figures = answer.figures;
        let (authorised, available) = (figures.authorised.map(i128::from), figures.available.map(i128::from));
        Answer {
            verdict: answer.verdict.as_str(),
            reasons: reasons(&answer.reasons),
            headroom: answer.headroom.units.map(i128::from),
            figures: (authorised, figures.reserved.into(), figures.used.into(), available),
        }
    };
    Seen::Answered(answer.map(|supposed| told(supposed.answer)).map_err(|error| refusal(&error)))
}

fn stands(id: &str, standing: &Standing) -> String {
    let since = standing.since.map_or_else(|| "the beginning".to_owned(), |since| since.to_string());
    let disputed = if standing.disputed { ", disputed" } else { "" };
    format!("{id} {} since {since}{disputed}", standing.stage)
}

async fn held(read: &mut Read, day: Date) -> Vec<String> {
    let told = |holding: Holding| {
        let all = holding.all;
        let sums = [all.ordered, all.cancelled, all.shipped, all.delivered, all.returned];
        format!("{} {} {sums:?}", holding.company, holding.chip)
    };
    read.holdings(&[], &[], day).await.unwrap().into_iter().map(told).collect()
}
