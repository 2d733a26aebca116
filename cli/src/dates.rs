//! Dates in words: partial dates as they were typed, instants in the system's time zone.

use crate::locale::Arg;
use crate::{locale, t};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A partial date in words: `2014`, `2014-04`, `2014-04-01`, or with a time behind a `T`.
/// What is none of these is given back as it is.
pub(crate) fn in_words(date: &str) -> String {
    let (day, time) = date.split_once('T').unwrap_or((date, ""));
    let Some(words) = day_in_words(day) else {
        return date.to_owned();
    };
    match time.get(..5) {
        Some(time) => t!("date-and-time", date = words, time = time.to_owned()),
        None => words,
    }
}

/// The same without the year, for a place that stands under its year already.
pub(crate) fn without_year(date: &str) -> String {
    let day = date.split('T').next().unwrap_or(date);
    let mut parts = day.split('-').skip(1).map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(month)), Some(Ok(day))) => {
            t!("date-day", day = day, month = month_name(month))
        }
        (Some(Ok(month)), None) => month_name(month),
        _ => String::new(),
    }
}

/// An instant (RFC 3339) in words.
pub(crate) fn instant(instant: &str) -> String {
    let Ok(timestamp) = instant.parse::<Timestamp>() else {
        return instant.to_owned();
    };
    let local = timestamp.to_zoned_datetime(TimeZone::system());
    in_words(&local.strftime("%Y-%m-%dT%H:%M").to_string())
}

/// The time of day of an instant.
pub(crate) fn time_of_day(instant: &str) -> String {
    let Ok(timestamp) = instant.parse::<Timestamp>() else {
        return instant.to_owned();
    };
    timestamp.to_zoned_datetime(TimeZone::system()).strftime("%H:%M").to_string()
}

/// When something was, in words, from its two ends.
pub(crate) fn range(from: &str, to: &str) -> String {
    match (from.is_empty(), to.is_empty()) {
        (true, true) => String::new(),
        (false, true) => in_words(from),
        (true, false) => t!("date-until", to = in_words(to)),
        (false, false) if from == to => in_words(from),
        (false, false) => t!("date-range", from = in_words(from), to = in_words(to)),
    }
}

fn day_in_words(date: &str) -> Option<String> {
    let mut parts = date.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?;
    year.parse::<u16>().ok()?;
    let Some(month) = parts.next() else {
        return Some(year.to_owned());
    };
    let month: u64 = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    let Some(day) = parts.next() else {
        return Some(t!("date-month-year", month = month_name(month), year = year.to_owned()));
    };
    let day: u64 = day.parse().ok()?;
    let words = t!("date-day", day = day, month = month_name(month));
    Some(t!("date-day-year", day = words, year = year.to_owned()))
}

fn month_name(month: u64) -> String {
    locale::message("month", &[("number", Arg::from(month))])
}

#[cfg(test)]
mod tests {
    use super::*;

    // Unit tests run in English unless a catalogue is named; see `locale/tests.rs`.
    #[test]
    fn dates_keep_their_precision() {
        assert_eq!(in_words("2014"), "2014");
        assert_eq!(in_words("2014-04"), "April 2014");
        assert_eq!(in_words("2014-04-01"), "1 April 2014");
        assert_eq!(in_words("2014-04-01T10:30+02:00[Europe/Paris]"), "1 April 2014, 10:30");
        assert_eq!(in_words("spring"), "spring");
        assert_eq!(in_words("2014-13-01"), "2014-13-01");
        assert_eq!(without_year("2014-06-04"), "4 June");
        assert_eq!(without_year("2014"), "");
    }

    #[test]
    fn ranges_say_only_what_is_known() {
        assert_eq!(range("2011", "2014"), "2011 to 2014");
        assert_eq!(range("2011", ""), "2011");
        assert_eq!(range("", "2014"), "until 2014");
        assert_eq!(range("2014", "2014"), "2014");
    }
}
