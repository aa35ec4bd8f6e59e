//! Searching companies and chips by any name, alias or identifier, in any language.

use super::error::Error;
use super::list::Position;
use super::read::Read;
use super::statement::{Connection, Statement};
use super::table::{SideRow, SideTable, holds};
use crate::domain::spelling::folded;
use crate::domain::thing::Kind;

/// The label rows of a thing, each text once.
pub(super) fn labels<'t>(
    kind: &'static str,
    id: &'t str,
    texts: impl Iterator<Item = &'t str>,
) -> Vec<SideRow> {
    let mut seen: Vec<&str> = Vec::new();
    for text in texts.chain(std::iter::once(id)) {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    let part = |text: &str| SideRow {
        of: SideTable::Label,
        cells: vec![kind.into(), id.into(), text.into(), folded(text).into()],
    };
    seen.into_iter().map(part).collect()
}

/// The version of [`folded`]; it grows whenever its results change.
pub(super) const FOLDING: i64 = 2;
/// The number of labels folded anew at a time.
const REFOLD_BATCH: i64 = 1000;

/// Whether the stored labels are folded by this version.
pub(super) async fn are_folded(connection: &mut Connection) -> Result<bool, Error> {
    let folding = Statement::new("SELECT folding FROM head WHERE one = 1");
    Ok(connection.fetch_one::<(i64,)>(folding).await?.0 >= FOLDING)
}

/// Folds the stored labels anew if an earlier version folded them. Starts over after an interruption.
pub(super) async fn refold(connection: &mut Connection) -> Result<(), Error> {
    if are_folded(connection).await? {
        return Ok(());
    }
    let mut last: Option<(String, String, String, i64, String)> = None;
    loop {
        let mut statement = Statement::new("SELECT kind, id, text, since, folded FROM label");
        if let Some((kind, id, text, since, _)) = last {
            statement = statement.push(" WHERE (kind, id, text, since) > (").bind(kind).push(", ").bind(id);
            statement = statement.push(", ").bind(text).push(", ").bind(since).push(")");
        }
        let statement = statement.push(" ORDER BY kind, id, text, since").limit(REFOLD_BATCH);
        let mut labels: Vec<(String, String, String, i64, String)> = connection.fetch_all(statement).await?;
        for (kind, id, text, since, before) in &labels {
            let refolded = folded(text);
            if refolded == *before {
                continue;
            }
            let statement = Statement::new(
                "UPDATE label SET folded = $1 WHERE kind = $2 AND id = $3 AND text = $4 AND since = $5",
            );
            let statement =
                statement.with(refolded).with(kind.as_str()).with(id.as_str()).with(text.as_str());
            connection.execute(statement.with(*since)).await?;
        }
        last = labels.pop();
        if last.is_none() {
            break;
        }
    }
    connection.execute(Statement::new("UPDATE head SET folding = $1 WHERE one = 1").with(FOLDING)).await?;
    Ok(())
}

/// A thing that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name, alias, identifier or id that matched.
    pub matched: String,
}

/// A page of search results.
#[derive(Clone, Debug)]
pub struct FoundPage {
    /// Its items.
    pub items: Vec<Found>,
    /// The position where the page ends, if there is more.
    pub next: Option<Position>,
}

/// How well a label matches the search text.
#[derive(Clone, Copy)]
struct Fit {
    /// 0 if the label equals the text, 1 if it begins with it, 2 if it contains it elsewhere.
    place: i64,
    /// The length of the label.
    length: i64,
}

impl Fit {
    /// Parses the fit and the kind from a position's key.
    fn read(key: &str) -> Option<(Self, &str)> {
        let (place, rest) = key.split_once(' ')?;
        let (length, kind) = rest.split_once(' ')?;
        Some((Self { place: place.parse().ok()?, length: length.parse().ok()? }, kind))
    }
}

#[derive(sqlx::FromRow)]
struct FoundRow {
    kind: String,
    id: String,
    name: String,
    text: String,
    place: i64,
    length: i64,
}

impl FoundRow {
    fn position(&self) -> Position {
        Position { key: format!("{} {} {}", self.place, self.length, self.kind), id: self.id.clone() }
    }

    fn found(self) -> Result<Found, Error> {
        let kind = Kind::try_from(self.kind.as_str())
            .map_err(|fault| Error::damaged(format_args!("a label of `{}`", self.id), fault))?;
        Ok(Found { kind, id: self.id, name: self.name, matched: self.text })
    }
}

impl Read {
    /// A page of the companies and chips that have the text in a name, alias, identifier or id: exact matches
    /// first, then prefixes, then others, each by length.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], or [`Error::Unfit`] if `after` is not a position of a search.
    pub async fn search(
        &mut self,
        text: &str,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<FoundPage, Error> {
        let wanted = folded(text);
        let statement = Statement::new(
            "SELECT b.kind, b.id, b.name, b.text, b.place, b.length FROM (SELECT f.kind, f.id, f.name, f.text, f.place, f.length,
             row_number() OVER (PARTITION BY f.kind, f.id ORDER BY f.place, f.length, f.text) AS nth
             FROM (SELECT l.kind, l.id, n.name, l.text, CAST(length(l.folded) AS BIGINT) AS length,
             CAST(CASE WHEN l.folded = ",
        );
        let statement = statement.bind(wanted.as_str()).push(" THEN 0 WHEN l.folded LIKE ");
        let statement = statement.bind(format!("{}%", escaped(&wanted)));
        let statement = statement.push(" ESCAPE '!' THEN 1 ELSE 2 END AS BIGINT) AS place");
        let mut statement = self.labelled(statement, &wanted).push(") f) b WHERE b.nth = 1");
        if let Some(after) = after {
            let invalid = || Error::Unfit(format!("`{}` is no position of a search", after.key));
            let (Fit { place, length }, kind) = Fit::read(&after.key).ok_or_else(invalid)?;
            statement = statement.push(" AND (b.place, b.length, b.kind, b.id) > (").bind(place).push(", ");
            statement =
                statement.bind(length).push(", ").bind(kind).push(", ").bind(after.id.as_str()).push(")");
        }
        let statement = statement.push(" ORDER BY b.place, b.length, b.kind, b.id").limit(limit + 1);
        let mut rows: Vec<FoundRow> = self.connection.fetch_all(statement).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(FoundRow::position);
        let items = rows.into_iter().map(FoundRow::found).collect::<Result<_, _>>()?;
        Ok(FoundPage { items, next })
    }

    /// The number of companies and chips that a search finds.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn search_count(&mut self, text: &str) -> Result<i64, Error> {
        let statement = Statement::new("SELECT count(*) FROM (SELECT DISTINCT l.kind, l.id");
        let statement = self.labelled(statement, &folded(text)).push(") f");
        Ok(self.connection.fetch_one::<(i64,)>(statement).await?.0)
    }

    /// Adds the `FROM` clause: the labels `l` that contain a text, and their things `n`.
    fn labelled(&self, statement: Statement, wanted: &str) -> Statement {
        let statement = statement
            .push(" FROM label l JOIN (SELECT 'company' AS kind, c.id, c.name FROM company c WHERE ");
        let statement =
            holds(statement, "c", self.at).push(" UNION ALL SELECT 'chip', p.id, p.name FROM chip p WHERE ");
        let statement = holds(statement, "p", self.at).push(") n ON n.kind = l.kind AND n.id = l.id WHERE ");
        let statement = holds(statement, "l", self.at).push(" AND l.folded LIKE ");
        statement.bind(format!("%{}%", escaped(wanted))).push(" ESCAPE '!'")
    }
}

/// Text escaped by `!` for a `LIKE` pattern.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
