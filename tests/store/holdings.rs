//! Holdings: what the ledger adds up to, at every revision.

use greenlight::app::movements::Limits;
use greenlight::app::{
    Address, Effect, Error, Filter, HOLDING_FILTERS, Position, Read, Register, Wanted, movements,
};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::holding::{Holding, Totals};
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::Units;
use greenlight::domain::time::Moment;
use greenlight::store::Extent;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::task::JoinSet;

use crate::movements::{assert_sound, moved, opened};
use crate::support::things::{
    approval, chip, commit, company, enter, import, movement, newest, noon, of, put,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    figures_are_those_of_any_revision,
    movements_of_one_revision_make_one_row,
    periods_are_those_of_the_calendar,
    holdings_are_listed_page_by_page,
    a_sum_greater_than_the_register_keeps_is_refused,
    what_is_undone_is_not_added_up,
    movements_at_once_add_up,
    a_sum_that_was_altered_is_found,
);

fn shipped(shipped: i64) -> Totals {
    Totals { shipped, ..Totals::default() }
}

/// What a company holds on a day.
async fn held(read: &mut Read, company: &str, day: &str) -> Vec<Holding> {
    let (companies, chips, valid_at) = (vec![of(company)], Vec::new(), Moment::start_of(of(day)));
    let extent = Extent { companies, chips, valid_at, present: false };
    let records = read.records(&extent).await.unwrap();
    records.holdings(&of(company)).map(|(_, holding)| holding.clone()).collect()
}

async fn holdings(register: &Register, revision: Wanted) -> Vec<Holding> {
    let mut read = register.read(revision).await.unwrap();
    held(&mut read, "alibaba", "2026-01-23").await
}

/// The one holding there is.
pub(crate) async fn holding(register: &Register) -> Holding {
    let mut all = holdings(register, Wanted::Newest).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn figures_are_those_of_any_revision(database: Database) {
    let register = opened(&database).await;
    put(&register, approval("other")).await.unwrap();
    let base = newest(&register).await;
    let on_other = Movement { approval: Some(of("other")), ..moved("m4", MovementKind::Shipment, 30) };
    let on_none = Movement { approval: None, ..moved("m6", MovementKind::Delivery, 20) };
    for next in [
        moved("m1", MovementKind::Order, 100),
        moved("m2", MovementKind::Cancellation, 10),
        moved("m3", MovementKind::Shipment, 50),
        on_other,
        moved("m5", MovementKind::Return, 5),
        on_none,
    ] {
        enter(&register, next).await.unwrap();
    }
    let figures = |totals: &Totals| {
        (totals.ordered, totals.cancelled, totals.shipped, totals.delivered, totals.returned)
    };
    assert_eq!(holdings(&register, Wanted::Revision(base)).await, []);
    for (revision, expected) in (base + 1..).zip([
        (100, 0, 0, 0, 0),
        (100, 10, 0, 0, 0),
        (100, 10, 50, 0, 0),
        (100, 10, 80, 0, 0),
        (100, 10, 80, 0, 5),
        (100, 10, 80, 20, 5),
    ]) {
        let [then] = holdings(&register, Wanted::Revision(revision)).await.try_into().unwrap();
        assert_eq!(figures(&then.all), expected, "{revision}");
    }
    let now = holding(&register).await;
    assert_eq!((now.all.reserved(), now.all.used(), now.all.ordered_net()), (10, 75, 90));
    assert_eq!(figures(&now.by_approval[&of("case")]), (100, 10, 50, 0, 5));
    assert_eq!(now.by_approval[&of("other")], shipped(30));
    assert_eq!(figures(&now.unattributed), (0, 0, 0, 20, 0));
    assert_eq!(figures(&now.against(&of("other")).unwrap()), (0, 0, 30, 20, 0));
    assert_sound(&register).await;
}

async fn rows(database: &Database, sql: &'static str) -> i64 {
    match database.address() {
        Address::Sqlite(file) => {
            let mut on = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut on).await.unwrap()
        }
        Address::Postgres(url) => {
            let mut on = PgConnection::connect(&url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&mut on).await.unwrap()
        }
    }
}

