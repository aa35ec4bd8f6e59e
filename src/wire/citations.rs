//! The JSON form of citations, which are part of other things.

use serde_json::{Value, json};

use super::fields::Place;
use super::values::{MAX_ITEMS, count, shown, text};
use crate::domain::citation::Citation;

/// Reads at least one citation.
pub(crate) fn citations(place: Place<'_, '_>) -> Option<Vec<Citation>> {
    place.list((1, MAX_ITEMS), citation)
}

/// Reads any number of citations, including none.
pub(crate) fn any_citations(place: Place<'_, '_>) -> Option<Vec<Citation>> {
    place.list((0, MAX_ITEMS), citation)
}

/// Citations as JSON.
pub(crate) fn written(citations: &[Citation]) -> Value {
    let each = citations.iter().map(|citation| {
        json!({
            "source": shown(citation.source()),
            "attribution": citation.attribution().to_string(),
            "sources": citation.sources,
            "anonymity_reason": shown(citation.anonymity_reason.as_ref()),
            "note": shown(citation.note.as_ref()),
        })
    });
    each.collect()
}

fn citation(place: Place<'_, '_>) -> Option<Citation> {
    place.object(|fields| {
        let source = fields.nullable("source", text);
        let attribution = fields.required("attribution", text);
        let sources = fields.nullable("sources", |place| count(place, 1, Citation::MAX_SOURCES));
        let anonymity_reason = fields.nullable("anonymity_reason", text);
        let note = fields.nullable("note", text);
        match Citation::new(source?, attribution?) {
            Ok(mut citation) => {
                citation.sources = sources?;
                citation.anonymity_reason = anonymity_reason?;
                citation.note = note?;
                Some(citation)
            }
            Err(fault) => {
                fields.refuse("source", fault);
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::fault::Faults;
    use crate::wire::fields::Place;
    use crate::wire::json::{Pointer, parse};

    use super::*;

    fn read(text: &str) -> (Option<Vec<Citation>>, Vec<String>) {
        let mut faults = Faults::default();
        let list = citations(Place {
            value: &parse(text.as_bytes()).unwrap(),
            pointer: Pointer::WHOLE.member("citations"),
            faults: &mut faults,
        });
        let told = faults.0.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code));
        (list, told.collect())
    }

    #[test]
    fn citations_are_written_as_they_were_read() {
        let text = concat!(
            r#"[{"source":"s1","attribution":"anonymous","sources":2,"anonymity_reason":"private talks","note":"n"},"#,
            r#"{"source":null,"attribution":"own_record","sources":null,"anonymity_reason":null,"note":null}]"#,
        );
        let (list, told) = read(text);
        assert_eq!(told, [""; 0]);
        assert_eq!(written(&list.unwrap()).to_string(), text);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let (list, told) = read(
            r#"[{"attribution":"anonymous"},{"source":"s1"},{"source":"s1","attribution":"anonymous","sources":0}]"#,
        );
        assert_eq!(list, None);
        assert_eq!(
            told,
            [
                "/citations/0/source missing",
                "/citations/1/attribution missing",
                "/citations/2/sources out_of_range",
            ]
        );
        assert_eq!(read("[]").1, ["/citations too_short"]);
    }
}
