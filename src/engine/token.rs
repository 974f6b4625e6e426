//! Tokens: keyed pseudonyms, the same for the same value as long as one key holds.
//!
//! `t1.<domain>.<epoch>.<26 characters>`: the first 128 bits of HMAC-SHA-256 over `t1` ‖ 0x00 ‖ namespace ‖ 0x00 ‖
//! canonical text, in RFC 4648 base32, lower case, unpadded. A key is random, one per (domain, epoch): where a key is
//! gone, its tokens cannot be computed again. This module never makes, reads or stores keys. The trap: a keyed state is
//! as good as its key, so it is wiped like one and cannot be printed, compared or serialized.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::engine::action::Scalar;

/// Version and first part of the MAC input: another way of making tokens would be `t2`.
const VERSION: &[u8] = b"t1";

/// RFC 4648 §6, in lower case: case-insensitive stores and DNS-like names keep it intact.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Every token key that the process knows, and the key of event ids.
pub struct KeyRing {
    domains: BTreeMap<String, DomainKeys>,
    event_id: TokenKey,
}

impl KeyRing {
    /// A ring of these domains; `event_id` keys the ids of output records under at-least-once delivery.
    pub fn new(domains: BTreeMap<String, DomainKeys>, event_id: TokenKey) -> KeyRing {
        KeyRing { domains, event_id }
    }

    /// The keys of a domain.
    pub fn domain(&self, name: &str) -> Option<&DomainKeys> {
        self.domains.get(name)
    }

    /// Every domain's name and keys, by name.
    pub fn domains(&self) -> impl Iterator<Item = (&str, &DomainKeys)> {
        self.domains.iter().map(|(name, keys)| (name.as_str(), keys))
    }

    /// The key of event ids.
    pub fn event_id(&self) -> &TokenKey {
        &self.event_id
    }
}

/// The keys of one domain, one per epoch.
pub struct DomainKeys {
    rotate_seconds: Option<u64>,
    keys: BTreeMap<u64, TokenKey>,
}

impl DomainKeys {
    /// Keys by epoch. `rotate_seconds` is the length of an epoch; `None` or 0: one key, that of epoch 0, until changed.
    pub fn new(rotate_seconds: Option<u64>, keys: BTreeMap<u64, TokenKey>) -> DomainKeys {
        DomainKeys { rotate_seconds: rotate_seconds.filter(|seconds| *seconds > 0), keys }
    }

    /// The length of an epoch in seconds; `None`: keys do not rotate.
    pub fn rotate_seconds(&self) -> Option<u64> {
        self.rotate_seconds
    }

    /// The epoch of a time in milliseconds since 1970-01-01 UTC: ⌊unix seconds / period⌋, 0 where keys do not rotate,
    /// and 0 for times before 1970.
    pub fn epoch_at(&self, unix_ms: i64) -> u64 {
        match self.rotate_seconds {
            Some(period) => {
                u64::try_from(unix_ms.div_euclid(1000)).unwrap_or(0).checked_div(period).unwrap_or_default()
            }
            None => 0,
        }
    }

    /// The key of an epoch, if it is known.
    pub fn key(&self, epoch: u64) -> Option<&TokenKey> {
        self.keys.get(&epoch)
    }

    /// The epochs that have a key, ascending.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.keys.keys().copied()
    }
}

/// HMAC-SHA-256 keyed once; a token clones the state instead of hashing the key again.
///
/// The state is wiped when it is dropped (the `zeroize` features of `hmac` and `sha2`).
pub struct TokenKey {
    state: Hmac<Sha256>,
}

// Does not compile without the `zeroize` features. An `Hmac` is two cores of its hash and a buffer, each of which wipes
// itself exactly if the hash says so of itself.
const _: fn() = || {
    fn wiped_when_dropped<T: ZeroizeOnDrop>() {}
    wiped_when_dropped::<Sha256>();
};

