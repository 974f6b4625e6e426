//! One deployment under test: its topics, its files, its processes, and what a reader that is not ours finds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::create;
use crate::process::Tamis;
use crate::wait::wait;

pub const PARTITIONS: u64 = 4;

/// Topics and files of one test. Names are its own, so that tests can share a broker.
pub struct World {
    pub name: String,
    pub input: String,
    /// The brokers of outputs and quarantine; the same as `input` but across clusters.
    pub output: String,
    pub dir: tempfile::TempDir,
    /// Everything that the process and the client library can log is logged.
    pub loud: bool,
    workers: usize,
    delivery: &'static str,
    /// Asks where the output ends, again and again: one connection for all of it.
    reader: OnceLock<BaseConsumer>,
}

impl World {
    pub fn new(name: &str, brokers: &str) -> World {
        World::across(name, brokers, brokers, "exactly_once", &[])
    }

    pub fn across(
        name: &str,
        input: &str,
        output: &str,
        delivery: &'static str,
        output_settings: &[(&str, &str)],
    ) -> World {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{name}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let partitions = i32::try_from(PARTITIONS).unwrap();
        create(input, &[(&format!("{name}.in"), partitions, &[])]);
        create(
            output,
            &[(&format!("{name}.out"), partitions, output_settings), (&format!("{name}.quarantine"), 1, &[])],
        );
        let (input, output) = (input.to_owned(), output.to_owned());
        let dir = tempfile::tempdir().unwrap();
        let world = World { name, input, output, dir, loud: false, workers: 2, delivery, reader: OnceLock::new() };
        fs::write(world.file("policy.yaml"), world.policy()).unwrap();
        world
    }

