//! Faults of input values, described so that the sender can correct them.

use std::fmt;

use super::vocabulary::{Vocabulary, vocabulary};

vocabulary! {
    /// The closed list of faults of a single input value.
    FaultCode {
        /// A field that must be there is not.
        Missing = "missing",
        /// A field or parameter that nothing here knows.
        UnknownField = "unknown_field",
        /// A field or parameter given more than once.
        Repeated = "repeated",
        /// A JSON value of another type than the field takes.
        WrongType = "wrong_type",
        /// Text or a list with too little in it.
        TooShort = "too_short",
        /// Text or a list with too much in it.
        TooLong = "too_long",
        /// Text that does not have the form the field asks for.
        Malformed = "malformed",
        /// A number, date or moment outside the range the field takes.
        OutOfRange = "out_of_range",
        /// A word that is not in the closed list of the field.
        NotInList = "not_in_list",
        /// A check digit that does not fit the rest.
        CheckDigits = "check_digits",
        /// A value that contradicts another one beside it.
        Inconsistent = "inconsistent",
        /// A field that the service sets, given with another value than it has.
        ReadOnly = "read_only",
        /// A reference to a thing that is not on record.
        NoSuchThing = "no_such_thing",
    }
}

/// A fault of one value, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of fault.
    pub code: FaultCode,
    /// What is wrong and what would be valid, for a person.
    pub detail: String,
}

impl Fault {
    /// A fault with its code and explanation.
    pub fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The same fault, placed at a JSON pointer.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> PlacedFault {
        PlacedFault { pointer: pointer.into(), fault: self }
    }

    /// A fault for a word outside a closed list, with the nearest word as a hint.
    #[must_use]
    pub fn not_in_list<V: Vocabulary>(word: &str) -> Self {
        Self::not_among(word, &V::words())
    }

    /// A fault for a word that is not among `words`, with the nearest one as a hint.
    #[must_use]
    pub fn not_among(word: &str, words: &[&str]) -> Self {
        let hint = hint(word, words).unwrap_or_default();
        Self::new(FaultCode::NotInList, format!("must be one of {}{hint}", words.join(", ")))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A fault and the JSON pointer (RFC 6901) of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFault {
    /// The location of the value, for example `/citations/0/source`; empty for the whole input.
    pub pointer: String,
    /// The fault.
    pub fault: Fault,
}

/// All faults of one input, so that all can be corrected at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<PlacedFault>);

impl Faults {
    /// Adds a fault at a JSON pointer.
    pub fn add(&mut self, pointer: impl Into<String>, code: FaultCode, detail: impl Into<String>) {
        self.0.push(Fault::new(code, detail).at(pointer));
    }

    /// Whether there are no faults.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `value` if there are no faults.
    ///
    /// # Errors
    ///
    /// The faults themselves if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, placed) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", placed.pointer, placed.fault.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A hint for a rejected word: the nearest known word, if one is near.
#[must_use]
pub fn hint(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"))
}

/// The known word most similar to `word`, if one is similar enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.6;
    // Comparing takes time proportional to the product of the lengths, and a word this long is no typing
    // error.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= CLOSE_ENOUGH)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("jurisdicton", ["name", "jurisdiction"]), Some("jurisdiction"));
        assert_eq!(nearest("colour", ["name", "jurisdiction"]), None);
        assert_eq!(nearest(&"a".repeat(10_000_000), ["aa"]), None);
    }
}
