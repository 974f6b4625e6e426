//! Before the first poll: does everything exist, fit, and let us in?
//!
//! `look` asks the brokers, `judge` compares the answers with the policies; so every problem is found at once, and
//! each says what to do, down to the command. It knows nothing of records. The trap: a topic that we may not describe
//! looks like one that is missing, except in the error code of a question about that topic alone.

mod look;
mod words;

use std::collections::BTreeMap;

use crate::config::{Config, Delivery};
use crate::engine::limits::Limits;
use crate::engine::policy::model::{Partition, Policy};

pub use words::Problem;

/// What a record costs on the wire beyond its own bytes (batch header 61, lengths and varints): the difference between
/// the brokers' default `max.message.bytes` and the engine's default bound is 588.
const OVERHEAD: u64 = 512;

/// Checks a deployment against its brokers. `Err` holds every problem, in the order of the policies.
pub fn check(config: &Config, policies: &[&Policy]) -> Result<(), Vec<Problem>> {
    let needs = Needs::of(config, policies);
    let mut problems: Vec<Problem> = shared_quarantine(&needs, config).into_iter().collect();
    problems.extend(shared_consent(&needs, config));
    let consent = config.consent.as_ref().map(|consent| &consent.topic);
    // A cluster that is both is asked once: what it says of our credentials need not be said twice.
    let (inputs, outputs) = match &config.output {
        None => {
            let both =
                look::topics(&config.input, config, needs.inputs.keys().chain(needs.outputs.keys()).chain(consent));
            match both {
                Ok(seen) => (Ok(seen.clone()), Ok(seen)),
                Err(problem) => {
                    problems.push(problem);
                    return Err(problems);
                }
            }
        }
        Some(output) => (
            look::topics(&config.input, config, needs.inputs.keys()),
            look::topics(output, config, needs.outputs.keys().chain(consent)),
        ),
    };
    match (inputs, outputs) {
        (Ok(inputs), Ok(outputs)) => {
            judge(&needs, config, &inputs, &outputs, &mut problems);
            problems.extend(consent.and_then(|topic| judge_consent(config, topic, outputs.get(topic))));
            if let Some(problem) = look::group(config, &inputs) {
                problems.push(problem);
            }
            let writable = needs.outputs.iter().filter(|(topic, _)| outputs.get(*topic).is_some_and(Seen::is_there));
            let taught =
                consent.filter(|topic| !needs.teachers.is_empty() && outputs.get(*topic).is_some_and(Seen::is_there));
            look::write(
                config,
                writable
                    .map(|(topic, need)| (topic.as_str(), need.policies.as_slice()))
                    .chain(taught.map(|topic| (topic.as_str(), needs.teachers.as_slice()))),
                &mut problems,
            );
        }
        (inputs, outputs) => {
            problems.extend(inputs.err());
            problems.extend(outputs.err());
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What the policies ask of topics.
#[derive(Debug, Default)]
struct Needs {
    /// Input topics, and the policy that reads each.
    inputs: BTreeMap<String, String>,
    /// Output topics and the quarantine topic.
    outputs: BTreeMap<String, Output>,
    /// Policies that write what opt-out signals teach to the consent topic.
    teachers: Vec<String>,
}

/// What is asked of one output topic.
#[derive(Debug, Default)]
struct Output {
    /// The policies that write to it; empty for the quarantine topic alone.
    policies: Vec<String>,
    /// Input topics whose partition numbers its records keep, each with the policy.
    same_partition_as: Vec<(String, String)>,
    /// A policy that writes records without a key.
    without_key: Option<String>,
}

impl Needs {
    fn of(config: &Config, policies: &[&Policy]) -> Needs {
        let mut needs = Needs::default();
        for policy in policies {
            for topic in &policy.input.topics {
                needs.inputs.insert(topic.clone(), policy.name.clone());
            }
            if policy.remembers_opt_outs() {
                needs.teachers.push(policy.name.clone());
            }
            for route in &policy.routes {
                let output = needs.outputs.entry(route.topic.clone()).or_default();
                output.policies.push(policy.name.clone());
                if policy.record.partition == Partition::Same {
                    let inputs = policy.input.topics.iter();
                    output.same_partition_as.extend(inputs.map(|topic| (topic.clone(), policy.name.clone())));
                }
                if policy.record.key.is_none() {
                    output.without_key.get_or_insert_with(|| policy.name.clone());
                }
            }
        }
        needs.outputs.entry(config.quarantine.topic.clone()).or_default();
        needs
    }
}

/// What the brokers say of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It does not exist.
    Missing,
    /// We may not ask.
    Denied,
    /// It is there.
    There {
        /// How many.
        partitions: usize,
        /// `max.message.bytes`; `None` when we may not ask.
        max_bytes: Option<u64>,
        /// `cleanup.policy` holds `compact`.
        compacted: bool,
        /// Records are deleted when they are old, or many.
        forgets: bool,
    },
}

impl Seen {
    fn is_there(&self) -> bool {
        matches!(self, Seen::There { .. })
    }

    fn partitions(self) -> usize {
        match self {
            Seen::There { partitions, .. } => partitions,
            Seen::Missing | Seen::Denied => 0,
        }
    }
}

/// A quarantine topic that a policy reads or writes would mix coordinates with events.
fn shared_quarantine(needs: &Needs, config: &Config) -> Option<Problem> {
    let topic = config.quarantine.topic.as_str();
    let writers = needs.outputs.get(topic).and_then(|output| output.policies.first());
    needs.inputs.get(topic).or(writers).map(|policy| words::quarantine_shared(topic, policy))
}

/// Choices have a topic of their own: what a policy writes there would be taken for one.
fn shared_consent(needs: &Needs, config: &Config) -> Option<Problem> {
    let topic = config.consent.as_ref()?.topic.as_str();
    let shared = needs.inputs.contains_key(topic) || needs.outputs.contains_key(topic);
    shared.then(|| words::consent_shared(topic))
}

/// A topic of choices must be there, and keep them: a denial that the broker deletes is a denial that was never made.
fn judge_consent(config: &Config, topic: &str, seen: Option<&Seen>) -> Option<Problem> {
    match seen.copied().unwrap_or(Seen::Missing) {
        Seen::Missing => Some(words::consent_missing(config, topic)),
        Seen::Denied => Some(words::consent_denied(config, topic)),
        Seen::There { forgets: true, .. } => Some(words::consent_forgets(config, topic)),
        Seen::There { compacted, .. } => {
            if !compacted {
                tracing::warn!(%topic, "the consent topic is not compacted: it grows with every record that is sent again");
            }
            None
        }
    }
}

/// Compares what is needed with what is there.
fn judge(
    needs: &Needs,
    config: &Config,
    inputs: &BTreeMap<String, Seen>,
    outputs: &BTreeMap<String, Seen>,
    problems: &mut Vec<Problem>,
) {
    let output_bytes = Limits::default().output_bytes as u64;
    for (topic, policy) in &needs.inputs {
        match inputs.get(topic) {
            Some(Seen::There { .. }) => {}
            Some(Seen::Denied) => problems.push(words::cannot_read(config, topic, policy)),
            Some(Seen::Missing) | None => problems.push(words::input_missing(config, topic, policy)),
        }
    }
    for (topic, need) in &needs.outputs {
        let most = need
            .same_partition_as
            .iter()
            .map(|(input, policy)| (inputs.get(input).map_or(0, |seen| seen.partitions()), input, policy));
        let most = most.max_by_key(|(partitions, ..)| *partitions);
        let asked = most.map_or(1, |(partitions, ..)| partitions.max(1));
        match outputs.get(topic).copied().unwrap_or(Seen::Missing) {
            Seen::Missing => problems.push(words::output_missing(config, topic, &need.policies, asked)),
            Seen::Denied => problems.push(words::cannot_write(config, topic, &need.policies)),
            Seen::There { partitions, max_bytes, compacted, .. } => {
                if let Some((wanted, input, policy)) = most.filter(|(wanted, ..)| *wanted > partitions) {
                    problems.push(words::too_few_partitions(config, topic, partitions, input, wanted, policy));
                }
                if let Some(max) = max_bytes.filter(|max| !need.policies.is_empty() && *max < output_bytes + OVERHEAD) {
                    problems.push(words::too_small(config, topic, max, output_bytes + OVERHEAD));
                }
                if let Some(policy) = need.without_key.as_ref().filter(|_| compacted) {
                    problems.push(words::compacted(config, topic, policy));
                }
            }
        }
    }
}

/// Do transactions have to work?
fn transactional(config: &Config) -> bool {
    config.delivery == Delivery::ExactlyOnce
}
