//! `round` for times: floored in UTC to a multiple of a step since 1970-01-01, in the notation it came in.
//!
//! Notations: ISO 8601 / RFC 3339 dates and times as text (extended or basic, any precision down to the minute, `Z`, an
//! offset or none, which is read as UTC), Unix times as numbers, and numbers in strings; numbers need a unit. Separators,
//! offset and number of decimals stay, so a floored time still parses wherever the original did.
//! The trap: a step finer than the notation. `13:12` floored by 90 s has no spelling in minutes; cutting it would
//! move it again each time. So the grid is the common multiple of the step and what the notation can spell.

use super::{Applied, Scalar, TimeUnit, UNFIT, write_or_keep};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Digits of a Unix time that are read: seconds to year 9999 have 12, milliseconds 15.
const MAX_UNIX_DIGITS: usize = 16;

/// Writes the floored time.
pub(super) fn apply(step_ms: i64, unit: Option<TimeUnit>, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    match value {
        Scalar::Number(text) => {
            let start = out.len();
            if unit.and_then(|unit| floor_unix(text, step_ms, unit, out)).is_none() {
                out.truncate(start);
                return UNFIT;
            }
            if out.get(start..) == Some(text.as_bytes()) {
                out.truncate(start);
                return Applied::Kept;
            }
            Applied::Wrote
        }
        Scalar::String(text) => write_or_keep(text, out, |out| {
            let start = out.len();
            unit.and_then(|unit| floor_unix(text, step_ms, unit, out)).or_else(|| {
                out.truncate(start);
                floor_iso(text, step_ms, out)
            })
        }),
        Scalar::Null | Scalar::Bool(_) => UNFIT,
    }
}

/// The largest multiple of both that is not after `at`.
fn floor(at: i64, step_ms: i64, spelled_ms: i64) -> Option<i64> {
    let mut grid = step_ms;
    if step_ms.checked_rem(spelled_ms)? != 0 {
        let (mut a, mut b) = (step_ms, spelled_ms);
        while b != 0 {
            (a, b) = (b, a.checked_rem(b)?);
        }
        grid = step_ms.checked_div(a)?.checked_mul(spelled_ms)?;
    }
    at.checked_sub(at.checked_rem_euclid(grid).filter(|_| grid > 0)?)
}

/// Plain decimal notation only: an exponent would have to be rewritten.
fn floor_unix(text: &str, step_ms: i64, unit: TimeUnit, out: &mut Vec<u8>) -> Option<()> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let open = digits.ends_with('.');
    if whole.is_empty() || whole.len() > MAX_UNIX_DIGITS || leading_zero || open || !plain(whole) || !plain(fraction) {
        return None;
    }
    let per_unit = match unit {
        TimeUnit::Seconds => 1000,
        TimeUnit::Milliseconds => 1,
    };
    // Down to milliseconds, and any further digit rounds a negative time down.
    let mut ms: i64 = whole.parse::<i64>().ok()?.checked_mul(per_unit)?;
    let mut place = per_unit;
    let mut rest = false;
    for digit in fraction.bytes().map(|b| i64::from(b - b'0')) {
        place /= 10;
        ms = ms.checked_add(digit * place)?;
        rest |= place == 0 && digit != 0;
    }
    if negative {
        ms = -ms - i64::from(rest);
    }
    let floored = floor(ms, step_ms, per_unit)? / per_unit;
    out.extend_from_slice(floored.to_string().as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', fraction.len()));
    }
    Some(())
}

/// How a text spells a time, read from left to right.
struct Iso<'a> {
    /// `-` or nothing.
    date_separator: &'a str,
    /// The time of day, if there is one.
    clock: Option<Clock<'a>>,
    /// `Z`, `+02:00`, `+0200`, `+02` or nothing, as spelled.
    offset: &'a str,
}

struct Clock<'a> {
    /// `T`, `t` or a space.
    before: &'a str,
    /// `:` or nothing.
    separator: &'a str,
    seconds: bool,
    /// `.` or `,` and the decimals, if any.
    point: &'a str,
    decimals: usize,
}

