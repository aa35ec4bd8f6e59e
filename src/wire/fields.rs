//! The fields of a JSON object, read one by one with every fault collected.

use serde_json::{Map, Value};

use super::json::Pointer;
use crate::domain::fault::{Fault, FaultCode, Faults, hint};

/// A value being read: the JSON, where it stands, and where faults go.
pub struct Place<'a, 'f> {
    /// The JSON value.
    pub value: &'a Value,
    /// Where it stands.
    pub pointer: Pointer<'f>,
    /// Where faults go.
    pub faults: &'f mut Faults,
}

impl<'a> Place<'a, '_> {
    /// Records what is wrong with the value.
    #[must_use]
    pub fn refuse<T>(self, fault: Fault) -> Option<T> {
        self.faults.0.push(fault.at(self.pointer.to_string()));
        None
    }

    /// Records that the value has the wrong type.
    #[must_use]
    pub fn wrong_type<T>(self, wanted: &str) -> Option<T> {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.refuse(Fault::new(FaultCode::WrongType, format!("must be {wanted}, not {found}")))
    }

    /// The value as an object, read by `read`, with fields that nothing asked for refused.
    pub fn object<T>(self, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let Value::Object(object) = self.value else {
            return self.wrong_type("an object");
        };
        let mut fields = Fields::at(self.pointer, object, self.faults);
        let thing = read(&mut fields);
        fields.finish();
        thing
    }

    /// The value as a list of `least` to `most` items, each read by `read`.
    pub fn list<T>(
        self,
        (least, most): (usize, usize),
        mut read: impl FnMut(Place<'_, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.value else {
            return self.wrong_type("an array");
        };
        if items.len() < least {
            return self
                .refuse(Fault::new(FaultCode::TooShort, format!("must have at least {least} item(s)")));
        }
        if items.len() > most {
            return self.refuse(Fault::new(FaultCode::TooLong, format!("must have at most {most} items")));
        }
        let mut list = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            let pointer = self.pointer.item(index);
            list.extend(read(Place { value, pointer, faults: self.faults }));
        }
        (list.len() == items.len()).then_some(list)
    }

    /// The value as text.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }
}

/// The fields of one object. `null` counts as absent; a field that nobody asked for is a fault.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: Pointer<'a>,
    known: Vec<&'static str>,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    /// The fields of a whole document.
    pub fn new(object: &'a Map<String, Value>, faults: &'a mut Faults) -> Self {
        Self::at(Pointer::WHOLE, object, faults)
    }

    fn at(pointer: Pointer<'a>, object: &'a Map<String, Value>, faults: &'a mut Faults) -> Self {
        Self { object, pointer, known: Vec::with_capacity(object.len()), faults }
    }

    /// A field that may be absent.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        read(Place { value, pointer: self.pointer.member(name), faults: self.faults })
    }

    /// A field that must be there; its absence is a fault.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.known.push(name);
            self.faults.add(self.pointer.member(name).to_string(), FaultCode::Missing, "must be given");
            return None;
        }
        self.optional(name, read)
    }

    /// A field that stands for `absent` if it is not given. `None` means that it was given and wrong.
    pub fn or<T>(
        &mut self,
        name: &'static str,
        absent: T,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.known.push(name);
            return Some(absent);
        }
        self.optional(name, read)
    }

    /// A field that may be absent: the outer `None` means that it was given and wrong, the inner one that it
    /// was not given.
    pub fn nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.or(name, None, |place| read(place).map(Some))
    }

    /// Fields that may be there but cannot be judged.
    pub fn leave(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// Records a fault at a field of this object.
    pub fn refuse(&mut self, name: &str, fault: Fault) {
        self.faults.0.push(fault.at(self.pointer.member(name).to_string()));
    }

    /// Records a fault of this object as a whole.
    pub fn refuse_whole(&mut self, fault: Fault) {
        self.faults.0.push(fault.at(self.pointer.to_string()));
    }

    /// Records the faults that a whole thing has, placed relative to this object.
    pub fn refuse_all(&mut self, faults: Faults) {
        for placed in faults.0 {
            self.faults.0.push(placed.fault.at(format!("{}{}", self.pointer, placed.pointer)));
        }
    }

    /// Refuses every field that nobody asked for.
    pub fn finish(self) {
        for name in self.object.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let hint = hint(name, &self.known)
                .unwrap_or_else(|| format!("; the fields here are {}", self.known.join(", ")));
            self.faults.add(
                self.pointer.member(name).to_string(),
                FaultCode::UnknownField,
                format!("is no field here{hint}"),
            );
        }
    }
}
