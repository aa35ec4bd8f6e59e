//! Maps errors of use cases to problems.

use axum::http::header;
use serde_json::Value;

use super::conditional::strong;
use super::problem::{Code, Problem, Wrong};
use crate::app::{Error, StoreError};
use crate::domain::actor::Denied;
use crate::domain::id::AuthorityId;
use crate::domain::refusal::{IllegalMove, Refusal};
use crate::domain::thing::ThingRef;
use crate::wire::determinations::reason;
use crate::wire::values::{href, linked};

/// The problem for an error of a use case.
impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        match error {
            Error::Denied(denied) => denied_problem(denied),
            Error::Unknown(thing) => Self::new(Code::NotFound, format!("{thing} is not on record")),
            Error::UnknownKey(id) => Self::new(Code::NotFound, format!("there is no key `{id}`")),
            Error::Retired(thing) => {
                let retired = Self::new(Code::Retired, format!("{thing} was retired"));
                match links_of_retired(thing) {
                    Some(links) => retired.field(header::LINK, &links),
                    None => retired,
                }
            }
            Error::Refused(refusal) => refused(refusal),
            Error::Stale { .. } => Self::new(
                Code::StaleVersion,
                "the thing on record has another version than If-Match names, or If-None-Match asks for there to be none",
            ),
            Error::NothingToChange(thing) => Self::new(
                Code::StaleVersion,
                format!(
                    "{thing} is not on record, so If-Match can name no version of it; leave If-Match out to put it on record"
                ),
            ),
            Error::Unconditional { .. } => {
                Self::new(Code::PreconditionRequired, "name the version to change in If-Match")
            }
            Error::Invalid(faults) => Self::invalid_body(faults),
            Error::Store(error) => store_problem(error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        store_problem(&error)
    }
}

/// The problem for an error of a write; if it concerns the version, with the current `ETag`.
pub(crate) fn tagged(error: &Error, epoch: &str) -> Problem {
    let problem = Problem::from(error);
    match error {
        Error::Stale { current } | Error::Unconditional { current } => {
            problem.field(header::ETAG, &strong(epoch, *current))
        }
        _ => problem,
    }
}

/// The problem for a store error, whose details go to the log, not to the caller.
fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Future { newest } => {
            Problem::new(Code::RevisionInFuture, format!("the newest revision is {newest}"))
        }
        StoreError::Shared(error) => store_problem(error),
        StoreError::Damaged { .. } => {
            tracing::error!(%error, "something on record is damaged");
            Problem::new(Code::Internal, "something on record is damaged; the log says what")
        }
        StoreError::Ended => {
            tracing::warn!("a read was ended, since it kept the log from beginning again");
            Problem::new(Code::Overloaded, "so much was written meanwhile that the answer was given up")
        }
        _ => {
            tracing::error!(%error, "the register failed");
            let problem =
                Problem::new(Code::Unavailable, "the register cannot be reached or written at the moment");
            if error.is_before_any_change() { problem.before_any_change() } else { problem }
        }
    }
}

/// Where to go on from a retired thing: its history, and the list it was in.
fn links_of_retired(thing: &ThingRef) -> Option<String> {
    let href = href(thing)?;
    let (list, _) = href.rsplit_once('/')?;
    Some(format!("<{href}/history>; rel=\"version-history\", <{list}>; rel=\"collection\""))
}

fn denied_problem(denied: &Denied) -> Problem {
    match denied {
        Denied::Anonymous => Problem::new(Code::Unauthenticated, "this needs a key"),
        Denied::Role(role) => {
            Problem::new(Code::Forbidden, format!("this needs a key with the role `{role}`"))
        }
        Denied::Authority { allowed, of } => {
            let allowed = quoted(allowed);
            let detail = if of.is_empty() {
                format!(
                    "the key writes only what belongs to {allowed}, and this belongs to no authority: a movement belongs to that of the approval it names, a condition to that of its scope, a report to the one it is about"
                )
            } else {
                let of = quoted(of);
                format!("the key writes only what belongs to {allowed}, and this belongs to {of}")
            };
            Problem::new(Code::ForbiddenAuthority, detail)
        }
    }
}

fn quoted(authorities: &[AuthorityId]) -> String {
    let quoted: Vec<String> = authorities.iter().map(|authority| format!("`{authority}`")).collect();
    quoted.join(" and ")
}

fn refused(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::IllegalMove(illegal) => legal(Problem::new(Code::IllegalMove, detail), illegal),
        Refusal::Retired(_) => Problem::new(Code::IdRetired, detail),
        Refusal::InUse { by, .. } => Problem::new(Code::InUse, detail).member("by", links(by)),
        Refusal::Dangling(faults) => Problem {
            detail,
            ..Problem::with_errors(Code::NoSuchReference, faults.0.iter().map(Wrong::from).collect())
        },
        Refusal::StageInUse { stages, by } => Problem::new(Code::StageInUse, detail)
            .member("stages", stages.iter().map(|stage| Value::from(stage.as_str())).collect())
            .member("by", links(by)),
        Refusal::MoveInUse { illegal, by } => {
            let by = links(std::slice::from_ref(by));
            legal(Problem::new(Code::MoveInUse, detail), illegal).member("by", by)
        }
        Refusal::Fixed(faults) => Problem {
            detail,
            ..Problem::with_errors(Code::Fixed, faults.0.iter().map(Wrong::from).collect())
        },
        Refusal::OverLimit { headroom, limits } => Problem::new(Code::OverLimit, detail)
            .member("available", headroom.units.into())
            .member("limited_by", linked(headroom.limited_by.as_ref()))
            .member("limits", limits.iter().map(reason).collect()),
        Refusal::ExceedsLedger(faults) => Problem {
            detail,
            ..Problem::with_errors(Code::ExceedsLedger, faults.0.iter().map(Wrong::from).collect())
        },
        Refusal::ExternalRefTaken { by, differences } => {
            let errors = differences.0.iter().map(Wrong::from).collect();
            let by = links(std::slice::from_ref(by));
            Problem { detail, ..Problem::with_errors(Code::ExternalRefConflict, errors) }.member("by", by)
        }
    }
}

fn legal(problem: Problem, illegal: &IllegalMove) -> Problem {
    problem
        .member("workflow", illegal.workflow.as_str().into())
        .member("stage", illegal.stage.as_str().into())
        .member("to", illegal.to.as_str().into())
        .member("legal", illegal.legal.iter().map(|stage| Value::from(stage.as_str())).collect())
}

fn links(things: &[ThingRef]) -> Value {
    things.iter().map(|thing| linked(Some(thing))).collect()
}
