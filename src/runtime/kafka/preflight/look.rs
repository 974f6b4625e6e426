//! Asking the brokers: which topics there are and how they are set, and whether we may write to them.
//!
//! Nothing that is asked changes anything: the probe of writing is a transaction that is aborted. The traps: a client
//! that cannot connect never fails, it only times out and complains through a callback that somebody must poll; and an
//! abort waits until deliveries are reported, which needs a thread that polls the producer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use super::{Problem, Seen, transactional, words};
use crate::config::settings::For;
use crate::config::{Cluster, Config};
use crate::runtime::kafka::client::{self, Complaints};

/// How long brokers that do not answer are tried: a rolling restart of one broker is shorter.
const REACH: Duration = Duration::from_secs(15);

/// A topic or a right that was made a moment ago is not known to every broker yet: before this has passed, no is asked
/// again.
const SETTLE: Duration = Duration::from_secs(2);

/// One question.
const ASK: Duration = Duration::from_secs(2);

/// One step of the probe. The first use of a transactional id takes about a second.
const STEP: Duration = Duration::from_secs(15);

/// What the brokers say of these topics. `Err`: they cannot be reached, or the settings make no client.
pub(super) fn topics<'a>(
    cluster: &Cluster,
    config: &Config,
    names: impl Iterator<Item = &'a String>,
) -> Result<BTreeMap<String, Seen>, Problem> {
    let complaints = Complaints::default();
    let consumer = asker(cluster, config, complaints.clone())?;
    let admin: AdminClient<Complaints> = client::base(cluster, None, &[], config.log.level)
        .create_with_context(Complaints::default())
        .map_err(|error| settings(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Problem(format!("cannot ask the brokers: {error}")))?;
    let started = Instant::now();
    let mut seen = BTreeMap::new();
    for name in names {
        let partitions = partitions(&consumer, cluster, name, started, &complaints)?;
        let found = match partitions {
            Ok(partitions) => {
                let found = runtime.block_on(topic_settings(&admin, name));
                let Settings { max_bytes, compacted, forgets } = found;
                Seen::There { partitions, max_bytes, compacted, forgets }
            }
            Err(denied_or_missing) => denied_or_missing,
        };
        seen.insert(name.clone(), found);
    }
    Ok(seen)
}

/// A consumer that joins nothing: the only client whose callbacks can be polled while it connects.
fn asker(cluster: &Cluster, config: &Config, complaints: Complaints) -> Result<BaseConsumer<Complaints>, Problem> {
    let mut settings_of = client::base(cluster, Some(For::Consumer), &[], config.log.level);
    // Offsets of an open transaction would be waited for: whoever asks for them here only wants to know if it may.
    settings_of
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_uncommitted");
    settings_of.create_with_context(complaints).map_err(|error| settings(&error))
}

/// A setting that the library refuses. Its own words may quote the value, which may be a secret.
fn settings(error: &KafkaError) -> Problem {
    Problem(match error {
        KafkaError::ClientConfig(_, _, name, _) => format!(
            "the Kafka client does not take the value of {name} under kafka.client: see the library's list of settings"
        ),
        KafkaError::ClientCreation(what) => format!("the settings under kafka.client make no client: {what}"),
        _ => format!("the settings under kafka.client make no client: {}", code(error)),
    })
}

fn code(error: &KafkaError) -> Code {
    error.rdkafka_error_code().unwrap_or(Code::Fail)
}

/// How many partitions a topic has, or that it is missing or denied.
fn partitions(
    consumer: &BaseConsumer<Complaints>,
    cluster: &Cluster,
    name: &str,
    started: Instant,
    complaints: &Complaints,
) -> Result<Result<usize, Seen>, Problem> {
    loop {
        let failure = match ask(consumer, name) {
            Answer::Partitions(partitions) => return Ok(Ok(partitions)),
            Answer::No(seen) if started.elapsed() > SETTLE => return Ok(Err(seen)),
            Answer::No(_) => {
                listen(consumer);
                continue;
            }
            Answer::Failure(failure) => failure,
        };
        listen(consumer);
        if complaints.hopeless() || started.elapsed() > REACH {
            let brokers = &cluster.brokers;
            let explained = complaints.explained(brokers);
            return Err(Problem(
                explained.unwrap_or_else(|| format!("the brokers at {brokers} do not answer: {failure}")),
            ));
        }
    }
}

enum Answer {
    Partitions(usize),
    No(Seen),
    Failure(Code),
}

fn ask(consumer: &BaseConsumer<Complaints>, name: &str) -> Answer {
    let metadata = match consumer.fetch_metadata(Some(name), ASK) {
        Ok(metadata) => metadata,
        Err(error) if matches!(code(&error), Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
            return Answer::No(Seen::Missing);
        }
        Err(error) => return Answer::Failure(code(&error)),
    };
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Answer::No(Seen::Missing);
    };
    match topic.error().map(Code::from) {
        Some(Code::TopicAuthorizationFailed) => Answer::No(Seen::Denied),
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::InvalidTopic) => Answer::No(Seen::Missing),
        None if !topic.partitions().is_empty() => Answer::Partitions(topic.partitions().len()),
        // A topic that was made a moment ago has no leader yet.
        failure => Answer::Failure(failure.unwrap_or(Code::LeaderNotAvailable)),
    }
}

