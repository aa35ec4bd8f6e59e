//! The change feed: every revision once, in order, never split.

use super::Error;
use crate::domain::record::{Change, Revision};
use crate::store::{ChangeFilter, Read};

/// Most revisions one page reads, so that a filter that matches little stays cheap.
const REACH: i64 = 10_000;

/// A change and its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The change.
    pub change: Change,
    /// Its revision.
    pub revision: Revision,
}

/// A page of the feed.
#[derive(Clone, Debug)]
pub struct FeedPage {
    /// The matching changes, of whole revisions.
    pub items: Vec<Entry>,
    /// The last revision read; the next page starts after it.
    pub next: i64,
}

/// Reads the changes after a revision, in order: about `limit` of them, but never part of a revision.
///
/// # Errors
///
/// [`Error::Store`] if the register cannot be read.
pub async fn page(
    read: &mut Read,
    after: i64,
    limit: i64,
    narrowing: &ChangeFilter,
) -> Result<FeedPage, Error> {
    let newest = read.at().revision;
    let reach = newest.min(after + REACH);
    let end = read.page_end((after, reach), limit, narrowing).await?.unwrap_or(reach);
    let next = end.max(after);
    let changes = read.changes_between(after + 1, next, narrowing).await?;
    let items = with_revisions(read, changes).await?;
    Ok(FeedPage { items, next })
}

/// Changes together with their revisions.
///
/// # Errors
///
/// [`Error::Store`] if the register cannot be read.
pub async fn with_revisions(read: &mut Read, changes: Vec<Change>) -> Result<Vec<Entry>, Error> {
    let mut numbers: Vec<i64> = changes.iter().map(|change| change.revision).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let revisions = read.revisions_numbered(&numbers).await?;
    let of = |number: i64| revisions.iter().find(|revision| revision.number == number).cloned();
    Ok(changes
        .into_iter()
        .filter_map(|change| Some(Entry { revision: of(change.revision)?, change }))
        .collect())
}