impl TokenKey {
    /// Takes a 256-bit secret and wipes what it was handed.
    pub fn new(mut secret: [u8; 32]) -> TokenKey {
        // HMAC pads keys shorter than a block with zeros (RFC 2104 §2); done here, keying cannot fail.
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(&secret) {
            *to = *from;
        }
        secret.zeroize();
        let state = Hmac::new(&block.into());
        block.zeroize();
        TokenKey { state }
    }

    /// The whole HMAC-SHA-256 of the parts, as if they were one text.
    pub fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        let mut state = self.state.clone();
        for part in parts {
            state.update(part);
        }
        state.finalize().into_bytes().into()
    }

    /// Appends `t1.<domain>.<epoch>.<base32>`, without quotes; it needs none in JSON as domains are `[a-z0-9-]`.
    /// Nothing is allocated beyond what `out` may grow.
    pub fn write_token(&self, domain: &str, epoch: u64, namespace: &str, canonical: &str, out: &mut Vec<u8>) {
        // Most tokens have no namespace, and each part that is hashed apart costs a visit of the hash's buffer.
        let mac = match namespace {
            "" => self.mac([b"t1\0\0".as_slice(), canonical.as_bytes()]),
            _ => self.mac([VERSION, b"\0", namespace.as_bytes(), b"\0", canonical.as_bytes()]),
        };
        out.reserve(VERSION.len() + domain.len() + 64);
        out.extend_from_slice(VERSION);
        out.push(b'.');
        out.extend_from_slice(domain.as_bytes());
        out.push(b'.');
        write_decimal(epoch, out);
        out.push(b'.');
        out.extend_from_slice(&base32(first_bits(&mac)));
    }
}

/// What a value is in the eyes of tokens and of consent look-ups.
pub enum Canonical<'a> {
    /// `null` stays null.
    Null,
    /// The text that is hashed.
    Text(&'a str),
    /// Nothing that identifies anyone: booleans, empty strings, numbers that are not plain integers.
    Unfit,
}

/// The canonical form: strings as they are; integers by their decimal text, so that 42 and "42" agree; -0 is 0.
pub fn canonical(value: Scalar<'_>) -> Canonical<'_> {
    match value {
        Scalar::Null => Canonical::Null,
        Scalar::Bool(_) | Scalar::String("") => Canonical::Unfit,
        Scalar::String(text) => Canonical::Text(text),
        Scalar::Number("-0") => Canonical::Text("0"),
        Scalar::Number(spelled) => {
            let digits = spelled.strip_prefix('-').unwrap_or(spelled);
            // `1e3` and `1000.0` may be the integer 1000, but not every producer means it so: dropped rather than guessed.
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                Canonical::Text(spelled)
            } else {
                Canonical::Unfit
            }
        }
    }
}

/// Appends a number in decimal.
fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        // A remainder of ten fits a byte.
        out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// What a token carries of its MAC: the first 128 bits, which no two of 2^40 values share with a chance above 2^-48.
