//! Reads and writes single values.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::fields::Place;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::number::Figure;
use crate::domain::text::{Language, Name, Names};
use crate::domain::thing::{Kind, ThingRef};
use crate::domain::time::{Date, Dated, Moment};

/// Most names of a thing, by language.
pub const MAX_NAMES: usize = 50;
/// Most items in a list that has no smaller limit.
pub const MAX_ITEMS: usize = 100;

/// Reads text as a validated value.
#[must_use]
pub fn text<T>(place: Place<'_, '_>) -> Option<T>
where
    T: for<'t> TryFrom<&'t str, Error = Fault>,
{
    let Some(text) = place.text() else {
        return place.wrong_type("a string");
    };
    match T::try_from(text) {
        Ok(value) => Some(value),
        Err(fault) => place.refuse(fault),
    }
}

/// Reads a boolean.
#[must_use]
pub fn boolean(place: Place<'_, '_>) -> Option<bool> {
    place.value.as_bool().or_else(|| place.wrong_type("a boolean"))
}

/// Reads an integer as a validated value.
#[must_use]
pub fn integer<T>(place: Place<'_, '_>) -> Option<T>
where
    T: TryFrom<i64, Error = Fault>,
{
    let Some(number) = whole(place.value) else {
        return place.wrong_type("a whole number");
    };
    match T::try_from(number) {
        Ok(value) => Some(value),
        Err(fault) => place.refuse(fault),
    }
}

/// Reads an integer within a range.
#[must_use]
pub fn count(place: Place<'_, '_>, least: u32, most: u32) -> Option<u32> {
    let Some(number) = whole(place.value) else {
        return place.wrong_type("a whole number");
    };
    let fitting = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    fitting.or_else(|| {
        place.refuse(Fault::new(
            FaultCode::OutOfRange,
            format!("must be a whole number from {least} to {most}"),
        ))
    })
}

/// An integer; `4.0` is one in JSON.
pub(super) fn whole(value: &Value) -> Option<i64> {
    let beyond = || i64::try_from(value.as_u64()?).ok().or(Some(i64::MAX));
    value.as_i64().or_else(beyond).or_else(|| {
        #[expect(clippy::cast_precision_loss, reason = "2^53 is a float exactly")]
        const EXACT: f64 = (1_i64 << 53) as f64;
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Some(number.clamp(-EXACT, EXACT) as i64)
    })
}

/// Reads a measured figure.
#[must_use]
pub fn figure(place: Place<'_, '_>) -> Option<Figure> {
    let Some(number) = place.value.as_f64() else {
        return place.wrong_type("a number");
    };
    match Figure::from_number(number) {
        Ok(figure) => Some(figure),
        Err(fault) => place.refuse(fault),
    }
}

/// Reads a list of distinct validated text values.
#[must_use]
pub fn set<T>(place: Place<'_, '_>) -> Option<Vec<T>>
where
    T: for<'t> TryFrom<&'t str, Error = Fault> + PartialEq,
{
    set_of(place, 0)
}

/// Reads a list of at least `least` distinct validated text values.
pub fn set_of<T>(place: Place<'_, '_>, least: usize) -> Option<Vec<T>>
where
    T: for<'t> TryFrom<&'t str, Error = Fault> + PartialEq,
{
    let Place { value, pointer, faults } = place;
    let list = Place { value, pointer, faults: &mut *faults }.list((least, MAX_ITEMS), text::<T>)?;
    let repeated: Vec<usize> = list
        .iter()
        .enumerate()
        .filter(|(index, item)| list.iter().take(*index).any(|other| other == *item))
        .map(|(index, _)| index)
        .collect();
    for index in &repeated {
        faults.add(pointer.item(*index).to_string(), FaultCode::Repeated, "is in the list already");
    }
    repeated.is_empty().then_some(list)
}

/// Reads names by language.
#[must_use]
pub fn names(place: Place<'_, '_>) -> Option<Names> {
    let Value::Object(object) = place.value else {
        return place.wrong_type("an object of names by language");
    };
    if object.len() > MAX_NAMES {
        return place.refuse(Fault::new(FaultCode::TooLong, format!("must have at most {MAX_NAMES} names")));
    }
    let mut names: Names = BTreeMap::new();
    for (tag, value) in object {
        let pointer = place.pointer.member(tag);
        let language = match Language::try_from(tag.as_str()) {
            Ok(language) => Some(language),
            Err(fault) => {
                place.faults.0.push(fault.at(pointer.to_string()));
                None
            }
        };
        let name = text::<Name>(Place { value, pointer, faults: &mut *place.faults });
        names.extend(language.zip(name));
    }
    (names.len() == object.len()).then_some(names)
}

/// Reads a date with its precision.
#[must_use]
pub fn dated(place: Place<'_, '_>) -> Option<Dated> {
    place.object(|fields| {
        let date = fields.required("date", text::<Date>);
        let precision = fields.required("precision", text);
        Some(Dated { date: date?, precision: precision? })
    })
}

/// Reads the start of a time span; a bare date means midnight UTC.
pub fn beginning(place: Place<'_, '_>) -> Option<Moment> {
    bound(place, Moment::start_of)
}

/// Reads the end of a time span; a bare date means the end of that day, UTC.
pub fn ending(place: Place<'_, '_>) -> Option<Moment> {
    bound(place, Moment::end_of)
}

fn bound(place: Place<'_, '_>, of_date: fn(Date) -> Moment) -> Option<Moment> {
    let Some(text) = place.text() else {
        return place.wrong_type("a string");
    };
    match Moment::or_date(text, of_date) {
        Ok(moment) => Some(moment),
        Err(fault) => place.refuse(fault),
    }
}

