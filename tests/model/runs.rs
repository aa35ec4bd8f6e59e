//! Runs: commands given to both sides, until they disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future::join_all;
use greenlight::app::Register;
use greenlight::app::rows::Rows;
use greenlight::clock::Clock;
use greenlight::domain::movement::MovementKind;
use greenlight::domain::time::{Date, Moment};

use crate::board::assert_right;
use crate::commands::{self, Command, KEPT};
use crate::dice::Dice;
use crate::record::{Outcome, Reason, Record};
use crate::service::{Seen, put_by, seen, stands};
use crate::support::Database;
use crate::support::things::{newest, noon};

/// How many commands the service gets at once; it commits them together.
const AT_ONCE: usize = 64;

/// The refusals that keep the register in order, which are none of the reference's business: it takes them over.
const TAKEN_OVER: [&str; 7] =
    ["dangling", "retired", "unknown", "invalid", "in_use", "fixed", "external_ref_taken"];

/// What the reference tells its rules on, and what it remembers of the past.
struct Model {
    record: Record,
    now: Moment,
    revision: i64,
    past: BTreeMap<i64, Record>,
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
        let record = Record { slip, ..Record::default() };
        Self { past: BTreeMap::from([(0, record.clone())]), record, now: begin(), revision: 0 }
    }

    /// What the reference says to a command. It has no say in what keeps the register in order.
    fn seen(&self, command: &Command, service: &Seen) -> Seen {
        match (command, service) {
            (_, Seen::Written(Err(refusal)) | Seen::Answered(Err(refusal)))
                if TAKEN_OVER.contains(&refusal.as_str()) =>
            {
                service.clone()
            }
            (_, Seen::Written(outcome)) => Seen::Written(self.written(command, outcome)),
            (Command::Ask(question), _) => Seen::Answered(Ok(self.record.answer(question, None))),
            (Command::AskAt(question, back), _) => {
                Seen::Answered(Ok(self.past(*back).answer(question, None)))
            }
            (Command::Look, _) => standing(&self.record, self.now.date()),
            (Command::LookAt(day, back), _) => standing(self.past(*back), *day),
            _ => Seen::Nothing,
        }
    }

    /// Whether a write is legal and within the limits, and what speaks against it all the same.
    fn written(&self, command: &Command, service: &Outcome) -> Outcome {
        let did = service.as_ref().map_or("accepted", |(did, _)| *did);
        let none = BTreeSet::new();
        let mut after = self.record.clone();
        after.accept(command.clone());
        match command {
            // One that was entered before may have been told under another id.
            Command::Movement(_) if did == "unchanged" => Ok((did, none)),
            _ if did == "unchanged" && after != self.record => Ok(("updated", none)),
            Command::Authority(_) | Command::Approval(_) | Command::Transition(_) if !after.is_legal() => {
                Err("illegal_move".to_owned())
            }
            Command::Movement(movement) => {
                let mut against = none;
                // What comes to pass is no plan.
                let is_plan = matches!(movement.kind, MovementKind::Order | MovementKind::Shipment);
                if !is_plan && Some(movement.occurred_on) > self.now.date().tomorrow() {
                    return Err("invalid".to_owned());
                }
                for (question, whole) in put_by(movement, &self.record, self.now) {
                    let answer = self.record.answer(&question, Some(movement));
                    // One that breaks a limit that binds says why, or is refused.
                    let breaks = answer.reasons.iter().any(|it| it.0 == "breaks");
                    if breaks && movement.overage_reason.is_none() {
                        return Err(format!("over_limit {:?}", answer.headroom));
                    }
                    let limits = |it: &Reason| it.0 != "breaks" && (whole || it.0 == "over_limit");
                    against.extend(answer.reasons.into_iter().filter(limits));
                }
                Ok((did, against.into_iter().filter(|(_, effect, _)| *effect != "advises").collect()))
            }
            _ => Ok((did, none)),
        }
    }

    /// What the service did is on record for the reference, too.
    fn follow(&mut self, command: Command, service: &Seen) {
        if matches!(service, Seen::Written(Ok((did, _))) if *did != "unchanged") {
            self.record.accept(command);
            self.reached(self.revision + 1);
        }
    }

    fn past(&self, back: i64) -> &Record {
        &self.past[&(self.revision - back).max(0)]
    }

    /// The register has come to a revision.
    fn reached(&mut self, revision: i64) {
        self.revision = revision;
        self.past.insert(revision, self.record.clone());
        self.past.retain(|known, _| known + i64::try_from(KEPT).unwrap() > revision);
    }
}

fn begin() -> Moment {
    noon("2026-02-10")
}

fn standing(record: &Record, day: Date) -> Seen {
    let cases = record.approvals.values().map(|case| {
        let (since, stage) = record.standing(case, day);
        stands(case.id.as_str(), &stage.id, since)
    });
    Seen::Standing(cases.collect())
}

/// Gives both sides so many commands that follow from a seed.
pub(crate) async fn run(database: &Database, seed: u64, length: usize, slip: i128) -> Option<Disagreement> {
    let mut dice = Dice(seed);
    let opening = commands::opening(&mut dice);
    let mut script = opening.into_iter();
    let given =
        |model: &Model| script.next().unwrap_or_else(|| commands::next(&mut dice, &model.record, model.now));
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
    let (mut commands, rows) = (Vec::new(), Rows::new(1 << 20));
    while commands.len() < length {
        let from = commands.len();
        while commands.len() < length.min(from + AT_ONCE) {
            commands.push(given(&model));
            if matches!(commands.last(), Some(Command::Clock(_))) {
                break;
            }
        }
        if let Some((at, reference, service)) = differ(&register, &mut model, &commands[from..]).await {
            commands.truncate(from + at + 1);
            return Some(Disagreement { commands, reference, service });
        }
        // Whatever is accepted makes one revision, and nothing else does while the clock stands.
        assert_eq!(newest(&register).await, model.revision);
        if let Some(Command::Clock(now)) = commands.last() {
            model.now = *now;
            clock.set(*now);
            register.look().await.unwrap();
            model.reached(newest(&register).await);
        }
        assert_right(&register, &rows, model.now).await;
    }
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
    register.store().close().await;
    None
}

/// The first of some commands that the service sees differently.
async fn differ(
    register: &Register,
    model: &mut Model,
    commands: &[Command],
) -> Option<(usize, String, String)> {
    // What is done, and asked about the present, is queued in order; the past can be asked about at any time.
    let present = join_all(commands.iter().map(|command| seen(register, command.clone(), None))).await;
    for (at, (command, service)) in commands.iter().zip(present).enumerate() {
        let service = match command {
            Command::AskAt(..) | Command::LookAt(..) => {
                seen(register, command.clone(), Some(model.revision)).await
            }
            _ => service,
        };
        let reference = model.seen(command, &service);
        if reference != service {
            return Some((at, format!("{reference:?}"), format!("{service:?}")));
        }
        model.follow(command.clone(), &service);
    }
    None
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
