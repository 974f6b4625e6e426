//! Everything that a text says: decoded by what a reader might try, one inside the other.

use std::collections::BTreeSet;

use base64::Engine as _;

use super::json::{self, Kind, Node};

/// Layers that are peeled off.
const ROUNDS: usize = 4;

/// The text itself and what is inside it: JSON strings and keys unescaped, percent and form encoding, base64 and
/// base64url, each also inside the others.
pub fn everything(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    peel(text, ROUNDS, &mut found);
    found
}

/// Whether any reading of the text has the needle in it.
pub fn says(text: &[u8], needle: &str) -> bool {
    everything(text).iter().any(|reading| contains(reading, needle))
}

/// Whether the needle occurs in the bytes.
pub fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn peel(text: &[u8], rounds: usize, found: &mut BTreeSet<Vec<u8>>) {
    if rounds == 0 || !found.insert(text.to_vec()) {
        return;
    }
    peel(&percent(text, false), rounds - 1, found);
    peel(&percent(text, true), rounds - 1, found);
    let string = String::from_utf8_lossy(text);
    let runs = string.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_=".contains(c)));
    for run in runs.filter(|run| run.len() > 7) {
        let alphabet = run.trim_end_matches('=').replace('-', "+").replace('_', "/");
        if let Ok(bytes) = base64::engine::general_purpose::STANDARD_NO_PAD.decode(alphabet) {
            peel(&bytes, rounds - 1, found);
        }
    }
    if let Some(document) = json::parse(&string) {
        strings(&document.root, rounds, found);
    }
}

fn strings(node: &Node<'_>, rounds: usize, found: &mut BTreeSet<Vec<u8>>) {
    match &node.kind {
        Kind::String(text) => peel(text.text.as_bytes(), rounds - 1, found),
        Kind::Array(slots) | Kind::Object(slots) => {
            for slot in slots {
                slot.key.iter().for_each(|key| peel(key.text.as_bytes(), rounds - 1, found));
                strings(&slot.node, rounds, found);
            }
        }
        _ => {}
    }
}

/// Percent-decoding; what is no escape stays. In a form, `+` is a space.
pub fn percent(text: &[u8], form: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex
            .filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match value {
            Some(value) if byte == b'%' => {
                out.push(value);
                rest = &tail[2..];
            }
            _ => {
                out.push(if form && byte == b'+' { b' ' } else { byte });
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_under_every_layer() {
        let needle = "Kanarienvogel-7f3a91c2";
        let once = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(needle);
        for text in [
            needle.to_owned(),
            format!("{{\"a\":\"{}\"}}", needle.replace('K', "\\u004b")),
            format!("[\"{}\"]", needle.replace('a', "%2561")),
            format!("{{\"{once}\":1}}"),
            format!("[\"{{\\\"q\\\":\\\"{once}\\\"}}\"]"),
        ] {
            assert!(says(text.as_bytes(), needle), "{text}");
        }
    }
}
