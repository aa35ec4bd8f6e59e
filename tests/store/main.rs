//! The store and the use cases over it, on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::type_complexity, clippy::similar_names, reason = "rows are read as they come")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod batches;
mod board;
mod coalescing;
mod histories;
mod holdings;
mod limits;
mod limits_of_days;
mod lists;
mod look_ups;
mod movements;
mod opening;
mod revisions;
mod schema;
mod standings;
mod things;
mod time;
mod touching;
mod wal;
mod workflows;
