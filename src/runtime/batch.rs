//! One batch of a worker: what was read, what was sent, and what to do when it fails.
//!
//! A batch is open from its first record to its commit; everything in it becomes visible together, and only then do
//! counters move. When the world fails, the same records are read again, for as long as it takes. When a record was
//! refused, the batch is tried again once, then in ever smaller parts (`Narrow`), until the record that fails alone is known: it
//! goes to quarantine by its coordinates, and the others go on.
//!
//! The trap: a record that was polled must either be taken or be read again. What is not taken is kept in `unread`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::outcome::QuarantineReason;
use crate::engine::record::Record;
use crate::engine::report::Report;
use crate::engine::token::KeyRing;
use crate::engine::{Engine, Facts, Halt, Work};
use crate::runtime::asking::{Asked, Taught};
use crate::runtime::metrics::{Metrics, Stage};
use crate::runtime::narrow::Narrow;
use crate::runtime::pipeline::{Cause, Failure, Position, Sink, lock};
use crate::runtime::quarantine::Breaker;
use crate::runtime::state::{HaltReason, State};

impl<K> Drop for Batch<K> {
    /// A worker that ends in the middle of a batch leaves no claims behind.
    fn drop(&mut self) {
        if let Some(asked) = &self.shared.consent {
            asked.conclude(&mut self.taught, false, 0);
        }
    }
}

/// What became of a record that was handed to [`Batch::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in the batch, and there is room for more.
    More,
    /// It is in the batch, which is now to be committed.
    Full,
    /// It was not taken and will be read again: its policy is halted, or the batch has failed.
    Unread,
}

/// When a batch is committed, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Age of its first record in it.
    pub interval: Duration,
    /// Bytes read and sent.
    pub bytes: u64,
}

/// What all batches of a process share.
pub struct Shared {
    /// One engine per policy.
    pub engines: Vec<Arc<Engine>>,
    /// The keys of now. Replaced as a whole; a batch keeps those it began with.
    pub keys: Mutex<Arc<KeyRing>>,
    /// Halts, stop and life signs.
    pub state: Arc<State>,
    /// Where counters live.
    pub metrics: Arc<Metrics>,
    /// Halts a policy that quarantines too much.
    pub breaker: Breaker,
    /// The consent table, and the policies that cannot decide without it.
    pub consent: Option<Asked>,
    /// Adds event ids, for readers that have to find duplicates (at-least-once delivery).
    pub event_ids: bool,
    /// What time it is.
    pub clock: Clock,
}

/// Tells the time, in milliseconds since 1970-01-01 UTC. Only tests have another than the system's: a process that can be
/// told what time it is could be told that a withdrawal is yet to come.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// One of a test's own.
    pub fn new(tell: impl Fn() -> i64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(tell))
    }

    /// Now.
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Clock {
        Clock::new(now_ms)
    }
}

impl Shared {
    /// What holds for a batch that begins now.
    pub fn facts(&self) -> Facts {
        let keys = Arc::clone(&lock(&self.keys));
        let choices = self.consent.as_ref().map(Asked::choices);
        Facts::new(self.clock.now_ms(), keys).with_event_ids(self.event_ids).with_choices(choices)
    }
}

/// See the module.
pub struct Batch<K> {
    sink: K,
    worker: usize,
    shared: Arc<Shared>,
    bounds: Bounds,
    topics: Vec<(Arc<str>, usize)>,
    reports: Vec<Report>,
    work: Work,
    open: Option<Open>,
    positions: Vec<Position>,
    unread: Vec<Position>,
    failure: Option<Failure>,
    narrow: Narrow,
    taught: Taught,
    reached: BTreeMap<(Arc<str>, i32), i64>,
    committed: bool,
}

struct Open {
    since: Instant,
    facts: Facts,
    records: usize,
    bytes: u64,
    oldest_ms: Option<i64>,
    deciding: Duration,
    sampled: u32,
}

/// One record in so many is timed: two looks at the clock would be felt on every one.
const SAMPLE: usize = 16;

