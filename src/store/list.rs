//! Lists: filtered, sorted and paged by key, at any revision.

use super::approvals::standing;
use super::bundle::{filed, items_of};
use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::table::{At, Filed, Stored, holds};
use crate::domain::approval::Standing;
use crate::domain::fault::Fault;
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::Date;
use crate::domain::vocabulary::Vocabulary;

/// The type of a filter's values.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Ids.
    Id,
    /// Ids of stages.
    Stage,
    /// ISO 3166-1 alpha-2 codes.
    Jurisdiction,
    /// Words of a closed list.
    Words(fn() -> Vec<&'static str>),
    /// Any text.
    Text,
    /// Dates.
    Date,
    /// `true` or `false`.
    Boolean,
}

/// The words of a closed list.
pub(super) fn words<V: Vocabulary>() -> Vec<&'static str> {
    V::ALL.iter().map(|word| word.as_str()).collect()
}

/// A parameter that restricts a list.
#[derive(Debug)]
pub struct Filter {
    /// Its name, that of a field.
    pub name: &'static str,
    /// The type of its values.
    pub takes: Takes,
    /// Its description.
    pub about: &'static str,
    meaning: Meaning,
}

#[derive(Debug)]
enum Meaning {
    /// The column equals one of the values.
    Equal(&'static str),
    /// The case's company, chip or authority is one of the values.
    Party(Kind),
    /// The column contains one of the words.
    Word(&'static str),
    /// The named authority has one of the values in this column.
    OfAuthority(&'static str),
    /// The stage has one of these phases in the authority's workflow.
    Phase,
    /// The company is a buyer, or has a case or a movement.
    Buys,
}

impl Filter {
    pub(super) const fn equal(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, takes, about, meaning: Meaning::Equal(name) }
    }

    /// Cases by the company, chip or authority in the field of that name.
    pub(super) const fn party(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, takes: Takes::Id, about, meaning: Meaning::Party(kind) }
    }

    pub(super) const fn word(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, takes, about, meaning: Meaning::Word(name) }
    }

    pub(super) const fn of_authority(name: &'static str, takes: Takes, about: &'static str) -> Self {
        Self { name, takes, about, meaning: Meaning::OfAuthority(name) }
    }

    pub(super) const fn phase(takes: Takes, about: &'static str) -> Self {
        Self { name: "phase", takes, about, meaning: Meaning::Phase }
    }

    /// The companies that have a row on the board.
    pub(super) const fn buys() -> Self {
        let about = "Companies that buy, or have an approval or a movement.";
        Self { name: "buys", takes: Takes::Boolean, about, meaning: Meaning::Buys }
    }

    pub(super) fn add_to(&self, statement: Statement, at: At, values: &[String]) -> Statement {
        let statement = statement.push(" AND ");
        match self.meaning {
            Meaning::Equal(column) => {
                self.bind(statement.push("t.").push(column).push(" IN ("), values).push(")")
            }
            Meaning::Party(kind) => {
                let named = self.bind(statement.push("t.").push(self.name).push(" IN ("), values).push(")");
                // A single value drives the list already, and an authority has so many cases that the look-up
                // excludes few.
                if at.newest || values.len() == 1 || kind == Kind::Authority {
                    return named;
                }
                cases_naming(named.push(" AND t.id IN ("), kind, values.iter().map(String::as_str)).push(")")
            }
            Meaning::Word(column) => {
                let any = values.iter().enumerate().fold(statement.push("("), |statement, (index, value)| {
                    let or = if index > 0 { " OR t." } else { "t." };
                    statement.push(or).push(column).push(" LIKE ").bind(format!("% {value} %"))
                });
                any.push(")")
            }
            Meaning::OfAuthority(column) => {
                let of = statement.push("EXISTS (SELECT 1 FROM authority au WHERE au.id = t.authority AND ");
                self.bind(holds(of, "au", at).push(" AND au.").push(column).push(" IN ("), values).push("))")
            }
            Meaning::Phase => {
                let of = statement.push(
                    "EXISTS (SELECT 1 FROM authority au JOIN workflow_stage ws ON ws.workflow = au.workflow
                     WHERE au.id = t.authority AND ws.stage = t.stage AND ",
                );
                let of = holds(holds(of, "au", at).push(" AND "), "ws", at);
                self.bind(of.push(" AND ws.phase IN ("), values).push("))")
            }
            Meaning::Buys => {
                let of = statement.push("(t.roles LIKE '% buyer %' OR EXISTS (SELECT 1 FROM approval bp WHERE bp.company = t.id AND ");
                let of = if at.newest { of } else { of.push(CASES_OF_COMPANY) };
                let of = holds(of, "bp", at)
                    .push(") OR EXISTS (SELECT 1 FROM movement bm WHERE bm.company = t.id AND ");
                holds(of, "bm", at).push("))")
            }
        }
    }

