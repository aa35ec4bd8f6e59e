//! Holdings: what movements add up to, by company and chip, at any revision.

use std::collections::BTreeMap;

use super::bundle::{Items, items_of};
use super::error::Error;
use super::list::{Filter, Position, Takes};
use super::read::Read;
use super::statement::Statement;
use super::sums::{ADDED, SUMS, SumsRow, columns, read_totals};
use super::table::holds;
use crate::domain::fault::Fault;
use crate::domain::holding::{Holding, Totals};
use crate::domain::id::{ApprovalId, ChipId, CompanyId};
use crate::domain::time::Date;

/// What a list of holdings can be narrowed by.
pub const HOLDING_FILTERS: &[Filter] = &[
    Filter::equal("company", Takes::Id, "What these companies hold."),
    Filter::equal("chip", Takes::Id, "What is held of these chips."),
];

/// What all movements of a company and a chip add up to.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PairTotals {
    /// The buyer.
    pub company: String,
    /// The chip.
    pub chip: String,
    /// The sums.
    #[sqlx(flatten, try_from = "SumsRow")]
    pub totals: Totals,
}

/// A page of a list of holdings.
#[derive(Clone, Debug)]
pub struct HoldingPage {
    /// Its items, by company and chip.
    pub items: Vec<PairTotals>,
    /// Where it ends, if there is more: at a company, the key, and a chip, the id.
    pub next: Option<Position>,
}

/// The filters of a list and their values.
type Filters = [(&'static Filter, Vec<String>)];

/// A part of what a company holds of a chip.
struct PartOf<'t> {
    company: &'t str,
    chip: &'t str,
    /// An approval, or a month.
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
    /// What finds all that companies hold, for [`holdings`]: in all, and in each month in the year of a day.
    pub(super) fn held_by(&self, companies: &[CompanyId], day: Date) -> [Statement; 2] {
        let of = |statement: Statement| {
            let companies = companies.iter().map(CompanyId::as_str);
            statement.push(" AND t.company IN (").bind_all(companies).push(")")
        };
        let held = of(holds(Statement::new("holding t WHERE "), "t", self.at));
        let year: String = day.to_string().chars().take(4).collect();
        let months = Statement::new("holding_day t WHERE t.day >= ").bind(format!("{year}-01-01"));
        let months = months.push(" AND t.day <= ").bind(format!("{year}-12-31")).push(" AND ");
        let months = of(holds(months, "t", self.at)).push(" GROUP BY t.company, t.chip, substr(t.day, 1, 7)");
        let of_month = [&["t.company", "t.chip", "substr(t.day, 1, 7)"], &ADDED[..]].concat();
        [items_of(&columns("t.approval"), held), items_of(&of_month, months)]
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
        let statement =
            Statement::new("SELECT t.company, t.chip, ").push(SUMS).push(" FROM holding t WHERE ");
        let mut statement = self.held(statement, filters);
        if let Some(after) = after {
            statement = statement.push(" AND (t.company, t.chip) > (").bind(after.key.as_str());
            statement = statement.push(", ").bind(after.id.as_str()).push(")");
        }
        let statement = statement.push(" GROUP BY t.company, t.chip ORDER BY t.company, t.chip");
        let mut items: Vec<PairTotals> = self.connection.fetch_all(statement.limit(limit + 1)).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|last| Position { key: last.company.clone(), id: last.chip.clone() });
        Ok(HoldingPage { items, next })
    }

    /// How many pairs of a company and a chip have movements.
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

/// What some companies hold of chips, in every way in which a limit counts, by company and chip; pairs without
/// movements are left out. The periods are those of a day.
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
            add_month(holding, &part, &day.to_string())?;
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

/// Adds the sums of a month to those of the periods of a day that it is in.
fn add_month(holding: &mut Holding, month: &PartOf<'_>, day: &str) -> Result<(), Error> {
    let same_month = day.starts_with(month.part);
    let same_quarter = quarter(day) == quarter(month.part);
    let totals = month.totals;
    for (sum, counts) in
        [(&mut holding.month, same_month), (&mut holding.quarter, same_quarter), (&mut holding.year, true)]
    {
        if counts {
            *sum = sum.plus(totals).ok_or_else(too_great)?;
        }
    }
    Ok(())
}

/// The quarter of a day or month, from 0.
fn quarter(text: &str) -> Option<u8> {
    let month: u8 = text.get(5..7)?.parse().ok()?;
    Some(month.saturating_sub(1) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_has_four_quarters_of_three_months() {
        let quarters: Vec<Option<u8>> =
            (1..=12).map(|month| quarter(&format!("2026-{month:02}-31"))).collect();
        assert_eq!(quarters, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3].map(Some));
    }
}
