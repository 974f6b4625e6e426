//! From bytes to tape: one scan, with the automaton beside it.

use crate::engine::compile::Compiled;
use crate::engine::json::scan::{self, Container, ScalarKind, Span, Visitor};
use crate::engine::json::text;
use crate::engine::limits::Limits;
use crate::engine::outcome::QuarantineReason;
use crate::engine::path::State;
use crate::engine::sources::{Capture, Slot};
use crate::engine::tape::{EventTape, KeyNote, Node, NodeKind, Tape};

/// Scratch of the scan, reused between records.
#[derive(Default)]
pub(in crate::engine) struct ReadScratch {
    stack: Vec<Container>,
    frames: Vec<Frame>,
    key: String,
}

/// A container that is open.
#[derive(Clone, Copy)]
struct Frame {
    level: Level,
    state: State,
    /// Its node; `None` around a batch.
    node: Option<u32>,
    /// Where the slot of the member or element that is read now starts.
    slot_start: usize,
    /// The node that was last pushed directly in this container.
    last: Option<u32>,
    /// Index of the element that is read now.
    index: usize,
}

/// Which automaton a state belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Envelope,
    Event,
}

/// Reads one value into `tape`. Errors: the scan's, `shape`, `too_much_work`.
pub(in crate::engine) fn read(
    compiled: &Compiled,
    limits: &Limits,
    value: &str,
    scratch: &mut ReadScratch,
    tape: &mut Tape,
) -> Result<(), QuarantineReason> {
    let ReadScratch { stack, frames, key } = scratch;
    frames.clear();
    let mut reader = Reader {
        compiled,
        limits,
        value,
        tape,
        top: None,
        frames,
        unescaped: key,
        key: Span::default(),
        note: KeyNote::default(),
        pending: None,
        dead: 0,
        dead_node: None,
        dead_scalars: 0,
        held_events: compiled.envelope.is_none(),
    };
    scan::scan(value, limits.depth, stack, &mut reader)?;
    if reader.held_events { Ok(()) } else { Err(QuarantineReason::Shape) }
}

struct Reader<'a> {
    compiled: &'a Compiled,
    limits: &'a Limits,
    value: &'a str,
    tape: &'a mut Tape,
    /// The innermost open container, if any; those around it are in `frames`.
    top: Option<Frame>,
    frames: &'a mut Vec<Frame>,
    unescaped: &'a mut String,
    /// The key of the member that is read now.
    key: Span,
    note: KeyNote,
    /// Where that member's value stands in the automaton; set by `key`, taken by the value.
    pending: Option<(Level, State)>,
    /// How many containers deep we are in something that no rule reaches.
    dead: usize,
    /// The node that stands for it, and how many scalars are in it so far.
    dead_node: Option<u32>,
    dead_scalars: u32,
    /// The split path led to a container (which may hold no event), or to an event.
    held_events: bool,
}

impl Reader<'_> {
    /// Where the value that begins now stands.
    #[inline]
    fn place(&mut self) -> (Level, State) {
        let compiled = self.compiled;
        if let Some(place) = self.pending.take() {
            return place;
        }
        match self.top.as_mut() {
            None => match &compiled.envelope {
                None => (Level::Event, compiled.event.start()),
                Some(envelope) => self.at_envelope(envelope.automaton.start()),
            },
            Some(frame) => {
                let (level, state, index) = (frame.level, frame.state, frame.index);
                frame.index += 1;
                self.key = Span::default();
                self.note = KeyNote::default();
                match (level, &compiled.envelope) {
                    (Level::Envelope, Some(envelope)) => self.at_envelope(envelope.automaton.element(state, index)),
                    _ => (Level::Event, compiled.event.element(state, index)),
                }
            }
        }
    }

    /// A state around the batch, unless it is where an event begins.
    fn at_envelope(&self, state: State) -> (Level, State) {
        match &self.compiled.envelope {
            Some(envelope) if envelope.is_event.get(state.index()) == Some(&true) => {
                (Level::Event, self.compiled.event.start())
            }
            _ => (Level::Envelope, state),
        }
    }

    /// Whether the value that begins now is the root of an event.
    #[inline]
    fn begins_event(&self, level: Level) -> bool {
        level == Level::Event && self.top.as_ref().is_none_or(|frame| frame.level == Level::Envelope)
    }

    fn begin_event(&mut self) -> Result<(), QuarantineReason> {
        if self.tape.events.len() >= self.limits.events {
            return Err(QuarantineReason::TooMuchWork);
        }
        self.held_events = true;
        self.key = Span::default();
        self.note = KeyNote::default();
        let captures = self.tape.captures.len() as u32;
        let root = self.tape.nodes.len() as u32;
        self.tape.events.push(EventTape { root, captures, captures_end: captures });
        Ok(())
    }

    fn capture(&mut self, level: Level, state: State, kind: Option<ScalarKind>, span: Span) {
        let compiled = self.compiled;
        let (slots, captures) = match (level, &compiled.envelope) {
            (Level::Envelope, Some(envelope)) => (envelope.slots.get(state.index()), &mut self.tape.envelope_captures),
            _ => (compiled.event_slots.get(state.index()), &mut self.tape.captures),
        };
        let slots = slots.map_or(&[][..], |slots| slots);
        if slots.is_empty() {
            return;
        }
        let mapped = slots.iter().any(|slot| matches!(slot, Slot::Category(_)));
        for &slot in slots.iter().filter(|&&slot| !(mapped && slot == Slot::AnyCategory)) {
            captures.push(Capture { slot, kind, span });
        }
        if level == Level::Event {
            let end = self.tape.captures.len() as u32;
            if let Some(event) = self.tape.events.last_mut() {
                event.captures_end = end;
            }
        }
    }

    #[inline]
    fn push(&mut self, kind: NodeKind, state: State, span: Span) -> Result<u32, QuarantineReason> {
        let number = self.tape.nodes.len();
        if number >= self.limits.nodes {
            return Err(QuarantineReason::TooMuchWork);
        }
        let slot_start = match self.top.as_mut() {
            Some(frame) if frame.level == Level::Event => {
                frame.last = Some(number as u32);
                frame.slot_start
            }
            _ => span.start as usize,
        };
        let slot = Span::new(slot_start, span.end as usize);
        let (key, note) = (self.key, self.note);
        self.tape.nodes.push(Node { kind, state, slot, key, note, span, next: number as u32 + 1 });
        Ok(number as u32)
    }

    /// Adds what no rule reaches to the run before it, or begins a run.
    #[inline]
    fn push_unreached(&mut self, scalars: u32, span: Span) -> Result<u32, QuarantineReason> {
        let last = self.top.as_ref().and_then(|frame| frame.last);
        if let Some((number, node)) = last.and_then(|last| Some((last, self.tape.nodes.get_mut(last as usize)?)))
            && let NodeKind::Unreached(count) = &mut node.kind
        {
            *count += scalars;
            return Ok(number);
        }
        self.push(NodeKind::Unreached(scalars), State::DEAD, span)
    }

    /// The slot of the member or element that just ended goes up to `at`.
    #[inline]
    fn end_slot(&mut self, at: usize) {
        if let Some(frame) = self.top.as_ref()
            && let Some(node) = frame.last.and_then(|last| self.tape.nodes.get_mut(last as usize))
        {
            node.slot.end = at as u32;
        }
    }
}

