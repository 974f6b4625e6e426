//! A value that must not leave, and where to look for it.

use std::fmt::Write;

/// The canary: made up, and nowhere else.
pub const CANARY: &str = "zoe.qanary";

/// The canary as it is, and in the encodings in which one might overlook it.
pub fn found_in(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let hex = CANARY.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let escaped = CANARY.replace('.', "%2e");
    let bytes = format!("{:?}", CANARY.as_bytes()).trim_matches(['[', ']']).to_owned();
    // What is the same wherever it begins within three bytes: without the first and last letters.
    let base64 = (0..3).map(|shift| {
        let coded = base64(&[&b"   "[..shift], CANARY.as_bytes()].concat());
        coded[4..coded.len() - 4].to_lowercase()
    });
    let forms: Vec<String> =
        [CANARY.to_owned(), "qanary".to_owned(), hex, escaped, bytes].into_iter().chain(base64).collect();
    let at = forms.iter().find_map(|form| lower.find(form.as_str()))?;
    let start = (0..=at.saturating_sub(200)).rev().find(|at| lower.is_char_boundary(*at))?;
    Some(lower[start..].chars().take(400).collect())
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        out.extend((0..=chunk.len()).map(|at| char::from(LETTERS[(word >> (18 - 6 * at) & 63) as usize])));
    }
    out
}

/// Without the client library's lines.
pub fn quiet(log: &str) -> String {
    log.lines().filter(|line| !line.contains(" DEBUG ") && !line.contains(" TRACE ")).collect::<Vec<_>>().join("\n")
}
