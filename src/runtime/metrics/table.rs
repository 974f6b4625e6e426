//! Every metric there is: name, kind, labels with their closed domains, help.
//!
//! The one table that code, documentation and dashboards are checked against: [`markdown`] is `docs/metrics.md`. A label
//! takes its values from a policy file, from a closed list of ours, or from the names in the deployment file, never from
//! a record: the number of series is bounded before the first record is read.

use crate::engine::detect::Kind;
use crate::engine::outcome::{CloseReason, DropReason, Effect, QuarantineReason};
use crate::engine::report::{DetectAction, SignalKind, SignalResult};
use crate::runtime::consent::ChoiceResult;
use crate::runtime::state::HaltReason;

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// As Prometheus sees it.
    pub name: &'static str,
    /// What it can do.
    pub kind: MetricKind,
    /// Labels in order, each with where its values come from.
    pub labels: &'static [(&'static str, Domain)],
    /// One sentence, without a final dot.
    pub help: &'static str,
}

/// What a metric can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, with these upper bounds.
    Histogram(&'static [f64]),
}

impl MetricKind {
    /// Prometheus's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        }
    }
}

/// Where the values of a label come from.
#[derive(Clone, Copy, Debug)]
pub enum Domain {
    /// Names of the policies.
    Policy,
    /// SHA-256 of the policy files.
    Digest,
    /// Output topics of the policies.
    Route,
    /// Input topics of the policies.
    Topic,
    /// Selectors as the policies write them, and `unnamed` for what no rule names.
    Rule,
    /// A closed list.
    Closed(fn() -> Vec<&'static str>),
}

/// The rule label of what no rule names.
pub const UNNAMED: &str = "unnamed";

macro_rules! table {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $kind:expr, [$($label:literal: $domain:expr),*], $help:literal;)+) => {
        $($(#[$doc])* pub static $id: Metric =
            Metric { name: $name, kind: $kind, labels: &[$(($label, $domain)),*], help: $help };)+
        /// All of them, in the order of the documentation.
        pub static TABLE: &[&Metric] = &[$(&$id),+];
    };
}

use Domain::{Closed, Digest, Policy, Route, Rule, Topic};
use MetricKind::{Counter, Gauge, Histogram};

