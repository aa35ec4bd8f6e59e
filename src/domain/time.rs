//! Time: moments of the service's clock, dates in the world, and their precision.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::fault::{Fault, FaultCode};
use super::vocabulary::vocabulary;

/// Seconds in a day.
pub const SECONDS_A_DAY: i64 = 86_400;
/// The last moment, in microseconds since 1970: the last whole second that the library supports.
const GREATEST: i64 = 253_402_207_200_000_000;
/// The first moment of the year 1, in microseconds since 1970.
const LEAST: i64 = -62_135_596_800_000_000;

/// A point in time from the year 1 on, in microseconds, so that every engine stores it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Timestamp);

impl Moment {
    /// Truncates a timestamp to microseconds.
    #[must_use]
    pub fn new(timestamp: Timestamp) -> Self {
        Self::from_microseconds(timestamp.as_microsecond())
    }

    /// The moment this many microseconds after the beginning of 1970, clamped to the supported range.
    #[must_use]
    pub fn from_microseconds(microseconds: i64) -> Self {
        Timestamp::from_microsecond(microseconds.clamp(LEAST, GREATEST)).map_or_else(|_| Self::epoch(), Self)
    }

    /// The beginning of 1970.
    #[must_use]
    pub fn epoch() -> Self {
        Self(Timestamp::UNIX_EPOCH)
    }

    /// Microseconds since the beginning of 1970.
    #[must_use]
    pub fn microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The UTC date this moment falls on.
    #[must_use]
    pub fn date(self) -> Date {
        Date(TimeZone::UTC.to_datetime(self.0).date())
    }

    /// Adds seconds; returns the moment unchanged beyond the end of time.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let later = self.0.checked_add(SignedDuration::from_secs(seconds));
        later.map_or(self, Self::new)
    }

    /// Adds days of [`SECONDS_A_DAY`] each.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(SECONDS_A_DAY))
    }

    /// Parses a moment, or a bare date, which `of_date` converts.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of a moment; its detail mentions that a date is accepted, too.
    pub fn or_date(text: &str, of_date: fn(Date) -> Self) -> Result<Self, Fault> {
        let date = Date::try_from(text).map(of_date);
        let is_meant_as_one = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if date.is_ok() || is_meant_as_one {
            return date;
        }
        Self::try_from(text).map_err(|fault| match fault.code {
            FaultCode::Malformed => Fault {
                detail: format!("{}, or give a bare date such as `2026-01-23`", fault.detail),
                ..fault
            },
            _ => fault,
        })
    }

    /// The moment a bare date means as a start: midnight UTC.
    #[must_use]
    pub fn start_of(date: Date) -> Self {
        // No date lies before the year 1, so one that cannot be converted lies beyond the end of time.
        TimeZone::UTC.to_timestamp(date.0.at(0, 0, 0, 0)).map_or_else(|_| Self::end_of_time(), Self::new)
    }

    /// The moment a bare date means as an end: the end of that day, UTC.
    #[must_use]
    pub fn end_of(date: Date) -> Self {
        date.tomorrow().map_or_else(Self::end_of_time, Self::start_of)
    }

    /// The last moment of a day, in UTC.
    #[must_use]
    pub fn last_of(date: Date) -> Self {
        Self::from_microseconds(Self::end_of(date).microseconds() - 1)
    }

    fn end_of_time() -> Self {
        Self::from_microseconds(GREATEST)
    }
}

impl TryFrom<&str> for Moment {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let form =
            || Fault::new(FaultCode::Malformed, "must be an RFC 3339 time such as `2026-01-23T08:00:00Z`");
        let has_date_and_time = text.get(10..11).is_some_and(|mark| mark.eq_ignore_ascii_case("t"));
        if !has_date_and_time || text.contains('[') || text.starts_with(['+', '-']) {
            return Err(form());
        }
        let timestamp: Timestamp = text.parse().map_err(|cause: jiff::Error| {
            let has_all_but_an_offset = text.parse::<civil::DateTime>().is_ok();
            let detail = if has_all_but_an_offset {
                "must say how far it is from UTC: add `Z`, or an offset such as `+08:00`".to_owned()
            } else {
                cause.to_string()
            };
            Fault { detail, ..form() }
        })?;
        if !has_sound_offset(text) {
            let detail =
                "must have an offset from UTC whose hours go from 00 to 23 and whose minutes from 00 to 59";
            return Err(Fault::new(FaultCode::OutOfRange, detail));
        }
        if timestamp.as_microsecond() < LEAST {
            return Err(Fault::new(FaultCode::OutOfRange, "must not lie before the year 1"));
        }
        Ok(Self::new(timestamp))
    }
}

