//! One event on one open route: what each field becomes, spliced from the input's own bytes.

use crate::engine::action::{self, Action, Applied, Scalar};
use crate::engine::compile::{Compiled, CompiledRoute, Decision, Does};
use crate::engine::consent::PurposeSet;
use crate::engine::detect::{self, Hit, Kind, Kinds};
use crate::engine::evidence::scalar;
use crate::engine::json::scan::{ScalarKind, Span};
use crate::engine::json::splice::{Mark, Splice};
use crate::engine::json::text;
use crate::engine::outcome::{Effect, QuarantineReason};
use crate::engine::redact;
use crate::engine::report::{CounterId, DetectAction, Layout};
use crate::engine::tape::{KeyNote, Node, NodeKind, Tape};
use crate::engine::token::{self, Canonical, DomainKeys, TokenKey};

/// Buffers of one worker.
#[derive(Default)]
pub(in crate::engine) struct RouteScratch {
    levels: Vec<Level>,
    decoded: String,
    key: String,
    written: Vec<u8>,
    pub hits: Vec<Hit>,
}

/// A container that is being copied.
struct Level {
    node: u32,
    end: u32,
    /// Members or elements that stay.
    kept: u32,
    mark: Mark,
}

/// The token key of a route for one event.
#[derive(Clone, Copy)]
pub(in crate::engine) struct RouteKey<'a> {
    pub domain: &'a str,
    pub epoch: u64,
    /// `None`: the key of that epoch is gone.
    pub key: Option<&'a TokenKey>,
}

impl<'a> RouteKey<'a> {
    /// For an event of that time (Unix milliseconds).
    pub(in crate::engine) fn at(domain: &'a str, keys: Option<&'a DomainKeys>, time_ms: i64) -> RouteKey<'a> {
        let epoch = keys.map_or(0, |keys| keys.epoch_at(time_ms));
        RouteKey { domain, epoch, key: keys.and_then(|keys| keys.key(epoch)) }
    }
}

/// What a walk needs to know.
pub(in crate::engine) struct RouteWalk<'a> {
    pub compiled: &'a Compiled,
    pub layout: Layout,
    pub route: &'a CompiledRoute,
    pub number: usize,
    pub permitted: PurposeSet,
    pub key: Option<RouteKey<'a>>,
    pub tape: &'a Tape,
    pub value: &'a str,
}

/// What becomes of one scalar or container.
enum Fate {
    Stays,
    Goes,
}

impl RouteWalk<'_> {
    /// Appends the minimized event to `out`; says whether anything is left of it. `range` is what is copied: the whole
    /// value, or the event inside a batch.
    pub(in crate::engine) fn walk(
        &self,
        root: u32,
        range: Span,
        scratch: &mut RouteScratch,
        out: &mut Vec<u8>,
        journal: &mut Vec<(CounterId, u32)>,
    ) -> Result<bool, QuarantineReason> {
        let mut levels = std::mem::take(&mut scratch.levels);
        levels.clear();
        let mut splice = Splice::new(self.value.as_bytes(), range.start as usize, out);
        let mut walk = Walk { on: self, scratch, journal };
        let left = walk.nodes(root, &mut levels, &mut splice);
        scratch.levels = levels;
        let left = left?;
        if left {
            splice.finish(range.end as usize);
        }
        Ok(left)
    }
}

struct Walk<'w, 'a> {
    on: &'w RouteWalk<'a>,
    scratch: &'w mut RouteScratch,
    journal: &'w mut Vec<(CounterId, u32)>,
}

impl Walk<'_, '_> {
    fn nodes(&mut self, root: u32, levels: &mut Vec<Level>, splice: &mut Splice<'_>) -> Result<bool, QuarantineReason> {
        let tape = self.on.tape;
        let mut at = root;
        loop {
            let Some(node) = tape.nodes.get(at as usize) else { return Ok(false) };
            let mut next = node.next;
            let mut fate = match node.kind {
                NodeKind::Unreached(scalars) => {
                    self.count(None, Effect::Drop, scalars);
                    Fate::Goes
                }
                NodeKind::Scalar(kind) => self.scalar(node, kind, levels, splice)?,
                NodeKind::Open(_) => {
                    let empty = node.next == at + 1;
                    match self.container(node, empty) {
                        Some(fate) => fate,
                        None => {
                            levels.push(Level { node: at, end: node.next, kept: 0, mark: splice.mark() });
                            next = at + 1;
                            at = next;
                            continue;
                        }
                    }
                }
            };
            // The value is decided: tell its container, and close every container that ends with it.
            let mut done = node;
            loop {
                let Some(level) = levels.last_mut() else { return Ok(matches!(fate, Fate::Stays)) };
                match fate {
                    Fate::Stays => level.kept += 1,
                    Fate::Goes => remove_slot(done, level.kept, splice),
                }
                if next < level.end {
                    break;
                }
                let Some(level) = levels.pop() else { return Ok(false) };
                fate = if level.kept > 0 { Fate::Stays } else { Fate::Goes };
                if level.kept == 0 {
                    splice.return_to(level.mark);
                }
                done = tape.nodes.get(level.node as usize).unwrap_or(done);
            }
            at = next;
        }
    }