    fn policy(&self) -> String {
        format!(
            "tamis: 1\npolicy: delivery\ninput: {{topics: [{0}.in]}}\nlaw: {{preset: eea-us/2026-01, country: FR}}\n\
             consent: {{table: none}}\nroutes:\n  {0}.out:\n    requires: [security.essential]\n\
             fields:\n  $.n: keep\ndetect: {{kinds: none, reason: numbers are counted here}}\n",
            self.name
        )
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    /// Starts `tamis run` as one instance; its log goes to `<instance>.log`.
    pub fn start(&self, instance: &str, fault: &str) -> Tamis {
        let config = self.file(&format!("{instance}.yaml"));
        let (level, debug) = if self.loud { ("trace", "debug: all, ") } else { ("info", "") };
        let output = if self.input == self.output {
            String::new()
        } else {
            format!("  output: {{brokers: \"{}\"}}\n", self.output)
        };
        let tokens = fs::read_to_string(self.file("policy.yaml")).unwrap().contains("tokens:");
        let keys =
            if self.delivery == "at_least_once" || tokens { format!("keys: {}\n", self.keys()) } else { String::new() };
        fs::write(
            &config,
            format!(
                "kafka:\n  brokers: \"{}\"\n{output}  client: {{{debug}session.timeout.ms: 6000, heartbeat.interval.ms: 1000}}\n\
                 group: {}\ninstance: {instance}\npolicies: [policy.yaml]\n{keys}delivery: {}\nworkers: {}\n\
                 quarantine: {{topic: {}.quarantine}}\nadmin: {{listen: \"127.0.0.1:0\"}}\nlog: {{level: {level}}}\n",
                self.input, self.name, self.delivery, self.workers, self.name
            ),
        )
        .unwrap();
        Tamis::start(&config, self.file(&format!("{instance}.log")), fault)
    }

    /// A key file, as `tamis keys new` makes it.
    fn keys(&self) -> String {
        let file = self.file("keys.json");
        if !file.exists() {
            let made = Command::new(env!("CARGO_BIN_EXE_tamis"))
                .args(["keys", "new", "--domain", "web", "--out"])
                .arg(&file)
                .output()
                .unwrap();
            assert!(made.status.success(), "tamis keys new: {}", String::from_utf8_lossy(&made.stderr));
        }
        file.display().to_string()
    }

    /// Offsets after the last record of each output partition, committed or not.
    pub fn written(&self) -> i64 {
        let reader = self.reader.get_or_init(|| {
            let mut client = ClientConfig::new();
            client.set("bootstrap.servers", &self.output).set("isolation.level", "read_uncommitted");
            client.create().unwrap()
        });
        let ends = (0..i32::try_from(PARTITIONS).unwrap())
            .map(|partition| reader.fetch_watermarks(&self.topic("out"), partition, Duration::from_secs(5)));
        ends.map(|end| end.map_or(0, |(_, high)| high)).sum()
    }

    /// Waits until more has been written than `before`; preflight writes a few records too.
    pub fn wait_written(&self, before: i64, tamis: &Tamis, limit: Duration) {
        assert!(
            wait(limit, || self.written() > before + 100),
            "nothing is written: {before} then {}; {:?} in; {}",
            self.written(),
            self.numbers("in", "read_uncommitted").values().map(Vec::len).collect::<Vec<_>>(),
            tamis.log_text()
        );
    }

    /// What kcat finds in a topic under an isolation level: partition and text of every record, in order.
    pub fn kcat(&self, topic: &str, isolation: &str) -> Vec<(u64, String)> {
        let brokers = if topic.ends_with(".in") { &self.input } else { &self.output };
        let out = Command::new("kcat")
            .args(["-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-m", "60", "-f", "%p %h|%s\n"])
            .args(["-X", &format!("isolation.level={isolation}"), "-X", "fetch.wait.max.ms=20"])
            .output()
            .unwrap();
        assert!(out.status.success(), "kcat: {}", String::from_utf8_lossy(&out.stderr));
        let lines = String::from_utf8(out.stdout).unwrap();
        let parse =
            |line: &str| line.split_once(' ').map(|(partition, rest)| (partition.parse().unwrap(), rest.to_owned()));
        lines.lines().filter_map(parse).collect()
    }

    /// The numbers in each partition of a topic, in order.
    pub fn numbers(&self, which: &str, isolation: &str) -> BTreeMap<u64, Vec<u64>> {
        let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (partition, text) in self.kcat(&self.topic(which), isolation) {
            // Preflight's aborted probes are not events.
            let Some((_, rest)) = text.split_once("|{\"n\":") else { continue };
            found.entry(partition).or_default().push(rest.split([',', '}']).next().unwrap().parse().unwrap());
        }
        found
    }

    /// Waits until a read_committed reader has so many records, then says how the output differs from exactly once
    /// and in order. `None`: it does not.
    pub fn differs(&self, events: u64, limit: Duration) -> Option<String> {
        let mut found = BTreeMap::new();
        let complete = wait(limit, || {
            if u64::try_from(self.written()).unwrap() < events {
                return false;
            }
            found = self.numbers("out", "read_committed");
            found.values().map(Vec::len).sum::<usize>() as u64 >= events
        });
        if !complete {
            let read: usize = found.values().map(Vec::len).sum();
            return Some(format!("{read} of {events} after {limit:?}; written at all: {}", self.written()));
        }
        for (partition, numbers) in &found {
            let expected = (0..events).filter(|number| number % PARTITIONS == *partition);
            if let Some((at, (got, want))) =
                numbers.iter().copied().zip(expected.clone()).enumerate().find(|(_, (g, w))| g != w)
            {
                return Some(format!("partition {partition}, record {at}: number {got} where {want} was due"));
            }
            if numbers.len() != expected.count() {
                return Some(format!("partition {partition} has {} records", numbers.len()));
            }
        }
        None
    }

    pub fn log(&self, instance: &str) -> String {
        fs::read_to_string(self.file(&format!("{instance}.log"))).unwrap_or_default()
    }
}

/// Writes events in the background, so many per turn, so that there is work whenever a process starts.
pub struct Feeder {
    turns: std::sync::mpsc::Sender<u64>,
    thread: std::thread::JoinHandle<()>,
}

impl Feeder {
    /// Events are numbered from 0, number modulo partitions being the partition, and written at about `per_second`.
    pub fn new(world: &World, per_second: u64) -> Feeder {
        let (brokers, topic) = (world.input.clone(), world.topic("in"));
        let (turns, receive) = std::sync::mpsc::channel::<u64>();
        let thread = std::thread::spawn(move || {
            let producer: BaseProducer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("enable.idempotence", "true")
                .set("message.timeout.ms", "120000")
                .set("linger.ms", "5")
                .create()
                .unwrap();
            let mut number = 0;
            for events in receive {
                let started = Instant::now();
                for sent in 0..events {
                    let value = format!("{{\"n\":{number},\"name\":\"Ada Example\"}}");
                    send(&producer, &topic, number % PARTITIONS, &value);
                    number += 1;
                    let due = Duration::from_micros(sent.saturating_mul(1_000_000) / per_second);
                    if sent % 100 == 0 && started.elapsed() < due {
                        producer.poll(Duration::ZERO);
                        std::thread::sleep(due.saturating_sub(started.elapsed()));
                    }
                }
                producer.flush(Duration::from_secs(120)).unwrap();
            }
        });
        Feeder { turns, thread }
    }

    /// Begins to write so many more.
    pub fn write(&self, events: u64) {
        self.turns.send(events).unwrap();
    }

    /// Waits until all are written.
    pub fn finish(self) {
        drop(self.turns);
        self.thread.join().unwrap();
    }
}

/// Writes a few values to partition 0.
pub fn write(brokers: &str, topic: &str, values: &[(&str, Option<i64>)]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for (value, timestamp) in values {
        let mut record = BaseRecord::<(), str>::to(topic).partition(0).payload(value);
        record.timestamp = *timestamp;
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

fn send(producer: &BaseProducer, topic: &str, partition: u64, value: &str) {
    let mut record = BaseRecord::<(), str>::to(topic).partition(i32::try_from(partition).unwrap()).payload(value);
    while let Err((error, back)) = producer.send(record) {
        assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull));
        producer.poll(Duration::from_millis(10));
        record = back;
    }
}

/// Seeded numbers: the same moments in every run.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The file that a process touches when it has reached a pause.
pub fn reached(mark: &Path, limit: Duration) -> bool {
    wait(limit, || mark.exists())
}
