//! Batches: commands that are committed together see each other's changes, and share their statements.

use std::collections::BTreeMap;

use greenlight::app::{
    self, Error, Needs, Precondition, Presence, Register, Reply, StoreError, Wanted, Write, Written,
};
use greenlight::clock::Clock;
use greenlight::domain::actor::Actor;
use greenlight::domain::approval::{Approval, Case};
use greenlight::domain::chip::Chip;
use greenlight::domain::company::Company;
use greenlight::domain::refusal::Refusal;
use greenlight::domain::transition::Transition;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::support::things::{
    approval, chip, company, found, maker, newest, noon, of, post, put, report, retire, transition,
};
use crate::support::{Database, on_each_engine};

on_each_engine!(
    many_transitions_share_their_statements,
    steps_of_one_case_in_one_batch_follow_each_other,
    a_report_and_what_it_disputes_may_be_of_one_batch,
    a_reply_kept_in_a_batch_is_found_by_the_next_command,
    a_trial_leaves_what_came_before_it_in_its_batch,
    what_others_write_between_two_batches_is_known_to_the_next,
    a_command_that_panics_takes_its_batch_with_it_and_nothing_else,
    a_writer_that_breaks_off_can_be_stopped,
    a_batch_that_cannot_begin_says_that_none_of_it_ran,
    what_a_date_changed_is_seen_beside_something_damaged,
);

/// Holds the writer, so that whatever is asked of it meanwhile is one batch.
pub(crate) async fn held(register: &Register) -> oneshot::Sender<()> {
    let ((release, released), (begin, begun)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
    let register = register.clone();
    tokio::spawn(async move {
        let wait = register.write(|_| {
            Box::pin(async {
                begin.send(()).unwrap();
                released.await.unwrap();
                Ok(())
            })
        });
        wait.await
    });
    begun.await.unwrap();
    release
}

/// Waits until as many commands wait for the writer.
async fn queued(register: &Register, count: usize) {
    while register.store().queued() < count {
        tokio::task::yield_now().await;
    }
}

/// Accepts a transition as the API does: what it needs is known before.
pub(crate) async fn accept(register: Register, step: Transition) -> Result<Written, Error> {
    let command = register.write_with(app::transitions::needs(&step), move |write| {
        Box::pin(async move {
            let put = app::transitions::put(write, &Actor::Operator, step, &Precondition::Import).await;
            match put {
                Err(Error::Store(failure)) => return Err(failure),
                Err(_) => write.undo().await?,
                Ok(_) => drop(write.record(&maker()).await?),
            }
            Ok(put)
        })
    });
    command.await?
}

async fn assert_sound(register: &Register) {
    assert_eq!(register.store().verify().await.unwrap().faults, [""; 0]);
}

async fn many_transitions_share_their_statements(database: Database) {
    const MANY: usize = 64;
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    for number in 0..MANY {
        let id = format!("h{number}");
        put(&register, chip(&id)).await.unwrap();
        put(&register, Approval { chip: of(&id), ..approval(&id) }).await.unwrap();
    }
    let before = newest(&register).await;
    let release = held(&register).await;
    let (commits, statements) = (register.store().commits(), register.store().statements());
    let mut writers = JoinSet::new();
    for number in 0..MANY {
        let step = transition(&format!("t{number}"), &format!("h{number}"), "granted", "2026-01-20");
        writers.spawn(accept(register.clone(), step));
    }
    queued(&register, MANY).await;
    release.send(()).unwrap();
    assert!(writers.join_all().await.iter().all(Result::is_ok));
    assert_eq!(newest(&register).await, before + i64::try_from(MANY).unwrap());
    // The one that held the writer, and the one with the transitions.
    assert_eq!(register.store().commits() - commits, 2);
    let statements = register.store().statements() - statements;
    // Their rows go in four pieces.
    assert!(statements <= 48, "{statements} statements for {MANY} transitions");
    assert_sound(&register).await;
}

async fn steps_of_one_case_in_one_batch_follow_each_other(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let release = held(&register).await;
    // Each waits for the one before to be queued, so that they run in this order.
    let mut writers = BTreeMap::new();
    for (count, (id, to)) in (1..).zip([("a", "granted"), ("b", "used"), ("c", "asked"), ("d", "used")]) {
        let step = transition(id, "case", to, "2026-01-20");
        writers.insert(id, tokio::spawn(accept(register.clone(), step)));
        queued(&register, count).await;
    }
    release.send(()).unwrap();
    let mut taken = Vec::new();
    for (id, writer) in writers {
        if writer.await.unwrap().is_ok() {
            taken.push(id);
        }
    }
    assert!(taken.starts_with(&["a", "b"]), "{taken:?}");
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let case = read.thing::<Case>("case").await.unwrap().present().unwrap();
    let accepted = read.transitions(&of("case")).await.unwrap();
    assert_eq!(accepted.len(), taken.len());
    let (last, _) = accepted.last().unwrap();
    assert_eq!(case.value.standing.stage, last.value.to);
    drop(read);
    // The same, said again after the batch, is what the case already is.
    let again = transition("a", "case", "granted", "2026-01-20");
    assert_eq!(post(&register, again).await.unwrap().effect, app::Effect::Unchanged);
    assert_sound(&register).await;
}

async fn a_report_and_what_it_disputes_may_be_of_one_batch(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let (first, second, third) = tokio::join!(
        post(&register, transition("a", "case", "granted", "2026-01-10")),
        put(&register, report("r", "refused", "2026-01-15")),
        post(&register, transition("b", "case", "used", "2026-01-12")),
    );
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    let mut read = register.read(Wanted::Newest).await.unwrap();
    let case = read.thing::<Case>("case").await.unwrap().present().unwrap();
    assert!(case.value.standing.disputed);
    drop(read);
    assert_sound(&register).await;
}

async fn a_reply_kept_in_a_batch_is_found_by_the_next_command(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    let reply = |body: &str| Reply {
        request_digest: vec![7; 32],
        status: 201,
        headers: String::new(),
        body: body.as_bytes().to_vec(),
    };
    let keep = |body: &'static str| {
        let kept = reply(body);
        register.write(move |write| {
            Box::pin(async move {
                let known = write.kept_reply("someone", "key").await?;
                if known.is_none() {
                    write.keep_reply("someone", "key", kept);
                }
                Ok(known)
            })
        })
    };
    let (first, second) = tokio::join!(keep("first"), keep("second"));
    assert_eq!((first.unwrap(), second.unwrap()), (None, Some(reply("first"))));
    assert_eq!(keep("third").await.unwrap(), Some(reply("first")));
}

