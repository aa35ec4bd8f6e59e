//! The question: may this company do this with so many of this chip?

use crate::domain::id::{ChipId, CompanyId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::Units;
use crate::domain::text::Name;
use crate::domain::time::Moment;
use crate::domain::workflow::Activity;

/// A question. Anything undeclared is unknown, never assumed harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The company that wants the chips.
    pub company: CompanyId,
    /// The chip it wants.
    pub chip: ChipId,
    /// The activity.
    pub activity: Activity,
    /// The number of units.
    pub units: Units,
    /// The declared destination. Without one, the gates are those of the company's seat.
    pub destination: Option<Jurisdiction>,
    /// The declared end use.
    pub end_use: Option<Name>,
    /// The declared end user.
    pub end_user: Option<Name>,
    /// The exporter the company wants to buy from, where licences differ by exporter.
    pub exporter: Option<CompanyId>,
    /// The moment the question is about.
    pub valid_at: Moment,
}
