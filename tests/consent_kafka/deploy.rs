//! One deployment with a consent topic: topics, files, what writes to them, and what kcat finds in them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::create;
use crate::process::Tamis;

/// Long enough for a process that starts while the machine does other things.
pub const SOON: Duration = Duration::from_secs(90);

/// How old a heartbeat may be: short, so that tests need not wait, and many heartbeats long.
pub const STALENESS: Duration = Duration::from_secs(4);

/// Partitions of inputs and outputs.
pub const PARTITIONS: u64 = 4;

/// Partitions of the consent topic.
pub const CONSENT_PARTITIONS: i32 = 2;

/// Topics and files of one test. Names are its own, so that tests can share a broker.
pub struct Deployment {
    pub name: String,
    pub brokers: String,
    pub dir: tempfile::TempDir,
    pub producer: Arc<BaseProducer>,
    /// It logs whatever there is to log, the client library's lines among it.
    pub loud: bool,
    workers: usize,
}

/// One event to be written.
pub struct Event {
    pub number: u64,
    pub account: Option<String>,
    pub device: String,
    pub gpc: bool,
}

impl Deployment {
    /// In California: two routes, `ads` and `stats`, of which Global Privacy Control closes the first.
    pub fn new(name: &str, brokers: &str, workers: usize) -> Deployment {
        let made = Deployment::bare(name, brokers, &["in"], &["ads", "stats"], workers);
        let policy = format!(
            "tamis: 1\npolicy: site\ninput: {{topics: [{0}.in]}}\nsubjects: {{account: $.user, device: $.device}}\n\
             law: {{preset: eea-us/2026-01, country: US, region: US-CA}}\n\
             consent: {{table: required, gpc: {{at: header.sec-gpc}}}}\nroutes:\n  {0}.ads: {{requires: ads.profile}}\n  \
             {0}.stats: {{requires: analytics.audience}}\nfields: {{$.n: keep}}\n\
             detect: {{kinds: none, reason: numbers are counted here}}\n",
            made.name
        );
        fs::write(made.file("policy.yaml"), policy).unwrap();
        made
    }

    /// Topics, keys and a producer, without a policy.
    pub fn bare(name: &str, brokers: &str, inputs: &[&str], outputs: &[&str], workers: usize) -> Deployment {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{name}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let topic = |which: &str| format!("{name}.{which}");
        let partitions = i32::try_from(PARTITIONS).unwrap();
        let kept = [("retention.ms", "-1")];
        for which in inputs.iter().chain(outputs) {
            create(brokers, &[(&topic(which), partitions, &kept)]);
        }
        let compacted = [("cleanup.policy", "compact"), ("retention.ms", "-1")];
        create(brokers, &[(&topic("consent"), CONSENT_PARTITIONS, &compacted), (&topic("quarantine"), 1, &kept)]);
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "120000")
            .set("linger.ms", "5")
            .create()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .args(["keys", "new", "--domain", "web", "--out"])
            .arg(dir.path().join("keys.json"))
            .output()
            .unwrap();
        assert!(made.status.success(), "tamis keys new: {}", String::from_utf8_lossy(&made.stderr));
        Deployment { name, brokers: brokers.to_owned(), dir, producer: Arc::new(producer), loud: false, workers }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    /// The deployment file of an instance.
    pub fn config(&self, instance: &str) -> PathBuf {
        let path = self.file(&format!("{instance}.yaml"));
        let (level, debug) = if self.loud { ("trace", "debug: all, ") } else { ("info", "") };
        let text = format!(
            "kafka:\n  brokers: \"{}\"\n  client: {{{debug}session.timeout.ms: 30000, heartbeat.interval.ms: 1000}}\n\
             group: {1}\ninstance: {instance}\npolicies: [policy.yaml]\nkeys: keys.json\nworkers: {2}\n\
             transaction: {{max_interval: 50ms}}\nconsent: {{topic: {1}.consent, max_staleness: {3}s}}\n\
             quarantine: {{topic: {1}.quarantine}}\nadmin: {{listen: \"127.0.0.1:0\"}}\nlog: {{level: {level}}}\n",
            self.brokers,
            self.name,
            self.workers,
            STALENESS.as_secs()
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts `tamis run` as one instance; its log goes to `<instance>.log`.
    pub fn start(&self, instance: &str, fault: &str) -> Tamis {
        Tamis::start(&self.config(instance), self.file(&format!("{instance}.log")), fault)
    }

    /// Writes events to the input; the partition is the number's.
    pub fn events(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.event(&event);
        }
        self.flush();
    }

    pub fn event(&self, event: &Event) {
        let account = event.account.as_ref().map(|account| format!("\"user\":\"{account}\",")).unwrap_or_default();
        let value = format!("{{\"n\":{},{account}\"device\":\"{}\"}}", event.number, event.device);
        let partition = i32::try_from(event.number % PARTITIONS).unwrap();
        self.send(&self.topic("in"), partition, None, &value, event.gpc, None);
    }

    /// Writes choices to the consent topic: key, value. The key says where it goes.
    pub fn choices<'a>(&self, choices: impl IntoIterator<Item = &'a (String, String)>) {
        for (id, value) in choices {
            let partition = i32::try_from(id.bytes().map(u64::from).sum::<u64>() % 2).unwrap();
            self.send(&self.topic("consent"), partition, Some(id), value, false, None);
        }
        self.flush();
    }

