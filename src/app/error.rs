//! The errors of use cases.

use crate::domain::actor::Denied;
use crate::domain::fault::Faults;
use crate::domain::id::KeyId;
use crate::domain::refusal::{IllegalMove, Refusal};
use crate::domain::thing::ThingRef;
use crate::store;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The actor may not do this.
    #[error("not allowed")]
    Denied(Denied),
    /// No such thing was ever on record.
    #[error("{0} is not on record")]
    Unknown(ThingRef),
    /// No such key exists.
    #[error("there is no key `{0}`")]
    UnknownKey(KeyId),
    /// The thing was on record and has been retired.
    #[error("{0} was retired")]
    Retired(ThingRef),
    /// The rules reject it, given what is on record.
    #[error("{0}")]
    Refused(Refusal),
    /// The thing has another version than the request names.
    #[error("the version on record is {current}")]
    Stale {
        /// The version on record.
        current: i64,
    },
    /// The request names a version of a thing that is not on record.
    #[error("{0} is not on record, so there is no version of it to change")]
    NothingToChange(ThingRef),
    /// The request does not name the version to change.
    #[error("the version to change is not given")]
    Unconditional {
        /// The version on record.
        current: i64,
    },
    /// The input contradicts itself or what is on record.
    #[error("{0}")]
    Invalid(Faults),
    /// The register failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<IllegalMove> for Error {
    fn from(illegal: IllegalMove) -> Self {
        Self::Refused(Refusal::IllegalMove(illegal))
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}
