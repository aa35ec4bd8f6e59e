//! Commands at random, over a world so small that they get in each other's way.

use greenlight::domain::approval::{Approval, Comparator, Quantity, QuantityRole};
use greenlight::domain::authority::{Authority, Gate};
use greenlight::domain::chip::{Chip, Specification};
use greenlight::domain::citation::Citation;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::judgement::Question;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::{Figure, Fraction, Units};
use greenlight::domain::report::{About, Report, ReportStatus};
use greenlight::domain::source::Source;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::time::{Date, Moment};
use greenlight::domain::transition::Transition;
use greenlight::domain::vocabulary::Vocabulary as _;
use greenlight::domain::workflow::{Activity, Move, Phase, Workflow};

use crate::conditions::condition;
use crate::dice::Dice;
use crate::record::Record;
use crate::support::things::{self, cited, noon, of, on, own_record};

/// The cases there may be, in the order of their ids.
pub(crate) const CASES: [&str; 12] =
    ["a-0", "a-1", "a-10", "a-11", "a-2", "a-3", "a-4", "a-5", "a-6", "a-7", "a-8", "a-9"];
pub(crate) const COMPANIES: [&str; 4] = ["alibaba", "nvidia", "tencent", "amd"];
/// The buyers, one of them most of the time.
const BUYERS: [&str; 4] = ["alibaba", "alibaba", "alibaba", "nvidia"];
/// The only exporter there is: choosing between several is not for the reference to tell.
const EXPORTER: &str = "nvidia";
/// The chips they want, one of them most of the time.
const WANTED: [&str; 5] = ["h200", "h200", "h200", "h20", "910c"];
pub(crate) const CHIPS: [&str; 4] = ["h20", "h200", "910c", "mi308"];
pub(crate) const PLACES: [&str; 3] = ["CN", "US", "SG"];
pub(crate) const AUTHORITIES: [&str; 6] =
    ["cn-ndrc", "cn-mofcom", "us-bis", "us-doe", "sg-customs", "cn-out"];
const SOURCES: [&str; 3] = ["rule", "news", "blog"];
const STAGES: [&str; 5] = ["asked", "granted", "used", "paused", "refused"];
pub(crate) const USES: [&str; 6] =
    ["military use", "mil\u{200b}ítary ＵＳＥ", "Cloud_Rental", "training", "cloud", "state-owned lab"];

/// How many revisions are remembered, to be asked about.
pub(crate) const KEPT: usize = 24;

/// What is done to the register, or asked of it.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Workflow(Workflow),
    Company(Company),
    Chip(Chip),
    Authority(Authority),
    Source(Source),
    Approval(Approval),
    Condition(Condition),
    Report(Report),
    Transition(Transition),
    Movement(Movement),
    Retire(ThingRef),
    /// The clock moves on.
    Clock(Moment),
    /// A question about the present.
    Ask(Question),
    /// A question about any moment, so many revisions back.
    AskAt(Question, i64),
    /// Where every case stands.
    Look,
    /// The same on a day, so many revisions back.
    LookAt(Date, i64),
}

/// What every run begins with: companies, chips, authorities and sources.
pub(crate) fn opening(dice: &mut Dice) -> Vec<Command> {
    let mut commands = vec![Command::Workflow(things::workflow("flow")), Command::Workflow(loose())];
    commands.extend(COMPANIES.iter().take(3).map(|id| Command::Company(things::company(id))));
    commands.extend(SOURCES.iter().map(|id| Command::Source(source(dice, id))));
    commands.extend(CHIPS.iter().map(|id| Command::Chip(chip(dice, id))));
    commands.extend(AUTHORITIES.iter().take(5).map(|id| Command::Authority(authority(dice, id))));
    commands.extend((0..16).map(|_| Command::Approval(approval(dice, &Record::default()))));
    commands.extend((0..8).map(|_| Command::Condition(condition(dice))));
    commands
}

/// A workflow in which a case begins granted, and may go back and forth between all stages but the last.
fn loose() -> Workflow {
    let flow = things::workflow("loose");
    let moves = STAGES[..4].iter().flat_map(|from| {
        let others = STAGES.iter().filter(move |to| *to != from && **to != "used");
        others.map(move |to| Move { from: of(from), to: of(to) })
    });
    let moves = moves.chain([Move { from: of("granted"), to: of("used") }]).collect();
    let stages = flow.stages.into_iter().map(|mut stage| {
        if stage.phase == Phase::Granted {
            stage.permits = Activity::ALL.to_vec();
        }
        stage
    });
    Workflow { moves, initial: of("granted"), stages: stages.collect(), ..flow }
}

