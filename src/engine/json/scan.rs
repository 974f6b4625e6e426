//! One strict pass over the bytes of a JSON text (RFC 8259), without recursion and without building anything.
//!
//! The scanner knows the grammar and nothing else; a [`Visitor`] is told where keys, scalars and containers lie, by
//! byte offsets. It refuses what RFC 8259 refuses: a byte order mark, trailing bytes, NaN, comments, control
//! characters in strings; that the bytes are UTF-8 is in the type. Numbers are checked for form and never parsed. An escaped lone surrogate
//! (`\ud800`) is legal by the grammar and passes; [`super::text::unescape`] says what it becomes for the rules.

use crate::engine::outcome::QuarantineReason;

/// What kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
}

/// What kind of scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool,
    /// A number.
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
}

/// Where something lies: byte offsets, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of offsets that are known to fit: records are limited far below 4 GiB.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The text it covers.
    #[inline]
    pub fn text(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// Its bytes, which need no look at where characters begin.
    #[inline]
    pub fn bytes(self, text: &str) -> &[u8] {
        text.as_bytes().get(self.start as usize..self.end as usize).unwrap_or(&[])
    }

    /// Without the quotes of a string.
    pub fn inner(self) -> Span {
        Span { start: self.start + 1, end: self.end.saturating_sub(1).max(self.start + 1) }
    }
}

/// Told what the scan meets, in the order of the bytes. An error ends the scan.
pub trait Visitor {
    /// A member's key: the span inside its quotes.
    fn key(&mut self, inner: Span, escaped: bool);
    /// A scalar; strings with their quotes.
    fn scalar(&mut self, kind: ScalarKind, span: Span) -> Result<(), QuarantineReason>;
    /// An opening bracket.
    fn open(&mut self, container: Container, at: usize) -> Result<(), QuarantineReason>;
    /// The closing bracket of the innermost container.
    fn close(&mut self, at: usize) -> Result<(), QuarantineReason>;
    /// A comma of the innermost container.
    fn comma(&mut self, at: usize);
}

/// Scans one JSON text that fills `text` (white space around it allowed), nested at most `max_depth` containers deep.
///
/// `stack` is scratch that keeps its allocation between calls. Errors: `invalid_json`, `too_deep`, and whatever the
/// visitor returns.
pub fn scan<V: Visitor>(
    text: &str,
    max_depth: usize,
    stack: &mut Vec<Container>,
    visitor: &mut V,
) -> Result<(), QuarantineReason> {
    stack.clear();
    Scanner { bytes: text.as_bytes(), at: 0, max_depth, stack, visitor }.text()
}

struct Scanner<'a, V> {
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    stack: &'a mut Vec<Container>,
    visitor: &'a mut V,
}

const BAD: QuarantineReason = QuarantineReason::InvalidJson;

