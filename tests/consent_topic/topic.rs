//! One consent topic under test: what writes it, and tables that follow it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tamis::config;
use tamis::engine::policy::SourceFile;
use tamis::runtime::consent::{Consent, Following, Settings, Word};
use tamis::runtime::kafka::client;
use tamis::runtime::keys::Index;
use tamis::runtime::metrics::Metrics;

use crate::broker::create;
use crate::wait::wait;

/// Long enough for a broker that starts while the machine does other things.
pub const SOON: Duration = Duration::from_secs(90);

/// Short, so that tests need not wait, and several heartbeats long.
pub const STALENESS: Duration = Duration::from_secs(4);

pub struct Topic {
    pub name: String,
    pub brokers: String,
    pub dir: tempfile::TempDir,
    partitions: Arc<Mutex<i32>>,
    producer: Arc<BaseProducer>,
}

impl Topic {
    pub fn new(name: &str, brokers: &str, partitions: i32, settings: &[(&str, &str)]) -> Topic {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{name}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        create(brokers, &[(&name, partitions, settings)]);
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("linger.ms", "5")
            // Partitions that are added are to be found while the test lasts.
            .set("topic.metadata.refresh.interval.ms", "500")
            .create()
            .unwrap();
        let partitions = Arc::new(Mutex::new(partitions));
        Topic {
            name,
            brokers: brokers.to_owned(),
            dir: tempfile::tempdir().unwrap(),
            partitions,
            producer: Arc::new(producer),
        }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("consent.checkpoint")
    }

    /// A table that follows the topic with the settings of a deployment.
    pub fn follow(&self, checkpoint: Option<&Path>, key: u8) -> Table {
        let deployment = format!(
            "kafka: {{brokers: '{}', client: {{session.timeout.ms: 6000}}}}\ngroup: follows\ninstance: a\npolicies: [p]\n\
             keys: p\nconsent: {{topic: {}}}\nquarantine: {{topic: q}}\n",
            self.brokers, self.name
        );
        std::fs::write(self.dir.path().join("p"), "").unwrap();
        let file = SourceFile { name: "tamis.yaml".to_owned(), text: deployment };
        let config = config::parse(file, self.dir.path()).unwrap();
        let settings = Settings {
            client: client::consent(&config),
            topic: config.consent.unwrap().topic,
            checkpoint: checkpoint.map(Path::to_owned),
            checkpoint_every: Duration::from_secs(3600),
            max_staleness: STALENESS,
        };
        let metrics = Arc::new(Metrics::new([]));
        Table { following: Following::start(settings, Index::new([key; 32]), &metrics).unwrap(), metrics }
    }

    /// Writes records: partition, key, value.
    pub fn write(&self, records: &[(i32, String, Option<String>)]) {
        write_by(&self.producer, &self.name, records);
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// Writes them in a transaction.
    pub fn transact(&self, records: &[(i32, String, Option<String>)], commit: bool) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", &self.name)
            .create()
            .unwrap();
        let limit = Duration::from_secs(30);
        producer.init_transactions(limit).unwrap();
        producer.begin_transaction().unwrap();
        write_by(&producer, &self.name, records);
        producer.flush(limit).unwrap();
        if commit { producer.commit_transaction(limit).unwrap() } else { producer.abort_transaction(limit).unwrap() }
    }

    /// Heartbeats in every partition until dropped.
    pub fn beat(&self) -> Heart {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, producer, name) = (Arc::clone(&stop), Arc::clone(&self.producer), self.name.clone());
        let partitions = Arc::clone(&self.partitions);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let records: Vec<_> = (0..*partitions.lock().unwrap()).map(|p| heartbeat(p, p)).collect();
                write_by(&producer, &name, &records);
                producer.poll(Duration::from_millis(200));
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Heart { stop, thread: Some(thread) }
    }

    pub fn grow(&self, partitions: usize) {
        run(
            async |admin| {
                let more = [NewPartitions::new(&self.name, partitions)];
                admin.create_partitions(&more, &options()).await.unwrap().remove(0).unwrap();
            },
            &self.brokers,
        );
    }

    /// Heartbeats go to this many partitions from now on.
    pub fn beat_in(&self, partitions: i32) {
        *self.partitions.lock().unwrap() = partitions;
    }

    /// Deletes the records of a partition before an offset.
    pub fn delete_before(&self, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset)).unwrap();
        run(async |admin| drop(admin.delete_records(&list, &options()).await.unwrap()), &self.brokers);
    }

    /// First and last offset of a partition.
    pub fn ends(&self, partition: i32) -> (i64, i64) {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        consumer.fetch_watermarks(&self.name, partition, Duration::from_secs(10)).unwrap()
    }

    /// How many records kcat finds. It stops when it is told of the end, which a broker only says when it has had nothing
    /// to send for as long as a fetch waits: that must be shorter than the time between two heartbeats.
    pub fn count(&self) -> usize {
        let out = std::process::Command::new("kcat")
            .args(["-C", "-b", &self.brokers, "-t", &self.name, "-o", "beginning", "-e", "-q", "-f", "%o\n"])
            .args(["-m", "60", "-X", "fetch.wait.max.ms=20"])
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap().lines().count()
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)))
}

fn run(ask: impl AsyncFnOnce(&AdminClient<DefaultClientContext>), brokers: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(ask(&admin));
}

fn write_by(producer: &BaseProducer, topic: &str, records: &[(i32, String, Option<String>)]) {
    for (partition, key, value) in records {
        let mut record = BaseRecord::<str, str>::to(topic).partition(*partition).key(key);
        if let Some(value) = value {
            record = record.payload(value);
        }
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
}

/// A heartbeat for one partition, written to another.
pub fn heartbeat(of: i32, to: i32) -> (i32, String, Option<String>) {
    (to, format!("hb/{of}"), Some(format!("{{\"v\":1,\"hb\":\"{:.3}\"}}", jiff::Timestamp::now())))
}

/// A choice of an account; `at` in seconds after 2026-01-01.
pub fn choice(
    partition: i32,
    id: &str,
    account: u64,
    purpose: &str,
    stance: &str,
    at: i64,
) -> (i32, String, Option<String>) {
    let at = jiff::Timestamp::from_second(1_767_225_600 + at).unwrap();
    let value = format!(
        "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"account\":\"u-{account}\"}},\"purposes\":{{\"{purpose}\":\"{stance}\"}},\
         \"at\":\"{at}\",\"precision\":\"ms\",\"source\":\"form\"}}"
    );
    (partition, id.to_owned(), Some(value))
}

/// Ends when dropped.
pub struct Heart {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

/// A table that follows a topic.
pub struct Table {
    following: Following,
    pub metrics: Arc<Metrics>,
}

impl Table {
    pub fn consent(&self) -> &Consent {
        self.following.consent()
    }

    pub fn is(&self, word: Word, limit: Duration) -> bool {
        wait(limit, || self.consent().word() == word)
    }

    /// Ready, or a word about why not.
    pub fn ready(&self) {
        let ready = self.is(Word::Ready, SOON);
        assert!(ready, "{:?}: {:?}\n{}", self.consent().word(), self.consent().trouble(), self.metrics.text());
    }

    /// Ends its threads; a checkpoint is there then.
    pub fn stop(self) -> String {
        self.following.stop();
        assert!(self.following.wait(SOON));
        self.consent().digest()
    }

    pub fn sample(&self, series: &str) -> f64 {
        let text = self.metrics.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.following.stop();
        self.following.wait(SOON);
    }
}
