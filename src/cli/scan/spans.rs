//! `--spans`: one find a line, with the exact place that it has.
//!
//! For programs that find the place again: to mask it, or to score a detector. The path is a normalized path (RFC 9535
//! §2.7), so it holds keys as they came, also those that are people's data; what stands at the path is never printed.

use std::io::{self, Write};

use super::find::Find;
use super::walk::{Scalar, Sink};
use crate::engine::json::scan::Container;
use crate::engine::json::text::write_string;

/// Writes finds as lines of JSON. A place is how much of the path is filled.
pub(super) struct Spans<W> {
    out: W,
    line: u64,
    path: String,
    found: u64,
    buffer: Vec<u8>,
    failed: Option<io::Error>,
}

impl<W: Write> Spans<W> {
    pub(super) fn new(out: W) -> Spans<W> {
        Spans { out, line: 0, path: String::new(), found: 0, buffer: Vec::new(), failed: None }
    }

    /// What comes next is this line's, from 1.
    pub(super) fn at_line(&mut self, line: u64) {
        self.line = line;
    }

    /// How many were written so far, or why writing failed.
    pub(super) fn found(&mut self) -> io::Result<u64> {
        self.failed.take().map_or(Ok(self.found), Err)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write(&mut self, finds: &[Find]) {
        for find in finds {
            self.buffer.clear();
            self.buffer.extend_from_slice(format!("{{\"line\":{},\"path\":", self.line).as_bytes());
            write_string(&self.path, &mut self.buffer);
            let Find { kind, start, end, confidence } = find;
            let confidence = confidence.as_str();
            let rest =
                format!(",\"kind\":\"{kind}\",\"start\":{start},\"end\":{end},\"confidence\":\"{confidence}\"}}\n");
            self.buffer.extend_from_slice(rest.as_bytes());
            if self.failed.is_none() {
                self.failed = self.out.write_all(&self.buffer).err();
            }
            self.found += 1;
        }
    }
}

impl<W: Write> Sink for Spans<W> {
    type Place = usize;

    fn root(&mut self) -> usize {
        self.path.clear();
        self.path.push('$');
        1
    }

    fn member(&mut self, of: usize, key: &str, finds: &[Find]) -> usize {
        self.path.truncate(of);
        normalized(key, &mut self.path);
        self.write(finds);
        self.path.len()
    }

    fn element(&mut self, of: usize, index: usize) -> usize {
        self.path.truncate(of);
        self.path.push_str(&format!("[{index}]"));
        self.path.len()
    }

    fn scalar(&mut self, at: usize, _: Scalar<'_>, finds: &[Find]) {
        self.path.truncate(at);
        self.write(finds);
    }

    fn open(&mut self, _: usize, _: Container) {}
}

/// Appends a name selector in its normal form: RFC 9535 §2.7, `normal-name-selector`.
fn normalized(key: &str, path: &mut String) {
    path.push_str("['");
    for c in key.chars() {
        match c {
            '\'' | '\\' => path.extend(['\\', c]),
            '\u{8}' => path.push_str("\\b"),
            '\t' => path.push_str("\\t"),
            '\n' => path.push_str("\\n"),
            '\u{c}' => path.push_str("\\f"),
            '\r' => path.push_str("\\r"),
            c if c < ' ' => path.push_str(&format!("\\u{:04x}", c as u32)),
            c => path.push(c),
        }
    }
    path.push_str("']");
}

#[cfg(test)]
mod tests {
    use super::super::walk::Walker;
    use super::*;

    fn spans(event: &str) -> String {
        let mut out = Vec::new();
        let mut spans = Spans::new(&mut out);
        spans.at_line(7);
        Walker::new().walk(event.as_bytes(), &mut spans).unwrap();
        spans.found().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_find_is_told_by_its_normalized_path_in_code_points() {
        assert_eq!(
            spans(r#"{"it's":[1,{"n":"\u00e9 ada@example.com"}]}"#),
            "{\"line\":7,\"path\":\"$['it\\\\'s'][1]['n']\",\"kind\":\"email\",\"start\":2,\"end\":17,\"confidence\":\"high\"}\n"
        );
    }

    #[test]
    fn numbers_are_covered_whole_and_keys_are_told_at_their_member() {
        let found = spans(r#"{"card":4111111111111111,"who":{"ada@example.com":{"x":1}}}"#);
        let lines: Vec<&str> = found.lines().collect();
        assert!(lines[0].contains(r#""path":"$['card']","kind":"payment_card","start":0,"end":16"#), "{found}");
        assert!(
            lines[1].contains(r#""path":"$['who']['ada@example.com']","kind":"email","start":0,"end":15"#),
            "{found}"
        );
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn an_element_is_judged_by_the_key_of_its_array() {
        assert!(spans(r#"{"phones":[[33199004217]]}"#).contains("$['phones'][0][0]"));
        assert!(spans(r#"{"phone":{"value":33199004217}}"#).contains("$['phone']['value']"));
        assert_eq!(spans(r#"{"phone":{"count":33199004217}}"#), "");
    }
}
