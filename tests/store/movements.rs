//! The ledger: entered once, never changed, and added up at every revision.

use greenlight::app::movements::Limits;
use std::sync::Arc;

use greenlight::app::{
    self, Address, Effect, Error, Filter, HOLDING_FILTERS, Narrowing, Position, Precondition, Presence, Read,
    Register, Wanted, movements,
};
use greenlight::clock::Clock;
use greenlight::domain::actor::{Actor, Denied, Key, Role};
use greenlight::domain::approval::Approval;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::holding::{Holding, Totals};
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::Units;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::source::Source;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::time::Moment;
use greenlight::store::Extent;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::task::JoinSet;

use crate::support::things::{
    approval, authority, chip, cited, commit, company, enter, enter_as, found, import, movement, newest,
    noon, of, put, retire, source,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_movement_is_entered_once_under_its_id_and_never_changes,
    an_external_reference_stands_for_one_movement_of_a_company_and_kind,
    lines_with_one_external_reference_are_one_movement_within_a_revision,
    figures_are_those_of_any_revision,
    movements_of_one_revision_make_one_row,
    periods_are_those_of_the_calendar,
    holdings_are_listed_page_by_page,
    what_a_movement_names_must_be_on_record_and_stays,
    a_key_limited_to_authorities_takes_the_place_of_no_case_elsewhere,
    a_key_limited_to_authorities_writes_only_movements_on_their_approvals,
    a_sum_greater_than_the_register_keeps_is_refused,
    what_is_undone_is_not_added_up,
    the_feed_tells_movements_to_all_they_concern,
    an_export_with_movements_is_imported_the_same,
    movements_at_once_add_up,
    a_sum_that_was_altered_is_found,
    looking_up_figures_does_not_scan_the_ledger,
);

async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    register
}

fn units(units: i64) -> Units {
    Units::try_from(units).unwrap()
}

