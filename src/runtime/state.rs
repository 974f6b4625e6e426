//! What the workers and the outside tell each other: stop, life signs, readiness, halts.
//!
//! One [`State`] a process, shared by every worker, the supervisor and the admin listener. It holds flags and words of
//! our own, never anything of a record. The trap: a halt belongs to a policy, not to a worker. Every worker that reads
//! a topic of that policy pauses it, and goes on with the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::engine::outcome::closed_list;

closed_list! {
    /// Why a policy's topics are paused: the label of `tamis_halted`.
    HaltReason {
        /// Too large a share of the events went to quarantine. Lifted by the admin listener or a restart.
        QuarantineRatio = "quarantine_ratio",
        /// A token domain has no key for the epoch of now. Lifted by itself once the key is there.
        TokenKey = "token_key",
        /// The consent table has not been read to its end. Lifted by itself.
        ConsentCold = "consent_cold",
        /// The consent table is older than `consent.max_staleness`. Lifted by itself.
        ConsentStale = "consent_stale",
        /// Records of an input partition are gone before they were read. Lifted by whoever moves the group's offset.
        OffsetGap = "offset_gap",
    }
}

/// How long a worker may be silent before it counts as hung, in milliseconds. A worker says that it lives at every
/// record, and at least once in every call of the client; the longest of them waits 30 s for the broker, and may be
/// repeated by the client.
pub const SILENCE_LIMIT_MS: i64 = 120_000;

/// The shared state of one process.
pub struct State {
    started: Instant,
    /// When the stop was asked for, in milliseconds since `started`, plus one; 0: not yet.
    stop_ms: AtomicI64,
    policies: Vec<[AtomicBool; HaltReason::ALL.len()]>,
    names: Vec<String>,
    workers: Vec<WorkerState>,
    gaps: Mutex<BTreeMap<(Arc<str>, i32), Gap>>,
}

/// Records that are gone from an input partition before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How many, as far as offsets tell.
    pub records: u64,
    /// What happened and what to do.
    pub what: String,
}

/// A worker that has been silent for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hung {
    /// Its number.
    pub worker: usize,
    /// The record that it decides: topic, partition, offset. Without one it hangs in a call of the client.
    pub deciding: Option<(Arc<str>, i32, i64)>,
}

impl std::fmt::Display for Hung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (worker, minutes) = (self.worker, SILENCE_LIMIT_MS / 60_000);
        match &self.deciding {
            Some((topic, partition, offset)) => write!(
                f,
                "worker {worker} has been deciding one record for {minutes} minutes: topic {topic}, partition {partition}, \
                 offset {offset}; that is a fault of ours, please report it"
            ),
            None => write!(f, "worker {worker} has hung in a call of the Kafka client for {minutes} minutes"),
        }
    }
}