async fn a_trial_leaves_what_came_before_it_in_its_batch(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let trial = register.write(|write| {
        Box::pin(async move {
            write.begin_dry_run().await?;
            let any = &Precondition::Import;
            app::put(write, &Actor::Operator, company("tried"), any).await.unwrap();
            write.flush().await?;
            write.undo().await
        })
    });
    let (before, trial, after) =
        tokio::join!(put(&register, company("before")), trial, put(&register, chip("after")));
    trial.unwrap();
    assert_eq!(after.unwrap().since, before.unwrap().since + 1);
    let mut read = register.read(Wanted::Newest).await.unwrap();
    assert!(read.thing::<Company>("before").await.unwrap().present().is_some());
    assert!(read.thing::<Company>("tried").await.unwrap().present().is_none());
    assert!(read.thing::<Chip>("after").await.unwrap().present().is_some());
    drop(read);
    retire::<Company>(&register, "before").await.unwrap();
    assert_sound(&register).await;
}

async fn what_others_write_between_two_batches_is_known_to_the_next(database: Database) {
    let clock = Clock::standing(noon("2026-01-30"));
    let (one, other) = (database.open(&clock).await, database.open(&clock).await);
    found(&one).await;
    post(&one, transition("granted", "case", "granted", "2026-01-20")).await.unwrap();
    post(&other, transition("used", "case", "used", "2026-01-22")).await.unwrap();
    let again = post(&one, transition("again", "case", "used", "2026-01-24")).await;
    assert!(matches!(again, Err(Error::Refused(Refusal::IllegalMove(_)))), "{again:?}");
    retire::<Approval>(&other, "case").await.unwrap();
    let gone = post(&one, transition("paused", "case", "paused", "2026-01-26")).await;
    assert!(matches!(gone, Err(Error::Refused(Refusal::Dangling(_)))), "{gone:?}");
    assert_sound(&one).await;
}

