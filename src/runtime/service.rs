//! A deployment at work: engines, keys, metrics, the admin listener and the workers, wired together.
//!
//! It decides nothing: the deployment file and the policies have been read by now, and preflight has looked at the
//! brokers. The trap: keys are read again while the process runs, and a file that no longer holds what is in use must
//! not take anything away; the keys in use stay.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::admin::{self, Views};
use super::asking::Asked;
use super::batch::{Bounds, Clock, Shared};
use super::consent::{self, Following};
use super::kafka::transaction::Delivery;
use super::kafka::{Settings, Supervisor, client};
use super::keys::{self, LiveKeys};
use super::metrics::Metrics;
use super::pipeline::lock;
use super::quarantine::Breaker;
use super::state::{HaltReason, State};
use crate::config::{self, Config};
use crate::engine::Engine;
use crate::engine::policy::model::Policy;
use crate::engine::token::KeyRing;

/// How often the key file is read again.
const KEYS_EVERY: Duration = Duration::from_secs(10);

/// A running deployment.
pub struct Service {
    supervisor: Supervisor,
    shared: Arc<Shared>,
    admin: admin::Running,
    following: Option<Following>,
    keys: Option<LiveKeys>,
    keys_read: Instant,
    keys_trouble: String,
}

/// What keeps a deployment from starting although every file of it is right by itself.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Policies and keys do not fit together.
    #[error("{}", .0.join("\n"))]
    Keys(Vec<String>),
    /// A policy whose selectors make too large an automaton.
    #[error("policy `{0}` has too many selectors with `..` or `*` that overlap: split it, or name fields directly")]
    TooComplex(String),
    /// Everything else: the key file, the listener's address, threads.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Service {
    /// Starts everything; workers poll as soon as their clients are ready.
    ///
    /// # Errors
    ///
    /// See [`Unfit`].
    pub fn start(config: &Config, policies: Vec<Policy>) -> Result<Service, Unfit> {
        Service::by_clock(config, policies, Clock::default())
    }

    /// Starts everything by a test's own clock. Heartbeats of the consent topic still age by the system's.
    ///
    /// # Errors
    ///
    /// See [`Unfit`].
    #[doc(hidden)]
    pub fn by_clock(config: &Config, policies: Vec<Policy>, clock: Clock) -> Result<Service, Unfit> {
        let keys = config.keys.as_deref().map(|path| open_keys(path, &policies)).transpose()?;
        let ring = match &keys {
            Some(keys) => keys.ring(),
            None => {
                let thirsty = policies.iter().filter(|policy| !policy.tokens.is_empty());
                let missing: Vec<String> = thirsty
                    .map(|policy| {
                        format!("policy `{}` makes tokens: name a key file with `keys` (`tamis keys new`)", policy.name)
                    })
                    .collect();
                if !missing.is_empty() {
                    return Err(Unfit::Keys(missing));
                }
                Arc::new(keys::throw_away([], clock.now_ms()).context("cannot start without randomness")?)
            }
        };
        Service::begin(config, policies, ring, keys, clock)
    }

    /// Starts everything with keys that are in no file, for `tamis demo`.
    ///
    /// # Errors
    ///
    /// See [`Unfit`].
    pub fn with_keys(config: &Config, policies: Vec<Policy>, ring: Arc<KeyRing>) -> Result<Service, Unfit> {
        Service::begin(config, policies, ring, None, Clock::default())
    }

    fn begin(
        config: &Config,
        policies: Vec<Policy>,
        ring: Arc<KeyRing>,
        keys: Option<LiveKeys>,
        clock: Clock,
    ) -> Result<Service, Unfit> {
        let mut engines = Vec::new();
        for policy in policies {
            let name = policy.name.clone();
            engines.push(Arc::new(Engine::new(policy).map_err(|_| Unfit::TooComplex(name))?));
        }
        let names = engines.iter().map(|engine| engine.policy().name.clone()).collect();
        let state = Arc::new(State::new(names, config.workers));
        let metrics = Arc::new(Metrics::new(engines.iter().map(|engine| engine.policy())));
        let following = follow(config, keys.as_ref(), &metrics)?;
        let asking = |engine: &Arc<Engine>| engine.policy().consent.table;
        let ask: Vec<usize> = (0..).zip(&engines).filter(|(_, engine)| asking(engine)).map(|(at, _)| at).collect();
        if let (None, Some(engine)) = (&following, engines.iter().find(|engine| asking(engine))) {
            return Err(Unfit::Keys(vec![format!(
                "policy `{}` looks choices up (`consent.table: required`): name their topic with `consent: {{topic: …}}`",
                engine.policy().name
            )]));
        }
        let consent = following.as_ref().map(|following| Asked::new(Arc::clone(following.consent()), ask));
        let admin = admin::start(&config.admin, views(&state, &metrics, following.as_ref()))?;
        let shared = Arc::new(Shared {
            breaker: Breaker::new(engines.len(), config.quarantine.max_ratio),
            engines,
            keys: Mutex::new(ring),
            state,
            metrics,
            consent,
            event_ids: config.delivery == config::Delivery::AtLeastOnce,
            clock,
        });
        let supervisor = Supervisor::start(settings(config), &shared).context("cannot start a worker")?;
        let keys_read = Instant::now();
        Ok(Service { supervisor, shared, admin, following, keys, keys_read, keys_trouble: String::new() })
    }

    /// Where the admin listener answers.
    pub fn admin(&self) -> std::net::SocketAddr {
        self.admin.address()
    }

    /// Engines, counts, and how the workers are.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What must be looked at now and then: keys that were added, workers that hang. Call it about once a second.
    ///
    /// # Errors
    ///
    /// When a worker hangs: the process has to exit, the next start goes on from the last commit.
    pub fn tick(&mut self) -> Result<(), String> {
        if let Some(following) = &self.following {
            following.consent().show(&self.shared.metrics);
        }
        if self.keys_read.elapsed() >= KEYS_EVERY {
            self.keys_read = Instant::now();
            self.refresh_keys();
        }
        match self.shared.state.hung() {
            None => Ok(()),
            Some(hung) => Err(format!("{hung}; the process ends, and the next start goes on from the last commit")),
        }
    }

    fn refresh_keys(&mut self) {
        let Some(keys) = &mut self.keys else { return };
        let trouble = match keys.refresh() {
            Ok(added) => {
                if added > 0 {
                    *lock(&self.shared.keys) = keys.ring();
                    tracing::info!(added, "token keys were added");
                }
                String::new()
            }
            Err(error) => error.to_string(),
        };
        if trouble != self.keys_trouble {
            if !trouble.is_empty() {
                tracing::error!("the key file was not taken: {trouble}");
            }
            self.keys_trouble = trouble;
        }
    }

    /// Commits what is at hand and ends. True if every worker has ended within `limit`.
    pub fn stop(&self, limit: Duration) -> bool {
        let began = Instant::now();
        self.shared.state.stop();
        if let Some(following) = &self.following {
            following.stop();
        }
        let ended = self.supervisor.wait(limit);
        // A checkpoint that is not finished in time costs the next start a longer reading, and nothing else.
        if let Some(following) = &self.following
            && !following.wait(limit.saturating_sub(began.elapsed()))
        {
            tracing::warn!(
                "the last checkpoint of the consent table was not finished in time; the one before it stays"
            );
        }
        ended
    }
}

