//! The batch loop: poll, decide, send, and commit all of it or nothing.
//!
//! It knows the world only as a [`Source`] and a [`Sink`], so that tests can stand in for Kafka. What may leave is the
//! engine's to say: a sink takes only what the engine built. When anything fails, the batch is undone and its records
//! are read again; [`Batch`] knows how often, and when to go on one record at a time.
//!
//! The trap: `Source::poll` may call back into the batch (partitions are taken away while it polls), so the batch sits
//! behind a lock that must not be held across a poll.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::engine::outcome::QuarantineReason;
use crate::engine::record::Record;
use crate::engine::{LearnedDenial, Minimized, QuarantineNote};
use crate::runtime::batch::{Batch, Taken};
use crate::runtime::state::State;

/// How far one partition of an input topic has been read in the batch at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The input topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Offset of the first record in the batch: where reading starts again if the batch is undone.
    pub first: i64,
    /// Offset after the last record in the batch: what a commit says.
    pub next: i64,
}

/// Why something failed, as far as it decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A record was refused for what it is: trying it again alone tells which.
    Record,
    /// The world failed (broker, network, rights): no record is to blame, and none goes to quarantine for it.
    World,
    /// The clients cannot be used any more (fenced, fatal): new ones are needed.
    Session,
}

/// A failure of the source or the sink. Says nothing of any record but its coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub cause: Cause,
    /// A sentence for the log and `/readyz`.
    pub what: String,
}

impl Failure {
    /// The clients are done for.
    pub fn session(what: impl Into<String>) -> Failure {
        Failure { cause: Cause::Session, what: what.into() }
    }

    /// The world failed.
    pub fn world(what: impl Into<String>) -> Failure {
        Failure { cause: Cause::World, what: what.into() }
    }

    /// A record was refused.
    pub fn record(what: impl Into<String>) -> Failure {
        Failure { cause: Cause::Record, what: what.into() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

/// Where records come from.
pub trait Source {
    /// What a sink needs of the source to commit (for Kafka, the consumer).
    type Reader;

    /// Waits up to `wait` for the next record, and hands it and those that are there already to `each`, until that
    /// says [`ControlFlow::Break`] or [`BURST`] is reached. With a reason: the record could not be read as a whole.
    fn poll(&self, wait: Duration, each: &mut Each<'_>) -> Result<(), Failure>;

    /// For [`Sink::commit`].
    fn reader(&self) -> &Self::Reader;

    /// Reads on at `first` of each position. Partitions that are no longer ours are skipped.
    fn rewind(&self, positions: &[Position]) -> Result<(), Failure>;

    /// Stops (or starts again) reading the topics for which `halted` says so; partitions that come to us later, too.
    /// Called before every poll: must cost nothing when nothing changed.
    fn hold(&self, halted: &dyn Fn(&str) -> bool) -> Result<(), Failure>;
}

/// What takes the records of a [`Source::poll`].
pub type Each<'a> = dyn FnMut(&Record<'_>, Option<QuarantineReason>) -> ControlFlow<()> + 'a;

/// Most records of one poll: between polls a worker looks at the clock, at halts and at stops.
pub const BURST: usize = 256;

/// Where outputs go.
pub trait Sink {
    /// See [`Source::Reader`].
    type Reader;

    /// Called before the first output of a batch.
    fn begin(&mut self) -> Result<(), Failure>;

    /// Sends one output record. Nothing of it can be seen before the commit.
    fn output(&mut self, output: &Minimized<'_>) -> Result<(), Failure>;

    /// Sends one note to the quarantine topic, in the same transaction.
    fn note(&mut self, note: &QuarantineNote<'_>, now_ms: i64) -> Result<(), Failure>;

    /// Sends one denial to the consent topic, in the same transaction.
    fn learned(&mut self, denial: &LearnedDenial<'_>, now_ms: i64) -> Result<(), Failure>;

    /// Everything sent since `begin`, and these positions, become visible together.
    fn commit(&mut self, positions: &[Position], reader: &Self::Reader) -> Result<(), Failure>;

    /// Everything sent since `begin` never was.
    fn abort(&mut self) -> Result<(), Failure>;

    /// Called now and then between batches, for the client's own housekeeping.
    fn idle(&mut self) {}
}

/// How long a poll waits when no batch is open. Bounds how late a stop or a halt is noticed.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// How often halts are looked at again while no batch is open.
const REVIEW: Duration = Duration::from_secs(1);

/// First and longest pause after the world failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Runs one worker until it is told to stop (`Ok`) or its clients cannot be used any more.
pub fn run<S, K>(source: &S, batch: &Mutex<Batch<K>>, state: &State, worker: usize) -> Result<(), Failure>
where
    S: Source,
    K: Sink<Reader = S::Reader>,
{
    let mut failures = 0u32;
    let mut reviewed = Instant::now();
    loop {
        state.beat(worker);
        if state.stopping() {
            return lock(batch).settle(source.reader());
        }
        if reviewed.elapsed() >= REVIEW {
            reviewed = Instant::now();
            lock(batch).review_idle();
        }
        source.hold(&|topic| lock(batch).topic_halted(topic))?;
        let wait = lock(batch).remaining().unwrap_or(IDLE_WAIT);
        let polled = source.poll(wait, &mut |record, refuse| match lock(batch).take(record, refuse) {
            Taken::More => ControlFlow::Continue(()),
            Taken::Full | Taken::Unread => ControlFlow::Break(()),
        });
        let mut batch = lock(batch);
        match polled {
            Err(failure) => batch.fail(failure),
            // What fails here is remembered in the batch.
            Ok(()) if batch.due() => drop(batch.settle(source.reader())),
            Ok(()) => {}
        }
        if batch.troubled() {
            let undone = batch.undo()?;
            drop(batch);
            if let Some(failure) = &undone.failure {
                tracing::warn!(worker, "batch undone: {failure}");
                state.trouble(worker, Some(format!("has to try again: {failure}")));
                if failure.cause == Cause::World {
                    pause(backoff(failures), state, worker);
                    failures = failures.saturating_add(1);
                }
            }
            source.rewind(&undone.positions)?;
        } else if batch.take_committed() {
            failures = 0;
            state.trouble(worker, None);
        }
    }
}

/// 100 ms, 200 ms, … 5 s.
fn backoff(failures: u32) -> Duration {
    BACKOFF.0.saturating_mul(1 << failures.min(16)).min(BACKOFF.1)
}

/// Sleeps, but not through a stop.
fn pause(length: Duration, state: &State, worker: usize) {
    let end = Instant::now() + length;
    while Instant::now() < end && !state.stopping() {
        state.beat(worker);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The batch, whoever panicked while holding it: its own state says whether it can be used.
pub(crate) fn lock<T>(batch: &Mutex<T>) -> MutexGuard<'_, T> {
    batch.lock().unwrap_or_else(|held| held.into_inner())
}
