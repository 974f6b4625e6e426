//! Who the events of a record are about: the questions to the consent table, and its answers per event.
//!
//! The trap: an id that cannot be read, or that is there twice, belongs to somebody whose denial would not be found.
//! Such an event is ambiguous, which closes it; it is never "about nobody".

use crate::engine::action::Scalar;
use crate::engine::compile::Compiled;
use crate::engine::consent::choice::{Answers, IndexKey, Judged, Purposes, SubjectKey};
use crate::engine::consent::signals::says::Known;
use crate::engine::consent::{About, Evidence, Purpose, SubjectKind};
use crate::engine::policy::model::Source;
use crate::engine::record::Record;
use crate::engine::sources::Slot;
use crate::engine::tape::{EventTape, Tape};
use crate::engine::token::{self, Canonical};

/// Questions of one record and the answers to them; buffers are reused. No `Debug`: it is about people.
#[derive(Default)]
pub(in crate::engine) struct Questions {
    subjects: Vec<SubjectKey>,
    kinds: Vec<SubjectKind>,
    events: Vec<OfEvent>,
    pub answers: Answers,
    decoded: String,
}

/// The questions of one event.
#[derive(Clone, Copy, Default)]
struct OfEvent {
    start: usize,
    end: usize,
    /// By kind: already named.
    named: u8,
    ambiguous: bool,
}

/// The subjects of one event with what they chose.
pub(in crate::engine) struct Abouts<'a> {
    abouts: [About<'a>; SubjectKind::ALL.len()],
    len: usize,
    pub ambiguous: bool,
}

impl<'a> Abouts<'a> {
    pub(in crate::engine) fn all(&self) -> &[About<'a>] {
        self.abouts.get(..self.len).unwrap_or_default()
    }
}

impl Questions {
    pub(in crate::engine) fn clear(&mut self) {
        self.subjects.clear();
        self.kinds.clear();
        self.events.clear();
        self.answers.clear();
    }

    /// Every subject of the record, in the order of its events.
    pub(in crate::engine) fn subjects(&self) -> &[SubjectKey] {
        &self.subjects
    }

    /// Collects the subjects of every event.
    pub(in crate::engine) fn ask(
        &mut self,
        compiled: &Compiled,
        record: &Record<'_>,
        value: &str,
        tape: &Tape,
        index: &IndexKey,
    ) {
        self.clear();
        for event in &tape.events {
            self.ask_event(compiled, record, value, tape, event, index);
        }
    }

    fn ask_event(
        &mut self,
        compiled: &Compiled,
        record: &Record<'_>,
        value: &str,
        tape: &Tape,
        event: &EventTape,
        index: &IndexKey,
    ) {
        let start = self.subjects.len();
        let mut of = OfEvent { start, end: start, named: 0, ambiguous: false };
        let mut decoded = std::mem::take(&mut self.decoded);
        let own = tape.captures.get(event.captures as usize..event.captures_end as usize).unwrap_or(&[]);
        for capture in tape.envelope_captures.iter().chain(own) {
            let Slot::Subject(number) = capture.slot else { continue };
            let read = capture.kind.and_then(|kind| super::scalar(kind, capture.span.text(value), &mut decoded));
            match read {
                Some(scalar) => self.name(compiled, number, scalar, index, &mut of),
                None => of.ambiguous = true,
            }
        }
        for (source, slot) in &compiled.sources.record {
            let Slot::Subject(number) = *slot else { continue };
            let mut say = |bytes: Option<&[u8]>| match bytes.map(std::str::from_utf8) {
                None => {}
                Some(Ok(text)) => self.name(compiled, number, Scalar::String(text), index, &mut of),
                Some(Err(_)) => of.ambiguous = true,
            };
            match source {
                Source::Header(name) => {
                    let named = record.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
                    named.for_each(|header| say(header.value));
                }
                Source::Key => say(record.key),
                Source::Timestamp | Source::Event(_) | Source::Envelope(_) => {}
            }
        }
        self.decoded = decoded;
        of.end = self.subjects.len();
        self.events.push(of);
    }

    fn name(&mut self, compiled: &Compiled, number: u8, scalar: Scalar<'_>, index: &IndexKey, of: &mut OfEvent) {
        let Some((kind, _)) = compiled.policy.subjects.get(usize::from(number)) else { return };
        let text = match (scalar, token::canonical(scalar)) {
            (_, Canonical::Text(text)) => text,
            // Nobody is named.
            (Scalar::String(""), _) | (_, Canonical::Null) => return,
            (_, Canonical::Unfit) => {
                of.ambiguous = true;
                return;
            }
        };
        let bit = 1 << kind.index();
        of.ambiguous |= of.named & bit != 0;
        if of.named & bit == 0 {
            of.named |= bit;
            self.subjects.push(index.subject(*kind, text));
            self.kinds.push(*kind);
        }
    }

    /// The subjects of an event with their answers.
    pub(in crate::engine) fn abouts(&self, event: usize) -> Abouts<'_> {
        let nobody = About { kind: SubjectKind::Network, history: self.answers.get(usize::MAX) };
        // An event that was not asked about is not one about nobody.
        let of = self.events.get(event).copied().unwrap_or(OfEvent { ambiguous: true, ..OfEvent::default() });
        let mut abouts = Abouts { abouts: [nobody; SubjectKind::ALL.len()], len: 0, ambiguous: of.ambiguous };
        for (slot, question) in abouts.abouts.iter_mut().zip(of.start..of.end) {
            if let Some(kind) = self.kinds.get(question) {
                *slot = About { kind: *kind, history: self.answers.get(question) };
                abouts.len += 1;
            }
        }
        abouts
    }

    /// The event's account, if it names one and only one.
    pub(in crate::engine) fn account(&self, event: usize) -> Option<(SubjectKey, About<'_>)> {
        let of = self.events.get(event).filter(|of| !of.ambiguous)?;
        let at = (of.start..of.end).find(|at| self.kinds.get(*at) == Some(&SubjectKind::Account))?;
        let about = About { kind: SubjectKind::Account, history: self.answers.get(at) };
        Some((*self.subjects.get(at)?, about))
    }
}

/// Those of `denied` that are to be remembered for this subject: not those that are remembered already, and not those for
/// which the person chose to override the signal.
pub(in crate::engine) fn to_remember(
    about: &About<'_>,
    purposes: &Purposes,
    denied: Known,
    evidence: &Evidence<'_>,
    expiry_ms: i64,
) -> Vec<Purpose> {
    let settled = |purpose: &Purpose| {
        purposes.number(purpose).is_some_and(|number| {
            let judged = about.history.judge(number, evidence.event_ms, evidence.now_ms, expiry_ms);
            about.history.opted_out(number) || matches!(judged, Judged::Granted { over_gpc: true, .. })
        })
    };
    denied.names().filter_map(Purpose::parse).filter(|purpose| !settled(purpose)).collect()
}