impl<V: Visitor> Scanner<'_, V> {
    fn text(mut self) -> Result<(), QuarantineReason> {
        self.space();
        // Each turn stands before a value; it ends before the next value, or at the end of the text.
        loop {
            match self.peek() {
                Some(b'{') => {
                    self.enter(Container::Object)?;
                    self.space();
                    if self.peek() == Some(b'}') {
                        self.leave()?;
                    } else {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter(Container::Array)?;
                    self.space();
                    if self.peek() == Some(b']') {
                        self.leave()?;
                    } else {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // A value is complete: close brackets until a comma asks for another.
            loop {
                self.space();
                let Some(&top) = self.stack.last() else {
                    return if self.at == self.bytes.len() { Ok(()) } else { Err(BAD) };
                };
                match (self.peek(), top) {
                    (Some(b','), _) => {
                        self.visitor.comma(self.at);
                        self.at += 1;
                        self.space();
                        if top == Container::Object {
                            self.key()?;
                        }
                        break;
                    }
                    (Some(b'}'), Container::Object) | (Some(b']'), Container::Array) => self.leave()?,
                    _ => return Err(BAD),
                }
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn enter(&mut self, container: Container) -> Result<(), QuarantineReason> {
        if self.stack.len() >= self.max_depth {
            return Err(QuarantineReason::TooDeep);
        }
        self.stack.push(container);
        self.visitor.open(container, self.at)?;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) -> Result<(), QuarantineReason> {
        self.stack.pop();
        self.visitor.close(self.at)?;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn key(&mut self) -> Result<(), QuarantineReason> {
        if self.peek() != Some(b'"') {
            return Err(BAD);
        }
        let start = self.at + 1;
        let escaped = self.string()?;
        self.visitor.key(Span::new(start, self.at - 1), escaped);
        self.space();
        if self.peek() != Some(b':') {
            return Err(BAD);
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    #[inline]
    fn scalar(&mut self) -> Result<(), QuarantineReason> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => {
                if self.string()? {
                    ScalarKind::Escaped
                } else {
                    ScalarKind::Plain
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                ScalarKind::Number
            }
            Some(b't') => self.word(b"true", ScalarKind::Bool)?,
            Some(b'f') => self.word(b"false", ScalarKind::Bool)?,
            Some(b'n') => self.word(b"null", ScalarKind::Null)?,
            _ => return Err(BAD),
        };
        self.visitor.scalar(kind, Span::new(start, self.at))
    }

    #[inline]
    fn word(&mut self, word: &[u8], kind: ScalarKind) -> Result<ScalarKind, QuarantineReason> {
        if self.bytes.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(kind)
        } else {
            Err(BAD)
        }
    }

    /// Stands on the opening quote; ends after the closing one. Says whether there was an escape.
    #[inline]
    fn string(&mut self) -> Result<bool, QuarantineReason> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at = plain_run(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(BAD),
            }
        }
    }

    fn escape(&mut self) -> Result<(), QuarantineReason> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let hex = self.bytes.get(self.at + 2..self.at + 6).ok_or(BAD)?;
                if !hex.iter().all(u8::is_ascii_hexdigit) {
                    return Err(BAD);
                }
                self.at += 6;
            }
            _ => return Err(BAD),
        }
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<(), QuarantineReason> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(BAD),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        // Eight at a time while there are: ids and times are long numbers.
        while let Some(chunk) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>())
            && are_digits(u64::from_le_bytes(*chunk))
        {
            self.at += 8;
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn some_digits(&mut self) -> Result<(), QuarantineReason> {
        let from = self.at;
        self.digits();
        if self.at > from { Ok(()) } else { Err(BAD) }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Whether all eight bytes are ASCII digits.
#[inline]
fn are_digits(word: u64) -> bool {
    // The high half of each byte is 3, also with 6 added: above 9 it would be 4.
    let threes = ONES * 0x30;
    (word & (ONES * 0xf0)) == threes && (word.wrapping_add(ONES * 6) & (ONES * 0xf0)) == threes
}

/// The first offset at or after `at` of a quote, a backslash or a control character, or the end: eight bytes a step.
#[inline]
pub(in crate::engine) fn plain_run(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        // The lowest set high bit marks the first byte that is zero (or, for `word`, below 0x20); higher bits may be
        // false alarms from a borrow, but never the lowest. Bytes that had their high bit before (it is the same in all
        // three words) are none.
        let below = quote.wrapping_sub(ONES) | slash.wrapping_sub(ONES) | word.wrapping_sub(ONES * 0x20);
        let hit = below & !word & HIGHS;
        if hit != 0 {
            return at + (hit.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(usize);

    impl Visitor for Count {
        fn key(&mut self, _: Span, _: bool) {}
        fn scalar(&mut self, _: ScalarKind, _: Span) -> Result<(), QuarantineReason> {
            self.0 += 1;
            Ok(())
        }
        fn open(&mut self, _: Container, _: usize) -> Result<(), QuarantineReason> {
            Ok(())
        }
        fn close(&mut self, _: usize) -> Result<(), QuarantineReason> {
            Ok(())
        }
        fn comma(&mut self, _: usize) {}
    }

    fn scalars(text: &str) -> Result<usize, QuarantineReason> {
        let mut count = Count(0);
        scan(text, 256, &mut Vec::new(), &mut count).map(|()| count.0)
    }

    #[test]
    fn what_rfc_8259_allows_is_read() {
        for (text, n) in [
            ("1", 1),
            (" [ ] ", 0),
            ("{\"a\":[1,-0.5e+3,{\"b\":null}],\"c\":\"\\u00e9\\n\"}\n", 4),
            ("\"a long string with an é and an escape \\\" far along\"", 1),
            ("[[[]],{}]", 0),
        ] {
            assert_eq!(scalars(text), Ok(n), "{text}");
        }
    }

    #[test]
    fn what_rfc_8259_forbids_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "NaN",
            "[1 2]",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "{\"a\" 1}",
            "{a:1}",
            "nul",
            "1 2",
            "[1}",
            "\u{feff}1",
            "// x\n1",
            "'a'",
            "\"abcdefgh\u{1}\"",
            "-",
            "1e",
        ] {
            assert_eq!(scalars(text), Err(BAD), "{text:?}");
        }
    }

    #[test]
    fn a_number_ends_behind_its_last_digit_whatever_its_length() {
        for length in 1..40 {
            let digits = "1234567890".repeat(4);
            let digits = &digits[..length];
            for (text, n) in [(format!("[{digits},1]"), 2), (format!("[{digits}.{digits}e{digits}]"), 1)] {
                assert_eq!(scalars(&text), Ok(n), "{text}");
            }
            for byte in ["/", ":", "x", "?", "\u{1}", "\u{b0}", "é"] {
                let text = format!("[{digits}{byte}12345678]");
                assert_eq!(scalars(&text), Err(BAD), "{text}");
            }
        }
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let deep = "[".repeat(100_000);
        assert_eq!(scalars(&deep), Err(QuarantineReason::TooDeep));
    }

    #[test]
    fn a_string_ends_at_its_quote_whatever_its_alignment() {
        for length in 0..40 {
            let text = format!("\"{}\"", "é".repeat(length));
            assert_eq!(scalars(&text), Ok(1));
            let broken = format!("\"{}\u{1f}\"", "x".repeat(length));
            assert_eq!(scalars(&broken), Err(BAD));
        }
    }
}
