//! JSON Schemas of values, with their limits taken from the domain itself.

use serde_json::{Map, Value, json};

use crate::domain::citation::{Attribution, Citation};
use crate::domain::id::{ID_PATTERN, MAX_ID, STAGE_ID_PATTERN};
use crate::domain::jurisdiction::{JURISDICTION_PATTERN, Jurisdiction};
use crate::domain::number::{FRACTION_PATTERN, Figure, Units};
use crate::domain::text::{LANGUAGE_PATTERN, Language, Name, Note, TEXT_PATTERN, URL_PATTERN, Url};
use crate::domain::time::Precision;
use crate::domain::vocabulary::Vocabulary;
use crate::wire::values::{MAX_ITEMS, MAX_NAMES};

/// How a field of a thing is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Must be given.
    Required,
    /// May be left out.
    Optional,
    /// Set by the service.
    ReadOnly,
}

/// A field of a thing in the OpenAPI document.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    name: &'static str,
    schema: Value,
    used: Use,
}

/// A field that must be given.
pub(crate) fn required(name: &'static str, schema: Value, about: &str) -> Field {
    Field { name, schema: described(schema, about), used: Use::Required }
}

/// A field that may be left out.
pub(crate) fn optional(name: &'static str, schema: Value, about: &str) -> Field {
    Field { name, schema: described(schema, about), used: Use::Optional }
}

/// A read-only field.
pub(crate) fn read_only(name: &'static str, schema: Value, about: &str) -> Field {
    Field { name, schema: described(schema, about), used: Use::ReadOnly }
}

/// The schema with a description, followed by the meanings of its values.
fn described(mut schema: Value, about: &str) -> Value {
    if let Value::Object(members) = &mut schema {
        let about = match members.get("description").and_then(Value::as_str) {
            Some(meanings) if members.contains_key("enum") => format!("{about}\n\n{meanings}"),
            _ => about.to_owned(),
        };
        members.insert("description".to_owned(), about.into());
    }
    schema
}

/// The output schema of an object with these fields, all of which are present.
pub(crate) fn shown(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), field.schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|field| field.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// The input schema of an object with these fields. Optional ones may also be `null`.
pub(crate) fn written(fields: &[Field]) -> Value {
    sent(fields, false)
}

/// The same, except that read-only fields may be repeated unchanged.
pub(crate) fn submitted(fields: &[Field]) -> Value {
    sent(fields, true)
}

fn sent(fields: &[Field], repeated: bool) -> Value {
    let taken = || fields.iter().filter(|field| repeated || field.used != Use::ReadOnly);
    let schema = |field: &Field| match field.used {
        Use::Optional => nullable(field.schema.clone()),
        Use::Required => field.schema.clone(),
        Use::ReadOnly => {
            let mut schema = field.schema.clone();
            schema["readOnly"] = true.into();
            schema
        }
    };
    let properties: Map<String, Value> =
        taken().map(|field| (field.name.to_owned(), schema(field))).collect();
    let required: Vec<&str> =
        taken().filter(|field| field.used == Use::Required).map(|field| field.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// An object in which the fields of exactly one choice are set.
pub(crate) fn choice(fields: &[Field], choices: &[&[&str]]) -> Value {
    let mut schema = written(fields);
    let branch = |chosen: &&[&str]| {
        let value = |field: &Field| {
            let value = if chosen.contains(&field.name) { with_value() } else { json!({"type": "null"}) };
            (field.name.to_owned(), value)
        };
        let properties: Map<String, Value> = fields.iter().map(value).collect();
        json!({"required": chosen, "properties": properties})
    };
    schema["oneOf"] = choices.iter().map(branch).collect();
    schema
}

/// Matches objects in which all of these fields are set.
pub(crate) fn all_set(names: &[&str]) -> Value {
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), with_value())).collect();
    json!({"required": names, "properties": properties})
}

fn with_value() -> Value {
    json!({"not": {"type": "null"}})
}

/// The schema of a merge patch of these fields: `null` removes an optional one, and an object changes only
/// the members it has.
pub(crate) fn patch(fields: &[Field]) -> Value {
    partial(submitted(fields))
}

fn partial(mut schema: Value) -> Value {
    let Value::Object(members) = &mut schema else { return schema };
    members.shift_remove("required");
    if members.contains_key("properties") {
        members.shift_remove("anyOf");
        members.shift_remove("not");
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        // A read-only field is repeated whole.
        for property in properties.values_mut().filter(|property| property["readOnly"] != true) {
            *property = partial(property.take());
        }
    }
    if let Some(each) = members.get_mut("additionalProperties").filter(|each| each.is_object()) {
        *each = nullable(each.take());
    }
    schema
}

/// An object with at least one of its fields set.
pub(crate) fn some(fields: &[Field]) -> Value {
    let null = |field: &Field| (field.name.to_owned(), json!({"type": "null"}));
    let mut schema = written(fields);
    schema["not"] = json!({"properties": fields.iter().map(null).collect::<Map<_, _>>()});
    schema
}

