//! Which instant, which local day: the two kinds of time in the programme.
//!
//! Instants are what events carry; days and months are those of the programme's IANA time zone, because a
//! loyalty month ends at the shop's midnight, in summer and in winter.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Negative before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// The first and last instants that the programme accepts: years 1900 to 2200. A wider range would serve
/// nobody and let one broken terminal put a timer nine thousand years ahead.
pub const TIMESTAMP_MIN: Timestamp = Timestamp(-2_208_988_800_000);
/// See [`TIMESTAMP_MIN`].
pub const TIMESTAMP_MAX: Timestamp = Timestamp(7_258_118_400_000);

impl Timestamp {
    /// This instant moved by `ms` milliseconds, held within the representable range.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms))
    }

    /// Reads an RFC 3339 instant such as `2017-01-01T06:53:26Z`; finer digits than milliseconds are cut off.
    /// `None` when the text is not one, or lies outside [`TIMESTAMP_MIN`] to [`TIMESTAMP_MAX`].
    pub fn parse(text: &str) -> Option<Timestamp> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        let at = Timestamp(instant.as_millisecond());
        (TIMESTAMP_MIN..=TIMESTAMP_MAX).contains(&at).then_some(at)
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A local calendar day, counted from 1970-01-01 (day 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day `days` later (earlier where negative).
    #[must_use]
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }

    /// Days from `earlier` to this one; negative when `earlier` is later.
    pub fn since(self, earlier: Day) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The first day of this day's calendar month.
    #[must_use]
    pub fn month_start(self) -> Day {
        Day::from_date(self.date().first_of_month())
    }

    /// The first day of the calendar month after this day's.
    #[must_use]
    pub fn next_month_start(self) -> Day {
        let last = Day::from_date(self.date().last_of_month());
        last.plus(1)
    }

    fn date(self) -> Date {
        EPOCH
            .checked_add(jiff::Span::new().days(self.0))
            .expect("days lie within the accepted instants, years 1900 to 2200")
    }

    fn from_date(date: Date) -> Day {
        let days = date.since(EPOCH).expect("a difference of dates in days always exists").get_days();
        Day(days)
    }
}

/// `YYYY-MM-DD`.
impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.date().fmt(f)
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);
const DAY_MS: i64 = 86_400_000;

/// The programme's IANA time zone: turns instants into local days and back.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
}

impl Zone {
    /// The zone named `name`, such as `Europe/Moscow`; `None` when the time zone database has no such name.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(|zone| Zone { zone })
    }

    /// The local day that `at` falls on.
    pub fn day(&self, at: Timestamp) -> Day {
        let instant = jiff::Timestamp::from_millisecond(at.0).expect("instants are checked when decoded");
        let offset_ms = i64::from(self.zone.to_offset(instant).seconds()) * 1000;
        let days = (at.0 + offset_ms).div_euclid(DAY_MS);
        Day(i32::try_from(days).expect("instants within years 1900 to 2200 fit"))
    }

    /// The first instant of the local day `day`: local midnight, or the first instant after the gap where a
    /// change of clocks skips midnight.
    pub fn start(&self, day: Day) -> Timestamp {
        let midnight = day.date().at(0, 0, 0, 0);
        let zoned = self.zone.to_ambiguous_zoned_datetime(midnight).compatible();
        Timestamp(zoned.expect("a local midnight within years 1900 to 2200 exists").timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A receipt printed at 23:30 in New York belongs to that evening, although it is tomorrow in UTC.
    #[test]
    fn days_are_local() {
        let zone = Zone::named("America/New_York").unwrap();
        let at = Timestamp::parse("2017-02-01T04:30:00Z").unwrap();
        assert_eq!(zone.day(at).to_string(), "2017-01-31");
        assert_eq!(zone.day(at).next_month_start().to_string(), "2017-02-01");
        assert_eq!(zone.start(zone.day(at)).to_string(), "2017-01-31T05:00:00Z");
    }

    // The month boundary is the shop's midnight in summer time too, and on the days when clocks change.
    #[test]
    fn starts_follow_the_change_of_clocks() {
        let zone = Zone::named("America/New_York").unwrap();
        let summer = Timestamp::parse("2017-07-04T12:00:00Z").unwrap();
        assert_eq!(zone.start(zone.day(summer)).to_string(), "2017-07-04T04:00:00Z");
        let skips_midnight = Zone::named("America/Sao_Paulo").unwrap();
        let noon = Timestamp::parse("2018-11-04T12:00:00Z").unwrap();
        let day = skips_midnight.day(noon);
        assert_eq!(skips_midnight.start(day).to_string(), "2018-11-04T03:00:00Z");
        assert_eq!(skips_midnight.day(skips_midnight.start(day)), day);
    }
}
