//! Faults, done to the program for real: killed, cut off from its disk or its server, its clock moved, its
//! file altered. `GREENLIGHT_TEST_LONG=1` runs the long form.
//!
//! Each checker is also shown something that is wrong, so that it is known to see it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::zombie_processes, reason = "a service that does not start fails its test")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod client;
mod clocks;
mod copies;
mod disks;
mod durability;
mod kills;
mod ledger;
mod servers;
mod service;
mod tampering;
mod upgrades;
mod wal;

use std::io::Write as _;

/// A form of a test: short as part of all tests, long if asked for.
fn form(short: u64, long: u64) -> u64 {
    if std::env::var_os("GREENLIGHT_TEST_LONG").is_some() { long } else { short }
}

/// Says what is not tested, past what swallows the output of tests that pass.
fn skipped(why: &str) {
    drop(writeln!(std::io::stderr(), "skipped: {why}"));
}