/// What one worker says of itself.
struct WorkerState {
    beat_ms: AtomicI64,
    deciding: AtomicBool,
    record: Mutex<Option<(Arc<str>, i32, i64)>>,
    polling: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl State {
    /// For these policies, by name and in the order of the engines, and this many workers.
    pub fn new(policies: Vec<String>, workers: usize) -> State {
        State {
            started: Instant::now(),
            stop_ms: AtomicI64::new(0),
            policies: policies.iter().map(|_| Default::default()).collect(),
            names: policies,
            gaps: Mutex::default(),
            workers: (0..workers)
                .map(|_| WorkerState {
                    beat_ms: AtomicI64::new(0),
                    deciding: AtomicBool::new(false),
                    record: Mutex::new(None),
                    polling: AtomicBool::new(false),
                    trouble: Mutex::new(Some("has not started".to_owned())),
                })
                .collect(),
        }
    }

    /// Asks every worker to commit what it has and end.
    pub fn stop(&self) {
        let now = self.elapsed_ms().saturating_add(1);
        let _ = self.stop_ms.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
    }

    /// True once [`State::stop`] was called.
    pub fn stopping(&self) -> bool {
        self.stop_ms.load(Ordering::Acquire) != 0
    }

    /// How long ago the stop was asked for.
    pub fn stopping_for(&self) -> Option<Duration> {
        let at = self.stop_ms.load(Ordering::Acquire);
        (at != 0).then(|| Duration::from_millis(u64::try_from(self.elapsed_ms() + 1 - at).unwrap_or(0)))
    }

    /// Halts a policy or lifts a halt. True if that changed anything.
    pub fn halt(&self, policy: usize, reason: HaltReason, on: bool) -> bool {
        self.flag(policy, reason).is_some_and(|flag| flag.swap(on, Ordering::AcqRel) != on)
    }

    /// Is the policy halted, for whatever reason?
    pub fn halted(&self, policy: usize) -> bool {
        HaltReason::ALL.iter().any(|reason| self.halted_for(policy, *reason))
    }

    /// Is the policy halted for this reason?
    pub fn halted_for(&self, policy: usize, reason: HaltReason) -> bool {
        self.flag(policy, reason).is_some_and(|flag| flag.load(Ordering::Acquire))
    }

    /// Is any policy halted for this reason?
    pub fn halts(&self, reason: HaltReason) -> bool {
        (0..self.policies.len()).any(|policy| self.halted_for(policy, reason))
    }

    /// Lifts the quarantine breaker of every policy, as the admin call does. Returns how many were halted by it.
    pub fn resume(&self) -> usize {
        (0..self.policies.len()).filter(|policy| self.halt(*policy, HaltReason::QuarantineRatio, false)).count()
    }

    fn flag(&self, policy: usize, reason: HaltReason) -> Option<&AtomicBool> {
        self.policies.get(policy)?.get(reason.index())
    }

    /// Every reason not to be ready, as sentences; empty when records flow.
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping() {
            reasons.push("stopping".to_owned());
        }
        for (policy, name) in self.names.iter().enumerate() {
            if self.halted_for(policy, HaltReason::QuarantineRatio) {
                reasons.push(format!(
                    "policy {name} is halted: too many of its events went to quarantine; nothing is lost, its topics \
                     wait. Look at the reasons in the quarantine topic, then resume by the admin listener or restart"
                ));
            }
            if self.halted_for(policy, HaltReason::TokenKey) {
                reasons.push(format!(
                    "policy {name} is halted: the key file has no token key for the epoch of now; add one \
                     (`tamis keys add-epoch`), and it goes on by itself"
                ));
            }
            if self.halted_for(policy, HaltReason::ConsentCold) {
                reasons.push(format!(
                    "policy {name} is halted: the consent topic has not been read to its end yet; it goes on by itself"
                ));
            }
            if self.halted_for(policy, HaltReason::ConsentStale) {
                reasons.push(format!(
                    "policy {name} is halted: a partition of the consent topic has had no heartbeat for longer than \
                     consent.max_staleness, so a withdrawal may be missing; see to what writes the topic, and it goes on \
                     by itself"
                ));
            }
        }
        let gaps = self.gaps.lock().unwrap_or_else(|held| held.into_inner());
        reasons.extend(gaps.values().map(|gap| gap.what.clone()));
        drop(gaps);
        for (number, worker) in self.workers.iter().enumerate() {
            if let Some(trouble) = worker.trouble.lock().unwrap_or_else(|held| held.into_inner()).as_ref() {
                reasons.push(format!("worker {number} {trouble}"));
            }
        }
        reasons
    }

    /// The first worker that has been silent for too long, if any: it hangs in a call that does not return.
    pub fn hung(&self) -> Option<Hung> {
        self.hung_at(self.elapsed_ms())
    }

    fn hung_at(&self, now_ms: i64) -> Option<Hung> {
        let worker = self.workers.iter().position(|worker| {
            let beat = worker.beat_ms.load(Ordering::Relaxed);
            beat > 0 && now_ms - beat > SILENCE_LIMIT_MS
        })?;
        let silent = self.workers.get(worker)?;
        let record = || silent.record.lock().unwrap_or_else(|held| held.into_inner()).clone();
        let deciding = silent.deciding.load(Ordering::Acquire).then(record).flatten();
        Some(Hung { worker, deciding })
    }

    /// A worker lives, and begins to decide this record.
    pub fn deciding(&self, worker: usize, topic: &Arc<str>, partition: i32, offset: i64) {
        self.beat(worker);
        let Some(worker) = self.workers.get(worker) else { return };
        let mut record = worker.record.lock().unwrap_or_else(|held| held.into_inner());
        match record.as_mut() {
            Some(known) if Arc::ptr_eq(&known.0, topic) => (known.1, known.2) = (partition, offset),
            _ => *record = Some((Arc::clone(topic), partition, offset)),
        }
        worker.deciding.store(true, Ordering::Release);
    }

