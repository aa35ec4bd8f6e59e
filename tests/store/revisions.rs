//! Revisions: one for each command that changes something, in order, chained, whatever happens at once.

use std::time::Duration;

use greenlight::app::{self, ChangeFilter, Effect, Error, Precondition, Register, StoreError, Wanted};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::company::Company;
use greenlight::domain::record::{Action, Change, Revision};
use greenlight::domain::refusal::Refusal;
use greenlight::store;
use greenlight::store::Extent;
use tokio::task::JoinSet;

use crate::batches::{accept, held};
use crate::support::things::{
    chip, commit, company, found, maker, newest, noon, of, post, put, retire, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    every_command_that_changes_something_makes_the_next_revision,
    revisions_are_chained_by_their_digests,
    a_check_tells_the_revision_and_the_digest_it_has_checked,
    a_revision_is_never_recorded_before_the_one_before_it,
    what_was_known_at_a_moment_is_the_newest_revision_recorded_by_then,
    a_thing_put_twice_in_a_command_has_one_change_and_one_version,
    what_a_command_changes_and_changes_back_is_as_it_was,
    what_is_undone_leaves_nothing,
    commands_committed_together_see_what_each_other_did,
    a_command_that_is_refused_leaves_the_others_of_its_batch_alone,
    each_of_many_writers_at_once_gets_a_revision_of_its_own_in_order,
    two_processes_write_to_one_register_in_turn,
    those_who_wait_for_a_revision_are_told,
    what_another_node_writes_is_heard_of,
    a_row_that_is_damaged_is_no_trouble_that_passes,
    what_is_damaged_fails_the_commands_that_need_it_and_no_other,
);

async fn record(register: &Register) -> (Vec<Revision>, Vec<Change>) {
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let newest = read.at().revision;
    let revisions = read.revisions_between(1, newest).await.unwrap();
    (revisions, read.changes_between(1, newest, &ChangeFilter::default()).await.unwrap())
}

/// Asserts that the revisions are gapless, that each digest follows from the one before, and that the
/// head is the last of them.
async fn assert_chained(register: &Register) {
    let (revisions, changes) = record(register).await;
    let mut before = [0; 32];
    let mut recorded_at = None;
    for (number, revision) in (1..).zip(&revisions) {
        let own = changes.iter().filter(|change| change.revision == number).cloned();
        let own: Vec<Change> = own.collect();
        assert!(!own.is_empty());
        assert_eq!(
            own.iter().map(|change| change.ordinal).collect::<Vec<_>>(),
            (1..).take(own.len()).collect::<Vec<_>>()
        );
        assert_eq!(revision.number, number);
        assert_eq!(revision.digest, store::digest(&before, revision, &own));
        assert!(recorded_at <= Some(revision.recorded_at));
        (before, recorded_at) = (revision.digest, Some(revision.recorded_at));
    }
    let head = register.read(Wanted::Newest).await.unwrap().head().clone();
    assert_eq!(head.revision, i64::try_from(revisions.len()).unwrap());
    assert_eq!((head.digest, Some(head.recorded_at)), (before, recorded_at));
}

async fn every_command_that_changes_something_makes_the_next_revision(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    assert_eq!(newest(&register).await, 0);
    for (number, id) in (1..).zip(["alibaba", "tencent", "bytedance"]) {
        assert_eq!(put(&register, company(id)).await.unwrap().since, number);
        assert_eq!(newest(&register).await, number);
    }
    let read = register.write(|write| Box::pin(async { write.record(&maker()).await })).await.unwrap();
    assert_eq!(read, None);
    assert_eq!(newest(&register).await, 3);
    let future = register.read(Wanted::Revision(4)).await.err().unwrap();
    assert!(matches!(future, StoreError::Future { newest: 3 }));
}

