//! Storage of sources.

use super::list::{Filter, Listing, SortKey, Takes};
use super::table::{Cells, Stored, Table};
use crate::domain::source::Source;

impl Stored for Source {
    const TABLE: Table = Table {
        name: "source",
        identity: "source_identity",
        columns: &["publisher", "title", "published_on", "language", "republishes", "stale_at"],
    };

    fn cells(&self) -> Cells {
        Cells(vec![
            self.publisher.as_str().into(),
            self.title.as_str().into(),
            self.published_on.as_ref().map(ToString::to_string).into(),
            self.language.as_ref().map(ToString::to_string).into(),
            self.republishes.as_ref().map(ToString::to_string).into(),
            self.stale_at().into(),
        ])
    }
}

impl Listing for Source {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Sources with these ids."),
        Filter::equal("publisher", Takes::Text, "Sources of these publishers."),
        Filter::equal("language", Takes::Text, "Sources in these languages."),
        Filter::equal("published_on", Takes::Date, "Sources published on these days."),
        Filter::equal("republishes", Takes::Id, "Sources that republish or relay these."),
    ];
    const SORTS: &'static [SortKey] = &[
        SortKey::ID,
        SortKey::text_or_null("published_on", "published_on"),
        SortKey::text_or_null("title", "title"),
        SortKey::CHANGED,
    ];
}