/// The next command, which may or may not be allowed.
pub(crate) fn next(dice: &mut Dice, record: &Record, now: Moment) -> Command {
    let numbered = |dice: &mut Dice, prefix: &str, most| format!("{prefix}-{}", dice.below(most));
    match dice.below(100) {
        0..2 => Command::Company(company(dice)),
        2..4 => {
            let id = dice.pick(&CHIPS);
            Command::Chip(chip(dice, id))
        }
        4..6 => {
            let id = dice.pick(&AUTHORITIES);
            Command::Authority(authority(dice, id))
        }
        6 => {
            let id = dice.pick(&SOURCES);
            Command::Source(source(dice, id))
        }
        7..16 => Command::Approval(approval(dice, record)),
        16..30 => Command::Transition(transition(dice, record)),
        30..33 => Command::Report(report(dice)),
        33..45 => Command::Condition(condition(dice)),
        45..63 => Command::Movement(movement(dice, record, now)),
        63..65 => {
            let (kind, id) = match dice.below(6) {
                0 => (Kind::Company, dice.pick(&COMPANIES).to_owned()),
                1 => (Kind::Authority, dice.pick(&AUTHORITIES).to_owned()),
                2 | 3 => (Kind::Condition, numbered(dice, "c", 14)),
                4 => (Kind::Report, numbered(dice, "r", 6)),
                _ => (Kind::Approval, dice.pick(&CASES).to_owned()),
            };
            Command::Retire(ThingRef::new(kind, id))
        }
        65..67 => {
            let seconds = i64::try_from(dice.below(12 * 86_400)).unwrap();
            Command::Clock(now.plus_seconds(seconds))
        }
        67..82 => Command::Ask(question(dice, now)),
        82..96 => {
            let at = moment(dice);
            Command::AskAt(question(dice, at), back(dice))
        }
        96..98 => Command::Look,
        _ => Command::LookAt(date(dice), back(dice)),
    }
}

/// How many revisions a question looks back.
fn back(dice: &mut Dice) -> i64 {
    i64::try_from(dice.below(KEPT)).unwrap()
}

pub(crate) fn date(dice: &mut Dice) -> Date {
    let (month, day) = (1 + dice.below(5), dice.pick(&["01", "15", "28"]));
    of(&format!("2026-0{month}-{day}"))
}

fn moment(dice: &mut Dice) -> Moment {
    let date = date(dice);
    let ends = [Moment::start_of(date), Moment::last_of(date), Moment::end_of(date), noon(&date.to_string())];
    dice.pick(&ends)
}

/// Two moments of which, if there are both, the first is earlier.
pub(crate) fn span(dice: &mut Dice) -> (Option<Moment>, Option<Moment>) {
    match (dice.maybe(30, moment), dice.maybe(30, moment)) {
        (Some(from), Some(until)) if until <= from => (None, Some(until)),
        span => span,
    }
}

pub(crate) fn units(dice: &mut Dice) -> Units {
    Units::try_from(i64::try_from(1 + dice.below(40)).unwrap()).unwrap()
}

pub(crate) fn fraction(dice: &mut Dice) -> Fraction {
    of(dice.pick(&["0", "0.1", "0.333", "0.5", "0.75", "1"]))
}

pub(crate) fn figure(dice: &mut Dice) -> Figure {
    Figure::from_number(dice.pick(&[1.0, 2.5, 800.0, 1600.0, 4800.0])).unwrap()
}

pub(crate) fn citations(dice: &mut Dice) -> Vec<Citation> {
    match dice.below(4) {
        0 => own_record(),
        1 | 2 => cited(dice.pick(&SOURCES)),
        _ => [cited(dice.pick(&SOURCES)), cited(dice.pick(&SOURCES))].concat(),
    }
}

fn company(dice: &mut Dice) -> Company {
    let jurisdiction = of(dice.pick(&["CN", "CN", "CN", "US", "SG"]));
    Company { jurisdiction, ..things::company(dice.pick(&COMPANIES)) }
}

fn chip(dice: &mut Dice, id: &str) -> Chip {
    let specification = Specification {
        tpp: dice.maybe(70, figure),
        die_area_mm2: dice.maybe(70, figure),
        memory_bandwidth_gb_s: dice.maybe(70, figure),
        ..Specification::default()
    };
    Chip { origin: of(dice.pick(&["US", "US", "US", "CN"])), specification, ..things::chip(id) }
}

fn authority(dice: &mut Dice, id: &str) -> Authority {
    let moved = dice.chance(10);
    let place = if moved { dice.pick(&PLACES) } else { id.get(..2).unwrap() };
    let gate = match id {
        "cn-out" => Gate::Export,
        _ if place.eq_ignore_ascii_case("us") => Gate::Export,
        _ => Gate::Import,
    };
    let workflow = of(dice.pick(&["flow", "loose"]));
    Authority { jurisdiction: of(&place.to_uppercase()), gate, workflow, ..things::authority(id) }
}

/// A source that never goes stale.
fn source(dice: &mut Dice, id: &str) -> Source {
    Source { check_every_days: None, last_checked_at: dice.maybe(80, moment), ..things::source(id) }
}

/// The authorities of cases, some more often than others.
const AT: [&str; 7] = ["cn-ndrc", "cn-ndrc", "cn-mofcom", "us-bis", "us-bis", "us-doe", "sg-customs"];

