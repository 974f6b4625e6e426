//! Every scenario of tests/consent/scenarios through the whole engine: its policy excerpt becomes a policy with one route
//! for each purpose that it names, its choices a book, its event a record, and each route must open, or say why not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tamis::engine::consent::Purpose;
use tamis::engine::consent::choice::Book;
use tamis::engine::outcome::{CloseReason, Opening};
use tamis::engine::policy::{SourceFile, read, render};
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::token::{KeyRing, TokenKey};
use tamis::engine::{Engine, Facts, Work};

use super::records::index;

type Excerpt = BTreeMap<String, Value>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: Excerpt,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    why: String,
    rule: String,
    /// Sections that stand in place of the file's.
    #[serde(default)]
    policy: Excerpt,
    choices: Vec<BTreeMap<String, Value>>,
    now: String,
    event: Event,
    expect: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    received: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    value: Option<Value>,
    value_text: Option<String>,
}

fn files() -> Vec<(String, File)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/consent/scenarios");
    let mut files: Vec<(String, File)> = std::fs::read_dir(folder)
        .expect("the scenarios")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a scenario file");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let file = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, file)
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files
}

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap_or_else(|error| panic!("{text}: {error}")).as_millisecond()
}

/// The excerpt as a whole policy, with a route for each purpose. JSON is YAML.
fn engine(name: &str, file: &Excerpt, scenario: &Scenario) -> Engine {
    let mut policy = file.clone();
    policy.extend(scenario.policy.clone());
    let route = |purpose: &String| (format!("lake.{purpose}"), json!({"requires": [purpose]}));
    policy.insert("tamis".to_owned(), json!(1));
    policy.insert("policy".to_owned(), json!("scenario"));
    policy.insert("routes".to_owned(), scenario.expect.keys().map(route).collect());
    policy.insert("fields".to_owned(), json!({"$.timestamp": "keep"}));
    let files = [SourceFile::from_bytes(name, json!(policy).to_string().as_bytes())];
    let reading = read(&files);
    assert!(!reading.has_errors(), "{name}: {}", render(&reading.problems, &files, false));
    Engine::new(reading.policies.into_iter().next().expect("one policy")).expect("one that compiles")
}

/// What the consent topic said, record by record.
fn book(name: &str, scenario: &Scenario) -> Book {
    let mut book = Book::new(index());
    for (at, choice) in scenario.choices.iter().enumerate() {
        if let Some(of) = choice.get("tombstone") {
            assert!(choice.len() == 1 && of.is_u64(), "{name}");
            continue;
        }
        let mut written = choice.clone();
        let unreadable = written.remove("unreadable").is_some();
        let received = written.remove("received").map(|at| ms(at.as_str().expect("a time")));
        assert_eq!(unreadable, received.is_some(), "{name}: both or neither");
        let id = json!(format!("c-{at}"));
        for (member, value) in [("v", json!(1)), ("id", id), ("precision", json!("ms")), ("source", json!("form"))] {
            written.entry(member.to_owned()).or_insert(value);
        }
        let key = written["id"].as_str().expect("an id").to_owned();
        let text = json!(written).to_string();
        let read = book.add(Some(key.as_bytes()), text.as_bytes(), received.unwrap_or_default());
        assert_eq!(read.is_err(), unreadable, "{name}: {text}");
    }
    book
}

/// What came of the event, by purpose.
fn decide(name: &str, file: &Excerpt, scenario: &Scenario) -> BTreeMap<String, &'static str> {
    let engine = engine(name, file, scenario);
    let key = TokenKey::new([7; 32]);
    let facts = Facts::new(ms(&scenario.now), Arc::new(KeyRing::new(BTreeMap::new(), key)))
        .with_choices(Some(Arc::new(book(name, scenario))));
    engine.ready(&facts).unwrap_or_else(|halt| panic!("{name}: {halt}"));
    let headers: Vec<Header<'_>> =
        scenario.event.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
    let value = match (&scenario.event.value, &scenario.event.value_text) {
        (Some(value), None) => value.to_string(),
        (None, Some(text)) => text.clone(),
        _ => panic!("{name}: `value` or `value_text`"),
    };
    let record = Record {
        topic: "collector.web",
        partition: 0,
        offset: 0,
        key: None,
        headers: &headers,
        timestamp: Some(ms(&scenario.event.received)),
        value: Some(value.as_bytes()),
    };
    let (mut work, mut report) = (Work::new(), Report::new(&engine));
    assert!(engine.process(&record, &facts, &mut work, &mut report).is_ok() && report.conserved(), "{name}");
    let openings = engine.policy().routes.iter().enumerate().map(|(number, route)| {
        let said = match work.opening(0, number) {
            Some(Opening::Open) => "permitted",
            Some(Opening::Closed(reason)) => reason.as_str(),
            Some(Opening::Dropped(_) | Opening::Quarantined) | None => "neither open nor closed",
        };
        (route.requires[0].as_str().to_owned(), said)
    });
    openings.collect()
}

#[test]
fn every_scenario_comes_out_as_it_says() {
    let (mut all, mut decided, mut wrong) = (0, 0, Vec::new());
    for (file, content) in files() {
        for scenario in content.scenarios {
            all += 1;
            let name = format!("{file}: {}", scenario.name);
            let came = decide(&name, &content.policy, &scenario);
            for (purpose, expected) in &scenario.expect {
                decided += 1;
                let came = came[purpose];
                if came != expected {
                    wrong.push(format!("{name}: {purpose} is {came}, expected {expected}"));
                }
            }
        }
    }
    println!("{all} scenarios, {decided} expectations");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all >= 90 && decided >= 120, "{all} scenarios, {decided} expectations");
}

#[test]
fn scenarios_say_why_and_meet_every_reason() {
    let (mut names, mut met) = (BTreeSet::new(), BTreeSet::new());
    let words: BTreeSet<&str> = CloseReason::ALL.iter().map(|reason| reason.as_str()).chain(["permitted"]).collect();
    for (file, content) in files() {
        assert!(content.policy.contains_key("law") && content.policy.contains_key("consent"), "{file}");
        for scenario in content.scenarios {
            let name = format!("{file}: {}", scenario.name);
            assert!(names.insert(name.clone()), "{name} stands twice");
            assert!(scenario.why.len() > 15 && scenario.rule.len() > 3 && !scenario.expect.is_empty(), "{name}");
            for (purpose, expected) in scenario.expect {
                assert!(Purpose::parse(&purpose).is_some() && words.contains(expected.as_str()), "{name}: {purpose}");
                met.insert(expected);
            }
        }
    }
    let met: BTreeSet<&str> = met.iter().map(String::as_str).collect();
    assert_eq!(met, words, "every reason is met by a scenario");
}