    /// A worker is done with deciding its record.
    pub fn decided(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.deciding.store(false, Ordering::Release);
        }
    }

    /// Records of a partition are gone before they were read, and its policy is halted. Returns how many are gone from
    /// all partitions of that topic, and whether this is news.
    pub fn gap(&self, policy: usize, topic: &Arc<str>, partition: i32, gap: Gap) -> (u64, bool) {
        let mut gaps = self.gaps.lock().unwrap_or_else(|held| held.into_inner());
        let news = gaps.insert((Arc::clone(topic), partition), gap.clone()) != Some(gap);
        self.halt(policy, HaltReason::OffsetGap, true);
        let records = gaps.iter().filter(|((name, _), _)| name == topic).map(|(_, gap)| gap.records);
        (records.sum(), news)
    }

    /// A worker says that it lives.
    pub fn beat(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.beat_ms.store(self.elapsed_ms().max(1), Ordering::Relaxed);
        }
    }

    /// A worker has ended for good: its silence means nothing any more.
    pub fn ended(&self, worker: usize) {
        if let Some(worker) = self.workers.get(worker) {
            worker.beat_ms.store(0, Ordering::Relaxed);
        }
    }

    /// A worker's trouble (a sentence without a subject: "cannot reach the broker"), or that it polls without any.
    pub fn trouble(&self, worker: usize, trouble: Option<String>) {
        if let Some(worker) = self.workers.get(worker) {
            let well = trouble.is_none();
            if well && worker.polling.load(Ordering::Relaxed) {
                return;
            }
            *worker.trouble.lock().unwrap_or_else(|held| held.into_inner()) = trouble;
            worker.polling.store(well, Ordering::Relaxed);
        }
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_only_when_every_worker_polls_and_nothing_is_halted() {
        let state = State::new(vec!["web".to_owned()], 2);
        assert_eq!(state.not_ready().len(), 2);
        state.trouble(0, None);
        state.trouble(1, None);
        assert!(state.not_ready().is_empty());
        assert!(state.halt(0, HaltReason::QuarantineRatio, true));
        assert!(!state.halt(0, HaltReason::QuarantineRatio, true), "halted already");
        assert!(state.halted(0) && state.halts(HaltReason::QuarantineRatio) && !state.halts(HaltReason::TokenKey));
        assert!(state.not_ready()[0].starts_with("policy web is halted: too many"));
        assert_eq!(state.resume(), 1);
        assert!(state.not_ready().is_empty());
        state.trouble(1, Some("cannot reach the broker".to_owned()));
        assert_eq!(state.not_ready(), ["worker 1 cannot reach the broker"]);
    }

    #[test]
    fn a_silent_worker_is_hung_and_an_ended_one_is_not() {
        let state = State::new(Vec::new(), 2);
        assert_eq!(state.hung_at(10 * SILENCE_LIMIT_MS), None, "none has started");
        state.beat(1);
        assert_eq!(state.hung(), None);
        let hung = state.hung_at(10 * SILENCE_LIMIT_MS).unwrap();
        assert_eq!(hung.to_string(), "worker 1 has hung in a call of the Kafka client for 2 minutes");
        state.ended(1);
        assert_eq!(state.hung_at(10 * SILENCE_LIMIT_MS), None);
    }

    #[test]
    fn a_worker_that_hangs_over_a_record_says_over_which() {
        let state = State::new(Vec::new(), 1);
        let topic = Arc::from("collector.web");
        state.deciding(0, &topic, 3, 1233);
        state.decided(0);
        state.deciding(0, &topic, 3, 1234);
        let hung = state.hung_at(10 * SILENCE_LIMIT_MS).unwrap().to_string();
        assert!(hung.contains("topic collector.web, partition 3, offset 1234") && !hung.contains("client"), "{hung}");
        state.decided(0);
        assert_eq!(state.hung(), None);
        assert!(state.hung_at(10 * SILENCE_LIMIT_MS).unwrap().to_string().contains("the Kafka client"));
    }

    #[test]
    fn a_gap_halts_its_policy_and_no_call_lifts_it() {
        let state = State::new(vec!["web".to_owned(), "app".to_owned()], 1);
        state.trouble(0, None);
        let gap = |records| Gap { records, what: format!("{records} records are gone") };
        let topic: Arc<str> = Arc::from("collector.web");
        assert_eq!(state.gap(0, &topic, 0, gap(3)), (3, true));
        assert_eq!(state.gap(0, &topic, 1, gap(4)), (7, true));
        assert_eq!(state.gap(0, &topic, 1, gap(4)), (7, false), "known already");
        assert!(state.halted(0) && !state.halted(1));
        assert_eq!(state.resume(), 0);
        assert!(state.halted(0));
        assert_eq!(state.not_ready(), ["3 records are gone", "4 records are gone"]);
    }
}
