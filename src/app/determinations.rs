//! Determinations: questions answered from the records, and their receipts.

use super::Error;
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::id::DeterminationId;
use crate::domain::judgement::{Assumption, Question, Supposed, suppose};
use crate::domain::records::{Dossier, Records};
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;
use crate::store::{self, Extent, Read, Receipt, Write};

/// Answers a question, with assumptions in place of what is on record.
///
/// `present` says that the question is about the present, as the register has recorded it.
///
/// # Errors
///
/// [`Refusal::Dangling`] if something it names is not on record, [`Error::Invalid`] for an assumption about
/// something the question does not involve; any other [`Error`].
pub async fn answer(
    read: &mut Read,
    question: &Question,
    assume: &[Assumption],
    present: bool,
) -> Result<Supposed, Error> {
    let records = records(read, question, present).await?;
    Ok(suppose(&dossier(&records, question)?, question, assume)?)
}

/// Reads the records a question is answered from.
pub(super) async fn records(read: &mut Read, question: &Question, present: bool) -> Result<Records, Error> {
    let extent = Extent {
        companies: question.exporter.iter().chain([&question.company]).cloned().collect(),
        chips: vec![question.chip.clone()],
        valid_at: question.valid_at,
        present,
    };
    let records = read.records(&extent).await?;
    check(&records, question)?;
    Ok(records)
}

/// The records that a question involves.
pub(super) fn dossier<'r>(records: &'r Records, question: &Question) -> Result<Dossier<'r>, Error> {
    let dossier = records.dossier(&question.company, &question.chip);
    dossier.ok_or_else(|| Refusal::Dangling(Faults::default()).into())
}

/// Rejects a question about something that is not on record.
fn check(records: &Records, question: &Question) -> Result<(), Error> {
    let mut missing = Faults::default();
    let mut look = |pointer: &str, thing: &str, known: bool| {
        if !known {
            missing.add(pointer, FaultCode::NoSuchThing, format!("{thing} is not on record"));
        }
    };
    let company = |id| records.company(id).is_some();
    look("/company", &format!("company `{}`", question.company), company(&question.company));
    look("/chip", &format!("chip `{}`", question.chip), records.chip(&question.chip).is_some());
    if let Some(exporter) = &question.exporter {
        look("/exporter", &format!("company `{exporter}`"), company(exporter));
    }
    if missing.is_empty() { Ok(()) } else { Err(Refusal::Dangling(missing).into()) }
}

/// Stores the receipt of an answer.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn keep(write: &mut Write, receipt: &Receipt) -> Result<(), Error> {
    Ok(write.keep_receipt(receipt).await?)
}

/// Makes a new receipt id that sorts by time.
///
/// # Errors
///
/// [`Error::Store`] if the system provides no random bytes.
pub fn new_id(now: Moment) -> Result<DeterminationId, Error> {
    let unique = super::register::unique(now)?;
    DeterminationId::try_from(format!("det-{unique}").as_str())
        .map_err(|fault| Error::Store(store::Error::Unfit(fault.detail)))
}
