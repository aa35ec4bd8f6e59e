//! Movements: entered in the ledger once and never changed.

use super::things::{self, Written, check_references, present, written};
use super::{Error, determinations};
use crate::domain::actor::Actor;
use crate::domain::approval::{Approval, Case};
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::holding::Totals;
use crate::domain::judgement::{
    Effect, Entry, EntryAnswer, Question, Reason, ReasonCode, join, judge_entry, turns,
};
use crate::domain::movement::{Movement, MovementKind};
use crate::domain::records::Dossier;
use crate::domain::refusal::Refusal;
use crate::domain::thing::Thing as _;
use crate::domain::time::Moment;
use crate::domain::workflow::Activity;
use crate::store::{Extent, Needs, Presence, Version, Write};

/// Whether a movement is checked against the limits in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// Checked.
    Hold,
    /// Not checked: it is restored from an export and was accepted before.
    HeldBefore,
}

/// The result of entering a movement.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The movement on record.
    pub written: Written,
    /// Warnings; they do not keep it out, since the ledger records what happens.
    pub warnings: Vec<Reason>,
}

/// Enters a movement, or finds it already on record under its id or under another id with the same external
/// reference.
///
/// # Errors
///
/// [`Refusal::OverLimit`] for an order or shipment that would break a known, required limit in force and
/// gives no reason; [`Refusal::Fixed`] if its id, [`Refusal::ExternalRefTaken`] if its external reference is
/// on record with other content; [`Error::Invalid`] if its approval is of another company or chip, if it is
/// dated ahead and neither an order nor a shipment, or if a sum would overflow; any other [`Error`].
pub async fn put(
    write: &mut Write,
    actor: &Actor,
    movement: Movement,
    limits: Limits,
) -> Result<Entered, Error> {
    actor.may_write()?;
    let case = case_of(write, &movement).await?;
    let authority = case.as_ref().map(|case| &case.approval.authority);
    actor.may_write_for(authority.as_slice())?;
    if let Some(known) = on_record(write, &movement).await? {
        return Ok(Entered { written: written(things::Effect::Unchanged, &known), warnings: Vec::new() });
    }
    check_references(write, &movement).await?;
    check(&movement, case.as_ref())?;
    let warnings = match limits {
        Limits::Hold => {
            movement.faults_on(write.now().date()).or(())?;
            check_undone(write, &movement).await?;
            warnings_on(write, &movement, case.as_ref()).await?
        }
        Limits::HeldBefore => Vec::new(),
    };
    if !write.book(&movement).await? {
        return Err(too_many(&movement).into());
    }
    let entered = present::<Movement>(write, movement.id.as_str()).await?;
    Ok(Entered { written: written(things::Effect::Created, &entered), warnings })
}

/// What entering a movement with a newly made id reads.
#[must_use]
pub fn needs(movement: &Movement) -> Needs {
    things::needs_of_new(movement)
}

/// Warnings on an order or shipment; [`Refusal::OverLimit`] if it breaks a limit and gives no reason. All
/// movements entered before count, whatever their date.
///
/// The time of day is unknown, so it is judged at every moment of its day at which the rules differ (until
/// now, if today). On another day it is judged against the present limits too, since it counts towards them.
async fn warnings_on(
    write: &mut Write,
    movement: &Movement,
    case: Option<&Case>,
) -> Result<Vec<Reason>, Error> {
    let activity = match movement.kind {
        MovementKind::Order => Activity::Order,
        MovementKind::Shipment => Activity::Ship,
        MovementKind::Cancellation | MovementKind::Delivery | MovementKind::Return => return Ok(Vec::new()),
    };
    let question = |valid_at| Question {
        company: movement.company.clone(),
        chip: movement.chip.clone(),
        activity,
        units: movement.units,
        destination: movement.destination,
        end_use: movement.end_use.clone(),
        end_user: movement.end_user.clone(),
        exporter: case.and_then(|case| case.approval.exporter.clone()),
        valid_at,
    };
    let (now, on) = (write.now(), movement.occurred_on);
    let another_day = (on != now.date()).then(|| Moment::last_of(on));
    // Write buffered rows, so that this command's own changes are judged as well.
    write.flush().await?;
    let mut warnings = Vec::new();
    for last in [now].into_iter().chain(another_day) {
        let asked = question(last);
        let records = determinations::records(write.reading().await?, &asked, last == now).await?;
        let dossier = determinations::dossier(&records, &asked)?;
        let is_its_day = last != now || another_day.is_none();
        let earlier = if is_its_day { turns(&dossier, Moment::start_of(on), last) } else { Vec::new() };
        for valid_at in [last].into_iter().chain(earlier) {
            let mut reasons = warnings_at(&dossier, &question(valid_at), movement)?;
            // At moments other than its own, only limits apply.
            if valid_at != last || last.date() > on {
                reasons.retain(|reason| reason.code == ReasonCode::OverLimit);
            }
            join(&mut warnings, reasons);
        }
    }
    Ok(warnings)
}

