//! Chips, and the figures that decide how they are controlled.

use super::id::{ChipId, CompanyId};
use super::jurisdiction::Jurisdiction;
use super::number::Figure;
use super::text::{Name, Reference};
use super::time::Date;

/// A chip, as distinguished by licences: `H200 SXM` and `H200 NVL` are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Its id.
    pub id: ChipId,
    /// Its designer's name for it.
    pub name: Name,
    /// Its designer.
    pub designer: CompanyId,
    /// The jurisdiction where it was designed; it is domestic there.
    pub origin: Jurisdiction,
    /// Other names to find it by.
    pub aliases: Vec<Name>,
    /// Its figures, as far as they are known.
    pub specification: Specification,
    /// The export control classification number its maker publishes.
    pub eccn_published: Option<Reference>,
}

/// A chip's figures, `None` where unknown.
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
    /// The date from which it has been commercially available in the United States.
    pub commercially_available_us_on: Option<Date>,
}
