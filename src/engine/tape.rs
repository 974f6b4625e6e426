//! What a scan leaves behind: the nodes that some rule can reach, flat and in the order of the bytes.
//!
//! This is not a tree of values: a node is a few offsets and a state of the automaton. Runs of neighbours that no rule
//! can reach are one node.

use crate::engine::json::scan::{Container, ScalarKind, Span};
use crate::engine::path::State;
use crate::engine::sources::Capture;

/// One node of the tape.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Node {
    pub kind: NodeKind,
    pub state: State,
    /// From behind the separator before it (or the bracket) to the separator after it: white space, key and value.
    pub slot: Span,
    /// The key inside its quotes; empty for elements.
    pub key: Span,
    /// How the key was written.
    pub note: KeyNote,
    /// The value.
    pub span: Span,
    /// The tape index behind this node and all beneath it.
    pub next: u32,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum NodeKind {
    /// A container that a rule accepts or reaches into.
    Open(Container),
    /// A scalar that a rule accepts.
    Scalar(ScalarKind),
    /// A run of neighbours, with everything beneath them, that no rule reaches; how many scalars are in it.
    Unreached(u32),
}

/// How a member's key was written.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct KeyNote {
    /// It has escapes.
    pub escaped: bool,
    /// No selector spells it: it came from outside, and may be personal.
    pub foreign: bool,
}

/// One event of the record.
#[derive(Clone, Copy)]
pub(in crate::engine) struct EventTape {
    /// Its root node.
    pub root: u32,
    /// Its captures: from here …
    pub captures: u32,
    /// … to here.
    pub captures_end: u32,
}

/// The buffers of one record, reused for the next.
#[derive(Default)]
pub(in crate::engine) struct Tape {
    pub nodes: Vec<Node>,
    pub events: Vec<EventTape>,
    pub captures: Vec<Capture>,
    pub envelope_captures: Vec<Capture>,
}

impl Tape {
    pub(in crate::engine) fn clear(&mut self) {
        self.nodes.clear();
        self.events.clear();
        self.captures.clear();
        self.envelope_captures.clear();
    }
}
