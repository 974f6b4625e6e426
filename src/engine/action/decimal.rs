//! Exact decimal numbers, as JSON and policies spell them.
//!
//! Decides nothing but arithmetic: parse, compare, round to a multiple, write. It refuses to go through binary floating
//! point, where 0.1 has no exact value and a rounded number would betray digits of the one that came.
//! The trap: exponents. `1e999999999` is eleven characters, so nothing here may loop or allocate by an exponent.

use std::cmp::Ordering;

/// Significant digits that are held; more do not fit, and the value counts as out of range. 10^38 is the largest power of
/// ten below `u128::MAX`.
const MAX_DIGITS: u32 = 38;

/// Exponents beyond this are out of range; far above IEEE double (308), far below what overflows an `i32` sum.
const MAX_EXPONENT: i32 = 100_000;

/// Zeros written out before the exponent notation takes over.
const MAX_ZEROS: u32 = 40;

/// ±`digits` × 10^`exponent`, normalized: `digits` does not end in 0; zero is +0 × 10^0. May be personal: no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads the JSON number grammar (RFC 8259 §6), nothing else; `None` too where the value is out of range.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) || fraction == Some("") {
            return None;
        }
        let fraction = fraction.unwrap_or("");
        let mut digits: u128 = 0;
        let mut zeros: i32 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            if byte == b'0' {
                zeros = zeros.checked_add(1)?;
                continue;
            }
            if digits != 0 {
                digits = digits.checked_mul(power_of_ten(u32::try_from(zeros).ok()?.checked_add(1)?)?)?;
            }
            digits = digits.checked_add(u128::from(byte - b'0'))?;
            zeros = 0;
        }
        if digits >= power_of_ten(MAX_DIGITS)? {
            return None;
        }
        let exponent = exponent.checked_add(zeros)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self { negative, digits, exponent }.normalized())
    }

    fn normalized(mut self) -> Self {
        if self.digits == 0 {
            return Self { negative: false, digits: 0, exponent: 0 };
        }
        while self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.exponent += 1;
        }
        self
    }

    /// More than zero.
    pub(crate) fn is_positive(self) -> bool {
        !self.negative && self.digits != 0
    }

    /// Compares the exact values.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (a, b) if a != b => a.cmp(&b),
            (0, _) => Ordering::Equal,
            (1, _) => self.compare_magnitude(other),
            _ => other.compare_magnitude(self),
        }
    }

    fn sign(self) -> i8 {
        match (self.digits, self.negative) {
            (0, _) => 0,
            (_, false) => 1,
            (_, true) => -1,
        }
    }

    /// Both are not zero. Numbers with the same place of their first digit differ in exponent by less than their
    /// digits, so that the product below stays under 10^38.
    fn compare_magnitude(self, other: Self) -> Ordering {
        let place = |d: Self| i64::from(d.digits.ilog10()) + i64::from(d.exponent);
        place(self).cmp(&place(other)).then_with(|| {
            let low = self.exponent.min(other.exponent);
            match (self.scaled(low), other.scaled(low)) {
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            }
        })
    }

    /// Its digits when the exponent is lowered to `exponent`.
    fn scaled(self, exponent: i32) -> Option<u128> {
        let up = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(power_of_ten(up)?)
    }

    /// The multiple of `step` (positive) that is nearest; a half goes away from zero. `None`: out of range.
    pub(crate) fn nearest_multiple(self, step: Self) -> Option<Self> {
        let zero = Self { negative: false, digits: 0, exponent: 0 };
        let low = self.exponent.min(step.exponent);
        let (Some(value), Some(unit)) = (self.scaled(low), step.scaled(low)) else {
            // Too far apart to align: either next to nothing beside the step, or out of range.
            let twice = Self { negative: false, digits: self.digits.checked_mul(2)?, exponent: self.exponent };
            return (twice.normalized().compare(step) == Ordering::Less).then_some(zero);
        };
        let below = value.checked_div(unit)?;
        let rest = value.checked_rem(unit)?;
        let count = if rest >= unit.checked_sub(rest)? { below.checked_add(1)? } else { below };
        let result = Self { negative: self.negative, digits: count.checked_mul(unit)?, exponent: low }.normalized();
        // What is written must be readable again, or rounding twice would differ from rounding once.
        (result.digits < power_of_ten(MAX_DIGITS)?).then_some(result)
    }

    /// Appends the shortest plain spelling; exponent notation only beyond [`MAX_ZEROS`].
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        let digits = self.digits.to_string();
        let count = digits.len();
        match (usize::try_from(self.exponent), usize::try_from(-i64::from(self.exponent))) {
            (Ok(zeros), _) if zeros <= MAX_ZEROS as usize => {
                out.extend_from_slice(digits.as_bytes());
                out.extend(std::iter::repeat_n(b'0', zeros));
            }
            (_, Ok(places)) if places <= MAX_ZEROS as usize => {
                let zeros = (places + 1).saturating_sub(count);
                let padded = std::iter::repeat_n(b'0', zeros).chain(digits.bytes());
                let point = zeros + count - places;
                for (at, byte) in padded.enumerate() {
                    if at == point {
                        out.push(b'.');
                    }
                    out.push(byte);
                }
            }
            _ => {
                out.extend_from_slice(digits.as_bytes());
                out.push(b'e');
                out.extend_from_slice(self.exponent.to_string().as_bytes());
            }
        }
    }
}

fn power_of_ten(exponent: u32) -> Option<u128> {
    (exponent <= MAX_DIGITS).then(|| 10_u128.pow(exponent))
}

fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i32 = digits.parse().ok().filter(|value| *value <= MAX_EXPONENT)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        let mut out = Vec::new();
        Decimal::parse(text)?.write(&mut out);
        String::from_utf8(out).ok()
    }

    #[test]
    fn numbers_keep_their_value_and_get_one_spelling() {
        for (text, want) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e7", "0"),
            ("10", "10"),
            ("1e1", "10"),
            ("1.50", "1.5"),
            ("0.001", "0.001"),
            ("-12.34", "-12.34"),
            ("1E+3", "1000"),
            ("25e-1", "2.5"),
            ("1e-3", "0.001"),
            ("1e300", "1e300"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ] {
            assert_eq!(written(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_number_or_out_of_range_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x10",
            "NaN",
            "Infinity",
            "1 ",
            " 1",
            "1_000",
            "1.2.3",
            "1e1.5",
            "1e999999999",
            "1e-999999999",
            "1e99999999999999999999",
            "100000000000000000000000000000000000001",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn comparison_is_exact() {
        let ascending = [
            "-1e300",
            "-10",
            "-9.9999999999999999999",
            "-1e-300",
            "0",
            "1e-300",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9.9999999999999999999",
            "10",
            "10.000000000000000000000000000000000001",
            "1e38",
            "1e300",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                let (x, y) = (Decimal::parse(a), Decimal::parse(b));
                let (Some(x), Some(y)) = (x, y) else { panic!("{a} {b}") };
                assert_eq!(x.compare(y), i.cmp(&j), "{a} {b}");
            }
        }
    }
}
