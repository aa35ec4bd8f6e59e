//! Parses JSON text and rejects repeated names.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::domain::fault::{FaultCode, Faults};

/// Why a text cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not JSON.
    Syntax(Syntax),
    /// It is JSON with faults, such as repeated names.
    Faults(Faults),
}

/// Where and why a text is not JSON.
#[derive(Debug)]
pub struct Syntax {
    /// What is wrong, for a person.
    pub what: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1; 0 if the previous line is incomplete.
    pub column: usize,
}

impl From<serde_json::Error> for Syntax {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let told = error.to_string();
        let told = told.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&told);
        let what = match (told, told.strip_prefix("EOF while parsing ")) {
            ("expected ident" | "expected value", _) => {
                "no JSON value begins so: text stands in double quotes, and the only bare words are `true`, `false` and `null`".to_owned()
            }
            ("trailing characters", _) => "something follows after the value".to_owned(),
            (_, Some(within)) => format!("it ends in the middle of {within}"),
            (told, None) => told.to_owned(),
        };
        Self { what, line, column }
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.what, self.line, self.column)
    }
}

/// Parses a JSON text. A name repeated within an object is a fault.
///
/// # Errors
///
/// [`Unreadable::Syntax`] if the text is not JSON, [`Unreadable::Faults`] with every repeated name.
pub fn parse(text: &[u8]) -> Result<Value, Unreadable> {
    if let Some(unkept) = unkept(text) {
        return Err(Unreadable::Syntax(unkept));
    }
    let faults = RefCell::new(Faults::default());
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { pointer: Pointer::WHOLE, faults: &faults }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Unreadable::Syntax(error.into()))?;
    faults.into_inner().or(value).map_err(Unreadable::Faults)
}

/// The first number with a fraction or exponent that `f64` does not preserve: too many digits, or underflow.
fn unkept(text: &[u8]) -> Option<Syntax> {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_string(after),
            b'0'..=b'9' => {
                let of_number = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
                let end = rest.iter().position(|byte| !of_number(byte)).unwrap_or(rest.len());
                let (number, after) = rest.split_at(end);
                let number = std::str::from_utf8(number).ok()?;
                if !is_kept(number) {
                    let what =
                        format!("the number `{number}` would not be kept as it is: write at most 15 digits");
                    let before = text.get(..text.len() - rest.len())?;
                    let (line, begun) = (1..).zip(before.split(|byte| *byte == b'\n')).last()?;
                    return Some(Syntax { what, line, column: begun.len() + 1 });
                }
                after
            }
            _ => after,
        };
    }
    None
}

fn after_string(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| b"\"\\".contains(byte)) {
        let (end, skipped) = if rest.get(at) == Some(&b'"') { (true, at + 1) } else { (false, at + 2) };
        rest = rest.get(skipped..).unwrap_or_default();
        if end {
            return rest;
        }
    }
    &[]
}

fn is_kept(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return true;
    }
    let (digits, _) = number.split_once(['e', 'E']).unwrap_or((number, ""));
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    let nothing = number.parse::<f64>().is_ok_and(|value| value == 0.0);
    significant <= 15 && (significant == 0 || !nothing)
}

/// The location of a value in a document, as a linked list of steps. It is formatted (RFC 6901) only if the
/// value has a fault.
#[derive(Clone, Copy, Debug)]
pub struct Pointer<'p>(Option<(&'p Pointer<'p>, Step<'p>)>);

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Member(&'p str),
    Item(usize),
}

impl<'p> Pointer<'p> {
    /// The whole document.
    pub const WHOLE: Self = Self(None);

    /// The location of a member of the object.
    #[must_use]
    pub fn member(&'p self, name: &'p str) -> Self {
        Self(Some((self, Step::Member(name))))
    }

    /// The location of an item of the list.
    #[must_use]
    pub fn item(&'p self, index: usize) -> Self {
        Self(Some((self, Step::Item(index))))
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some((to, Step::Member(name))) => {
                write!(f, "{to}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Some((to, Step::Item(index))) => write!(f, "{to}/{index}"),
        }
    }
}

struct Strict<'a> {
    pointer: Pointer<'a>,
    faults: &'a RefCell<Faults>,
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
        loop {
            let pointer = self.pointer.item(list.len());
            let Some(item) = items.next_element_seed(Strict { pointer, faults: self.faults })? else { break };
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let pointer = self.pointer.member(&name);
            let value = members.next_value_seed(Strict { pointer, faults: self.faults })?;
            if object.contains_key(&name) {
                let mut faults = self.faults.try_borrow_mut().map_err(A::Error::custom)?;
                faults.add(pointer.to_string(), FaultCode::Repeated, "is given more than once");
            }
            object.insert(name, value);
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
    fn a_number_is_kept_as_it_is_written_or_refused() {
        for kept in [
            "4800.000",
            "0.0",
            "0e5",
            "123456789012.345",
            "-1.5e3",
            "18446744073709551615",
            "\"1.00000000000000001\"",
        ] {
            assert!(parse(format!("[{kept}]").as_bytes()).is_ok(), "{kept}");
        }
        for lost in ["4799.9999999999999999", "1e-400", "-0.1234567890123456", "1.00000000000000000001"] {
            let text = format!("{{\"a\\\"b\": [true, {lost}]}}");
            assert!(matches!(parse(text.as_bytes()), Err(Unreadable::Syntax(_))), "{lost}");
        }
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