impl Open {
    /// The time that deciding took, as far as the sample tells.
    fn decided(&self) -> Duration {
        let records = u32::try_from(self.records).unwrap_or(u32::MAX);
        self.deciding.checked_div(self.sampled).unwrap_or_default().saturating_mul(records)
    }
}

/// What [`Batch::undo`] leaves to do.
pub struct Undone {
    /// Read on from here.
    pub positions: Vec<Position>,
    /// Why, unless records were merely not taken.
    pub failure: Option<Failure>,
}

impl<K: Sink> Batch<K> {
    /// An empty batch over `sink`, of this worker.
    pub fn new(sink: K, shared: Arc<Shared>, bounds: Bounds, worker: usize) -> Batch<K> {
        let topics = shared.engines.iter().enumerate().flat_map(|(policy, engine)| {
            engine.policy().input.topics.iter().map(move |topic| (Arc::from(topic.as_str()), policy))
        });
        let topics = topics.collect();
        let reports = shared.engines.iter().map(|engine| Report::new(engine)).collect();
        Batch {
            sink,
            worker,
            bounds,
            topics,
            reports,
            work: Work::new(),
            open: None,
            positions: Vec::new(),
            unread: Vec::new(),
            failure: None,
            narrow: Narrow::default(),
            taught: Taught::default(),
            reached: BTreeMap::new(),
            committed: false,
            shared,
        }
    }

    /// Decides one record and sends what leaves of it. `refuse`: the source could not read all of it.
    pub fn take(&mut self, record: &Record<'_>, refuse: Option<QuarantineReason>) -> Taken {
        let known = self.topics.iter().position(|(topic, _)| **topic == *record.topic);
        let Some((topic, policy)) = known.and_then(|at| self.topics.get(at)).cloned() else {
            self.fail(Failure::session(format!("a record came from topic {}, which no policy reads", record.topic)));
            return Taken::Unread;
        };
        if self.failure.is_none() && self.open.is_none() {
            self.begin();
        }
        if self.failure.is_some() || self.shared.state.halted(policy) || self.is_unread(&topic, record.partition) {
            self.leave(topic, record);
            return Taken::Unread;
        }
        self.reach(&topic, record);
        if let Err(failure) = self.decide(&topic, policy, record, refuse) {
            self.fail(failure);
            return Taken::Full;
        }
        if self.open.is_none() || self.due() { Taken::Full } else { Taken::More }
    }

