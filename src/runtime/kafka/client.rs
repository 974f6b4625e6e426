//! Settings of the Kafka clients: the deployment's, and above them ours, which the promises rest on.
//!
//! And what the client says when it cannot connect: it never fails by itself, it only complains through a callback and
//! tries for ever, so [`Complaints`] collects what it says and [`explain`] turns it into sentences for the start-up.
//! The trap: `sasl.password` and its like are in here, so a `ClientConfig` is never logged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientConfig, ClientContext};

use crate::config::settings::{For, Setting, setting};
use crate::config::{Cluster, Config, Delivery};

/// What we choose where the deployment says nothing. Measured on loopback, one worker: see docs/delivery.md.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // The library waits 1 s when its queue was full, which halves the speed of catching up.
    ("fetch.queue.backoff.ms", "10"),
    // Per worker; the library's own 64 MiB times workers is memory nobody planned for.
    ("queued.max.messages.kbytes", "32768"),
    // A static member that is killed and restarted within this time finds its partitions again.
    ("session.timeout.ms", "30000"),
    ("heartbeat.interval.ms", "3000"),
];

/// As above, for producers.
const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "131072"),
    // Above the engine's own bound on outputs: the topic's limit decides, and preflight has looked at it.
    ("message.max.bytes", "2000000"),
    // How long readers wait for the transaction of a worker that never comes back.
    ("transaction.timeout.ms", "60000"),
];

/// Settings of one worker's consumer.
pub fn consumer(config: &Config, worker: usize) -> ClientConfig {
    let mut client = base(&config.input, Some(For::Consumer), CONSUMER_DEFAULTS, config.log.level);
    client
        .set("group.id", &config.group)
        .set("group.instance.id", config.group_instance_id(worker))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        // Where to begin is ours to say (`super::offsets`): the client would jump over what is gone without a word.
        .set("auto.offset.reset", "error")
        // A batch that fails its checksum is said and then passed over by the client: `super::source` stops there.
        .set("check.crcs", "true")
        // Not cooperative: its rebalances take two rounds, and a static member that restarts between them keeps the half
        // of the first; the partitions of the other half then belong to nobody.
        .set("partition.assignment.strategy", "roundrobin")
        .set("statistics.interval.ms", "5000");
    client
}

/// Settings of the consumer that follows the consent topic. It names our group, in which we may be, and never joins it.
pub fn consent(config: &Config) -> ClientConfig {
    let mut client = base(config.output_cluster(), Some(For::Consumer), CONSUMER_DEFAULTS, config.log.level);
    client
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        // Offsets that are gone mean that the table is not of this topic: never skipped in silence.
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "5000");
    client
}

/// Settings of one worker's producer.
pub fn producer(config: &Config, worker: usize) -> ClientConfig {
    let mut client = base(config.output_cluster(), Some(For::Producer), PRODUCER_DEFAULTS, config.log.level);
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.report.only.error", "true");
    if config.delivery == Delivery::ExactlyOnce {
        client.set("transactional.id", config.transactional_id(worker));
    }
    client
}

/// What is needed to talk to a cluster at all; `class` adds the settings of one kind of client.
pub(super) fn base(
    cluster: &Cluster,
    class: Option<For>,
    defaults: &[(&str, &str)],
    level: tracing::Level,
) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set_log_level(log_level(level));
    for (name, value) in defaults {
        client.set(*name, *value);
    }
    let said: BTreeMap<&str, &str> =
        cluster.client.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in said {
        match setting(name) {
            Setting::Taken(For::Both) => client.set(name, value),
            Setting::Taken(kind) if Some(kind) == class => client.set(name, value),
            // Of the other kind of client; or refused, which the reader of the deployment file has said already.
            Setting::Taken(_) | Setting::Secret | Setting::Refused(_) | Setting::Unknown => continue,
        };
    }
    for (name, secret) in &cluster.secrets {
        client.set(name, secret.expose());
    }
    client.set("bootstrap.servers", &cluster.brokers).set("allow.auto.create.topics", "false");
    client
}

