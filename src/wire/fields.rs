//! Reads the fields of a JSON object, collecting every fault.

use serde_json::{Map, Value};

use super::json::Pointer;
use crate::domain::fault::{Fault, FaultCode, Faults, hint};

/// A value being read, its location, and the faults found so far.
pub struct Place<'a, 'f> {
    /// The JSON value.
    pub value: &'a Value,
    /// Its location.
    pub pointer: Pointer<'f>,
    /// The faults found so far.
    pub faults: &'f mut Faults,
}

impl<'a> Place<'a, '_> {
    /// Adds a fault of the value and returns `None`.
    #[must_use]
    pub fn refuse<T>(self, fault: Fault) -> Option<T> {
        self.faults.0.push(fault.at(self.pointer.to_string()));
        None
    }

    /// Adds the fault that the value has the wrong type.
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

    /// Reads the value as an object with `read`; fields that `read` does not read are faults.
    pub fn object<T>(self, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let Value::Object(object) = self.value else {
            return self.wrong_type("an object");
        };
        let mut fields = Fields::at(self.pointer, object, self.faults);
        let thing = read(&mut fields);
        fields.finish();
        thing
    }

    /// Reads the value as a list of `least` to `most` items, each with `read`.
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

/// The fields of an object. `null` counts as absent; a field that is never read is a fault.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    pointer: Pointer<'a>,
    known: Vec<&'static str>,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    /// The fields of an entire document.
    pub fn new(object: &'a Map<String, Value>, faults: &'a mut Faults) -> Self {
        Self::at(Pointer::WHOLE, object, faults)
    }

    fn at(pointer: Pointer<'a>, object: &'a Map<String, Value>, faults: &'a mut Faults) -> Self {
        Self { object, pointer, known: Vec::with_capacity(object.len()), faults }
    }

    /// Reads an optional field.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.object.get(name).filter(|value| !value.is_null())?;
        read(Place { value, pointer: self.pointer.member(name), faults: self.faults })
    }

    /// Reads a required field; its absence is a fault.
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

    /// Reads a field with the default `absent`. `None` means that it is invalid.
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

    /// Reads an optional field: the outer `None` means that it is invalid, the inner one that it is absent.
    pub fn nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Place<'_, '_>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.or(name, None, |place| read(place).map(Some))
    }

    /// Accepts fields without reading them.
    pub fn leave(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// Adds a fault of a field of this object.
    pub fn refuse(&mut self, name: &str, fault: Fault) {
        self.faults.0.push(fault.at(self.pointer.member(name).to_string()));
    }

    /// Adds a fault of the whole object.
    pub fn refuse_whole(&mut self, fault: Fault) {
        self.faults.0.push(fault.at(self.pointer.to_string()));
    }

    /// Adds faults whose pointers are relative to this object.
    pub fn refuse_all(&mut self, faults: Faults) {
        for placed in faults.0 {
            self.faults.0.push(placed.fault.at(format!("{}{}", self.pointer, placed.pointer)));
        }
    }

    /// Adds a fault for every field that was not read.
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