/// Lets the client say what it has to say: one complaint a poll, and they queue up.
fn listen(consumer: &BaseConsumer<Complaints>) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(200) {
        consumer.poll(Duration::from_millis(20));
    }
}

/// How a topic is set.
#[derive(Default)]
struct Settings {
    max_bytes: Option<u64>,
    compacted: bool,
    forgets: bool,
}

/// Not being allowed to ask is no problem: the first record that is too large would be quarantined, not lost.
async fn topic_settings(admin: &AdminClient<Complaints>, name: &str) -> Settings {
    let options = AdminOptions::new().request_timeout(Some(STEP));
    let answer = admin.describe_configs(&[ResourceSpecifier::Topic(name)], &options).await;
    let Some(Ok(found)) = answer.ok().and_then(|answers| answers.into_iter().next()) else {
        tracing::warn!(topic = %name, "the settings of the topic cannot be read (DescribeConfigs): sizes are not checked");
        return Settings::default();
    };
    let value = |name: &str| found.get(name).and_then(|entry| entry.value.clone());
    let max_bytes = value("max.message.bytes").and_then(|text| text.parse().ok());
    let policy = value("cleanup.policy").unwrap_or_default();
    let endless = ["retention.ms", "retention.bytes"].iter().all(|name| value(name).is_none_or(|text| text == "-1"));
    Settings { max_bytes, compacted: policy.contains("compact"), forgets: policy.contains("delete") && !endless }
}

/// May we use the consumer group?
pub(super) fn group(config: &Config, inputs: &BTreeMap<String, Seen>) -> Option<Problem> {
    let topic = inputs.iter().find(|(_, seen)| seen.is_there()).map(|(topic, _)| topic)?;
    let consumer = asker(&config.input, config, Complaints::default()).ok()?;
    let mut one = TopicPartitionList::new();
    one.add_partition(topic, 0);
    let refused = |error: &KafkaError| code(error) == Code::GroupAuthorizationFailed;
    let started = Instant::now();
    while started.elapsed() < STEP {
        match consumer.committed_offsets(one.clone(), Duration::from_millis(300)) {
            Ok(_) => return None,
            Err(error) if refused(&error) => return Some(words::cannot_join(config)),
            // A coordinator that refuses us is not found, and why is only said to whoever polls.
            Err(_) => match consumer.poll(Duration::ZERO) {
                Some(Err(error)) if refused(&error) => return Some(words::cannot_join(config)),
                _ => {}
            },
        }
    }
    None
}

