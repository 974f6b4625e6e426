//! The same records through a real Apache Kafka and `tamis run`, produced and consumed with kcat, which is not ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use tamis::engine::policy::model::Policy;

use crate::broker::{Broker, create, turn};
use crate::collector::Collected;
use crate::{NOW_MS, leaks, pass, policies, policy_files, records};

/// Produces records to partition 0 in order; neighbours with the same headers go in one call.
fn produce(broker: &str, topic: &str, records: &[Collected]) {
    let mut rest = records;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|record| record.headers == first.headers).count();
        let (now, later) = rest.split_at(same);
        let mut kcat = Command::new("kcat");
        kcat.args(["-P", "-b", broker, "-t", topic, "-p", "0", "-D", "\x1e"]);
        for (name, value) in &first.headers {
            kcat.arg("-H").arg(format!("{name}={value}"));
        }
        let mut child = kcat.stdin(Stdio::piped()).spawn().expect("kcat starts");
        let text: Vec<&str> = now.iter().map(|record| record.value.as_str()).collect();
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(text.join("\x1e").as_bytes()).expect("kcat reads");
        drop(pipe);
        assert!(child.wait().expect("kcat ends").success(), "kcat produces to {topic}");
        rest = later;
    }
}

/// Committed records of a topic: key, headers and value, as kcat prints them.
fn consume(broker: &str, topic: &str) -> Vec<(String, String)> {
    let out = Command::new("kcat")
        .args(["-C", "-b", broker, "-t", topic, "-o", "beginning", "-e", "-q", "-m", "60", "-f", "%k %h\x1d%s\x1e"])
        .args(["-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=20"])
        .output()
        .expect("kcat runs");
    assert!(out.status.success(), "kcat: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("outputs are UTF-8");
    let split = |record: &str| record.split_once('\x1d').map(|(around, value)| (around.to_owned(), value.to_owned()));
    text.split('\x1e').filter_map(split).collect()
}

/// A key file for the domains of all policies, with keys for the epochs of the recordings and of today.
fn key_file(policies: &[Policy]) -> String {
    let today_ms = jiff::Timestamp::now().as_millisecond();
    let mut number = 0u8;
    let mut key = || {
        number += 1;
        base64::engine::general_purpose::STANDARD.encode([number; 32])
    };
    let mut text = format!("tamis_keys: 1\nevent_id: {}\ndomains:\n", key());
    let domains: BTreeMap<_, _> = policies.iter().flat_map(|policy| &policy.tokens).collect();
    for (name, domain) in domains {
        let mut epochs = vec![0];
        if let Some(seconds) = domain.rotate_seconds {
            writeln!(text, "  {name}:\n    rotate: {seconds}s\n    keys:").expect("a string grows");
            epochs = [NOW_MS, today_ms].map(|ms| ms as u64 / 1000 / seconds).to_vec();
            epochs.dedup();
        } else {
            writeln!(text, "  {name}:\n    keys:").expect("a string grows");
        }
        epochs.iter().for_each(|epoch| writeln!(text, "      {epoch}: {}", key()).expect("a string grows"));
    }
    text
}

/// Tokens differ by key and day: what is compared is that there is one.
fn without_tokens(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split("\"t1.");
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        let (token, rest) = part.split_once('"').unwrap_or((part, ""));
        let domain = token.split('.').next().unwrap_or("");
        write!(out, "\"t1.{domain}\"{rest}").expect("a string grows");
    }
    out
}

/// `tamis run`, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the admin listener answers");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

#[test]
fn through_a_real_kafka_the_same_comes_out_and_nothing_typed_leaves() {
    let Some(records) = records() else { return };
    let Some(_turn) = turn() else {
        return;
    };
    let broker = Broker::start("captures");
    let policies = policies();
    let expected: BTreeMap<String, Vec<String>> =
        policies.iter().flat_map(|policy| pass(policy, &records).values).collect();
    let quarantined: usize = policies
        .iter()
        .map(|policy| pass(policy, &records).lines.iter().filter(|line| line.contains(" quarantine(")).count())
        .sum();
    let inputs: Vec<&str> = policies.iter().map(|policy| policy.input.topics[0].as_str()).collect();
    let outputs: Vec<&str> = policies.iter().flat_map(|policy| &policy.routes).map(|route| &*route.topic).collect();
    let topics: Vec<_> = inputs.iter().chain(&outputs).chain(&["tamis.quarantine"]).map(|t| (*t, 1, &[][..])).collect();
    create(&broker.address, &topics);
    inputs.iter().for_each(|topic| produce(&broker.address, topic, &records));

    let dir = tempfile::tempdir().expect("a directory");
    let keys = dir.path().join("keys.yaml");
    fs::write(&keys, key_file(&policies)).expect("the keys are written");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("they are the owner's");
    let files: Vec<String> = policy_files().iter().map(|file| format!("  - {}\n", file.display())).collect();
    // Everything that is not for this policy is quarantined here: the breaker would be right to halt.
    let config = format!(
        "kafka: {{brokers: \"{}\"}}\ngroup: captures\ninstance: a\npolicies:\n{}keys: {}\nworkers: 1\n\
         quarantine: {{topic: tamis.quarantine, max_ratio: 1}}\nadmin: {{listen: \"127.0.0.1:0\"}}\nlog: {{level: trace}}\n",
        broker.address,
        files.concat(),
        keys.display()
    );
    fs::write(dir.path().join("tamis.yaml"), config).expect("the configuration is written");
    let log = dir.path().join("log");
    let tamis = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["run", "--config"])
        .arg(dir.path().join("tamis.yaml"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(fs::File::create(dir.path().join("stdout")).expect("a file"))
        .stderr(fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("tamis starts");
    let tamis = Running(tamis);
    let log_text = || fs::read_to_string(&log).unwrap_or_default();

    let due: usize = expected.values().map(Vec::len).sum();
    let until = Instant::now() + Duration::from_secs(90);
    let (mut found, mut notes) = (BTreeMap::new(), Vec::new());
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
        found = outputs.iter().map(|topic| ((*topic).to_owned(), consume(&broker.address, topic))).collect();
        notes = consume(&broker.address, "tamis.quarantine");
        if found.values().map(Vec::len).sum::<usize>() >= due && notes.len() >= quarantined {
            break;
        }
    }
    let admin = log_text().split("admin=").nth(1).and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
    let metrics = get(admin.as_deref().unwrap_or_else(|| panic!("no admin address in {}", log_text())), "/metrics");
    drop(tamis);

    for (topic, records) in &found {
        let values: Vec<String> = records.iter().map(|(_, value)| without_tokens(value)).collect();
        let wanted = expected.get(topic).map_or(&[][..], Vec::as_slice);
        let wanted: Vec<String> = wanted.iter().map(|value| without_tokens(value)).collect();
        assert_eq!(values, wanted, "{topic}: not what the engine made of the same records; log: {}", log_text());
        println!("{topic:<18} {:>4} records", records.len());
    }
    println!("{:<18} {:>4} notes", "tamis.quarantine", notes.len());
    assert_eq!(notes.len(), quarantined);
    assert!(metrics.contains("tamis_events_total{"), "{metrics}");
    let all: Vec<(String, Vec<u8>)> = found
        .into_iter()
        .chain([("tamis.quarantine".to_owned(), notes)])
        .flat_map(|(topic, records)| {
            records.into_iter().map(move |(around, value)| (topic.clone(), format!("{around}\n{value}").into_bytes()))
        })
        .chain([("the log".to_owned(), log_text().into_bytes()), ("the metrics".to_owned(), metrics.into_bytes())])
        .collect();
    let leaks = leaks(&all);
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
}
