//! Query parameters: known, given once and well-formed; anything else is refused.

use std::fmt::Write as _;

use serde_json::Value;

use super::operation::Operation;
use super::problem::{Code, Problem, Wrong};
use super::schema;
use crate::app::{Filter, Seal, Takes, Wanted};
use crate::domain::fault::{Fault, FaultCode, hint};
use crate::domain::id::{StageId, ThingId};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::text::Name;
use crate::domain::time::{Date, Moment};

/// The query parameters of a call, each known to the operation and given once.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    given: Vec<Given>,
    seal: Seal,
}

/// A parameter as given.
#[derive(Clone, Debug)]
struct Given {
    name: String,
    value: String,
    /// The value before percent-decoding.
    sent: String,
}

impl Given {
    /// The value, split at its commas; a percent-encoded comma is part of a piece.
    fn pieces(&self) -> impl Iterator<Item = String> {
        // A value that decodes whole decodes in pieces: no comma lies within a character.
        self.sent.split(',').map(|piece| decoded(piece).unwrap_or_default())
    }
}

impl Params {
    /// Parses a query string; refuses unknown, repeated and missing parameters.
    pub(crate) fn read(query: &str, operation: &Operation, seal: &Seal) -> Result<Self, Problem> {
        let mut wrong = Vec::new();
        let mut given: Vec<Given> = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let (raw, name) = (name, decoded(name));
            let sent = value.to_owned();
            let (Some(name), Some(value)) = (&name, decoded(value)) else {
                let name = name.as_deref().unwrap_or(raw);
                wrong.push(Wrong::parameter(name, FaultCode::Malformed, "must be UTF-8, percent-encoded"));
                continue;
            };
            let name = name.clone();
            if given.iter().any(|known| known.name == name) {
                wrong.push(Wrong::parameter(
                    &name,
                    FaultCode::Repeated,
                    "is given more than once; separate several values by commas",
                ));
                continue;
            }
            given.push(Given { name, value, sent });
        }
        let known: Vec<&str> = operation.params.iter().map(|param| param.name).collect();
        for param in given.iter().filter(|given| !known.contains(&given.name.as_str())) {
            wrong.push(unknown(&param.name, &known));
        }
        let missing = operation.params.iter().filter(|param| param.required);
        for param in missing.filter(|param| !given.iter().any(|given| given.name == param.name)) {
            wrong.push(Wrong::parameter(param.name, FaultCode::Missing, "must be given"));
        }
        let read = Self { given, seal: seal.clone() };
        // Parameters with one meaning everywhere are checked here, so that all errors are reported together.
        let common = [
            read.limit().map(drop),
            read.flag("count").map(drop),
            read.flag("dry_run").map(drop),
            read.wanted().map(drop),
            read.valid_at().map(drop),
        ];
        let unknown_params = Problem::with_errors(Code::InvalidParameter, wrong);
        Problem::of_all([Err(unknown_params)].into_iter().chain(common))?;
        Ok(read)
    }

    /// The value of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given(name).map(|given| given.value.as_str())
    }

    fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.name == name)
    }

    /// The seal for cursors of this register.
    pub(crate) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// A parameter as a checked value.
    pub(crate) fn value<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(read).transpose().map_err(|fault| Problem::parameter(name, fault))
    }

    /// A parameter that is `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let flag = self.value(name, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Fault::new(FaultCode::WrongType, "must be `true` or `false`")),
        })?;
        Ok(flag.unwrap_or(false))
    }

    /// A whole number within a range.
    pub(crate) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Problem> {
        self.value(name, |text| {
            let number = text.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| {
                Fault::new(FaultCode::OutOfRange, format!("must be a whole number from {least} to {most}"))
            })
        })
    }

    /// The page size.
    pub(crate) fn limit(&self) -> Result<i64, Problem> {
        Ok(self.number("limit", 1, MOST_ITEMS)?.unwrap_or(DEFAULT_ITEMS))
    }

    /// The revision to read at.
    pub(crate) fn wanted(&self) -> Result<Wanted, Problem> {
        let revision = self.number("revision", 0, i64::MAX)?;
        let known_at = self.value("known_at", moment)?;
        match (revision, known_at) {
            (None, None) => Ok(Wanted::Newest),
            (Some(number), None) => Ok(Wanted::Revision(number)),
            (None, Some(moment)) => Ok(Wanted::KnownAt(moment)),
            (Some(_), Some(_)) => Err(Problem::parameter(
                "known_at",
                Fault::new(FaultCode::Inconsistent, "cannot be given together with `revision`"),
            )),
        }
    }

    /// The valid time asked for.
    pub(crate) fn valid_at(&self) -> Result<Option<Moment>, Problem> {
        self.value("valid_at", moment)
    }

    /// The day of the valid time asked for.
    pub(crate) fn valid_on(&self) -> Result<Option<Date>, Problem> {
        Ok(self.valid_at()?.map(Moment::date))
    }

    /// The values of a filter, separated by commas.
    pub(crate) fn filter(&self, filter: &Filter) -> Result<Option<Vec<String>>, Problem> {
        self.values(filter.name, filter.takes)
    }

    /// The values of a parameter, separated by commas.
    pub(crate) fn values(&self, name: &str, takes: Takes) -> Result<Option<Vec<String>>, Problem> {
        let Some(given) = self.given(name) else { return Ok(None) };
        let values: Vec<String> = match takes {
            // Text may have commas in it; nothing else can.
            Takes::Text => given.pieces().collect(),
            _ => given.value.split(',').map(str::to_owned).collect(),
        };
        let checked = few(values.len()).and_then(|()| values.iter().try_for_each(|value| fits(takes, value)));
        checked.map_err(|fault| Problem::parameter(name, fault))?;
        Ok(Some(values))
    }

    /// The parameters that determine a list, as text: a cursor must match them.
    pub(crate) fn deciding(&self) -> String {
        self.all_but(&["cursor", "limit", "count"])
    }

    /// The query as sent, but with this value of a parameter, in characters that a URI may have.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut query = String::new();
        for given in self.given.iter().filter(|given| given.name != name) {
            query.extend([&given.name, "=", &within_uri(&given.sent), "&"]);
        }
        query.extend([name, "=", value]);
        query
    }

    /// All parameters but one, as text.
    pub(crate) fn without(&self, name: &str) -> String {
        self.all_but(&[name])
    }

    fn all_but(&self, names: &[&str]) -> String {
        let others = self.given.iter().filter(|given| !names.contains(&given.name.as_str()));
        let plain = |piece: String| piece.replace('%', "%25").replace(',', "%2C");
        let pieces = |given: &Given| given.pieces().map(plain).collect::<Vec<_>>().join(",");
        let mut others: Vec<String> =
            others.map(|given| format!("{}={}", given.name, pieces(given))).collect();
        others.sort();
        others.join("&")
    }
}