async fn a_command_that_panics_takes_its_batch_with_it_and_nothing_else(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let before = newest(&register).await;
    let held = held(&register).await;
    let first = {
        let register = register.clone();
        tokio::spawn(async move { put(&register, company("tencent")).await })
    };
    queued(&register, 1).await;
    let second = tokio::spawn(panicking(register.clone()));
    queued(&register, 2).await;
    held.send(()).unwrap();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(matches!(first, Err(Error::Store(StoreError::Interrupted(_)))), "{first:?}");
    assert!(matches!(second, Err(StoreError::Interrupted(_))), "{second:?}");
    assert_eq!(newest(&register).await, before);
    put(&register, company("tencent")).await.unwrap();
    assert_eq!(newest(&register).await, before + 1);
}

/// A command that panics.
async fn panicking(register: Register) -> Result<(), StoreError> {
    register.write::<(), _>(|_| Box::pin(async { panic!("as it was to") })).await
}

/// An outcome that cannot be let go of without a panic.
#[derive(Debug)]
struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "as it was to");
    }
}

async fn a_writer_that_breaks_off_can_be_stopped(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    let held = held(&register).await;
    let first = {
        let register = register.clone();
        // What it comes to is let go of when the batch fails, where nothing catches a panic.
        tokio::spawn(
            async move { register.write(|_| Box::pin(async { Ok(Bad) })).await.map(std::mem::forget) },
        )
    };
    queued(&register, 1).await;
    let second = tokio::spawn(panicking(register.clone()));
    queued(&register, 2).await;
    held.send(()).unwrap();
    for told in [first.await.unwrap(), second.await.unwrap()] {
        assert!(matches!(told, Err(StoreError::Closed | StoreError::Interrupted(_))), "{told:?}");
    }
    let closed = tokio::time::timeout(std::time::Duration::from_secs(30), register.store().close()).await;
    assert!(closed.is_ok(), "the writer is waited for in vain");
}

async fn a_batch_that_cannot_begin_says_that_none_of_it_ran(database: Database) {
    let register = database.open(&Clock::standing(noon("2026-01-23"))).await;
    found(&register).await;
    let before = newest(&register).await;
    let failure = async |id: &str| match put(&register, company(id)).await {
        Err(Error::Store(error)) => error,
        other => panic!("{other:?}"),
    };
    database.tamper("ALTER TABLE head RENAME TO elsewhere").await;
    let never_begun = failure("never-begun").await;
    assert!(matches!(never_begun, StoreError::NotBegun(_)), "{never_begun:?}");
    assert!(never_begun.is_before_any_change());
    database.tamper("ALTER TABLE elsewhere RENAME TO head").await;
    assert_eq!(newest(&register).await, before);
    // What fails on its way to the commit is told apart.
    database.tamper("ALTER TABLE change RENAME TO elsewhere").await;
    let interrupted = failure("interrupted").await;
    assert!(matches!(interrupted, StoreError::Interrupted(_)), "{interrupted:?}");
    assert!(!interrupted.is_before_any_change());
    database.tamper("ALTER TABLE elsewhere RENAME TO change").await;
    register.store().close().await;
    let closed = failure("closed").await;
    assert!(matches!(closed, StoreError::Closed) && closed.is_before_any_change(), "{closed:?}");
}

async fn what_a_date_changed_is_seen_beside_something_damaged(database: Database) {
    let clock = Clock::standing(noon("2026-01-23"));
    let register = database.open(&clock).await;
    found(&register).await;
    put(&register, approval("damaged")).await.unwrap();
    post(&register, transition("d", "damaged", "granted", "2026-01-20")).await.unwrap();
    post(&register, transition("t", "case", "granted", "2026-01-25")).await.unwrap();
    database.tamper("UPDATE transition SET stage = '?' WHERE id = 'd'").await;
    register.store().close().await;
    let register = database.open(&clock).await;
    clock.set(noon("2026-01-25"));
    let before = newest(&register).await;
    let needs = Needs { cases: vec![of("damaged")], ..Needs::default() };
    let seen = register.write_with(needs, |write| {
        Box::pin(async move {
            let stage = async |write: &mut Write| match write.current::<Case>("case").await {
                Ok(Presence::Present(case)) => (case.since, case.value.standing.stage.to_string()),
                other => panic!("{other:?}"),
            };
            let seen = stage(write).await;
            let damaged = write.timeline(&of("damaged")).await;
            assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
            Ok(seen)
        })
    });
    assert_eq!(seen.await.unwrap(), (before + 1, "granted".to_owned()));
    assert_eq!(newest(&register).await, before + 1);
}
