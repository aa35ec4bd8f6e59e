//! Authorities: the bodies whose permission a sale needs, on either side.

use super::id::{AuthorityId, WorkflowId};
use super::jurisdiction::Jurisdiction;
use super::text::{Name, Names};
use super::vocabulary::vocabulary;

vocabulary! {
    /// The side of a sale an authority guards.
    Gate {
        /// It lets goods out.
        Export = "export",
        /// It lets goods in.
        Import = "import",
    }
}

/// A body that decides, or an unnamed one reported to do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its id.
    pub id: AuthorityId,
    /// Its English name.
    pub name: Name,
    /// Its names in other languages.
    pub names: Names,
    /// The jurisdiction it belongs to.
    pub jurisdiction: Jurisdiction,
    /// The side of the sale it decides on.
    pub gate: Gate,
    /// The workflow of its cases.
    pub workflow: WorkflowId,
    /// Whether it is a placeholder for regulators that no source names.
    pub unspecified: bool,
}
