//! Real clients' requests and the events of public specifications, through the shipped policies.
//!
//! `captures/expected.txt` says for every event and policy what must come of it, and why. Whatever is let through is
//! searched for everything identifying that the people behind the recordings typed.

#![allow(clippy::print_stdout)] // what came out per capture is part of the proof

#[path = "../kafka/broker.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stderr, clippy::type_complexity)] // shared with another test
mod broker;
mod collector;
mod kafka;
#[path = "../reference/mod.rs"]
mod reference;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tamis::engine::outcome::{Opening, Outcome};
use tamis::engine::policy;
use tamis::engine::policy::model::Policy;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

use collector::Collected;
use reference::decode;

/// 24 November 2026, 06:00 UTC: shortly after the recordings.
const NOW_MS: i64 = 1_795_500_000_000;

/// What the drivers of the recorded clients typed, and ids that the clients made for them.
const TYPED: &[&str] = &[
    "camille.martin",
    "Camille",
    "Martin",
    "+33 1 99 00 42 17",
    "99 00 42 17",
    "Jonas.Weber",
    "Jonas",
    "promo@example.com",
    "447700900123",
    "203.0.113.57",
    "2001:db8:85a3::8a2e:370:7334",
    "u-48213",
    "u-90077",
    "7f1c2f0e-5c0b-4d7e-9a51-0d3a9a0c11aa",
    "c0ffee00-1111-4222-8333-444455556666",
    "3a8f2a16-9c0a-4a57-8d6d-1b8e6b1f0001",
    "00112233aabbccdd",
    "4111 1111 1111 1111",
    "219-09-9999",
    "1987-04-12",
    "12 rue Imaginaire",
    "69003",
    "Fictive SARL",
    "45.7578",
    "4.8320",
    "COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA",
    "wk_made_up",
    "d2tfbWFkZV91cDo=",
];

fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TAMIS_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = root.join(folder);
    if !path.is_dir() {
        println!("skipped: {folder} is not there");
        return None;
    }
    Some(path)
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped policies, and last the one with a route that needs no consent.
fn policy_files() -> Vec<PathBuf> {
    let examples = std::fs::read_dir(repository("policies/examples")).expect("the shipped policies");
    let mut files: Vec<PathBuf> = examples
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml") && !path.to_string_lossy().contains(".cases."))
        // Nobody of the recordings has chosen anything: a policy that looks choices up has nothing to show here.
        .filter(|path| !path.ends_with("web-consent.yaml"))
        .collect();
    files.sort();
    files.push(repository("tests/captures/essential.yaml"));
    files
}

fn policies() -> Vec<Policy> {
    let mut policies = Vec::new();
    for file in policy_files() {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
        let text = std::fs::read_to_string(&file).expect("the policy can be read");
        let sources = [policy::SourceFile { name, text }];
        let mut read = policy::read(&sources);
        assert!(!read.has_errors(), "{}", policy::render(&read.problems, &sources, false));
        policies.append(&mut read.policies);
    }
    policies
}

/// Every record of the captures and of the specifications, in a fixed order.
fn records() -> Option<Vec<Collected>> {
    let mut records = Vec::new();
    let mut captures: Vec<PathBuf> =
        std::fs::read_dir(shared("captures")?).expect("captures").map(|entry| entry.expect("a file").path()).collect();
    captures.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    captures.sort();
    captures.iter().for_each(|path| records.extend(collector::capture(path)));
    let events = shared("events")?;
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(events.join(name)).expect("the events can be read");
        serde_json::from_str(&text).expect("the events are JSON")
    };
    let plain = |name: String, value: String| Collected { name, headers: Vec::new(), value };
    for (at, example) in read("segment-spec-examples.json").as_array().expect("a list").iter().enumerate() {
        // The way a client sends it: in a batch of one.
        let value = format!("{{\"batch\":[{}],\"sentAt\":\"2026-11-24T06:00:00.000Z\"}}", example["event"]);
        records.push(plain(format!("segment-spec#{}", at + 1), value));
    }
    let expected = read("snowplow-enriched-sample.expected.json");
    let enriched = &expected["transformed"];
    records.push(plain("snowplow-enriched#1".to_owned(), enriched.to_string()));
    Some(records)
}

/// What became of the records under one policy.
struct Passed {
    /// One an event.
    lines: Vec<String>,
    /// What was let through, and beside it what went with it: by name.
    outputs: Vec<(String, Vec<u8>)>,
    /// Values by output topic, in order.
    values: BTreeMap<String, Vec<String>>,
}

