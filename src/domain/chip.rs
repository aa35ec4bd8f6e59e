//! Chips and the figures that decide how they are controlled.

use super::id::{ChipId, CompanyId};
use super::jurisdiction::Jurisdiction;
use super::number::Figure;
use super::text::{Name, Reference};
use super::time::Date;

/// A chip, at the level at which licences speak of one: `H200 SXM` and `H200 NVL` are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Its id.
    pub id: ChipId,
    /// What its designer calls it.
    pub name: Name,
    /// Who designed it.
    pub designer: CompanyId,
    /// Where it was designed; a chip is domestic to that jurisdiction.
    pub origin: Jurisdiction,
    /// Other names it is found under.
    pub aliases: Vec<Name>,
    /// Its figures, as far as they are known.
    pub specification: Specification,
    /// The export control classification number its maker publishes.
    pub eccn_published: Option<Reference>,
}

/// A chip's figures; what is not known stays unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specification {
    /// Total processing performance: dense TOPS × bit length, the highest over all bit lengths.
    pub tpp: Option<Figure>,
    /// Applicable die area, in square millimetres.
    pub die_area_mm2: Option<Figure>,
    /// Memory, in gigabytes.
    pub memory_gb: Option<Figure>,
    /// Total memory bandwidth, in gigabytes per second.
    pub memory_bandwidth_gb_s: Option<Figure>,
    /// Whether it is designed or marketed for data centres.
    pub data_centre: Option<bool>,
    /// Since when it can be bought commercially in the United States.
    pub commercially_available_us_on: Option<Date>,
}
