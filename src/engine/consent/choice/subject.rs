//! Subjects as keyed pseudonyms: `sk1:` and 26 characters, the same for the same person as long as the index key holds.
//!
//! The first 128 bits of HMAC-SHA-256 under the index key over kind ‖ 0x1F ‖ canonical text, in RFC 4648 base32, lower
//! case, unpadded (26 characters spell 130 bits: the last two are not read, and written as zero). The canonical text is that
//! of tokens, so that 42 and "42" are one account. The trap: whoever holds the index key can try every e-mail address;
//! it is kept and wiped like a token key, and is none of them, so that no output can be joined with the consent topic.

use crate::engine::consent::SubjectKind;
use crate::engine::token::TokenKey;

/// RFC 4648 §6, in lower case, as tokens use it.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Version and first part of the text form.
const PREFIX: &str = "sk1:";

/// Characters behind the prefix.
const CHARACTERS: usize = 26;

/// Between the kind and the text: no kind has it.
const SEPARATOR: &[u8] = b"\x1f";

/// Who a choice or an event is about. No `Debug`, no `Display`: a pseudonym is personal data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey([u8; 16]);

impl SubjectKey {
    /// From the bytes that [`SubjectKey::bytes`] gave.
    pub const fn from_bytes(bytes: [u8; 16]) -> SubjectKey {
        SubjectKey(bytes)
    }

    /// The 128 bits: for hash maps and snapshots.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the text form. The two bits beyond 128 are not looked at.
    pub fn parse(text: &str) -> Option<SubjectKey> {
        let characters = text.strip_prefix(PREFIX)?.as_bytes();
        if characters.len() != CHARACTERS {
            return None;
        }
        let (mut bits, mut last) = (0u128, 0u8);
        for (at, character) in characters.iter().enumerate() {
            let value = match character {
                b'a'..=b'z' => character - b'a',
                b'2'..=b'7' => character - b'2' + 26,
                _ => return None,
            };
            if at + 1 < CHARACTERS {
                bits = bits << 5 | u128::from(value);
            } else {
                last = value >> 2;
            }
        }
        Some(SubjectKey((bits << 3 | u128::from(last)).to_be_bytes()))
    }

    /// Appends the text form: for the consent topic, and nothing else.
    pub fn write(&self, out: &mut Vec<u8>) {
        let bits = u128::from_be_bytes(self.0);
        out.extend_from_slice(PREFIX.as_bytes());
        let whole = (0..CHARACTERS - 1).map(|at| (bits >> (123 - 5 * at)) as u8 & 31);
        for value in whole.chain([(bits as u8 & 7) << 2]) {
            out.extend(BASE32.get(usize::from(value)));
        }
    }
}

/// The key of subject keys: wiped when it is dropped, and without `Debug`.
pub struct IndexKey(TokenKey);

impl IndexKey {
    /// Takes a 256-bit secret and wipes what it was handed.
    pub fn new(secret: [u8; 32]) -> IndexKey {
        IndexKey(TokenKey::new(secret))
    }

    /// The key of a subject: `canonical` is what [`canonical`](crate::engine::token::canonical) gives for its value.
    pub fn subject(&self, kind: SubjectKind, canonical: &str) -> SubjectKey {
        let mac = self.0.mac([kind.as_str().as_bytes(), SEPARATOR, canonical.as_bytes()]);
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(mac) {
            *to = from;
        }
        SubjectKey(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: SubjectKey) -> String {
        let mut out = Vec::new();
        key.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Computed with Python's `hmac`, `hashlib` and `base64` from the definition in the module's first lines.
    #[test]
    fn golden_subject_keys() {
        for (key, kind, value, want) in [
            (0x00, SubjectKind::Account, "u-48213", "sk1:7hjikomad76akfji6tftadqh3m"),
            (0x00, SubjectKind::Device, "u-48213", "sk1:tqmuvoigcmfxh473nr4l25maeq"),
            (0x2a, SubjectKind::Account, "42", "sk1:v5zizih3t6xm3azigt7zkpjnya"),
            (0xff, SubjectKind::Email, "zo\u{eb}@example.com", "sk1:d6aeeke27zrzqoak3n2g6kpxoa"),
        ] {
            assert_eq!(text(IndexKey::new([key; 32]).subject(kind, value)), want);
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for bytes in [[0; 16], [0xff; 16], *b"0123456789abcdef", [0x80; 16], [1; 16]] {
            let key = SubjectKey::from_bytes(bytes);
            let spelled = text(key);
            assert_eq!(spelled.len(), 30);
            assert!(SubjectKey::parse(&spelled) == Some(key), "{spelled}");
        }
    }

    /// `base32(HMAC)[..26]` has the first two bits of byte 17 in its last character.
    #[test]
    fn the_two_bits_beyond_are_not_read() {
        let plain = SubjectKey::parse("sk1:aaaaaaaaaaaaaaaaaaaaaaaaae");
        for last in ["f", "g", "h"] {
            assert!(SubjectKey::parse(&format!("sk1:aaaaaaaaaaaaaaaaaaaaaaaaa{last}")) == plain, "{last}");
        }
        assert!(SubjectKey::parse("sk1:aaaaaaaaaaaaaaaaaaaaaaaaai") != plain);
    }

    #[test]
    fn near_misses_are_no_subject_keys() {
        let good = "sk1:aaaaaaaaaaaaaaaaaaaaaaaaaa";
        assert!(SubjectKey::parse(good).is_some());
        for bad in [
            "",
            "sk1:",
            "sk2:aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sk1:aaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(SubjectKey::parse(bad).is_none(), "{bad}");
        }
        for letter in ["A", "0", "1", "8", "=", " ", "\u{e9}"] {
            assert!(SubjectKey::parse(&format!("sk1:{letter}{}", "a".repeat(25))).is_none(), "{letter}");
        }
        assert!(SubjectKey::parse(&format!("{good}a")).is_none());
    }

    #[test]
    fn kinds_keep_subjects_apart() {
        let key = IndexKey::new([7; 32]);
        assert!(key.subject(SubjectKind::Account, "x") != key.subject(SubjectKind::Device, "x"));
        assert!(key.subject(SubjectKind::Account, "x") == key.subject(SubjectKind::Account, "x"));
    }
}
