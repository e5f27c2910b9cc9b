//! Which instant, which local day: the two kinds of time in the programme.
//!
//! Instants are what events carry; days and months are those of the programme's IANA time zone, because a
//! loyalty month ends at the shop's midnight, in summer and in winter.

use std::fmt;
use std::sync::Arc;

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
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    /// Reads a day such as `2017-01-01`. `None` when the text is not one, or lies outside the years 1900 to 2199.
    pub fn parse(text: &str) -> Option<Day> {
        let date: Date = text.parse().ok()?;
        (1900..2200).contains(&date.year()).then(|| Day::from_date(date))
    }

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

    /// The first day of this day's calendar quarter.
    #[must_use]
    pub fn quarter_start(self) -> Day {
        self.first_of_months(3, 0)
    }

    /// The first day of the calendar quarter after this day's.
    #[must_use]
    pub fn next_quarter_start(self) -> Day {
        self.first_of_months(3, 1)
    }

    /// The first day of this day's calendar year.
    #[must_use]
    pub fn year_start(self) -> Day {
        self.first_of_months(12, 0)
    }

    /// The first day of the calendar year after this day's.
    #[must_use]
    pub fn next_year_start(self) -> Day {
        self.first_of_months(12, 1)
    }

    /// The first day of this day's run of `months` months, a part of the year, or of the one `later` runs after it.
    fn first_of_months(self, months: i32, later: i32) -> Day {
        let date = self.date();
        let months_counted = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
        let first = (months_counted.div_euclid(months) + later) * months;
        let year = i16::try_from(first.div_euclid(12)).expect("days lie within the accepted instants");
        let month = i8::try_from(first.rem_euclid(12) + 1).expect("1 to 12");
        Day::from_date(Date::constant(year, month, 1))
    }

    /// The first day of the calendar month that comes `months` after this day's.
    #[must_use]
    pub fn month_start_after(self, months: u32) -> Day {
        let month = self.date().first_of_month();
        let later = month.checked_add(jiff::Span::new().months(i64::from(months)));
        Day::from_date(later.expect("terms bound months to ten years, and calendars reach further"))
    }

    /// The Monday of this day's week.
    #[must_use]
    pub fn week_start(self) -> Day {
        // Day 0 was a Thursday.
        self.plus(-(self.0.saturating_add(3)).rem_euclid(7))
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
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);
/// Milliseconds of a day on which no clocks are set.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The programme's IANA time zone: turns instants into local days and back.
///
/// A day is the time from its first instant to that of the next, so days follow each other without a gap or a
/// repetition, also where clocks went back across midnight (St. John's until 2011). A day that a zone left out (Samoa,
/// 30 December 2011) begins and ends with its successor's beginning.
#[derive(Clone)]
pub struct Zone {
    name: String,
    /// The first instant of every day from [`FIRST_DAY`] on. Computing it anew each time took a tenth of a replay.
    starts: Arc<[i64]>,
}

/// The last days of 1899.
const FIRST_DAY: Day = Day(-25_569);
/// Fifteen years beyond the accepted instants: the furthest that a wakeup can lie ahead is ten years, except for what
/// asks [`Zone::knows`] first.
const LAST_DAY: Day = Day(89_500);

