//! Times in records: RFC 3339, from 2000 to 2999.
//!
//! Only its grammar (§5.6), and of that no leap second: each other notation would be one more thing that two readers may
//! read differently. The years keep out what is no date of a choice: 0, and seconds or microseconds taken for milliseconds.
//! Fractions beyond the millisecond are cut: two statements within one millisecond are in no order.

use crate::engine::consent::signals::says::{Moment, Precision};

/// 2000-01-01T00:00:00Z.
pub(super) const EARLIEST_MS: i64 = 946_684_800_000;

/// 2999-12-31T23:59:59.999Z.
pub(super) const LATEST_MS: i64 = 32_503_679_999_999;

const MINUTE_MS: i64 = 60_000;

/// A time as it was written.
pub(super) struct Time {
    /// Unix milliseconds.
    pub(super) ms: i64,
    /// How far east of UTC its writer counts.
    offset_ms: i64,
}

impl Time {
    /// The unit of `precision` that holds it. A day is one of the writer's: from midnight to midnight at that offset.
    pub(super) fn moment(&self, precision: Precision) -> Moment {
        let local = self.ms.saturating_add(self.offset_ms);
        let into_unit = local.checked_rem_euclid(precision.unit_ms()).unwrap_or(0);
        Moment { ms: self.ms.saturating_sub(into_unit), precision }
    }
}

/// Reads `2026-03-01T09:30:00Z`, `2026-03-01T09:30:00.250+01:00`.
pub(super) fn read(text: &str) -> Option<Time> {
    let offset_ms = read_form(text.as_bytes())?;
    let ms = text.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    Some(Time { ms, offset_ms })
}

/// Writes a time in UTC, to the millisecond.
pub(super) fn write(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|time| format!("{time:.3}"))
}

/// Checks the form, and gives the offset.
fn read_form(text: &[u8]) -> Option<i64> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let [b'2', head @ ..] = head else { return None };
    // One letter per kind of character: `d` a digit, `T` either case, the rest itself.
    for (byte, form) in head.iter().zip(b"ddd-dd-ddTdd:dd:dd") {
        let fits = match form {
            b'd' => byte.is_ascii_digit(),
            other => byte.to_ascii_uppercase() == *other,
        };
        fits.then_some(())?;
    }
    let [.., h1, h2, _, m1, m2, _, s1, s2] = head;
    below(*h1, *h2, 24)?;
    below(*m1, *m2, 60)?;
    below(*s1, *s2, 60)?;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = fraction.get(digits..).filter(|_| (1..=9).contains(&digits))?;
    }
    match rest {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let offset = (below(*h1, *h2, 24)? * 60 + below(*m1, *m2, 60)?) * MINUTE_MS;
            Some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

/// A number of two digits that is less than `end`.
fn below(tens: u8, ones: u8, end: i64) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?).filter(|number| *number < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<i64> {
        read(text).map(|time| time.ms)
    }

    #[test]
    fn what_rfc_3339_allows_is_read() {
        for (text, want) in [
            ("2000-01-01T00:00:00Z", EARLIEST_MS),
            ("2999-12-31T23:59:59.999Z", LATEST_MS),
            ("2026-03-01T09:30:00Z", 1_772_357_400_000),
            ("2026-03-01t09:30:00z", 1_772_357_400_000),
            ("2026-03-01T09:30:00.25Z", 1_772_357_400_250),
            ("2026-03-01T09:30:00.999999999Z", 1_772_357_400_999),
            ("2026-03-01T10:30:00+01:00", 1_772_357_400_000),
            ("2026-03-01T04:00:00-05:30", 1_772_357_400_000),
            ("2026-03-01T09:30:00-00:00", 1_772_357_400_000),
            ("2028-02-29T00:00:00+23:59", 1_835_308_860_000),
        ] {
            assert_eq!(ms(text), Some(want), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T09:30Z",
            "2026-03-01T09:30:00",
            "2026-03-01 09:30:00Z",
            "2026-03-01T09:30:00+01",
            "2026-03-01T09:30:00+0100",
            "2026-03-01T09:30:00+24:00",
            "2026-03-01T09:30:00.Z",
            "2026-03-01T09:30:00.1234567890Z",
            "2026-03-01T09:30:00,5Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T23:59:60Z",
            "1999-12-31T23:59:59Z",
            "3000-01-01T00:00:00Z",
            "0000-00-00T00:00:00Z",
            "+002026-03-01T09:30:00Z",
            "2026-03-01T09:30:00Z[Europe/Paris]",
            "2026-03-01T09:30:00Z ",
            "\u{662}026-03-01T09:30:00Z",
            "1772357400000",
        ] {
            assert_eq!(ms(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_day_is_that_of_its_writer() {
        let paris = read("2026-03-01T15:00:00.5+01:00").unwrap();
        for (precision, start) in [
            (Precision::Ms, "2026-03-01T14:00:00.500Z"),
            (Precision::Second, "2026-03-01T14:00:00Z"),
            (Precision::Day, "2026-02-28T23:00:00Z"),
        ] {
            assert_eq!(paris.moment(precision), Moment { ms: ms(start).unwrap(), precision }, "{precision}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for at in [EARLIEST_MS, 1_772_357_400_000, 1_772_357_400_001, LATEST_MS] {
            assert_eq!(ms(&write(at).unwrap()), Some(at));
        }
    }
}
