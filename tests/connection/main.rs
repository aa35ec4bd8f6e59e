//! The connection and the stream over real sockets: stalled, broken and greedy clients, and many of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "what is measured is printed")]
#![expect(clippy::zombie_processes, reason = "a service that does not start fails its test")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

#[path = "../cli/program.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod program;

mod counted;
mod crowd;
mod fast_path;
mod following;
mod framing;
mod heads;
mod hostile;
mod late;
mod line;
mod pushed;
mod rates;
mod ready;
mod service;
mod sizes;
mod stalled;
mod stopping;
mod stream;
