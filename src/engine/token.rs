//! Tokens: keyed pseudonyms, the same for the same value as long as one key holds.
//!
//! `t1.<domain>.<epoch>.<26 characters>`: the first 128 bits of HMAC-SHA-256 over `t1` ‖ 0x00 ‖ namespace ‖ 0x00 ‖
//! canonical text, in RFC 4648 §6 base32, unpadded, in lower case, so that case-insensitive stores keep it intact. A key
//! is random, one per (domain, epoch): where a key is gone, its tokens cannot be computed again. This module never makes,
//! reads or stores keys. The trap: a keyed state is as good as its key, so it is wiped like one and cannot be printed,
//! compared or serialized.

use std::collections::BTreeMap;

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::engine::action::Scalar;

/// Version and first part of the MAC input: another way of making tokens would be `t2`.
const VERSION: &[u8] = b"t1";

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

/// What SHA-256 starts from (FIPS 180-4 §5.3.3).
const START: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A state of SHA-256 between two blocks.
type State = [u32; 8];

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Where a block's length field begins.
const LENGTH_AT: usize = 56;

/// HMAC-SHA-256 (RFC 2104) keyed once: the states of the hash behind the inner and the outer key block, so that a short
/// text costs two compressions and nothing else.
///
/// The states are as good as the key, and wiped when they are dropped. A copy that a MAC starts from is overwritten by what
/// becomes of it.
#[derive(ZeroizeOnDrop)]
pub struct TokenKey {
    inner: State,
    outer: State,
}

impl TokenKey {
    /// Takes a 256-bit secret and wipes what it was handed.
    pub fn new(mut secret: [u8; 32]) -> TokenKey {
        let behind = |pad: u8| {
            let mut block = [pad; BLOCK];
            for (to, from) in block.iter_mut().zip(&secret) {
                *to ^= from;
            }
            let mut state = START;
            compress256(&mut state, std::slice::from_ref(&block));
            block.zeroize();
            state
        };
        let key = TokenKey { inner: behind(0x36), outer: behind(0x5c) };
        secret.zeroize();
        key
    }

    /// The whole HMAC-SHA-256 of the parts, as if they were one text.
    pub fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        bytes(self.states_of(parts))
    }

    #[inline]
    fn states_of<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> State {
        let mut inner = Message::behind(self.inner);
        for part in parts {
            inner.update(part);
        }
        let mut outer = Message::behind(self.outer);
        outer.update(&bytes(inner.finish()));
        outer.finish()
    }

    /// Appends `t1.<domain>.<epoch>.<base32>`, without quotes; it needs none in JSON as domains are `[a-z0-9-]`.
    /// Nothing is allocated beyond what `out` may grow.
    pub fn write_token(&self, domain: &str, epoch: u64, namespace: &str, canonical: &str, out: &mut Vec<u8>) {
        // Most tokens have no namespace, and each part that is hashed apart costs a copy of its own.
        let mac = match namespace {
            "" => self.states_of([b"t1\0\0".as_slice(), canonical.as_bytes()]),
            _ => self.states_of([VERSION, b"\0", namespace.as_bytes(), b"\0", canonical.as_bytes()]),
        };
        out.reserve(VERSION.len() + domain.len() + 64);
        out.extend_from_slice(VERSION);
        out.push(b'.');
        out.extend_from_slice(domain.as_bytes());
        out.push(b'.');
        write_decimal(epoch, out);
        out.push(b'.');
        out.extend_from_slice(&base32(first_bits(mac)));
    }
}

/// A text that is being hashed behind one block.
struct Message {
    state: State,
    block: [u8; BLOCK],
    /// Bytes of `block` that are filled: less than all of them. The others are zero.
    filled: usize,
    /// Bytes of the whole text so far, with the key block.
    length: u64,
}

impl Message {
    #[inline]
    fn behind(state: State) -> Message {
        Message { state, block: [0; BLOCK], filled: 0, length: BLOCK as u64 }
    }

