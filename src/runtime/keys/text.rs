//! The text of a key file: YAML (or JSON, which YAML includes), read with every problem at once.
//!
//! Errors of the YAML reader quote what they read, which here is a key: only their place is passed on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Domain, KeyFile, Secret};

/// Longest period: ten years, as in policies.
const MAX_SECONDS: u64 = 3653 * 86_400;

const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Written {
    tamis_keys: String,
    event_id: String,
    #[serde(default)]
    index: Option<String>,
    #[serde(default)]
    #[zeroize(skip)]
    domains: BTreeMap<String, WrittenDomain>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct WrittenDomain {
    #[serde(default)]
    rotate: Option<String>,
    #[zeroize(skip)]
    keys: BTreeMap<String, WrittenKey>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct WrittenKey(String);

pub(super) fn read(text: &str) -> Result<KeyFile, Vec<String>> {
    let written: Written = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!(" at line {}, column {}", at.line(), at.column()));
        vec![format!(
            "not a key file{place}; its form is `tamis_keys: 1`, `event_id:`, `index:`, and `domains:` with `rotate:` and `keys:` by epoch"
        )]
    })?;
    let mut problems = Vec::new();
    if written.tamis_keys != "1" {
        problems.push("`tamis_keys` must be 1: this version knows no other form".to_owned());
    }
    let mut all: Vec<(Secret, String)> = Vec::new();
    let mut secret = |text: &str, what: String, problems: &mut Vec<String>| -> Option<Secret> {
        let key = decode(text);
        match &key {
            None => problems.push(format!("{what} is not 256 bits in base64 (44 characters)")),
            Some(key) => all.push((key.clone(), what)),
        }
        key
    };
    let event_id = secret(&written.event_id, "`event_id`".to_owned(), &mut problems);
    let index = written.index.as_deref().and_then(|text| secret(text, "`index`".to_owned(), &mut problems));
    let mut domains = BTreeMap::new();
    for (name, domain) in &written.domains {
        if !is_domain(name) {
            problems.push("a domain's name has 1 to 32 of the characters a-z, 0-9 and -".to_owned());
            continue;
        }
        let rotate_seconds = domain.rotate.as_deref().and_then(parse_period);
        if domain.rotate.is_some() && rotate_seconds.is_none() {
            problems.push(format!("`rotate` of domain `{name}` is not a period such as 30d"));
        }
        let mut keys = BTreeMap::new();
        for (epoch, key) in &domain.keys {
            let Some(epoch) = parse_epoch(epoch) else {
                problems.push(format!("domain `{name}` has an epoch that is not a whole number"));
                continue;
            };
            if domain.rotate.is_none() && epoch != 0 {
                problems.push(format!("domain `{name}` does not rotate, so it has epoch 0 alone, not {epoch}"));
            }
            if let Some(key) = secret(&key.0, format!("the key of domain `{name}`, epoch {epoch}"), &mut problems) {
                keys.insert(epoch, key);
            }
        }
        if domain.keys.is_empty() {
            problems.push(format!("domain `{name}` has no key"));
        }
        domains.insert(name.clone(), Domain { rotate_seconds, keys });
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    for pair in all.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
        {
            problems.push(format!(
                "{first} and {second} are the same; each purpose, domain and epoch needs a key of its own"
            ));
        }
    }
    match event_id {
        Some(event_id) if problems.is_empty() => Ok(KeyFile { event_id, index, domains }),
        _ => Err(problems),
    }
}

pub(super) fn write(file: &KeyFile) -> Zeroizing<String> {
    // Large enough that it never grows: growing would leave copies behind that nothing wipes.
    let keys: usize = file.domains.values().map(|domain| domain.keys.len() + 4).sum();
    let mut out = Zeroizing::new(String::with_capacity(1024 + 128 * keys));
    out.push_str("# Token keys of Tamis. Secret: whoever reads this can link tokens to people. docs/keys.md says how to keep it.\n");
    out.push_str("tamis_keys: 1\nevent_id: ");
    encode(&file.event_id, &mut out);
    if let Some(index) = &file.index {
        out.push_str("\nindex: ");
        encode(index, &mut out);
    }
    out.push_str("\ndomains:");
    if file.domains.is_empty() {
        out.push_str(" {}");
    }
    out.push('\n');
    for (name, domain) in &file.domains {
        // Quoted, so that a domain called `no` or `42` stays a text.
        let _ = writeln!(out, "  \"{name}\":");
        if let Some(seconds) = domain.rotate_seconds {
            let _ = writeln!(out, "    rotate: {}", period(seconds));
        }
        out.push_str("    keys:\n");
        for (epoch, secret) in &domain.keys {
            let _ = write!(out, "      {epoch}: ");
            encode(secret, &mut out);
            out.push('\n');
        }
    }
    out
}

pub(super) fn is_domain(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// `30d`, `12h`, `90m`, `10s` in seconds: the same grammar as in policies.
pub(super) fn parse_period(text: &str) -> Option<u64> {
    let (_, unit) = UNITS.iter().find(|(_, unit)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(*unit)?;
    if digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (length, _) = UNITS.iter().find(|(_, known)| known == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*length).filter(|seconds| *seconds <= MAX_SECONDS)
}

/// The shortest spelling of a period.
pub(super) fn period(seconds: u64) -> String {
    let fits = UNITS.iter().find(|(length, _)| seconds.is_multiple_of(*length));
    fits.map_or_else(String::new, |(length, unit)| format!("{}{unit}", seconds / length))
}

fn parse_epoch(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn decode(text: &str) -> Option<Secret> {
    let mut secret = Secret::new([0; 32]);
    // One byte more than a key, because the decoder asks for room by the length of the text.
    let mut bytes = Zeroizing::new([0; 33]);
    let length = STANDARD.decode_slice(text, bytes.as_mut_slice()).ok()?;
    if length != secret.len() {
        return None;
    }
    secret.copy_from_slice(bytes.get(..length)?);
    Some(secret)
}

fn encode(secret: &Secret, out: &mut String) {
    let mut text = Zeroizing::new([0; 44]);
    // 32 bytes are 44 characters of base64, which are ASCII.
    if let Ok(length) = STANDARD.encode_slice(secret.as_slice(), text.as_mut_slice()) {
        out.extend(text.iter().take(length).map(|byte| char::from(*byte)));
    }
}