async fn revisions_are_chained_by_their_digests(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    post(&register, transition("t", "case", "granted", "2026-01-20")).await.unwrap();
    put(&register, company("spare")).await.unwrap();
    retire::<Company>(&register, "spare").await.unwrap();
    assert_chained(&register).await;
    let (revisions, changes) = record(&register).await;
    let last = revisions.last().unwrap();
    let [.., change] = changes.as_slice() else { panic!("no change") };
    assert_eq!(change.action, Action::Retired);
    let before = &revisions[revisions.len() - 2].digest;
    let digest = |change: Change| store::digest(before, last, &[change]);
    assert_eq!(digest(change.clone()), last.digest);
    assert_ne!(digest(Change { action: Action::Ended, ..change.clone() }), last.digest);
    assert_ne!(digest(Change { before: None, ..change.clone() }), last.digest);
}

async fn a_revision_is_never_recorded_before_the_one_before_it(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = database.open(&clock).await;
    put(&register, company("alibaba")).await.unwrap();
    clock.set(noon("2026-01-20"));
    put(&register, company("tencent")).await.unwrap();
    clock.set(noon("2026-01-24"));
    put(&register, company("bytedance")).await.unwrap();
    let (revisions, _) = record(&register).await;
    let recorded: Vec<_> = revisions.iter().map(|revision| revision.recorded_at).collect();
    assert_eq!(recorded, [noon("2026-01-23"), noon("2026-01-23"), noon("2026-01-24")]);
    assert_chained(&register).await;
}

async fn what_was_known_at_a_moment_is_the_newest_revision_recorded_by_then(database: Database) {
    let clock = Clock::standing(noon("2026-01-20"));
    let register = database.open(&clock).await;
    for (day, id) in [("20", "a"), ("22", "b"), ("22", "c"), ("24", "d")] {
        clock.set(noon(&format!("2026-01-{day}")));
        put(&register, company(id)).await.unwrap();
    }
    for (day, revision) in [("19", 0), ("20", 1), ("21", 1), ("22", 3), ("23", 3), ("24", 4)] {
        let known_at = Wanted::KnownAt(noon(&format!("2026-01-{day}")));
        let mut read = register.read(known_at).await.unwrap();
        assert_eq!(read.at().revision, revision, "{day}");
        assert_eq!(read.recorded_at().await.unwrap().is_some(), revision > 0);
    }
    let future = register.read(Wanted::KnownAt(noon("2026-01-25"))).await.err().unwrap();
    assert!(matches!(future, StoreError::Future { newest: 4 }));
}

