//! JSON text into values, without letting a repeated name slip through.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::domain::fault::{FaultCode, Faults};

/// Why text is not the JSON it should be.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not JSON at all.
    Syntax(String),
    /// It is JSON with faults, such as names that are given twice.
    Faults(Faults),
}

/// The value that a JSON text stands for. A name given twice in one object is a fault.
///
/// # Errors
///
/// [`Unreadable::Syntax`] if the text is no JSON, [`Unreadable::Faults`] with every repeated name.
pub fn parse(text: &[u8]) -> Result<Value, Unreadable> {
    let faults = RefCell::new(Faults::default());
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { pointer: String::new(), faults: &faults }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Unreadable::Syntax(error.to_string()))?;
    faults.into_inner().or(value).map_err(Unreadable::Faults)
}

/// The pointer of a member of the value at `pointer`, escaped as RFC 6901 asks.
#[must_use]
pub fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

struct Strict<'a> {
    pointer: String,
    faults: &'a RefCell<Faults>,
}

impl Strict<'_> {
    fn at(&self, pointer: String) -> Strict<'_> {
        Strict { pointer, faults: self.faults }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.at(format!("{}/{}", self.pointer, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let pointer = member(&self.pointer, &name);
            let value = members.next_value_seed(self.at(pointer.clone()))?;
            if object.insert(name, value).is_some() {
                let mut faults = self.faults.try_borrow_mut().map_err(A::Error::custom)?;
                faults.add(pointer, FaultCode::Repeated, "is given more than once");
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repeated_name_is_found_wherever_it_stands() {
        let Err(Unreadable::Faults(faults)) = parse(br#"{"a": 1, "a": 2, "b": [{"c/d": 1, "c/d": 1}]}"#)
        else {
            panic!("repeated names were let through");
        };
        let pointers: Vec<&str> = faults.0.iter().map(|placed| placed.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b/0/c~1d"]);
    }

    #[test]
    fn what_is_no_json_is_refused_and_deep_nesting_does_not_overflow() {
        for bad in ["", "{", "{\"a\":1}x", "nul", "{\"a\":1e999}", "\u{feff}{}"] {
            assert!(matches!(parse(bad.as_bytes()), Err(Unreadable::Syntax(_))), "{bad}");
        }
        assert!(parse(&b"[".repeat(100_000)).is_err());
        assert!(parse(b"\"\xff\"").is_err());
    }
}
