//! The service's own use cases, and what they say to a command, in the words of the reference.

use std::collections::BTreeSet;

use greenlight::app::movements::{self, Limits};
use greenlight::app::{self, Error, Precondition, Read, Register, Resource, Wanted, Written};
use greenlight::app::{determinations, transitions};
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::{Approval, Case};
use greenlight::domain::authority::Authority;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::id::StageId;
use greenlight::domain::judgement::{self, Question};
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::refusal::Refusal;
use greenlight::domain::report::Report;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::time::{Date, Moment};
use greenlight::domain::vocabulary::Vocabulary as _;
use greenlight::domain::workflow::Activity;

use crate::commands::{CASES, Command};
use crate::record::{Answer, Outcome, Reason, Record};
use crate::support::things::{commit, of};

/// What one side says to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    Written(Outcome),
    Answered(Result<Answer, String>),
    Standing(Vec<String>),
}

/// What the service says to a command. It is asked about the past once it is known what was `newest` then.
pub(crate) async fn seen(register: &Register, command: Command, newest: Option<i64>) -> Seen {
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
            let Some(mut read) = before(register, newest, back).await else { return Seen::Nothing };
            answered(determinations::answer(&mut read, &question, &[], false).await)
        }
        Command::Look => look(register).await,
        Command::LookAt(day, back) => {
            let Some(mut read) = before(register, newest, back).await else { return Seen::Nothing };
            let mut standing = Vec::new();
            for id in CASES {
                let case = read.standing_on(&of(id), day).await.unwrap();
                standing.extend(case.map(|case| stands(id, &case.stage, case.since)));
            }
            Seen::Standing(standing)
        }
    }
}

/// The register so many revisions before the newest.
async fn before(register: &Register, newest: Option<i64>, back: i64) -> Option<Read> {
    Some(register.read(Wanted::Revision((newest? - back).max(0))).await.unwrap())
}

async fn look(register: &Register) -> Seen {
    let looked = register.write(move |write| {
        Box::pin(async move {
            let mut standing = Vec::new();
            for id in CASES {
                let case = write.current::<Case>(id).await?.present().map(|case| case.value.standing);
                standing.extend(case.map(|case| stands(id, &case.stage, case.since)));
            }
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
        Error::Invalid(_) | Error::Refused(Refusal::ExceedsLedger(_)) => "invalid",
        Error::Refused(Refusal::IllegalMove(_) | Refusal::MoveInUse { .. }) => "illegal_move",
        Error::Refused(Refusal::InUse { .. }) => "in_use",
        Error::Refused(Refusal::Dangling(_)) => "dangling",
        Error::Refused(Refusal::Fixed(_)) => "fixed",
        Error::Refused(Refusal::ExternalRefTaken { .. }) => "external_ref_taken",
        Error::Refused(Refusal::OverLimit { headroom, .. }) => {
            return format!("over_limit {:?}", headroom.units.map(i128::from));
        }
        other => return format!("{other:?}"),
    };
    kind.to_owned()
}

/// The reasons, but for a report that names another stage, which is only told.
fn reasons<'a>(reasons: impl IntoIterator<Item = &'a judgement::Reason>) -> BTreeSet<Reason> {
    let told = |reason: &judgement::Reason| {
        let about = reason.subject.as_ref().map_or_else(String::new, |subject| subject.id.clone());
        (reason.code.as_str(), reason.effect.as_str(), about)
    };
    reasons.into_iter().map(told).filter(|told| (told.0, told.1) != ("disputed", "advises")).collect()
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

/// The questions an order or shipment puts, and whether all that is said to them speaks against it, or only what
/// limits it: one of now, one of the end of its day if that is another, and those of the rest of its day.
pub(crate) fn put_by(movement: &Movement, record: &Record, now: Moment) -> Vec<(Question, bool)> {
    let activity = match movement.kind {
        MovementKind::Order => Activity::Order,
        MovementKind::Shipment => Activity::Ship,
        _ => return Vec::new(),
    };
    let case = movement.approval.as_ref().map(|case| &record.approvals[case.as_str()]);
    let day = movement.occurred_on;
    let at = |valid_at| Question {
        company: movement.company.clone(),
        chip: movement.chip.clone(),
        activity,
        units: movement.units,
        destination: movement.destination,
        end_use: movement.end_use.clone(),
        end_user: movement.end_user.clone(),
        exporter: case.and_then(|case| case.exporter.clone()),
        valid_at,
    };
    let last = if day == now.date() { now } else { Moment::last_of(day) };
    let of_cases = record.approvals.values().flat_map(|case| [case.valid_from, case.valid_until]);
    let of_conditions = record.conditions.values().flat_map(|it| [it.in_force_from, it.in_force_until]);
    let bounds: BTreeSet<Moment> = of_cases.chain(of_conditions).flatten().collect();
    let begins = Moment::start_of(day);
    let rest = [begins].into_iter().chain(bounds.into_iter().filter(|it| begins < *it && *it < last));
    let today = (at(now), day >= now.date());
    let then = (last != now).then(|| (at(last), true));
    [today].into_iter().chain(then).chain(rest.map(|moment| (at(moment), false))).collect()
}

/// Where a case stands, in words.
pub(crate) fn stands(id: &str, stage: &StageId, since: Option<Date>) -> String {
    let since = since.map_or_else(|| "the beginning".to_owned(), |since| since.to_string());
    format!("{id} {stage} since {since}")
}
