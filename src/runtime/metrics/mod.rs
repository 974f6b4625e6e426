//! What the process counts, for `/metrics`: one object, shared by workers and the admin listener.
//!
//! Counts of records arrive as a [`Report`] once its transaction has committed, and never
//! otherwise. Every metric is in [`table`]. The trap: a series that does not exist yet cannot be alerted on, so every
//! series whose labels are known from the start is made at once, as 0.

mod committed;
mod consent;
mod process;
pub mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::{
    CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::engine::consent::signals::says::Refusal;
use crate::engine::outcome::{DropReason, QuarantineReason, closed_list};
use crate::engine::policy::model::{OnHit, Policy};
use crate::engine::report::{DetectAction, Report, SignalKind, SignalResult};
use crate::runtime::state::HaltReason;
use table::{Metric, MetricKind, UNNAMED};

closed_list! {
    /// Where the time of a transaction goes: the label of `tamis_stage_seconds`.
    Stage {
        /// The engine's own time for all records of the batch.
        Decide = "decide",
        /// From the decision to commit to the end of the commit.
        Commit = "commit",
        /// From the first record to the end of the commit.
        Batch = "batch",
    }
}

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    policies: Vec<Labels>,
    records: IntCounterVec,
    events: IntCounterVec,
    drops: IntCounterVec,
    quarantined: IntCounterVec,
    openings: IntCounterVec,
    fields: IntCounterVec,
    detections: IntCounterVec,
    signals: IntCounterVec,
    rule_last_match: GaugeVec,
    bytes: IntCounterVec,
    lag: IntGaugeVec,
    gap: IntGaugeVec,
    lags: Mutex<BTreeMap<(Arc<str>, i32), u64>>,
    totals: Mutex<BTreeMap<usize, Report>>,
    stage: HistogramVec,
    end_to_end: HistogramVec,
    transactions: IntCounterVec,
    halted: IntGaugeVec,
    conservation: IntGaugeVec,
    consent: consent::Series,
    memory: IntGaugeVec,
    cpu: CounterVec,
}

/// What a policy gives to labels.
struct Labels {
    policy: String,
    routes: Vec<String>,
    rules: Vec<String>,
}

impl Metrics {
    /// Metrics of these policies, in the order in which they are counted.
    pub fn new<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Metrics {
        let registry = Registry::new();
        let metrics = Metrics {
            policies: Vec::new(),
            records: counter(&registry, &table::RECORDS),
            events: counter(&registry, &table::EVENTS),
            drops: counter(&registry, &table::DROPS),
            quarantined: counter(&registry, &table::QUARANTINED),
            openings: counter(&registry, &table::OPENINGS),
            fields: counter(&registry, &table::FIELDS),
            detections: counter(&registry, &table::DETECTIONS),
            signals: counter(&registry, &table::SIGNALS),
            rule_last_match: register(
                &registry,
                GaugeVec::new(opts(&table::RULE_LAST_MATCH), &labels(&table::RULE_LAST_MATCH)),
            ),
            bytes: counter(&registry, &table::BYTES),
            lag: gauge(&registry, &table::LAG),
            gap: gauge(&registry, &table::GAP),
            lags: Mutex::new(BTreeMap::new()),
            totals: Mutex::new(BTreeMap::new()),
            stage: histogram(&registry, &table::STAGE),
            end_to_end: histogram(&registry, &table::END_TO_END),
            transactions: counter(&registry, &table::TRANSACTIONS),
            halted: gauge(&registry, &table::HALTED),
            conservation: gauge(&registry, &table::CONSERVATION),
            consent: consent::Series::new(&registry),
            memory: gauge(&registry, &table::MEMORY),
            cpu: register(&registry, CounterVec::new(opts(&table::CPU), &labels(&table::CPU))),
            registry,
        };
        metrics.begin(policies)
    }

