//! A worker's buffers and, in them, what came of the last record.
//!
//! [`Minimized`] and [`QuarantineNote`] can only be made here: a sink that takes nothing else cannot be given a raw
//! value.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::compile::Compiled;
use crate::engine::consent::Purpose;
use crate::engine::consent::choice::{OptOutSource, Purposes, SubjectKey, record};
use crate::engine::evidence::{Gathered, Questions};
use crate::engine::listed::ListedHeaders;
use crate::engine::outcome::{Opening, Outcome, QuarantineReason};
use crate::engine::read::ReadScratch;
use crate::engine::record::Record;
use crate::engine::report::CounterId;
use crate::engine::route::RouteScratch;
use crate::engine::tape::Tape;

/// Buffers of one worker, reused from record to record. No `Debug`: it is full of values.
#[derive(Default)]
pub struct Work {
    pub(in crate::engine) compiled: Option<Arc<Compiled>>,
    pub(in crate::engine) tape: Tape,
    pub(in crate::engine) read: ReadScratch,
    pub(in crate::engine) route: RouteScratch,
    pub(in crate::engine) gathered: Gathered,
    pub(in crate::engine) questions: Questions,
    /// Numbers of purposes in the answers; `None`: nothing was asked.
    pub(in crate::engine) purposes: Option<Arc<Purposes>>,
    pub(in crate::engine) results: Results,
}

/// What came of one record.
#[derive(Default)]
pub(in crate::engine) struct Results {
    topic: String,
    partition: i32,
    offset: i64,
    /// Output keys, values and headers, one behind the other.
    pub bytes: Vec<u8>,
    pub outputs: Vec<Output>,
    pub headers: Vec<OutputHeader>,
    /// Headers that the policy lists, once for all outputs of the record.
    pub listed: ListedHeaders,
    /// Bytes of all outputs, counting what they share as often as it leaves.
    pub sent: usize,
    pub notes: Vec<Note>,
    pub learned: Vec<Learned>,
    pub events: Vec<EventResult>,
    /// One per event and route.
    pub openings: Vec<Opening>,
    /// Counts to add to the report when the record is done.
    pub journal: Vec<(CounterId, u32)>,
}

/// A moment of [`Results`].
#[derive(Clone, Copy)]
pub(in crate::engine) struct ResultsMark {
    bytes: usize,
    outputs: usize,
    headers: usize,
    sent: usize,
    journal: usize,
}

/// One output record, as ranges of [`Results::bytes`].
pub(in crate::engine) struct Output {
    pub route: usize,
    pub event: u32,
    pub key: Option<Range<usize>>,
    pub value: Option<Range<usize>>,
    pub headers: Range<usize>,
    pub timestamp: Option<i64>,
    pub placement: Placement,
}

/// One header of ours.
pub(in crate::engine) struct OutputHeader {
    pub name: &'static str,
    /// In [`Results::bytes`].
    pub value: Range<usize>,
}

/// Coordinates of an event in quarantine.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Note {
    pub index: Option<u32>,
    pub reason: QuarantineReason,
}

/// A denial that an opt-out signal taught, as a record of the consent topic.
pub(in crate::engine) struct Learned {
    subject: SubjectKey,
    source: OptOutSource,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What came of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventResult {
    /// Its outcome.
    pub outcome: Outcome,
}

/// Which partition an output record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// This number: the input's.
    Same(i32),
    /// By the hash of its key (`murmur2_random`).
    ByKey,
}

impl Work {
    /// Empty buffers.
    pub fn new() -> Work {
        Work::default()
    }

    /// Output records of the last record, in the order of events, then of routes.
    pub fn outputs(&self) -> impl Iterator<Item = Minimized<'_>> {
        let compiled = self.compiled.as_deref();
        self.results
            .outputs
            .iter()
            .filter_map(move |output| Some(Minimized { compiled: compiled?, results: &self.results, output }))
    }

    /// What goes to the quarantine topic.
    pub fn notes(&self) -> impl Iterator<Item = QuarantineNote<'_>> {
        let compiled = self.compiled.as_deref();
        self.results
            .notes
            .iter()
            .filter_map(move |&note| Some(QuarantineNote { compiled: compiled?, results: &self.results, note }))
    }

    /// Denials that the last record's opt-out signals taught: for the consent topic, in the same transaction. A denial that
    /// is remembered already is not among them; one that is on its way to the table is.
    pub fn learned(&self) -> impl Iterator<Item = LearnedDenial<'_>> {
        self.results.learned.iter().map(LearnedDenial)
    }

    /// Whom the last record was about, where choices were asked for.
    pub fn subjects(&self) -> &[SubjectKey] {
        self.questions.subjects()
    }

    /// The events of the last record, in order. An unreadable record is one event; an empty batch none.
    pub fn events(&self) -> &[EventResult] {
        &self.results.events
    }

    /// The opening of a route for an event, by their numbers.
    pub fn opening(&self, event: usize, route: usize) -> Option<Opening> {
        let routes = self.compiled.as_ref()?.routes.len();
        self.results.openings.get(event * routes + route).copied()
    }

    pub(in crate::engine) fn begin(&mut self, compiled: &Arc<Compiled>, record: &Record<'_>) {
        if !self.compiled.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, compiled)) {
            self.compiled = Some(Arc::clone(compiled));
        }
        self.tape.clear();
        self.questions.clear();
        self.purposes = None;
        self.results.begin(record);
    }
}

