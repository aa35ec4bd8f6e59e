//! Runs: commands given to both sides, until they disagree.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::future::join_all;
use greenlight::app::Register;
use greenlight::clock::Clock;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::time::{Date, Moment};

use crate::commands::{self, Command, KEPT};
use crate::dice::Dice;
use crate::reference::{Outcome, World, sums};
use crate::service::{Seen, seen};
use crate::support::Database;
use crate::support::things::{newest, noon};

/// How many commands the service gets at once; it commits them together.
const AT_ONCE: usize = 64;

/// The reference, and what it remembers of the past.
struct Model {
    world: World,
    now: Moment,
    revision: i64,
    past: BTreeMap<i64, World>,
}

/// A command that the two sides see differently, and those that led to it.
pub(crate) struct Disagreement {
    pub(crate) commands: Vec<Command>,
    reference: String,
    service: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for command in &self.commands {
            writeln!(f, "{command:?}")?;
        }
        write!(f, "the reference: {}\nthe service:   {}", self.reference, self.service)
    }
}

impl Model {
    fn new(slip: i128) -> Self {
        let mut world = World::default();
        world.slip = slip;
        Self { past: BTreeMap::from([(0, world.clone())]), world, now: begin(), revision: 0 }
    }

    /// What the reference says to a command.
    fn seen(&mut self, command: &Command) -> Seen {
        let free = |_: &World, _: &_| Ok(());
        let world = &mut self.world;
        let outcome = match command.clone() {
            Command::Workflow(thing) => world.put(|world| &mut world.workflows, thing, |_, _| Ok(())),
            Command::Company(thing) => world.put(|world| &mut world.companies, thing, |_, _| Ok(())),
            Command::Chip(thing) => world.put(|world| &mut world.chips, thing, |_, _| Ok(())),
            Command::Authority(thing) => world.put(|world| &mut world.authorities, thing, World::may_decide),
            Command::Source(thing) => world.put(|world| &mut world.sources, thing, |_, _| Ok(())),
            Command::Approval(thing) => world.put(|world| &mut world.approvals, thing, World::may_be),
            Command::Condition(thing) => world.put(|world| &mut world.conditions, thing, free),
            Command::Report(thing) => world.put(|world| &mut world.reports, thing, |_, _| Ok(())),
            Command::Transition(step) => world.post(&step),
            Command::Movement(movement) => world.enter(movement, self.now),
            Command::Retire(thing) => retire(world, &thing),
            Command::Clock(now) => {
                self.now = now;
                return Seen::Nothing;
            }
            Command::Ask(question) => return Seen::Answered(world.answer(&question)),
            Command::AskAt(question, back) => return Seen::Answered(self.past(back).answer(&question)),
            Command::Look => return standing(world, self.now.date()),
            Command::LookAt(day, back) => return standing(self.past(back), day),
        };
        if matches!(outcome, Ok((what, _)) if what != "unchanged") {
            self.reached(self.revision + 1);
        }
        Seen::Written(outcome)
    }

    fn past(&self, back: i64) -> &World {
        &self.past[&(self.revision - back).max(0)]
    }

    /// The register has come to a revision.
    fn reached(&mut self, revision: i64) {
        self.revision = revision;
        self.past.insert(revision, self.world.clone());
        self.past.retain(|known, _| known + i64::try_from(KEPT).unwrap() > revision);
    }
}

fn begin() -> Moment {
    noon("2026-02-10")
}

fn retire(world: &mut World, thing: &ThingRef) -> Outcome {
    match thing.kind {
        Kind::Company => world.retire(|world| &mut world.companies, thing),
        Kind::Authority => world.retire(|world| &mut world.authorities, thing),
        Kind::Condition => world.retire(|world| &mut world.conditions, thing),
        Kind::Report => world.retire(|world| &mut world.reports, thing),
        _ => world.retire(|world| &mut world.approvals, thing),
    }
}

