//! Storage of chips.

use super::labels::labels;
use super::list::{Filter, Listing, SortKey, Takes};
use super::table::{Cells, SideRow, Stored, Table};
use crate::domain::chip::Chip;
use crate::domain::text::Name;

impl Stored for Chip {
    const TABLE: Table = Table {
        name: "chip",
        identity: "chip_identity",
        columns: &["name", "designer", "origin", "eccn_published"],
    };

    fn cells(&self) -> Cells {
        Cells(vec![
            self.name.as_str().into(),
            self.designer.as_str().into(),
            self.origin.as_str().into(),
            self.eccn_published.as_ref().map(ToString::to_string).into(),
        ])
    }

    fn parts(&self) -> Vec<SideRow> {
        let names = std::iter::once(&self.name).chain(&self.aliases).map(Name::as_str);
        labels(Self::TABLE.name, self.id.as_str(), names)
    }
}

impl Listing for Chip {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Chips with these ids."),
        Filter::equal("designer", Takes::Id, "Chips designed by these companies."),
        Filter::equal("origin", Takes::Jurisdiction, "Chips designed in these jurisdictions."),
        Filter::equal(
            "eccn_published",
            Takes::Text,
            "Chips whose maker publishes one of these classification numbers.",
        ),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::NAME, SortKey::CHANGED];
}