    /// A container that need not be entered is decided at once.
    fn container(&mut self, node: &Node, empty: bool) -> Option<Fate> {
        let decision = self.on.route.decision(node.state);
        let reaches = self.on.route.reaches(node.state);
        let Some(decision) = decision else {
            // Empty, and no rule names it: it goes. Otherwise it is entered, if only to count what is in it.
            return (empty || (reaches && self.key_is_personal(node))).then_some(Fate::Goes);
        };
        // A container where a scalar was meant goes whole, even if other rules reach into it: `$..*: keep` must not let
        // the members of an id through that `$.id: token` expected to be a string.
        let effect = match decision.does {
            Does::Drop => Some(Effect::Drop),
            _ if !self.needs_met(decision) => Some(Effect::DropNeeds),
            Does::Keep if empty || reaches => None,
            _ => Some(Effect::DropShape),
        };
        if let Some(effect) = effect {
            self.count(Some(decision.rule), effect, 1);
            return Some(Fate::Goes);
        }
        if self.key_is_personal(node) {
            self.count(Some(decision.rule), Effect::DropDetected, 1);
            return Some(Fate::Goes);
        }
        if empty {
            self.count(Some(decision.rule), Effect::Keep, 1);
            return Some(Fate::Stays);
        }
        None
    }

    fn scalar(
        &mut self,
        node: &Node,
        kind: ScalarKind,
        levels: &[Level],
        splice: &mut Splice<'_>,
    ) -> Result<Fate, QuarantineReason> {
        let Some(decision) = self.on.route.decision(node.state) else {
            self.count(None, Effect::Drop, 1);
            return Ok(Fate::Goes);
        };
        let rule = Some(decision.rule);
        let action = || self.on.compiled.rule(decision.rule).map_or(&Action::Drop, |rule| &rule.action);
        let effect = if decision.does == Does::Drop {
            Effect::Drop
        } else if !self.needs_met(decision) {
            Effect::DropNeeds
        } else if self.key_is_personal(node) {
            Effect::DropDetected
        } else {
            match (decision.does, action()) {
                (Does::Keep, _) => self.keep(node, kind, decision.expected, levels, splice)?,
                (_, Action::Token { namespace }) => self.token(node, kind, namespace, splice),
                (_, action) => self.transform(node, kind, action, decision.expected, levels, splice)?,
            }
        };
        self.count(rule, effect, 1);
        Ok(if effect.drops() { Fate::Goes } else { Fate::Stays })
    }

    fn keep(
        &mut self,
        node: &Node,
        kind: ScalarKind,
        expected: Kinds,
        levels: &[Level],
        splice: &mut Splice<'_>,
    ) -> Result<Effect, QuarantineReason> {
        let detector = self.on.compiled.detector;
        match kind {
            ScalarKind::Null | ScalarKind::Bool => Ok(Effect::Keep),
            _ if detector.kinds().is_empty() => Ok(Effect::Keep),
            ScalarKind::Number => {
                let number = node.span.text(self.on.value);
                let scratch = &mut self.scratch.key;
                let key = match detector.asks_for_the_key(number) {
                    true => {
                        Some(key_end(nearest_key(node, self.on.value, levels, self.on.tape), self.on.value, scratch))
                    }
                    false => None,
                };
                match detector.number(number, key).filter(|&kind| !expected.contains(kind)) {
                    None => Ok(Effect::Keep),
                    Some(kind) => self.found_in_number(kind, node, splice),
                }
            }
            ScalarKind::Plain | ScalarKind::Escaped => {
                let inner = node.span.inner();
                let raw = inner.text(self.on.value);
                let scratch = &mut *self.scratch;
                let text = if kind == ScalarKind::Escaped {
                    scratch.decoded.clear();
                    text::unescape(raw, &mut scratch.decoded);
                    &scratch.decoded
                } else {
                    raw
                };
                detector.text(text, &mut scratch.hits);
                if scratch.hits.is_empty() && !detector.asks_for_the_key(text) {
                    return Ok(Effect::Keep);
                }
                let key =
                    key_end(nearest_key(node, self.on.value, levels, self.on.tape), self.on.value, &mut scratch.key);
                detector.text_under(Some(key), text, &mut scratch.hits);
                scratch.hits.retain(|hit| !expected.contains(hit.kind));
                if scratch.hits.is_empty() {
                    return Ok(Effect::Keep);
                }
                let hits = std::mem::take(&mut scratch.hits);
                let effect = self.found_in_text(&hits, Effect::Keep);
                if effect == Ok(Effect::Keep) {
                    if kind == ScalarKind::Escaped {
                        redact::escaped(raw, inner.start as usize, &hits, &mut self.scratch.decoded, splice);
                    } else {
                        redact::plain(inner.start as usize, &hits, splice);
                    }
                }
                self.scratch.hits = hits;
                effect
            }
        }
    }

