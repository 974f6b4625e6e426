//! From captured nodes to what consent, token and key decisions ask for.

use crate::engine::action::Scalar;
use crate::engine::compile::Compiled;
use crate::engine::consent::signals::{categories, gpc};
use crate::engine::consent::{Evidence, PurposeSet};
use crate::engine::json::scan::ScalarKind;
use crate::engine::json::text::{self, Fidelity};
use crate::engine::policy::model::Source;
use crate::engine::record::Record;
use crate::engine::report::{Layout, SignalKind, SignalResult};
use crate::engine::sources::{Capture, Slot};
use crate::engine::tape::{EventTape, Tape};
use crate::engine::token::{self, Canonical};
use crate::engine::work::Results;

/// What was gathered for one event; buffers are reused.
#[derive(Default)]
pub(in crate::engine) struct Gathered {
    gpc: Seen,
    pub gpc_on: bool,
    categories: Seen,
    unmapped: bool,
    granted: PurposeSet,
    denied: PurposeSet,
    country: Once,
    region: Once,
    /// The event's own time in Unix milliseconds: the earliest, if it is said several times.
    pub client_ms: Option<i64>,
    key: Once,
    decoded: String,
}

/// What was seen of a signal.
#[derive(Default)]
struct Seen {
    ok: bool,
    malformed: bool,
}

/// A text that must be said once, or always the same.
#[derive(Default)]
struct Once {
    text: String,
    said: bool,
    conflict: bool,
}

impl Once {
    fn clear(&mut self) {
        self.text.clear();
        self.said = false;
        self.conflict = false;
    }

    fn say(&mut self, text: &str) {
        if !self.said {
            self.text.push_str(text);
        }
        self.conflict |= self.said && self.text != text;
        self.said = true;
    }

    fn get(&self) -> Option<&str> {
        (self.said && !self.conflict).then_some(&self.text)
    }
}

impl Gathered {
    /// Gathers for one event: its own captures, those around the batch, and the record's.
    pub(in crate::engine) fn gather(
        &mut self,
        compiled: &Compiled,
        record: &Record<'_>,
        value: &str,
        tape: &Tape,
        event: &EventTape,
    ) {
        self.clear();
        if let Some(code) = &compiled.sources.fixed_country {
            self.country.say(code);
        }
        if let Some(code) = &compiled.sources.fixed_region {
            self.region.say(code);
        }
        let own = tape.captures.get(event.captures as usize..event.captures_end as usize).unwrap_or(&[]);
        for capture in tape.envelope_captures.iter().chain(own) {
            self.take_node(capture, value);
        }
        for (source, slot) in &compiled.sources.record {
            self.take_outside(record, source, *slot);
        }
    }

    /// As [`Self::gather`] for a record without a value.
    pub(in crate::engine) fn gather_outside(&mut self, compiled: &Compiled, record: &Record<'_>) {
        self.clear();
        for (source, slot) in &compiled.sources.record {
            self.take_outside(record, source, *slot);
        }
    }

