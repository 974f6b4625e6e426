//! From captured nodes to what consent, token and key decisions ask for.

mod signals;
mod subjects;

pub(in crate::engine) use signals::Signals;
pub(in crate::engine) use subjects::{Abouts, Questions, to_remember};

use crate::engine::action::Scalar;
use crate::engine::compile::Compiled;
use crate::engine::consent::{Asked, Evidence};
use crate::engine::json::scan::ScalarKind;
use crate::engine::json::text::{self, Fidelity};
use crate::engine::policy::model::Source;
use crate::engine::record::Record;
use crate::engine::sources::{Capture, Slot, TextSignal};
use crate::engine::tape::{EventTape, Tape};
use crate::engine::token::{self, Canonical};

/// What was gathered for one event; buffers are reused.
#[derive(Default)]
pub(in crate::engine) struct Gathered {
    pub signals: Signals,
    country: Once,
    region: Once,
    /// The event's own time in Unix milliseconds: the earliest, if it is said several times.
    pub client_ms: Option<i64>,
    /// Some time of the event cannot be read, or is missing although the policy names it.
    time_unusable: bool,
    key: Once,
    decoded: String,
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
        now_ms: i64,
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
            self.take_node(capture, value, compiled);
        }
        for (source, slot) in &compiled.sources.record {
            self.take_outside(record, source, *slot, compiled);
        }
        self.time_unusable |= compiled.policy.input.time.is_some() && self.client_ms.is_none();
        self.signals.conclude(compiled, now_ms);
    }

    /// As [`Self::gather`] for a record without a value.
    pub(in crate::engine) fn gather_outside(&mut self, compiled: &Compiled, record: &Record<'_>) {
        self.clear();
        for (source, slot) in &compiled.sources.record {
            self.take_outside(record, source, *slot, compiled);
        }
    }

    /// Country and region, where they are known.
    pub(in crate::engine) fn place(&self) -> (Option<&str>, Option<&str>) {
        (self.country.get(), self.region.get())
    }

    /// The event's time as consent takes it: the earliest of the client's clock, the broker's and ours; `None` if it
    /// cannot be known.
    pub(in crate::engine) fn event_ms(&self, record: &Record<'_>, now_ms: i64) -> Option<i64> {
        let known = [self.client_ms, record.timestamp].into_iter().flatten().min()?;
        (!self.time_unusable).then_some(known.min(now_ms))
    }

    /// For the resolver.
    pub(in crate::engine) fn evidence<'a>(
        &'a self,
        compiled: &Compiled,
        record: &Record<'_>,
        now_ms: i64,
        asked: Option<Asked<'a>>,
    ) -> Evidence<'a> {
        let (country, region) = self.place();
        let signals = &self.signals;
        Evidence {
            country,
            region,
            gpc: signals.gpc_applies(),
            granted: signals.granted(),
            dated: signals.dated(),
            denied: signals.denied(),
            opted_out: compiled.resolver.of_known(signals.opted_out()),
            age: signals.age(),
            event_ms: self.event_ms(record, now_ms),
            now_ms,
            asked,
        }
    }

    /// The canonical text that the record key's token is made of, if there is one and only one.
    pub(in crate::engine) fn key(&self) -> Option<&str> {
        self.key.get()
    }

    fn clear(&mut self) {
        self.signals.clear();
        self.country.clear();
        self.region.clear();
        self.client_ms = None;
        self.time_unusable = false;
        self.key.clear();
    }

    fn take_node(&mut self, capture: &Capture, value: &str, compiled: &Compiled) {
        let Some(kind) = capture.kind else {
            let is_array = value.as_bytes().get(capture.span.start as usize) == Some(&b'[');
            match capture.slot {
                // The containers that hold a signal: their members say what they say.
                Slot::Categories | Slot::Google | Slot::Snowplow if !is_array => {}
                Slot::ConsentIds | Slot::SnowplowScopes | Slot::Text(TextSignal::GppSid) if is_array => {}
                slot @ (Slot::AnyCategory | Slot::AnyGoogle) => self.take(slot, Scalar::Null, compiled),
                slot => self.unfit(slot, compiled),
            }
            return;
        };
        let mut decoded = std::mem::take(&mut self.decoded);
        match scalar(kind, capture.span.text(value), &mut decoded) {
            Some(scalar) => self.take(capture.slot, scalar, compiled),
            None => self.unfit(capture.slot, compiled),
        }
        self.decoded = decoded;
    }

    fn take_outside(&mut self, record: &Record<'_>, source: &Source, slot: Slot, compiled: &Compiled) {
        match source {
            Source::Header(name) => {
                for header in record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)) {
                    self.take_bytes(slot, header.value, compiled);
                }
            }
            Source::Key => self.take_bytes(slot, record.key, compiled),
            Source::Timestamp if slot == Slot::Time => self.say_time(record.timestamp),
            Source::Timestamp | Source::Event(_) | Source::Envelope(_) => {}
        }
    }

    fn take_bytes(&mut self, slot: Slot, bytes: Option<&[u8]>, compiled: &Compiled) {
        match bytes.map(std::str::from_utf8) {
            None => {}
            Some(Ok(text)) => self.take(slot, Scalar::String(text), compiled),
            Some(Err(_)) => self.unfit(slot, compiled),
        }
    }

    fn unfit(&mut self, slot: Slot, compiled: &Compiled) {
        match slot {
            // A place that cannot be read is a place we do not know, even if another copy can be read.
            Slot::Country => self.country.conflict = true,
            Slot::Region => self.region.conflict = true,
            Slot::Key => self.key.conflict = true,
            Slot::Time => self.time_unusable = true,
            Slot::Subject(_) => {}
            slot => self.signals.unfit(slot, &compiled.sources.ids),
        }
    }

    fn take(&mut self, slot: Slot, scalar: Scalar<'_>, compiled: &Compiled) {
        match (slot, scalar) {
            (Slot::Country, Scalar::String(text)) => self.country.say(text),
            (Slot::Region, Scalar::String(text)) => self.region.say(text),
            (Slot::Country | Slot::Region | Slot::Key, Scalar::Null) => {}
            (Slot::Time, Scalar::String(text)) => self.say_time(parse_time(text)),
            (Slot::Time, Scalar::Number(text)) => self.say_time(parse_number_time(text)),
            (Slot::Key, scalar) => match token::canonical(scalar) {
                Canonical::Text(text) => self.key.say(text),
                Canonical::Null | Canonical::Unfit => self.key.conflict = true,
            },
            (Slot::Country | Slot::Region | Slot::Time, _) => self.unfit(slot, compiled),
            (Slot::Subject(_), _) => {}
            (slot, scalar) => self.signals.take(slot, scalar, &compiled.sources.ids),
        }
    }

    fn say_time(&mut self, ms: Option<i64>) {
        self.time_unusable |= ms.is_none();
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

/// The end of the year 2999.
const LATEST_MS: i64 = 32_503_679_999_999;

/// RFC 3339 time to Unix milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond).or_else(|| parse_number_time(text))
}

/// A Unix time: seconds below 10^11, milliseconds from there on. Beyond the year 2999 it is none: it would be microseconds
/// or nanoseconds, and read as milliseconds they would make every event one of today.
fn parse_number_time(text: &str) -> Option<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let number: i64 = whole.parse().ok()?;
    let ms = if number.unsigned_abs() < 100_000_000_000 { number.checked_mul(1000) } else { Some(number) };
    ms.filter(|ms| *ms <= LATEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_seconds_or_milliseconds_and_nothing_finer() {
        for (text, ms) in [
            ("1767261540", Some(1_767_261_540_000)),
            ("1767261540.25", Some(1_767_261_540_000)),
            ("1767261540123", Some(1_767_261_540_123)),
            ("-5", Some(-5_000)),
            ("32503679999999", Some(LATEST_MS)),
            ("32503680000000", None),
            ("1767261540000000", None),
            ("1767261540000000000", None),
        ] {
            assert_eq!(parse_number_time(text), ms, "{text}");
            assert_eq!(parse_time(text), ms, "{text}");
        }
    }
}