    #[inline]
    fn update(&mut self, mut part: &[u8]) {
        self.length += part.len() as u64;
        while let Some(room) = self.block.get_mut(self.filled..)
            && let Some((now, later)) = part.split_at_checked(room.len())
        {
            room.copy_from_slice(now);
            compress256(&mut self.state, std::slice::from_ref(&self.block));
            self.block = [0; BLOCK];
            self.filled = 0;
            part = later;
        }
        if let Some(room) = self.block.get_mut(self.filled..self.filled + part.len()) {
            room.copy_from_slice(part);
            self.filled += part.len();
        }
    }

    /// Padding: a one bit, zeros, and the length in bits (FIPS 180-4 §5.1.1).
    #[inline]
    fn finish(mut self) -> State {
        let bits = (self.length * 8).to_be_bytes();
        if let Some(one) = self.block.get_mut(self.filled) {
            *one = 0x80;
        }
        if self.filled >= LENGTH_AT {
            compress256(&mut self.state, std::slice::from_ref(&self.block));
            self.block = [0; BLOCK];
        }
        if let Some(length) = self.block.last_chunk_mut() {
            *length = bits;
        }
        compress256(&mut self.state, std::slice::from_ref(&self.block));
        self.state
    }
}

/// A state as the bytes of a digest.
#[inline]
fn bytes(state: State) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    out
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
fn first_bits(mac: State) -> u128 {
    let [a, b, c, d, ..] = mac;
    [a, b, c, d].into_iter().fold(0, |bits, word| bits << 32 | u128::from(word))
}

/// RFC 4648 base32, lower case, unpadded, of 128 bits: 26 characters, the last of which carries 3 bits.
#[inline]
fn base32(bits: u128) -> [u8; 26] {
    let mut out = [0; 26];
    let (whole, last) = out.as_chunks_mut::<8>();
    for (to, shift) in whole.iter_mut().zip([88, 48, 8]) {
        *to = eight_letters((bits >> shift) as u64);
    }
    let [first, second, ..] = eight_letters((bits as u64 & 0xff) << 32);
    last.copy_from_slice(&[first, second]);
    out
}

/// The low 40 bits as eight letters, all at once: five bits a byte, then what is behind the letters becomes a digit.
#[inline]
fn eight_letters(bits: u64) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let halves = (bits & 0xf_ffff) | (bits >> 20 & 0xf_ffff) << 32;
    let tens = (halves & 0x3ff_0000_03ff) | (halves & 0xf_fc00_000f_fc00) << 6;
    let fives = (tens & 0x1f_001f_001f_001f) | (tens & 0x03e0_03e0_03e0_03e0) << 3;
    let digits = (fives + ONES * (128 - 26)) >> 7 & ONES;
    (fives + ONES * u64::from(b'a') - digits * u64::from(b'a' + 26 - b'2')).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: u8, domain: &str, epoch: u64, namespace: &str, value: &str) -> String {
        let mut out = Vec::new();
        TokenKey::new([key; 32]).write_token(domain, epoch, namespace, value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Lengths around every place where padding changes, cut in two anywhere.
    #[test]
    fn macs_are_those_of_the_hmac_crate() {
        use hmac::{Hmac, KeyInit, Mac};
        let text: Vec<u8> = (0..300_u16).map(|i| (i * 7 % 251) as u8).collect();
        let key = TokenKey::new([0x5a; 32]);
        for length in 0..text.len() {
            let text = &text[..length];
            let mut theirs: Hmac<sha2::Sha256> = Hmac::new_from_slice(&[0x5a; 32]).unwrap();
            theirs.update(text);
            let (front, back) = text.split_at(length * 2 / 3);
            assert_eq!(key.mac([front, back]), <[u8; 32]>::from(theirs.finalize().into_bytes()), "{length}");
        }
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
