//! Text for people: bounded, trimmed and without control characters.

use std::collections::BTreeMap;
use std::fmt;

use super::fault::{Fault, FaultCode};

/// The pattern of every text: no control characters, no white space at either end.
pub const TEXT_PATTERN: &str =
    r"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";
/// The pattern of a language tag (the common part of BCP 47).
pub const LANGUAGE_PATTERN: &str = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$";
/// The pattern of a web address.
pub const URL_PATTERN: &str = r"^https?://[!-~]+$";

fn plain(text: &str, most: usize) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::new(FaultCode::TooShort, "must not be empty; leave the field out instead"));
    }
    if text.chars().count() > most {
        return Err(Fault::new(FaultCode::TooLong, format!("must have at most {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new(FaultCode::Malformed, "must not contain control characters"));
    }
    if text.trim() != text {
        return Err(Fault::new(FaultCode::Malformed, "must not begin or end with white space"));
    }
    Ok(text.to_owned())
}

/// Declares text types with their maximum length in characters.
macro_rules! texts {
    ($($(#[$meta:meta])* $name:ident up to $most:literal;)+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(String);

            impl $name {
                /// The maximum length, in characters.
                pub const MAX: usize = $most;

                /// The text.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl TryFrom<&str> for $name {
                type Error = Fault;

                fn try_from(text: &str) -> Result<Self, Fault> {
                    plain(text, Self::MAX).map(Self)
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

texts! {
    /// The name of something.
    Name up to 200;
    /// The title of a document.
    Title up to 500;
    /// A sentence or two beside a record.
    Note up to 4000;
    /// A short reference given by another party: a case number, a licence number, an ECCN.
    Reference up to 100;
    /// The reason for a change, in its maker's words.
    Reason up to 1000;
}

impl Name {
    /// A name for something unnamed.
    #[must_use]
    pub fn placeholder() -> Self {
        Self("unnamed".to_owned())
    }
}

/// A web address: `http` or `https`, visible ASCII only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(String);

impl Url {
    /// The maximum length, in characters.
    pub const MAX: usize = 2000;

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Url {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        if text.len() > Self::MAX {
            return Err(Fault::new(
                FaultCode::TooLong,
                format!("must have at most {} characters", Self::MAX),
            ));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(FaultCode::Malformed, "must be an http or https address in visible ASCII characters"))
    }
}

/// A language tag, for example `zh` or `zh-Hant` (BCP 47).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// The maximum length, in characters.
    pub const MAX: usize = 30;

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Language {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let mut parts = text.split('-');
        let primary = parts.next().unwrap_or_default();
        let primary_fits =
            (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
        let rest: Vec<&str> = parts.collect();
        let rest_fits = rest.len() <= 3
            && rest
                .iter()
                .all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if primary_fits && rest_fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(FaultCode::Malformed, "must be a language tag such as `en`, `zh` or `zh-Hant`"))
    }
}

/// Names by language.
pub type Names = BTreeMap<Language, Name>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_bounded_and_free_of_control_characters() {
        assert!(Name::try_from("阿里巴巴集团").is_ok());
        assert!(Name::try_from(&*"長".repeat(200)).is_ok());
        for bad in ["", " a", "a ", "a\nb", "a\u{0}b", "a\u{85}", &"x".repeat(201)] {
            assert!(Name::try_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_http_and_languages_are_tags() {
        assert!(Url::try_from("https://example.org/a?b=c").is_ok());
        for bad in ["ftp://example.org", "https://", "https://exam ple", "https://ex\u{e9}"] {
            assert!(Url::try_from(bad).is_err(), "{bad}");
        }
        for (tag, good) in [("zh", true), ("zh-Hant", true), ("ZH", false), ("z", false), ("zh-", false)] {
            assert_eq!(Language::try_from(tag).is_ok(), good, "{tag}");
        }
    }
}
