//! Storage of conditions.

use super::list::{Filter, Listing, SortKey, Takes, words};
use super::table::{Cells, Stored, Table};
use crate::domain::condition::{Condition, ConditionKind, ConditionStatus, Force};
use crate::domain::vocabulary::Vocabulary as _;

impl Stored for Condition {
    const TABLE: Table = Table {
        name: "condition",
        identity: "condition_identity",
        columns: &[
            "authority",
            "approval",
            "company",
            "chip",
            "kind",
            "force",
            "status",
            "in_force_from",
            "in_force_until",
            "met_on",
            "period",
        ],
    };

    fn cells(&self) -> Cells {
        let scope = &self.scope;
        Cells(vec![
            scope.authority.as_ref().map(ToString::to_string).into(),
            scope.approval.as_ref().map(ToString::to_string).into(),
            scope.company.as_ref().map(ToString::to_string).into(),
            scope.chip.as_ref().map(ToString::to_string).into(),
            self.terms.kind().as_str().into(),
            self.force.as_str().into(),
            self.status.as_str().into(),
            self.in_force_from.into(),
            self.in_force_until.into(),
            self.met_on.as_ref().map(ToString::to_string).into(),
            self.terms.period().map(|period| period.to_string()).into(),
        ])
    }
}

impl Listing for Condition {
    const FILTERS: &'static [Filter] = &[
        Filter::equal("id", Takes::Id, "Conditions with these ids."),
        Filter::equal("authority", Takes::Id, "Conditions whose scope names these authorities."),
        Filter::equal("approval", Takes::Id, "Conditions whose scope names these approvals."),
        Filter::equal("company", Takes::Id, "Conditions whose scope names these companies."),
        Filter::equal("chip", Takes::Id, "Conditions whose scope names these chips."),
        Filter::equal("kind", Takes::Words(words::<ConditionKind>), "Conditions of these kinds."),
        Filter::equal("force", Takes::Words(words::<Force>), "Conditions that bind so strongly."),
        Filter::equal("status", Takes::Words(words::<ConditionStatus>), "Conditions of this status."),
    ];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::CHANGED];
}
