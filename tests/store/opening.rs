//! Opening a register that is not there yet, that is, and that several open at once.

use std::str::FromStr as _;

use futures_util::future::join_all;
use greenlight::app::{Address, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::company::Company;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use crate::support::things::{company, import, newest, noon, of, put};
use crate::support::{Database, on_each_engine};

#[tokio::test]
async fn a_register_that_was_closed_is_all_in_its_file() {
    let database = Database::sqlite().await;
    let Address::Sqlite(file) = database.address() else { panic!("no file") };
    let register = database.open(&Clock::system()).await;
    put(&register, company("alibaba")).await.unwrap();
    assert_eq!(newest(&register).await, 1);
    register.store().close().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(&file, &copy).unwrap();
    let copy = Register::open(Address::Sqlite(copy), Clock::system()).await.unwrap();
    assert_eq!(newest(&copy).await, 1);
}

on_each_engine!(
    several_can_open_a_register_at_once_that_is_not_there_yet,
    a_register_that_was_closed_is_found_as_it_was,
    a_copy_of_a_register_has_another_epoch_once_it_is_served,
    what_was_folded_in_an_earlier_way_is_folded_anew,
);

async fn several_can_open_a_register_at_once_that_is_not_there_yet(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    for _ in 0..4 {
        let empty = database.empty().await;
        let registers = join_all((0..16).map(|_| Register::open(empty.address(), clock.clone()))).await;
        let mut epochs = Vec::new();
        for register in registers {
            epochs.push(register.unwrap().read(Wanted::Newest).await.unwrap().head().epoch.clone());
        }
        epochs.dedup();
        assert_eq!(epochs.len(), 1, "{epochs:?}");
    }
}

async fn a_register_that_was_closed_is_found_as_it_was(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = database.open(&clock).await;
    put(&register, company("alibaba")).await.unwrap();
    let head = register.read(Wanted::Newest).await.unwrap().head().clone();
    register.store().close().await;
    assert!(put(&register, company("tencent")).await.is_err());
    let register = database.open(&clock).await;
    let found = register.read(Wanted::Newest).await.unwrap().head().clone();
    assert_eq!((found.epoch, found.revision, found.digest), (head.epoch, head.revision, head.digest));
    put(&register, company("tencent")).await.unwrap();
    assert_eq!(newest(&register).await, 2);
}

async fn a_copy_of_a_register_has_another_epoch_once_it_is_served(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = database.open(&clock).await;
    put(&register, company("alibaba")).await.unwrap();
    let epoch = register.read(Wanted::Newest).await.unwrap().head().epoch.clone();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("copy.db");
    let outcome = register.store().backup(&target).await;
    if register.store().engine() == "postgres" {
        let refusal = outcome.unwrap_err().to_string();
        assert!(refusal.contains("pg_dump"), "{refusal}");
        return;
    }
    outcome.unwrap();
    assert!(register.store().backup(&target).await.is_err(), "what is there is never overwritten");
    let copy = Register::open(Address::Sqlite(target), clock).await.unwrap();
    assert_eq!(copy.store().verify().await.unwrap().faults, [""; 0]);
    let head = copy.read(Wanted::Newest).await.unwrap().head().clone();
    assert!(head.copied && head.epoch == epoch && head.revision == 1);
    for _ in 0..2 {
        copy.come_to_life().await.unwrap();
    }
    let address = Address::Sqlite(folder.path().join("copy.db"));
    let again = Register::open(address, Clock::standing(noon("2026-01-23"))).await.unwrap();
    let sealed = |register: &Register| register.store().seal().mark(b"text");
    assert!(sealed(&again) != sealed(&register), "a cursor of the original opens a page of the copy");
    let served = copy.read(Wanted::Newest).await.unwrap().head().clone();
    assert!(!served.copied && served.epoch != epoch && served.revision == 1);
    register.come_to_life().await.unwrap();
    assert_eq!(register.read(Wanted::Newest).await.unwrap().head().epoch, epoch);
}

async fn what_was_folded_in_an_earlier_way_is_folded_anew(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = database.open(&clock).await;
    put(&register, Company { name: of("Straße"), ..company("road") }).await.unwrap();
    // More than are looked at together.
    let line = |number| {
        format!("{{\"kind\":\"company\",\"id\":\"c-{number}\",\"name\":\"C\",\"jurisdiction\":\"CN\"}}\n")
    };
    let lines: String = (0..1100).map(line).collect();
    assert_eq!(import(&register, &lines).await.created, 1100);
    register.store().close().await;
    let earlier = "UPDATE label SET folded = 'straße' WHERE text = 'Straße'; UPDATE head SET folding = 1";
    match database.address() {
        Address::Sqlite(file) => {
            let options = SqliteConnectOptions::new().filename(file);
            sqlx::raw_sql(earlier).execute(&mut options.connect().await.unwrap()).await.unwrap();
        }
        Address::Postgres(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(earlier).execute(&mut connection).await.unwrap();
        }
    }
    let register = database.open(&clock).await;
    let found = register.read(Wanted::Newest).await.unwrap().search("STRASSE", None, 10).await.unwrap();
    assert_eq!(found.items.len(), 1);
}

/// What the server in the address of a database is told.
async fn told(database: &Database, sql: String) {
    let Address::Postgres(url) = database.address() else { panic!("no server") };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A setting of the database that the sessions begun from here on have.
fn setting(name: &str, value: &str) -> String {
    format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {name} = {value}', current_database()); END $$"
    )
}

async fn refusal(address: Address) -> String {
    let opened = Register::open(address, Clock::system()).await;
    opened.map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn a_commit_is_waited_for_whatever_the_server_is_told_later() {
    let Some(database) = Database::postgres().await else { return };
    let register = database.open(&Clock::system()).await;
    told(&database, setting("synchronous_commit", "off")).await;
    let noted = "CREATE TABLE noted (setting TEXT);
        CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT ON revision FOR EACH STATEMENT EXECUTE FUNCTION note()";
    database.tamper(noted).await;
    put(&register, company("alibaba")).await.unwrap();
    let Address::Postgres(url) = database.address() else { panic!("no server") };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let noted: Vec<(String,)> =
        sqlx::query_as("SELECT setting FROM noted").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(noted, [("on".to_owned(),)]);
    let refusal = refusal(database.address()).await;
    assert!(refusal.contains("turn on synchronous_commit"), "{refusal}");
}

#[tokio::test]
async fn a_server_that_can_only_be_read_is_told_as_such() {
    let Some(database) = Database::postgres().await else { return };
    told(&database, setting("default_transaction_read_only", "on")).await;
    let refusal = refusal(database.address()).await;
    assert!(refusal.contains("can only be read"), "{refusal}");
}

#[tokio::test]
async fn a_database_whose_text_is_not_utf8_is_refused() {
    let Some(database) = Database::postgres().await else { return };
    let Address::Postgres(url) = database.address() else { panic!("no server") };
    let of = |name: &str| PgConnectOptions::from_str(&url).unwrap().database(name);
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let own = PgConnectOptions::from_str(&url).unwrap().get_database().unwrap().to_owned();
        let name = format!("{own}_{}", encoding.to_lowercase());
        let create = format!(
            "CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        told(&database, create).await;
        let refusal = refusal(Address::Postgres(of(&name).to_url_lossy().to_string())).await;
        told(&database, format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
        assert!(refusal.contains(&format!("is in {encoding}: make one in UTF8")), "{refusal}");
    }
}

#[tokio::test]
async fn what_the_schema_on_a_server_lacks_is_found() {
    let Some(database) = Database::postgres().await else { return };
    let register = database.open(&Clock::system()).await;
    let faults = async || register.store().verify().await.unwrap().faults;
    assert_eq!(faults().await, [""; 0]);
    database.tamper("CREATE INDEX more ON company (name)").await;
    assert_eq!(faults().await, [""; 0]);
    let altered = "DROP INDEX company_name_idx; DROP TRIGGER company_followed ON company;
        ALTER TABLE chip DISABLE TRIGGER chip_followed;
        CREATE TRIGGER forge BEFORE DELETE ON chip FOR EACH ROW EXECUTE FUNCTION chip_followed()";
    database.tamper(altered).await;
    let found = [
        "the schema lacks the index company_name_idx",
        "the schema lacks the trigger chip_followed",
        "the schema lacks the trigger company_followed",
        "the schema has a trigger forge that is none of ours",
    ];
    assert_eq!(faults().await, found);
}
