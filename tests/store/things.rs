//! What is put on record, replaced and retired, of every kind alike.

use greenlight::app::{ChangeFilter, Effect, Error, Presence, Register, Resource, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::approval::Approval;
use greenlight::domain::authority::Authority;
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::condition::Condition;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::report::Report;
use greenlight::domain::source::Source;
use greenlight::domain::text::Name;
use greenlight::domain::thing::{Kind, ThingRef};
use greenlight::domain::workflow::Workflow;

use crate::support::things::{
    approval, authority, chip, cited, company, condition, found, newest, noon, of, on, post, put, report,
    retire, source, transition, workflow,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    a_thing_is_read_at_the_newest_revision_and_at_earlier_ones,
    what_is_there_already_makes_no_revision,
    a_retired_thing_stays_in_the_past_and_its_id_is_never_used_again,
    what_names_something_that_is_not_on_record_is_refused,
    what_something_refers_to_cannot_be_retired,
    a_case_leaves_the_record_with_its_transitions,
    a_chain_of_references_never_leads_back_to_where_it_began,
    a_thing_that_never_was_cannot_be_retired,
);

async fn opened(database: &Database) -> Register {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    register
}

/// The thing as it was at a revision.
async fn at<T: Resource>(register: &Register, revision: i64, id: &str) -> Presence<T> {
    let mut read = register.read(Wanted::Revision(revision)).await.unwrap();
    read.thing::<T::Record>(id).await.unwrap().map(|version| T::written(&version.value).clone())
}

/// Puts a thing on record and another in its place, and reads both back.
async fn two_versions<T: Resource + std::fmt::Debug>(register: &Register, first: T, second: T) {
    let before = newest(register).await;
    let created = put(register, first.clone()).await.unwrap();
    let updated = put(register, second.clone()).await.unwrap();
    assert_eq!((created.effect, created.since), (Effect::Created, before + 1));
    assert_eq!((updated.effect, updated.since), (Effect::Updated, before + 2));
    let id = first.id().to_owned();
    assert_eq!(at::<T>(register, before, &id).await, Presence::Absent);
    assert_eq!(at::<T>(register, before + 1, &id).await, Presence::Present(first));
    assert_eq!(at::<T>(register, before + 2, &id).await, Presence::Present(second));
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let version = read.thing::<T::Record>(&id).await.unwrap().present().unwrap();
    assert_eq!(version.since, before + 2);
}

async fn a_thing_is_read_at_the_newest_revision_and_at_earlier_ones(database: Database) {
    let register = opened(&database).await;
    let other: Name = of("Another name, 另一个名字");
    let name = other.clone();
    two_versions(&register, workflow("w"), Workflow { name, ..workflow("w") }).await;
    let name = other.clone();
    two_versions(&register, authority("a"), Authority { name, unspecified: true, ..authority("a") }).await;
    let name = other.clone();
    let parent = Some(of("nvidia"));
    two_versions(&register, company("c"), Company { name, parent, ..company("c") }).await;
    two_versions(&register, chip("h"), Chip { name: other, ..chip("h") }).await;
    two_versions(&register, source("s"), Source { published_on: Some(of("2026-01-23")), ..source("s") })
        .await;
    let exporter = Some(of("nvidia"));
    two_versions(&register, approval("p"), Approval { exporter, ..approval("p") }).await;
    let text = of("It is otherwise.");
    two_versions(
        &register,
        report("r", "granted", "2026-01-23"),
        Report { text, ..report("r", "used", "2026-01-24") },
    )
    .await;
    let met_on = Some(of("2026-01-23"));
    two_versions(&register, condition("n"), Condition { met_on, ..condition("n") }).await;
}

async fn unchanged<T: Resource>(register: &Register, thing: T) {
    put(register, thing.clone()).await.unwrap();
    let before = newest(register).await;
    let again = put(register, thing).await.unwrap();
    assert_eq!((again.effect, again.since), (Effect::Unchanged, before));
    assert_eq!(newest(register).await, before);
}

async fn what_is_there_already_makes_no_revision(database: Database) {
    let register = opened(&database).await;
    unchanged(&register, workflow("w")).await;
    unchanged(&register, authority("a")).await;
    unchanged(&register, company("c")).await;
    unchanged(&register, chip("h")).await;
    unchanged(&register, source("s")).await;
    unchanged(&register, approval("p")).await;
    unchanged(&register, report("r", "granted", "2026-01-23")).await;
    unchanged(&register, condition("n")).await;
    let granted = transition("t", "p", "granted", "2026-01-20");
    post(&register, granted.clone()).await.unwrap();
    let before = newest(&register).await;
    assert_eq!(post(&register, granted).await.unwrap().effect, Effect::Unchanged);
    assert_eq!(newest(&register).await, before);
}

async fn retired<T: Resource + std::fmt::Debug>(register: &Register, thing: T) {
    put(register, thing.clone()).await.unwrap();
    let there = newest(register).await;
    let id = thing.id().to_owned();
    retire::<T>(register, &id).await.unwrap();
    assert_eq!(newest(register).await, there + 1);
    assert_eq!(at::<T>(register, there + 1, &id).await, Presence::Retired);
    assert_eq!(at::<T>(register, there, &id).await, Presence::Present(thing.clone()));
    let again = retire::<T>(register, &id).await;
    assert!(matches!(again, Err(Error::Retired(retired)) if retired == thing.thing_ref()));
    let again = put(register, thing.clone()).await;
    assert!(matches!(again, Err(Error::Refused(Refusal::Retired(retired))) if retired == thing.thing_ref()));
    assert_eq!(newest(register).await, there + 1);
}

async fn a_retired_thing_stays_in_the_past_and_its_id_is_never_used_again(database: Database) {
    let register = opened(&database).await;
    retired(&register, workflow("w")).await;
    retired(&register, authority("a")).await;
    retired(&register, company("c")).await;
    retired(&register, chip("h")).await;
    retired(&register, source("s")).await;
    retired(&register, approval("p")).await;
    retired(&register, report("r", "granted", "2026-01-23")).await;
    retired(&register, condition("n")).await;
}

/// Asserts that a thing is refused, and that these pointers are told.
async fn dangling<T: Resource>(register: &Register, thing: T, pointers: &[&str]) {
    let before = newest(register).await;
    let Err(Error::Refused(Refusal::Dangling(faults))) = put(register, thing).await else {
        panic!("something dangling was taken");
    };
    let told: Vec<&str> = faults.0.iter().map(|placed| placed.pointer.as_str()).collect();
    assert_eq!(told, pointers);
    assert_eq!(newest(register).await, before);
}

async fn what_names_something_that_is_not_on_record_is_refused(database: Database) {
    let register = opened(&database).await;
    put(&register, company("gone")).await.unwrap();
    retire::<Company>(&register, "gone").await.unwrap();
    dangling(&register, Authority { workflow: of("no"), ..authority("a") }, &["/workflow"]).await;
    dangling(&register, Company { parent: Some(of("gone")), ..company("c") }, &["/parent"]).await;
    dangling(&register, Chip { designer: of("no"), ..chip("h") }, &["/designer"]).await;
    dangling(&register, Source { republishes: Some(of("no")), ..source("s") }, &["/republishes"]).await;
    let supersedes = Some(of("no"));
    let nobody = Approval { company: of("gone"), chip: of("no"), supersedes, ..approval("p") };
    dangling(&register, nobody, &["/company", "/chip", "/supersedes"]).await;
    let mut unsourced = report("r", "granted", "2026-01-23");
    unsourced.about.authority = Some(of("no"));
    unsourced.citations = cited("no");
    dangling(&register, unsourced, &["/about/authority", "/citations/0/source"]).await;
    let mut beside = condition("n");
    beside.scope.approval = Some(of("no"));
    dangling(&register, beside, &["/scope/approval"]).await;
    let nowhere = post(&register, transition("t", "no", "granted", "2026-01-23")).await;
    assert!(
        matches!(nowhere, Err(Error::Refused(Refusal::Dangling(faults))) if faults.0[0].pointer == "/approval")
    );
}

async fn in_use<T: Resource>(register: &Register, id: &str, expected: &[(Kind, &str)]) {
    let Err(Error::Refused(Refusal::InUse { thing, by })) = retire::<T>(register, id).await else {
        panic!("{id} was retired");
    };
    assert_eq!(thing, ThingRef::new(T::KIND, id));
    let expected: Vec<ThingRef> = expected.iter().map(|(kind, id)| ThingRef::new(*kind, *id)).collect();
    assert_eq!(by, expected);
}

async fn what_something_refers_to_cannot_be_retired(database: Database) {
    let register = opened(&database).await;
    put(&register, source("s")).await.unwrap();
    let mut cites = transition("t", "case", "granted", "2026-01-20");
    cites.citations = cited("s");
    post(&register, cites).await.unwrap();
    put(&register, Approval { supersedes: Some(of("case")), ..approval("refiled") }).await.unwrap();
    put(&register, report("r", "granted", "2026-01-23")).await.unwrap();
    put(&register, condition("n")).await.unwrap();
    in_use::<Workflow>(&register, "flow", &[(Kind::Authority, "ndrc")]).await;
    let cases = [(Kind::Approval, "case"), (Kind::Approval, "refiled")];
    let reported = [&cases[..], &[(Kind::Report, "r")]].concat();
    in_use::<Company>(&register, "alibaba", &reported).await;
    in_use::<Chip>(&register, "h200", &reported).await;
    let bound = [&cases[..], &[(Kind::Condition, "n"), (Kind::Report, "r")]].concat();
    in_use::<Authority>(&register, "ndrc", &bound).await;
    in_use::<Company>(&register, "nvidia", &[(Kind::Chip, "h200")]).await;
    in_use::<Source>(&register, "s", &[(Kind::Transition, "t")]).await;
    in_use::<Approval>(&register, "case", &[(Kind::Approval, "refiled")]).await;
    retire::<Condition>(&register, "n").await.unwrap();
    retire::<Report>(&register, "r").await.unwrap();
    retire::<Approval>(&register, "refiled").await.unwrap();
    retire::<Approval>(&register, "case").await.unwrap();
    retire::<Source>(&register, "s").await.unwrap();
    retire::<Authority>(&register, "ndrc").await.unwrap();
    retire::<Workflow>(&register, "flow").await.unwrap();
}

async fn a_case_leaves_the_record_with_its_transitions(database: Database) {
    let register = opened(&database).await;
    post(&register, transition("t", "case", "granted", "2026-01-20")).await.unwrap();
    let there = newest(&register).await;
    retire::<Approval>(&register, "case").await.unwrap();
    for (revision, held) in [(there, 1), (there + 1, 0)] {
        let mut read = register.read(Wanted::Revision(revision)).await.unwrap();
        assert_eq!(read.transitions(&of("case")).await.unwrap().len(), held, "{revision}");
        let standing = read.standing_on(&of("case"), on("2026-01-23").date).await.unwrap();
        assert_eq!(standing.is_some(), held == 1, "{revision}");
    }
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let changes = read.changes_between(there + 1, there + 1, &ChangeFilter::default()).await.unwrap();
    let retired: Vec<&ThingRef> = changes.iter().map(|change| &change.thing).collect();
    assert_eq!(retired, [&ThingRef::new(Kind::Approval, "case"), &ThingRef::new(Kind::Transition, "t")]);
    let late = post(&register, transition("u", "case", "granted", "2026-01-20")).await;
    assert!(matches!(late, Err(Error::Refused(Refusal::Dangling(_)))));
}

async fn a_chain_of_references_never_leads_back_to_where_it_began(database: Database) {
    let register = opened(&database).await;
    put(&register, company("a")).await.unwrap();
    put(&register, Company { parent: Some(of("a")), ..company("b") }).await.unwrap();
    put(&register, Company { parent: Some(of("b")), ..company("c") }).await.unwrap();
    let round = put(&register, Company { parent: Some(of("c")), ..company("a") }).await;
    assert!(matches!(round, Err(Error::Invalid(faults)) if faults.0[0].pointer == "/parent"));
    put(&register, source("x")).await.unwrap();
    put(&register, Source { republishes: Some(of("x")), ..source("y") }).await.unwrap();
    let round = put(&register, Source { republishes: Some(of("y")), ..source("x") }).await;
    assert!(matches!(round, Err(Error::Invalid(faults)) if faults.0[0].pointer == "/republishes"));
    put(&register, Approval { supersedes: Some(of("case")), ..approval("refiled") }).await.unwrap();
    let round = put(&register, Approval { supersedes: Some(of("refiled")), ..approval("case") }).await;
    assert!(matches!(round, Err(Error::Invalid(faults)) if faults.0[0].pointer == "/supersedes"));
}

async fn a_thing_that_never_was_cannot_be_retired(database: Database) {
    let register = opened(&database).await;
    let unknown = retire::<Company>(&register, "nobody").await;
    assert!(matches!(unknown, Err(Error::Unknown(thing)) if thing == ThingRef::new(Kind::Company, "nobody")));
}
