//! Preflight against a real Apache Kafka: one test per failure, with the whole text of its message.

// Tests say why they were skipped.
#![allow(clippy::print_stderr)]

mod broker;
#[path = "../kafka/broker.rs"]
#[allow(dead_code, unreachable_pub)] // shared with other tests
mod cluster;
mod clusters;
mod consent;

use std::path::Path;

use broker::{Broker, Operation, Resource, broker};
use tamis::config;
use tamis::engine::policy::model::Policy;
use tamis::engine::policy::{self, SourceFile};
use tamis::runtime::kafka::preflight;

/// A policy from `NAME.in` to `NAME.out`.
const POLICY: &str = "tamis: 1\npolicy: web\ninput: {topics: [NAME.in]}\nlaw: {preset: eea-us/2026-01, country: FR}\nconsent:\n  \
                      table: none\n  categories: {at: $.consent, map: {A: analytics.audience}}\ntokens: {web: {}}\nroutes:\n  \
                      NAME.out: {requires: [analytics.audience], tokens: web}\nfields:\n  $.type: keep\n  $.id: token\n";

fn policy(text: &str) -> Policy {
    let files = [SourceFile { name: "web.yaml".to_owned(), text: text.to_owned() }];
    let mut reading = policy::read(&files);
    assert!(!reading.has_errors(), "{}", policy::render(&reading.problems, &files, false));
    reading.policies.remove(0)
}

/// Checks a deployment whose names all begin with `name`; every problem in words, the brokers' address as `BROKERS`.
fn check(name: &str, brokers: &str, client: &str, record: &str) -> Vec<String> {
    check_with(name, brokers, client, record, "")
}

fn check_with(name: &str, brokers: &str, client: &str, record: &str, more: &str) -> Vec<String> {
    check_policy(name, brokers, client, &format!("{}{record}", POLICY.replace("NAME", name)), more)
}

fn check_policy(name: &str, brokers: &str, client: &str, text: &str, more: &str) -> Vec<String> {
    let policy = policy(text);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("web.yaml"), "").unwrap();
    for (file, secret) in [("password", "tamis-secret"), ("wrong", "not-the-secret"), ("keys.json", "{}")] {
        let path = dir.path().join(file);
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let deployment = format!(
        "kafka: {{brokers: '{brokers}', client: {{{client}}}}}\ngroup: {name}\ninstance: test\npolicies: [web.yaml]\n\
         quarantine: {{topic: {name}.quarantine}}\n{more}"
    );
    let config = config::parse(SourceFile { name: "tamis.yaml".to_owned(), text: deployment }, dir.path()).unwrap();
    let problems = preflight::check(&config, &[&policy]).err().unwrap_or_default();
    problems.iter().map(|problem| problem.to_string().replace(brokers, "BROKERS")).collect()
}

const PLAIN: &str =
    "security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: tamis, sasl.password_file: password";

fn tls(ca: &Path) -> String {
    format!(
        "security.protocol: SASL_SSL, sasl.mechanism: SCRAM-SHA-512, sasl.username: tamis, sasl.password_file: password, \
         ssl.ca.location: {}",
        ca.display()
    )
}

/// The three topics of a deployment, and every right but those that are left out.
fn allowed_but(broker: &Broker, name: &str, without: &[&str]) {
    let (input, output, quarantine) = (format!("{name}.in"), format!("{name}.out"), format!("{name}.quarantine"));
    broker.create(&[(&input, 2, &[]), (&output, 2, &[]), (&quarantine, 1, &[])]);
    let allow = |what: &str, resource, name: &str, operations: &[Operation]| {
        if !without.contains(&what) {
            broker.allow(resource, name, operations);
        }
    };
    allow("read", Resource::Topic, &input, &[Operation::Read, Operation::Describe]);
    allow("describe", Resource::Topic, &output, &[Operation::Describe]);
    allow("write", Resource::Topic, &output, &[Operation::Write]);
    allow("quarantine", Resource::Topic, &quarantine, &[Operation::Write, Operation::Describe]);
    allow("group", Resource::Group, name, &[Operation::Read]);
    allow("transactions", Resource::TransactionalIds, &format!("{name}/"), &[Operation::Write, Operation::Describe]);
    broker.settle(name);
}

