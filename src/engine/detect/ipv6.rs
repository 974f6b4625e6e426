//! IPv6 addresses in the text forms of RFC 4291 §2.2, IPv4-mapped ones included.
//!
//! Anchored at colons: a run of hex digits, colons and dots is judged whole and consumed whole, so that fingerprints, MAC
//! addresses, times and hex dumps are none. The trap is prefixes that look like part of the address: in `node:2001:db8::1`
//! the run begins inside a word, and only what follows the word's colon counts.

use std::net::Ipv6Addr;

use super::context::{ends_word, starts_word};
use super::{Hit, Kind, Signs};

/// `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`
const MAX_LENGTH: usize = 45;

pub(super) fn may(signs: &Signs) -> bool {
    signs.colons >= 2
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut free = 0;
    while let Some(colon) = bytes.get(free..).and_then(|rest| memchr::memchr(b':', rest)).map(|at| at + free) {
        let before = bytes.get(free..colon).map_or(0, |run| run.iter().rev().take_while(|b| is_part(b)).count());
        let after = bytes.get(colon..).map_or(0, |run| run.iter().take_while(|b| is_part(b)).count());
        free = colon + after;
        if let Some(hit) = address(text, colon - before, free) {
            hits.push(hit);
        }
    }
}

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_hexdigit() || *byte == b':' || *byte == b'.'
}

fn address(text: &str, run_start: usize, run_end: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let mut run = text.get(run_start..run_end)?;
    if run.bytes().filter(|b| *b == b':').count() < 2 || !ends_word(bytes, run_end) {
        return None;
    }
    // The tail of a word before its colon, or a sentence's punctuation at either end.
    if !starts_word(bytes, run_start) {
        run = run.split_once(':')?.1;
    }
    if !run.starts_with("::") {
        run = run.trim_start_matches([':', '.']);
    }
    let start = run_end - run.len();
    run = run.trim_end_matches('.');
    if run.ends_with(':') && !run.ends_with("::") {
        run = run.strip_suffix(':')?;
    }
    judged(run, start).or_else(|| {
        // In `added:2001:db8::1` the word before the address is spelled in hex digits.
        let (word, rest) = run.split_once(':')?;
        let is_word = word.len() > 4 || (!word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic()));
        is_word.then(|| judged(rest, start + word.len() + 1)).flatten()
    })
}

fn judged(run: &str, start: usize) -> Option<Hit> {
    if run.len() > MAX_LENGTH || run.parse::<Ipv6Addr>().is_err() || looks_otherwise(run) {
        return None;
    }
    Some(Hit { kind: Kind::Ipv6, start, end: start + run.len() })
}

/// Valid by form, but something else in practice: paths of programming languages (`dead::beef`), and EUI-64 identifiers,
/// whose eight groups all have two digits.
fn looks_otherwise(run: &str) -> bool {
    let no_digit = !run.bytes().any(|b| b.is_ascii_digit());
    no_digit || run.split(':').all(|group| group.len() == 2)
}

/// Texts and what is found in them.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("2001:db8::1", "2001:db8::1"),
    ("2001:0DB8:a6fd:b9a8:3e89:236b:e59a:2add", "2001:0DB8:a6fd:b9a8:3e89:236b:e59a:2add"),
    ("[2001:db8:90a9::4311]:443", "2001:db8:90a9::4311"),
    ("ip=2001:db8::1.", "2001:db8::1"),
    ("2001:db8::1: connection refused", "2001:db8::1"),
    ("node:2001:db8::1", "2001:db8::1"),
    ("addr:2001:db8::1", "2001:db8::1"),
    ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
    ("fe80::1%eth0", "fe80::1"),
    ("(ip)=(2001:db8:1564:ddb::2d7d) already exists", "2001:db8:1564:ddb::2d7d"),
    ("https://shop.example/u/2001:db8:e13f:9892::e2a3/x", "2001:db8:e13f:9892::e2a3"),
    ("::1", "::1"),
    ("2001:db8::", "2001:db8::"),
    ("2001:db8::/32", "2001:db8::"),
    ("added:2001:db8::1", "2001:db8::1"),
    ("facade:2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
    ("face:2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "std::fmt::Display",
    "a::b",
    "::",
    "dead::beef",
    "ul.nav li[data-id=\"36366\"]::before",
    "12:30:45",
    "2026-01-23T13:12:06.469Z",
    "5F:E3:FE:B0:E7:95:F2:75:D8:E7:A4:05:D5:E0:24:47:EF:C4:AA:A0",
    "00:1b:63:84:45:e6",
    "00:1b:63:ff:fe:84:45:e6",
    "01:02:03:04:05:06:07:08",
    "203.0.113.9:443",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "2001:db8::1::2",
    "2001:db8::12345",
    "2001:db8::1g",
    "http://x:80/a:b",
    "10:20:30:40",
    "iglu:com.shop.web:1",
    "class a1::before",
];