impl Results {
    pub(in crate::engine) fn begin(&mut self, record: &Record<'_>) {
        self.topic.clear();
        self.topic.push_str(record.topic);
        self.partition = record.partition;
        self.offset = record.offset;
        self.bytes.clear();
        self.outputs.clear();
        self.headers.clear();
        self.listed.clear();
        self.sent = 0;
        self.notes.clear();
        self.learned.clear();
        self.events.clear();
        self.openings.clear();
        self.journal.clear();
    }

    #[inline]
    pub(in crate::engine) fn count(&mut self, id: CounterId, by: u32) {
        self.journal.push((id, by));
    }

    /// Remembers that an account objected to these purposes by an opt-out signal; once per record, account and signal.
    pub(in crate::engine) fn learn(
        &mut self,
        subject: SubjectKey,
        source: OptOutSource,
        purposes: &[Purpose],
        at_ms: i64,
    ) {
        if self.learned.iter().any(|known| known.subject == subject && known.source == source) {
            return;
        }
        if let Some((key, value)) = record::learned(subject, source, purposes, at_ms) {
            self.learned.push(Learned { subject, source, key, value });
        }
    }

    pub(in crate::engine) fn mark(&self) -> ResultsMark {
        ResultsMark {
            bytes: self.bytes.len(),
            outputs: self.outputs.len(),
            headers: self.headers.len(),
            sent: self.sent,
            journal: self.journal.len(),
        }
    }

    /// Forgets the outputs and counts since `mark`.
    pub(in crate::engine) fn return_to(&mut self, mark: ResultsMark) {
        self.bytes.truncate(mark.bytes);
        self.outputs.truncate(mark.outputs);
        self.headers.truncate(mark.headers);
        self.sent = mark.sent;
        self.journal.truncate(mark.journal);
    }
}

/// An output record. It has no public constructor: only the engine makes one.
#[derive(Clone, Copy)]
pub struct Minimized<'a> {
    compiled: &'a Compiled,
    results: &'a Results,
    output: &'a Output,
}

impl<'a> Minimized<'a> {
    /// The route's number in the policy.
    pub fn route(&self) -> usize {
        self.output.route
    }

    /// The topic it goes to.
    pub fn topic(&self) -> &'a str {
        self.compiled.policy.routes.get(self.output.route).map_or("", |route| &route.topic)
    }

    /// The event's index in its batch; 0 without `split`.
    pub fn event(&self) -> u32 {
        self.output.event
    }

    /// The partition it goes to.
    pub fn placement(&self) -> Placement {
        self.output.placement
    }

    /// A token, or no key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.range(self.output.key.as_ref()?)
    }

    /// The minimized event; `None` is a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.range(self.output.value.as_ref()?)
    }

    /// Headers, in order: those that the policy lists, then ours.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let Minimized { compiled, results, output } = *self;
        // A tombstone asks nobody for consent, so that it carries nothing of the record.
        let listed = output.value.is_some().then_some(&results.listed);
        let own = results.headers.get(output.headers.clone()).unwrap_or(&[]).iter();
        let own = own.map(move |header| (header.name, results.bytes.get(header.value.clone()).unwrap_or(&[])));
        listed.into_iter().flat_map(|listed| listed.iter(&compiled.policy)).chain(own)
    }

    /// Milliseconds since 1970-01-01 UTC, rounded as the policy says.
    pub fn timestamp(&self) -> Option<i64> {
        self.output.timestamp
    }

    /// Bytes of key, value and headers.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers().map(|(name, value)| name.len() + value.len()).sum();
        self.key().map_or(0, <[u8]>::len) + self.value().map_or(0, <[u8]>::len) + headers
    }

    fn range(&self, range: &Range<usize>) -> Option<&'a [u8]> {
        self.results.bytes.get(range.clone())
    }
}

/// Coordinates of an event that could not be processed, and why: no values. Only the engine makes one.
#[derive(Clone, Copy)]
pub struct QuarantineNote<'a> {
    compiled: &'a Compiled,
    results: &'a Results,
    note: Note,
}

impl<'a> QuarantineNote<'a> {
    /// The input topic.
    pub fn topic(&self) -> &'a str {
        &self.results.topic
    }

    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.results.partition
    }

    /// The record's offset.
    pub fn offset(&self) -> i64 {
        self.results.offset
    }

    /// The event's index in its batch; `None` when the whole record could not be read.
    pub fn index(&self) -> Option<u32> {
        self.note.index
    }

    /// Why.
    pub fn reason(&self) -> QuarantineReason {
        self.note.reason
    }

    /// Digest of the policy that was in force.
    pub fn policy_digest(&self) -> &'a str {
        &self.compiled.policy.digest
    }
}

/// A denial that an opt-out signal taught about an account, as a record of the consent topic: the subject is a key, no
/// value of the event is in it. Only the engine makes one.
#[derive(Clone, Copy)]
pub struct LearnedDenial<'a>(&'a Learned);

impl<'a> LearnedDenial<'a> {
    /// About whom.
    pub fn subject(&self) -> SubjectKey {
        self.0.subject
    }

    /// Which signal taught it.
    pub fn source(&self) -> OptOutSource {
        self.0.source
    }

    /// The record's key: its id.
    pub fn key(&self) -> &'a [u8] {
        &self.0.key
    }

    /// The record's value.
    pub fn value(&self) -> &'a [u8] {
        &self.0.value
    }
}