fn open_keys(path: &Path, policies: &[Policy]) -> Result<LiveKeys, Unfit> {
    let keys = LiveKeys::open(path).map_err(|error| Unfit::Keys(vec![error.to_string()]))?;
    let ring = keys.ring();
    let mismatches: Vec<String> = policies.iter().flat_map(|policy| keys::mismatches(policy, &ring)).collect();
    if mismatches.is_empty() { Ok(keys) } else { Err(Unfit::Keys(mismatches)) }
}

/// Follows the consent topic, if the deployment has one.
fn follow(config: &Config, keys: Option<&LiveKeys>, metrics: &Arc<Metrics>) -> Result<Option<Following>, Unfit> {
    let Some(consent) = &config.consent else { return Ok(None) };
    let index = keys.and_then(LiveKeys::index).ok_or_else(|| Unfit::Keys(vec![no_index(config)]))?;
    let settings = consent::Settings {
        client: client::consent(config),
        topic: consent.topic.clone(),
        checkpoint: consent.checkpoint.clone(),
        checkpoint_every: consent::CHECKPOINT_EVERY,
        max_staleness: consent.max_staleness,
    };
    let started = Following::start(settings, index, metrics).context("cannot follow the consent topic")?;
    Ok(Some(started))
}

fn no_index(config: &Config) -> String {
    let file = config.keys.as_deref().unwrap_or(Path::new("FILE")).display();
    format!(
        "the consent topic needs an index key, and the key file has none: `tamis keys add-index --keys {file}` adds it; \
         every instance needs the same file"
    )
}

fn views(state: &Arc<State>, metrics: &Arc<Metrics>, following: Option<&Following>) -> Views {
    let consent = following.map(|following| Arc::clone(following.consent()));
    let (ready, resumed, counted, halts) =
        (Arc::clone(state), Arc::clone(state), Arc::clone(metrics), Arc::clone(metrics));
    Views {
        metrics: Box::new(move || counted.text()),
        not_ready: Box::new(move || {
            let mut reasons = ready.not_ready();
            let waits = ready.halts(HaltReason::ConsentCold) || ready.halts(HaltReason::ConsentStale);
            // Why, where that is known; it keeps nobody waiting by itself.
            if let Some(trouble) = consent.as_ref().filter(|_| waits).and_then(|consent| consent.trouble()) {
                reasons.push(format!("the consent topic: {trouble}"));
            }
            reasons
        }),
        resume: Box::new(move || {
            let lifted = resumed.resume();
            halts.halted(HaltReason::QuarantineRatio, resumed.halts(HaltReason::QuarantineRatio));
            lifted
        }),
    }
}

/// The workers' settings of a deployment.
pub fn settings(config: &Config) -> Settings {
    Settings {
        consumers: (0..config.workers).map(|worker| client::consumer(config, worker)).collect(),
        producers: (0..config.workers).map(|worker| client::producer(config, worker)).collect(),
        delivery: match config.delivery {
            config::Delivery::ExactlyOnce => Delivery::ExactlyOnce,
            config::Delivery::AtLeastOnce => Delivery::AtLeastOnce,
        },
        quarantine: config.quarantine.topic.clone(),
        consent: config.consent.as_ref().map(|consent| consent.topic.clone()),
        bounds: Bounds { interval: config.transaction.max_interval, bytes: config.transaction.max_bytes as u64 },
    }
}