    fn begin(&mut self) {
        let facts = self.shared.facts();
        self.review(&facts);
        match self.sink.begin() {
            Ok(()) => {
                self.open = Some(Open {
                    since: Instant::now(),
                    facts,
                    records: 0,
                    bytes: 0,
                    oldest_ms: None,
                    deciding: Duration::ZERO,
                    sampled: 0,
                });
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// Halts the policies that cannot decide now, and lifts those halts again.
    fn review(&self, facts: &Facts) {
        self.review_keys(facts);
        if let Some(asked) = &self.shared.consent {
            asked.review(&self.shared.state, &self.shared.metrics);
        }
    }

    /// Halts the policies that have no token key for now, and lifts that halt from those that have.
    fn review_keys(&self, facts: &Facts) {
        let state = &self.shared.state;
        let mut changed = false;
        for (policy, engine) in self.shared.engines.iter().enumerate() {
            let missing = matches!(engine.ready(facts), Err(Halt::TokenKey { .. }));
            if state.halt(policy, HaltReason::TokenKey, missing) {
                changed = true;
                let name = &engine.policy().name;
                if missing {
                    tracing::error!(policy = %name, "halted: no token key for the epoch of now; its topics wait");
                } else {
                    tracing::info!(policy = %name, "goes on: the token key for the epoch of now is there");
                }
            }
        }
        if changed {
            self.shared.metrics.halted(HaltReason::TokenKey, state.halts(HaltReason::TokenKey));
        }
    }

    /// Looks whether halts still hold, when no batch is open.
    pub fn review_idle(&mut self) {
        if self.open.is_none() {
            self.review(&self.shared.facts());
            self.sink.idle();
        }
    }

    fn decide(
        &mut self,
        topic: &Arc<str>,
        policy: usize,
        record: &Record<'_>,
        refuse: Option<QuarantineReason>,
    ) -> Result<(), Failure> {
        let (Some(engine), Some(report), Some(open)) =
            (self.shared.engines.get(policy), self.reports.get_mut(policy), self.open.as_mut())
        else {
            return Err(Failure::session("the batch is not open"));
        };
        let alone = self.narrow.refuses(topic, record.partition, record.offset);
        let refuse = if alone { Some(QuarantineReason::Refused) } else { refuse };
        let sampled = (open.records % SAMPLE == 0).then(Instant::now);
        self.shared.state.deciding(self.worker, topic, record.partition, record.offset);
        let decided = match refuse {
            Some(reason) => {
                engine.refuse(record, reason, &mut self.work, report);
                Ok(())
            }
            // The batch is undone and read again; until choices can be asked for, its policy is halted.
            None => engine
                .process(record, &open.facts, &mut self.work, report)
                .map_err(|unavailable| Failure::world(unavailable.to_string())),
        };
        self.shared.state.decided(self.worker);
        decided?;
        if let Some(at) = sampled {
            open.deciding += at.elapsed();
            open.sampled += 1;
        }
        open.records += 1;
        open.bytes += record.value.map_or(0, |value| value.len() as u64);
        if let Some(timestamp) = record.timestamp {
            open.oldest_ms = Some(open.oldest_ms.map_or(timestamp, |oldest| oldest.min(timestamp)));
        }
        for output in self.work.outputs() {
            open.bytes += output.size() as u64;
            self.sink.output(&output)?;
        }
        for note in self.work.notes() {
            self.sink.note(&note, open.facts.now_ms)?;
        }
        if let Some(asked) = &self.shared.consent {
            for denial in self.work.learned() {
                if asked.claim(&denial, &mut self.taught) {
                    self.sink.learned(&denial, open.facts.now_ms)?;
                }
            }
            asked.enforced(&self.work, engine.policy().routes.len(), &self.shared.metrics, &self.shared.clock);
        }
        Ok(())
    }

    /// The topics that this process reads, and whether their policy is halted.
    pub fn topic_halted(&self, topic: &str) -> bool {
        self.topics.iter().any(|(name, policy)| **name == *topic && self.shared.state.halted(*policy))
    }

    /// How long until the open batch is due; `None` when none is open.
    pub fn remaining(&self) -> Option<Duration> {
        self.open.as_ref().map(|open| self.bounds.interval.saturating_sub(open.since.elapsed()))
    }

    /// Is it time to commit?
    pub fn due(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.since.elapsed() >= self.bounds.interval
                || open.bytes >= self.bounds.bytes
                || !self.narrow.room(open.records)
                || !self.unread.is_empty()
        })
    }

    /// Remembers that the batch cannot be committed. The first failure is the one that counts, unless a later one
    /// ends the session.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.as_ref().is_none_or(|first| failure.cause == Cause::Session && first.cause != Cause::Session) {
            self.failure = Some(failure);
        }
    }

    /// Commits the open batch, if there is one and it has not failed. Counters move here and nowhere else.
    pub fn settle(&mut self, reader: &K::Reader) -> Result<(), Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(open) = &self.open else { return Ok(()) };
        let committing = Instant::now();
        if let Err(failure) = self.sink.commit(&self.positions, reader) {
            self.fail(failure.clone());
            return Err(failure);
        }
        let now_ms = self.shared.clock.now_ms();
        if let Some(asked) = &self.shared.consent {
            asked.conclude(&mut self.taught, true, now_ms);
        }
        let metrics = &self.shared.metrics;
        for (policy, report) in self.reports.iter_mut().enumerate() {
            if report.records() > 0 {
                metrics.committed(policy, report, now_ms);
                self.shared.breaker.observe(policy, report, &self.shared);
                report.clear();
            }
        }
        metrics.stage(Stage::Decide, open.decided());
        metrics.stage(Stage::Commit, committing.elapsed());
        metrics.batch(true, open.since.elapsed());
        if let Some(oldest) = open.oldest_ms {
            metrics.end_to_end(Duration::from_millis(u64::try_from(now_ms - oldest).unwrap_or(0)));
        }
        for position in &self.positions {
            self.reached.insert((Arc::clone(&position.topic), position.partition), position.next);
        }
        self.narrow.passed(&self.positions);
        self.positions.clear();
        self.open = None;
        self.committed = true;
        Ok(())
    }

    /// Commits or undoes the batch because partitions are about to be taken away; `lost`: they are gone already.
    pub fn release(&mut self, revoked: &[(String, i32)], lost: bool, reader: &K::Reader) {
        if lost && self.open.is_some() {
            self.fail(Failure::world("the group gave our partitions away; what was not committed is read again"));
        }
        if self.settle(reader).is_err() {
            match self.undo() {
                Ok(undone) => {
                    self.unread = undone.positions;
                    // Read again what is still ours, once the poll that called us has returned.
                    self.failure = None;
                }
                Err(failure) => self.fail(failure),
            }
        }
        let gone = |topic: &str, partition: i32| revoked.iter().any(|(t, p)| t == topic && *p == partition);
        self.unread.retain(|position| !gone(&position.topic, position.partition));
        self.narrow.forget(gone);
        self.reached.retain(|(topic, partition), _| !gone(topic, *partition));
        for (topic, partition) in revoked {
            self.shared.metrics.lag(&Arc::from(topic.as_str()), *partition, None);
        }
    }

    /// Has anything failed, or is there anything to be read again?
    pub fn troubled(&self) -> bool {
        self.failure.is_some() || !self.unread.is_empty()
    }

    /// Undoes the batch if it failed, and says where to read on. `Err`: the clients are done for.
    pub fn undo(&mut self) -> Result<Undone, Failure> {
        let mut positions = std::mem::take(&mut self.unread);
        let failure = self.failure.take();
        if let Some(failure) = &failure {
            if let Some(asked) = &self.shared.consent {
                asked.conclude(&mut self.taught, false, 0);
            }
            if failure.cause == Cause::Session {
                return Err(failure.clone());
            }
            self.shared.metrics.batch(false, self.open.as_ref().map_or(Duration::ZERO, |open| open.since.elapsed()));
            if self.open.take().is_some() {
                self.sink.abort()?;
            }
            if failure.cause == Cause::Record {
                self.narrow.failed(&self.positions)?;
            }
            for report in &mut self.reports {
                report.clear();
            }
            for position in self.positions.drain(..) {
                add(&mut positions, position);
            }
        }
        Ok(Undone { positions, failure })
    }

    /// True once after each commit.
    pub fn take_committed(&mut self) -> bool {
        std::mem::take(&mut self.committed)
    }

    /// Offset after the last committed record of a partition, if this session committed any.
    pub fn reached(&self, topic: &str, partition: i32) -> Option<i64> {
        self.reached.get(&(Arc::from(topic), partition)).copied()
    }

    /// What all batches share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn is_unread(&self, topic: &Arc<str>, partition: i32) -> bool {
        self.unread.iter().any(|position| position.topic == *topic && position.partition == partition)
    }

    fn leave(&mut self, topic: Arc<str>, record: &Record<'_>) {
        let position = Position { topic, partition: record.partition, first: record.offset, next: record.offset };
        add(&mut self.unread, position);
    }

    fn reach(&mut self, topic: &Arc<str>, record: &Record<'_>) {
        let next = record.offset + 1;
        let known = self.positions.iter_mut().find(|p| p.partition == record.partition && p.topic == *topic);
        match known {
            Some(position) => position.next = next,
            None => self.positions.push(Position {
                topic: Arc::clone(topic),
                partition: record.partition,
                first: record.offset,
                next,
            }),
        }
    }
}

/// Keeps the smallest `first` of each partition.
fn add(positions: &mut Vec<Position>, new: Position) {
    match positions.iter_mut().find(|p| p.partition == new.partition && p.topic == new.topic) {
        Some(known) => {
            known.first = known.first.min(new.first);
            known.next = known.next.max(new.next);
        }
        None => positions.push(new),
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