    fn begin<'a>(mut self, policies: impl IntoIterator<Item = &'a Policy>) -> Metrics {
        let info = gauge(&self.registry, &table::POLICY_INFO);
        for policy in policies {
            info.with_label_values(&[&policy.name, &policy.digest]).set(1);
            self.begin_policy(policy);
        }
        for direction in ["in", "out"] {
            self.bytes.with_label_values(&[direction]);
        }
        for stage in Stage::ALL {
            self.stage.with_label_values(&[stage.as_str()]);
        }
        let none: &[&str] = &[];
        self.end_to_end.with_label_values(none);
        for result in ["committed", "aborted"] {
            self.transactions.with_label_values(&[result]);
        }
        for reason in HaltReason::ALL {
            self.halted.with_label_values(&[reason.as_str()]);
        }
        let start = gauge(&self.registry, &table::START);
        start.with_label_values(none).set(process::started_seconds());
        self
    }

    fn begin_policy(&mut self, policy: &Policy) {
        let name = policy.name.as_str();
        self.records.with_label_values(&[name]);
        for outcome in ["forwarded", "dropped", "quarantined"] {
            self.events.with_label_values(&[name, outcome]);
        }
        for reason in DropReason::ALL {
            self.drops.with_label_values(&[name, reason.as_str()]);
        }
        for reason in QuarantineReason::ALL {
            self.quarantined.with_label_values(&[name, reason.as_str()]);
        }
        for topic in &policy.input.topics {
            self.lag.with_label_values(&[topic]);
            self.gap.with_label_values(&[topic]);
        }
        self.conservation.with_label_values(&[name]);
        for kind in SignalKind::ALL.iter().filter(|kind| policy.reads(**kind)) {
            for result in [SignalResult::Absent, SignalResult::Ok, SignalResult::Refused(Refusal::Malformed)] {
                self.signals.with_label_values(&[name, kind.as_str(), result.as_str()]);
            }
        }
        for (number, route) in policy.routes.iter().enumerate() {
            self.openings.with_label_values(&[name, &route.topic, "open", ""]);
            self.openings.with_label_values(&[name, &route.topic, "quarantined", ""]);
            self.fields.with_label_values(&[name, &route.topic, UNNAMED, "drop"]);
            for rule in policy.rules.iter().filter(|rule| rule.routes >> number & 1 == 1) {
                self.fields.with_label_values(&[name, &route.topic, &rule.written, rule.action.effect().as_str()]);
            }
            let on_hit = match policy.detect.on_hit {
                OnHit::Mask => DetectAction::Mask,
                OnHit::DropField => DetectAction::Drop,
                // Counted as quarantined events instead.
                OnHit::Quarantine => continue,
            };
            for kind in policy.detect.kinds.iter() {
                self.detections.with_label_values(&[name, &route.topic, kind.as_str(), on_hit.as_str()]);
            }
        }
        for rule in &policy.rules {
            self.rule_last_match.with_label_values(&[name, &rule.written]);
        }
        self.policies.push(Labels {
            policy: policy.name.clone(),
            routes: policy.routes.iter().map(|route| route.topic.clone()).collect(),
            rules: policy.rules.iter().map(|rule| rule.written.clone()).collect(),
        });
    }

    /// A transaction (or a batch) ended; `age` is the time since its first record.
    pub fn batch(&self, committed: bool, age: Duration) {
        self.transactions.with_label_values(&[if committed { "committed" } else { "aborted" }]).inc();
        if committed {
            self.stage(Stage::Batch, age);
        }
    }

    /// Time spent in one stage of a transaction.
    pub fn stage(&self, stage: Stage, spent: Duration) {
        self.stage.with_label_values(&[stage.as_str()]).observe(spent.as_secs_f64());
    }

    /// Time from the timestamp of the oldest record of a transaction to its commit.
    pub fn end_to_end(&self, late: Duration) {
        let none: &[&str] = &[];
        self.end_to_end.with_label_values(none).observe(late.as_secs_f64());
    }

    /// Whether any policy is halted for this reason.
    pub fn halted(&self, reason: HaltReason, on: bool) {
        self.halted.with_label_values(&[reason.as_str()]).set(i64::from(on));
    }

    /// Records between the committed offset and the end of a partition; `None` when the partition is no longer ours.
    /// Shown as one sum per topic: partitions are as many as the cluster likes.
    pub fn lag(&self, topic: &Arc<str>, partition: i32, records: Option<u64>) {
        let mut lags = self.lags.lock().unwrap_or_else(|held| held.into_inner());
        match records {
            Some(records) => lags.insert((Arc::clone(topic), partition), records),
            None => lags.remove(&(Arc::clone(topic), partition)),
        };
        let sum: u64 = lags.iter().filter(|((name, _), _)| name == topic).map(|(_, records)| records).sum();
        self.lag.with_label_values(&[&**topic]).set(i64::try_from(sum).unwrap_or(i64::MAX));
    }

    /// How many records of a topic are gone before they were read.
    pub fn gap(&self, topic: &str, records: u64) {
        self.gap.with_label_values(&[topic]).set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Everything committed for one policy so far, of one moment: unlike series that are read one by one, its equations
    /// hold while workers go on.
    pub fn total(&self, policy: usize) -> Option<Report> {
        self.totals.lock().unwrap_or_else(|held| held.into_inner()).get(&policy).cloned()
    }

    /// Everything in Prometheus's text format, version 0.0.4.
    pub fn text(&self) -> String {
        let none: &[&str] = &[];
        let cpu = self.cpu.with_label_values(none);
        let now = process::read();
        cpu.inc_by((now.cpu_seconds - cpu.get()).max(0.0));
        self.memory.with_label_values(none).set(now.resident_bytes);
        let mut out = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(_) => String::new(),
        }
    }
}

/// The table is ours and checked by tests: a name that does not register is a mistake in it.
fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let made = made.expect("the table of metrics has only valid names");
    registry.register(Box::new(made.clone())).expect("the table of metrics has no name twice");
    made
}

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help)
}

fn labels(metric: &Metric) -> Vec<&'static str> {
    metric.labels.iter().map(|(label, _)| *label).collect()
}

fn counter(registry: &Registry, metric: &Metric) -> IntCounterVec {
    register(registry, IntCounterVec::new(opts(metric), &labels(metric)))
}

fn gauge(registry: &Registry, metric: &Metric) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(opts(metric), &labels(metric)))
}

fn histogram(registry: &Registry, metric: &Metric) -> HistogramVec {
    let buckets = match metric.kind {
        MetricKind::Histogram(buckets) => buckets,
        MetricKind::Counter | MetricKind::Gauge => table::SECONDS,
    };
    let opts = HistogramOpts::new(metric.name, metric.help).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, &labels(metric)))
}
