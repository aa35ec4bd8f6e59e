//! Companies that buy, design, make and distribute chips.

use super::fault::{FaultCode, Faults};
use super::id::CompanyId;
use super::identifier::Identifier;
use super::jurisdiction::Jurisdiction;
use super::text::{Name, Names};
use super::vocabulary::vocabulary;

vocabulary! {
    /// A company's role in the chip trade.
    CompanyRole {
        /// Orders chips for its own use.
        Buyer = "buyer",
        /// Designs chips.
        Designer = "designer",
        /// Makes chips for designers.
        Foundry = "foundry",
        /// Makes memory.
        Memory = "memory",
        /// Passes chips on to buyers.
        Distributor = "distributor",
        /// Rents out computing.
        Cloud = "cloud",
    }
}

/// A company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its usual English name.
    pub name: Name,
    /// Its names in other languages.
    pub names: Names,
    /// The jurisdiction of its seat.
    pub jurisdiction: Jurisdiction,
    /// Its roles.
    pub roles: Vec<CompanyRole>,
    /// Its public identifiers.
    pub identifiers: Vec<Identifier>,
    /// Other names to find it by.
    pub aliases: Vec<Name>,
    /// The parent company.
    pub parent: Option<CompanyId>,
}

impl Company {
    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.parent.as_ref() == Some(&self.id) {
            faults.add("/parent", FaultCode::Inconsistent, "a company cannot be its own parent");
        }
        faults
    }
}