/// A reference to a named schema.
pub(crate) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The same, or `null` if unknown.
pub(crate) fn nullable(mut schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::Array(_)) => schema,
        Some(Value::String(kind)) if kind == "null" => schema,
        Some(Value::String(kind)) => {
            schema["type"] = json!([kind, "null"]);
            if let Some(Value::Array(words)) = schema.get_mut("enum") {
                words.push(Value::Null);
            }
            schema
        }
        _ if schema.get("anyOf").is_some() => schema,
        _ => {
            let about = schema.get("description").cloned();
            let mut both = json!({"anyOf": [schema, {"type": "null"}]});
            if let Some(about) = about {
                both["description"] = about;
            }
            both
        }
    }
}

/// Text of at most `most` characters.
pub(crate) fn text(most: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": TEXT_PATTERN})
}

/// The id of a thing.
pub(crate) fn id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": ID_PATTERN})
}

/// The id of a stage.
pub(crate) fn stage_id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": STAGE_ID_PATTERN})
}

/// A word of a closed list, each explained.
pub(crate) fn word<V: Vocabulary>() -> Value {
    let meanings = V::ALL.iter().map(|word| format!("- `{}`: {}", word.as_str(), word.meaning()));
    let meanings: Vec<String> = meanings.collect();
    json!({"type": "string", "enum": V::words(), "description": meanings.join("\n")})
}

/// A country or territory.
pub(crate) fn jurisdiction() -> Value {
    named("Jurisdiction")
}

/// The codes of countries and territories.
pub(crate) fn jurisdictions() -> Value {
    json!({
        "type": "string",
        "description": "A country or territory: an assigned ISO 3166-1 alpha-2 code.",
        "minLength": 2,
        "maxLength": 2,
        "pattern": JURISDICTION_PATTERN,
        "enum": Jurisdiction::codes(),
    })
}

/// An address on the web.
pub(crate) fn url() -> Value {
    json!({"type": "string", "minLength": 8, "maxLength": Url::MAX, "pattern": URL_PATTERN})
}

/// The tag of a language.
pub(crate) fn language() -> Value {
    json!({"type": "string", "minLength": 2, "maxLength": Language::MAX, "pattern": LANGUAGE_PATTERN})
}

/// Names by language.
pub(crate) fn names() -> Value {
    json!({
        "type": "object",
        "maxProperties": MAX_NAMES,
        "propertyNames": {"pattern": LANGUAGE_PATTERN, "maxLength": Language::MAX},
        "additionalProperties": text(Name::MAX),
    })
}

/// A day.
pub(crate) fn date() -> Value {
    json!({"type": "string", "format": "date", "maxLength": 10})
}

/// A moment.
pub(crate) fn moment() -> Value {
    json!({"type": "string", "format": "date-time", "maxLength": 40})
}

/// A moment, or the day on which something begins or ends.
pub(crate) fn bound() -> Value {
    json!({"type": "string", "maxLength": 40, "anyOf": [{"format": "date-time"}, {"format": "date"}]})
}

/// A date and how exactly it is known.
pub(crate) fn dated() -> Value {
    shown(&[
        required(
            "date",
            date(),
            "The day that stands for the date, and the one that counts. Of a month, a quarter or a year give the first day, or the last where something must not count too early.",
        ),
        required(
            "precision",
            word::<Precision>(),
            "How exactly the date is known: it is kept and shown, and nothing is computed from it. What happens `not_before` a day counts from that very day on.",
        ),
    ])
}

/// A number of units.
pub(crate) fn units() -> Value {
    json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": Units::MAX})
}

/// A fraction as a decimal string.
pub(crate) fn fraction() -> Value {
    json!({"type": "string", "maxLength": 11, "pattern": FRACTION_PATTERN})
}

/// A measured figure.
pub(crate) fn figure() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": Figure::MAX, "multipleOf": 0.001})
}

/// A whole number within a range.
pub(crate) fn count(least: i64, most: i64) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": least, "maximum": most})
}

/// A truth value.
pub(crate) fn truth() -> Value {
    json!({"type": "boolean"})
}

/// A list of at most so many items.
pub(crate) fn list(items: Value, least: usize, most: usize) -> Value {
    let mut list = json!({"type": "array", "minItems": least, "maxItems": most});
    list["items"] = items;
    list
}

/// A list without repetitions.
pub(crate) fn set(items: Value) -> Value {
    let mut set = list(items, 0, MAX_ITEMS);
    set["uniqueItems"] = true.into();
    set
}

/// Pieces of evidence.
pub(crate) fn citations(least: usize) -> Value {
    list(named("Citation"), least, MAX_ITEMS)
}

/// One piece of evidence.
pub(crate) fn citation() -> Value {
    let fields = [
        optional("source", nullable(id()), "The source it is found in. Only `own_record` needs none."),
        required("attribution", word::<Attribution>(), "On whose word the source says so."),
        optional(
            "sources",
            nullable(count(1, i64::from(Citation::MAX_SOURCES))),
            "How many people the source says it rests on.",
        ),
        optional(
            "anonymity_reason",
            nullable(text(Note::MAX)),
            "Why they are not named, if the source says so.",
        ),
        optional(
            "note",
            nullable(text(Note::MAX)),
            "Anything else worth knowing about this piece of evidence.",
        ),
    ];
    let mut schema = written(&fields);
    schema["description"] = "On whose word something stands.".into();
    let own = Attribution::OwnRecord.as_str();
    schema["not"] =
        json!({"properties": {"attribution": {"not": {"const": own}}, "source": {"type": "null"}}});
    schema
}