    /// For the resolver.
    pub(in crate::engine) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            country: self.country.get(),
            region: self.region.get(),
            gpc: self.gpc_on,
            granted: self.granted,
            denied: self.denied,
        }
    }

    /// The canonical text that the record key's token is made of, if there is one and only one.
    pub(in crate::engine) fn key(&self) -> Option<&str> {
        self.key.get()
    }

    /// Counts the signals that the policy asks for.
    pub(in crate::engine) fn count_signals(&self, compiled: &Compiled, results: &mut Results) {
        let mut count = |kind, result, on: bool| {
            if on {
                results.count(Layout::signal(kind, result), 1);
            }
        };
        let mut seen = |kind, seen: &Seen| {
            count(kind, SignalResult::Ok, seen.ok);
            count(kind, SignalResult::Malformed, seen.malformed);
            count(kind, SignalResult::Absent, !seen.ok && !seen.malformed);
        };
        if compiled.policy.consent.gpc.is_some() {
            seen(SignalKind::Gpc, &self.gpc);
        }
        if compiled.policy.consent.categories.is_some() {
            seen(SignalKind::Categories, &self.categories);
            count(SignalKind::Categories, SignalResult::Unmapped, self.unmapped);
        }
    }

    fn clear(&mut self) {
        self.gpc = Seen::default();
        self.gpc_on = false;
        self.categories = Seen::default();
        self.unmapped = false;
        self.granted = PurposeSet::default();
        self.denied = PurposeSet::default();
        self.country.clear();
        self.region.clear();
        self.client_ms = None;
        self.key.clear();
    }

    fn take_node(&mut self, capture: &Capture, value: &str) {
        let Some(kind) = capture.kind else {
            match capture.slot {
                // The object that holds the categories: its members say what it says.
                Slot::Categories => {}
                Slot::AnyCategory => self.unmapped = true,
                slot => self.malformed(slot),
            }
            return;
        };
        let mut decoded = std::mem::take(&mut self.decoded);
        match scalar(kind, capture.span.text(value), &mut decoded) {
            Some(scalar) => self.take(capture.slot, scalar),
            None => self.malformed(capture.slot),
        }
        self.decoded = decoded;
    }

    fn take_outside(&mut self, record: &Record<'_>, source: &Source, slot: Slot) {
        match source {
            Source::Header(name) => {
                for header in record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                    self.take_bytes(slot, header.value);
                }
            }
            Source::Key => self.take_bytes(slot, record.key),
            Source::Timestamp if slot == Slot::Time => self.say_time(record.timestamp),
            Source::Timestamp | Source::Event(_) | Source::Envelope(_) => {}
        }
    }

    fn take_bytes(&mut self, slot: Slot, bytes: Option<&[u8]>) {
        match bytes.map(std::str::from_utf8) {
            None => {}
            Some(Ok(text)) => self.take(slot, Scalar::String(text)),
            Some(Err(_)) => self.malformed(slot),
        }
    }

    fn malformed(&mut self, slot: Slot) {
        match slot {
            Slot::Gpc => self.gpc.malformed = true,
            Slot::Category(_) | Slot::Categories => self.categories.malformed = true,
            // A place that cannot be read is a place we do not know, even if another copy can be read.
            Slot::Country => self.country.conflict = true,
            Slot::Region => self.region.conflict = true,
            Slot::Key => self.key.conflict = true,
            Slot::AnyCategory | Slot::Time => {}
        }
    }

    fn take(&mut self, slot: Slot, scalar: Scalar<'_>) {
        match (slot, scalar) {
            (Slot::Gpc, Scalar::Null) | (Slot::Categories, Scalar::Null) => {}
            (Slot::Gpc, scalar) if gpc::read_scalar(scalar) => {
                self.gpc.ok = true;
                self.gpc_on = true;
            }
            (Slot::Category(purposes), scalar) => match categories::read(scalar) {
                Some(granted) => {
                    self.categories.ok = true;
                    let set = if granted { &mut self.granted } else { &mut self.denied };
                    *set = set.union(purposes);
                }
                None => self.categories.malformed = true,
            },
            (Slot::AnyCategory, _) => self.unmapped = true,
            (Slot::Country, Scalar::String(text)) => self.country.say(text),
            (Slot::Region, Scalar::String(text)) => self.region.say(text),
            (Slot::Country | Slot::Region | Slot::Key, Scalar::Null) => {}
            (Slot::Time, Scalar::String(text)) => self.say_time(parse_time(text)),
            (Slot::Time, Scalar::Number(text)) => self.say_time(parse_number_time(text)),
            (Slot::Time, _) => {}
            (Slot::Key, scalar) => match token::canonical(scalar) {
                Canonical::Text(text) => self.key.say(text),
                Canonical::Null | Canonical::Unfit => self.key.conflict = true,
            },
            (slot, _) => self.malformed(slot),
        }
    }

    fn say_time(&mut self, ms: Option<i64>) {
        self.client_ms = match (self.client_ms, ms) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// Reads a scalar as it is spelled; `None` for a string that no text can hold (a lone surrogate).
#[inline]
pub(in crate::engine) fn scalar<'a>(kind: ScalarKind, raw: &'a str, decoded: &'a mut String) -> Option<Scalar<'a>> {
    let inner = || raw.get(1..raw.len().saturating_sub(1)).unwrap_or("");
    Some(match kind {
        ScalarKind::Null => Scalar::Null,
        ScalarKind::Bool => Scalar::Bool(raw == "true"),
        ScalarKind::Number => Scalar::Number(raw),
        ScalarKind::Plain => Scalar::String(inner()),
        ScalarKind::Escaped => {
            decoded.clear();
            if text::unescape(inner(), decoded) == Fidelity::Lossy {
                return None;
            }
            Scalar::String(decoded)
        }
    })
}

/// RFC 3339 time to Unix milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond).or_else(|| parse_number_time(text))
}

/// A Unix time: seconds below 10^11 (the year 5138), milliseconds from there on.
fn parse_number_time(text: &str) -> Option<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let number: i64 = whole.parse().ok()?;
    if number.unsigned_abs() < 100_000_000_000 { number.checked_mul(1000) } else { Some(number) }
}