fn log_level(level: tracing::Level) -> RDKafkaLogLevel {
    match level {
        tracing::Level::ERROR => RDKafkaLogLevel::Error,
        tracing::Level::WARN => RDKafkaLogLevel::Warning,
        tracing::Level::INFO => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// Collects what a client complains of while it tries to connect; the last of each kind counts.
#[derive(Clone, Default)]
pub struct Complaints(Arc<Mutex<Vec<(Code, String)>>>);

impl Complaints {
    /// The complaint that explains the others, if there is one: credentials, then TLS, then names, then the network.
    pub fn explained(&self, brokers: &str) -> Option<String> {
        let heard = self.0.lock().unwrap_or_else(|held| held.into_inner());
        let order =
            [Code::Authentication, Code::SSL, Code::Resolve, Code::BrokerTransportFailure, Code::AllBrokersDown];
        let first = order.iter().find_map(|code| heard.iter().find(|(heard, _)| heard == code))?;
        explain(first.0, &first.1, brokers)
    }

    /// Is waiting useless? Wrong credentials and certificates do not get better.
    pub fn hopeless(&self) -> bool {
        let heard = self.0.lock().unwrap_or_else(|held| held.into_inner());
        heard.iter().any(|(code, _)| matches!(code, Code::Authentication | Code::SSL))
    }
}

impl ClientContext for Complaints {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        let mut heard = self.0.lock().unwrap_or_else(|held| held.into_inner());
        heard.retain(|(other, _)| *other != code);
        heard.push((code, reason.to_owned()));
    }
}

impl rdkafka::consumer::ConsumerContext for Complaints {}

/// What a complaint of the client means and what to do; `None` for those that say nothing of the connection.
pub fn explain(code: Code, reason: &str, brokers: &str) -> Option<String> {
    let reason = plain(reason);
    match code {
        Code::Authentication => Some(format!(
            "the brokers at {brokers} refuse the credentials: {reason}. Correct sasl.username, sasl.password_file and \
             sasl.mechanism under kafka.client"
        )),
        Code::SSL => Some(format!(
            "no TLS connection to {brokers}: {reason}. Name the CA of the brokers' certificates with ssl.ca.location \
             under kafka.client, and the brokers by the names in their certificates"
        )),
        Code::Resolve => Some(format!("the brokers at {brokers} are not found: {reason}. Correct kafka.brokers")),
        Code::BrokerTransportFailure | Code::AllBrokersDown => Some(format!(
            "no broker at {brokers} answers: {reason}. Correct kafka.brokers, or start them; a wrong security.protocol \
             under kafka.client looks the same"
        )),
        _ => None,
    }
}

/// The library's words without what differs from one attempt, or one version of OpenSSL, to the next.
fn plain(reason: &str) -> String {
    let reason = reason.split(" (after ").next().unwrap_or(reason).trim_end_matches('.');
    match reason.split_once("error:").and_then(|(before, rest)| Some((before, rest.split_once("::")?.1))) {
        Some((before, after)) => format!("{before}{after}"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_complaint_explains_the_rest() {
        let complaints = Complaints::default();
        complaints.error(KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        let down = complaints.explained("kafka:9092").unwrap();
        assert!(
            down.starts_with("no broker at kafka:9092 answers: 1/1 brokers are down. Correct kafka.brokers"),
            "{down}"
        );
        assert!(!complaints.hopeless());
        complaints
            .error(KafkaError::Global(Code::Authentication), "invalid credentials (after 300ms in state AUTH_REQ)");
        let refused = complaints.explained("kafka:9092").unwrap();
        assert!(
            refused.starts_with("the brokers at kafka:9092 refuse the credentials: invalid credentials. "),
            "{refused}"
        );
        assert!(complaints.hopeless());
    }
}