#[test]
fn a_deployment_that_fits_passes() {
    let Some(broker) = broker() else { return };
    broker.create(&[("fits.in", 3, &[]), ("fits.out", 4, &[]), ("fits.quarantine", 1, &[])]);
    assert_eq!(check("fits", &broker.open, "", ""), [""; 0]);
}

#[test]
fn a_topic_that_is_made_while_preflight_looks_is_found() {
    let Some(broker) = broker() else { return };
    broker.create(&[("late.in", 1, &[]), ("late.quarantine", 1, &[])]);
    let made = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        broker.create(&[("late.out", 1, &[])]);
    });
    assert_eq!(check("late", &broker.open, "", ""), [""; 0]);
    made.join().unwrap();
}

#[test]
fn a_missing_input_topic() {
    let Some(broker) = broker() else { return };
    broker.create(&[("no-in.out", 3, &[]), ("no-in.quarantine", 1, &[])]);
    assert_eq!(
        check("no-in", &broker.open, "", ""),
        [
            "input topic no-in.in of policy web does not exist at BROKERS. Correct input.topics in the policy, or create it:\n  \
          kafka-topics.sh --bootstrap-server BROKERS --create --topic no-in.in"
        ]
    );
}

#[test]
fn a_missing_output_topic() {
    let Some(broker) = broker() else { return };
    broker.create(&[("no-out.in", 3, &[]), ("no-out.quarantine", 1, &[])]);
    assert_eq!(
        check("no-out", &broker.open, "", ""),
        [
            "output topic no-out.out of policy web does not exist at BROKERS. Create it:\n  kafka-topics.sh --bootstrap-server \
          BROKERS --create --topic no-out.out --partitions 3"
        ]
    );
}

#[test]
fn a_missing_quarantine_topic() {
    let Some(broker) = broker() else { return };
    broker.create(&[("no-q.in", 3, &[]), ("no-q.out", 3, &[])]);
    assert_eq!(
        check("no-q", &broker.open, "", ""),
        [
            "quarantine topic no-q.quarantine does not exist at BROKERS. Create it:\n  kafka-topics.sh --bootstrap-server \
          BROKERS --create --topic no-q.quarantine --partitions 1"
        ]
    );
}

#[test]
fn an_output_with_fewer_partitions_than_the_input() {
    let Some(broker) = broker() else { return };
    broker.create(&[("few.in", 4, &[]), ("few.out", 1, &[]), ("few.quarantine", 1, &[])]);
    assert_eq!(
        check("few", &broker.open, "", ""),
        [
            "output topic few.out has 1 partition, and input topic few.in of policy web has 4: records keep their partition \
          number (record.partition: same). Add partitions:\n  kafka-topics.sh --bootstrap-server BROKERS --alter --topic \
          few.out --partitions 4"
        ]
    );
    let by_key = "subjects: {account: $.id}\nrecord: {key: {token: $.id}, partition: by_key}\n";
    assert_eq!(check("few", &broker.open, "", by_key), [""; 0], "partitions by key need not match");
}

#[test]
fn an_output_that_takes_smaller_records_than_ours() {
    let Some(broker) = broker() else { return };
    broker.create(&[
        ("small.in", 1, &[]),
        ("small.out", 1, &[("max.message.bytes", "1000")]),
        ("small.quarantine", 1, &[]),
    ]);
    assert_eq!(
        check("small", &broker.open, "", ""),
        [
            "output topic small.out takes at most 1000 bytes a record (max.message.bytes), and outputs can have 1048512. Raise \
          it:\n  kafka-configs.sh --bootstrap-server BROKERS --alter --entity-type topics --entity-name small.out \
          --add-config max.message.bytes=1048512"
        ]
    );
}