fn standing(world: &World, day: Date) -> Seen {
    let cases = world.approvals.values().map(|case| {
        let (stage, since, _, disputed) = world.standing(case, day);
        let since = since.map_or_else(|| "the beginning".to_owned(), |since| since.to_string());
        format!("{} {stage} since {since}{}", case.id, if disputed { ", disputed" } else { "" })
    });
    let mut pairs: Vec<_> = world.movements.iter().map(|it| (&it.company, &it.chip)).collect();
    pairs.sort();
    pairs.dedup();
    let holdings = pairs.into_iter().map(|(company, chip)| {
        let sums = sums(world.movements.iter().filter(|it| (&it.company, &it.chip) == (company, chip)));
        format!("{company} {chip} {sums:?}")
    });
    Seen::Standing(cases.chain(holdings).collect())
}

/// Gives both sides so many commands that follow from a seed.
pub(crate) async fn run(database: &Database, seed: u64, length: usize, slip: i128) -> Option<Disagreement> {
    let mut dice = Dice(seed);
    let opening = commands::opening(&mut dice);
    let mut script = opening.into_iter();
    let given =
        |model: &Model| script.next().unwrap_or_else(|| commands::next(&mut dice, &model.world, model.now));
    play(database, slip, length, given).await
}

/// Gives both sides these commands.
async fn replay(commands: &[Command], slip: i128) -> Option<Disagreement> {
    let mut script = commands.iter().cloned();
    play(&Database::sqlite().await, slip, commands.len(), |_| script.next().unwrap()).await
}

async fn play(
    database: &Database,
    slip: i128,
    length: usize,
    mut given: impl FnMut(&Model) -> Command,
) -> Option<Disagreement> {
    let clock = Clock::standing(begin());
    let register = database.open(&clock).await;
    let mut model = Model::new(slip);
    let mut commands = Vec::new();
    while commands.len() < length {
        let from = commands.len();
        let mut told = Vec::new();
        while told.len() < AT_ONCE && commands.len() < length {
            let command = given(&model);
            let revision = model.revision;
            told.push((model.seen(&command), revision));
            commands.push(command);
            if matches!(commands.last(), Some(Command::Clock(_))) {
                break;
            }
        }
        if let Some((at, reference, service)) = differ(&register, &commands[from..], told).await {
            commands.truncate(from + at + 1);
            return Some(Disagreement { commands, reference, service });
        }
        // Whatever is accepted makes one revision, and nothing else does while the clock stands.
        assert_eq!(newest(&register).await, model.revision);
        if let Some(Command::Clock(now)) = commands.last() {
            clock.set(*now);
            register.look().await.unwrap();
            model.reached(newest(&register).await);
        }
    }
    register.store().close().await;
    None
}

/// The first of some commands that the service sees differently.
async fn differ(
    register: &Register,
    commands: &[Command],
    told: Vec<(Seen, i64)>,
) -> Option<(usize, String, String)> {
    let is_past = |command: &Command| matches!(command, Command::AskAt(..) | Command::LookAt(..));
    let ask = |at: usize| seen(register, commands[at].clone(), told[at].1);
    let (past, present): (Vec<usize>, Vec<usize>) =
        (0..commands.len()).partition(|at| is_past(&commands[*at]));
    // What is done, and asked about the present, is queued in order; the past can be asked about at any time.
    let mut service: BTreeMap<usize, Seen> =
        present.iter().copied().zip(join_all(present.iter().map(|at| ask(*at))).await).collect();
    for at in past {
        service.insert(at, ask(at).await);
    }
    let mut both = told.iter().zip(service.into_values()).enumerate();
    let different = both.find(|(_, ((reference, _), service))| reference != service);
    different.map(|(at, ((reference, _), service))| (at, format!("{reference:?}"), format!("{service:?}")))
}

/// A disagreement that no command can be left out of.
pub(crate) async fn shortest(mut found: Disagreement, slip: i128) -> Disagreement {
    let mut size = found.commands.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from + size < found.commands.len() {
            let mut fewer = found.commands.clone();
            fewer.drain(from..from + size);
            match replay(&fewer, slip).await {
                Some(shorter) => found = shorter,
                None => from += size,
            }
        }
        size /= 2;
    }
    found
}
