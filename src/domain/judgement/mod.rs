//! The judgement: may this company do this with so many of this chip at this moment, and if not, why not?
//!
//! A pure function of a dossier and a question. Board, determination, movement check and what-if all call it.
//! A missing fact never turns into permission.

pub mod answer;
pub mod assumption;
pub mod question;

pub use answer::{
    Answer, Effect, Evaluation, Figures, GateFinding, Headroom, Outcome, Reason, ReasonCode, Verdict,
};
pub use assumption::{Assumption, Change};
pub use question::Question;
