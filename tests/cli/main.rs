//! The program as its users run it, on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::zombie_processes, reason = "a service that does not start fails its test")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod backups;
mod keys;
mod lines;
#[expect(dead_code, reason = "other tests use more of it")]
mod program;
mod readme;
mod secrets;
mod service;
mod usage;