fn moved(id: &str, kind: MovementKind, count: i64) -> Movement {
    Movement { kind, units: units(count), ..movement(id) }
}

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
async fn holding(register: &Register) -> Holding {
    let mut all = holdings(register, Wanted::Newest).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

async fn assert_sound(register: &Register) {
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn a_movement_is_entered_once_under_its_id_and_never_changes(database: Database) {
    let register = opened(&database).await;
    let before = newest(&register).await;
    let first = movement("m");
    assert_eq!(enter(&register, first.clone()).await.unwrap().effect, Effect::Created);
    let again = enter(&register, first.clone()).await.unwrap();
    assert_eq!((again.effect, again.since), (Effect::Unchanged, before + 1));
    let other = Movement { units: units(7), end_use: Some(of("inference")), ..first.clone() };
    let Err(Error::Refused(Refusal::Fixed(faults))) = enter(&register, other).await else {
        panic!("a movement was changed");
    };
    let told: Vec<&str> = faults.0.iter().map(|placed| placed.pointer.as_str()).collect();
    assert_eq!(told, ["/units", "/end_use"]);
    assert_eq!(newest(&register).await, before + 1);
    for (revision, there) in [(before, None), (before + 1, Some(first))] {
        let mut read = register.read(Wanted::Revision(revision)).await.unwrap();
        let found = read.thing::<Movement>("m").await.unwrap();
        assert_eq!(found.map(|version| version.value), there.map_or(Presence::Absent, Presence::Present));
    }
    assert_sound(&register).await;
}

async fn an_external_reference_stands_for_one_movement_of_a_company_and_kind(database: Database) {
    let register = opened(&database).await;
    put(&register, company("tencent")).await.unwrap();
    let numbered = |id: &str| Movement { external_ref: Some(of("PO-1")), ..movement(id) };
    enter(&register, numbered("a")).await.unwrap();
    let before = newest(&register).await;
    let again = enter(&register, numbered("b")).await.unwrap();
    assert_eq!((again.effect, &again.document["id"]), (Effect::Unchanged, &"a".into()));
    let other = Movement { units: units(11), ..numbered("c") };
    let Err(Error::Refused(Refusal::ExternalRefTaken { by, differences })) = enter(&register, other).await
    else {
        panic!("a reference was used twice");
    };
    assert_eq!(by, ThingRef::new(Kind::Movement, "a"));
    assert_eq!(differences.0[0].pointer, "/units");
    assert_eq!(newest(&register).await, before);
    let shipment = Movement { kind: MovementKind::Shipment, ..numbered("d") };
    let elsewhere = Movement { company: of("tencent"), approval: None, ..numbered("e") };
    for distinct in [shipment, elsewhere, movement("f")] {
        assert_eq!(enter(&register, distinct).await.unwrap().effect, Effect::Created);
    }
    assert_sound(&register).await;
}

async fn lines_with_one_external_reference_are_one_movement_within_a_revision(database: Database) {
    let register = opened(&database).await;
    let line = |id: &str, units: i64| {
        format!(
            r#"{{"kind":"movement","id":"{id}","company":"alibaba","chip":"h200","movement_kind":"order","units":{units},"occurred_on":"2026-01-20","external_ref":"PO-1"}}"#
        )
    };
    let lines = [line("a", 5), line("b", 5), line("c", 6), line("a", 7)].join("\n");
    let outcome = import(&register, &lines).await;
    assert_eq!((outcome.created, outcome.unchanged, outcome.failed), (1, 1, 2));
    let told: Vec<String> = outcome.bad.iter().map(|bad| format!("{} {:?}", bad.line, bad.cause)).collect();
    assert!(told[0].starts_with("3 ") && told[0].contains("ExternalRefTaken"), "{told:?}");
    assert!(told[1].starts_with("4 ") && told[1].contains("Fixed"), "{told:?}");
    assert_eq!(holding(&register).await.all.ordered, 5);
    assert_sound(&register).await;
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

async fn what_a_movement_names_must_be_on_record_and_stays(database: Database) {
    let register = opened(&database).await;
    put(&register, source("s")).await.unwrap();
    put(&register, company("tencent")).await.unwrap();
    let before = newest(&register).await;
    let lost = Movement {
        company: of("no"),
        chip: of("no"),
        approval: Some(of("no")),
        citations: cited("no"),
        ..movement("m")
    };
    let Err(Error::Refused(Refusal::Dangling(faults))) = enter(&register, lost).await else {
        panic!("something dangling was taken");
    };
    let told: Vec<&str> = faults.0.iter().map(|placed| placed.pointer.as_str()).collect();
    assert_eq!(told, ["/company", "/chip", "/approval", "/citations/0/source"]);
    let strange = enter(&register, Movement { company: of("tencent"), ..movement("m") }).await;
    assert!(matches!(strange, Err(Error::Invalid(faults)) if faults.0[0].pointer == "/approval"));
    assert_eq!(newest(&register).await, before);
    enter(&register, Movement { citations: cited("s"), ..movement("m") }).await.unwrap();
    let movement = ThingRef::new(Kind::Movement, "m");
    let refused = |outcome: Result<(), Error>| match outcome {
        Err(Error::Refused(Refusal::InUse { by, .. })) => assert!(by.contains(&movement), "{by:?}"),
        other => panic!("{other:?}"),
    };
    let moved_away = Approval { company: of("tencent"), ..approval("case") };
    refused(put(&register, moved_away).await.map(drop));
    let noted = Approval { note: Some(of("noted")), ..approval("case") };
    assert!(put(&register, noted).await.is_ok());
    refused(retire::<Approval>(&register, "case").await);
    refused(retire::<Company>(&register, "alibaba").await);
    refused(retire::<Chip>(&register, "h200").await);
    refused(retire::<Source>(&register, "s").await);
}

/// The holder of a key that is limited to one authority.
fn holder(role: Role) -> Actor {
    Actor::Key(Arc::new(Key {
        id: of("key-1"),
        name: of("desk"),
        owner: of("desk"),
        role,
        authorities: vec![of("ndrc")],
        created_at: noon("2026-01-01"),
        expires_at: noon("2027-01-01"),
        revoked_at: None,
        last_used_at: None,
    }))
}

async fn a_key_limited_to_authorities_takes_the_place_of_no_case_elsewhere(database: Database) {
    let register = opened(&database).await;
    put(&register, authority("mofcom")).await.unwrap();
    put(&register, Approval { authority: of("mofcom"), ..approval("elsewhere") }).await.unwrap();
    let put_by = async |actor: Actor, case: Approval| {
        let done = commit(&register, |write| {
            Box::pin(async move { app::put(write, &actor, case, &Precondition::Import).await })
        });
        done.await.map(|_| ()).map_err(|error| format!("{error:?}"))
    };
    let anew = Approval { supersedes: Some(of("elsewhere")), ..approval("anew") };
    let denied = Err(r#"Denied(Authority { allowed: [AuthorityId("ndrc")], of: [AuthorityId("ndrc"), AuthorityId("mofcom")] })"#.to_owned());
    assert_eq!(put_by(holder(Role::Editor), anew.clone()).await, denied);
    put_by(Actor::Operator, anew.clone()).await.unwrap();
    // Nor is it given back to the other one; what is else to say of one's own case is.
    let noted = Approval { note: Some(of("asked again")), ..anew.clone() };
    put_by(holder(Role::Editor), noted).await.unwrap();
    assert_eq!(put_by(holder(Role::Editor), Approval { supersedes: None, ..anew }).await, denied);
    let own = Approval { supersedes: Some(of("case")), ..approval("own") };
    put_by(holder(Role::Editor), own).await.unwrap();
}

async fn a_key_limited_to_authorities_writes_only_movements_on_their_approvals(database: Database) {
    let register = opened(&database).await;
    put(&register, authority("mofcom")).await.unwrap();
    put(&register, Approval { authority: of("mofcom"), ..approval("elsewhere") }).await.unwrap();
    assert!(enter_as(&register, holder(Role::Editor), movement("a")).await.is_ok());
    let elsewhere = |authorities: &[&str]| Denied::Authority {
        allowed: vec![of("ndrc")],
        of: authorities.iter().map(|authority| of(authority)).collect(),
    };
    for (movement, role, denied) in [
        (Movement { approval: None, ..movement("b") }, Role::Editor, elsewhere(&[])),
        (Movement { approval: Some(of("elsewhere")), ..movement("c") }, Role::Editor, elsewhere(&["mofcom"])),
        (Movement { approval: Some(of("no")), ..movement("d") }, Role::Editor, elsewhere(&[])),
        (movement("e"), Role::Reader, Denied::Role(Role::Editor)),
    ] {
        let refused = enter_as(&register, holder(role), movement).await;
        assert!(matches!(&refused, Err(Error::Denied(told)) if *told == denied), "{refused:?}");
    }
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

async fn the_feed_tells_movements_to_all_they_concern(database: Database) {
    let register = opened(&database).await;
    enter(&register, movement("m")).await.unwrap();
    enter(&register, Movement { approval: None, ..movement("n") }).await.unwrap();
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let newest = read.at().revision;
    for (kind, id, expected) in [
        (Kind::Company, "alibaba", vec!["m", "n"]),
        (Kind::Chip, "h200", vec!["m", "n"]),
        (Kind::Authority, "ndrc", vec!["m"]),
        (Kind::Company, "nvidia", vec![]),
    ] {
        let narrowing =
            Narrowing { kinds: vec![Kind::Movement], touching: vec![vec![ThingRef::new(kind, id)]] };
        let changes = read.changes_between(1, newest, &narrowing).await.unwrap();
        let told: Vec<&str> = changes.iter().map(|change| change.thing.id.as_str()).collect();
        assert_eq!(told, expected, "{id}");
    }
}

async fn exported(register: &Register) -> String {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let mut export = app::exports::Export::begin(register, &mut read).await.unwrap();
    drop(read);
    let mut lines = String::new();
    while let Some(chunk) = export.chunk().await.unwrap() {
        lines.push_str(&chunk);
    }
    lines
}

async fn an_export_with_movements_is_imported_the_same(database: Database) {
    let register = opened(&database).await;
    for (index, kind) in
        [MovementKind::Order, MovementKind::Shipment, MovementKind::Return].into_iter().enumerate()
    {
        let full = Movement {
            external_ref: Some(of(&format!("No. {index}"))),
            end_use: Some(of("推理")),
            destination: Some(of("SG")),
            ..moved(&format!("z{}", 9 - index), kind, 7)
        };
        enter(&register, full).await.unwrap();
    }
    let lines = exported(&register).await;
    assert_eq!(lines.matches(r#""kind":"movement""#).count(), 3);
    let elsewhere = Database::sqlite().await;
    let other = elsewhere.open(&Clock::standing(noon("2026-01-23"))).await;
    assert_eq!(import(&other, &lines).await.failed, 0);
    assert_eq!(exported(&other).await, lines);
    assert_eq!(holding(&other).await, holding(&register).await);
    let again = import(&other, &lines).await;
    assert_eq!((again.created, again.updated, again.failed), (0, 0, 0));
    assert_eq!(newest(&other).await, 1);
    assert_sound(&other).await;
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

/// What writes rows over others, as `store` words it.
const FOLLOW: &str = "UPDATE holding_day AS t SET ordered = v.column4, since = v.column5
     FROM (VALUES ('alibaba', 'h200', '2026-01-20', 7, 700), ('alibaba', 'h20', '2026-01-20', 7, 700)) AS v
     WHERE t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.day = v.column3";

/// What ends rows, as `store` words it.
const CLOSE: &str = "UPDATE stage_span AS t SET until = v.column3
     FROM (VALUES ('case', '2026-01-20', 700), ('case', '2026-01-21', 700)) AS v
     WHERE t.until IS NULL AND t.approval = v.column1 AND t.valid_from = v.column2
         AND t.since = (SELECT max(x.since) FROM stage_span x WHERE x.since < v.column3
             AND x.approval = v.column1 AND x.valid_from = v.column2)";

/// What finds the sums of a company's months, as `store` words it.
const MONTHS: &str = "SELECT t.company, t.chip, MIN(t.day), SUM(t.ordered) FROM holding_day t
     WHERE t.day >= '2026-01-01' AND t.day < '2027-01-01' AND t.until IS NULL AND t.company IN ('alibaba')
     GROUP BY t.company, t.chip, substr(t.day, 1, 7)";

/// The statements that a movement costs beside those of every write, as `store` words them.
const LOOK_UPS: [&str; 5] = [
    "SELECT SUM(t.ordered) FROM holding t WHERE t.until IS NULL AND t.company = 'alibaba' AND t.chip = 'h200'",
    "SELECT t.since FROM (VALUES ('alibaba', 'h200', 'case'), ('alibaba', 'h200', '')) AS v JOIN holding t
     ON t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.approval = v.column3",
    "SELECT t.since FROM (VALUES ('alibaba', 'h200', '2026-01-20'), ('alibaba', 'h20', '2026-01-20')) AS v JOIN holding_day t
     ON t.until IS NULL AND t.company = v.column1 AND t.chip = v.column2 AND t.day = v.column3",
    FOLLOW,
    "SELECT id FROM movement WHERE company = 'alibaba' AND kind = 'order' AND external_ref = 'PO-1'",
];

async fn looking_up_figures_does_not_scan_the_ledger(database: Database) {
    let register = opened(&database).await;
    let lines: Vec<String> = (0..3000)
        .map(|number| {
            format!(
                r#"{{"kind":"movement","id":"m{number}","company":"alibaba","chip":"h200","approval":"case","movement_kind":"order","units":1,"occurred_on":"2026-01-{:02}","external_ref":"PO-{number}"}}"#,
                number % 28 + 1
            )
        })
        .collect();
    // Many revisions, so that closed rows are many and current ones few.
    for some in lines.chunks(100) {
        assert_eq!(import(&register, &some.join("\n")).await.failed, 0);
    }
    for look_up in LOOK_UPS {
        let plan = plan(&database, look_up).await;
        assert!(
            !["SCAN t", "SCAN x", "SCAN holding", "SCAN movement"].iter().any(|scan| plan.contains(scan)),
            "{plan}"
        );
        assert!(
            !plan.contains("Seq Scan on movement") && !plan.contains("Seq Scan on holding_day"),
            "{plan}"
        );
    }
    // The row that ends is found by its whole key, and not among all that came before it.
    let close = plan(&database, CLOSE).await;
    assert!(!close.contains("SEARCH t") || close.contains("AND since=?)"), "{close}");
    // What a company holds is found among the rows that hold, and not among all there have been.
    let months = plan(&database, MONTHS).await;
    assert!(months.contains("holding_day_company_idx"), "{months}");
}

async fn plan(database: &Database, sql: &'static str) -> String {
    match database.address() {
        Address::Sqlite(file) => {
            let mut on = SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(explain).fetch_all(&mut on).await.unwrap();
            rows.into_iter().map(|(.., step)| step).collect::<Vec<String>>().join("\n")
        }
        Address::Postgres(url) => {
            let mut on = PgConnection::connect(&url).await.unwrap();
            on.execute("ANALYZE").await.unwrap();
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"));
            let rows: Vec<(String,)> = sqlx::query_as(explain).fetch_all(&mut on).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect::<Vec<String>>().join("\n")
        }
    }
}