/// The largest page size.
pub(crate) const MOST_ITEMS: i64 = 1000;
/// The default page size.
pub(crate) const DEFAULT_ITEMS: i64 = 100;
/// The most values of a filter.
pub(crate) const MOST_VALUES: usize = 100;

fn moment(text: &str) -> Result<Moment, Fault> {
    // A query's `+` decodes to a space, and a time has one only in its offset.
    Moment::or_date(&text.replace(' ', "+"), Moment::start_of)
}

/// Percent-decodes a piece of a query; `None` if it is malformed or not UTF-8.
fn decoded(piece: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digit =
                    |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)? << 4 | digit(low)?
            }
            (b'%', _) => return None,
            (plain, _) => *plain,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A path or a piece of a query as sent, with whatever a URI may not have percent-encoded (RFC 3986, section
/// 3.4): clients may send other characters as they are.
pub(crate) fn within_uri(sent: &str) -> String {
    let mut text = String::with_capacity(sent.len());
    for byte in sent.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn fits(takes: Takes, value: &str) -> Result<(), Fault> {
    match takes {
        Takes::Id => ThingId::try_from(value).map(drop),
        Takes::Stage => StageId::try_from(value).map(drop),
        Takes::Jurisdiction => Jurisdiction::try_from(value).map(drop),
        Takes::Date => Date::try_from(value).map(drop),
        Takes::Text => Name::try_from(value).map(drop),
        Takes::Boolean if ["true", "false"].contains(&value) => Ok(()),
        Takes::Boolean => Err(Fault::new(FaultCode::WrongType, "must be `true` or `false`")),
        Takes::Words(words) => word(value, &words()),
    }
}

/// Checks a word against a closed list.
pub(crate) fn word(value: &str, words: &[&str]) -> Result<(), Fault> {
    if words.contains(&value) {
        return Ok(());
    }
    Err(Fault::not_among(value, words))
}

/// The error for an unknown parameter.
pub(crate) fn unknown(name: &str, known: &[&str]) -> Wrong {
    let hint = hint(name, known).unwrap_or_else(|| match known {
        [] => "; there are none here".to_owned(),
        known => format!("; the parameters here are {}", known.join(", ")),
    });
    Wrong::parameter(name, FaultCode::UnknownField, format!("is no parameter here{hint}"))
}

/// Splits a value at its commas.
pub(crate) fn separated(text: &str) -> Result<Vec<&str>, Fault> {
    let values: Vec<&str> = text.split(',').collect();
    few(values.len()).map(|()| values)
}

fn few(values: usize) -> Result<(), Fault> {
    if values > MOST_VALUES {
        return Err(Fault::new(FaultCode::TooLong, format!("must have at most {MOST_VALUES} values")));
    }
    Ok(())
}

/// The schema of a filter: a list of values, separated by commas. A comma in a value is percent-encoded.
pub(crate) fn filter_schema(takes: Takes) -> Value {
    let item = match takes {
        Takes::Boolean => return schema::truth(),
        Takes::Id => schema::id(),
        Takes::Stage => schema::stage_id(),
        Takes::Jurisdiction => schema::jurisdiction(),
        Takes::Date => schema::date(),
        Takes::Text => schema::text(Name::MAX),
        Takes::Words(words) => serde_json::json!({"type": "string", "enum": words()}),
    };
    serde_json::json!({"type": "array", "items": item, "minItems": 1, "maxItems": MOST_VALUES})
}