    fn token(&mut self, node: &Node, kind: ScalarKind, namespace: &str, splice: &mut Splice<'_>) -> Effect {
        let scratch = &mut *self.scratch;
        let Some(scalar) = scalar(kind, node.span.text(self.on.value), &mut scratch.decoded) else {
            return Effect::DropType;
        };
        let text = match token::canonical(scalar) {
            Canonical::Null => return Effect::Token,
            Canonical::Unfit => return Effect::DropType,
            Canonical::Text(text) => text,
        };
        let Some(RouteKey { domain, epoch, key: Some(key) }) = self.on.key else { return Effect::DropEpochGone };
        splice.replace(node.span.start as usize, node.span.end as usize, |out| {
            out.push(b'"');
            key.write_token(domain, epoch, namespace, text, out);
            out.push(b'"');
        });
        Effect::Token
    }

    fn transform(
        &mut self,
        node: &Node,
        kind: ScalarKind,
        action: &Action,
        expected: Kinds,
        levels: &[Level],
        splice: &mut Splice<'_>,
    ) -> Result<Effect, QuarantineReason> {
        let scratch = &mut *self.scratch;
        let scalar = match scalar(kind, node.span.text(self.on.value), &mut scratch.decoded) {
            Some(scalar) => scalar,
            // Nothing is computed from the value: `fixed` stands for whatever came.
            None if matches!(action, Action::Fixed(_)) => Scalar::Null,
            None => return Ok(Effect::DropType),
        };
        scratch.written.clear();
        let applied = action::apply(action, scalar, &mut scratch.written);
        let effect = match applied {
            Applied::Dropped(effect) => return Ok(effect),
            // A URL keeps text of the visitor's: what it keeps is looked at like any kept field.
            Applied::Kept if matches!(action, Action::Url { .. }) => self.keep(node, kind, expected, levels, splice)?,
            Applied::Kept => return Ok(action.effect()),
            Applied::Wrote if matches!(action, Action::Url { .. }) => self.look_at_written(expected)?,
            Applied::Wrote => action.effect(),
        };
        if effect.drops() {
            return Ok(effect);
        }
        if applied == Applied::Wrote {
            let written = &self.scratch.written;
            splice.replace(node.span.start as usize, node.span.end as usize, |out| out.extend_from_slice(written));
        }
        Ok(action.effect())
    }

    /// Detectors over the string that an action wrote; masks in place.
    fn look_at_written(&mut self, expected: Kinds) -> Result<Effect, QuarantineReason> {
        let scratch = &mut *self.scratch;
        let written = std::str::from_utf8(&scratch.written).unwrap_or("");
        scratch.decoded.clear();
        text::unescape(written.get(1..written.len().saturating_sub(1)).unwrap_or(""), &mut scratch.decoded);
        self.on.compiled.detector.text(&scratch.decoded, &mut scratch.hits);
        scratch.hits.retain(|hit| !expected.contains(hit.kind));
        if scratch.hits.is_empty() {
            return Ok(Effect::Url);
        }
        let hits = std::mem::take(&mut scratch.hits);
        let effect = self.found_in_text(&hits, Effect::Url);
        if effect == Ok(Effect::Url) {
            let scratch = &mut *self.scratch;
            let masked = redact::text(&scratch.decoded, &hits);
            scratch.written.clear();
            text::write_string(&masked, &mut scratch.written);
        }
        self.scratch.hits = hits;
        effect
    }

    fn found_in_number(
        &mut self,
        kind: Kind,
        node: &Node,
        splice: &mut Splice<'_>,
    ) -> Result<Effect, QuarantineReason> {
        let action = self.on_hit()?;
        self.detected(kind, action);
        if action == DetectAction::Drop {
            return Ok(Effect::DropDetected);
        }
        splice.replace(node.span.start as usize, node.span.end as usize, |out| out.extend_from_slice(b"null"));
        Ok(Effect::Keep)
    }