/// Whether the offset of a moment is one of RFC 3339; the library accepts up to 25 hours.
fn has_sound_offset(text: &str) -> bool {
    let time = text.get(11..).unwrap_or_default();
    let Some((_, offset)) = time.rsplit_once(['+', '-']) else { return true };
    let mut parts = offset.split(':').flat_map(|part| [part.get(..2), part.get(2..4)]).flatten();
    let mut is_below =
        |limit: u8| parts.next().is_none_or(|part| part.parse().is_ok_and(|it: u8| it < limit));
    is_below(24) && is_below(60)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

impl Date {
    /// A date literal in code, which must be valid.
    pub(crate) const fn literal(year: i16, month: i8, day: i8) -> Self {
        Self(civil::date(year, month, day))
    }

    /// The next day; `None` after the last one.
    #[must_use]
    pub fn tomorrow(self) -> Option<Self> {
        self.0.tomorrow().ok().map(Self)
    }

    /// The first day of the period that contains the day, for periods of a number of months that divides a
    /// year.
    #[must_use]
    pub fn run_of(self, months: i8) -> Self {
        let month = (self.0.month() - 1) / months * months + 1;
        // Every month has a first day.
        civil::Date::new(self.0.year(), month, 1).map_or(self, Self)
    }

    /// The first day of the following period, for periods of a number of months that divides a year; `None`
    /// beyond the calendar's end.
    #[must_use]
    pub fn next_run_of(self, months: i8) -> Option<Self> {
        let month = (self.0.month() - 1) / months * months + months + 1;
        let (year, month) = if month > 12 { (self.0.year() + 1, 1) } else { (self.0.year(), month) };
        civil::Date::new(year, month, 1).ok().map(Self)
    }
}

impl TryFrom<&str> for Date {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let form = || Fault::new(FaultCode::Malformed, "must be a date such as `2026-01-23`");
        if text.len() != 10 || text.starts_with(['+', '-']) {
            return Err(form());
        }
        let date: civil::Date =
            text.parse().map_err(|cause: jiff::Error| Fault { detail: cause.to_string(), ..form() })?;
        if date.year() < 1 {
            return Err(Fault::new(FaultCode::OutOfRange, "must not lie before the year 1"));
        }
        Ok(Self(date))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

vocabulary! {
    /// The precision of a date.
    Precision {
        /// That very day.
        Day = "day",
        /// Some day of that month.
        Month = "month",
        /// Some day of that quarter.
        Quarter = "quarter",
        /// Some day of that year.
        Year = "year",
        /// Around that day.
        About = "about",
        /// That day at the earliest.
        NotBefore = "not_before",
    }
}

/// A date in the world and its precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dated {
    /// The day that represents the date.
    pub date: Date,
    /// Its precision.
    pub precision: Precision,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_microseconds_and_are_written_in_utc() {
        let moment = Moment::try_from("2026-01-23T09:00:00.1234567+01:00").unwrap();
        assert_eq!(moment.to_string(), "2026-01-23T08:00:00.123456Z");
        assert_eq!(Moment::from_microseconds(moment.microseconds()), moment);
    }

    #[test]
    fn a_time_without_an_offset_is_told_what_it_lacks() {
        let detail = |text: &str| Moment::or_date(text, Moment::start_of).unwrap_err().detail;
        assert_eq!(
            detail("2026-01-01T00:00:00"),
            "must say how far it is from UTC: add `Z`, or an offset such as `+08:00`, or give a bare date such as `2026-01-23`"
        );
        for text in ["yesterday", "2026-01", "2026-13-01T00:00:00Z"] {
            assert!(detail(text).ends_with("or give a bare date such as `2026-01-23`"), "{text}");
        }
        assert_eq!(detail("2026-02-30"), Date::try_from("2026-02-30").unwrap_err().detail);
        assert!(!Moment::try_from("2026-01-01T00:00:00").unwrap_err().detail.contains("bare date"));
        assert_eq!(
            Moment::or_date("2026-01-23", Moment::end_of).unwrap().to_string(),
            "2026-01-24T00:00:00Z"
        );
    }

    #[test]
    fn every_moment_is_read_back_as_it_was_written_to_the_ends_of_time() {
        let days = ["0001-01-01", "0001-01-02", "9999-12-29", "9999-12-30", "9999-12-31"];
        let days = days.map(|day| Date::try_from(day).unwrap());
        let texts = ["0001-01-01T00:00:00Z", "9999-12-30T22:00:00.5Z", "9999-12-30T22:00:00.999999999Z"];
        let moments = days.into_iter().flat_map(|day| {
            [
                Moment::start_of(day),
                Moment::end_of(day),
                Moment::last_of(day),
                Moment::end_of(day).plus_seconds(1),
            ]
        });
        for moment in moments.chain(texts.map(|text| Moment::try_from(text).unwrap())) {
            let read = Timestamp::from_microsecond(moment.microseconds()).map(Moment);
            assert_eq!(read.ok(), Some(moment), "{moment}");
            assert_eq!(Moment::try_from(moment.to_string().as_str()), Ok(moment));
        }
        assert_eq!(Moment::new(Timestamp::MAX), Moment::end_of_time());
        assert_eq!(Moment::from_microseconds(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn an_offset_is_one_of_rfc_3339() {
        for offset in ["Z", "z", "+00:00", "-00:00", "+23:59", "-23:59", "+05:45"] {
            let text = format!("2026-01-23T08:00:00.25{offset}");
            assert!(Moment::try_from(text.as_str()).is_ok(), "{text}");
        }
        for offset in ["+24:00", "-24:00", "+25:00", "-25:59", "+2400", "-25"] {
            let text = format!("2026-01-23T08:00:00{offset}");
            let code = Moment::try_from(text.as_str()).map_err(|fault| fault.code);
            assert_eq!(code, Err(FaultCode::OutOfRange), "{text}");
        }
        for offset in ["+08:60", "+99:00", "+8:00"] {
            assert!(Moment::try_from(format!("2026-01-23T08:00:00{offset}").as_str()).is_err(), "{offset}");
        }
    }

    #[test]
    fn no_offset_carries_a_moment_before_the_year_1() {
        for text in ["0000-01-01T00:00:00+14:00", "0000-06-01T00:00:00Z", "0001-01-01T00:00:00+00:01"] {
            assert_eq!(
                Moment::try_from(text).map_err(|fault| fault.code),
                Err(FaultCode::OutOfRange),
                "{text}"
            );
        }
        assert!(Moment::try_from("0001-01-01T00:00:00-00:01").is_ok());
    }

    #[test]
    fn days_are_added_and_taken_away() {
        let moment = Moment::try_from("2026-03-01T08:00:00Z").unwrap();
        assert_eq!(moment.plus_days(7).to_string(), "2026-03-08T08:00:00Z");
        assert_eq!(moment.plus_days(-1).to_string(), "2026-02-28T08:00:00Z");
    }

    #[test]
    fn the_last_dates_of_the_calendar_stand_for_the_end_of_time() {
        for date in ["9999-12-30", "9999-12-31"] {
            let end = Moment::end_of(Date::try_from(date).unwrap());
            assert!(end > Moment::try_from("9999-12-30T21:00:00Z").unwrap(), "{date} {end}");
            assert_eq!(Moment::try_from(end.to_string().as_str()), Ok(end), "{date}");
            assert_eq!(end.plus_seconds(1), end);
            assert_eq!(end.plus_seconds(i64::MAX), end);
            assert_eq!(end.plus_days(i64::MAX), end);
        }
    }

    #[test]
    fn a_bare_date_is_no_moment_and_a_moment_no_date() {
        assert!(Moment::try_from("2026-01-23").is_err());
        assert!(Date::try_from("2026-01-23T08:00:00Z").is_err());
        assert!(Date::try_from("2026-02-30").is_err());
        assert!(Date::try_from("20260123").is_err());
    }

    #[test]
    fn a_run_of_months_begins_with_the_year() {
        for (day, months, first, next) in [
            ("2026-01-31", 1, "2026-01-01", "2026-02-01"),
            ("2026-12-01", 1, "2026-12-01", "2027-01-01"),
            ("2026-03-31", 3, "2026-01-01", "2026-04-01"),
            ("2026-04-01", 3, "2026-04-01", "2026-07-01"),
            ("2026-11-24", 3, "2026-10-01", "2027-01-01"),
            ("2026-01-01", 12, "2026-01-01", "2027-01-01"),
            ("2026-12-31", 12, "2026-01-01", "2027-01-01"),
        ] {
            let day = Date::try_from(day).unwrap();
            assert_eq!(day.run_of(months).to_string(), first, "{day}");
            assert_eq!(day.next_run_of(months).map(|next| next.to_string()).as_deref(), Some(next), "{day}");
        }
        assert_eq!(Date::try_from("9999-12-31").unwrap().next_run_of(12), None);
    }

    #[test]
    fn the_end_of_a_day_is_the_start_of_the_next() {
        let date = Date::try_from("2026-12-31").unwrap();
        assert_eq!(Moment::end_of(date).to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(Moment::start_of(date).date(), date);
    }
}
