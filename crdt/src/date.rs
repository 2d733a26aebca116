//! Dates known to a year, a month, a day or a time of day.
//!
//! People remember "in 2014" and exports say "Feb 2022": rounding these to a full date would
//! invent what nobody said. An event keeps its civil time and its zone as they were written,
//! because "at ten in Paris" stays true when the rules of a zone change.
//!
//! Order: by the first instant that the date may mean, in civil time; of two that start together
//! the coarser comes first. It is the order of the time-line, not a comparison of instants across
//! zones.

use std::{cmp::Ordering, fmt, str::FromStr};

use jiff::civil::Date;
use musette_protocol::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest zone name that is accepted, in bytes. The longest in use has 32.
const MAX_ZONE_BYTES: usize = 64;

/// A text that is not a date of any precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date: expected YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm")]
pub struct ParseDateError;

/// A date of some precision. See the module for its order and its text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartialDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    time: Option<Clock>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Clock {
    hour: i8,
    minute: i8,
    second: Option<i8>,
    zone: Option<Zone>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Zone {
    OffsetMinutes(i16),
    Named(String),
}

impl PartialDate {
    /// A year alone, from 1 to 9999.
    pub fn year(year: i16) -> Result<Self, ParseDateError> {
        Self::checked(year, None, None)
    }

    /// A month of a year.
    pub fn month(year: i16, month: i8) -> Result<Self, ParseDateError> {
        Self::checked(year, Some(month), None)
    }

    /// A day.
    pub fn day(year: i16, month: i8, day: i8) -> Result<Self, ParseDateError> {
        Self::checked(year, Some(month), Some(day))
    }

    /// A civil time of a day, without zone; `second` may be unknown.
    pub fn at(date: (i16, i8, i8), hour: i8, minute: i8, second: Option<i8>) -> Result<Self, ParseDateError> {
        let mut this = Self::day(date.0, date.1, date.2)?;
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
            return Err(ParseDateError);
        }
        if second.is_some_and(|second| !(0..60).contains(&second)) {
            return Err(ParseDateError);
        }
        this.time = Some(Clock { hour, minute, second, zone: None });
        Ok(this)
    }

    /// The same time of day, said to be so many minutes east of UTC.
    pub fn with_offset_minutes(mut self, minutes: i16) -> Result<Self, ParseDateError> {
        // ±18 h is what ISO 8601 libraries agree on; real offsets stay within −12 h and +14 h.
        if minutes.unsigned_abs() > 18 * 60 {
            return Err(ParseDateError);
        }
        self.time.as_mut().ok_or(ParseDateError)?.zone = Some(Zone::OffsetMinutes(minutes));
        Ok(self)
    }

    /// The same time of day in a named zone. The name is kept as written and is not looked up:
    /// calendars name zones that no database knows.
    pub fn with_zone(mut self, name: &str) -> Result<Self, ParseDateError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+-.".contains(c);
        if name.is_empty() || name.len() > MAX_ZONE_BYTES || !name.chars().all(allowed) {
            return Err(ParseDateError);
        }
        self.time.as_mut().ok_or(ParseDateError)?.zone = Some(Zone::Named(name.to_owned()));
        Ok(self)
    }

    fn checked(year: i16, month: Option<i8>, day: Option<i8>) -> Result<Self, ParseDateError> {
        if year < 1 {
            return Err(ParseDateError);
        }
        // jiff refuses the 13th month and the 30th of February for us.
        Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).map_err(|_| ParseDateError)?;
        Ok(Self { year, month, day, time: None })
    }

    /// The first day that this date may mean.
    #[must_use]
    pub fn first_day(&self) -> Date {
        Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
            .expect("checked when the date was made")
    }

    /// The last day that this date may mean.
    #[must_use]
    pub fn last_day(&self) -> Date {
        match (self.month, self.day) {
            (Some(_), Some(_)) => self.first_day(),
            (Some(_), None) => self.first_day().last_of_month(),
            _ => self.first_day().last_of_year(),
        }
    }

    /// Whether both may mean a same day.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first_day() <= other.last_day() && other.first_day() <= self.last_day()
    }

    /// The year.
    #[must_use]
    pub fn year_number(&self) -> i16 {
        self.year
    }

    fn order_key(&self) -> (Date, i8, i8, i8, u8, Option<&Zone>) {
        let (hour, minute, second) =
            self.time.as_ref().map_or((0, 0, 0), |time| (time.hour, time.minute, time.second.unwrap_or(0)));
        let zone = self.time.as_ref().and_then(|time| time.zone.as_ref());
        (self.first_day(), hour, minute, second, self.precision(), zone)
    }

    fn precision(&self) -> u8 {
        match (&self.month, &self.day, &self.time) {
            (None, ..) => 0,
            (_, None, _) => 1,
            (.., None) => 2,
            (.., Some(Clock { second: None, .. })) => 3,
            _ => 4,
        }
    }
}

