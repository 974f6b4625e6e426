//! Cold load and restart through a real Kafka: from the start of the follower until the table may be asked.
//!
//! The topic is filled before the clock runs. Broker, client library and table share the machine's cores.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tamis::config;
use tamis::engine::policy::SourceFile;
use tamis::runtime::consent::{Following, Settings, Word};
use tamis::runtime::kafka::client;
use tamis::runtime::keys::Index;
use tamis::runtime::metrics::Metrics;

use crate::{Seeded, record};

/// Partitions of the consent topic.
const PARTITIONS: i32 = 6;

/// Longer than anything here takes: heartbeats are written once.
const STALENESS: Duration = Duration::from_secs(6 * 3600);

/// Seconds that each start took, of the wall and of this process's CPUs, and the size of the checkpoint.
pub(crate) struct Measured {
    pub(crate) cold: (f64, f64),
    pub(crate) restart: (f64, f64),
    pub(crate) checkpoint: u64,
}

/// Fills a new topic with one choice of each subject, and starts twice: without a checkpoint and with one.
pub(crate) fn measure(brokers: &str, subjects: u64) -> Measured {
    let topic = format!("consent-{}", std::process::id());
    fill(brokers, &topic, subjects);
    let dir = tempfile::tempdir().expect("a folder for the checkpoint");
    let file = dir.path().join("checkpoint");
    let (cold, first) = start(brokers, &topic, dir.path(), &file, subjects);
    let checkpoint = std::fs::metadata(&file).expect("a checkpoint").len();
    let (restart, second) = start(brokers, &topic, dir.path(), &file, subjects);
    assert_eq!(first, second, "both starts give the same table");
    Measured { cold, restart, checkpoint }
}

fn fill(brokers: &str, topic: &str, subjects: u64) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let made = [NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)).set("cleanup.policy", "compact")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for made in runtime.block_on(admin.create_topics(&made, &AdminOptions::new())).expect("an answer") {
        made.expect("a topic");
    }
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "20")
        .set("enable.idempotence", "true")
        .create()
        .expect("a producer");
    let send = |partition: i32, key: &str, value: &str| {
        let mut one = BaseRecord::<str, str>::to(topic).partition(partition).key(key).payload(value);
        while let Err((_, back)) = producer.send(one) {
            producer.poll(Duration::from_millis(10));
            one = back;
        }
    };
    let mut seeded = Seeded(1);
    for account in 0..subjects {
        let (key, value) = record(&mut seeded, account);
        send((account % PARTITIONS as u64) as i32, &key, &value);
        if account % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    for partition in 0..PARTITIONS {
        let value = format!("{{\"v\":1,\"hb\":\"{:.3}\"}}", jiff::Timestamp::now());
        send(partition, &format!("hb/{partition}"), &value);
    }
    producer.flush(Duration::from_secs(600)).expect("all of it is written");
}

/// Seconds until the table may be asked, of the wall and of the CPUs, and the digest of all that it then knows.
fn start(brokers: &str, topic: &str, dir: &Path, file: &Path, subjects: u64) -> ((f64, f64), String) {
    let mut text = String::new();
    let _ = write!(
        text,
        "kafka: {{brokers: '{brokers}'}}\ngroup: bench\ninstance: a\npolicies: [p]\nkeys: p\n\
         consent: {{topic: {topic}}}\nquarantine: {{topic: q}}\n"
    );
    std::fs::write(dir.join("p"), "").expect("a file");
    let config = config::parse(SourceFile { name: "tamis.yaml".to_owned(), text }, dir).expect("a deployment");
    let settings = Settings {
        client: client::consent(&config),
        topic: topic.to_owned(),
        checkpoint: Some(file.to_path_buf()),
        checkpoint_every: Duration::from_secs(3600),
        max_staleness: STALENESS,
    };
    let metrics = Arc::new(Metrics::new([]));
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let following = Following::start(settings, Index::new([7; 32]), &metrics).expect("threads");
    let consent = Arc::clone(following.consent());
    while consent.word() != Word::Ready {
        assert!(began.elapsed() < Duration::from_secs(3600), "{:?}: {:?}", consent.word(), consent.trouble());
        std::thread::sleep(Duration::from_millis(5));
    }
    let spent = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    assert_eq!(consent.subjects() as u64, subjects, "everybody is known");
    following.stop();
    assert!(following.wait(Duration::from_secs(600)), "it ends");
    (spent, consent.digest())
}

/// Of all threads of this process: the client library's are among them.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