impl Visitor for Reader<'_> {
    #[inline]
    fn key(&mut self, inner: Span, escaped: bool) {
        if self.dead > 0 {
            return;
        }
        let Some(frame) = self.top.as_ref() else { return };
        let (level, state) = (frame.level, frame.state);
        let name = if escaped {
            self.unescaped.clear();
            text::unescape(inner.text(self.value), self.unescaped);
            self.unescaped.as_bytes()
        } else {
            inner.bytes(self.value)
        };
        let compiled = self.compiled;
        self.key = inner;
        self.pending = Some(match (level, &compiled.envelope) {
            (Level::Envelope, Some(envelope)) => self.at_envelope(envelope.automaton.member(state, name)),
            _ => {
                let (state, foreign) = compiled.event.member_named(state, name);
                self.note = KeyNote { escaped, foreign };
                (Level::Event, state)
            }
        });
    }

    #[inline]
    fn scalar(&mut self, kind: ScalarKind, span: Span) -> Result<(), QuarantineReason> {
        if self.dead > 0 {
            self.dead_scalars += 1;
            return Ok(());
        }
        let (level, state) = self.place();
        if self.begins_event(level) {
            self.begin_event()?;
        }
        if state != State::DEAD {
            self.capture(level, state, Some(kind), span);
        }
        match level {
            Level::Envelope => Ok(()),
            Level::Event if self.compiled.is_ruled(state) => self.push(NodeKind::Scalar(kind), state, span).map(|_| ()),
            Level::Event => self.push_unreached(1, span).map(|_| ()),
        }
    }

    #[inline]
    fn open(&mut self, container: Container, at: usize) -> Result<(), QuarantineReason> {
        if self.dead > 0 {
            self.dead += 1;
            return Ok(());
        }
        let (level, state) = self.place();
        if self.begins_event(level) {
            self.begin_event()?;
        }
        let span = Span::new(at, at + 1);
        if state == State::DEAD {
            self.dead = 1;
            self.dead_scalars = 0;
            self.dead_node = if level == Level::Event { Some(self.push_unreached(0, span)?) } else { None };
            return Ok(());
        }
        self.capture(level, state, None, span);
        let node = match level {
            Level::Envelope => {
                let holds = self.compiled.envelope.as_ref().and_then(|e| e.holds_events.get(state.index()));
                self.held_events |= holds == Some(&true);
                None
            }
            Level::Event => Some(self.push(NodeKind::Open(container), state, span)?),
        };
        let inner = Frame { level, state, node, slot_start: at + 1, last: None, index: 0 };
        if let Some(outer) = self.top.replace(inner) {
            self.frames.push(outer);
        }
        Ok(())
    }

    #[inline]
    fn close(&mut self, at: usize) -> Result<(), QuarantineReason> {
        if self.dead > 0 {
            self.dead -= 1;
            if self.dead == 0 {
                let scalars = std::mem::take(&mut self.dead_scalars);
                let node = self.dead_node.take().and_then(|node| self.tape.nodes.get_mut(node as usize));
                if let Some(node) = node {
                    if let NodeKind::Unreached(count) = &mut node.kind {
                        *count += scalars;
                    }
                    node.span.end = at as u32 + 1;
                    node.slot.end = at as u32 + 1;
                }
            }
            return Ok(());
        }
        self.end_slot(at);
        let next = self.tape.nodes.len() as u32;
        if let Some(frame) = std::mem::replace(&mut self.top, self.frames.pop())
            && let Some(node) = frame.node.and_then(|node| self.tape.nodes.get_mut(node as usize))
        {
            node.span.end = at as u32 + 1;
            node.slot.end = at as u32 + 1;
            node.next = next;
        }
        Ok(())
    }

    #[inline]
    fn comma(&mut self, at: usize) {
        if self.dead > 0 {
            return;
        }
        self.end_slot(at);
        if let Some(frame) = self.top.as_mut() {
            frame.slot_start = at + 1;
        }
    }
}
