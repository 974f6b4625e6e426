//! Starts the workers, starts a failed one again, and knows when all have ended.
//!
//! A worker that fails says why, waits, and begins anew: 1 s, 2 s, … 30 s, from the start again once a session has
//! lived for a minute. The trap: a worker may hang in a call of the client that never returns. It cannot be ended from
//! outside; [`State::hung`](crate::runtime::state::State::hung) tells, and the process has to exit. That is safe: it is
//! what the transactions are for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use super::transaction::Delivery;
use super::worker::session;
use crate::runtime::batch::{Bounds, Shared};
use crate::runtime::pipeline::Failure;
use crate::runtime::state::State;

/// What workers need to know of the deployment.
pub struct Settings {
    /// Client settings of each worker's consumer, `group.id` and `group.instance.id` among them.
    pub consumers: Vec<ClientConfig>,
    /// Client settings of each worker's producer, with a `transactional.id` for exactly-once delivery.
    pub producers: Vec<ClientConfig>,
    /// How batches are delivered.
    pub delivery: Delivery,
    /// The quarantine topic.
    pub quarantine: String,
    /// The consent topic, if there is one.
    pub consent: Option<String>,
    /// When batches are committed.
    pub bounds: Bounds,
}

/// First and longest pause before a failed worker begins anew.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A session that lived so long failed for a new reason.
const LIVED: Duration = Duration::from_secs(60);

/// The workers of a process.
pub struct Supervisor {
    threads: Vec<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts one worker per producer of the settings, each on its own thread.
    ///
    /// # Errors
    ///
    /// When the system cannot start a thread.
    pub fn start(settings: Settings, shared: &Arc<Shared>) -> std::io::Result<Supervisor> {
        let settings = Arc::new(settings);
        let threads = (0..settings.producers.len()).map(|worker| {
            let (settings, shared) = (Arc::clone(&settings), Arc::clone(shared));
            std::thread::Builder::new().name(format!("worker-{worker}")).spawn(move || tend(&settings, &shared, worker))
        });
        Ok(Supervisor { threads: threads.collect::<Result<_, _>>()? })
    }

    /// Have all workers ended?
    pub fn ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for all workers to end, but no longer than this. True if they have.
    pub fn wait(&self, limit: Duration) -> bool {
        let started = Instant::now();
        while !self.ended() {
            if started.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

fn tend(settings: &Settings, shared: &Arc<Shared>, worker: usize) {
    let state = &shared.state;
    let mut failures = 0;
    while !state.stopping() {
        let started = Instant::now();
        state.beat(worker);
        let ended = catch_unwind(AssertUnwindSafe(|| session(settings, shared, worker)))
            .unwrap_or_else(|_| Err(Failure::session("a defect of ours ended the worker (the log says where)")));
        let Err(failure) = ended else { break };
        if state.stopping() {
            tracing::warn!(worker, "stopped without the batch at hand, which the next start reads again: {failure}");
            break;
        }
        failures = if started.elapsed() > LIVED { 0 } else { failures };
        let pause = RESTART.0.saturating_mul(1 << u32::min(failures, 16)).min(RESTART.1);
        failures += 1;
        tracing::error!(worker, "failed, and begins anew in {} s: {failure}", pause.as_secs());
        state.trouble(worker, Some(format!("begins anew in {} s: {failure}", pause.as_secs())));
        sleep(pause, state, worker);
    }
    state.trouble(worker, Some("has ended".to_owned()));
    state.ended(worker);
}

fn sleep(length: Duration, state: &State, worker: usize) {
    let end = Instant::now() + length;
    while Instant::now() < end && !state.stopping() {
        state.beat(worker);
        std::thread::sleep(Duration::from_millis(50));
    }
}
