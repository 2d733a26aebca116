//! Dates as the sources write them.
//!
//! Numbers with slashes are read the American way (`8/20/26, 8:13 AM`), the only way in which
//! LinkedIn is known to write them: a file must not be read one way in its first row and another
//! way in the next. What is no date stays text; see [`super::draft`].

use crate::date::PartialDate;

/// English and French, folded. A month may be shortened to three letters or more, as long as it
/// is one month only: `jui` is two.
const MONTHS: [[&str; 2]; 12] = [
    ["january", "janvier"],
    ["february", "fevrier"],
    ["march", "mars"],
    ["april", "avril"],
    ["may", "mai"],
    ["june", "juin"],
    ["july", "juillet"],
    ["august", "aout"],
    ["september", "septembre"],
    ["october", "octobre"],
    ["november", "novembre"],
    ["december", "decembre"],
];

/// A date in one of the ways that INTEROP.md lists for LinkedIn, or in the French ones.
pub(super) fn parse(text: &str) -> Option<PartialDate> {
    let text = super::text::fold(text);
    let words: Vec<&str> =
        text.split([' ', ',']).map(|w| w.trim_end_matches('.')).filter(|w| !w.is_empty()).collect();
    match words.as_slice() {
        [date] => whole(date),
        [month, year] if !year.contains(':') => PartialDate::month(number(year, 4)?, named(month)?).ok(),
        [date, time] => at(date, time, None, false),
        [date, time, "utc" | "gmt" | "z"] => at(date, time, None, true),
        [date, time, half @ ("am" | "pm")] => at(date, time, Some(half), false),
        [day, month, year] => from_words(day, month, year).or_else(|| from_words(month, day, year)),
        _ => None,
    }
}

fn from_words(day: &str, month: &str, year: &str) -> Option<PartialDate> {
    let day = day.strip_suffix("er").unwrap_or(day);
    PartialDate::day(number(year, 4)?, named(month)?, small(day)?).ok()
}

fn whole(date: &str) -> Option<PartialDate> {
    if let Some((date, time)) = date.split_once('t') {
        return at(date, time.trim_end_matches('z'), None, time.ends_with('z'));
    }
    let separator = if date.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = date.split(separator).collect();
    match parts.as_slice() {
        [year] => PartialDate::year(number(year, 4)?).ok(),
        [year, month] if year.len() == 4 => PartialDate::month(number(year, 4)?, small(month)?).ok(),
        [_, _, _] => {
            let (year, month, day) = day_of(date)?;
            PartialDate::day(year, month, day).ok()
        }
        _ => None,
    }
}

fn at(date: &str, time: &str, half: Option<&str>, utc: bool) -> Option<PartialDate> {
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (small(hour)?, small(minute)?, None),
        [hour, minute, second] => (small(hour)?, small(minute)?, Some(small(second)?)),
        _ => return None,
    };
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("pm") => hour % 12 + 12,
        Some(_) => hour % 12,
    };
    let moment = PartialDate::at(day_of(date)?, hour, minute, second).ok()?;
    if utc { moment.with_offset_minutes(0).ok() } else { Some(moment) }
}

/// `1815-12-10`, `2026/07/28`, `08/30/22` or `8/20/2026`.
fn day_of(date: &str) -> Option<(i16, i8, i8)> {
    let separator = if date.contains('/') { '/' } else { '-' };
    let parts: Vec<&str> = date.split(separator).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    if first.len() == 4 {
        return Some((number(first, 4)?, small(second)?, small(third)?));
    }
    if separator != '/' {
        return None;
    }
    // LinkedIn began in 2003: two figures never mean the century before.
    let year = number(third, 4).or_else(|| Some(2000 + number(third, 2)?))?;
    Some((year, small(first)?, small(second)?))
}

fn named(month: &str) -> Option<i8> {
    if month.chars().count() < 3 {
        return None;
    }
    let means = |names: &[&str; 2]| names.iter().any(|name| name.starts_with(month));
    let mut found = MONTHS.iter().zip(1..).filter(|(names, _)| means(names));
    let (_, number) = found.next()?;
    found.next().is_none().then_some(number)
}

fn small(text: &str) -> Option<i8> {
    if (1..=2).contains(&text.len()) { text.parse().ok().filter(|n| *n >= 0) } else { None }
}

fn number(text: &str, digits: usize) -> Option<i16> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_that_is_known() {
        let cases = [
            ("Feb 2022", "2022-02"),
            ("2006", "2006"),
            ("05 Sep 2023", "2023-09-05"),
            ("2026/07/28 13:20:49 UTC", "2026-07-28T13:20:49Z"),
            ("08/30/22, 05:51 PM", "2022-08-30T17:51"),
            ("8/20/26, 8:13 AM", "2026-08-20T08:13"),
            ("8/20/26, 12:13\u{202f}AM", "2026-08-20T00:13"),
            ("8/20/26, 12:13 PM", "2026-08-20T12:13"),
            ("08/30/22, 17:51", "2022-08-30T17:51"),
            ("1815-12-10", "1815-12-10"),
            ("2025-03-05 13:00:00 UTC", "2025-03-05T13:00:00Z"),
            ("2025-03-05T13:00:00Z", "2025-03-05T13:00:00Z"),
            ("2014-04", "2014-04"),
            ("September 5, 2023", "2023-09-05"),
            ("Sep 5, 2023", "2023-09-05"),
            ("févr. 2022", "2022-02"),
            ("5 août 2023", "2023-08-05"),
            ("1er juin 2014", "2014-06-01"),
            ("juillet 2014", "2014-07"),
            ("déc. 2014", "2014-12"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map(|date| date.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_guessed() {
        let cases = [
            "",
            "soon",
            "30/08/22",
            "31 Feb 2022",
            "2022-13",
            "13:00",
            "20222",
            "12 2022",
            "-5",
            "8/20/26, 13:13 PM",
            "1-2-3",
            "02-03-2024",
            "2025-03-05 25:00:00 UTC",
            "99 May 2022",
            "Marketing 2022",
            "jui 2022",
            "é",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
