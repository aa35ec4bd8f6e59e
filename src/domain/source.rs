//! Sources: the documents behind what is on record, and their freshness.

use super::fault::{FaultCode, Faults};
use super::id::SourceId;
use super::text::{Language, Name, Title, Url};
use super::time::{Date, Moment};

/// A published document. A republication and its original are two sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Its publisher.
    pub publisher: Name,
    /// Its title.
    pub title: Title,
    /// Its address.
    pub url: Option<Url>,
    /// The date of publication.
    pub published_on: Option<Date>,
    /// Its language.
    pub language: Option<Language>,
    /// The source it republishes or relays.
    pub republishes: Option<SourceId>,
    /// How often it must be checked to count as fresh, in days.
    pub check_every_days: Option<u32>,
    /// When it was last checked.
    pub last_checked_at: Option<Moment>,
}

impl Source {
    /// The longest time between two checks, in days.
    pub const MAX_CHECK_EVERY_DAYS: u32 = 3650;

    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.republishes.as_ref() == Some(&self.id) {
            faults.add("/republishes", FaultCode::Inconsistent, "a source cannot republish itself");
        }
        faults
    }

    /// The moment from which the source is stale; `None` if it has no freshness limit. A source with a limit
    /// that was never checked is always stale.
    #[must_use]
    pub fn stale_at(&self) -> Option<Moment> {
        let days = i64::from(self.check_every_days?);
        let checked = |at: Moment| at.plus_days(days);
        Some(self.last_checked_at.map_or_else(Moment::epoch, checked))
    }

    /// Records a check; an older one does not replace a newer one.
    #[must_use]
    pub fn checked(mut self, at: Moment) -> Self {
        self.last_checked_at = self.last_checked_at.max(Some(at));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(check_every_days: Option<u32>, last_checked_at: Option<&str>) -> Source {
        Source {
            id: SourceId::try_from("ecfr").unwrap(),
            publisher: Name::try_from("eCFR").unwrap(),
            title: Title::try_from("Part 742").unwrap(),
            url: None,
            published_on: None,
            language: None,
            republishes: None,
            check_every_days,
            last_checked_at: last_checked_at.map(|at| Moment::try_from(at).unwrap()),
        }
    }

    #[test]
    fn a_source_is_stale_once_its_own_limit_has_passed() {
        let stale_at = |every, checked| source(every, checked).stale_at().map(|at| at.to_string());
        let checked = Some("2026-01-02T00:00:01Z");
        assert_eq!(stale_at(None, None), None);
        assert_eq!(stale_at(None, checked), None);
        assert_eq!(stale_at(Some(30), checked).as_deref(), Some("2026-02-01T00:00:01Z"));
        let never = stale_at(Some(30), None);
        assert_eq!(never.as_deref(), Some("1970-01-01T00:00:00Z"), "a limit and no check is no freshness");
    }

    #[test]
    fn an_older_check_takes_nothing_back() {
        let newer = Moment::try_from("2026-02-01T00:00:00Z").unwrap();
        let older = Moment::try_from("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(source(None, None).checked(newer).checked(older).last_checked_at, Some(newer));
    }
}
