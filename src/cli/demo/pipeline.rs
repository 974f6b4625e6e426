//! The pipeline of the demo: the engine with the shipped policy, throw-away keys, one worker, metrics and admin
//! listener, wired as `tamis run` wires them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::{Admin, Cluster, Config, Delivery, Log, LogFormat, Quarantine, Transaction};
use crate::engine::policy::{self, SourceFile};
use crate::engine::record::{Header, Record};
use crate::engine::report::Report;
use crate::engine::token::KeyRing;
use crate::engine::{Engine, Facts, Work};
use crate::runtime::admin;
use crate::runtime::batch::{Bounds, Shared};
use crate::runtime::kafka::{Settings, Supervisor, client, transaction};
use crate::runtime::metrics::Metrics;
use crate::runtime::quarantine::Breaker;
use crate::runtime::state::State;

use super::broker::{lock, now_ms};
use super::sample::{self, Sample};
use super::shop::Made;

/// The quarantine topic of the demo.
pub(super) const QUARANTINE: &str = "tamis.quarantine";

/// The policy of the demo, as shipped.
const POLICY: &str = include_str!("../../../policies/examples/web-analytics.yaml");

/// How long workers get to end.
const STOP: Duration = Duration::from_secs(10);

/// What is there before a broker is.
pub(super) struct Pipeline {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    keys: Arc<KeyRing>,
}

impl Pipeline {
    /// Reads the policy and makes keys that nobody keeps.
    pub(super) fn prepare() -> anyhow::Result<Pipeline> {
        let read = policy::read(&[SourceFile::from_bytes("policies/examples/web-analytics.yaml", POLICY.as_bytes())]);
        let Some(policy) = read.policies.into_iter().next() else { bail!("the shipped policy has problems") };
        let engine = Arc::new(Engine::new(policy).context("the shipped policy is too complex")?);
        let keys = Arc::new(crate::runtime::keys::throw_away([engine.policy()], now_ms())?);
        Ok(Pipeline { engine, keys })
    }
}

impl Pipeline {
    /// Starts one worker against this broker, and the admin listener on a free port.
    pub(super) fn start(self, address: &str) -> anyhow::Result<Running> {
        let config = config(address);
        let policy = self.engine.policy();
        let metrics = Arc::new(Metrics::new([policy]));
        let state = Arc::new(State::new(vec![policy.name.clone()], config.workers));
        let shared = Arc::new(Shared {
            engines: vec![Arc::clone(&self.engine)],
            keys: Mutex::new(Arc::clone(&self.keys)),
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
            breaker: Breaker::new(1, config.quarantine.max_ratio),
            event_ids: true,
        });
        let settings = Settings {
            consumers: vec![client::consumer(&config, 0)],
            producers: vec![client::producer(&config, 0)],
            delivery: transaction::Delivery::AtLeastOnce,
            quarantine: config.quarantine.topic.clone(),
            bounds: Bounds { interval: config.transaction.max_interval, bytes: config.transaction.max_bytes as u64 },
        };
        let views = admin::Views {
            metrics: {
                let metrics = Arc::clone(&metrics);
                Box::new(move || metrics.text())
            },
            not_ready: {
                let state = Arc::clone(&state);
                Box::new(move || state.not_ready())
            },
            resume: {
                let state = Arc::clone(&state);
                Box::new(move || state.resume())
            },
        };
        let admin = admin::start(&config.admin, views)?;
        let supervisor = Supervisor::start(settings, &shared).context("cannot start the worker")?;
        let facts = Facts { now_ms: now_ms(), keys: self.keys, event_ids: true };
        Ok(Running { engine: self.engine, metrics, state, admin, supervisor, facts: Mutex::new((facts, Work::new())) })
    }
}

/// The pipeline while it runs.
pub(super) struct Running {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    state: Arc<State>,
    admin: admin::Running,
    supervisor: Supervisor,
    facts: Mutex<(Facts, Work)>,
}

impl Running {
    /// What was committed so far; its equations hold.
    pub(super) fn report(&self) -> Report {
        self.metrics.total(0).unwrap_or_else(|| Report::new(&self.engine))
    }

    /// Where `/metrics` is.
    pub(super) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.admin.address())
    }

    /// What keeps the pipeline from running, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        let reasons = self.state.not_ready();
        (!reasons.is_empty() && !self.state.stopping()).then(|| reasons.join("; "))
    }

    /// What the engine makes of a record of the shop, if that shows something.
    pub(super) fn sample(&self, made: &Made) -> Option<Sample> {
        let headers: Vec<Header<'_>> =
            made.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
        let now = now_ms();
        let record = Record {
            topic: self.engine.policy().input.topics.first()?,
            partition: 0,
            offset: 0,
            key: Some(made.key.as_bytes()),
            headers: &headers,
            timestamp: Some(now),
            value: made.value.as_deref(),
        };
        let (facts, work) = &mut *lock(&self.facts);
        facts.now_ms = now;
        sample::decide(&self.engine, facts, &record, work)
    }

    /// Lets the worker commit what it has, and waits for its end.
    pub(super) fn stop(&self) {
        self.state.stop();
        self.supervisor.wait(STOP);
    }
}

/// As a deployment file would have it, for the embedded broker.
fn config(address: &str) -> Config {
    let cluster = Cluster { brokers: address.to_owned(), client: BTreeMap::new(), secrets: BTreeMap::new() };
    Config {
        input: cluster,
        output: None,
        group: "tamis-demo".to_owned(),
        instance: "demo".to_owned(),
        policies: Vec::new(),
        keys: None,
        delivery: Delivery::AtLeastOnce,
        workers: 1,
        transaction: Transaction { max_interval: Transaction::INTERVAL, max_bytes: Transaction::BYTES },
        quarantine: Quarantine { topic: QUARANTINE.to_owned(), max_ratio: Quarantine::RATIO },
        admin: Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), token: None },
        log: Log { format: LogFormat::Text, level: tracing::Level::WARN },
    }
}