/// Writes a value as text, or `null` for `None`.
#[must_use]
pub fn shown<T: Display>(value: Option<&T>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

/// The path of a thing; `None` for a transition, whose path contains its case.
#[must_use]
pub fn href(thing: &ThingRef) -> Option<String> {
    let collection = match thing.kind {
        Kind::Workflow => "workflows",
        Kind::Authority => "authorities",
        Kind::Company => "companies",
        Kind::Chip => "chips",
        Kind::Source => "sources",
        Kind::Approval => "approvals",
        Kind::Transition => return None,
        Kind::Report => "reports",
        Kind::Condition => "conditions",
        Kind::Movement => "movements",
    };
    Some(format!("/v1/{collection}/{}", thing.id))
}

/// Writes a thing's kind, id and path, or `null` for `None`.
#[must_use]
pub fn linked(thing: Option<&ThingRef>) -> Value {
    thing.map_or(
        Value::Null,
        |thing| json!({"kind": thing.kind.to_string(), "id": thing.id, "href": href(thing)}),
    )
}

/// The members of an object; empty for any other value.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Writes bytes in hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Writes a list as text values.
pub fn listed<T: Display>(values: &[T]) -> Value {
    values.iter().map(|value| Value::String(value.to_string())).collect()
}

/// Writes names by language, in the order of the tags.
#[must_use]
pub fn named(names: &Names) -> Value {
    let object: Map<String, Value> =
        names.iter().map(|(tag, name)| (tag.as_str().to_owned(), Value::from(name.as_str()))).collect();
    Value::Object(object)
}

/// Writes a figure as a JSON number, as an integer if it is one.
#[must_use]
pub fn number(figure: Option<Figure>) -> Value {
    figure.map_or(Value::Null, |figure| {
        figure.whole().map_or_else(|| Value::from(figure.number()), Value::from)
    })
}

/// Writes a date with its precision.
#[must_use]
pub fn dated_value(dated: Dated) -> Value {
    json!({"date": dated.date.to_string(), "precision": dated.precision.to_string()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::Faults;
    use crate::domain::number::Units;
    use crate::domain::workflow::Activity;
    use crate::wire::json::Pointer;

    fn read<T>(value: &Value, read: impl FnOnce(Place<'_, '_>) -> Option<T>) -> Result<T, Vec<String>> {
        let mut faults = Faults::default();
        let read = read(Place { value, pointer: Pointer::WHOLE, faults: &mut faults });
        let told = faults.0.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code));
        read.ok_or_else(|| told.collect())
    }

    #[test]
    fn a_whole_number_is_taken_however_it_is_written() {
        for (number, units) in [
            (json!(4), Ok(4)),
            (json!(4.0), Ok(4)),
            (json!(1e6), Ok(1_000_000)),
            (json!(4.5), Err(" wrong_type")),
            (json!("4"), Err(" wrong_type")),
            (json!(0), Err(" out_of_range")),
            (json!(-0.0), Err(" out_of_range")),
            (json!(i64::MIN), Err(" out_of_range")),
            (json!(u64::MAX), Err(" out_of_range")),
            (json!(1e300), Err(" out_of_range")),
        ] {
            let read = read(&number, integer::<Units>).map(Units::get);
            assert_eq!(read, units.map_err(|fault| vec![fault.to_owned()]), "{number}");
        }
    }

    #[test]
    fn a_count_keeps_within_its_range() {
        for (number, fits) in
            [(0, false), (1, true), (30, true), (31, false), (-1, false), (1_i64 << 40, false)]
        {
            assert_eq!(read(&json!(number), |place| count(place, 1, 30)).is_ok(), fits, "{number}");
        }
    }

    #[test]
    fn a_set_tells_every_repetition() {
        let words = json!(["order", "ship", "order", "ship"]);
        assert_eq!(
            read(&words, set::<Activity>),
            Err(vec!["/2 repeated".to_owned(), "/3 repeated".to_owned()])
        );
        assert_eq!(
            read(&json!([]), |place| set_of::<Activity>(place, 1)),
            Err(vec![" too_short".to_owned()])
        );
    }

    #[test]
    fn names_are_told_by_language() {
        let named = json!({"zh": "阿里巴巴", "english": "Alibaba", "ja": 7, "z/h": "x"});
        assert_eq!(
            read(&named, names),
            Err(["/english malformed", "/ja wrong_type", "/z~1h malformed"].map(str::to_owned).into())
        );
    }

    #[test]
    fn a_figure_is_written_as_short_as_it_can_be() {
        for (written, back) in [("4800", "4800"), ("4800.0", "4800"), ("4800.125", "4800.125"), ("0", "0")] {
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(number(read(&value, figure).ok()).to_string(), back);
        }
        assert_eq!(number(None), Value::Null);
    }

    #[test]
    fn a_bound_is_a_date_or_a_moment() {
        for (bound, begins, ends) in [
            ("2026-01-23", "2026-01-23T00:00:00Z", "2026-01-24T00:00:00Z"),
            ("2026-01-23T08:00:00+08:00", "2026-01-23T00:00:00Z", "2026-01-23T00:00:00Z"),
        ] {
            let bound = json!(bound);
            assert_eq!(read(&bound, beginning).map(|moment| moment.to_string()), Ok(begins.to_owned()));
            assert_eq!(read(&bound, ending).map(|moment| moment.to_string()), Ok(ends.to_owned()));
        }
        assert_eq!(read(&json!("23 January"), ending), Err(vec![" malformed".to_owned()]));
        assert_eq!(read(&json!(2026), ending), Err(vec![" wrong_type".to_owned()]));
    }
}
