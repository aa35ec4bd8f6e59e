//! Storage of companies.

use super::labels::labels;
use super::list::{Filter, Listing, SortKey, Takes, words};
use super::table::{Cells, SideRow, Stored, Table};
use crate::domain::company::{Company, CompanyRole};
use crate::domain::text::Name;
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Company {
    const TABLE: Table = Table {
        name: "company",
        identity: "company_identity",
        columns: &["name", "jurisdiction", "roles", "parent"],
    };

    fn cells(&self) -> Cells {
        // Each role between spaces, so that a filter can look for ` buyer `.
        let roles: String = self.roles.iter().flat_map(|role| [" ", role.as_str(), " "]).collect();
        Cells(vec![
            self.name.as_str().into(),
            self.jurisdiction.as_str().into(),
            roles.into(),
            self.parent.as_ref().map(ToString::to_string).into(),
        ])
    }

    fn parts(&self) -> Vec<SideRow> {
        let names =
            std::iter::once(&self.name).chain(self.names.values()).chain(&self.aliases).map(Name::as_str);
        let identifiers = self.identifiers.iter().map(|identifier| identifier.value().as_str());
        labels(Self::TABLE.name, self.id.as_str(), names.chain(identifiers))
    }
}

/// Restricts a list of companies to those with a row on the board.
pub static BOARD: Filter = Filter::buys();

impl Listing for Company {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Companies with these ids."),
        Filter::equal(
            "jurisdiction",
            Takes::Jurisdiction,
            "Companies with their seat in these jurisdictions.",
        ),
        Filter::word("roles", Takes::Words(words::<CompanyRole>), "Companies with any of these roles."),
        Filter::equal("parent", Takes::Id, "Companies that belong to these."),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::NAME, SortKey::CHANGED];
}
