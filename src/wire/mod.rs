//! The JSON form of all things: written uniformly, read strictly.
//!
//! Rows, change documents, exports, request bodies and responses share this form, so it is defined in one
//! place, below the store. It does not depend on HTTP, SQL or permissions.

pub mod approvals;
pub mod authorities;
pub mod chips;
pub mod citations;
pub mod companies;
pub mod conditions;
pub mod determinations;
pub mod fields;
pub mod json;
pub mod lines;
pub mod movements;
pub mod reports;
pub mod sources;
pub mod transitions;
pub mod values;
pub mod workflows;

use serde_json::{Map, Value};

use crate::domain::fault::Faults;
use fields::Fields;

/// A thing with a JSON form.
pub trait Document: Sized {
    /// Writes the thing as JSON: all fields, in the order of the contract, `null` where unknown.
    fn write(&self) -> Value;

    /// Reads the thing from `fields`, to which faults are added; `None` if there is any.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// Reads a thing from an object.
///
/// # Errors
///
/// All faults of the object, each with its JSON pointer.
pub fn read<T: Document>(object: &Map<String, Value>) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let thing = {
        let mut fields = Fields::new(object, &mut faults);
        let thing = T::read(&mut fields);
        fields.finish();
        thing
    };
    match thing {
        Some(thing) if faults.is_empty() => Ok(thing),
        _ => Err(faults),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Document, json::parse, read};

    /// Reads a thing from a text, or returns its faults as `pointer code`.
    pub(crate) fn thing<T: Document>(text: &str) -> Result<T, Vec<String>> {
        let value = parse(text.as_bytes()).unwrap();
        read::<T>(value.as_object().unwrap()).map_err(|faults| {
            faults.0.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code)).collect()
        })
    }

    /// The faults of a text that is not such a thing.
    pub(crate) fn faults<T: Document>(text: &str) -> Vec<String> {
        thing::<T>(text).err().unwrap_or_default()
    }

    /// Asserts that a text with all fields is written exactly as read.
    pub(crate) fn assert_written_as_read<T: Document>(text: &str) {
        let written = thing::<T>(text).map(|thing| thing.write().to_string());
        assert_eq!(written, Ok(parse(text.as_bytes()).unwrap().to_string()));
    }
}
