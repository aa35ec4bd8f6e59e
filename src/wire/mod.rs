//! The JSON form of every thing: written in one way, read strictly.
//!
//! Rows, change documents, exports, request bodies and replies all share this form, so it stands in
//! one place, below the store. It knows nothing of HTTP, SQL or who may do what.

pub mod companies;
pub mod fields;
pub mod json;
pub mod values;

use serde_json::{Map, Value};

use crate::domain::fault::Faults;
use fields::Fields;

/// A thing with a JSON form.
pub trait Document: Sized {
    /// The thing as JSON: every field, in the order of the contract, `null` where nothing is known.
    fn write(&self) -> Value;

    /// The thing in `fields`; every fault goes to `fields`, and `None` means that there was one.
    fn read(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The thing an object stands for.
///
/// # Errors
///
/// Everything that is wrong with the object, each fault with its JSON pointer.
pub fn read<T: Document>(object: &Map<String, Value>) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let thing = {
        let mut fields = Fields::new(object, String::new(), &mut faults);
        let thing = T::read(&mut fields);
        fields.finish();
        thing
    };
    match thing {
        Some(thing) if faults.is_empty() => Ok(thing),
        _ => Err(faults),
    }
}
