//! The domain: values, things and the rules for them.
//!
//! Pure code: no I/O, no clock, no serialisation. The rest of the crate uses these types, whose values are
//! validated at construction.

pub mod actor;
pub mod approval;
pub mod authority;
pub mod chip;
pub mod citation;
pub mod classification;
pub mod company;
pub mod condition;
pub mod fault;
pub mod holding;
pub mod id;
pub mod identifier;
pub mod judgement;
pub mod jurisdiction;
pub mod movement;
pub mod number;
pub mod record;
pub mod records;
pub mod refusal;
pub mod report;
pub mod source;
pub mod spelling;
pub mod text;
pub mod thing;
pub mod time;
pub mod timeline;
pub mod transition;
pub mod vocabulary;
pub mod workflow;
