//! What preflight found, in words: what is wrong, why it matters, and the command that repairs it.
//!
//! The commands are those of Apache Kafka's own distribution. Names of topics, policies and users come from the
//! configuration; nothing else is quoted.

use crate::config::{Cluster, Config};

/// One thing that keeps a deployment from working: a sentence or two, then a command where one helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(pub(super) String);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn quarantine_shared(topic: &str, policy: &str) -> Problem {
    Problem(format!(
        "the quarantine topic {topic} is also a topic of policy {policy}: coordinates and events would mix. Give \
         quarantine.topic a topic of its own"
    ))
}

pub(super) fn consent_shared(topic: &str) -> Problem {
    Problem(format!(
        "the consent topic {topic} is also an input, an output or the quarantine topic: what is written there would be \
         read as choices. Give consent.topic a topic of its own"
    ))
}

pub(super) fn consent_missing(config: &Config, topic: &str) -> Problem {
    let brokers = &config.output_cluster().brokers;
    Problem(format!(
        "the consent topic {topic} does not exist at {brokers}. Correct consent.topic, or create it:\n  kafka-topics.sh \
         --bootstrap-server {brokers} --create --topic {topic} --config cleanup.policy=compact"
    ))
}

pub(super) fn consent_denied(config: &Config, topic: &str) -> Problem {
    let cluster = config.output_cluster();
    let (brokers, who) = (&cluster.brokers, principal(cluster));
    Problem(format!(
        "reading the consent topic {topic} is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server {brokers} --add \
         --allow-principal {who} --operation Read --operation Describe --topic {topic}"
    ))
}

pub(super) fn consent_forgets(config: &Config, topic: &str) -> Problem {
    let brokers = &config.output_cluster().brokers;
    Problem(format!(
        "the consent topic {topic} deletes records when they are old or many (cleanup.policy has delete, with a limit): \
         denials would be forgotten. Compact it instead:\n  kafka-configs.sh --bootstrap-server {brokers} --alter \
         --entity-type topics --entity-name {topic} --add-config cleanup.policy=compact"
    ))
}

pub(super) fn input_missing(config: &Config, topic: &str, policy: &str) -> Problem {
    let brokers = &config.input.brokers;
    Problem(format!(
        "input topic {topic} of policy {policy} does not exist at {brokers}. Correct input.topics in the policy, or \
         create it:\n  kafka-topics.sh --bootstrap-server {brokers} --create --topic {topic}"
    ))
}

pub(super) fn output_missing(config: &Config, topic: &str, policies: &[String], partitions: usize) -> Problem {
    let brokers = &config.output_cluster().brokers;
    let whose = output(topic, policies);
    Problem(format!(
        "{whose} does not exist at {brokers}. Create it:\n  kafka-topics.sh --bootstrap-server {brokers} --create \
         --topic {topic} --partitions {partitions}"
    ))
}

pub(super) fn too_few_partitions(
    config: &Config,
    topic: &str,
    partitions: usize,
    input: &str,
    wanted: usize,
    policy: &str,
) -> Problem {
    let brokers = &config.output_cluster().brokers;
    let have = count(partitions, "partition");
    Problem(format!(
        "output topic {topic} has {have}, and input topic {input} of policy {policy} has {wanted}: records keep their \
         partition number (record.partition: same). Add partitions:\n  kafka-topics.sh --bootstrap-server {brokers} \
         --alter --topic {topic} --partitions {wanted}"
    ))
}

pub(super) fn too_small(config: &Config, topic: &str, max: u64, needed: u64) -> Problem {
    let brokers = &config.output_cluster().brokers;
    Problem(format!(
        "output topic {topic} takes at most {max} bytes a record (max.message.bytes), and outputs can have {needed}. \
         Raise it:\n  kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} \
         --add-config max.message.bytes={needed}"
    ))
}

pub(super) fn compacted(config: &Config, topic: &str, policy: &str) -> Problem {
    let brokers = &config.output_cluster().brokers;
    Problem(format!(
        "output topic {topic} is compacted, and policy {policy} writes records without a key, which a compacted topic \
         refuses. Give them a key (record.key in the policy), or stop compacting:\n  kafka-configs.sh \
         --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} --add-config \
         cleanup.policy=delete"
    ))
}

pub(super) fn cannot_read(config: &Config, topic: &str, policy: &str) -> Problem {
    let (brokers, who) = (&config.input.brokers, principal(&config.input));
    Problem(format!(
        "reading input topic {topic} of policy {policy} is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server \
         {brokers} --add --allow-principal {who} --operation Read --operation Describe --topic {topic}"
    ))
}

pub(super) fn cannot_join(config: &Config) -> Problem {
    let (brokers, who, group) = (&config.input.brokers, principal(&config.input), &config.group);
    Problem(format!(
        "using the consumer group {group} is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server {brokers} --add \
         --allow-principal {who} --operation Read --group {group}"
    ))
}

pub(super) fn cannot_write(config: &Config, topic: &str, policies: &[String]) -> Problem {
    let cluster = config.output_cluster();
    let (brokers, who, whose) = (&cluster.brokers, principal(cluster), output(topic, policies));
    Problem(format!(
        "writing to {whose} is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server {brokers} --add \
         --allow-principal {who} --operation Write --operation Describe --topic {topic}"
    ))
}

pub(super) fn no_transactions(config: &Config) -> Problem {
    let (cluster, group) = (config.output_cluster(), &config.group);
    let (brokers, who) = (&cluster.brokers, principal(cluster));
    Problem(format!(
        "transactions of group {group} are not allowed. Allow them:\n  kafka-acls.sh --bootstrap-server {brokers} --add \
         --allow-principal {who} --operation Write --operation Describe --transactional-id {group}/ \
         --resource-pattern-type prefixed"
    ))
}

pub(super) fn timeout_too_long(timeout: &str) -> Problem {
    Problem(format!(
        "transaction.timeout.ms is {timeout}, more than the brokers allow (transaction.max.timeout.ms). Lower it under \
         kafka.client"
    ))
}

/// The quarantine topic is written to by all policies, so none is named.
fn output(topic: &str, policies: &[String]) -> String {
    match policies {
        [] => format!("quarantine topic {topic}"),
        [policy] => format!("output topic {topic} of policy {policy}"),
        more => format!("output topic {topic} of policies {}", more.join(", ")),
    }
}

/// The name that the brokers know us by, where the deployment says it.
fn principal(cluster: &Cluster) -> String {
    cluster.client.get("sasl.username").map_or_else(|| "User:<name>".to_owned(), |name| format!("User:{name}"))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
