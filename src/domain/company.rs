//! Companies: who buys, designs, makes and distributes chips.

use super::fault::{FaultCode, Faults};
use super::id::CompanyId;
use super::identifier::Identifier;
use super::jurisdiction::Jurisdiction;
use super::text::{Name, Names};
use super::vocabulary::vocabulary;

vocabulary! {
    /// What a company does with chips.
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
    /// What it is usually called in English.
    pub name: Name,
    /// What it is called in other languages.
    pub names: Names,
    /// Where it has its seat.
    pub jurisdiction: Jurisdiction,
    /// What it does with chips.
    pub roles: Vec<CompanyRole>,
    /// The numbers and symbols the world knows it by.
    pub identifiers: Vec<Identifier>,
    /// Other names it is found under.
    pub aliases: Vec<Name>,
    /// The company it belongs to.
    pub parent: Option<CompanyId>,
}

impl Company {
    /// What contradicts itself in the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.parent.as_ref() == Some(&self.id) {
            faults.add("/parent", FaultCode::Inconsistent, "a company cannot be its own parent");
        }
        faults
    }
}