    /// The one thing of a kind to which all cases of the list refer, if there is only one.
    fn sole(&self, kind: Kind, values: &[String]) -> Option<ThingRef> {
        match (&self.meaning, values) {
            (Meaning::Party(of), [id]) if *of == kind => Some(ThingRef::new(kind, id)),
            _ => None,
        }
    }

    fn bind(&self, statement: Statement, values: &[String]) -> Statement {
        match self.takes {
            Takes::Boolean => statement.bind_all(values.iter().map(|value| value == "true")),
            _ => statement.bind_all(values.iter().map(String::as_str)),
        }
    }
}

/// A key by which a list can be sorted, with ties in order of id.
#[derive(Debug, PartialEq, Eq)]
pub struct SortKey {
    /// Its name in requests.
    pub name: &'static str,
    expression: Expression,
    /// Whether a list at an earlier revision can be sorted by it.
    pub at_any_revision: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Expression {
    Id,
    Text(&'static str),
    TextOrNull(&'static str),
    Since,
}

impl SortKey {
    /// The id.
    pub const BY_ID: &'static Self = &Self::ID;
    pub(super) const ID: Self = Self { name: "id", expression: Expression::Id, at_any_revision: true };
    pub(super) const NAME: Self =
        Self { name: "name", expression: Expression::Text("name"), at_any_revision: true };
    pub(super) const CHANGED: Self =
        Self { name: "changed", expression: Expression::Since, at_any_revision: false };

    /// A column that is never null.
    pub(super) const fn text(name: &'static str, column: &'static str) -> Self {
        Self { name, expression: Expression::Text(column), at_any_revision: false }
    }

    /// A column that may be null; nulls come first.
    pub(super) const fn text_or_null(name: &'static str, column: &'static str) -> Self {
        Self { name, expression: Expression::TextOrNull(column), at_any_revision: false }
    }

    pub(super) fn add_to(&self, statement: Statement) -> Statement {
        match self.expression {
            Expression::Id => statement.push("t.id"),
            Expression::Text(column) => statement.push("t.").push(column),
            Expression::TextOrNull(column) => statement.push("COALESCE(t.").push(column).push(", '')"),
            Expression::Since => statement.push("t.since"),
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The key.
    pub key: &'static SortKey,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

/// Where a page ends: the sort key and id of its last item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sort key as text.
    pub key: String,
    /// The id.
    pub id: String,
}

/// A thing whose kind can be listed.
pub trait Listing: Stored {
    /// The filters of the list.
    const FILTERS: &'static [Filter];
    /// The sort keys; the first is the default.
    const SORTS: &'static [SortKey];

    /// Adds the table the list reads from, as `t`. `_on` is the day for which to compute the standing of
    /// cases; `_by` is a thing to which all cases of the list refer, for looking them up.
    #[doc(hidden)]
    #[must_use]
    fn source(statement: Clause, _at: At, _on: Option<Date>, _by: Option<&ThingRef>) -> Clause {
        Clause(statement.0.push(Self::TABLE.name).push(" t"))
    }

    /// The columns of a thing's standing.
    #[doc(hidden)]
    const STANDING: &'static str = NO_STANDING;
}

/// A statement being put together.
#[doc(hidden)]
pub struct Clause(pub(super) Statement);

/// A query for a page of a list.
#[derive(Clone, Debug)]
pub struct Query {
    /// The day for which to compute the standing of cases; the present if `None`.
    pub on: Option<Date>,
    /// The filters and their values.
    pub filters: Vec<(&'static Filter, Vec<String>)>,
    /// The order.
    pub sort: Sort,
    /// The position where the previous page ended.
    pub after: Option<Position>,
    /// The most items.
    pub limit: i64,
}

/// One item of a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its document.
    pub filed: Filed,
    /// Its standing on the requested day, if there was one.
    pub standing: Option<Standing>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its items.
    pub items: Vec<Listed>,
    /// The position where the page ends, if there is more.
    pub next: Option<Position>,
}

/// The columns of an item, from a query `q`.
const ITEM: [&str; 7] = [
    "q.id",
    "q.since",
    "q.sort_text",
    "COALESCE(q.stage, '')",
    "COALESCE(q.stage_since, '')",
    "q.disputed",
    "q.document",
];

struct Item<'t> {
    filed: Filed,
    sort_text: &'t str,
    standing: [&'t str; 3],
}

impl<'t> Item<'t> {
    fn read(
        [id, since, sort_text, stage, stage_since, disputed, document]: [&'t str; 7],
    ) -> Result<Self, Error> {
        let filed = filed([id, since, document])?;
        Ok(Self { filed, sort_text, standing: [stage, stage_since, disputed] })
    }

    fn listed<T: Stored>(self) -> Result<Listed, Error> {
        let damaged = |fault: Fault| {
            Error::damaged(format_args!("the stage of {} `{}`", T::TABLE.name, self.filed.id), fault)
        };
        let asked = Some(self.standing).filter(|[stage, ..]| !stage.is_empty());
        let standing = asked.map(standing).transpose().map_err(damaged)?;
        Ok(Listed { filed: self.filed, standing })
    }
}

impl Read {
    /// A page of a list.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn list<T: Listing>(&mut self, query: &Query) -> Result<Page, Error> {
        let standing = if query.on.is_some() { T::STANDING } else { NO_STANDING };
        let statement = Statement::new("SELECT t.id, t.since, t.document, CAST(");
        let statement =
            query.sort.key.add_to(statement).push(" AS TEXT) AS sort_text, ").push(standing).push(" FROM ");
        let statement = ordered(narrowed::<T>(statement, self.at, query), query);
        let statement = Statement::new("(").append(statement).push(") q");
        let [items] = self.bundled([items_of(&ITEM, statement)]).await?;
        let items = items.fields().map(|item| Item::read(item?));
        let mut items = items.collect::<Result<Vec<_>, _>>()?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|item| Position { key: item.sort_text.to_owned(), id: item.filed.id.clone() });
        let items = items.into_iter().map(Item::listed::<T>).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// The number of items of a list.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn count<T: Listing>(&mut self, query: &Query) -> Result<i64, Error> {
        let statement = narrowed::<T>(Statement::new("SELECT count(*) FROM "), self.at, query);
        Ok(self.connection.fetch_one::<(i64,)>(statement).await?.0)
    }
}

/// Adds the table of a list, restricted by the filters of a query.
pub(super) fn narrowed<T: Listing>(statement: Statement, at: At, query: &Query) -> Statement {
    // At earlier revisions cases are looked up by a reference, the most selective kind first.
    let kinds = [Kind::Company, Kind::Chip, Kind::Authority].into_iter().filter(|_| !at.newest);
    let by = kinds
        .flat_map(|kind| query.filters.iter().filter_map(move |(filter, values)| filter.sole(kind, values)))
        .next();
    let Clause(statement) = T::source(Clause(statement), at, query.on, by.as_ref());
    let held = holds(statement.push(" WHERE "), "t", at);
    query.filters.iter().fold(held, |statement, (filter, values)| filter.add_to(statement, at, values))
}

/// Adds a query for the cases that have referred, at any revision, to some things of a kind.
pub(super) fn cases_naming<'i>(
    statement: Statement,
    kind: Kind,
    ids: impl IntoIterator<Item = &'i str>,
) -> Statement {
    let statement =
        statement.push("SELECT r.from_id FROM reference r WHERE r.to_kind = ").bind(kind.as_str());
    statement.push(" AND r.to_id IN (").bind_all(ids).push(") AND r.from_kind = 'approval'")
}

/// The same for a company `t` whose cases are called `bp`.
const CASES_OF_COMPANY: &str = "bp.id IN (SELECT r.from_id FROM reference r
    WHERE r.to_kind = 'company' AND r.to_id = t.id AND r.from_kind = 'approval') AND ";

/// Adds position, order and limit of a query, with one item more to tell whether there is a next page.
pub(super) fn ordered(mut statement: Statement, query: &Query) -> Statement {
    let (beyond, order) = if query.sort.descending { (" < (", " DESC") } else { (" > (", "") };
    if let Some(after) = &query.after {
        statement = query.sort.key.add_to(statement.push(" AND (")).push(", t.id)").push(beyond);
        statement = match query.sort.key.expression {
            Expression::Since => statement.bind(after.key.parse::<i64>().unwrap_or_default()),
            _ => statement.bind(after.key.as_str()),
        };
        statement = statement.push(", ").bind(after.id.as_str()).push(")");
    }
    statement = statement.push(" ORDER BY ");
    // Naming the id twice would sort the page once more.
    if query.sort.key.expression != Expression::Id {
        statement = query.sort.key.add_to(statement).push(order).push(", ");
    }
    statement.push("t.id").push(order).limit(query.limit + 1)
}

const NO_STANDING: &str =
    "CAST(NULL AS TEXT) AS stage, CAST(NULL AS TEXT) AS stage_since, CAST(0 AS BIGINT) AS disputed";
