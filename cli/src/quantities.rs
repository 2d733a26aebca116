//! Sizes and durations as people type them: `500MB`, `1.5 Go`, `2h`, `90s`.

use crate::t;
use std::time::Duration;

/// Units of sizes, by their name without the final `B` or `o`.
const SIZES: [(&str, u64); 8] = [
    ("", 1),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
];
/// Units of durations, in seconds; `j` is French for `d`.
const DURATIONS: [(&str, u64); 6] =
    [("s", 1), ("min", 60), ("m", 60), ("h", 3_600), ("d", 86_400), ("j", 86_400)];
/// Digits behind a decimal point that count.
const DECIMALS: usize = 3;

/// What clap calls for a size, in bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let unit = unit.strip_suffix(['b', 'o']).unwrap_or(&unit);
    multiply(&number, unit, &SIZES).ok_or_else(|| t!("usage-size"))
}

/// What clap calls for a duration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = multiply(&number, &unit, &DURATIONS).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| t!("usage-duration"))
}

/// What clap calls for a time limit: a duration, or a number of seconds.
pub(crate) fn time_limit(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => duration(text).map_err(|_| t!("usage-time-limit")),
    }
}

/// A size in the units that people typed it in: decimal, with one decimal where it tells something.
pub(crate) fn size_in_words(bytes: u64) -> String {
    let (factor, unit): (u64, fn(String) -> String) = match bytes {
        0..1_000 => (1, |number| t!("size-bytes", number = number)),
        1_000..1_000_000 => (1_000, |number| t!("size-kilo", number = number)),
        1_000_000..1_000_000_000 => (1_000_000, |number| t!("size-mega", number = number)),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, |number| t!("size-giga", number = number)),
        _ => (1_000_000_000_000, |number| t!("size-tera", number = number)),
    };
    let (whole, tenths) = (bytes / factor, bytes % factor * 10 / factor);
    unit(match tenths {
        0 => whole.to_string(),
        _ => t!("size-decimal", whole = whole.to_string(), tenths = tenths),
    })
}

fn split(text: &str) -> (String, String) {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(text.len());
    (text[..end].replace(',', "."), text[end..].to_lowercase())
}

fn multiply(number: &str, unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if decimals.len() > DECIMALS {
        return None;
    }
    // Written out: rounding a floating point number would lose bytes.
    let scaled: u64 = format!("{whole}{decimals:0<DECIMALS$}").parse().ok()?;
    u64::try_from(u128::from(scaled) * u128::from(factor) / 10_u128.pow(3)).ok().filter(|_| !whole.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_languages() {
        for (text, bytes) in [
            ("500MB", 500_000_000),
            ("500 Mo", 500_000_000),
            ("1.5GB", 1_500_000_000),
            ("1,5Go", 1_500_000_000),
            ("2GiB", 2 << 30),
            ("750", 750),
            ("20k", 20_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MB", "5 parsecs", "-1", "1.2345MB", "1.2.3MB", ".5GB", "99999999999TB", "1e9"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_said_as_it_was_typed() {
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000_000, "1 MB"),
            (1_549_999, "1.5 MB"),
            (500_000_000, "500 MB"),
            (2_000_000_000_000, "2 TB"),
        ] {
            assert_eq!(size_in_words(bytes), words);
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_a_time_limit_may_do_without() {
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(duration("90 min"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("1j"), duration("1d"));
        for wrong in ["30", "0s", "h", "2 weeks", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time_limit("30"), Ok(Duration::from_secs(30)));
        assert_eq!(time_limit("0"), Ok(Duration::ZERO));
        assert_eq!(time_limit("2min"), Ok(Duration::from_secs(120)));
        assert!(time_limit("-1").is_err());
    }
}