#[test]
fn a_compacted_output_for_records_without_a_key() {
    let Some(broker) = broker() else { return };
    let compact: &[(&str, &str)] = &[("cleanup.policy", "compact")];
    broker.create(&[("compact.in", 1, &[]), ("compact.out", 1, compact), ("compact.quarantine", 1, compact)]);
    assert_eq!(
        check("compact", &broker.open, "", ""),
        [
            "output topic compact.out is compacted, and policy web writes records without a key, which a compacted topic \
          refuses. Give them a key (record.key in the policy), or stop compacting:\n  kafka-configs.sh --bootstrap-server \
          BROKERS --alter --entity-type topics --entity-name compact.out --add-config cleanup.policy=delete"
        ]
    );
    assert_eq!(check("compact", &broker.open, "", "record: {key: {token: $.id}}\n"), [""; 0]);
}

#[test]
fn a_quarantine_topic_that_a_policy_uses_too() {
    let Some(broker) = broker() else { return };
    broker.create(&[("mixed.in", 1, &[]), ("mixed.quarantine", 1, &[])]);
    let shared = POLICY.replace("NAME.out", "NAME.quarantine").replace("NAME", "mixed");
    assert_eq!(
        check_policy("mixed", &broker.open, "", &shared, ""),
        [
            "the quarantine topic mixed.quarantine is also a topic of policy web: coordinates and events would mix. Give \
          quarantine.topic a topic of its own"
        ]
    );
}

#[test]
fn all_failures_are_reported_at_once() {
    let Some(broker) = broker() else { return };
    broker.create(&[
        ("many.in", 2, &[]),
        ("many.out", 1, &[("max.message.bytes", "1000"), ("cleanup.policy", "compact")]),
    ]);
    let problems = check("many", &broker.open, "", "");
    let starts = [
        "output topic many.out has 1 partition, ",
        "output topic many.out takes at most 1000 bytes ",
        "output topic many.out is compacted, ",
        "quarantine topic many.quarantine does not exist ",
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn no_broker() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(
        check("none", &format!("127.0.0.1:{port}"), "", ""),
        [
            "no broker at BROKERS answers: BROKERS/bootstrap: Connect to ipv4#BROKERS failed: Connection refused. Correct \
          kafka.brokers, or start them; a wrong security.protocol under kafka.client looks the same"
        ]
    );
}

#[test]
fn a_plaintext_client_on_a_tls_port() {
    let Some(broker) = broker() else { return };
    assert_eq!(
        check("tls-port", &broker.tls, "", ""),
        ["no broker at BROKERS answers: 1/1 brokers are down. Correct kafka.brokers, or start them; a wrong \
          security.protocol under kafka.client looks the same"]
    );
}

#[test]
fn a_wrong_password() {
    let Some(broker) = broker() else { return };
    let wrong = PLAIN.replace("password_file: password", "password_file: wrong");
    assert_eq!(
        check("pw", &broker.sasl, &wrong, ""),
        [
            "the brokers at BROKERS refuse the credentials: sasl_plaintext://BROKERS/bootstrap: SASL authentication error: \
          Authentication failed: Invalid username or password. Correct sasl.username, sasl.password_file and \
          sasl.mechanism under kafka.client"
        ]
    );
    let wrong = tls(&broker.ca).replace("password_file: password", "password_file: wrong");
    assert_eq!(
        check("pw", &broker.tls, &wrong, ""),
        ["the brokers at BROKERS refuse the credentials: sasl_ssl://BROKERS/bootstrap: SASL authentication error: \
          Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512. \
          Correct sasl.username, sasl.password_file and sasl.mechanism under kafka.client"]
    );
}

#[test]
fn a_certificate_of_an_unknown_ca() {
    let Some(broker) = broker() else { return };
    let system = tls(&broker.ca).split(", ssl.ca").next().unwrap().to_owned();
    assert_eq!(
        check("ca", &broker.tls, &system, ""),
        [
            "no TLS connection to BROKERS: sasl_ssl://BROKERS/bootstrap: SSL handshake failed: certificate verify failed: \
          broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA \
          certificates are installed (install ca-certificates package). Name the CA of the brokers' certificates with \
          ssl.ca.location under kafka.client, and the brokers by the names in their certificates"
        ]
    );
}

#[test]
fn a_value_that_the_client_does_not_take() {
    assert_eq!(
        check("value", "127.0.0.1:1", "fetch.min.bytes: many", ""),
        [
            "the Kafka client does not take the value of fetch.min.bytes under kafka.client: see the library's list of settings"
        ]
    );
}

#[test]
fn with_every_right_it_passes_over_plain_and_over_tls_with_scram() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "rights", &[]);
    assert_eq!(check("rights", &broker.sasl, PLAIN, ""), [""; 0]);
    assert_eq!(check("rights", &broker.tls, &tls(&broker.ca), ""), [""; 0]);
}

