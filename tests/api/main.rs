//! The service over HTTP, in process, on each engine.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[expect(dead_code, reason = "other test binaries share it")]
#[path = "../support/mod.rs"]
mod support;

mod document;
mod service;

mod reading;
