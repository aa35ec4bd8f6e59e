//! The question: may this company do this with so many of this chip?

use crate::domain::id::{ChipId, CompanyId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::Units;
use crate::domain::text::Name;
use crate::domain::time::Moment;
use crate::domain::workflow::Activity;

/// A question. What is undeclared is never taken for harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The company that wants the chips.
    pub company: CompanyId,
    /// The chip it wants.
    pub chip: ChipId,
    /// What it wants to do.
    pub activity: Activity,
    /// The number of units.
    pub units: Units,
    /// Where the chips are declared to go. Without a declaration, gates are those of the company's seat.
    pub destination: Option<Jurisdiction>,
    /// What they are declared to be used for.
    pub end_use: Option<Name>,
    /// Who is declared to use them.
    pub end_user: Option<Name>,
    /// The exporter the company wants to buy from, where licences differ by exporter.
    pub exporter: Option<CompanyId>,
    /// The moment the question is about.
    pub valid_at: Moment,
}
