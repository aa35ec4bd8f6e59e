//! Greenlight, the system of record for which company may buy which AI chip, and why not.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod store;
pub mod wire;
