//! The record of changes: revisions, their changes and their makers.

use super::text::{Name, Reason};
use super::thing::ThingRef;
use super::time::Moment;
use super::vocabulary::vocabulary;

vocabulary! {
    /// The action on a thing in a revision.
    Action {
        /// It came onto the record.
        Created = "created",
        /// Its content changed.
        Updated = "updated",
        /// It left the record; its history stays.
        Retired = "retired",
        /// A date came, and with it a stage, a report, a beginning of force or validity, the day a requirement is met,
        /// or a new period. The content is as it was, unless the stage or `disputed` changed with it.
        TookEffect = "took_effect",
        /// A date came on which its validity or its force ended. The content is as it was.
        Ended = "ended",
        /// The source passed its freshness limit: nobody has checked it for `check_every_days`.
        BecameStale = "became_stale",
    }
}

/// One accepted write to the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its number: 1, 2, 3, … without gaps.
    pub number: i64,
    /// When it was recorded; never earlier than the one before.
    pub recorded_at: Moment,
    /// The maker: the id of a key, or the service itself.
    pub actor: Name,
    /// The maker's reason.
    pub reason: Option<Reason>,
    /// The id of the request that made it.
    pub request_id: Name,
    /// SHA-256 of the previous digest and the content of this revision.
    pub digest: [u8; 32],
}

/// The change of one thing in one revision, with its documents as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision.
    pub revision: i64,
    /// Its ordinal in the revision, from 1.
    pub ordinal: i64,
    /// The thing.
    pub thing: ThingRef,
    /// The action.
    pub action: Action,
    /// The thing before; `None` if it was not on record.
    pub before: Option<String>,
    /// The thing after; `None` if it was retired.
    pub after: Option<String>,
}
