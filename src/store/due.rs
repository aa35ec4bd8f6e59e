//! Due dates: which have passed, and which is next.

use super::column::Stamp;
use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::write::Write;
use crate::domain::classification::Vintage;
use crate::domain::condition::Period;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::{Date, Moment};
use crate::domain::vocabulary::Vocabulary as _;

/// Columns with a moment at which something changes: kind, table, column, and the versions that count.
const BOUNDS: [(Kind, &str, &str, &str); 5] = [
    (Kind::Approval, "approval", "valid_from", CURRENT),
    (Kind::Approval, "approval", "valid_until", CURRENT),
    (Kind::Condition, "condition", "in_force_from", COUNTING),
    (Kind::Condition, "condition", "in_force_until", COUNTING),
    (Kind::Source, "source", "stale_at", CURRENT),
];

/// The current versions.
const CURRENT: &str = " WHERE until IS NULL AND ";
/// The current versions of conditions in force; the dates of others change nothing.
const COUNTING: &str = " WHERE until IS NULL AND status = 'in_force' AND ";

/// A bound that has been passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The thing.
    pub thing: ThingRef,
    /// The field of the bound.
    pub bound: &'static str,
}

impl Write {
    /// The bounds after one moment and up to and including another.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn bounds_passed(&mut self, after: Moment, by: Moment) -> Result<Vec<Passed>, Error> {
        let mut passed = Vec::new();
        for (kind, table, column, counting) in BOUNDS {
            let statement = Statement::new("SELECT id FROM ").push(table).push(counting).push(column);
            let statement =
                statement.push(" > ").bind(after).push(" AND ").push(column).push(" <= ").bind(by);
            let rows: Vec<(String,)> =
                self.queried().await?.fetch_all(statement.push(" ORDER BY id")).await?;
            passed.extend(
                rows.into_iter().map(|(id,)| Passed { thing: ThingRef::new(kind, id), bound: column }),
            );
        }
        Ok(passed)
    }

    /// The conditions in force that are met, or begin a new period, after one day and up to and including
    /// another.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn conditions_turning(&mut self, after: Date, by: Date) -> Result<Vec<String>, Error> {
        let begun = |period: &Period| period.next(after).is_some_and(|next| next <= by);
        let begun: Vec<&'static str> =
            Period::ALL.iter().filter(|period| begun(period)).map(|period| period.as_str()).collect();
        let statement = Statement::new("SELECT id FROM condition").push(COUNTING).push("(met_on > ");
        let statement = statement.bind(after.to_string()).push(" AND met_on <= ").bind(by.to_string());
        let statement = match begun.as_slice() {
            [] => statement,
            begun => statement.push(" OR period IN (").bind_all(begun.iter().copied()).push(")"),
        };
        let rows: Vec<(String,)> = self.queried().await?.fetch_all(statement.push(") ORDER BY id")).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// The open reports dated after one day and up to and including another: company, chip and authority.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn reports_dated(
        &mut self,
        after: Date,
        by: Date,
    ) -> Result<Vec<(String, String, String)>, Error> {
        let statement = Statement::new(
            "SELECT DISTINCT company, chip, authority FROM report WHERE until IS NULL AND status = 'open'
             AND stage IS NOT NULL AND company IS NOT NULL AND chip IS NOT NULL AND authority IS NOT NULL
             AND on_date > $1 AND on_date <= $2 ORDER BY company, chip, authority",
        );
        self.queried().await?.fetch_all(statement.with(after.to_string()).with(by.to_string())).await
    }
}

impl Read {
    /// The next moment after one at which a date changes something, as known at the newest revision.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn next_due(&mut self, after: Moment) -> Result<Option<Moment>, Error> {
        let mut next: Option<Moment> = None;
        let mut earliest = |moment: Option<Moment>| next = [next, moment].into_iter().flatten().min();
        for (_, table, column, counting) in BOUNDS {
            let statement = Statement::new("SELECT min(").push(column).push(") FROM ").push(table);
            let statement = statement.push(counting).push(column).push(" > ").bind(after);
            let (found,): (Option<Stamp>,) = self.connection.fetch_one(statement).await?;
            earliest(found.map(|stamp| stamp.0));
        }
        for days in [
            Statement::new("SELECT min(valid_from) FROM stage_span WHERE until IS NULL AND valid_from > "),
            Statement::new("SELECT min(met_on) FROM condition").push(COUNTING).push("met_on > "),
            Statement::new(
                "SELECT min(on_date) FROM report WHERE until IS NULL AND status = 'open' AND stage IS NOT NULL AND on_date > ",
            ),
        ] {
            let statement = days.bind(after.date().to_string());
            let (found,): (Option<String>,) = self.connection.fetch_one(statement).await?;
            earliest(found.and_then(|date| Date::try_from(date.as_str()).ok()).map(Moment::start_of));
        }
        let periods =
            Statement::new("SELECT DISTINCT period FROM condition").push(COUNTING).push("period IS NOT NULL");
        for (period,) in self.connection.fetch_all::<(String,)>(periods).await? {
            let next = Period::named(&period).and_then(|period| period.next(after.date()));
            earliest(next.map(Moment::start_of));
        }
        if let Some(begins) = Vintage::next_after(after.date()) {
            let chips = Statement::new("SELECT id FROM chip WHERE until IS NULL LIMIT 1");
            let chip: Option<(String,)> = self.connection.fetch_optional(chips).await?;
            earliest(chip.map(|_| Moment::start_of(begins)));
        }
        Ok(next)
    }
}
