//! Use cases: authorise, load, decide by the rules of the domain, write, record.
//!
//! Everything here runs inside a read or a write that somebody else opened, and knows neither HTTP nor SQL.

mod error;
mod keyring;
mod register;
mod things;

pub mod approvals;
mod authorities;
mod chips;
mod companies;
mod conditions;
pub mod exports;
pub mod feed;
pub mod imports;
pub mod keys;
mod reports;
pub mod sources;
mod ticks;
pub mod transitions;
mod workflows;

pub use error::Error;
pub use keyring::Keyring;
pub use register::{Register, fresh_id, minted};
pub use things::{Effect, Precondition, Resource, Written, put, retire};

pub use crate::store::{
    Address, At, BoxFuture, Error as StoreError, Filed, Filter, Findings, Found, Head, Listed, Listing,
    Maker, Narrowing, Newest, Page, Position, Presence, Query, Read, Reply, Sort, SortKey, Stored, Takes,
    Version, Wanted, Write,
};