impl Ord for PartialDate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order_key().cmp(&other.order_key())
    }
}

impl PartialOrd for PartialDate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        if let Some(time) = &self.time {
            write!(f, "T{:02}:{:02}", time.hour, time.minute)?;
            if let Some(second) = time.second {
                write!(f, ":{second:02}")?;
            }
            match &time.zone {
                None => {}
                Some(Zone::OffsetMinutes(0)) => f.write_str("Z")?,
                Some(Zone::OffsetMinutes(minutes)) => {
                    let sign = if *minutes < 0 { '-' } else { '+' };
                    let size = minutes.unsigned_abs();
                    write!(f, "{sign}{:02}:{:02}", size / 60, size % 60)?;
                }
                Some(Zone::Named(name)) => write!(f, "[{name}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for PartialDate {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = digits(parts.next().ok_or(ParseDateError)?, 4)?;
        let month = parts.next().map(|part| digits(part, 2)).transpose()?;
        let day = parts.next().map(|part| digits(part, 2)).transpose()?;
        if parts.next().is_some() {
            return Err(ParseDateError);
        }
        match (time, month, day) {
            (None, ..) => Self::checked(year, month.map(small), day.map(small)),
            (Some(time), Some(month), Some(day)) => parse_time((year, small(month), small(day)), time),
            _ => Err(ParseDateError),
        }
    }
}

/// Two-digit numbers always fit.
fn small(number: i16) -> i8 {
    i8::try_from(number).unwrap_or(i8::MAX)
}

fn digits(text: &str, len: usize) -> Result<i16, ParseDateError> {
    // The check on digits matters: `parse` alone would accept a sign.
    if text.len() != len || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseDateError);
    }
    text.parse().map_err(|_| ParseDateError)
}

fn parse_time(date: (i16, i8, i8), text: &str) -> Result<PartialDate, ParseDateError> {
    let zone_start = text.find(['Z', '+', '-', '[']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone_start);
    let mut parts = clock.split(':');
    let hour = digits(parts.next().ok_or(ParseDateError)?, 2)?;
    let minute = digits(parts.next().ok_or(ParseDateError)?, 2)?;
    let second = parts.next().map(|part| digits(part, 2)).transpose()?;
    if parts.next().is_some() {
        return Err(ParseDateError);
    }
    let this = PartialDate::at(date, small(hour), small(minute), second.map(small))?;
    if zone.is_empty() {
        return Ok(this);
    }
    if zone == "Z" {
        return this.with_offset_minutes(0);
    }
    if let Some(name) = zone.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return this.with_zone(name);
    }
    this.with_offset_minutes(parse_offset(zone)?)
}

fn parse_offset(text: &str) -> Result<i16, ParseDateError> {
    let (sign, size) = match text.as_bytes().first() {
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        _ => return Err(ParseDateError),
    };
    let (hours, minutes) = size.split_once(':').ok_or(ParseDateError)?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if minutes >= 60 {
        return Err(ParseDateError);
    }
    Ok(sign * (hours * 60 + minutes))
}

