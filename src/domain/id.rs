//! Ids of things: slugs that a caller chooses or the register makes.

use std::fmt;
use std::sync::Arc;

use super::fault::{Fault, FaultCode};

/// Most characters in an id.
pub const MAX_ID: usize = 64;
/// The pattern of an id, as a regular expression.
pub const ID_PATTERN: &str = "^[a-z0-9][a-z0-9-]{0,63}$";
/// The pattern of a stage's id, which may be in `snake_case`, as the field writes stages.
pub const STAGE_ID_PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

fn checked(text: &str, allowed: fn(char) -> bool, form: &str) -> Result<Arc<str>, Fault> {
    let starts_well =
        text.chars().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    if starts_well && text.len() <= MAX_ID && text.chars().all(allowed) {
        return Ok(text.into());
    }
    Err(Fault::new(FaultCode::Malformed, format!("must be {form}, at most {MAX_ID} characters")))
}

fn slug(text: &str) -> Result<Arc<str>, Fault> {
    checked(
        text,
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        "a slug: lower-case letters, digits and hyphens, beginning with a letter or digit",
    )
}

fn stage_slug(text: &str) -> Result<Arc<str>, Fault> {
    checked(
        text,
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_',
        "lower-case letters, digits, hyphens and underscores, beginning with a letter or digit",
    )
}

/// Declares id types: private text, validated at construction. It is shared, since every answer contains many
/// ids.
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident by $check:ident;)+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Arc<str>);

            impl $name {
                /// The id as text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl TryFrom<&str> for $name {
                type Error = Fault;

                fn try_from(text: &str) -> Result<Self, Fault> {
                    $check(text).map(Self)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
        )+
    };
}

ids! {
    /// A thing of any kind.
    ThingId by slug;
    /// A company.
    CompanyId by slug;
    /// A chip.
    ChipId by slug;
    /// An authority.
    AuthorityId by slug;
    /// A workflow.
    WorkflowId by slug;
    /// A stage of a workflow.
    StageId by stage_slug;
    /// A source.
    SourceId by slug;
    /// An approval.
    ApprovalId by slug;
    /// A transition.
    TransitionId by slug;
    /// A report.
    ReportId by slug;
    /// A condition.
    ConditionId by slug;
    /// A movement.
    MovementId by slug;
    /// A determination.
    DeterminationId by slug;
    /// An API key.
    KeyId by slug;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_begin_with_a_letter_or_digit_and_hold_no_capitals() {
        for good in ["a", "0", "h200-sxm", "a-", &"x".repeat(64)] {
            assert!(CompanyId::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a b", "é", &"x".repeat(65)] {
            assert!(CompanyId::try_from(bad).is_err(), "{bad}");
        }
        assert!(StageId::try_from("in_principle").is_ok());
        assert!(StageId::try_from("_in").is_err());
    }
}
