//! Freshness: the stale sources among those an answer is based on.

use std::collections::BTreeSet;

use crate::domain::citation::Citation;
use crate::domain::id::SourceId;

use super::context::Context;

/// The stale sources among those cited, by id.
pub(super) fn stale<'a>(
    context: &Context<'_>,
    evidence: impl Iterator<Item = &'a Citation>,
) -> Vec<SourceId> {
    let cited: BTreeSet<&SourceId> = evidence.filter_map(Citation::source).collect();
    cited.into_iter().filter(|source| context.is_stale(source)).cloned().collect()
}
