//! The JSON form of sources.

use serde_json::{Value, json};

use super::Document;
use super::fields::Fields;
use super::values::{count, shown, text};
use crate::domain::source::Source;
use crate::domain::text::{Language, Url};

impl Document for Source {
    fn write(&self) -> Value {
        json!({
            "id": self.id.as_str(),
            "publisher": self.publisher.as_str(),
            "title": self.title.as_str(),
            "url": self.url.as_ref().map(Url::as_str),
            "published_on": shown(self.published_on.as_ref()),
            "language": self.language.as_ref().map(Language::as_str),
            "republishes": shown(self.republishes.as_ref()),
            "check_every_days": self.check_every_days,
            "last_checked_at": shown(self.last_checked_at.as_ref()),
        })
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.required("id", text);
        let publisher = fields.required("publisher", text);
        let title = fields.required("title", text);
        let url = fields.nullable("url", text);
        let published_on = fields.nullable("published_on", text);
        let language = fields.nullable("language", text);
        let republishes = fields.nullable("republishes", text);
        let check_every_days =
            fields.nullable("check_every_days", |place| count(place, 1, Self::MAX_CHECK_EVERY_DAYS));
        let last_checked_at = fields.nullable("last_checked_at", text);
        let source = Self {
            id: id?,
            publisher: publisher?,
            title: title?,
            url: url?,
            published_on: published_on?,
            language: language?,
            republishes: republishes?,
            check_every_days: check_every_days?,
            last_checked_at: last_checked_at?,
        };
        fields.refuse_all(source.faults());
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::source::Source;
    use crate::wire::testing::{assert_written_as_read, faults};

    #[test]
    fn a_source_is_written_as_it_was_read() {
        assert_written_as_read::<Source>(
            r#"{"id":"s1","publisher":"Bloomberg","title":"China tells firms to prepare","url":"https://example.org/a",
                "published_on":"2026-01-23","language":"en","republishes":"s0","check_every_days":30,
                "last_checked_at":"2026-02-01T00:00:00Z"}"#,
        );
        assert_written_as_read::<Source>(
            r#"{"id":"s1","publisher":"Bloomberg","title":"China tells firms to prepare","url":null,
                "published_on":null,"language":null,"republishes":null,"check_every_days":null,
                "last_checked_at":null}"#,
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults::<Source>(
            r#"{"id":"s1","publisher":"","url":"example.org","published_on":"23 January","language":"English",
                "republishes":"S0","check_every_days":0,"last_checked_at":"2026-02-01"}"#,
        );
        assert_eq!(
            told,
            [
                "/publisher too_short",
                "/title missing",
                "/url malformed",
                "/published_on malformed",
                "/language malformed",
                "/republishes malformed",
                "/check_every_days out_of_range",
                "/last_checked_at malformed",
            ]
        );
    }

    #[test]
    fn a_source_does_not_republish_itself() {
        let told = faults::<Source>(r#"{"id":"s1","publisher":"P","title":"T","republishes":"s1"}"#);
        assert_eq!(told, ["/republishes inconsistent"]);
    }
}
