//! Authorities: whose permission a sale needs, on either side.

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

/// A body that decides, or an unnamed one that is said to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its id.
    pub id: AuthorityId,
    /// What it is called in English.
    pub name: Name,
    /// What it is called in other languages.
    pub names: Names,
    /// Whose authority it is.
    pub jurisdiction: Jurisdiction,
    /// The side it guards.
    pub gate: Gate,
    /// The stages its cases go through.
    pub workflow: WorkflowId,
    /// Whether it stands for regulators nobody names.
    pub unspecified: bool,
}
