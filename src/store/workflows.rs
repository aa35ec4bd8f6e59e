//! Storage of workflows.

use super::list::{Filter, Listing, SortKey, Takes};
use super::table::{Cells, SideRow, SideTable, Stored, Table};
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Workflow;

impl Stored for Workflow {
    const TABLE: Table = Table { name: "workflow", identity: "workflow_identity", columns: &["name"] };

    fn cells(&self) -> Cells {
        Cells(vec![self.name.as_str().into()])
    }

    fn parts(&self) -> Vec<SideRow> {
        let part = |stage: &crate::domain::workflow::Stage| SideRow {
            of: SideTable::WorkflowStage,
            cells: vec![self.id.as_str().into(), stage.id.as_str().into(), stage.phase.as_str().into()],
        };
        self.stages.iter().map(part).collect()
    }
}

impl Listing for Workflow {
    const FILTERS: &'static [Filter] = &[Filter::equal("id", Takes::Id, "Workflows with these ids.")];
    const SORTS: &'static [SortKey] = &[SortKey::ID, SortKey::NAME, SortKey::CHANGED];
}