/// A case; one in eight takes the place of another, of the same company, chip and authority if that is on record.
fn approval(dice: &mut Dice, record: &Record) -> Approval {
    let (valid_from, valid_until) = span(dice);
    let quantity = |dice: &mut Dice| Quantity {
        role: dice.pick(&[QuantityRole::Authorised, QuantityRole::Authorised, QuantityRole::Requested]),
        comparator: dice.pick(Comparator::ALL),
        units: units(dice),
        citations: Vec::new(),
    };
    let quantities = (0..dice.below(3)).map(|_| quantity(dice)).collect();
    let id = dice.pick(&CASES).to_owned();
    let supersedes = dice.maybe(12, |dice| dice.pick(&CASES).to_owned()).filter(|it| *it != id);
    let known = supersedes.as_ref().and_then(|case| record.approvals.get(case));
    Approval {
        company: known.map_or_else(|| of(dice.pick(&BUYERS)), |case| case.company.clone()),
        chip: known.map_or_else(|| of(dice.pick(&WANTED[..4])), |case| case.chip.clone()),
        authority: known.map_or_else(|| of(dice.pick(&AT)), |case| case.authority.clone()),
        exporter: dice.maybe(40, |_| of(EXPORTER)),
        quantities,
        valid_from: valid_from.filter(|_| dice.chance(50)),
        valid_until,
        supersedes: supersedes.map(|case| of(&case)),
        ..things::approval(&id)
    }
}

/// A step of a case; one time in five another state of one that is on record.
fn transition(dice: &mut Dice, record: &Record) -> Transition {
    if !record.transitions.is_empty() && dice.chance(20) {
        let known = dice.pick(&record.transitions);
        return Transition { retracted: !known.retracted, ..known };
    }
    let id = format!("t-{}", dice.below(400));
    let cases: Vec<&Approval> = record.approvals.values().collect();
    let any = cases.is_empty() || dice.chance(5);
    let case = if any { dice.pick(&CASES).to_owned() } else { dice.pick(&cases).id.to_string() };
    let to = dice.pick(&["granted", "granted", "used", "asked", "paused", "refused"]);
    // Often on one day, where the order of acceptance decides.
    let day = if dice.chance(50) { "2026-02-01".to_owned() } else { date(dice).to_string() };
    Transition {
        effective_on: on(&day),
        retracted: dice.chance(3),
        citations: citations(dice),
        ..things::transition(&id, &case, to, "2026-01-01")
    }
}

fn report(dice: &mut Dice) -> Report {
    let about = About {
        company: dice.maybe(95, |dice| of(dice.pick(&BUYERS))),
        chip: dice.maybe(95, |dice| of(dice.pick(&WANTED[..4]))),
        authority: Some(of(dice.pick(&AUTHORITIES))),
    };
    let status = if dice.chance(70) { ReportStatus::Open } else { ReportStatus::Settled };
    let named = things::report(&format!("r-{}", dice.below(6)), dice.pick(&STAGES), &date(dice).to_string());
    Report { about, status, stage: named.stage.filter(|_| dice.chance(90)), ..named }
}

/// A movement of anything; two times in three on a case of the pair.
fn movement(dice: &mut Dice, record: &Record, now: Moment) -> Movement {
    if !record.movements.is_empty() && dice.chance(4) {
        let known = dice.pick(&record.movements);
        return Movement { units: if dice.chance(50) { known.units } else { units(dice) }, ..known };
    }
    let case = dice.pick(&CASES).to_owned();
    let known = record.approvals.get(&case).filter(|_| dice.chance(60));
    let kind = match dice.below(10) {
        0..4 => MovementKind::Order,
        4..7 => MovementKind::Shipment,
        7 => MovementKind::Delivery,
        8 => MovementKind::Cancellation,
        _ => MovementKind::Return,
    };
    let limited = matches!(kind, MovementKind::Order | MovementKind::Shipment);
    Movement {
        company: known.map_or_else(|| of(dice.pick(&BUYERS)), |case| case.company.clone()),
        chip: known.map_or_else(|| of(dice.pick(&WANTED)), |case| case.chip.clone()),
        approval: (known.is_some() || dice.chance(5)).then(|| of(&case)),
        kind,
        units: units(dice),
        occurred_on: if dice.chance(50) { now.date() } else { date(dice) },
        external_ref: dice.maybe(10, |dice| of(&format!("po {}", dice.below(8)))),
        end_use: dice.maybe(50, |dice| of(dice.pick(&USES))),
        end_user: dice.maybe(50, |dice| of(dice.pick(&USES))),
        destination: dice.maybe(40, |dice| of(dice.pick(&PLACES))),
        overage_reason: dice.maybe(if limited { 25 } else { 0 }, |_| of("agreed by letter")),
        ..things::movement(&format!("m-{}", dice.below(4000)))
    }
}

fn question(dice: &mut Dice, valid_at: Moment) -> Question {
    Question {
        company: of(dice.pick(&BUYERS)),
        chip: of(dice.pick(&WANTED)),
        activity: dice.pick(Activity::ALL),
        units: units(dice),
        destination: dice.maybe(30, |dice| of(dice.pick(&PLACES))),
        end_use: dice.maybe(60, |dice| of(dice.pick(&USES))),
        end_user: dice.maybe(60, |dice| of(dice.pick(&USES))),
        exporter: dice.maybe(25, |_| of(EXPORTER)),
        valid_at,
    }
}