fn pass(policy: &Policy, records: &[Collected]) -> Passed {
    let engine = Engine::new(policy.clone()).unwrap_or_else(|_| panic!("{} is too complex", policy.name));
    let facts = Facts::new(NOW_MS, Arc::new(reference::ring::ring_of(policy, NOW_MS)));
    let (mut work, mut report) = (Work::new(), Report::new(&engine));
    let mut passed = Passed { lines: Vec::new(), outputs: Vec::new(), values: BTreeMap::new() };
    for (offset, record) in records.iter().enumerate() {
        let headers: Vec<Header<'_>> =
            record.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
        let record_ = Record {
            topic: &policy.input.topics[0],
            partition: 0,
            offset: offset as i64,
            key: None,
            headers: &headers,
            timestamp: Some(NOW_MS),
            value: Some(record.value.as_bytes()),
        };
        engine.process(&record_, &facts, &mut work, &mut report).unwrap();
        if work.events().is_empty() {
            passed.lines.push(format!("{} {} no event", record.name, policy.name));
        }
        for (at, event) in work.events().iter().enumerate() {
            let mut line = format!("{} {} event {at}:", record.name, policy.name);
            match event.outcome {
                Outcome::Forward => line.push_str(" forward"),
                Outcome::Drop(reason) => write!(line, " drop({reason})").expect("a string grows"),
                Outcome::Quarantine(reason) => write!(line, " quarantine({reason})").expect("a string grows"),
            }
            if !matches!(event.outcome, Outcome::Quarantine(_)) {
                for (route, declared) in policy.routes.iter().enumerate() {
                    let opening = match work.opening(at, route).expect("an opening per event and route") {
                        Opening::Open => "open".to_owned(),
                        Opening::Closed(reason) => format!("closed({reason})"),
                        Opening::Dropped(reason) => format!("dropped({reason})"),
                        Opening::Quarantined => "quarantined".to_owned(),
                    };
                    write!(line, " {}={opening}", declared.topic).expect("a string grows");
                }
            }
            passed.lines.push(line);
        }
        for output in work.outputs() {
            let mut all = output.value().unwrap_or(b"").to_vec();
            let name = format!("{} {} {}", record.name, policy.name, output.topic());
            let value = String::from_utf8(all.clone()).expect("outputs are UTF-8");
            passed.values.entry(output.topic().to_owned()).or_default().push(value);
            passed.outputs.push((name.clone(), all.clone()));
            all = output.key().unwrap_or(b"").to_vec();
            for (header, value) in output.headers() {
                all.extend_from_slice(b"\n");
                all.extend_from_slice(header.as_bytes());
                all.extend_from_slice(b"=");
                all.extend_from_slice(value);
            }
            passed.outputs.push((name + " key and headers", all));
        }
    }
    assert!(report.conserved());
    passed
}

/// What was typed and is said by an output, in any encoding.
fn leaks(outputs: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut leaks = Vec::new();
    for (name, bytes) in outputs {
        let readings = decode::everything(bytes);
        for typed in TYPED {
            if readings.iter().any(|reading| decode::contains(reading, typed)) {
                leaks.push(format!("{name}: {typed} in {}", String::from_utf8_lossy(bytes)));
            }
        }
    }
    leaks
}

#[test]
fn every_event_has_the_outcome_that_the_table_expects_and_nothing_typed_leaves() {
    let Some(records) = records() else { return };
    let mut lines = Vec::new();
    let mut found = Vec::new();
    let mut per_capture: BTreeMap<(String, String), [usize; 4]> = BTreeMap::new();
    for policy in policies() {
        let passed = pass(&policy, &records);
        for line in &passed.lines {
            let capture = line.split(['#', ' ']).next().unwrap_or("").to_owned();
            let counts = per_capture.entry((capture, policy.name.clone())).or_default();
            counts[0] += 1;
            counts[1] += usize::from(line.contains(": forward"));
            counts[2] += usize::from(line.contains(": drop("));
            counts[3] += usize::from(line.contains(": quarantine("));
        }
        found.extend(leaks(&passed.outputs));
        lines.extend(passed.lines);
    }
    println!("{:<34} {:<18} events forwarded dropped quarantined", "capture", "policy");
    for ((capture, policy), [events, forwarded, dropped, quarantined]) in per_capture {
        println!("{capture:<34} {policy:<18} {events:>6} {forwarded:>9} {dropped:>7} {quarantined:>11}");
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    let table = std::fs::read_to_string(repository("tests/captures/expected.txt")).expect("the table");
    let mut expected = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let (outcome, why) = line.split_once(" -- ").unwrap_or((line, ""));
        assert!(!why.trim().is_empty(), "no reason is given: {line}");
        expected.push(outcome.trim().to_owned());
    }
    if expected != lines {
        let got: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let missing: Vec<_> = expected.iter().filter(|line| !lines.contains(line)).collect();
        let new: Vec<_> = lines.iter().filter(|line| !expected.contains(line)).collect();
        let file = std::env::temp_dir().join("tamis-captures-got.txt");
        std::fs::write(&file, got).expect("the outcomes can be written");
        panic!("not as expected: {missing:#?}\ncame: {new:#?}\nall of it is in {}", file.display());
    }
}

/// The list is worth something only if what is on it is in the recordings.
#[test]
fn everything_on_the_list_was_typed() {
    let Some(records) = records() else { return };
    let mut missing = TYPED.to_vec();
    for record in &records {
        let headers: String = record.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let readings = decode::everything(record.value.as_bytes());
        missing.retain(|typed| !headers.contains(typed) && !readings.iter().any(|r| decode::contains(r, typed)));
    }
    assert!(missing.is_empty(), "in no recording: {missing:?}");
}

#[test]
fn the_route_that_needs_no_consent_splices_every_event() {
    let Some(records) = records() else { return };
    let essential = policies().pop().expect("the policy of these tests");
    let passed = pass(&essential, &records);
    for record in &records {
        let out: Vec<&[u8]> = passed
            .outputs
            .iter()
            .filter(|(name, _)| *name == format!("{} {} lake.essential", record.name, essential.name))
            .map(|(_, bytes)| bytes.as_slice())
            .collect();
        assert_eq!(out.len(), 1, "{} left {} records", record.name, out.len());
        let text = String::from_utf8_lossy(out[0]);
        assert!(reference::json::parse(&text).is_some(), "{}: not JSON", record.name);
        assert!(text != record.value, "{}: nothing was changed", record.name);
        println!("{}: {} -> {} bytes: {text}", record.name, record.value.len(), text.len());
    }
}
