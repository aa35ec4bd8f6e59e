//! Checks that indexes and triggers are those of the migrations.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::engine::sqlite_migrations;
use super::error::Error;
use super::read::Read;
use super::statement::{Connection, Statement};
use super::verify::Findings;

/// The SQL of indexes and triggers, by type and name.
type Parts = BTreeMap<(String, String), String>;

/// The indexes and triggers on SQLite, except automatic ones. Without quotes, since SQLite rewrites the SQL
/// when a table is renamed and, depending on its version, quotes names.
const ON_SQLITE: &str = "SELECT type, name, replace(sql, '\"', '') FROM sqlite_schema
     WHERE type IN ('index', 'trigger') AND sql IS NOT NULL";

/// The indexes and triggers on PostgreSQL, which have the same names; their SQL is not compared, indexes of
/// constraints are left out, and a disabled trigger counts as missing.
const ON_POSTGRES: &str = "SELECT 'index', i.relname::TEXT, '' FROM pg_class i
     WHERE i.relkind = 'i' AND i.relnamespace = current_schema()::REGNAMESPACE
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid AND c.contype IN ('p', 'u'))
     UNION ALL
     SELECT DISTINCT 'trigger', t.tgname::TEXT, '' FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND r.relnamespace = current_schema()::REGNAMESPACE";

impl Read {
    /// Checks that every index and trigger exists as the migrations create it. Extra triggers are findings;
    /// extra indexes do no harm.
    pub(super) async fn check_schema(&mut self, is_file: bool, findings: &mut Findings) -> Result<(), Error> {
        let mut expected = expected().await?;
        let found = parts(&mut self.connection, if is_file { ON_SQLITE } else { ON_POSTGRES }).await?;
        if !is_file {
            expected.values_mut().for_each(String::clear);
        }
        for ((kind, name), made) in &expected {
            match found.get(&(kind.clone(), name.clone())) {
                None => findings.add(format!("the schema lacks the {kind} {name}")),
                Some(found) if found != made => {
                    findings.add(format!("the {kind} {name} of the schema is not as it was made"));
                }
                Some(_) => {}
            }
        }
        for part in found.keys().filter(|part| part.0 == "trigger" && !expected.contains_key(*part)) {
            findings.add(format!("the schema has a trigger {} that is none of ours", part.1));
        }
        Ok(())
    }
}

/// The indexes and triggers that the migrations create, in memory.
async fn expected() -> Result<Parts, Error> {
    let mut fresh = SqliteConnectOptions::new().connect().await?;
    sqlite_migrations().run(&mut fresh).await?;
    let rows: Vec<(String, String, String)> = sqlx::query_as(ON_SQLITE).fetch_all(&mut fresh).await?;
    fresh.close().await?;
    Ok(by_name(rows))
}

async fn parts(connection: &mut Connection, sql: &'static str) -> Result<Parts, Error> {
    Ok(by_name(connection.fetch_all(Statement::new(sql)).await?))
}

fn by_name(rows: Vec<(String, String, String)>) -> Parts {
    rows.into_iter().map(|(kind, name, made)| ((kind, name), made)).collect()
}
