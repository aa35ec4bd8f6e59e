//! Things with defaults, and the shortest ways to put them on record.
//!
//! The defaults fit together: `alibaba` wants `h200`, designed by `nvidia`, and `ndrc` decides by a workflow
//! of five stages. A test states only what matters to it.

use greenlight::app::imports::{self, Outcome};
use greenlight::app::movements::Limits;
use greenlight::app::{
    self, BoxFuture, Error, Maker, Precondition, Register, Resource, Wanted, Write, Written,
};
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::{Authority, Gate};
use greenlight::domain::chip::{Chip, Specification};
use greenlight::domain::citation::{Attribution, Citation};
use greenlight::domain::company::{Company, CompanyRole};
use greenlight::domain::condition::{Condition, ConditionStatus, Force, RequirementOf, Scope, Terms};
use greenlight::domain::fault::Fault;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::Units;
use greenlight::domain::report::{About, Modality, Report, ReportStatus};
use greenlight::domain::source::Source;
use greenlight::domain::text::Names;
use greenlight::domain::time::{Date, Dated, Moment, Precision};
use greenlight::domain::transition::Transition;
use greenlight::domain::workflow::{Activity, Move, Phase, Stage, Workflow};
use greenlight::wire::lines::Line;

/// The register's own sample, as lines in the order in which they refer to each other.
pub(crate) fn sample() -> String {
    [
        include_str!("../../data/workflows.ndjson"),
        include_str!("../../data/authorities.ndjson"),
        include_str!("../../data/companies.ndjson"),
        include_str!("../../data/chips.ndjson"),
        include_str!("../../data/sources.ndjson"),
        include_str!("../../data/approvals.ndjson"),
        include_str!("../../data/transitions.ndjson"),
        include_str!("../../data/reports.ndjson"),
        include_str!("../../data/conditions.ndjson"),
        include_str!("../../data/movements.ndjson"),
    ]
    .concat()
}

