//! One JSON text from its first byte to its last: what stands where, and what is found there.
//!
//! The same scanner as the engine's, so that what is JSON there is JSON here. Where things stand is the [`Sink`]'s business: one
//! keeps generalized paths with counts, another the exact path of the moment. The key that a value is judged under is the
//! engine's choice too: that of its member, or of the array or `value` member that it is inside of.

use super::find::{Find, Finder};
use crate::engine::json::scan::{self, Container, ScalarKind, Span, Visitor};
use crate::engine::json::text;
use crate::engine::limits::Limits;
use crate::engine::outcome::QuarantineReason;

/// Told what stands where. A place is asked for once, right before what stands there is told.
pub(super) trait Sink {
    /// Where something stands.
    type Place: Copy;
    /// The text as a whole.
    fn root(&mut self) -> Self::Place;
    /// The member of an object with that key, in which these finds are.
    fn member(&mut self, of: Self::Place, key: &str, finds: &[Find]) -> Self::Place;
    /// An element of an array.
    fn element(&mut self, of: Self::Place, index: usize) -> Self::Place;
    /// A scalar: decoded, with the key that it is judged under.
    fn scalar(&mut self, at: Self::Place, scalar: Scalar<'_>, finds: &[Find]);
    /// An object or array begins.
    fn open(&mut self, at: Self::Place, container: Container);
}

/// A scalar as it is told: strings decoded, numbers as they are spelled.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool,
    Number(&'a str),
    Text(&'a str),
}

/// What is kept from one text to the next: allocations.
pub(super) struct Walker {
    limits: Limits,
    stack: Vec<Container>,
    finder: Finder,
    decoded: String,
    names: String,
}

impl Walker {
    pub(super) fn new() -> Walker {
        Walker {
            limits: Limits::default(),
            stack: Vec::new(),
            finder: Finder::new(),
            decoded: String::new(),
            names: String::new(),
        }
    }

    /// Most bytes of one text.
    pub(super) fn longest(&self) -> usize {
        self.limits.record_bytes
    }

    /// What is found in a text that is not JSON: a header, a record's key.
    pub(super) fn plain<'a>(&'a mut self, name: &str, text: &str) -> &'a [Find] {
        self.finder.text(Some(name), text)
    }

    /// Walks a record's value. An error says why it is no JSON for the engine either; the sink was told what stood before it.
    pub(super) fn walk<S: Sink>(&mut self, value: &[u8], sink: &mut S) -> Result<(), QuarantineReason> {
        let value = check(value, &self.limits)?;
        self.names.clear();
        let mut walk = Walk {
            value,
            sink,
            finder: &mut self.finder,
            decoded: &mut self.decoded,
            names: &mut self.names,
            frames: Vec::new(),
            pending: None,
        };
        scan::scan(value, self.limits.depth, &mut self.stack, &mut walk)
    }

    /// Whether [`Self::walk`] would read it to its end. For sinks that cannot take back what they were told.
    pub(super) fn reads(&mut self, value: &[u8]) -> Result<(), QuarantineReason> {
        scan::scan(check(value, &self.limits)?, self.limits.depth, &mut self.stack, &mut Nobody)
    }
}

fn check<'a>(value: &'a [u8], limits: &Limits) -> Result<&'a str, QuarantineReason> {
    if value.len() > limits.record_bytes {
        return Err(QuarantineReason::TooLarge);
    }
    if value.first() == Some(&0) {
        return Err(QuarantineReason::FramedValue);
    }
    std::str::from_utf8(value).map_err(|_| QuarantineReason::InvalidJson)
}

struct Nobody;

impl Visitor for Nobody {
    fn key(&mut self, _: Span, _: bool) {}
    fn scalar(&mut self, _: ScalarKind, _: Span) -> Result<(), QuarantineReason> {
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

/// A container that is open.
struct Frame<P> {
    place: P,
    index: usize,
    /// The key that values in it are judged under where they have none of their own.
    name: Option<(usize, usize)>,
    /// How much of `names` was filled when it began.
    filled: usize,
}

struct Walk<'a, S: Sink> {
    value: &'a str,
    sink: &'a mut S,
    finder: &'a mut Finder,
    decoded: &'a mut String,
    /// Keys of the open containers, one after the other, and that of the member that is read now.
    names: &'a mut String,
    frames: Vec<Frame<S::Place>>,
    /// Where the member's value stands, and its key in `names`.
    pending: Option<(S::Place, (usize, usize))>,
}

impl<S: Sink> Walk<'_, S> {
    /// Where the value that begins now stands, and the key that it is judged under.
    fn place(&mut self) -> (S::Place, Option<(usize, usize)>) {
        let Some(frame) = self.frames.last_mut() else { return (self.sink.root(), None) };
        match self.pending.take() {
            // `"phone": {"value": …}`, a habit of several SDKs.
            Some((place, own)) if self.names.get(own.0..own.1) == Some("value") => (place, frame.name.or(Some(own))),
            Some((place, own)) => (place, Some(own)),
            None => {
                let index = frame.index;
                frame.index += 1;
                (self.sink.element(frame.place, index), frame.name)
            }
        }
    }
}

impl<S: Sink> Visitor for Walk<'_, S> {
    fn key(&mut self, inner: Span, escaped: bool) {
        let Some(frame) = self.frames.last() else { return };
        self.names.truncate(frame.filled);
        let raw = inner.text(self.value);
        if escaped {
            text::unescape(raw, self.names);
        } else {
            self.names.push_str(raw);
        }
        let own = (frame.filled, self.names.len());
        let (before, key) = self.names.split_at_checked(frame.filled).unwrap_or(("", ""));
        let holder = frame.name.and_then(|(start, end)| before.get(start..end));
        let finds = self.finder.text(holder, key);
        self.pending = Some((self.sink.member(frame.place, key, finds), own));
    }

    fn scalar(&mut self, kind: ScalarKind, span: Span) -> Result<(), QuarantineReason> {
        let (place, name) = self.place();
        let key = name.and_then(|(start, end)| self.names.get(start..end));
        let spelled = span.text(self.value);
        match kind {
            ScalarKind::Null => self.sink.scalar(place, Scalar::Null, &[]),
            ScalarKind::Bool => self.sink.scalar(place, Scalar::Bool, &[]),
            ScalarKind::Number => {
                self.sink.scalar(place, Scalar::Number(spelled), self.finder.number(key, spelled));
            }
            ScalarKind::Plain | ScalarKind::Escaped => {
                let raw = span.inner().text(self.value);
                let text = if kind == ScalarKind::Escaped {
                    self.decoded.clear();
                    text::unescape(raw, self.decoded);
                    self.decoded.as_str()
                } else {
                    raw
                };
                self.sink.scalar(place, Scalar::Text(text), self.finder.text(key, text));
            }
        }
        Ok(())
    }

    fn open(&mut self, container: Container, _: usize) -> Result<(), QuarantineReason> {
        let (place, name) = self.place();
        self.sink.open(place, container);
        self.frames.push(Frame { place, index: 0, name, filled: self.names.len() });
        Ok(())
    }

    fn close(&mut self, _: usize) -> Result<(), QuarantineReason> {
        self.frames.pop();
        Ok(())
    }

    fn comma(&mut self, _: usize) {}
}
