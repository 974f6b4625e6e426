//! `tamis scan --topic` on a real Apache Kafka: the latest committed records, through the deployment file, without a trace.

// Tests say why they were skipped.
#![allow(clippy::print_stderr)]

#[path = "kafka/broker.rs"]
#[allow(dead_code, unreachable_pub)] // shared with other tests
mod broker;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

const WAIT: Duration = Duration::from_secs(30);

fn producer(brokers: &str, id: &str) -> BaseProducer {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("transactional.id", id).create().unwrap();
    producer.init_transactions(WAIT).unwrap();
    producer
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, value: &str) {
    let headers = OwnedHeaders::new().insert(Header { key: "Sec-GPC", value: Some("1") });
    let record = BaseRecord::to(topic).partition(partition).key("u-1").payload(value).headers(headers);
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

fn scan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis")).arg("scan").args(arguments).output().unwrap()
}

/// Writes a value to partition 2 with a header of these bytes: `name=value`.
fn with_header(brokers: &str, topic: &str, header: &[u8], value: &str) {
    let mut kcat = Command::new("kcat")
        .args(["-P", "-b", brokers, "-t", topic, "-p", "2", "-H"])
        .arg(OsStr::from_bytes(header))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    kcat.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    assert!(kcat.wait().unwrap().success());
}

#[test]
fn a_topic_is_sampled_from_its_end_and_nothing_is_left_behind() {
    let Some(_turn) = broker::turn() else { return };
    let brokers = broker::shared();
    let topic = format!("scan.{}", std::process::id());
    broker::create(brokers, &[(&topic, 3, &[])]);
    let producer = producer(brokers, &topic);
    producer.begin_transaction().unwrap();
    for number in 0..300 {
        send(&producer, &topic, number % 2, &format!(r#"{{"old":true,"n":{number}}}"#));
    }
    producer.commit_transaction(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    for number in 0..40 {
        send(&producer, &topic, number % 2, r#"{"type":"a","email":"ada@example.com"}"#);
    }
    producer.commit_transaction(WAIT).unwrap();
    producer.begin_transaction().unwrap();
    for _ in 0..20 {
        send(&producer, &topic, 0, r#"{"taken":"back"}"#);
    }
    producer.flush(WAIT).unwrap();
    producer.abort_transaction(WAIT).unwrap();

    // A deployment whose policies are not there yet: that is when somebody scans.
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("tamis.yaml");
    let text =
        format!("kafka: {{brokers: '{brokers}'}}\ngroup: scanned\ninstance: one\npolicies: [to-be-written.yaml]\n");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let report = |more: &[&str]| -> Value {
        let output = scan(&[&["--topic", &topic, "--config", config, "--json"], more].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let paths = |report: &Value| -> Vec<String> {
        report["paths"].as_array().unwrap().iter().map(|path| path["path"].as_str().unwrap().to_owned()).collect()
    };

    let all = report(&[]);
    assert_eq!(all["records"], 340, "committed records, and all of them");
    assert_eq!(paths(&all), ["$.email", "$.n", "$.old", "$.type", "header.sec-gpc", "key"]);
    assert!(all["policy"].as_str().unwrap().contains(&format!("topics: [{topic}]")));

    // What was taken back and the marks of transactions have offsets too: the last 20 of one partition are nothing else.
    let latest = report(&["--limit", "40"]);
    assert_eq!(latest["records"], 19);
    assert_eq!(paths(&latest), ["$.email", "$.type", "header.sec-gpc", "key"]);
    let first = report(&["--limit", "60", "--from-beginning"]);
    assert_eq!(first["records"], 60);
    assert_eq!(paths(&first), ["$.n", "$.old", "header.sec-gpc", "key"]);

    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let groups = admin.inner().fetch_group_list(None, WAIT).unwrap();
    let names: Vec<&str> = groups.groups().iter().map(|group| group.name()).collect();
    assert!(!names.contains(&"tamis-scan") && !names.contains(&"scanned"), "{names:?}");
    let asker: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "tamis-scan").create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition(&topic, 0);
    let committed = asker.committed_offsets(list, WAIT).unwrap();
    assert_eq!(committed.elements()[0].offset(), rdkafka::Offset::Invalid, "nothing is committed");

    // Headers may have any bytes for a name, which the client library cannot take; and a name can be somebody's.
    for name in [b"\xff\xfe=1".as_slice(), b"ada@example.com=1"] {
        with_header(brokers, &topic, name, r#"{"type":"b"}"#);
    }
    let odd = report(&[]);
    assert_eq!(odd["records"], 342);
    assert!(!odd.to_string().contains("ada@example.com"), "{odd:#}");

    let missing = scan(&["--topic", "scan.nowhere", "--config", config]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot read scan.nowhere: there is no such topic"));
}