table! {
    /// What came in.
    RECORDS = "tamis_records_total", Counter, ["policy": Policy],
        "Records read and committed; a record may carry any number of events";
    /// The law's left side.
    EVENTS = "tamis_events_total", Counter, ["policy": Policy, "outcome": Closed(outcomes)],
        "Events by outcome: each is exactly one of forwarded, dropped, quarantined";
    /// Why nothing left.
    DROPS = "tamis_drops_total", Counter, ["policy": Policy, "reason": Closed(drop_reasons)],
        "Dropped events by reason; adds up to the dropped events";
    /// Why it could not be processed.
    QUARANTINED = "tamis_quarantined_total", Counter, ["policy": Policy, "reason": Closed(quarantine_reasons)],
        "Quarantined events by reason; adds up to the quarantined events";
    /// The law, per route.
    OPENINGS = "tamis_openings_total", Counter,
        ["policy": Policy, "route": Route, "result": Closed(opening_results), "reason": Closed(opening_reasons)],
        "What each route was for each event; on every route it adds up to the events";
    /// What the rules did.
    FIELDS = "tamis_fields_total", Counter,
        ["policy": Policy, "route": Route, "rule": Rule, "action": Closed(effects)],
        "Scalars by the rule that decided them and what was done; rule unnamed is what no rule names, and was dropped";
    /// What the detectors found.
    DETECTIONS = "tamis_detections_total", Counter,
        ["policy": Policy, "route": Route, "kind": Closed(kinds), "action": Closed(detect_actions)],
        "Personal data that detectors found in what rules keep";
    /// Coverage of consent.
    SIGNALS = "tamis_signals_total", Counter,
        ["policy": Policy, "kind": Closed(signal_kinds), "result": Closed(signal_results)],
        "Consent signals looked for, per event: absent, ok, malformed (counts as none), unmapped category";
    /// Coverage of rules.
    RULE_LAST_MATCH = "tamis_rule_last_match_timestamp_seconds", Gauge, ["policy": Policy, "rule": Rule],
        "When a rule last decided a field, in Unix time; 0 if never since the start";
    /// Volume.
    BYTES = "tamis_bytes_total", Counter, ["direction": Closed(directions)],
        "Bytes of record values read (in) and of output values written (out)";
    /// How far behind.
    LAG = "tamis_lag_records", Gauge, ["topic": Topic],
        "Records between the last committed offset and the end of the partitions that this process reads";
    /// Gone before it was read.
    GAP = "tamis_gap_records", Gauge, ["topic": Topic],
        "Records that were deleted before they were read, as far as offsets tell; the policy is halted";
    /// Where time goes.
    STAGE = "tamis_stage_seconds", Histogram(SECONDS), ["stage": Closed(stages)],
        "Time per transaction: decide (the engine), commit (flush and commit), batch (first record to commit)";
    /// How late.
    END_TO_END = "tamis_end_to_end_seconds", Histogram(SECONDS), [],
        "From the timestamp of the oldest record in a transaction to its commit";
    /// How it ended.
    TRANSACTIONS = "tamis_transactions_total", Counter, ["result": Closed(results)],
        "Transactions by result; under at_least_once, batches";
    /// Everything stands.
    HALTED = "tamis_halted", Gauge, ["reason": Closed(halt_reasons)],
        "1 while a policy is halted for this reason, else 0; its topics wait and nothing is lost";
    /// The law, checked.
    CONSERVATION = "tamis_conservation_error", Gauge, ["policy": Policy],
        "Events that the counts above disagree on since the start; anything but 0 is a fault of ours";
    /// May the consent table be asked?
    CONSENT_READY = "tamis_consent_ready", Gauge, [],
        "1 while the consent table is read to the end and fresh, else 0: policies that need it are halted";
    /// How big.
    CONSENT_SUBJECTS = "tamis_consent_subjects", Gauge, [],
        "Subjects that the consent table has choices of";
    /// What the topic held.
    CONSENT_CHOICES = "tamis_consent_choices_total", Counter, ["result": Closed(choice_results)],
        "Records of the consent topic by what they came to; heartbeats are not counted";
    /// How far behind.
    CONSENT_LAG = "tamis_consent_lag_records", Gauge, [],
        "Records of the consent topic that are not read yet, in all partitions";
    /// How fresh.
    CONSENT_HEARTBEAT = "tamis_consent_heartbeat_age_seconds", Gauge, [],
        "Age of the last heartbeat of the partition whose last heartbeat is oldest; -1 if one never had any, or while the table is cold";
    /// How quickly a no is heard.
    WITHDRAWAL = "tamis_withdrawal_enforcement_seconds", Histogram(SECONDS), [],
        "From the record of a denial in the consent topic to the first route that it closes";
    /// The file.
    CONSENT_CHECKPOINT_TIME = "tamis_consent_checkpoint_timestamp_seconds", Gauge, [],
        "When the last checkpoint of the consent table was written, in Unix time; 0 if none was since the start";
    /// Its size.
    CONSENT_CHECKPOINT_BYTES = "tamis_consent_checkpoint_bytes", Gauge, [],
        "Size of the last checkpoint of the consent table";
    /// How long it took.
    CONSENT_CHECKPOINT_SECONDS = "tamis_consent_checkpoint_seconds", Histogram(SECONDS), [],
        "Time that writing a checkpoint of the consent table took, whether it succeeded or not";
    /// How it failed.
    CONSENT_CHECKPOINT_FAILURES = "tamis_consent_checkpoint_failures_total", Counter, [],
        "Checkpoints of the consent table that could not be written; the next start reads more of the topic";
    /// Which policy.
    POLICY_INFO = "tamis_policy_info", Gauge, ["policy": Policy, "digest": Digest],
        "1 for each policy in force, with the SHA-256 of its file";
    /// Memory.
    MEMORY = "process_resident_memory_bytes", Gauge, [],
        "Resident memory of the process";
    /// CPU.
    CPU = "process_cpu_seconds_total", Counter, [],
        "User and system CPU time of the process";
    /// Restarts.
    START = "process_start_time_seconds", Gauge, [],
        "When the process started, in Unix time";
}