async fn movements_of_one_revision_make_one_row(database: Database) {
    let register = opened(&database).await;
    enter(&register, movement("first")).await.unwrap();
    let before = newest(&register).await;
    let several = ["a", "b", "c"].map(|id| moved(id, MovementKind::Shipment, 4));
    commit(&register, move |write| {
        Box::pin(async move {
            for next in several {
                movements::put(write, &Actor::Operator, next, Limits::Hold).await?;
                // Rows written in between are replaced, not added to.
                write.flush().await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
    assert_eq!(newest(&register).await, before + 1);
    assert_eq!(holding(&register).await.all.shipped, 12);
    for count in ["SELECT count(*) FROM holding", "SELECT count(*) FROM holding_day"] {
        assert_eq!(rows(&database, count).await, 2, "{count}");
    }
    assert_sound(&register).await;
}

async fn periods_are_those_of_the_calendar(database: Database) {
    let register = opened(&database).await;
    for (index, (day, count)) in [
        ("2025-12-31", 1),
        ("2026-01-01", 10),
        ("2026-01-31", 100),
        ("2026-02-01", 1000),
        ("2026-03-31", 10_000),
        ("2026-04-01", 100_000),
        ("2026-12-31", 1_000_000),
        ("2027-01-01", 10_000_000),
    ]
    .into_iter()
    .enumerate()
    {
        let next = moved(&format!("m{index}"), MovementKind::Shipment, count);
        enter(&register, Movement { occurred_on: of(day), ..next }).await.unwrap();
    }
    let mut read = register.read(Wanted::Newest).await.unwrap();
    for (day, month, quarter, year) in [
        ("2025-12-15", 1, 1, 1),
        ("2026-01-15", 110, 11_110, 1_111_110),
        ("2026-03-01", 10_000, 11_110, 1_111_110),
        ("2026-05-01", 0, 100_000, 1_111_110),
        ("2027-12-31", 0, 0, 10_000_000),
        ("2028-01-01", 0, 0, 0),
    ] {
        let [holding] = held(&mut read, "alibaba", day).await.try_into().unwrap();
        assert_eq!(
            (holding.month, holding.quarter, holding.year),
            (shipped(month), shipped(quarter), shipped(year)),
            "{day}"
        );
        assert_eq!(holding.all, shipped(11_111_111));
    }
    assert_eq!(held(&mut read, "nvidia", "2026-01-15").await, []);
}

async fn pairs(read: &mut Read, filters: &[(&'static Filter, Vec<String>)], limit: i64) -> Vec<String> {
    let mut walked = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let page = read.holding_page(filters, after.as_ref(), limit).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        walked.extend(
            page.items.iter().map(|pair| format!("{} {} {}", pair.company, pair.chip, pair.totals.ordered)),
        );
        after = page.next;
        if after.is_none() {
            assert_eq!(read.holding_count(filters).await.unwrap(), i64::try_from(walked.len()).unwrap());
            return walked;
        }
    }
}

async fn holdings_are_listed_page_by_page(database: Database) {
    let register = opened(&database).await;
    put(&register, company("tencent")).await.unwrap();
    put(&register, chip("h20")).await.unwrap();
    let before = newest(&register).await;
    let on = |company: &str, chip: &str, id: &str| Movement {
        company: of(company),
        chip: of(chip),
        approval: None,
        ..movement(id)
    };
    for next in [
        on("tencent", "h200", "a"),
        on("tencent", "h20", "b"),
        on("alibaba", "h200", "c"),
        movement("d"),
        on("alibaba", "h20", "e"),
    ] {
        enter(&register, next).await.unwrap();
    }
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let all = ["alibaba h20 10", "alibaba h200 20", "tencent h20 10", "tencent h200 10"];
    for limit in [1, 2, 3, 4, 1000] {
        assert_eq!(pairs(&mut read, &[], limit).await, all, "{limit}");
    }
    let [by_company, by_chip] = HOLDING_FILTERS else { panic!("other filters") };
    let tencent = (by_company, vec!["tencent".to_owned()]);
    assert_eq!(pairs(&mut read, std::slice::from_ref(&tencent), 1).await, all[2..]);
    let h20 = (by_chip, vec!["h20".to_owned(), "nothing-such".to_owned()]);
    assert_eq!(pairs(&mut read, &[tencent, h20], 10).await, all[2..3]);
    let mut then = register.read(Wanted::Revision(before + 3)).await.unwrap();
    assert_eq!(pairs(&mut then, &[], 2).await, ["alibaba h200 10", "tencent h20 10", "tencent h200 10"]);
}

async fn a_sum_greater_than_the_register_keeps_is_refused(database: Database) {
    let register = opened(&database).await;
    let lines: Vec<String> = (0..1000)
        .map(|number| {
            format!(
                r#"{{"kind":"movement","id":"m{number}","company":"alibaba","chip":"h200","movement_kind":"order","units":{},"occurred_on":"2026-01-20"}}"#,
                Units::MAX
            )
        })
        .collect();
    assert_eq!(import(&register, &lines.join("\n")).await.failed, 0);
    let before = newest(&register).await;
    assert_eq!(holding(&register).await.all.ordered, Totals::MAX);
    // On an approval, and so in another row, but of the same company and chip.
    let one_more = enter(&register, moved("more", MovementKind::Order, 1)).await;
    assert!(matches!(one_more, Err(Error::Invalid(faults)) if faults.0[0].pointer == "/units"));
    assert_eq!(newest(&register).await, before);
    enter(&register, moved("other", MovementKind::Cancellation, 1)).await.unwrap();
    assert_eq!(holding(&register).await.all.ordered_net(), Totals::MAX - 1);
    assert_sound(&register).await;
}

async fn what_is_undone_is_not_added_up(database: Database) {
    let register = opened(&database).await;
    enter(&register, movement("a")).await.unwrap();
    register
        .write(|write| {
            Box::pin(async move {
                let numbered = |id: &str| Movement { external_ref: Some(of("PO-1")), ..movement(id) };
                movements::put(write, &Actor::Operator, numbered("b"), Limits::Hold).await.unwrap();
                write.flush().await?;
                movements::put(write, &Actor::Operator, numbered("b"), Limits::Hold).await.unwrap();
                write.undo().await?;
                movements::put(write, &Actor::Operator, movement("c"), Limits::Hold).await.unwrap();
                Ok(())
            })
        })
        .await
        .unwrap();
    assert_eq!(holding(&register).await.all.ordered, 10);
    enter(&register, Movement { external_ref: Some(of("PO-1")), ..movement("d") }).await.unwrap();
    assert_eq!(holding(&register).await.all.ordered, 20);
    assert_sound(&register).await;
}

async fn movements_at_once_add_up(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = opened(&database).await;
    // A second one stands for another process on the same register.
    let registers = [register.clone(), database.open(&clock).await];
    let mut writers = JoinSet::new();
    for number in 0..50_usize {
        let register = registers[number % 2].clone();
        writers.spawn(async move {
            // Every movement is sent twice, as by a client that did not hear the first answer.
            let id = format!("m{number}");
            let next = Movement { external_ref: Some(of(&id)), ..moved(&id, MovementKind::Shipment, 3) };
            let again = Movement { id: of(&format!("again-{number}")), ..next.clone() };
            enter(&register, next).await.unwrap();
            assert_eq!(enter(&register, again).await.unwrap().effect, Effect::Unchanged);
        });
    }
    writers.join_all().await;
    let held = holding(&register).await;
    assert_eq!((held.all, held.by_approval[&of("case")]), (shipped(150), shipped(150)));
    assert_sound(&register).await;
}

async fn a_sum_that_was_altered_is_found(database: Database) {
    let register = opened(&database).await;
    for id in ["a", "b", "c"] {
        enter(&register, movement(id)).await.unwrap();
    }
    let first = newest(&register).await - 2;
    for (alter, restore, table, revision) in [
        (
            "UPDATE holding SET ordered = ordered + 1 WHERE until IS NULL",
            "UPDATE holding SET ordered = ordered - 1 WHERE until IS NULL",
            "holding",
            first + 2,
        ),
        (
            "UPDATE holding_day SET returned = 1 WHERE ordered = 10",
            "UPDATE holding_day SET returned = 0 WHERE ordered = 10",
            "holding_day",
            first,
        ),
        (
            "UPDATE holding SET approval = 'other' WHERE ordered = 20",
            "UPDATE holding SET approval = 'case' WHERE ordered = 20",
            "holding",
            first + 1,
        ),
        (
            "UPDATE holding_day SET until = until + 5 WHERE ordered = 10",
            "UPDATE holding_day SET until = until - 5 WHERE ordered = 10",
            "holding_day",
            first,
        ),
        (
            "DELETE FROM holding WHERE until IS NULL",
            "INSERT INTO holding (company, chip, approval, ordered, cancelled, shipped, delivered, returned, since)
             SELECT company, chip, approval, 30, 0, 0, 0, 0, until FROM holding WHERE ordered = 20",
            "holding",
            first + 2,
        ),
    ] {
        database.tamper(alter).await;
        let faults = register.store().verify().await.unwrap().faults;
        let expected = format!("{table}: a sum is not that of the movements: `alibaba h200");
        let at = format!("at revision {revision}");
        assert!(faults.iter().any(|fault| fault.starts_with(&expected) && fault.ends_with(&at)), "{faults:?}");
        database.tamper(restore).await;
        assert_sound(&register).await;
    }
    database.tamper("UPDATE movement SET units = units + 1 WHERE id = 'b'").await;
    let faults = register.store().verify().await.unwrap().faults;
    assert!(faults.iter().any(|fault| fault.contains("column of movement `b`")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("holding: a sum")), "{faults:?}");
}
