//! The pipeline of the demo: the engine with the shipped policy, throw-away keys, one worker, metrics and admin
//! listener, started as `tamis run` starts them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::{Admin, Cluster, Config, Delivery, Log, LogFormat, Quarantine, Transaction};
use crate::engine::policy::model::Policy;
use crate::engine::policy::{self, SourceFile};
use crate::engine::record::{Header, Record};
use crate::engine::report::Report;
use crate::engine::token::KeyRing;
use crate::engine::{Engine, Facts, Work};
use crate::runtime::keys;
use crate::runtime::service::Service;

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
    /// The shipped policy.
    pub(super) policy: Policy,
    keys: Arc<KeyRing>,
}

impl Pipeline {
    /// Reads the policy and makes keys that nobody keeps.
    pub(super) fn prepare() -> anyhow::Result<Pipeline> {
        let read = policy::read(&[SourceFile::from_bytes("policies/examples/web-analytics.yaml", POLICY.as_bytes())]);
        let Some(policy) = read.policies.into_iter().next() else { bail!("the shipped policy has problems") };
        let keys = Arc::new(keys::throw_away([&policy], now_ms())?);
        Ok(Pipeline { policy, keys })
    }

    /// Starts one worker against this broker, and the admin listener on a free port.
    pub(super) fn start(self, address: &str) -> anyhow::Result<Running> {
        let service = Service::with_keys(&config(address), vec![self.policy], Arc::clone(&self.keys))?;
        let engine = Arc::clone(service.shared().engines.first().context("a service has an engine per policy")?);
        let facts = Facts::new(now_ms(), self.keys).with_event_ids(true);
        Ok(Running { engine, service, facts: Mutex::new((facts, Work::new())) })
    }
}

/// The pipeline while it runs.
pub(super) struct Running {
    /// The engine.
    pub(super) engine: Arc<Engine>,
    service: Service,
    facts: Mutex<(Facts, Work)>,
}

impl Running {
    /// What was committed so far; its equations hold.
    pub(super) fn report(&self) -> Report {
        self.service.shared().metrics.total(0).unwrap_or_else(|| Report::new(&self.engine))
    }

    /// Where `/metrics` is.
    pub(super) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.service.admin())
    }

    /// What keeps the pipeline from running, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        let state = &self.service.shared().state;
        let reasons = state.not_ready();
        (!reasons.is_empty() && !state.stopping()).then(|| reasons.join("; "))
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
        self.service.stop(STOP);
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
        consent: None,
        quarantine: Quarantine { topic: QUARANTINE.to_owned(), max_ratio: Quarantine::RATIO },
        admin: Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), token: None },
        log: Log { format: LogFormat::Text, level: tracing::Level::WARN },
    }
}