/// Rejects a cancellation or return of more than was ordered or shipped, which would free room beyond a
/// limit.
async fn check_undone(write: &mut Write, movement: &Movement) -> Result<(), Error> {
    let done = match movement.kind {
        MovementKind::Cancellation => "ordered and not cancelled",
        MovementKind::Return => "shipped and not returned",
        MovementKind::Order | MovementKind::Shipment | MovementKind::Delivery => return Ok(()),
    };
    let (company, chip) = (&movement.company, &movement.chip);
    let (companies, chips) = (vec![company.clone()], vec![chip.clone()]);
    let extent = Extent { companies, chips, valid_at: write.now(), present: true };
    // Write buffered rows, so that this command's own changes count as well.
    write.flush().await?;
    let records = write.reading().await?.records(&extent).await?;
    let holding = records.dossier(company, chip).and_then(|dossier| dossier.holding());
    let left = holding.and_then(|holding| holding.undoable(movement.kind, movement.approval.as_ref()));
    let left = left.unwrap_or_default();
    if movement.units.get() <= left {
        return Ok(());
    }
    let mut faults = Faults::default();
    faults.add("/units", FaultCode::OutOfRange, format!("must be at most {left}, which are {done}"));
    Err(Refusal::ExceedsLedger(faults).into())
}

/// Warnings on an order or shipment at one moment.
fn warnings_at(
    dossier: &Dossier<'_>,
    question: &Question,
    movement: &Movement,
) -> Result<Vec<Reason>, Error> {
    let entry = Entry { approval: movement.approval.as_ref(), occurred_on: movement.occurred_on };
    let EntryAnswer { answer, breaks } = judge_entry(dossier, question, entry);
    if movement.overage_reason.is_none() && !breaks.is_empty() {
        return Err(Refusal::OverLimit { headroom: answer.headroom, limits: breaks }.into());
    }
    let mut warnings = answer.reasons;
    warnings.retain(|reason| reason.effect != Effect::Advises);
    Ok(warnings)
}

/// The case a movement draws on, if it names one on record; [`check_references`] rejects one that is missing.
async fn case_of(write: &mut Write, movement: &Movement) -> Result<Option<Case>, Error> {
    let Some(approval) = &movement.approval else { return Ok(None) };
    Ok(write.current::<Case>(approval.as_str()).await?.present().map(|version| version.value))
}

/// The movement on record that is the same as this one, if any.
async fn on_record(write: &mut Write, movement: &Movement) -> Result<Option<Version<Movement>>, Error> {
    match write.current::<Movement>(movement.id.as_str()).await? {
        Presence::Retired => return Err(Refusal::Retired(movement.thing_ref()).into()),
        Presence::Present(known) => {
            let differences = known.value.differences(movement);
            return if differences.is_empty() {
                Ok(Some(known))
            } else {
                Err(Refusal::Fixed(differences).into())
            };
        }
        Presence::Absent => {}
    }
    let Some(external_ref) = &movement.external_ref else { return Ok(None) };
    let known = write.movement_referred(&movement.company, movement.kind, external_ref).await?;
    let Some(known) = known else { return Ok(None) };
    let differences = known.value.differences(movement);
    if differences.is_empty() {
        return Ok(Some(known));
    }
    Err(Refusal::ExternalRefTaken { by: known.value.thing_ref(), differences }.into())
}

/// Rejects a movement whose company or chip is not that of its case.
fn check(movement: &Movement, case: Option<&Case>) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let differs =
        |approval: &&Approval| approval.company != movement.company || approval.chip != movement.chip;
    if let Some(approval) = case.map(|case| &case.approval).filter(differs) {
        let detail = format!(
            "is the case of `{}` for `{}`, not of `{}` for `{}`",
            approval.company, approval.chip, movement.company, movement.chip
        );
        faults.add("/approval", FaultCode::Inconsistent, detail);
    }
    faults.or(())
}

fn too_many(movement: &Movement) -> Faults {
    let mut faults = Faults::default();
    let detail = format!(
        "with these, the sum of every {} of `{}` by `{}` would be more than {}",
        movement.kind,
        movement.chip,
        movement.company,
        Totals::MAX
    );
    faults.add("/units", FaultCode::OutOfRange, detail);
    faults
}
