//! The two schemas say the same.

use std::collections::{BTreeMap, BTreeSet};

use greenlight::app::Address;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::support::Database;

/// A table as both engines can describe it.
#[derive(Debug, Default, PartialEq)]
struct Table {
    /// Name, kind of type and whether it can be null, by name.
    columns: BTreeMap<String, (&'static str, bool)>,
    primary_key: Vec<String>,
    /// Name, columns, whether unique, and for which rows.
    indexes: BTreeSet<(String, Vec<String>, bool, String)>,
    /// Column, table and column referred to.
    foreign_keys: BTreeSet<(String, String, String)>,
    /// The names of the checks over several columns, and how many there are over one.
    named_checks: BTreeSet<String>,
    other_checks: usize,
}

type Schema = BTreeMap<String, Table>;

/// The tables whose descriptions differ.
fn differences<'a>(one: &'a Schema, other: &'a Schema) -> Vec<&'a str> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).map(String::as_str).collect()
}

#[test]
fn the_migrations_of_both_engines_have_the_same_names() {
    let names = |folder: &str| -> Vec<String> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/");
        let files = std::fs::read_dir(format!("{root}{folder}")).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}

#[tokio::test]
async fn both_engines_have_the_same_tables() {
    let Some(database) = Database::postgres().await else { return };
    let Address::Postgres(url) = database.address() else { panic!("no server") };
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    let on_postgres = postgres_schema(&mut postgres).await;
    let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("migrations/sqlite").run(&mut sqlite).await.unwrap();
    let on_sqlite = sqlite_schema(&mut sqlite).await;
    for table in differences(&on_sqlite, &on_postgres) {
        assert_eq!(on_sqlite.get(table), on_postgres.get(table), "{table}");
    }
    assert!(on_sqlite.len() > 20);
    postgres.close().await.unwrap();
}

#[tokio::test]
async fn a_difference_between_the_schemas_is_found() {
    for change in [
        "CREATE TABLE more (id TEXT PRIMARY KEY) STRICT",
        "ALTER TABLE company ADD COLUMN more TEXT",
        "ALTER TABLE company RENAME COLUMN roles TO parts",
        "DROP INDEX company_name_idx",
        "DROP INDEX company_current_key; CREATE UNIQUE INDEX company_current_key ON company (id)",
        "DROP INDEX company_current_key; CREATE INDEX company_current_key ON company (id) WHERE until IS NULL",
        "ALTER TABLE company ADD COLUMN more TEXT REFERENCES company_identity (id)",
        "ALTER TABLE company ADD COLUMN more TEXT CHECK (more > '')",
    ] {
        let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("migrations/sqlite").run(&mut sqlite).await.unwrap();
        let before = sqlite_schema(&mut sqlite).await;
        assert_eq!(differences(&before, &sqlite_schema(&mut sqlite).await), [""; 0]);
        sqlx::raw_sql(change).execute(&mut sqlite).await.unwrap();
        assert_eq!(differences(&before, &sqlite_schema(&mut sqlite).await).len(), 1, "{change}");
    }
}

#[tokio::test]
async fn what_is_written_over_is_kept_with_every_column() {
    let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::migrate!("migrations/sqlite").run(&mut sqlite).await.unwrap();
    let schema = sqlite_schema(&mut sqlite).await;
    let kept: Vec<(String, String)> =
        sqlx::query_as("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
            .fetch_all(&mut sqlite)
            .await
            .unwrap();
    // Versions of all kinds but movements, which are never changed, and both tables of sums.
    let written_over = schema.iter().filter(|(name, table)| {
        let has = |column| table.columns.contains_key(column);
        has("until") && (has("document") || has("ordered")) && *name != "movement"
    });
    let written_over: BTreeSet<&String> = written_over.map(|(name, _)| name).collect();
    assert_eq!((written_over.len(), kept.len()), (11, 11));
    assert_eq!(kept.iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), written_over);
    for (name, sql) in kept {
        let words: Vec<&str> =
            sql.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).collect();
        for column in schema[&name].columns.keys().filter(|column| *column != "until") {
            let kept =
                words.windows(2).filter(|words| words[0] == "OLD" && words[1] == column.as_str()).count();
            assert_eq!(kept, if column == "since" { 2 } else { 1 }, "{name}.{column}");
        }
    }
}

async fn sqlite_schema(on: &mut SqliteConnection) -> Schema {
    let tables: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT m.name, m.sql, l.strict FROM sqlite_master m JOIN pragma_table_list l ON l.name = m.name
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *on)
    .await
    .unwrap();
    let mut schema = Schema::new();
    for (name, sql, strict) in tables {
        assert!(strict, "{name} is not strict");
        let (named_checks, other_checks) = sqlite_checks(&sql);
        let table = Table { named_checks, other_checks, ..sqlite_table(on, &name).await };
        schema.insert(name, table);
    }
    schema
}

