//! Answers that are kept and keys that are remembered, on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod answers;
mod keys;
mod polling;
mod service;
