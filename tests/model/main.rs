//! A reference model beside the service's own use cases: random commands, and no disagreement.
//!
//! The commands follow from a seed. Where the two disagree, the test tells the seed and the fewest commands that show it.
//! `GREENLIGHT_TEST_SEED` begins with another seed, so that other commands are tried.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod board;
mod commands;
mod conditions;
mod dice;
mod record;
mod reference;
mod runs;
mod service;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use runs::{run, shortest};
use support::{Database, on_each_engine};

/// How many commands a run has: enough for the world to fill, not so many that it is full of what was retired.
const RUN: usize = 500;
/// How many runs there are on SQLite: 50 000 commands.
const RUNS: u64 = 100;
/// How many of them go on at the same time; mostly they wait for the disk.
const AT_ONCE: usize = 4;

on_each_engine!(a_run_of_commands_does_what_the_reference_says);

fn first_seed() -> u64 {
    std::env::var("GREENLIGHT_TEST_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// Fails with the fewest commands that show it if the two sides disagree.
async fn assert_agreed(database: &Database, seed: u64) {
    if let Some(found) = run(database, seed, RUN, 0).await {
        panic!("seed {seed}:\n{}", shortest(found, 0).await);
    }
}

async fn a_run_of_commands_does_what_the_reference_says(database: Database) {
    assert_agreed(&database, first_seed()).await;
}

#[test]
fn in_many_runs_the_service_does_what_the_reference_says() {
    let next = AtomicU64::new(first_seed());
    let end = first_seed() + RUNS;
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    runtime.block_on(async { assert_agreed(&Database::sqlite().await, seed).await });
                }
            });
        }
    });
}

#[test]
fn a_reference_that_is_off_by_one_is_found_out() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async { run(&Database::sqlite().await, 1, RUN, 1).await });
    // The same run without the error is among those above.
    assert!(found.is_some_and(|found| found.commands.len() < RUN), "caps that hold one more than they do");
}

#[test]
fn the_reference_is_short_and_stands_by_itself() {
    let reference = include_str!("reference.rs");
    assert!(reference.lines().count() < 300);
    for line in reference.lines().filter(|line| line.contains("greenlight::") || line.contains("crate::")) {
        let judges = ["judgement", "timeline", "holding", "records", "app"]
            .iter()
            .any(|it| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == *it));
        assert!(!judges || line == "use greenlight::domain::judgement::Question;", "{line}");
        assert!(
            line.starts_with("use greenlight::domain::") || line.starts_with("use crate::record::"),
            "{line}"
        );
    }
}
