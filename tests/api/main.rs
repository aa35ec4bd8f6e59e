//! The service over HTTP, in process, on each engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;

mod access;
mod answers;
mod contract;
mod document;
mod documented;
mod dry_runs;
mod examples;
mod feed;
mod halves;
mod lines;
mod links;
mod lists;
mod outcomes;
mod pages;
mod problems;
mod reading;
mod requests;
mod service;
mod shapes;
mod tags;
mod writing;
