//! The store and the use cases over it, on each engine.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod lists;
mod opening;
mod revisions;
mod schema;
mod things;