fn floor_iso(text: &str, step_ms: i64, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let date_separator = one_of(&mut rest, &["-"]);
    let month = digits(&mut rest, 2)?;
    if one_of(&mut rest, &["-"]) != date_separator {
        return None;
    }
    let day = digits(&mut rest, 2)?;
    let mut ms = days_from_civil(year, month, day)?.checked_mul(DAY_MS)?;
    let mut spelled_ms = DAY_MS;
    let mut clock = None;
    let mut offset = "";
    if !rest.is_empty() {
        let before = one_of(&mut rest, &["T", "t", " "]);
        let hour = digits(&mut rest, 2).filter(|hour| *hour < 24 && !before.is_empty())?;
        let separator = one_of(&mut rest, &[":"]);
        let minute = digits(&mut rest, 2).filter(|minute| *minute < 60)?;
        ms += hour * 3_600_000 + minute * MINUTE_MS;
        spelled_ms = MINUTE_MS;
        let seconds = if separator.is_empty() {
            rest.starts_with(|c: char| c.is_ascii_digit())
        } else {
            !one_of(&mut rest, &[":"]).is_empty()
        };
        let (mut point, mut decimals) = ("", 0);
        if seconds {
            // A leap second (60) is read as the last regular one.
            let second = digits(&mut rest, 2).filter(|second| *second <= 60)?.min(59);
            ms += second * 1000;
            spelled_ms = 1000;
            point = one_of(&mut rest, &[".", ","]);
            if !point.is_empty() {
                let mut place = 1000;
                while let Some(digit) = digits(&mut rest, 1) {
                    decimals += 1;
                    place /= 10;
                    ms += digit * place;
                }
                if decimals == 0 {
                    return None;
                }
                spelled_ms = if decimals < 3 { 1000 } else { 1 };
            }
        }
        offset = rest;
        ms = ms.checked_sub(parse_offset(rest)?)?;
        clock = Some(Clock { before, separator, seconds, point, decimals });
    } else if date_separator.is_empty() {
        // Eight digits are rather a number.
        return None;
    }
    let floored = floor(ms, step_ms, spelled_ms)?;
    write_iso(&Iso { date_separator, clock, offset }, floored.checked_add(parse_offset(offset)?)?, out)
}

fn write_iso(iso: &Iso<'_>, ms: i64, out: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let separator = iso.date_separator.as_bytes();
    write_digits(year, 1000, out);
    out.extend_from_slice(separator);
    write_digits(month, 10, out);
    out.extend_from_slice(separator);
    write_digits(day, 10, out);
    if let Some(clock) = &iso.clock {
        let of_day = ms.rem_euclid(DAY_MS);
        let separator = clock.separator.as_bytes();
        out.extend_from_slice(clock.before.as_bytes());
        write_digits(of_day / 3_600_000, 10, out);
        out.extend_from_slice(separator);
        write_digits(of_day / MINUTE_MS % 60, 10, out);
        if clock.seconds {
            out.extend_from_slice(separator);
            write_digits(of_day / 1000 % 60, 10, out);
            out.extend_from_slice(clock.point.as_bytes());
            let mut place = 100;
            for _ in 0..clock.decimals {
                out.push(digit_at(of_day % 1000, place));
                place /= 10;
            }
        }
        out.extend_from_slice(iso.offset.as_bytes());
    }
    Some(())
}

/// Digits of a number that is not negative, from the place of value `place` down.
fn write_digits(value: i64, mut place: i64, out: &mut Vec<u8>) {
    while place > 0 {
        out.push(digit_at(value, place));
        place /= 10;
    }
}

/// The digit at the place of value `place`; below the units it is 0.
fn digit_at(value: i64, place: i64) -> u8 {
    let digit = value.checked_div(place).map_or(0, |value| value % 10);
    b'0' + u8::try_from(digit).unwrap_or(0)
}

/// Milliseconds east of UTC; nothing is UTC.
fn parse_offset(text: &str) -> Option<i64> {
    let mut rest = text;
    let sign = match one_of(&mut rest, &["Z", "z", "+", "-"]) {
        "+" => 1,
        "-" => -1,
        _ => return rest.is_empty().then_some(0),
    };
    let hours = digits(&mut rest, 2).filter(|hours| *hours < 24)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        one_of(&mut rest, &[":"]);
        digits(&mut rest, 2).filter(|minutes| *minutes < 60)?
    };
    rest.is_empty().then_some(sign * (hours * 60 + minutes) * MINUTE_MS)
}

/// Takes exactly `count` ASCII digits.
fn digits(rest: &mut &str, count: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(count)?;
    let mut value = 0;
    for byte in head.bytes() {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    *rest = tail;
    Some(value)
}

/// Takes the first of `choices` that comes next, or nothing.
fn one_of<'a>(rest: &mut &'a str, choices: &[&str]) -> &'a str {
    for choice in choices {
        if let (true, Some((head, tail))) = (rest.starts_with(choice), rest.split_at_checked(choice.len())) {
            *rest = tail;
            return head;
        }
    }
    ""
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` where no such date is.
/// After H. Hinnant, "chrono-compatible low-level date algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
