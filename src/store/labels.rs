//! Searching companies and chips by any name, alias or identifier, in any language.

use super::error::Error;
use super::read::Read;
use super::statement::Statement;
use super::table::{Part, PartTable, holds};
use crate::domain::thing::Kind;

/// The rows by which a thing is found: each text once.
pub(super) fn labels<'t>(kind: &'static str, id: &'t str, texts: impl Iterator<Item = &'t str>) -> Vec<Part> {
    let mut seen: Vec<&str> = Vec::new();
    for text in texts.chain(std::iter::once(id)) {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    let part = |text: &str| Part {
        of: PartTable::Label,
        cells: vec![kind.into(), id.into(), text.into(), folded(text).into()],
    };
    seen.into_iter().map(part).collect()
}

/// Text as it is compared: in lower case, whatever the script.
fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// A thing that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The name, alias or identifier by which it was found.
    pub matched: String,
}

impl Read {
    /// The companies and chips that have the text in a name, alias or identifier: first those it is the
    /// whole of, then those that begin with it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn search(&mut self, text: &str, limit: i64) -> Result<Vec<Found>, Error> {
        let wanted = folded(text);
        let escaped = wanted.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let statement = Statement::new(
            "SELECT l.kind, l.id, n.name, l.text, l.folded FROM label l JOIN (SELECT 'company' AS kind, c.id, c.name FROM company c WHERE ",
        );
        let statement =
            holds(statement, "c", self.at).push(" UNION ALL SELECT 'chip', p.id, p.name FROM chip p WHERE ");
        let statement = holds(statement, "p", self.at).push(") n ON n.kind = l.kind AND n.id = l.id WHERE ");
        let statement =
            holds(statement, "l", self.at).push(" AND l.folded LIKE ").bind(format!("%{escaped}%"));
        let statement = statement.push(" ESCAPE '!' ORDER BY CASE WHEN l.folded = ").bind(wanted.as_str());
        let statement = statement.push(" THEN 0 WHEN l.folded LIKE ").bind(format!("{escaped}%"));
        let statement =
            statement.push(" ESCAPE '!' THEN 1 ELSE 2 END, length(l.folded), l.kind, l.id, l.text");
        let rows: Vec<(String, String, String, String, String)> =
            self.connection.fetch_all(statement).await?;
        let mut found: Vec<Found> = Vec::new();
        for (kind, id, name, matched, _) in rows {
            let Some(kind) = Kind::try_from(kind.as_str()).ok() else { continue };
            if !found.iter().any(|other| other.kind == kind && other.id == id) {
                found.push(Found { kind, id, name, matched });
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}
