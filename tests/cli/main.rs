//! The program as its users run it, on each engine.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "other tests use more of it")]
mod support;

mod backups;
mod keys;
mod lines;
mod program;
mod service;
mod tampering;
mod usage;