    pub fn send(&self, topic: &str, partition: i32, key: Option<&str>, value: &str, gpc: bool, at: Option<i64>) {
        let mut record = BaseRecord::<str, str>::to(topic).partition(partition).payload(value);
        record.key = key;
        record.timestamp = at;
        if gpc {
            record = record.headers(OwnedHeaders::new().insert(Header { key: "Sec-GPC", value: Some("1") }));
        }
        while let Err((_, back)) = self.producer.send(record) {
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
    }

    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(120)).unwrap();
    }

    /// What kcat finds in a topic, record by record. Where heartbeats keep coming the end of a partition is only told if a
    /// fetch waits for less than the time between two.
    pub fn kcat(&self, which: &str, isolation: &str, format: &str) -> Vec<String> {
        let out = Command::new("kcat")
            .args(["-C", "-b", &self.brokers, "-t", &self.topic(which), "-o", "beginning", "-e", "-q", "-m", "60"])
            .args(["-X", &format!("isolation.level={isolation}"), "-X", "fetch.wait.max.ms=20", "-f", format])
            .output()
            .unwrap();
        assert!(out.status.success(), "kcat: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect()
    }

    /// The numbers that a read_committed reader finds in an output, sorted, each as often as it is there.
    pub fn numbers(&self, which: &str) -> Vec<u64> {
        let values = self.kcat(which, "read_committed", "%s\n");
        let number = |value: &String| value.strip_prefix("{\"n\":")?.split(['}', ',']).next()?.parse().ok();
        let mut numbers: Vec<u64> = values.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Waits until an output has this many records and then some more, which there must not be.
    pub fn settles_at(&self, which: &str, expected: &[u64], tamis: &Tamis) {
        let mut found = Vec::new();
        let came = crate::wait::wait(SOON, || {
            found = self.numbers(which);
            found.len() >= expected.len()
        });
        assert!(came, "{which}: {} of {} events came\n{}", found.len(), expected.len(), tamis.log_text());
        assert!(found == expected, "{which}: {}", differs(&found, expected));
    }

    /// Heartbeats in every partition of the consent topic until dropped.
    pub fn beat(&self) -> Heart {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, producer, topic) = (Arc::clone(&stop), Arc::clone(&self.producer), self.topic("consent"));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for partition in 0..CONSENT_PARTITIONS {
                    let key = format!("hb/{partition}");
                    let value = format!("{{\"v\":1,\"hb\":\"{:.3}\"}}", jiff::Timestamp::now());
                    let record = BaseRecord::<str, str>::to(&topic).partition(partition).key(&key).payload(&value);
                    let _ = producer.send(record);
                }
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Heart { stop, thread: Some(thread) }
    }
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

/// A choice of an account, made now: id and value.
pub fn choice(id: &str, account: &str, purposes: &[&str], stance: &str, more: &str) -> (String, String) {
    let purposes: Vec<String> = purposes.iter().map(|purpose| format!("\"{purpose}\":\"{stance}\"")).collect();
    let value = format!(
        "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"account\":\"{account}\"}},\"purposes\":{{{}}},\"at\":\"{:.3}\",\
         \"precision\":\"ms\",\"source\":\"form\"{more}}}",
        purposes.join(","),
        jiff::Timestamp::now()
    );
    (id.to_owned(), value)
}

/// The first differences of two sorted lists.
pub fn differs(found: &[u64], expected: &[u64]) -> String {
    let count = |list: &[u64]| {
        list.iter().fold(std::collections::BTreeMap::<u64, usize>::new(), |mut counts, number| {
            *counts.entry(*number).or_default() += 1;
            counts
        })
    };
    let (found, expected) = (count(found), count(expected));
    let more: Vec<_> = found.iter().filter(|(n, count)| expected.get(n) != Some(count)).take(8).collect();
    let less: Vec<_> = expected.keys().filter(|n| !found.contains_key(n)).take(8).collect();
    format!("wrongly there (number, how often): {more:?}; missing: {less:?}")
}

/// Seeded numbers: the same in every run.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}
