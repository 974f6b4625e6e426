//! The scenarios of tests/consent/scenarios are well formed, and those that choices and TC strings alone decide come out
//! as expected. What the whole engine makes of every one of them is tested where the whole engine is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};
use tamis::engine::consent::choice::{Choice, ConsentRecord, History, Judged, Purposes, Stance, insert, record};
use tamis::engine::consent::signals::says::{Known, Moment, Precision};
use tamis::engine::consent::signals::tcf::{self, Reader};
use tamis::engine::consent::{Purpose, SubjectKind};

use super::records::index;

const EXPIRY_MS: i64 = 183 * 86_400_000;

const REASONS: [&str; 12] = [
    "permitted",
    "no_signal",
    "denied",
    "withdrawn",
    "objected",
    "expired",
    "not_yet_granted",
    "opt_out_signal",
    "no_subject",
    "ambiguous",
    "prohibited",
    "unknown_place",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: BTreeMap<String, Value>,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    why: String,
    rule: String,
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

/// The table after these records.
fn table(scenario: &Scenario) -> BTreeMap<[u8; 16], Vec<u8>> {
    let (mut table, mut purposes) = (BTreeMap::<[u8; 16], Vec<u8>>::new(), Purposes::default());
    for (at, choice) in scenario.choices.iter().enumerate() {
        if let Some(of) = choice.get("tombstone") {
            assert!(choice.len() == 1 && of.is_u64(), "{}", scenario.name);
            continue;
        }
        let mut written = choice.clone();
        let unreadable = written.remove("unreadable").is_some();
        let received = written.remove("received").map(|at| ms(at.as_str().expect("a time")));
        assert_eq!(unreadable, received.is_some(), "{}: both or neither", scenario.name);
        let id = format!("c-{at}");
        for (name, value) in [("v", json!(1)), ("id", json!(id)), ("precision", json!("ms")), ("source", json!("form"))]
        {
            written.entry(name.to_owned()).or_insert(value);
        }
        let key = written["id"].as_str().expect("an id").to_owned();
        let text = json!(written).to_string();
        let choices = match record::read(Some(key.as_bytes()), text.as_bytes(), &index()) {
            Ok(ConsentRecord::Choice(choice)) if !unreadable => vec![choice],
            Err(error) if unreadable => {
                let at = Moment { ms: received.expect("a time"), precision: Precision::Ms };
                error.subjects.into_iter().map(|subject| Choice::deny_all(subject, at)).collect()
            }
            Ok(_) => panic!("{}: {text} was read", scenario.name),
            Err(error) => panic!("{}: {}: {text}", scenario.name, error.reason),
        };
        for choice in choices {
            for (purpose, _) in &choice.statements {
                purposes.learn(purpose);
            }
            insert(table.entry(*choice.subject.bytes()).or_default(), &choice, &purposes);
        }
    }
    table
}

/// What choices and a TC string say; `None` if something else is needed to know.
fn decide(scenario: &Scenario, value: &Value, purpose: &str) -> Option<&'static str> {
    let other_signals = ["gpp", "us_privacy", "categories"].iter().any(|name| value.get(name).is_some());
    let ages = scenario.choices.iter().any(|choice| choice.contains_key("age_band"));
    if other_signals || ages || !scenario.event.headers.is_empty() {
        return None;
    }
    let (table, now) = (table(scenario), ms(&scenario.now));
    let event = ms(value["timestamp"].as_str()?).min(ms(&scenario.event.received));
    let number = Purposes::default().number(&Purpose::parse(purpose).expect("a purpose")).expect("a known one");
    let says =
        value["tcf"].as_str().and_then(|text| tcf::decode(text).ok()?.says(Reader::Publisher, Known::EMPTY, now).ok());
    let carried = says.filter(|says| says.granted.contains(Known::of(purpose))).and_then(|says| says.at);
    let subjects = [(SubjectKind::Account, "userId"), (SubjectKind::Device, "anonymousId")];
    let judged: Vec<Judged> = subjects
        .iter()
        .filter_map(|(kind, name)| Some(index().subject(*kind, value.get(name)?.as_str()?)))
        .map(|subject| {
            let bytes = table.get(subject.bytes()).map_or(&[][..], Vec::as_slice);
            History(bytes).judge_with(number, carried, Some(event), now, EXPIRY_MS)
        })
        .collect();
    let opt_out = value["country"] == "US";
    if judged.is_empty() && opt_out {
        return Some("no_subject");
    }
    let exempt = purpose == "security.essential";
    let closing = judged.iter().find_map(|one| match one {
        Judged::Denied { objects: false, .. } if exempt => None,
        Judged::Denied { stance: Stance::OptOut, .. } => Some("opt_out_signal"),
        Judged::Denied { stance, .. } => Some(stance.as_str()),
        _ => None,
    });
    let granted = judged.iter().any(|one| matches!(one, Judged::Granted { .. }));
    let missing = judged.iter().find_map(|one| match one {
        Judged::NotYet { .. } => Some("not_yet_granted"),
        Judged::Expired { .. } => Some("expired"),
        _ => None,
    });
    Some(match closing {
        Some(reason) => reason,
        None if granted || opt_out || exempt => "permitted",
        None => missing.unwrap_or("no_signal"),
    })
}

#[test]
fn scenarios_are_well_formed_and_choices_decide_as_expected() {
    let (mut all, mut decided, mut wrong) = (0, 0, Vec::new());
    let mut names = std::collections::BTreeSet::new();
    for (file, content) in files() {
        assert!(content.policy.contains_key("law") && content.policy.contains_key("consent"), "{file}");
        for scenario in content.scenarios {
            all += 1;
            let name = format!("{file}: {}", scenario.name);
            assert!(names.insert(name.clone()), "{name} stands twice");
            assert!(scenario.why.len() > 15 && scenario.rule.len() > 3 && !scenario.expect.is_empty(), "{name}");
            let _ = (ms(&scenario.now), ms(&scenario.event.received), table(&scenario));
            for (purpose, expected) in &scenario.expect {
                assert!(Purpose::parse(purpose).is_some() && REASONS.contains(&expected.as_str()), "{name}: {purpose}");
                if let Some(got) = scenario.event.value.as_ref().and_then(|value| decide(&scenario, value, purpose)) {
                    decided += 1;
                    if got != expected {
                        wrong.push(format!("{name}: {purpose} is {got}, expected {expected}"));
                    }
                }
            }
            assert_ne!(scenario.event.value.is_some(), scenario.event.value_text.is_some(), "{name}");
        }
    }
    println!("{all} scenarios, {decided} expectations decided by choices");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all >= 60 && decided >= 70, "{all} scenarios, {decided} decided");
}
