//! Opening a register that is not there yet, that is, and that several open at once.

use futures_util::future::join_all;
use greenlight::app::{Address, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::company::Company;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

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