async fn a_thing_put_twice_in_a_command_has_one_change_and_one_version(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    put(&register, company("alibaba")).await.unwrap();
    let named = |id: &str, name: &str| Company { name: of(name), ..company(id) };
    let things = [
        named("alibaba", "Ali"),
        named("tencent", "Ten"),
        named("alibaba", "Alibaba"),
        named("tencent", "Tencent"),
    ];
    commit(&register, move |write| {
        Box::pin(async move {
            for thing in things {
                app::put(write, &Actor::Operator, thing, &Precondition::Import).await?;
                // Rows written in between are replaced, not added to.
                write.flush().await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
    let (revisions, changes) = record(&register).await;
    assert_eq!((revisions.len(), changes.len()), (2, 3));
    let [created, updated, second] = changes.as_slice() else { panic!("{changes:?}") };
    assert_eq!(updated.before, created.after);
    assert_eq!((updated.action, second.action), (Action::Updated, Action::Created));
    assert_eq!(second.before, None);
    let mut read = register.read(Wanted::Newest).await.unwrap();
    for (id, name) in [("alibaba", "Alibaba"), ("tencent", "Tencent")] {
        let version = read.thing::<Company>(id).await.unwrap().present().unwrap();
        assert_eq!((version.value.name.as_str(), version.since), (name, 2));
        assert_eq!(read.search(name, None, 10).await.unwrap().items.len(), 1);
    }
    assert_eq!(read.search("Ten", None, 10).await.unwrap().items.len(), 1, "found as a part of the name");
    drop(read);
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn what_a_command_changes_and_changes_back_is_as_it_was(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    put(&register, company("alibaba")).await.unwrap();
    let changed = register.write(|write| {
        Box::pin(async {
            for (name, jurisdiction) in [("There", "SG"), ("And back", "CN")] {
                let company =
                    Company { name: of(name), jurisdiction: of(jurisdiction), ..company("alibaba") };
                app::put(write, &Actor::Operator, company, &Precondition::Import).await.unwrap();
                write.flush().await?;
            }
            write.record(&maker()).await
        })
    });
    assert_eq!(changed.await.unwrap().unwrap().number, 2);
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let now = read.thing::<Company>("alibaba").await.unwrap().present().unwrap();
    assert_eq!((now.since, now.value.name.as_str()), (2, "And back"));
    drop(read);
    // Its columns say the same as its document.
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn what_is_undone_leaves_nothing(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let before = record(&register).await;
    let late = register
        .write(|write| {
            Box::pin(async move {
                let step = transition("t", "case", "granted", "2026-01-20");
                let any = &Precondition::Import;
                app::transitions::put(write, &Actor::Operator, step, any).await.unwrap();
                app::put(write, &Actor::Operator, company("tencent"), any).await.unwrap();
                write.flush().await?;
                write.undo().await?;
                let gone = write.current::<Company>("tencent").await?;
                app::put(write, &Actor::Operator, chip("h20"), any).await.unwrap();
                Ok(gone)
            })
        })
        .await
        .unwrap();
    assert_eq!(late.present(), None);
    // What the command neither recorded nor undid is undone for it.
    assert_eq!(record(&register).await, before);
    put(&register, company("tencent")).await.unwrap();
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn a_command_that_is_refused_leaves_the_others_of_its_batch_alone(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let before = newest(&register).await;
    let release = held(&register).await;
    let mut writers = JoinSet::new();
    for number in 0..60 {
        let register = register.clone();
        writers.spawn(async move {
            match number % 3 {
                0 => put(&register, company(&format!("c{number}"))).await.is_ok(),
                1 => put(&register, Company { parent: Some(of("no")), ..company(&format!("c{number}")) })
                    .await
                    .is_ok(),
                // An illegal move, found only after rows have been written.
                _ => {
                    let id = format!("c{number}");
                    let refused: Result<(), Error> = commit(&register, move |write| {
                        Box::pin(async move {
                            let any = &Precondition::Import;
                            app::put(write, &Actor::Operator, company(&id), any).await?;
                            write.flush().await?;
                            let step = transition(&id, "case", "used", "2026-01-20");
                            app::transitions::put(write, &Actor::Operator, step, any).await?;
                            Ok(())
                        })
                    })
                    .await;
                    refused.is_ok()
                }
            }
        });
    }
    release.send(()).unwrap();
    let taken = writers.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!((taken, newest(&register).await), (20, before + 20));
    assert_chained(&register).await;
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn each_of_many_writers_at_once_gets_a_revision_of_its_own_in_order(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    let mut writers = JoinSet::new();
    for number in 0..64 {
        let register = register.clone();
        writers.spawn(async move { put(&register, company(&format!("c{number}"))).await.unwrap().since });
    }
    let mut made = writers.join_all().await;
    made.sort_unstable();
    assert_eq!(made, (1..=64).collect::<Vec<i64>>());
    assert_chained(&register).await;
}

async fn two_processes_write_to_one_register_in_turn(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let registers = [database.open(&clock).await, database.open(&clock).await];
    let mut writers = JoinSet::new();
    for number in 0..100 {
        let register = registers[number % 2].clone();
        writers.spawn(async move { put(&register, company(&format!("c{number}"))).await.unwrap().since });
    }
    let mut made = writers.join_all().await;
    made.sort_unstable();
    assert_eq!(made, (1..=100).collect::<Vec<i64>>());
    assert_chained(&registers[0]).await;
    assert_chained(&registers[1]).await;
}

async fn those_who_wait_for_a_revision_are_told(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let (register, elsewhere) = (database.open(&clock).await, database.open(&clock).await);
    let waiting = register.store().changed(0);
    put(&register, company("alibaba")).await.unwrap();
    waiting.await;
    let waiting = register.store().changed(1);
    put(&elsewhere, company("tencent")).await.unwrap();
    register.look().await.unwrap();
    waiting.await;
}

async fn what_another_node_writes_is_heard_of(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let (register, elsewhere) = (database.open(&clock).await, database.open(&clock).await);
    if register.store().engine() == "sqlite" {
        return;
    }
    let writing = async {
        for number in 0.. {
            put(&elsewhere, company(&format!("c{number}"))).await.unwrap();
        }
    };
    let mut listener = register.store().listener();
    let notified = tokio::time::timeout(Duration::from_mins(1), listener.notified());
    tokio::select! {
        notified = notified => notified.unwrap().unwrap(),
        () = writing => unreachable!("writes go on for ever"),
    }
    register.look().await.unwrap();
    assert!(register.store().newest().revision > 0);
}

async fn commands_committed_together_see_what_each_other_did(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let named = |name: &str| Company { name: of(name), ..company("tencent") };
    // Queued in this order, and all but the first at once.
    let (first, second, gone, late) = tokio::join!(
        put(&register, named("First")),
        put(&register, named("Second")),
        retire::<Company>(&register, "tencent"),
        put(&register, named("Late")),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((second.effect, second.since), (Effect::Updated, first.since + 1));
    assert!(gone.is_ok());
    assert!(matches!(late, Err(Error::Refused(Refusal::Retired(_)))), "{late:?}");
    assert_eq!(newest(&register).await, second.since + 1);
}

async fn a_row_that_is_damaged_is_no_trouble_that_passes(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    database.tamper("UPDATE revision SET actor = '' WHERE number = 1").await;
    database.tamper("UPDATE approval SET stage = '' WHERE id = 'case'").await;
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let revision = read.revision(1).await.unwrap_err();
    assert!(revision.to_string().starts_with("revision 1 is damaged: "), "{revision}");
    let valid_at = noon("2026-01-23");
    let extent = Extent { companies: vec![of("alibaba")], chips: Vec::new(), valid_at, present: true };
    let case = read.records(&extent).await.unwrap_err();
    assert!(case.to_string().starts_with("approval `case` is damaged: "), "{case}");
    for error in [revision, case] {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }
}

async fn what_is_damaged_fails_the_commands_that_need_it_and_no_other(database: Database) {
    found(&database.open(&Clock::standing(noon("2026-01-23"))).await).await;
    database.tamper("UPDATE company SET document = '{}' WHERE id = 'nvidia'").await;
    database.tamper("UPDATE approval SET document = '{}' WHERE id = 'case'").await;
    // Another one, that remembers nothing of what was there before.
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    let release = held(&register).await;
    let step = transition("step", "case", "granted", "2026-01-20");
    let outcomes = async {
        tokio::join!(
            put(&register, company("before")),
            put(&register, Company { name: of("Renamed"), ..company("nvidia") }),
            // What this one needs is looked up for the whole batch before any command runs.
            accept(register.clone(), step),
            put(&register, company("after")),
        )
    };
    let (before, damaged, case, after) = tokio::join!(outcomes, async { release.send(()).unwrap() }).0;
    assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
    for refused in [damaged, case] {
        assert!(matches!(refused, Err(Error::Store(StoreError::Damaged { .. }))), "{refused:?}");
    }
    assert_chained(&register).await;
}

async fn a_check_tells_the_revision_and_the_digest_it_has_checked(database: Database) {
    let register = database.open(&Clock::system()).await;
    found(&register).await;
    let writing = {
        let register = register.clone();
        tokio::spawn(async move {
            for number in 0.. {
                put(&register, company(&format!("c-{number}"))).await.unwrap();
            }
        })
    };
    let mut checked = Vec::new();
    for _ in 0..5 {
        checked.push(register.store().verify().await.unwrap());
    }
    writing.abort();
    let (revisions, _) = record(&register).await;
    let last = newest(&register).await;
    assert!(checked.iter().any(|check| check.revisions < last), "nothing was written meanwhile");
    for check in checked {
        assert_eq!(check.faults, [""; 0]);
        let revision = &revisions[usize::try_from(check.revisions).unwrap() - 1];
        assert_eq!((revision.number, revision.digest), (check.revisions, check.digest));
    }
}
