//! Cache of serialised board rows, kept across revisions.
//!
//! A row holds a company's answers for every chip. Most revisions affect one company, so only its row is
//! dropped. Where a change's effect is not plain from its kind and content, all rows are.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::Error;
use super::board::{AsOf, CellFilter, Page, Row, listed, rows_of};
use crate::domain::id::CompanyId;
use crate::domain::record::Change;
use crate::domain::thing::Kind;
use crate::store::{ChangeFilter, Position, Query, Read};

/// Above this many changes all rows are dropped, without examining each change.
const MOST_CHANGES: i64 = 1000;

/// A page of serialised rows.
#[derive(Clone, Debug)]
pub struct WrittenPage {
    /// Its rows.
    pub rows: Vec<Arc<str>>,
    /// Position to continue from, if there is more.
    pub next: Option<Position>,
}

/// The cached rows, all valid at one revision.
#[derive(Debug)]
pub struct Rows {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The epoch and revision they are valid at.
    at: Option<(String, i64)>,
    rows: HashMap<CompanyId, Arc<str>>,
    bytes: usize,
}

impl Kept {
    fn forget(&mut self, company: &CompanyId) {
        if let Some(row) = self.rows.remove(company) {
            self.bytes -= row.len();
        }
    }

    fn clear(&mut self) {
        *self = Self { at: self.at.take(), ..Self::default() };
    }
}

impl Rows {
    /// A cache of at most `capacity` bytes; 0 disables it.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing here can panic halfway.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a page of the board. Only unfiltered boards of the present use the cache.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn page(
        &self,
        read: &mut Read,
        companies: &Query,
        narrowed: &CellFilter,
        as_of: AsOf,
        written: fn(&Row) -> String,
    ) -> Result<WrittenPage, Error> {
        if self.capacity == 0 || !as_of.present || !narrowed.is_nothing() {
            let Page { rows, next } = super::board::page(read, companies, narrowed, as_of).await?;
            return Ok(WrittenPage { rows: rows.iter().map(|row| written(row).into()).collect(), next });
        }
        self.follow(read).await?;
        let (listed, next) = listed(read, companies).await?;
        let mut rows = self.known(read, &listed);
        let missing: Vec<CompanyId> = listed.iter().filter(|id| !rows.contains_key(id)).cloned().collect();
        let made = rows_of(read, missing, narrowed, as_of).await?;
        let made: Vec<_> = made.iter().map(|row| (row.company.clone(), Arc::from(written(row)))).collect();
        self.keep(read, &made);
        rows.extend(made);
        Ok(WrittenPage { rows: listed.iter().filter_map(|id| rows.remove(id)).collect(), next })
    }

    /// Drops the rows that changed since the cache's revision, and advances it to that of the read.
    async fn follow(&self, read: &mut Read) -> Result<(), Error> {
        let now = (read.head().epoch.clone(), read.at().revision);
        let before = self.kept().at.clone();
        let changed = match &before {
            // A read of an earlier revision builds its own rows.
            Some((epoch, revision)) if *epoch == now.0 && *revision >= now.1 => return Ok(()),
            Some((epoch, revision)) if *epoch == now.0 => changed_between(read, revision + 1, now.1).await?,
            _ => None,
        };
        let mut kept = self.kept();
        if kept.at != before {
            return Ok(());
        }
        match changed {
            Some(companies) => companies.iter().for_each(|company| kept.forget(company)),
            None => kept.clear(),
        }
        kept.at = Some(now);
        Ok(())
    }

    /// The cached rows of companies, if the cache is at the revision of the read.
    fn known(&self, read: &Read, companies: &[CompanyId]) -> HashMap<CompanyId, Arc<str>> {
        let kept = self.kept();
        if !is_at(&kept, read) {
            return HashMap::new();
        }
        let row = |id: &CompanyId| Some((id.clone(), Arc::clone(kept.rows.get(id)?)));
        companies.iter().filter_map(row).collect()
    }

    fn keep(&self, read: &Read, rows: &[(CompanyId, Arc<str>)]) {
        let mut kept = self.kept();
        if !is_at(&kept, read) {
            return;
        }
        for (company, row) in rows {
            kept.forget(company);
            if kept.bytes + row.len() > self.capacity {
                kept.clear();
            }
            if row.len() <= self.capacity {
                kept.bytes += row.len();
                kept.rows.insert(company.clone(), Arc::clone(row));
            }
        }
    }
}

fn is_at(kept: &Kept, read: &Read) -> bool {
    kept.at
        .as_ref()
        .is_some_and(|(epoch, revision)| *epoch == read.head().epoch && *revision == read.at().revision)
}

/// The companies whose answers may have changed from revision `first` to `last`; `None` if any may have.
async fn changed_between(
    read: &mut Read,
    first: i64,
    last: i64,
) -> Result<Option<BTreeSet<CompanyId>>, Error> {
    let everything = ChangeFilter::default();
    if read.page_end((first - 1, last), MOST_CHANGES, &everything).await?.is_some() {
        return Ok(None);
    }
    let changes = read.changes_between(first, last, &everything).await?;
    let mut touched: HashMap<(i64, i64), Vec<String>> = HashMap::new();
    for (change, thing) in read.touched_between(first, last).await? {
        if thing.kind == Kind::Company {
            touched.entry(change).or_default().push(thing.id);
        }
    }
    let mut companies = BTreeSet::new();
    for change in &changes {
        let of_change = touched.remove(&(change.revision, change.ordinal)).unwrap_or_default();
        match companies_affected(change, &of_change) {
            Some(ids) => companies.extend(ids.iter().filter_map(|id| CompanyId::try_from(id.as_str()).ok())),
            None => return Ok(None),
        }
    }
    Ok(Some(companies))
}

/// The companies whose answers a change may affect, given those it touches; `None` if any may be.
fn companies_affected(change: &Change, touched: &[String]) -> Option<Vec<String>> {
    let sides = [&change.before, &change.after].into_iter().flatten();
    match change.thing.kind {
        Kind::Company => Some(vec![change.thing.id.clone()]),
        // A report affects answers only through the approval it disputes, which changes too.
        Kind::Report => Some(Vec::new()),
        Kind::Transition | Kind::Movement => any(touched),
        Kind::Approval => sides.map(|side| unless_superseding(&document(side)?)).collect(),
        Kind::Condition => {
            let of_sides: Option<Vec<_>> = sides.map(|side| in_scope(&document(side)?, touched)).collect();
            of_sides.map(|companies| companies.concat())
        }
        Kind::Workflow | Kind::Authority | Kind::Source | Kind::Chip => None,
    }
}

fn any(companies: &[String]) -> Option<Vec<String>> {
    (!companies.is_empty()).then(|| companies.to_vec())
}

/// The company in a condition's scope, or that of the approval in its scope, which it touches.
fn in_scope(condition: &Value, touched: &[String]) -> Option<Vec<String>> {
    let scope = &condition["scope"];
    match scope["company"].as_str() {
        Some(company) => Some(vec![company.to_owned()]),
        None if scope["approval"].is_string() => any(touched),
        None => None,
    }
}

fn document(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// The company of an approval; `None` if it supersedes another, which may be of another company.
fn unless_superseding(approval: &Value) -> Option<String> {
    let company = approval["company"].as_str().filter(|_| approval["supersedes"].is_null())?;
    Some(company.to_owned())
}
