//! Bits of consent strings: base64url text, and fields of odd widths in big-endian order.
//!
//! TCF and GPP strings are bit fields written as RFC 4648 §5 text, six bits a character, without `=`. The trap: the
//! characters of a segment need not fill whole bytes, so a byte buffer has up to seven bits that nobody wrote. A reader
//! made with [`Bits::within`] stops where the text did, and a cut field is an error instead of a zero.

/// Reads fields from bytes, first bit highest. Past the end everything is `None`, and the position stays.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Bits<'a> {
    /// Every bit of `bytes`.
    pub(in crate::engine) fn new(bytes: &'a [u8]) -> Bits<'a> {
        Bits { bytes, at: 0, end: bytes.len().saturating_mul(8) }
    }

    /// The first `bits` bits of `bytes`: for a text of `n` characters, `6 * n`.
    pub(in crate::engine) fn within(bytes: &'a [u8], bits: usize) -> Bits<'a> {
        Bits { bytes, at: 0, end: bits.min(bytes.len().saturating_mul(8)) }
    }

    /// The next `n` bits (at most 64) as a number.
    #[inline]
    pub(in crate::engine) fn take(&mut self, n: usize) -> Option<u64> {
        let value = self.peek(self.at, n)?;
        self.at += n;
        Some(value)
    }

    /// The next `n` bits (at most 64) without passing over them.
    #[inline]
    pub(in crate::engine) fn look(&self, n: usize) -> Option<u64> {
        self.peek(self.at, n)
    }

    /// The next bit.
    #[inline]
    pub(in crate::engine) fn flag(&mut self) -> Option<bool> {
        let value = self.bit(self.at)?;
        self.at += 1;
        Some(value)
    }

    /// Passes over `n` bits, which must be there.
    #[inline]
    pub(in crate::engine) fn skip(&mut self, n: usize) -> Option<()> {
        (n <= self.left()).then(|| self.at += n)
    }

    /// The bit at a position, wherever the reader is.
    #[inline]
    pub(in crate::engine) fn bit(&self, at: usize) -> Option<bool> {
        if at >= self.end {
            return None;
        }
        self.bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1 == 1)
    }

    /// How many bits were read.
    pub(in crate::engine) fn position(&self) -> usize {
        self.at
    }

    /// How many bits are left.
    pub(in crate::engine) fn left(&self) -> usize {
        self.end - self.at
    }

    /// A number in Fibonacci coding (GPP, "Fibonacci encoding to deal with integers"): a sum of 1, 2, 3, 5, 8 …, least
    /// first, ended by a second `1` in a row. At least 1; a number above 2^64 is `None`.
    #[allow(dead_code)] // only headers of GPP have such numbers
    pub(in crate::engine) fn fibonacci(&mut self) -> Option<u64> {
        let mut ahead = *self;
        let (mut weight, mut next) = (Some(1u64), Some(2u64));
        let (mut sum, mut last) = (0u64, false);
        loop {
            let bit = ahead.flag()?;
            if bit && last {
                *self = ahead;
                return Some(sum);
            }
            if bit {
                sum = sum.checked_add(weight?)?;
            }
            last = bit;
            (weight, next) = (next, weight.zip(next).and_then(|(a, b)| a.checked_add(b)));
        }
    }

    #[inline]
    fn peek(&self, at: usize, n: usize) -> Option<u64> {
        if n > 64 || n > self.end.saturating_sub(at) {
            return None;
        }
        if n == 0 {
            return Some(0);
        }
        let rest = self.bytes.get(at / 8..)?;
        let shift = at % 8;
        if let Some(eight) = rest.first_chunk::<8>()
            && shift + n <= 64
        {
            return Some(u64::from_be_bytes(*eight) << shift >> (64 - n));
        }
        // At most nine bytes hold the field.
        let held = (shift + n).div_ceil(8);
        let word = rest.iter().take(held).fold(0u128, |word, byte| word << 8 | u128::from(*byte));
        let unused = held * 8 - shift - n;
        Some((word >> unused & ((1u128 << n) - 1)) as u64)
    }
}

/// Six bits of each character, or [`BAD`].
const SEXTETS: [u8; 256] = sextets();

/// Not a character of base64url. No sextet has this bit.
const BAD: u8 = 0x80;

const fn sextets() -> [u8; 256] {
    let mut table = [BAD; 256];
    let mut value = 0u8;
    while value < 64 {
        let character = match value {
            0..=25 => b'A' + value,
            26..=51 => b'a' + value - 26,
            52..=61 => b'0' + value - 52,
            62 => b'-',
            _ => b'_',
        };
        // A constant, evaluated by the compiler: an index out of range would not compile.
        put(&mut table, character, value);
        value += 1;
    }
    table
}

const fn put(table: &mut [u8; 256], at: u8, value: u8) {
    let (_, rest) = table.split_at_mut(at as usize);
    if let [first, ..] = rest {
        *first = value;
    }
}

/// Six bits of a character, or a value with [`BAD`].
#[inline]
fn sextet(byte: u8) -> u8 {
    SEXTETS.get(usize::from(byte)).copied().unwrap_or(BAD)
}

/// Appends what a base64url text stands for (RFC 4648 §5). `=`, white space and the characters `+` and `/` of the other
/// alphabet are refused, and so is an empty text. Bits that fill no whole byte follow in one more byte, its low bits
/// zero: read with [`Bits::within`]. On `None`, `out` holds an unspecified part.
pub(in crate::engine) fn base64url(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    let (fours, rest) = bytes.as_chunks::<4>();
    let start = out.len();
    out.resize(start + fours.len() * 3, 0);
    let (threes, _) = out.get_mut(start..)?.as_chunks_mut::<3>();
    let mut bad = 0;
    for (four, three) in fours.iter().zip(threes) {
        let [a, b, c, d] = four.map(sextet);
        bad |= a | b | c | d;
        let word = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        let [_, x, y, z] = word.to_be_bytes();
        *three = [x, y, z];
    }
    let mut word = 0u32;
    for (byte, shift) in rest.iter().zip([18, 12, 6]) {
        let six = sextet(*byte);
        bad |= six;
        word |= u32::from(six) << shift;
    }
    let [_, x, y, z] = word.to_be_bytes();
    match rest.len() {
        0 => {}
        1 => out.push(x),
        2 => out.extend_from_slice(&[x, y]),
        _ => out.extend_from_slice(&[x, y, z]),
    }
    (bad & BAD == 0).then_some(())
}

#[cfg(test)]
#[path = "bits_tests.rs"]
mod tests;