/// An instant as RFC 3339 in UTC with milliseconds; none beyond the year 9999.
#[must_use]
pub fn rfc3339(instant: Timestamp) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(instant.as_millis()).ok()?;
    Some(format!("{instant:.3}"))
}

impl Serialize for PartialDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> PartialDate {
        text.parse().unwrap_or_else(|_| panic!("{text} is a date"))
    }

    #[test]
    fn sorts_at_its_start_and_coarser_first() {
        let sorted = [
            "2013-12-31T23:59:59",
            "2014",
            "2014-01",
            "2014-01-01",
            "2014-01-01T00:00",
            "2014-01-01T00:00:00",
            "2014-01-02",
            "2014-02",
        ];
        let mut shuffled: Vec<_> = sorted.iter().rev().map(|text| date(text)).collect();
        shuffled.sort();
        let texts: Vec<_> = shuffled.iter().map(ToString::to_string).collect();
        assert_eq!(texts, sorted);
    }

    #[test]
    fn covers_the_days_it_may_mean() {
        let last = |text: &str| date(text).last_day().to_string();
        assert_eq!(last("2016"), "2016-12-31");
        assert_eq!(last("2016-02"), "2016-02-29");
        assert_eq!(last("2015-02-03T10:00"), "2015-02-03");
        assert!(date("2014").overlaps(&date("2014-04-01")));
        assert!(!date("2014-03").overlaps(&date("2014-04-01")));
    }

    #[test]
    fn refuses_nonsense() {
        for bad in [
            "",
            "14",
            "0000",
            "20145",
            "2014-13",
            "2014-00",
            "2014-4",
            "2014-02-30",
            "2015-02-29",
            "2014-01-01-01",
            "+014",
            "2014-+1",
            "2014T10:00",
            "2014-01-01T",
            "2014-01-01T24:00",
            "2014-01-01T10",
            "2014-01-01T10:60",
            "2014-01-01T10:00:60",
            "2014-01-01T10:00+1",
            "2014-01-01T10:00+19:00",
            "2014-01-01T10:00+01:60",
            "2014-01-01T10:00[]",
            "2014-01-01T10:00[a b]",
            "2014-01-01T10:00Zulu",
            "٢٠١٤",
            " 2014",
            "2014-01-01é",
        ] {
            assert_eq!(bad.parse::<PartialDate>(), Err(ParseDateError), "{bad}");
        }
    }

    prop_compose! {
        fn any_date()(
            text in "[0-9]{4}(-[01][0-9](-[0-3][0-9](T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(Z|[+-][01][0-9]:[0-5][0-9]|\\[[A-Z][a-z]{1,5}/[A-Z][a-z]{1,5}\\])?)?)?)?"
        ) -> Option<PartialDate> {
            text.parse().ok()
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(made in any_date()) {
            let Some(made) = made else { return Ok(()) };
            let again: PartialDate = made.to_string().parse().expect("its own text is a date");
            prop_assert_eq!(&again, &made);
            prop_assert!(made.first_day() <= made.last_day());
        }

        #[test]
        fn order_and_equality_agree(a in any_date(), b in any_date()) {
            let (Some(a), Some(b)) = (a, b) else { return Ok(()) };
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == b, a.cmp(&b).is_eq());
            if a < b {
                prop_assert!(a.first_day() <= b.first_day());
            }
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert!(a.overlaps(&a));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            let _ = text.parse::<PartialDate>();
        }

        #[test]
        fn near_dates_are_read_or_refused(text in "[0-9TZ:+\\[\\]-]{0,25}") {
            if let Ok(made) = text.parse::<PartialDate>() {
                prop_assert_eq!(made.to_string().parse::<PartialDate>(), Ok(made));
            }
        }
    }
}
