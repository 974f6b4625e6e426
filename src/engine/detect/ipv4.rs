//! IPv4 addresses: four numbers up to 255 with dots, and nothing more.
//!
//! Private and reserved addresses are found too: which network someone sits in is not told by the number alone. Anchored at
//! dots; a run of digits and dots is judged whole and consumed whole. The trap is versions, section numbers and object
//! identifiers: longer runs are none, and words around four parts decide (see [`super::context`]).

use super::context::{self, ends_word, starts_word};
use super::{Hit, Kind, Signs};

/// `11.0.14.12-beta` is a version, `203.0.113.7-static` a host.
const VERSION_ENDS: &[&str] =
    &["-rc", "-beta", "-alpha", "-snapshot", "-dev", "-pre", "-preview", "-hotfix", "-release", "-nightly"];

pub(super) fn may(signs: &Signs) -> bool {
    signs.dots >= 3 && signs.digits >= 4
}

pub(super) fn find(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let is_part = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let mut free = 0;
    while let Some(dot) = bytes.get(free..).and_then(|rest| memchr::memchr(b'.', rest)).map(|at| at + free) {
        let before = bytes.get(free..dot).map_or(0, |run| run.iter().rev().take_while(|b| b.is_ascii_digit()).count());
        let after = bytes.get(dot..).map_or(0, |run| run.iter().take_while(is_part).count());
        let (start, end) = (dot - before, dot + after);
        free = end;
        if let Some(hit) = address(text, start, end) {
            hits.push(hit);
        }
    }
}

/// The run is an address, but for dots that end a sentence.
fn address(text: &str, start: usize, run_end: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let run = text.get(start..run_end)?.trim_end_matches('.');
    let ellipsis = run.len() - run.trim_start_matches('.').len();
    let (start, end) = (start + ellipsis, start + run.len());
    // 15 is `255.255.255.255`.
    if (ellipsis == 1 && !follows_name(bytes, start))
        || !(7..=15).contains(&(end - start))
        || !starts_word(bytes, start)
        || !ends_word(bytes, end)
    {
        return None;
    }
    let mut parts = 0;
    let mut padded = 0;
    for part in text.get(start..end)?.split('.') {
        parts += 1;
        if part.len() > 3 || part.parse::<u8>().is_err() {
            return None;
        }
        padded += usize::from(part.len() > 1 && part.starts_with('0'));
    }
    // Leading zeros only where all are padded to three digits: `010.001.002.003`.
    if parts != 4 || (padded > 0 && end - start != 15) {
        return None;
    }
    let tail = bytes.get(run_end..)?;
    let ends_as_version =
        |word: &str| tail.get(..word.len()).is_some_and(|tail| tail.eq_ignore_ascii_case(word.as_bytes()));
    let version = context::is_version(text, start) || VERSION_ENDS.iter().copied().any(ends_as_version);
    (!version).then_some(Hit { kind: Kind::Ipv4, start, end })
}

/// `requests.203.0.113.7.count` is a metric's name; a dot that follows nothing begins an object identifier.
fn follows_name(bytes: &[u8], start: usize) -> bool {
    let before = start.checked_sub(2).and_then(|at| bytes.get(at));
    before.is_some_and(|byte| !byte.is_ascii_whitespace() && !b"\"'=:(,[".contains(byte))
}

/// Texts and what is found in them.
#[cfg(test)]
pub(super) const MATCHES: &[(&str, &str)] = &[
    ("203.0.113.9", "203.0.113.9"),
    ("[203.0.113.9] in logs", "203.0.113.9"),
    ("203.0.113.9:42695", "203.0.113.9"),
    ("from 203.0.113.9.", "203.0.113.9"),
    ("ip=203.0.113.9", "203.0.113.9"),
    ("X-Forwarded-For: 198.51.100.1, 10.0.0.1", "198.51.100.1"),
    ("https://shop.example/u/client_ip/203.0.113.9/edit", "203.0.113.9"),
    ("host/203.0.113.9", "203.0.113.9"),
    ("ratelimit/203.0.113.9", "203.0.113.9"),
    ("Client/203.0.113.9", "203.0.113.9"),
    ("203.0.113.0/24", "203.0.113.0"),
    ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.255"),
    ("010.001.002.003", "010.001.002.003"),
    ("a new version. 203.0.113.9 logged in", "203.0.113.9"),
    ("version 3, address 203.0.113.9", "203.0.113.9"),
    ("failed from 203.0.113.9 to 203.0.113.10", "203.0.113.9"),
    ("203.0.113.9-static", "203.0.113.9"),
    ("é203.0.113.9", "203.0.113.9"),
    ("4.113.0.203.in-addr.arpa", "4.113.0.203"),
    ("user.203.0.113.9", "203.0.113.9"),
    ("requests.203.0.113.9.count", "203.0.113.9"),
    ("Login/203.0.113.9", "203.0.113.9"),
    ("DHCP release 203.0.113.9", "203.0.113.9"),
    ("conversion 203.0.113.9", "203.0.113.9"),
    ("android: 203.0.113.9", "203.0.113.9"),
];

/// Texts in which nothing is found.
#[cfg(test)]
pub(super) const REFUSES: &[&str] = &[
    "256.1.1.1",
    "192.168.1",
    "10.0.one.2",
    "1.2.3.4.5",
    "1.3.6.1.4.1.5746.8",
    "v10.0.14.12",
    "version 11.0.14.12",
    "Chrome/116.0.0.0",
    "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36",
    "sdk/5.30.3.188",
    "Firmware 2.11.4.224",
    "chap. 10.20.30.40",
    "app_version: 9.23.8.85",
    "{\"app_version\": \"9.23.8.85\"}",
    "Upgrade from 7.28.16.200 to 8.20.23.29 failed",
    "?lang=fr&v=1.2.3.4",
    "11.0.14.12-beta",
    "1.02.3.4",
    "a203.0.113.9",
    "203.0.113.9a",
    ".203.0.113.9",
    "GA1.1.1706744568.1780648812",
    "10.20.30.966",
    "1..2.3.4",
    "0x7f.0.0.1",
    "$1.234.567.890",
];
