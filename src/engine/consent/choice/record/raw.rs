//! A record as its members stand in the text: in order, duplicates included, as far as the text can be read.
//!
//! A text that is cut, too long or no JSON still shows the members before the fault: a subject is looked for there. The trap
//! is a scalar at the very end of a cut text, which may have gone on; only members of containers that were closed count.

use std::borrow::Cow;

use crate::engine::action::Scalar;
use crate::engine::consent::choice::UnreadableReason;
use crate::engine::json::scan::{Container, ScalarKind, Span, Visitor, scan};
use crate::engine::json::text::{Fidelity, unescape};
use crate::engine::outcome::QuarantineReason;

/// Deepest container that is looked into. Records nest two deep.
const MAX_DEPTH: usize = 8;

/// Keys, scalars and containers that are looked at. A record of every purpose has fewer.
const MAX_NODES: usize = 2048;

/// The text of a record, and what lies where.
pub(super) struct Raw<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    fault: Option<UnreadableReason>,
}

/// A scalar or a container.
pub(super) struct Node {
    /// Its place in the order of the text; its members follow it.
    at: usize,
    depth: usize,
    /// As a member of an object: what is between the quotes, and whether there are escapes.
    name: Option<(Span, bool)>,
    kind: Kind,
    /// Of a scalar, with its quotes.
    span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar(ScalarKind),
    Open(Container),
    Closed(Container),
}

impl Node {
    pub(super) fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Open(Container::Object) | Kind::Closed(Container::Object))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Open(Container::Array) | Kind::Closed(Container::Array))
    }
}

/// A scalar, with its string unescaped.
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Cow<'a, str>),
}

impl Value<'_> {
    pub(super) fn as_scalar(&self) -> Scalar<'_> {
        match self {
            Value::Null => Scalar::Null,
            Value::Bool(yes) => Scalar::Bool(*yes),
            Value::Number(spelled) => Scalar::Number(spelled),
            Value::String(text) => Scalar::String(text),
        }
    }
}

impl<'a> Raw<'a> {
    /// Looks through a value, of which no more than `max_bytes` are read.
    pub(super) fn scan(value: &'a [u8], max_bytes: usize) -> Raw<'a> {
        let mut fault = (value.len() > max_bytes).then_some(UnreadableReason::TooLarge);
        let value = value.get(..max_bytes).unwrap_or(value);
        let text = match std::str::from_utf8(value) {
            Ok(text) => text,
            Err(error) => {
                fault = fault.or(Some(UnreadableReason::NotUtf8));
                value.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or("")
            }
        };
        let mut look = Look { nodes: Vec::with_capacity(24), open: Vec::new(), name: None };
        let scanned = scan(text, MAX_DEPTH, &mut Vec::with_capacity(MAX_DEPTH), &mut look);
        fault = fault.or(scanned.err().map(|_| UnreadableReason::InvalidJson));
        Raw { text, nodes: look.nodes, fault }
    }

    /// What is wrong with the text as a whole.
    pub(super) fn fault(&self) -> Option<UnreadableReason> {
        self.fault
    }

    pub(super) fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    /// The members of an object with their names, or the elements of an array, in order. A name that no text can hold (a
    /// lone surrogate) is `None`.
    pub(super) fn members<'r>(
        &'r self,
        of: Option<&'r Node>,
    ) -> impl Iterator<Item = (Option<Cow<'a, str>>, &'r Node)> {
        let depth = of.map_or(usize::MAX, |of| of.depth);
        let inside = of.and_then(|of| self.nodes.get(of.at + 1..)).unwrap_or(&[]);
        let inside = inside.iter().take_while(move |node| node.depth > depth);
        inside
            .filter(move |node| node.depth == depth + 1)
            .map(|node| (node.name.and_then(|(span, escaped)| self.unescaped(span, escaped)), node))
    }

    /// As [`Raw::members`], of a container that is complete.
    pub(super) fn complete<'r>(&'r self, of: &'r Node) -> impl Iterator<Item = (Option<Cow<'a, str>>, &'r Node)> {
        self.members(Some(of).filter(|of| matches!(of.kind, Kind::Closed(_))))
    }

    /// What a scalar says; `None` for containers, and for strings that no text can hold.
    pub(super) fn value(&self, node: &Node) -> Option<Value<'a>> {
        let spelled = || node.span.text(self.text);
        match node.kind {
            Kind::Scalar(ScalarKind::Null) => Some(Value::Null),
            Kind::Scalar(ScalarKind::Bool) => Some(Value::Bool(spelled() == "true")),
            Kind::Scalar(ScalarKind::Number) => Some(Value::Number(spelled())),
            Kind::Scalar(ScalarKind::Plain) => self.unescaped(node.span.inner(), false).map(Value::String),
            Kind::Scalar(ScalarKind::Escaped) => self.unescaped(node.span.inner(), true).map(Value::String),
            Kind::Open(_) | Kind::Closed(_) => None,
        }
    }

    /// What a string says; `None` for anything else.
    pub(super) fn string(&self, node: &Node) -> Option<Cow<'a, str>> {
        match self.value(node) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn unescaped(&self, span: Span, escaped: bool) -> Option<Cow<'a, str>> {
        let raw = span.text(self.text);
        if !escaped {
            return Some(Cow::Borrowed(raw));
        }
        let mut text = String::with_capacity(raw.len());
        (unescape(raw, &mut text) == Fidelity::Exact).then_some(Cow::Owned(text))
    }
}

/// Collects nodes as the scan meets them.
struct Look {
    nodes: Vec<Node>,
    /// The containers that are open, by their place among the nodes.
    open: Vec<usize>,
    name: Option<(Span, bool)>,
}

impl Look {
    fn add(&mut self, kind: Kind, span: Span) -> Result<(), QuarantineReason> {
        if self.nodes.len() >= MAX_NODES {
            return Err(QuarantineReason::TooMuchWork);
        }
        let name = self.name.take();
        self.nodes.push(Node { at: self.nodes.len(), depth: self.open.len(), name, kind, span });
        Ok(())
    }
}

impl Visitor for Look {
    fn key(&mut self, inner: Span, escaped: bool) {
        self.name = Some((inner, escaped));
    }

    fn scalar(&mut self, kind: ScalarKind, span: Span) -> Result<(), QuarantineReason> {
        self.add(Kind::Scalar(kind), span)
    }

    fn open(&mut self, container: Container, _: usize) -> Result<(), QuarantineReason> {
        self.add(Kind::Open(container), Span::default())?;
        self.open.push(self.nodes.len() - 1);
        Ok(())
    }

    fn close(&mut self, _: usize) -> Result<(), QuarantineReason> {
        if let Some(node) = self.open.pop().and_then(|at| self.nodes.get_mut(at))
            && let Kind::Open(container) = node.kind
        {
            node.kind = Kind::Closed(container);
        }
        Ok(())
    }

    fn comma(&mut self, _: usize) {}
}