/// A value of the domain, from its text.
pub(crate) fn of<T: for<'t> TryFrom<&'t str, Error = Fault>>(text: &str) -> T {
    T::try_from(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// That day.
pub(crate) fn on(date: &str) -> Dated {
    Dated { date: of::<Date>(date), precision: Precision::Day }
}

/// Noon of that day, UTC.
pub(crate) fn noon(date: &str) -> Moment {
    of(&format!("{date}T12:00:00Z"))
}

/// Our own record, which needs no source.
pub(crate) fn own_record() -> Vec<Citation> {
    vec![Citation::new(None, Attribution::OwnRecord).unwrap()]
}

/// The word of a source.
pub(crate) fn cited(source: &str) -> Vec<Citation> {
    vec![Citation::new(Some(of(source)), Attribution::OfficialText).unwrap()]
}

/// A buyer in China.
pub(crate) fn company(id: &str) -> Company {
    Company {
        id: of(id),
        name: of(id),
        names: Names::new(),
        jurisdiction: of("CN"),
        roles: vec![CompanyRole::Buyer],
        identifiers: Vec::new(),
        aliases: Vec::new(),
        parent: None,
    }
}

/// A chip of `nvidia`.
pub(crate) fn chip(id: &str) -> Chip {
    Chip {
        id: of(id),
        name: of(id),
        designer: of("nvidia"),
        origin: of("US"),
        aliases: Vec::new(),
        specification: Specification::default(),
        eccn_published: None,
    }
}

/// A workflow in which a case is asked for, then granted and used; it can be set back, and refused.
pub(crate) fn workflow(id: &str) -> Workflow {
    let stage = |(id, phase, permits): (&str, Phase, Vec<Activity>)| Stage {
        id: of(id),
        name: of(id),
        names: Names::new(),
        phase,
        permits,
    };
    let stages = [
        ("asked", Phase::Pending, vec![]),
        ("granted", Phase::Granted, vec![Activity::Prepare, Activity::Order]),
        ("used", Phase::Granted, vec![Activity::Ship]),
        ("paused", Phase::Adverse, vec![]),
        ("refused", Phase::Ended, vec![]),
    ];
    let moves = [
        ("asked", "granted"),
        ("granted", "used"),
        ("granted", "paused"),
        ("used", "paused"),
        ("paused", "granted"),
        ("asked", "refused"),
        ("refused", "asked"),
    ];
    Workflow {
        id: of(id),
        name: of(id),
        stages: stages.into_iter().map(stage).collect(),
        moves: moves.into_iter().map(|(from, to)| Move { from: of(from), to: of(to) }).collect(),
        initial: of("asked"),
    }
}

/// A Chinese authority that guards imports, with the workflow `flow`.
pub(crate) fn authority(id: &str) -> Authority {
    Authority {
        id: of(id),
        name: of(id),
        names: Names::new(),
        jurisdiction: of("CN"),
        gate: Gate::Import,
        workflow: of("flow"),
        unspecified: false,
    }
}

/// A source without a freshness limit.
pub(crate) fn source(id: &str) -> Source {
    Source {
        id: of(id),
        publisher: of("Gazette"),
        title: of(id),
        url: None,
        published_on: None,
        language: None,
        republishes: None,
        check_every_days: None,
        last_checked_at: None,
    }
}

/// A case of `alibaba`, for `h200`, at `ndrc`.
pub(crate) fn approval(id: &str) -> Approval {
    Approval {
        id: of(id),
        company: of("alibaba"),
        chip: of("h200"),
        authority: of("ndrc"),
        exporter: None,
        reference: None,
        quantities: Vec::new(),
        valid_from: None,
        valid_until: None,
        supersedes: None,
        note: None,
    }
}

/// A step of a case to a stage on a day.
pub(crate) fn transition(id: &str, approval: &str, to: &str, date: &str) -> Transition {
    Transition {
        id: of(id),
        approval: of(approval),
        to: of(to),
        effective_on: on(date),
        retracted: false,
        citations: own_record(),
        note: None,
    }
}

/// A report that the case of `alibaba`, for `h200`, at `ndrc`, was at a stage on a day.
pub(crate) fn report(id: &str, stage: &str, date: &str) -> Report {
    Report {
        id: of(id),
        about: About { company: Some(of("alibaba")), chip: Some(of("h200")), authority: Some(of("ndrc")) },
        on: on(date),
        modality: Modality::States,
        stage: Some(of(stage)),
        quantity: None,
        text: of("It is so."),
        status: ReportStatus::Open,
        citations: own_record(),
    }
}

/// A requirement of `ndrc`, in force.
pub(crate) fn condition(id: &str) -> Condition {
    Condition {
        id: of(id),
        scope: Scope { authority: Some(of("ndrc")), ..Scope::default() },
        terms: Terms::Requirement { what: RequirementOf::Justification },
        unknown: None,
        force: Force::Required,
        status: ConditionStatus::InForce,
        in_force_from: None,
        in_force_until: None,
        met_on: None,
        citations: own_record(),
        note: None,
    }
}

/// An order of ten, by `alibaba`, of `h200`, on the approval `case`.
pub(crate) fn movement(id: &str) -> Movement {
    Movement {
        id: of(id),
        company: of("alibaba"),
        chip: of("h200"),
        approval: Some(of("case")),
        kind: MovementKind::Order,
        units: Units::try_from(10).unwrap(),
        approximate: false,
        occurred_on: of("2026-01-20"),
        external_ref: None,
        end_use: None,
        end_user: None,
        destination: None,
        overage_reason: None,
        citations: Vec::new(),
    }
}

/// The maker of a test's revisions.
pub(crate) fn maker() -> Maker {
    Maker { actor: of("operator"), reason: None, request_id: of("test") }
}

/// Runs a use case and records what it did as a revision; of what is refused nothing stays.
pub(crate) async fn commit<T, F>(register: &Register, case: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: for<'w> FnOnce(&'w mut Write) -> BoxFuture<'w, Result<T, Error>> + Send + 'static,
{
    register
        .write(move |write| {
            Box::pin(async move {
                match case(write).await {
                    Ok(done) => write.record(&maker()).await.map(|_| Ok(done)),
                    Err(Error::Store(failure)) => Err(failure),
                    Err(refused) => write.undo().await.map(|()| Err(refused)),
                }
            })
        })
        .await?
}

/// Puts a thing on record, or in the place of what is there.
pub(crate) async fn put<T: Resource>(register: &Register, thing: T) -> Result<Written, Error> {
    commit(register, move |write| Box::pin(app::put(write, &Actor::Operator, thing, &Precondition::Import)))
        .await
}

/// Accepts a transition, or puts it back in another state.
pub(crate) async fn post(register: &Register, transition: Transition) -> Result<Written, Error> {
    commit(register, move |write| {
        Box::pin(app::transitions::put(write, &Actor::Operator, transition, &Precondition::Import))
    })
    .await
}

/// Enters a movement in the ledger.
pub(crate) async fn enter(register: &Register, movement: Movement) -> Result<Written, Error> {
    enter_as(register, Actor::Operator, movement).await
}

/// Enters a movement in the ledger as somebody else.
pub(crate) async fn enter_as(
    register: &Register,
    actor: Actor,
    movement: Movement,
) -> Result<Written, Error> {
    let entered = commit(register, move |write| {
        Box::pin(async move { app::movements::put(write, &actor, movement, Limits::Hold).await })
    });
    Ok(entered.await?.written)
}

/// Imports lines as one revision, as far as they can be taken.
pub(crate) async fn import(register: &Register, lines: &str) -> Outcome {
    let read = |(number, line)| (number, imports::read(line).unwrap_or_else(|cause| panic!("{cause:?}")));
    let lines: Vec<(usize, Line)> = imports::numbered(lines.as_bytes()).map(read).collect();
    let apply = commit(register, move |write| {
        Box::pin(async move { Ok(imports::apply(write, &Actor::Operator, lines).await?) })
    });
    apply.await.unwrap()
}

/// Takes a thing off the record.
pub(crate) async fn retire<T: Resource>(register: &Register, id: &str) -> Result<(), Error> {
    let id = id.to_owned();
    commit(register, move |write| {
        Box::pin(async move { app::retire::<T>(write, &Actor::Operator, &id, &Precondition::Any).await })
    })
    .await
}

/// Puts the default workflow, authority, companies and chip on record, and the approval `case` of them.
pub(crate) async fn found(register: &Register) {
    put(register, workflow("flow")).await.unwrap();
    put(register, authority("ndrc")).await.unwrap();
    put(register, company("nvidia")).await.unwrap();
    put(register, company("alibaba")).await.unwrap();
    put(register, chip("h200")).await.unwrap();
    put(register, approval("case")).await.unwrap();
}

/// The newest revision.
pub(crate) async fn newest(register: &Register) -> i64 {
    register.read(Wanted::Newest).await.unwrap().at().revision
}
