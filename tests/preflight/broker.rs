//! A real Apache Kafka that asks who we are: started by `scripts/kafka --secure`, ended when the test process ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::cluster::{self, Topic};

/// The broker of these tests.
pub(crate) struct Broker {
    /// A listener where everything is allowed.
    pub(crate) open: String,
    /// PLAIN over plaintext, for the user tamis.
    pub(crate) sasl: String,
    /// SCRAM-SHA-512 over TLS, for the user tamis.
    pub(crate) tls: String,
    /// The CA of that listener.
    pub(crate) ca: PathBuf,
}

/// The broker, or `None` where none can be started. Where CI is set one must start, so that a missing Java fails the run.
pub(crate) fn broker() -> Option<&'static Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    BROKER.get_or_init(|| start("main")).as_ref()
}

/// Another cluster of one broker, for deployments that write elsewhere than they read.
pub(crate) fn other() -> Option<&'static Broker> {
    static OTHER: OnceLock<Option<Broker>> = OnceLock::new();
    OTHER.get_or_init(|| start("other")).as_ref()
}

fn start(name: &str) -> Option<Broker> {
    if !cluster::can_run(&["java", "mvn", "openssl"]) {
        return None;
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dir = root.join(format!("target/kafka/preflight-{}-{name}", std::process::id()));
    let mut command = Command::new(root.join("scripts/kafka"));
    command.args(["start", "--secure", "--owner", &std::process::id().to_string(), "--dir"]).arg(&dir);
    let out = command.output().unwrap();
    assert!(out.status.success(), "scripts/kafka start: {}", String::from_utf8_lossy(&out.stderr));
    let addresses = String::from_utf8(out.stdout).unwrap();
    let mut addresses = addresses.split_whitespace().map(str::to_owned);
    let mut next = || addresses.next().unwrap();
    Some(Broker { open: next(), sasl: next(), tls: next(), ca: dir.join("ca.pem") })
}

impl Broker {
    /// Makes topics.
    pub(crate) fn create(&self, topics: &[Topic<'_>]) {
        cluster::create(&self.open, topics);
        let last = topics.len() - 1;
        wait_for(topics[last].0, ClientConfig::new().set("bootstrap.servers", &self.open));
    }

    /// Waits until every topic and right made so far is known to the broker, whose own view lags behind its answers. It
    /// learns of them in order, so a last one tells.
    pub(crate) fn settle(&self, name: &str) {
        let barrier = format!("{name}.barrier");
        self.create(&[(&barrier, 1, &[])]);
        self.allow(Resource::Topic, &barrier, &[Operation::Describe]);
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.sasl).set("security.protocol", "SASL_PLAINTEXT");
        client.set("sasl.mechanism", "PLAIN").set("sasl.username", "tamis").set("sasl.password", "tamis-secret");
        wait_for(&barrier, &mut client);
    }

    /// How many records a reader with this isolation finds in a topic of one partition.
    pub(crate) fn count(&self, topic: &str, isolation: &str) -> usize {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.open)
            .set("group.id", "count")
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&all).unwrap();
        let mut count = 0;
        loop {
            match consumer.poll(Duration::from_secs(20)).expect("the end of the partition") {
                Ok(_) => count += 1,
                Err(KafkaError::PartitionEOF(_)) => return count,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Allows the user tamis something.
    pub(crate) fn allow(&self, resource: Resource, name: &str, operations: &[Operation]) {
        let mut stream = TcpStream::connect(&self.open).unwrap();
        stream.write_all(&create_acls(resource, name, operations)).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut answer).unwrap();
        // Correlation id, throttle time, count; then an error code and a null message for each.
        assert_eq!(answer.len(), 12 + 4 * operations.len(), "an error message: {}", String::from_utf8_lossy(&answer));
        assert!(answer[12..].chunks(4).all(|result| result[..2] == [0, 0]), "{answer:?}");
    }
}

/// What an ACL is about, by the number in Kafka's protocol.
#[derive(Clone, Copy)]
pub(crate) enum Resource {
    Topic = 2,
    Group = 3,
    /// All ids that begin with the name.
    TransactionalIds = 5,
}

/// What an ACL allows, by the number in Kafka's protocol.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Read = 3,
    Write = 4,
    Describe = 8,
}

/// A CreateAcls request, version 1 (the client library has no call for it).
fn create_acls(resource: Resource, name: &str, operations: &[Operation]) -> Vec<u8> {
    let string = |out: &mut Vec<u8>, text: &str| {
        out.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
        out.extend(text.as_bytes());
    };
    let mut out = Vec::new();
    out.extend(30i16.to_be_bytes());
    out.extend(1i16.to_be_bytes());
    out.extend(7i32.to_be_bytes());
    string(&mut out, "tests");
    out.extend(i32::try_from(operations.len()).unwrap().to_be_bytes());
    for operation in operations {
        out.push(resource as u8);
        string(&mut out, name);
        out.push(if matches!(resource, Resource::TransactionalIds) { 4 } else { 3 });
        string(&mut out, "User:tamis");
        string(&mut out, "*");
        out.push(*operation as u8);
        out.push(3);
    }
    let mut framed = i32::try_from(out.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(out);
    framed
}

/// Waits until this client sees the topic.
fn wait_for(topic: &str, client: &mut ClientConfig) {
    let consumer: BaseConsumer = client.set("allow.auto.create.topics", "false").create().unwrap();
    let sees = || {
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
        metadata.topics().iter().any(|seen| seen.error().is_none() && !seen.partitions().is_empty()).then_some(())
    };
    for _ in 0..300 {
        if sees().is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{topic} is not to be seen");
}