async fn sqlite_table(on: &mut SqliteConnection, name: &str) -> Table {
    let columns: Vec<(String, String, bool, i64)> =
        sqlx::query_as("SELECT name, type, \"notnull\", pk FROM pragma_table_info($1) ORDER BY pk")
            .bind(name)
            .fetch_all(&mut *on)
            .await
            .unwrap();
    let primary_key = columns.iter().filter(|(_, _, _, place)| *place > 0).map(|column| column.0.clone());
    let primary_key = primary_key.collect();
    let kind = |kind: &str| match kind {
        "INTEGER" => "number",
        "TEXT" => "text",
        "BLOB" => "bytes",
        other => panic!("{name}: {other}"),
    };
    let columns = columns.iter().map(|(column, of, filled, _)| (column.clone(), (kind(of), !filled)));
    let columns = columns.collect();
    let foreign_keys: Vec<(String, String, String)> =
        sqlx::query_as("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list($1)")
            .bind(name)
            .fetch_all(&mut *on)
            .await
            .unwrap();
    let indexes: Vec<(String, String, bool, String)> = sqlx::query_as(
        "SELECT i.name, (SELECT group_concat(c.name, ' ') FROM pragma_index_info(i.name) c), i.\"unique\",
            COALESCE((SELECT substr(m.sql, instr(m.sql, ' WHERE ') + 7) FROM sqlite_master m
                WHERE m.name = i.name AND i.partial = 1), '')
         FROM pragma_index_list($1) i WHERE i.origin <> 'pk'",
    )
    .bind(name)
    .fetch_all(&mut *on)
    .await
    .unwrap();
    // The index behind a unique constraint has a name of its own making on SQLite.
    let own = |name: String, columns: &str| {
        if name.starts_with("sqlite_autoindex") { format!("unique {columns}") } else { name }
    };
    let indexes = indexes.into_iter().map(|(name, columns, unique, rows)| {
        (own(name, &columns), columns.split(' ').map(str::to_owned).collect(), unique, rows)
    });
    let (indexes, foreign_keys) = (indexes.collect(), foreign_keys.into_iter().collect());
    Table { columns, primary_key, indexes, foreign_keys, ..Table::default() }
}

/// The checks of a table by its text. What says that a number is 0 or 1 is no check where there are truth values.
fn sqlite_checks(sql: &str) -> (BTreeSet<String>, usize) {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let named = words.windows(3).filter(|words| words[0] == "CONSTRAINT" && words[2] == "CHECK");
    let named: BTreeSet<String> = named.map(|words| words[1].to_owned()).collect();
    let truth_values = sql.matches(" IN (0, 1))").count();
    let checks = words.iter().filter(|word| **word == "CHECK").count();
    (named.clone(), checks - named.len() - truth_values)
}

async fn postgres_schema(on: &mut PgConnection) -> Schema {
    let mut schema = Schema::new();
    let columns: Vec<(String, String, String, bool, Option<String>)> = sqlx::query_as(
        "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT, is_nullable = 'YES', collation_name::TEXT
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *on)
    .await
    .unwrap();
    for (table, column, kind, nullable, collation) in columns {
        let kind = match kind.as_str() {
            "bigint" | "boolean" | "timestamp with time zone" => "number",
            "text" => "text",
            "bytea" => "bytes",
            other => panic!("{table}.{column}: {other}"),
        };
        assert_eq!(collation.as_deref(), (kind == "text").then_some("C"), "{table}.{column}");
        schema.entry(table).or_default().columns.insert(column, (kind, nullable));
    }
    postgres_constraints(on, &mut schema).await;
    postgres_indexes(on, &mut schema).await;
    schema
}

async fn postgres_constraints(on: &mut PgConnection, schema: &mut Schema) {
    let constraints: Vec<(String, String, String, Vec<String>, String, Vec<String>)> = sqlx::query_as(
        "SELECT c.conrelid::REGCLASS::TEXT, c.conname::TEXT, c.contype::TEXT,
            ARRAY(SELECT a.attname::TEXT FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
            COALESCE(c.confrelid::REGCLASS::TEXT, ''),
            ARRAY(SELECT a.attname::TEXT FROM unnest(c.confkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
         FROM pg_constraint c WHERE c.connamespace = 'public'::REGNAMESPACE
            AND c.conrelid <> '_sqlx_migrations'::REGCLASS",
    )
    .fetch_all(on)
    .await
    .unwrap();
    for (table, name, kind, columns, to, to_columns) in constraints {
        let table = schema.get_mut(table.trim_matches('"')).unwrap();
        match (kind.as_str(), columns.as_slice(), to_columns.as_slice()) {
            ("p", ..) => table.primary_key = columns,
            ("f", [column], [to_column]) => {
                table.foreign_keys.insert((column.clone(), to, to_column.clone()));
            }
            ("c", [_], _) => table.other_checks += 1,
            ("c", ..) => {
                table.named_checks.insert(name);
            }
            ("u", ..) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

async fn postgres_indexes(on: &mut PgConnection, schema: &mut Schema) {
    let indexes: Vec<(String, String, Vec<String>, bool, String, bool)> = sqlx::query_as(
        "SELECT i.indrelid::REGCLASS::TEXT, i.indexrelid::REGCLASS::TEXT,
            ARRAY(SELECT a.attname::TEXT FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place),
            i.indisunique, COALESCE(pg_get_expr(i.indpred, i.indrelid), ''),
            EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype = 'u')
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
         WHERE t.relnamespace = 'public'::REGNAMESPACE AND NOT i.indisprimary AND t.relname <> '_sqlx_migrations'",
    )
    .fetch_all(on)
    .await
    .unwrap();
    for (table, name, columns, unique, rows, of_constraint) in indexes {
        let name = if of_constraint { format!("unique {}", columns.join(" ")) } else { name };
        let rows = rows.replace(['(', ')'], "").replace("::text", "");
        schema.get_mut(table.trim_matches('"')).unwrap().indexes.insert((name, columns, unique, rows));
    }
}
