//! The sample register: real, dated events, embedded in the program.

use super::import::{atomic, maker, tell};
use super::{Error, output};
use crate::app::{Register, Wanted};
use crate::config;

/// The parts of the sample, parents first.
const PARTS: [&str; 10] = [
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
];

/// Puts the sample on record if the register has no revisions.
pub(super) async fn load(register: &Register) -> Result<(), Error> {
    let newest = register.read(Wanted::Newest).await?.head().revision;
    if newest > 0 {
        output::tell("the register is not empty, so the sample is left out");
        return Ok(());
    }
    let reason = config::reason("the sample register").map_err(Error::Failed)?;
    let outcome = atomic(register, maker(register, Some(reason))?, PARTS.concat().as_bytes()).await?;
    if outcome.failed > 0 {
        tell(&outcome);
        return Err(Error::Failed("the sample register was not taken".to_owned()));
    }
    if outcome.created == 0 {
        output::tell("another service has just loaded the sample register");
    } else {
        output::tell(format_args!("loaded the sample register: {} things", outcome.created));
    }
    Ok(())
}
