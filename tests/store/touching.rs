//! What a change touches beside what it is of: what it refers to, and the parties of the case it refers to.

use std::collections::BTreeSet;

use greenlight::app::{ChangeFilter, Register, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::condition::{Condition, Scope};
use greenlight::domain::thing::{Kind, ThingRef};

use crate::support::things::{
    approval, authority, chip, condition, found, noon, of, post, put, retire, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(what_a_change_touches_follows_from_the_case_as_it_was,);

/// The changes that touch a thing, as whoever asks for them gets them: the revisions they were made by, and of what.
async fn narrowed(register: &Register, thing: &ThingRef) -> BTreeSet<(i64, String)> {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let narrowing = ChangeFilter { kinds: Vec::new(), touching: vec![vec![thing.clone()]] };
    let changes = read.changes_between(1, read.at().revision, &narrowing).await.unwrap();
    changes.into_iter().map(|change| (change.revision, change.thing.id)).collect()
}

/// The same, as whoever reads every change once works them out.
async fn followed(register: &Register, thing: &ThingRef) -> BTreeSet<(i64, String)> {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let newest = read.at().revision;
    let touched = read.touched_between(1, newest).await.unwrap();
    let changes = read.changes_between(1, newest, &ChangeFilter::default()).await.unwrap();
    let told = changes.into_iter().filter(|change| {
        change.thing == *thing || touched.contains(&((change.revision, change.ordinal), thing.clone()))
    });
    told.map(|change| (change.revision, change.thing.id)).collect()
}

async fn what_a_change_touches_follows_from_the_case_as_it_was(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    put(&register, chip("h100")).await.unwrap();
    put(&register, Authority { unspecified: true, ..authority("mofcom") }).await.unwrap();
    post(&register, transition("early", "case", "granted", "2026-01-05")).await.unwrap();
    let scope = Scope { approval: Some(of("case")), ..Scope::default() };
    put(&register, Condition { scope, ..condition("limit") }).await.unwrap();
    put(&register, Approval { chip: of("h100"), authority: of("mofcom"), ..approval("case") }).await.unwrap();
    post(&register, transition("late", "case", "used", "2026-01-08")).await.unwrap();
    // It takes the place of a case at another authority, which it does not touch.
    let next = Approval { chip: of("h100"), supersedes: Some(of("case")), ..approval("next") };
    put(&register, next).await.unwrap();
    retire::<Approval>(&register, "next").await.unwrap();
    let earlier = BTreeSet::from([(6, "case"), (9, "early"), (9, "case"), (10, "limit"), (11, "case")]);
    let with = |more: &[(i64, &'static str)]| earlier.iter().chain(more).copied().collect::<BTreeSet<_>>();
    let (late, next) = ([(12, "late"), (12, "case")], [(13, "next"), (14, "next")]);
    let later = |own: &[(i64, &'static str)]| {
        own.iter().chain(&[(11, "case")]).chain(&late).copied().collect::<BTreeSet<_>>()
    };
    for (kind, id, expected) in [
        (Kind::Chip, "h200", with(&[(5, "h200")])),
        (Kind::Authority, "ndrc", with(&[&[(2, "ndrc")][..], &next].concat())),
        (Kind::Company, "alibaba", with(&[&[(4, "alibaba")][..], &late, &next].concat())),
        (Kind::Chip, "h100", later(&[&[(7, "h100")][..], &next].concat())),
        (Kind::Authority, "mofcom", later(&[(8, "mofcom")])),
    ] {
        let thing = ThingRef::new(kind, id);
        let expected: BTreeSet<(i64, String)> =
            expected.into_iter().map(|(revision, id)| (revision, id.to_owned())).collect();
        assert_eq!(narrowed(&register, &thing).await, expected, "{id}");
        assert_eq!(followed(&register, &thing).await, expected, "{id}");
    }
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}