#[test]
fn an_input_that_may_not_be_read() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "unread", &["read"]);
    assert_eq!(
        check("unread", &broker.sasl, PLAIN, ""),
        [
            "reading input topic unread.in of policy web is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server BROKERS \
          --add --allow-principal User:tamis --operation Read --operation Describe --topic unread.in"
        ]
    );
}

#[test]
fn an_output_that_may_not_be_written() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "unwritten", &["write"]);
    let expected = "writing to output topic unwritten.out of policy web is not allowed. Allow it:\n  kafka-acls.sh \
                    --bootstrap-server BROKERS --add --allow-principal User:tamis --operation Write --operation Describe \
                    --topic unwritten.out";
    assert_eq!(check("unwritten", &broker.sasl, PLAIN, ""), [expected]);
}

#[test]
fn an_output_that_may_not_even_be_seen_and_a_quarantine_topic_that_may_not_be_written() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "unseen", &["write", "describe", "quarantine"]);
    let expected = |what: &str, topic: &str| {
        format!(
            "writing to {what} is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server BROKERS --add \
             --allow-principal User:tamis --operation Write --operation Describe --topic {topic}"
        )
    };
    assert_eq!(
        check("unseen", &broker.sasl, PLAIN, ""),
        [
            expected("output topic unseen.out of policy web", "unseen.out"),
            expected("quarantine topic unseen.quarantine", "unseen.quarantine")
        ]
    );
}

#[test]
fn transactions_that_are_not_allowed() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "untx", &["transactions"]);
    assert_eq!(
        check("untx", &broker.sasl, PLAIN, ""),
        ["transactions of group untx are not allowed. Allow them:\n  kafka-acls.sh --bootstrap-server BROKERS --add \
          --allow-principal User:tamis --operation Write --operation Describe --transactional-id untx/ \
          --resource-pattern-type prefixed"]
    );
    let more = "delivery: at_least_once\nkeys: keys.json\n";
    assert_eq!(check_with("untx", &broker.sasl, PLAIN, "", more), [""; 0], "at-least-once delivery needs none");
}

#[test]
fn a_consumer_group_that_may_not_be_used() {
    let Some(broker) = broker() else { return };
    allowed_but(broker, "ungrouped", &["group"]);
    assert_eq!(
        check("ungrouped", &broker.sasl, PLAIN, ""),
        [
            "using the consumer group ungrouped is not allowed. Allow it:\n  kafka-acls.sh --bootstrap-server BROKERS --add \
          --allow-principal User:tamis --operation Read --group ungrouped"
        ]
    );
}

#[test]
fn a_transaction_timeout_that_the_brokers_do_not_allow() {
    let Some(broker) = broker() else { return };
    broker.create(&[("long.in", 1, &[]), ("long.out", 1, &[]), ("long.quarantine", 1, &[])]);
    assert_eq!(
        check("long", &broker.open, "transaction.timeout.ms: 3600000", ""),
        [
            "transaction.timeout.ms is 3600000, more than the brokers allow (transaction.max.timeout.ms). Lower it under \
          kafka.client"
        ]
    );
}

#[test]
fn the_probe_leaves_nothing_that_a_reader_of_committed_records_sees() {
    let Some(broker) = broker() else { return };
    broker.create(&[("probe.in", 1, &[]), ("probe.out", 1, &[]), ("probe.quarantine", 1, &[])]);
    assert_eq!(check("probe", &broker.open, "", ""), [""; 0]);
    assert_eq!(broker.count("probe.out", "read_committed"), 0);
    assert_eq!(broker.count("probe.out", "read_uncommitted"), 1, "and it did write");
}