    /// Counts the hits; what is masked counts as `masked`.
    fn found_in_text(&mut self, hits: &[Hit], masked: Effect) -> Result<Effect, QuarantineReason> {
        let action = self.on_hit()?;
        for hit in hits {
            self.detected(hit.kind, action);
        }
        Ok(if action == DetectAction::Mask { masked } else { Effect::DropDetected })
    }

    fn on_hit(&self) -> Result<DetectAction, QuarantineReason> {
        DetectAction::of(self.on.compiled.policy.detect.on_hit).ok_or(QuarantineReason::Detected)
    }

    /// Detectors over a key that no selector spells: a member with a person in its key goes.
    #[inline]
    fn key_is_personal(&mut self, node: &Node) -> bool {
        if !node.note.foreign || self.on.compiled.detector.kinds().is_empty() {
            return false;
        }
        let scratch = &mut *self.scratch;
        let key = key_text((node.key, node.note), self.on.value, &mut scratch.key);
        self.on.compiled.detector.text(key, &mut scratch.hits);
        let Some(kind) = scratch.hits.first().map(|hit| hit.kind) else { return false };
        self.detected(kind, DetectAction::Drop);
        true
    }

    fn needs_met(&self, decision: &Decision) -> bool {
        !decision.never && self.on.permitted.contains(decision.needs)
    }

    #[inline]
    fn count(&mut self, rule: Option<u16>, effect: Effect, by: u32) {
        if by > 0 {
            self.journal.push((self.on.layout.field(self.on.number, rule, effect), by));
        }
    }

    fn detected(&mut self, kind: Kind, action: DetectAction) {
        self.journal.push((self.on.layout.detection(self.on.number, kind, action), 1));
    }
}

/// A key, unescaped; empty for elements.
fn key_text<'a>((key, note): (Span, KeyNote), value: &'a str, scratch: &'a mut String) -> &'a str {
    let raw = key.text(value);
    if !note.escaped {
        return raw;
    }
    scratch.clear();
    text::unescape(raw, scratch);
    scratch
}

/// The end of a key, unescaped: what it is about is said there, and a key can be as long as its record. Every number in
/// an array asks for it.
fn key_end<'a>((key, note): (Span, KeyNote), value: &'a str, scratch: &'a mut String) -> &'a str {
    let raw = key.text(value);
    if !note.escaped {
        return detect::key_end(raw);
    }
    scratch.clear();
    text::unescape(escaped_end(raw), scratch);
    detect::key_end(scratch)
}

/// The last bytes of a text with escapes, cut between two of its characters, and behind the first 128 characters from the end.
fn escaped_end(raw: &str) -> &str {
    /// A surrogate pair, `\u1234\u1234`, is the longest spelling of a character.
    const LONGEST: usize = 12;
    /// A run of more backslashes than this is cut anywhere.
    const RUN: usize = 64;
    let mut from = raw.len().saturating_sub(LONGEST * detect::KEY_END);
    while !raw.is_char_boundary(from) {
        from += 1;
    }
    let bytes = raw.as_bytes();
    // Not inside an escape: up to the first backslash that begins one.
    if from > 0
        && let Some(at) = memchr::memchr(b'\\', bytes.get(from..).unwrap_or(&[]))
    {
        let before = bytes.get(..from + at).unwrap_or(&[]);
        let run = before.iter().rev().take(RUN).take_while(|byte| **byte == b'\\').count();
        from += at + run % 2;
    }
    raw.get(from..).unwrap_or("")
}

/// The key of a member, or of the array that holds an element: `"phones": [33199004217]` is about phones. So is
/// `"phone": {"value": 33199004217}`, a habit of several SDKs.
fn nearest_key(node: &Node, value: &str, levels: &[Level], tape: &Tape) -> (Span, KeyNote) {
    if node.key != Span::default() && node.key.text(value) != "value" {
        return (node.key, node.note);
    }
    let holders = levels.iter().rev().filter_map(|level| tape.nodes.get(level.node as usize));
    let named = holders.map(|holder| (holder.key, holder.note)).find(|(key, _)| *key != Span::default());
    named.unwrap_or((node.key, node.note))
}

/// Leaves out a member or element with one of the commas beside it: the one behind it while nothing before it stayed,
/// else the one before it.
fn remove_slot(node: &Node, kept_before: u32, splice: &mut Splice<'_>) {
    let (start, end) = (node.slot.start as usize, node.slot.end as usize);
    if kept_before > 0 {
        splice.remove(start.saturating_sub(1), end);
    } else {
        let comma = splice.input().get(end) == Some(&b',');
        splice.remove(start, end + usize::from(comma));
    }
}