/// Writes one record to each topic in a transaction of its own, and aborts it.
pub(super) fn write<'a>(
    config: &Config,
    topics: impl Iterator<Item = (&'a str, &'a [String])>,
    problems: &mut Vec<Problem>,
) {
    let mut probe = None;
    for (topic, policies) in topics {
        // A producer that met a refusal may be of no more use; a new one costs a second, and refusals are rare.
        let ready = match probe.take() {
            Some(ready) => Ok(ready),
            None => Probe::new(config),
        };
        match ready {
            Ok(ready) => match ready.write(topic) {
                Ok(()) => probe = Some(ready),
                Err(error) => problems.push(refused(config, topic, policies, &error)),
            },
            Err(Some(problem)) => return problems.push(problem),
            Err(None) => return,
        }
    }
}

fn refused(config: &Config, topic: &str, policies: &[String], error: &KafkaError) -> Problem {
    match code(error) {
        Code::TopicAuthorizationFailed => words::cannot_write(config, topic, policies),
        code => Problem(format!("writing to topic {topic} fails: {code}")),
    }
}

/// A producer for the probe, with an id of its own, so that it fences no worker.
struct Probe(ThreadedProducer<Deliveries>);

impl Probe {
    /// `Err(None)`: under at-least-once delivery transactions need not be allowed, so nothing can be probed.
    fn new(config: &Config) -> Result<Probe, Option<Problem>> {
        let mut settings_of: ClientConfig = client::producer(config, 0);
        settings_of.set("transactional.id", format!("{}/{}/preflight", config.group, config.instance));
        let timeout = settings_of.get("transaction.timeout.ms").unwrap_or_default().to_owned();
        let made: KafkaResult<ThreadedProducer<Deliveries>> = settings_of.create_with_context(Deliveries::default());
        let producer = made.map_err(|error| Some(settings(&error)))?;
        producer.init_transactions(STEP).map_err(|error| match code(&error) {
            _ if !transactional(config) => None,
            Code::TransactionalIdAuthorizationFailed => Some(words::no_transactions(config)),
            Code::InvalidTransactionTimeout => Some(words::timeout_too_long(&timeout)),
            code => Some(Problem(format!("transactions cannot be started: {code}"))),
        })?;
        Ok(Probe(producer))
    }

    fn write(&self, topic: &str) -> KafkaResult<()> {
        self.0.context().take();
        self.0.begin_transaction()?;
        let headers = OwnedHeaders::new().insert(Header { key: "tamis-probe", value: Some("1") });
        let record: BaseRecord<'_, str, str> = BaseRecord::to(topic).partition(0).key("tamis-probe").headers(headers);
        let sent = self.0.send(record).map_err(|(error, _)| error);
        let flushed = sent.and_then(|()| self.0.flush(STEP));
        let delivered = flushed.and_then(|()| match self.0.context().take() {
            // Refused before it was sent. The transaction is to be aborted, and committing it is the only call that
            // says why; there is nothing in it.
            Some(code @ (Code::PurgeQueue | Code::PurgeInflight)) => {
                self.0.commit_transaction(STEP).and(Err(KafkaError::MessageProduction(code)))
            }
            Some(code) => Err(KafkaError::MessageProduction(code)),
            None => Ok(()),
        });
        // After a failure the transaction may be gone already; the failure says more than that.
        let aborted = self.0.abort_transaction(STEP);
        delivered.and(aborted)
    }
}

/// Remembers how the last delivery failed.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Option<Code>>>);

impl Deliveries {
    fn take(&self) -> Option<Code> {
        self.0.lock().unwrap_or_else(|held| held.into_inner()).take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = "probe", "{}: {reason}", code(&error));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            let code = code(error);
            let mut held = self.0.lock().unwrap_or_else(|held| held.into_inner());
            if !matches!(code, Code::PurgeQueue | Code::PurgeInflight) || held.is_none() {
                *held = Some(code);
            }
        }
    }
}
