//! The embedded broker, the shop that writes to it, and the reader that looks at what came out.
//!
//! The broker is librdkafka's own mock cluster, inside this process. It speaks enough of Kafka for the pipeline and for
//! `kcat`, but it does not isolate transactions and keeps no more than some megabytes per partition. What the shop and
//! the reader count here is independent of what the pipeline counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::shop::hunt::{Counts, Hunter};
use super::shop::{Made, Shop};

/// Partitions of every topic: more than one, so that order and placement are seen to work.
pub(super) const PARTITIONS: i32 = 4;

/// The embedded broker; its topics are gone with it.
pub(super) struct Broker {
    _cluster: MockCluster<'static, DefaultProducerContext>,
    /// `host:port`
    pub(super) address: String,
}

impl Broker {
    /// Starts with these topics.
    pub(super) fn start<'a>(topics: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Broker> {
        let cluster = MockCluster::new(1).context("cannot start the embedded broker")?;
        for topic in topics {
            cluster.create_topic(topic, PARTITIONS, 1).with_context(|| format!("cannot make topic {topic}"))?;
        }
        let address = cluster.bootstrap_servers();
        Ok(Broker { _cluster: cluster, address })
    }
}

/// What the shop has sent so far.
#[derive(Default)]
pub(super) struct Sent {
    /// Records.
    pub(super) records: AtomicU64,
    /// Events in them.
    pub(super) events: AtomicU64,
    /// What of the made-up people is in them.
    pub(super) planted: Mutex<Counts>,
    /// The last one that is well-formed, for the sample.
    pub(super) last: Mutex<Option<Made>>,
    closed: AtomicBool,
}

impl Sent {
    /// No more traffic: the shop writes out what it has and ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Writes the shop's traffic to `topic` at so many events a second, until closed.
pub(super) fn sell(address: &str, topic: &str, seed: u64, rate: u64, sent: &Sent) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("linger.ms", "5")
        .create()
        .context("cannot write to the embedded broker")?;
    let (mut shop, hunter, began) = (Shop::new(seed), Hunter::new(), Instant::now());
    while !sent.closed.load(Ordering::Acquire) {
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        while sent.events.load(Ordering::Relaxed) < due && !sent.closed.load(Ordering::Acquire) {
            let made = shop.record(now_ms());
            send(&producer, topic, &made)?;
            hunter.count(made.value.as_deref().unwrap_or_default(), &mut lock(&sent.planted));
            sent.records.fetch_add(1, Ordering::Relaxed);
            sent.events.fetch_add(made.events, Ordering::Relaxed);
            if made.sound {
                *lock(&sent.last) = Some(made);
            }
        }
        producer.poll(Duration::from_millis(10));
    }
    producer.flush(Duration::from_secs(10)).context("the embedded broker did not take all records")
}

fn send(producer: &BaseProducer, topic: &str, made: &Made) -> anyhow::Result<()> {
    let headers = made.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value.as_bytes()) })
    });
    let mut record = BaseRecord::to(topic).key(made.key.as_bytes()).headers(headers);
    if let Some(value) = &made.value {
        record = record.payload(value.as_slice());
    }
    loop {
        record = match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                producer.poll(Duration::from_millis(5));
                back
            }
            Err((error, _)) => return Err(error).context("cannot write to the embedded broker"),
        };
    }
}

/// What was read back, per topic.
pub(super) struct Seen {
    /// Records.
    pub(super) records: Vec<AtomicU64>,
    /// What of the made-up people is still in them.
    pub(super) left: Mutex<Vec<Counts>>,
    closed: AtomicBool,
}

impl Seen {
    /// Nothing yet, of so many topics.
    pub(super) fn new(topics: usize) -> Seen {
        Seen {
            records: (0..topics).map(|_| AtomicU64::new(0)).collect(),
            left: Mutex::new(vec![Counts::default(); topics]),
            closed: AtomicBool::new(false),
        }
    }

    /// No more reading.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Records of all topics.
    pub(super) fn total(&self) -> u64 {
        self.records.iter().map(|count| count.load(Ordering::Acquire)).sum()
    }
}

/// Reads these topics from their beginning and hunts in them, until closed.
pub(super) fn look(address: &str, topics: &[String], seen: &Seen) -> anyhow::Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "tamis-demo-reader")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "50")
        .create()
        .context("cannot read from the embedded broker")?;
    let mut all = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            all.add_partition_offset(topic, partition, Offset::Beginning).context("cannot read the output topics")?;
        }
    }
    consumer.assign(&all).context("cannot read the output topics")?;
    let hunter = Hunter::new();
    while !seen.closed.load(Ordering::Acquire) {
        // A broker that is shutting down answers with an error: the loop ends by `closed`.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
        let Some(at) = topics.iter().position(|topic| topic == message.topic()) else { continue };
        hunter.count(message.payload().unwrap_or_default(), &mut lock(&seen.left)[at]);
        seen.records[at].fetch_add(1, Ordering::Release);
    }
    Ok(())
}

/// The value, whoever panicked while holding it: it is only counts.
pub(super) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(|held| held.into_inner())
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Starts a named thread whose failure is told by `failed`.
pub(super) fn spawn(
    name: &str,
    failed: &Arc<Mutex<Option<String>>>,
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let failed = Arc::clone(failed);
    let run = move || {
        if let Err(error) = work() {
            *lock(&failed) = Some(format!("{error:#}"));
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).context("cannot start a thread")
}
