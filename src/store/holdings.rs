//! Holdings: the sums of movements by company and chip, at any revision.

use std::collections::BTreeMap;

use super::bundle::{Items, items_of};
use super::error::Error;
use super::list::{Filter, Position, Takes};
use super::read::Read;
use super::statement::Statement;
use super::sums::{ADDED, SUMS, read_totals};
use super::table::holds;
use crate::domain::condition::Period;
use crate::domain::fault::Fault;
use crate::domain::holding::{Holding, Totals};
use crate::domain::id::{ApprovalId, ChipId, CompanyId};
use crate::domain::time::Date;

/// The filters of the list of holdings.
pub const HOLDING_FILTERS: &[Filter] = &[
    Filter::equal("company", Takes::Id, "What these companies hold."),
    Filter::equal("chip", Takes::Id, "What is held of these chips."),
];

/// The sums of all movements of a company and a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairTotals {
    /// The buyer.
    pub company: String,
    /// The chip.
    pub chip: String,
    /// The sums.
    pub totals: Totals,
}

impl PairTotals {
    fn read([company, chip, sums @ ..]: [&str; 7]) -> Result<Self, Error> {
        Ok(Self { company: company.to_owned(), chip: chip.to_owned(), totals: read_totals(sums)? })
    }
}

/// A page of a list of holdings.
#[derive(Clone, Debug)]
pub struct HoldingPage {
    /// Its items, by company and chip.
    pub items: Vec<PairTotals>,
    /// The position where the page ends (company as key, chip as id), if there is more.
    pub next: Option<Position>,
}

/// The filters of a list and their values.
type Filters = [(&'static Filter, Vec<String>)];

/// A part of what a company holds of a chip.
struct PartOf<'t> {
    company: &'t str,
    chip: &'t str,
    /// An approval, or a day of the month.
    part: &'t str,
    totals: Totals,
}

impl<'t> PartOf<'t> {
    fn read([company, chip, part, sums @ ..]: [&'t str; 8]) -> Result<Self, Error> {
        Ok(Self { company, chip, part, totals: read_totals(sums)? })
    }

    fn pair(&self) -> Result<(CompanyId, ChipId), Error> {
        Ok((
            CompanyId::try_from(self.company).map_err(|fault| damaged(&fault))?,
            ChipId::try_from(self.chip).map_err(|fault| damaged(&fault))?,
        ))
    }
}

fn damaged(fault: &Fault) -> Error {
    Error::damaged("a holding", fault)
}

fn too_great() -> Error {
    Error::damaged("a holding", "adds up to more than can be held")
}

impl Read {
    /// The queries for all that companies hold, for [`holdings`]: by approval, and by month in the year of a
    /// day.
    pub(super) fn held_by(&self, companies: &[CompanyId], day: Date) -> [Statement; 2] {
        let of = |statement: Statement| {
            let companies = companies.iter().map(CompanyId::as_str);
            statement.push(" AND t.company IN (").bind_all(companies).push(")")
        };
        let held = of(holds(Statement::new("holding t WHERE "), "t", self.at));
        let months =
            Statement::new("holding_day t WHERE t.day >= ").bind(Period::Year.first(day).to_string());
        let months = match Period::Year.next(day) {
            Some(next) => months.push(" AND t.day < ").bind(next.to_string()),
            None => months,
        };
        let months = of(holds(months.push(" AND "), "t", self.at));
        let months = months.push(" GROUP BY t.company, t.chip, substr(t.day, 1, 7)");
        let of_approval = [&["company", "chip", "approval"], &SUMS[..]].concat();
        let of_month = [&["t.company", "t.chip", "MIN(t.day)"], &ADDED[..]].concat();
        [items_of(&of_approval, held), items_of(&of_month, months)]
    }

    /// A page of what companies hold of chips, by company and chip.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn holding_page(
        &mut self,
        filters: &Filters,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<HoldingPage, Error> {
        let mut statement = self.held(Statement::new("holding t WHERE "), filters);
        if let Some(after) = after {
            statement = statement.push(" AND (t.company, t.chip) > (").bind(after.key.as_str());
            statement = statement.push(", ").bind(after.id.as_str()).push(")");
        }
        let statement = statement.push(" GROUP BY t.company, t.chip ORDER BY t.company, t.chip");
        let of_pair = [&["t.company", "t.chip"], &ADDED[..]].concat();
        let [found] = self.bundled([items_of(&of_pair, statement.limit(limit + 1))]).await?;
        let mut items = found.fields().map(|item| PairTotals::read(item?)).collect::<Result<Vec<_>, _>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|last| Position { key: last.company.clone(), id: last.chip.clone() });
        Ok(HoldingPage { items, next })
    }

    /// The number of pairs of a company and a chip that have movements.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn holding_count(&mut self, filters: &Filters) -> Result<i64, Error> {
        let statement =
            Statement::new("SELECT count(*) FROM (SELECT DISTINCT t.company, t.chip FROM holding t WHERE ");
        let statement = self.held(statement, filters).push(") pairs");
        Ok(self.connection.fetch_one::<(i64,)>(statement).await?.0)
    }

    fn held(&self, statement: Statement, filters: &Filters) -> Statement {
        let held = holds(statement, "t", self.at);
        filters.iter().fold(held, |statement, (filter, values)| filter.add_to(statement, self.at, values))
    }
}

/// The holdings of companies, by company and chip, with every sum that limits use; pairs without movements
/// are left out. The periods are those that contain `day`.
pub(super) fn holdings(held: &Items, months: &Items, day: Date) -> Result<Vec<Holding>, Error> {
    let mut holdings: BTreeMap<(CompanyId, ChipId), Holding> = BTreeMap::new();
    for item in held.fields() {
        let part = PartOf::read(item?)?;
        let pair = part.pair()?;
        let none = || Holding::none(pair.0.clone(), pair.1.clone());
        add_approval(holdings.entry(pair.clone()).or_insert_with(none), &part)?;
    }
    for item in months.fields() {
        let part = PartOf::read(item?)?;
        if let Some(holding) = holdings.get_mut(&part.pair()?) {
            add_month(holding, &part, day)?;
        }
    }
    Ok(holdings.into_values().collect())
}

fn add_approval(holding: &mut Holding, part: &PartOf<'_>) -> Result<(), Error> {
    let totals = part.totals;
    holding.all = holding.all.plus(totals).ok_or_else(too_great)?;
    if part.part.is_empty() {
        holding.unattributed = totals;
    } else {
        holding.by_approval.insert(ApprovalId::try_from(part.part).map_err(|fault| damaged(&fault))?, totals);
    }
    Ok(())
}

/// Adds the sums of a month to those periods of a day that contain it.
fn add_month(holding: &mut Holding, month: &PartOf<'_>, day: Date) -> Result<(), Error> {
    let of_month = Date::try_from(month.part).map_err(|fault| damaged(&fault))?;
    for (sum, period) in [
        (&mut holding.month, Period::Month),
        (&mut holding.quarter, Period::Quarter),
        (&mut holding.year, Period::Year),
    ] {
        if period.first(of_month) == period.first(day) {
            *sum = sum.plus(month.totals).ok_or_else(too_great)?;
        }
    }
    Ok(())
}