fn first_bits(mac: &[u8; 32]) -> u128 {
    mac.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// RFC 4648 base32, lower case, unpadded, of 128 bits: 26 characters, the last of which carries 3 bits.
fn base32(bits: u128) -> [u8; 26] {
    std::array::from_fn(|i| {
        let value = match i {
            25 => bits << 2,
            _ => bits >> (123 - 5 * i),
        };
        BASE32.get((value & 31) as usize).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: u8, domain: &str, epoch: u64, namespace: &str, value: &str) -> String {
        let mut out = Vec::new();
        TokenKey::new([key; 32]).write_token(domain, epoch, namespace, value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Computed with Python's `hmac`, `hashlib` and `base64` from the definition in the module's first lines.
    #[test]
    fn golden_tokens() {
        for (key, domain, epoch, namespace, value, want) in [
            (0x00, "web", 0, "", "u-48213", "t1.web.0.5f54eely2kelg2bfzgftlghea4"),
            (0x00, "web", 0, "order", "u-48213", "t1.web.0.cmpd4ilucuuhzblicsw26kipiq"),
            (0x01, "web", 0, "", "u-48213", "t1.web.0.p6rlugmhtin7abpysotk5e5qz4"),
            (0x2a, "ads-eu", 689, "", "42", "t1.ads-eu.689.2pgf3ptkaesm4kak5rpe67qswy"),
            (0xff, "a", u64::MAX, "", "Zoë \u{1F600}", "t1.a.18446744073709551615.tnfbazf6iseons6wsdyx33vfka"),
        ] {
            assert_eq!(token(key, domain, epoch, namespace, value), want);
        }
    }

    #[test]
    fn neither_domain_nor_epoch_is_in_the_mac_because_each_has_a_key_of_its_own() {
        let (a, b) = (token(7, "a", 1, "", "x"), token(7, "b", 2, "", "x"));
        assert_eq!(a.rsplit('.').next(), b.rsplit('.').next());
    }

    #[test]
    fn namespaces_cannot_run_into_values() {
        assert_ne!(token(7, "a", 0, "ab", "c"), token(7, "a", 0, "a", "bc"));
        assert_ne!(token(7, "a", 0, "", "a"), token(7, "a", 0, "a", ""));
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        // Computed with Python's `base64.b32encode`.
        for (bytes, want) in [
            (*b"foobarfoobarfoob", "mzxw6ytbojtg633cmfzgm33pmi"),
            ([0; 16], "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ([255; 16], "77777777777777777777777774"),
            ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "aaaqeayeaudaocajbifqydiob4"),
        ] {
            assert_eq!(std::str::from_utf8(&base32(u128::from_be_bytes(bytes))).unwrap(), want);
        }
    }

    #[test]
    fn decimals_are_written_whole() {
        for number in [0, 1, 9, 10, 689, 1_000_000, u64::MAX] {
            let mut out = b"x".to_vec();
            write_decimal(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{number}"));
        }
    }

    fn text(value: Scalar<'_>) -> Option<&str> {
        match canonical(value) {
            Canonical::Text(text) => Some(text),
            Canonical::Null | Canonical::Unfit => None,
        }
    }

    #[test]
    fn integers_and_their_text_agree() {
        assert_eq!(text(Scalar::Number("42")), text(Scalar::String("42")));
        assert_eq!(text(Scalar::Number("-0")), Some("0"));
        assert_eq!(text(Scalar::Number("-7")), Some("-7"));
        assert_eq!(text(Scalar::Number("123456789012345678901234567890")), Some("123456789012345678901234567890"));
        assert_eq!(text(Scalar::String(" 42")), Some(" 42"));
    }

    #[test]
    fn what_identifies_nobody_is_unfit_and_null_is_null() {
        for spelled in ["1.0", "1e3", "1E3", "-0.0", "0.5", "-", ""] {
            assert!(matches!(canonical(Scalar::Number(spelled)), Canonical::Unfit), "{spelled}");
        }
        for value in [Scalar::Bool(true), Scalar::Bool(false), Scalar::String("")] {
            assert!(matches!(canonical(value), Canonical::Unfit));
        }
        assert!(matches!(canonical(Scalar::Null), Canonical::Null));
    }

    #[test]
    fn epochs_start_at_1970_and_never_go_below() {
        let monthly = DomainKeys::new(Some(30 * 86_400), BTreeMap::new());
        assert_eq!(monthly.epoch_at(0), 0);
        assert_eq!(monthly.epoch_at(30 * 86_400_000 - 1), 0);
        assert_eq!(monthly.epoch_at(30 * 86_400_000), 1);
        assert_eq!(monthly.epoch_at(1_795_499_657_238), 692);
        for before in [-1, -86_400_000, i64::MIN] {
            assert_eq!(monthly.epoch_at(before), 0);
        }
        for still in [None, Some(0)] {
            assert_eq!(DomainKeys::new(still, BTreeMap::new()).epoch_at(i64::MAX), 0);
        }
        assert_eq!(DomainKeys::new(Some(1), BTreeMap::new()).epoch_at(i64::MAX), 9_223_372_036_854_775);
    }
}