impl Zone {
    /// The zone named `name`, such as `Europe/Moscow`; `None` when the time zone database has no such name.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = TimeZone::get(name).ok()?;
        let begin = jiff::Timestamp::from_millisecond((i64::from(FIRST_DAY.0) - 2) * DAY_MS)
            .expect("the table begins within the representable range");
        let mut starts = Vec::new();
        let mut day = FIRST_DAY;
        let mut offset_began_at = i64::MIN;
        let mut offset_ms = i64::from(zone.to_offset(begin).seconds()) * 1000;
        let mut transitions = zone.following(begin);
        while day <= LAST_DAY {
            let transition = transitions.next();
            let offset_ends_at = transition.as_ref().map_or(i64::MAX, |next| next.timestamp().as_millisecond());
            while day <= LAST_DAY {
                let midnight = i64::from(day.0) * DAY_MS - offset_ms;
                if midnight >= offset_ends_at {
                    break;
                }
                // Where a change of clocks skips midnight, the day begins with the change.
                starts.push(midnight.max(offset_began_at));
                day = day.plus(1);
            }
            if let Some(next) = transition {
                offset_began_at = offset_ends_at;
                offset_ms = i64::from(next.offset().seconds()) * 1000;
            }
        }
        Some(Zone { name: name.to_string(), starts: starts.into() })
    }

    /// Whether the table reaches to `day`: to the year 2215, and so beyond every instant that is accepted.
    pub fn knows(&self, day: Day) -> bool {
        (FIRST_DAY..=LAST_DAY).contains(&day)
    }

    /// The local day that `at` falls on.
    pub fn day(&self, at: Timestamp) -> Day {
        // Offsets are a day at most, so the day in UTC is next to the right one.
        let guess = at.0.div_euclid(DAY_MS) - i64::from(FIRST_DAY.0);
        let mut place = usize::try_from(guess).expect("instants are checked when decoded");
        while self.starts[place] > at.0 {
            place -= 1;
        }
        while self.starts[place + 1] <= at.0 {
            place += 1;
        }
        FIRST_DAY.plus(i32::try_from(place).expect("the table has 115,070 days"))
    }

    /// The first instant of the local day `day`.
    pub fn start(&self, day: Day) -> Timestamp {
        let place = usize::try_from(day.since(FIRST_DAY)).expect("days come from checked instants");
        Timestamp(self.starts[place])
    }
}

/// The zone's name.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
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

    // A status year that ended a day early or late would be a complaint from everybody on the same morning.
    #[test]
    fn quarters_and_years_begin() {
        let zone = Zone::named("UTC").unwrap();
        let starts = |text: &str| {
            let day = zone.day(Timestamp::parse(text).unwrap());
            let starts = [day.quarter_start(), day.next_quarter_start(), day.year_start(), day.next_year_start()];
            starts.map(|day| day.to_string()).join(" ")
        };
        assert_eq!(starts("2023-12-31T12:00:00Z"), "2023-10-01 2024-01-01 2023-01-01 2024-01-01");
        assert_eq!(starts("2024-01-01T12:00:00Z"), "2024-01-01 2024-04-01 2024-01-01 2025-01-01");
        assert_eq!(starts("2024-06-30T12:00:00Z"), "2024-04-01 2024-07-01 2024-01-01 2025-01-01");
        assert_eq!(starts("1969-02-01T12:00:00Z"), "1969-01-01 1969-04-01 1969-01-01 1970-01-01");
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

    // Every day of three centuries begins at its civil midnight, or right after the gap that swallowed it.
    #[test]
    fn starts_are_civil_midnights() {
        for name in ["America/New_York", "Europe/Moscow", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia"] {
            let zone = Zone::named(name).unwrap();
            let civil = TimeZone::get(name).unwrap();
            for day in (FIRST_DAY.0 + 1..LAST_DAY.0).map(Day) {
                let midnight = civil.to_ambiguous_zoned_datetime(day.date().at(0, 0, 0, 0)).compatible().unwrap();
                let start = zone.start(day);
                let skipped = start == zone.start(day.plus(1));
                assert!(skipped || zone.day(start) == day, "{name} {day}");
                assert!(skipped || zone.day(start.plus_ms(-1)) < day, "{name} {day}");
                let midnight = Timestamp(midnight.timestamp().as_millisecond());
                assert!(skipped || start == midnight, "{name} {day}: {start} is not {midnight}");
                assert_eq!(skipped, name == "Pacific/Apia" && day.to_string() == "2011-12-30", "{name} {day}");
            }
        }
    }

    // Clocks went back at one minute past midnight: the evening is not lived, and not judged, twice.
    #[test]
    fn days_do_not_go_back() {
        let zone = Zone::named("America/St_Johns").unwrap();
        let at = Timestamp::parse("2010-11-07T02:30:00Z").unwrap();
        let mut before = zone.day(at);
        for minute in 0..180 {
            let day = zone.day(at.plus_ms(minute * 60_000));
            assert!(day >= before, "minute {minute}: {day} after {before}");
            before = day;
        }
    }
}
