//! Use cases: authorise, load, decide by the rules of the domain, write, record.
//!
//! All of it runs inside a read or a write that the caller opened, and knows neither HTTP nor SQL.

mod error;
mod key_cache;
mod register;
mod things;

pub mod approvals;
mod authorities;
pub mod board;
mod chips;
mod companies;
mod conditions;
pub mod determinations;
pub mod exports;
pub mod feed;
pub mod imports;
pub mod keys;
pub mod movements;
mod reports;
pub mod rows;
pub mod sources;
mod ticks;
pub mod transitions;
mod workflows;

pub use error::Error;
pub use key_cache::KeyCache;
pub use register::{Register, fresh_id, minted};
pub use things::{Effect, Precondition, Resource, Written, put, retire};

pub use crate::store::{
    Address, At, BoxFuture, ChangeFilter, Error as StoreError, Filed, Filter, Findings, Found,
    HOLDING_FILTERS, Head, HoldingPage, Leaf, Listed, Listing, Maker, Needs, Newest, Page, PairTotals,
    Position, Presence, Query, RECEIPT_FILTERS, Read, Receipt, Reply, Seal, Sort, SortKey, Stored, Takes,
    Wanted, Write, check_single_name, holds_register,
};
