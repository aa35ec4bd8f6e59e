//! The ledger: a movement is entered once, and never changed.

use std::sync::Arc;

use greenlight::app::{self, ChangeFilter, Effect, Error, Precondition, Presence, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::actor::{Actor, Denied, Key, Role};
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::movement::{Movement, MovementKind};
use greenlight::domain::number::Units;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::source::Source;
use greenlight::domain::thing::{Kind, ThingRef};

use crate::holdings::holding;
use crate::support::things::{
    approval, authority, cited, commit, company, enter, enter_as, found, import, movement, newest, noon, of,
    put, retire, source,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_movement_is_entered_once_under_its_id_and_never_changes,
    an_external_reference_stands_for_one_movement_of_a_company_and_kind,
    lines_with_one_external_reference_are_one_movement_within_a_revision,
    what_a_movement_names_must_be_on_record_and_stays,
    a_key_limited_to_authorities_takes_the_place_of_no_case_elsewhere,
    a_key_limited_to_authorities_writes_only_movements_on_their_approvals,
    the_feed_tells_movements_to_all_they_concern,
    an_export_with_movements_is_imported_the_same,
);

pub(crate) async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    register
}

pub(crate) fn units(units: i64) -> Units {
    Units::try_from(units).unwrap()
}

pub(crate) fn moved(id: &str, kind: MovementKind, count: i64) -> Movement {
    Movement { kind, units: units(count), ..movement(id) }
}

pub(crate) async fn assert_sound(register: &Register) {
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
    put(&register, Authority { unspecified: true, ..authority("mofcom") }).await.unwrap();
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
            ChangeFilter { kinds: vec![Kind::Movement], touching: vec![vec![ThingRef::new(kind, id)]] };
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
