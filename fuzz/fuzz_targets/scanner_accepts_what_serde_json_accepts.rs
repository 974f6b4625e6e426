//! The scanner and serde_json agree on what is JSON, and the scanner's spans lie where it says.
//!
//! Compared with `IgnoredAny`, which checks the grammar alone. Known differences, all on purpose: nesting beyond our
//! limit is refused by us only; serde_json's `Value` also refuses lone surrogates and numbers beyond `f64`, which the
//! grammar allows and which we copy or drop, but never interpret.
#![no_main]

use serde::de::IgnoredAny;
use tamis::engine::json::scan::{Container, ScalarKind, Span, Visitor, scan};
use tamis::engine::outcome::QuarantineReason;

const DEPTH: usize = 64;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut spans = Spans { text, at: 0, open: Vec::new(), deepest: 0 };
    let ours = scan(text, DEPTH, &mut Vec::new(), &mut spans);
    let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match ours {
        Ok(()) => {
            assert!(theirs, "accepted what serde_json refuses");
            assert!(spans.open.is_empty() && spans.deepest <= DEPTH);
        }
        Err(QuarantineReason::TooDeep) => assert_eq!(spans.open.len(), DEPTH),
        Err(reason) => {
            assert_eq!(reason, QuarantineReason::InvalidJson);
            assert!(!theirs, "refused what serde_json accepts");
        }
    }
});

/// Checks every span as it comes.
struct Spans<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Container>,
    deepest: usize,
}

impl<'a> Spans<'a> {
    fn at(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn forward(&mut self, start: usize, end: usize) {
        assert!(self.at <= start && start <= end && end <= self.text.len(), "spans are in order and inside");
        self.at = end;
    }
}

impl Visitor for Spans<'_> {
    fn key(&mut self, inner: Span, escaped: bool) {
        self.forward(inner.start as usize, inner.end as usize);
        assert_eq!(self.open.last(), Some(&Container::Object));
        assert_eq!(escaped, self.at(inner).contains('\\'));
        assert_eq!(self.text.as_bytes()[inner.start as usize - 1], b'"');
    }

    fn scalar(&mut self, kind: ScalarKind, span: Span) -> Result<(), QuarantineReason> {
        self.forward(span.start as usize, span.end as usize);
        let text = self.at(span);
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "a scalar's span is one JSON text");
        let fits = match kind {
            ScalarKind::Null => text == "null",
            ScalarKind::Bool => text == "true" || text == "false",
            ScalarKind::Number => text.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            ScalarKind::Plain => text.starts_with('"') && !text.contains('\\'),
            ScalarKind::Escaped => text.starts_with('"') && text.contains('\\'),
        };
        assert!(fits, "the kind is that of the text");
        Ok(())
    }

    fn open(&mut self, container: Container, at: usize) -> Result<(), QuarantineReason> {
        self.forward(at, at + 1);
        assert_eq!(self.text.as_bytes()[at], if container == Container::Object { b'{' } else { b'[' });
        self.open.push(container);
        self.deepest = self.deepest.max(self.open.len());
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<(), QuarantineReason> {
        self.forward(at, at + 1);
        let container = self.open.pop().expect("closed what was opened");
        assert_eq!(self.text.as_bytes()[at], if container == Container::Object { b'}' } else { b']' });
        Ok(())
    }

    fn comma(&mut self, at: usize) {
        self.forward(at, at + 1);
        assert_eq!(self.text.as_bytes()[at], b',');
    }
}
