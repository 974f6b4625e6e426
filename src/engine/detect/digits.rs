//! The digits of a whole number, however JSON spells it: `33612345678`, `-33612345678`, `33612345678.0`, `3.3612345678e10`.
//!
//! Serializers write identifiers as they see fit: as floats, in scientific notation, with a sign that nobody meant.

/// Most digits that anybody asks for: a payment card has 19.
const MAX: usize = 19;

/// Longer spellings are not looked at: 19 digits, sign, point, zeros of a fraction, exponent.
const MAX_SPELLING: usize = 48;

/// Digits of a number, first to last.
pub(super) struct Digits {
    bytes: [u8; MAX],
    length: usize,
}

impl Digits {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    fn push(&mut self, digit: u8) -> Option<()> {
        *self.bytes.get_mut(self.length)? = digit;
        self.length += 1;
        Some(())
    }
}

/// `None`: no number, no whole number, or one with more than 19 digits. A zero in front stays: texts have it.
pub(super) fn whole(spelling: &str) -> Option<Digits> {
    if spelling.len() > MAX_SPELLING || !spelling.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let unsigned = spelling.strip_prefix('-').unwrap_or(spelling);
    // Most are spelled in digits and nothing else.
    if (1..=MAX).contains(&unsigned.len()) && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let mut digits = Digits { bytes: [0; MAX], length: 0 };
        unsigned.bytes().try_for_each(|digit| digits.push(digit))?;
        return Some(digits);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        None => (unsigned, 0_i16),
        Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = Digits { bytes: [0; MAX], length: 0 };
    // How many digits stand before the point once the exponent has moved it.
    let whole = i16::try_from(before.len()).ok()? + exponent;
    for (at, byte) in (0_i16..).zip(before.bytes().chain(after.bytes())) {
        match byte {
            b'0'..=b'9' if at < whole => digits.push(byte)?,
            b'0' => {}
            _ => return None,
        }
    }
    let given = i16::try_from(before.len() + after.len()).ok()?;
    for _ in given..whole {
        digits.push(b'0')?;
    }
    (!before.is_empty() && digits.length > 0).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn one_number_has_many_spellings() {
        for spelling in [
            "33612345678",
            "-33612345678",
            "33612345678.0",
            "33612345678.000",
            "3.3612345678e10",
            "3.3612345678E+10",
            "336123456780e-1",
        ] {
            let digits = whole(spelling).map(|digits| digits.as_bytes().to_vec());
            assert_eq!(digits.as_deref(), Some(&b"33612345678"[..]), "{spelling}");
        }
        assert_eq!(whole("4e3").map(|digits| digits.as_bytes().to_vec()).as_deref(), Some(&b"4000"[..]));
        for none in [
            "",
            "-",
            "1.5",
            "12345678.9",
            "1e-3",
            "1e99999",
            "1e40",
            "12345678901234567890",
            "1 2",
            "x1",
            "1e",
            ".5",
            "33 6",
        ] {
            assert!(whole(none).is_none(), "{none}");
        }
    }
}
