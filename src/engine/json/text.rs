//! JSON strings: writing them, and reading what they say.

use super::scan::Span;

/// Appends `text` as a JSON string, with its quotes; escapes only what RFC 8259 §7 says must be.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let hex = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// How faithful an unescaped text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// The text is what the string says.
    Exact,
    /// The string has a lone surrogate, which no text can hold; U+FFFD stands for it. Such a string may be kept or
    /// dropped, but not replaced by something computed from it: two different strings could then agree.
    Lossy,
}

/// Appends to `out` what the inside of a JSON string (without quotes, grammar already checked) says.
pub fn unescape(raw: &str, out: &mut String) -> Fidelity {
    unescape_mapped(raw, out, |_, _| ())
}

/// As [`unescape`]; for each escape also tells `map` how far `out` was filled (since this call) and which raw bytes the
/// escape took.
pub fn unescape_mapped(raw: &str, out: &mut String, mut map: impl FnMut(usize, Span)) -> Fidelity {
    let base = out.len();
    let mut fidelity = Fidelity::Exact;
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let start = raw.len() - escape.len() - 1;
        let filled = out.len() - base;
        let mut chars = escape.chars();
        match chars.next() {
            Some('u') => {
                let (c, used) = unicode(escape);
                fidelity = if c.is_none() { Fidelity::Lossy } else { fidelity };
                out.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = escape.get(used..).unwrap_or("");
            }
            c => {
                out.push(match c {
                    Some('b') => '\u{8}',
                    Some('f') => '\u{c}',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => char::REPLACEMENT_CHARACTER,
                });
                rest = chars.as_str();
            }
        }
        map(filled, Span::new(start, raw.len() - rest.len()));
    }
    out.push_str(rest);
    fidelity
}

/// Reads `uXXXX`, with its low surrogate when it is a pair: the character (none for a lone surrogate) and the bytes used.
fn unicode(escape: &str) -> (Option<char>, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(1) else { return (None, escape.len()) };
    if (0xd800..0xdc00).contains(&first)
        && escape.get(5..7) == Some("\\u")
        && let Some(second @ 0xdc00..0xe000) = unit(7)
    {
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code), 11);
    }
    (char::from_u32(first), 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unescaping_reads_every_escape_of_the_standard() {
        let mut out = String::new();
        let fidelity = unescape(r#"a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00z"#, &mut out);
        assert_eq!((out.as_str(), fidelity), ("a\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{1f600}z", Fidelity::Exact));
    }

    #[test]
    fn a_lone_surrogate_is_lossy() {
        for raw in [r"\ud800", r"\udc00", r"\ud800\u0041", r"\ud800x"] {
            assert_eq!(unescape(raw, &mut String::new()), Fidelity::Lossy, "{raw}");
        }
    }

    #[test]
    fn writing_then_reading_gives_the_text_back() {
        let text = "q\" b\\ n\n t\t \u{1} \u{7f} é 😀";
        let mut json = Vec::new();
        write_string(text, &mut json);
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    }

    #[test]
    fn the_map_tells_where_each_escape_was() {
        let mut spans = Vec::new();
        unescape_mapped(r"ab\u0040c\n", &mut String::new(), |at, span| spans.push((at, span.start, span.end)));
        assert_eq!(spans, [(2, 2, 8), (4, 9, 11)]);
    }
}