/// Upper bounds in seconds: from an idle batch to a minute behind.
pub const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

fn outcomes() -> Vec<&'static str> {
    vec!["forwarded", "dropped", "quarantined"]
}

fn drop_reasons() -> Vec<&'static str> {
    DropReason::ALL.iter().map(|reason| reason.as_str()).collect()
}

fn quarantine_reasons() -> Vec<&'static str> {
    QuarantineReason::ALL.iter().map(|reason| reason.as_str()).collect()
}

fn opening_results() -> Vec<&'static str> {
    vec!["open", "closed", "dropped", "quarantined"]
}

/// Empty where the result needs no reason.
fn opening_reasons() -> Vec<&'static str> {
    let closed = CloseReason::ALL.iter().map(|reason| reason.as_str());
    let dropped = [DropReason::Empty.as_str(), DropReason::Tombstone.as_str()];
    std::iter::once("").chain(closed).chain(dropped).collect()
}

fn effects() -> Vec<&'static str> {
    Effect::ALL.iter().map(|effect| effect.as_str()).collect()
}

fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn detect_actions() -> Vec<&'static str> {
    DetectAction::ALL.iter().map(|word| word.as_str()).collect()
}

fn signal_kinds() -> Vec<&'static str> {
    SignalKind::ALL.iter().map(|word| word.as_str()).collect()
}

fn signal_results() -> Vec<&'static str> {
    SignalResult::all().map(SignalResult::as_str).collect()
}

fn choice_results() -> Vec<&'static str> {
    ChoiceResult::ALL.iter().map(|result| result.as_str()).collect()
}

fn directions() -> Vec<&'static str> {
    vec!["in", "out"]
}

fn stages() -> Vec<&'static str> {
    super::Stage::ALL.iter().map(|stage| stage.as_str()).collect()
}

fn results() -> Vec<&'static str> {
    vec!["committed", "aborted"]
}

fn halt_reasons() -> Vec<&'static str> {
    HaltReason::ALL.iter().map(|reason| reason.as_str()).collect()
}

/// The table as a page of documentation: `docs/metrics.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         Made from the table in `src/runtime/metrics/table.rs`; a test keeps it current. Labels come from policy files,\n\
         the deployment file and closed lists, never from records.\n\n\
         Counters move when a transaction has committed, so aborts are not counted twice. The law they obey:\n\n\
         ```text\n\
         events = forwarded + dropped + quarantined\n\
         dropped = sum of drops by reason\n\
         quarantined = sum of quarantined by reason\n\
         on every route: events = open + closed + dropped + quarantined\n\
         ```\n\n\
         The process checks it at every commit: `tamis_conservation_error` must be 0.\n\n\
         Those of the consent table are there if the deployment file has `consent`.\n\n\
         | metric | kind | labels | what it says |\n| --- | --- | --- | --- |\n",
    );
    for metric in TABLE {
        let labels: Vec<&str> = metric.labels.iter().map(|(label, _)| *label).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("`{}`", labels.join("`, `")) };
        out.push_str(&format!("| `{}` | {} | {labels} | {} |\n", metric.name, metric.kind.as_str(), metric.help));
    }
    out.push_str("\n## Label values\n\n| metric | label | values |\n| --- | --- | --- |\n");
    for metric in TABLE {
        for (label, domain) in metric.labels {
            out.push_str(&format!("| `{}` | `{label}` | {} |\n", metric.name, domain.describe()));
        }
    }
    out
}

impl Domain {
    fn describe(self) -> String {
        match self {
            Domain::Policy => "names of the policies".to_owned(),
            Domain::Digest => "SHA-256 of the policy files".to_owned(),
            Domain::Route => "output topics of the policies".to_owned(),
            Domain::Topic => "input topics of the policies".to_owned(),
            Domain::Rule => format!("selectors as the policies write them, and `{UNNAMED}`"),
            Domain::Closed(list) => {
                let words =
                    list().into_iter().map(|word| if word.is_empty() { "empty".into() } else { format!("`{word}`") });
                words.collect::<Vec<_>>().join(", ")
            }
        }
    }
}
