//! Writes fields of consent strings, for tests: obvious, from the specifications, and sharing nothing with the readers.
//!
//! Bits are text of `0` and `1` here. Slow, and easy to check by eye.

#![allow(dead_code, unreachable_pub, missing_docs)]

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A number as so many bits.
pub fn number(value: u64, width: usize) -> String {
    let bits = format!("{value:0width$b}");
    assert_eq!(bits.len(), width, "{value} does not fit {width} bits");
    bits
}

/// A bit for each id from 1 to `width`.
pub fn bitfield<T: Into<u64> + Copy>(ids: impl IntoIterator<Item = T>, width: usize) -> String {
    let mut bits = vec![b'0'; width];
    for id in ids {
        bits[id.into() as usize - 1] = b'1';
    }
    String::from_utf8(bits).unwrap()
}

/// Two upper-case letters, six bits each.
pub fn letters(text: &str) -> String {
    text.bytes().map(|letter| number(u64::from(letter - b'A'), 6)).collect()
}

/// Base64url of bits that are first filled up with zeros to a multiple of `unit`, and then of six.
pub fn base64url(bits: &str, unit: usize) -> String {
    let mut bits = bits.to_owned();
    while !bits.len().is_multiple_of(unit) {
        bits.push('0');
    }
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let six = |at: usize| usize::from_str_radix(&bits[at..at + 6], 2).unwrap();
    (0..bits.len()).step_by(6).map(|at| char::from(ALPHABET[six(at)])).collect()
}
