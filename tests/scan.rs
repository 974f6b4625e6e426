//! `tamis scan` as people and scripts meet it: what it says of a made-up shop, that nothing it says is a value, and that what it
//! proposes can be used as it stands.

#![allow(clippy::print_stdout)] // figures, and the reason of a skip

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

#[path = "reference/random.rs"]
#[allow(unreachable_pub)] // shared with other tests
mod random;
use random::Random;

fn tamis(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // It may answer, or leave, before it has read all.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/scan").join(name)
}

/// Compares with a file under tests/golden/scan; `TAMIS_BLESS=1` writes it instead.
fn assert_golden(name: &str, got: &str) {
    let path = golden(name);
    if std::env::var_os("TAMIS_BLESS").is_some() {
        std::fs::write(&path, got).expect("the golden file can be written");
    }
    assert_eq!(got, std::fs::read_to_string(&path).unwrap_or_default(), "{name} differs; TAMIS_BLESS=1 rewrites it");
}

fn shop() -> Vec<u8> {
    std::fs::read(golden("shop.ndjson")).expect("the sample is there")
}

#[test]
fn the_table_says_what_is_where() {
    let output = tamis(&["scan", "tests/golden/scan/shop.ndjson"], b"");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_golden("shop.txt", &text(&output.stdout));
    let piped = tamis(&["scan"], &shop());
    assert_eq!(text(&piped.stdout), text(&output.stdout));
}

#[test]
fn the_json_says_the_same() {
    let output = tamis(&["scan", "--json", "-"], &shop());
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["records"], 12);
    assert_eq!(answer["events"], 24);
    assert_eq!(answer["split"], "$.batch[*]");
    assert_eq!(answer["unreadable"], json!({"invalid_json": 2}));
    let paths = answer["paths"].as_array().expect("paths");
    let email = paths.iter().find(|path| path["path"] == "$.batch[*].traits.email").expect("seen");
    assert_eq!((&email["seen"], &email["of"]), (&json!(12), &json!(24)));
    assert_eq!(email["found"][0]["kind"], "email");
    assert_eq!(email["found"][0]["count"], 12);
    assert_eq!(email["proposed"], Value::Null);
    let stock = paths.iter().find(|path| path["path"] == "$.batch[*].properties.stock.*").expect("keys are one path");
    assert_eq!(stock["found_in_keys"][0]["count"], 24);
}

#[test]
fn the_proposal_is_a_policy_that_check_accepts() {
    let output = tamis(&["scan", "--policy"], &shop());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let policy = text(&output.stdout);
    assert_golden("shop.policy.yaml", &policy);
    let check = tamis(&["check", "tests/golden/scan/shop.policy.yaml"], b"");
    assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
    assert!(!text(&check.stdout).contains("warning"), "{}", text(&check.stdout));
}

#[test]
fn findings_and_bad_lines_end_with_1_clean_input_with_0_bad_usage_with_64() {
    let code = |arguments: &[&str], input: &str| tamis(arguments, input.as_bytes()).status.code();
    assert_eq!(code(&["scan"], "{\"count\":1}\n"), Some(0));
    assert_eq!(code(&["scan"], ""), Some(0));
    assert_eq!(code(&["scan"], "{\"mail\":\"ada@example.com\"}"), Some(1));
    assert_eq!(code(&["scan"], "{\"ada@example.com\":1}"), Some(1));
    assert_eq!(code(&["scan"], "{\"count\":}\n"), Some(1));
    assert_eq!(code(&["scan", "--spans", "--json"], "{\"count\":1}\n"), Some(0));
    assert_eq!(code(&["scan", "--spans", "--json"], "{\"mail\":\"ada@example.com\"}"), Some(1));
    assert_eq!(code(&["scan", "--policy"], "{\"mail\":\"ada@example.com\"}"), Some(2));
    assert_eq!(code(&["scan", "--kinds"], ""), Some(0));
    assert_eq!(code(&["scan", "/nowhere/events"], ""), Some(64));
    assert_eq!(code(&["scan", "--spans"], ""), Some(64));
    assert_eq!(code(&["scan", "--topic", "t"], ""), Some(64));
    assert_eq!(code(&["scan", "--limit", "0"], ""), Some(64));
}

#[test]
fn whole_records_have_keys_and_headers_and_tombstones() {
    let records = r#"{"key":"ada@example.com","headers":[["Sec-GPC","1"],["X-Mail","emil@example.org"]],"value":{"type":"a"}}
{"key":"zoe@example.com","headers":[["X-Mail","emil@example.org"]],"value":{"type":"a"}}
{"key":"u","value":null}
"#;
    let output = tamis(&["scan", "--records", "--json"], records.as_bytes());
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&answer["records"], &answer["tombstones"]), (&json!(2), &json!(1)));
    let paths = answer["paths"].as_array().expect("paths");
    let found = |path: &str| {
        let entry = paths.iter().find(|entry| entry["path"] == path).unwrap_or_else(|| panic!("{path} in {answer:#}"));
        entry["found"][0]["count"].clone()
    };
    assert_eq!((found("key"), found("header.x-mail")), (json!(2), json!(2)));
    let policy = answer["policy"].as_str().expect("proposed");
    assert!(policy.contains("gpc: {at: header.sec-gpc}"), "{policy}");
}

#[test]
fn the_limit_ends_the_reading() {
    let output = tamis(&["scan", "--json", "--limit", "3"], &shop());
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["records"], 3);
}

/// A value that occurs nowhere by chance, and how it looks.
fn canary(random: &mut Random, planted: &mut Vec<String>) -> Value {
    let number = random.next();
    let word = format!("canary{:012x}", number & 0xffff_ffff_ffff);
    let text = match random.below(9) {
        0 => format!("{word}@example.com"),
        1 => format!("203.0.113.{}", number % 256),
        2 => format!("+33 1 99 {:02} {:02} {:02}", number % 97, number / 97 % 97, number / 9409 % 97),
        3 => format!("https://example.org/{word}?u={word}"),
        4 => format!("Call {word}, please"),
        5 => word.to_uppercase(),
        6 => {
            let digits = 1_000_000_000_000 + number % 8_000_000_000_000;
            planted.push(digits.to_string());
            return json!(digits);
        }
        7 => format!("2026-11-24T09:58:{:02}.{:09}Z", number % 60, number / 60 % 1_000_000_000),
        _ => word,
    };
    planted.push(text.clone());
    json!(text)
}

fn random_event(random: &mut Random, planted: &mut Vec<String>, keys: &mut Vec<String>, depth: usize) -> Value {
    let names =
        ["type", "user", "traits", "name", "email", "stock", "x-y", "props", "list", "phone", "q r", "Zoé", "country"];
    let mut object = serde_json::Map::new();
    for _ in 0..1 + random.below(5) {
        let key = match random.below(8) {
            0 => {
                let name = canary(random, planted);
                let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                keys.push(name.clone());
                name
            }
            _ => random.pick(&names).to_owned(),
        };
        let value = match random.below(6) {
            0 | 1 if depth < 4 => random_event(random, planted, keys, depth + 1),
            2 if depth < 4 => (0..random.below(4)).map(|_| canary(random, planted)).collect(),
            3 => json!(random.below(3)),
            _ => canary(random, planted),
        };
        object.insert(key, value);
    }
    Value::Object(object)
}

#[test]
fn no_planted_value_is_in_any_output() {
    let mut random = Random::new(20_261_124);
    let (mut planted, mut keys) = (Vec::new(), Vec::new());
    let mut lines = String::new();
    for number in 0..1000 {
        let mut event = random_event(&mut random, &mut planted, &mut keys, 0);
        // The same people come again.
        if random.chance(50) {
            lines.push_str(&format!("{event}\n"));
        }
        if number % 7 == 0 {
            event = json!({"batch": [event]});
        }
        lines.push_str(&format!("{event}\n"));
        if number % 50 == 0 {
            lines.push_str(&format!("{{\"broken\":\"{}\n", planted[planted.len() - 1]));
        }
    }
    assert!(planted.len() > 3000 && keys.len() > 300, "{} {}", planted.len(), keys.len());
    let modes: [&[&str]; 4] = [&["scan"], &["scan", "--json"], &["scan", "--policy"], &["scan", "--spans", "--json"]];
    for mode in modes {
        let output = tamis(mode, lines.as_bytes());
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.len() > 1000, "{mode:?} says little: {said}");
        for value in &planted {
            // Exact paths hold keys as they came; the page says so.
            let spans = mode.contains(&"--spans") && keys.iter().any(|key| key.contains(value.as_str()));
            assert!(spans || !said.contains(value.as_str()), "{mode:?} prints {value}");
        }
        assert!(
            mode.contains(&"--spans") || !said.to_lowercase().contains("canary"),
            "{mode:?} prints part of a value"
        );
    }
}

/// Events with consent, and people's data in every place that an event has.
fn planted_events(random: &mut Random, planted: &mut Vec<String>) -> String {
    let mut lines = String::new();
    for number in 0..400 {
        let who = random.below(40);
        let email = format!("person{who}@example.com");
        let ip = format!("203.0.113.{}", 1 + random.below(250));
        let phone = format!("+33 1 99 00 4{} {:02}", who % 10, 10 + who);
        planted.extend([email.clone(), ip.clone(), phone.clone()]);
        let mut plant = |plain: &str| match random.below(4) {
            0 => json!(email),
            1 => json!(format!("{plain} {phone}")),
            2 => json!(ip),
            _ => json!(plain),
        };
        let event = json!({
            "type": "track",
            "event": plant("Signed Up"),
            "userId": plant("u-1"),
            "time": "2026-11-24T09:58:41Z",
            "country": "FR",
            "consent": {"Analytics": true},
            "plan": "free",
            "ip": ip,
            "url": format!("https://shop.example.com/{}?mail={email}", if number % 3 == 0 { email.as_str() } else { "cart" }),
            "title": plant("Cart"),
            "props": {"label": plant("Buy"), "list": [plant("a"), plant("b")], "count": 3, "nested": {"free": plant("x")}},
            "map": {email.clone(): 1, phone.clone(): {"seen": plant("yes")}},
            "json": json!({"email": email}).to_string(),
        });
        lines.push_str(&format!("{event}\n"));
    }
    lines
}

#[test]
fn the_proposal_lets_nothing_through_that_was_planted() {
    for seed in 1..=5 {
        let mut planted = Vec::new();
        let lines = planted_events(&mut Random::new(seed), &mut planted);
        let proposal = tamis(&["scan", "--policy"], lines.as_bytes());
        assert_eq!(proposal.status.code(), Some(0), "{}", text(&proposal.stderr));
        let dir = tempfile::tempdir().expect("a folder");
        let policy = dir.path().join("proposed.yaml");
        std::fs::write(&policy, &proposal.stdout).expect("written");
        let policy = policy.to_str().expect("text");
        let check = tamis(&["check", policy], b"");
        assert_eq!(check.status.code(), Some(0), "{}", text(&check.stdout));
        let applied = tamis(&["apply", "--policy", policy, "--now", "2026-11-24T10:00:00Z"], lines.as_bytes());
        assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
        let out = text(&applied.stdout);
        assert_eq!(out.lines().count(), 400, "with consent every event comes out: {}", text(&applied.stderr));
        assert!(out.contains("\"count\":3") && out.contains("\"plan\":\"free\""), "what is harmless stays: {out}");
        for value in planted {
            assert!(!out.contains(&value), "seed {seed}: {value} came through\n{}", text(&proposal.stdout));
        }
    }
}

#[test]
fn any_events_make_a_policy_that_check_accepts() {
    for seed in 1..=20 {
        let mut random = Random::new(seed);
        let (mut planted, mut keys) = (Vec::new(), Vec::new());
        let events: Vec<Value> = (0..60).map(|_| random_event(&mut random, &mut planted, &mut keys, 0)).collect();
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let proposal = tamis(&["scan", "--policy"], lines.as_bytes());
        assert_eq!(proposal.status.code(), Some(0), "{}", text(&proposal.stderr));
        let dir = tempfile::tempdir().expect("a folder");
        let policy = dir.path().join("proposed.yaml");
        std::fs::write(&policy, &proposal.stdout).expect("written");
        let check = tamis(&["check", policy.to_str().expect("text")], b"");
        assert_eq!(check.status.code(), Some(0), "seed {seed}: {}", text(&check.stdout));
    }
}

/// The labelled events beside the repository, unpacked, and their scorer; `None` without the folder or Python.
fn labelled(into: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = std::env::var_os("TAMIS_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from)
        .join("labelled-events");
    let python = Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success());
    if !folder.join("score.py").exists() || !python {
        println!("skipped: labelled-events is not beside the repository, or there is no Python");
        return None;
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(folder.join("events.ndjson.gz")).output().expect("gzip runs");
    let events = into.join("labelled.ndjson");
    std::fs::write(&events, unpacked.stdout).expect("written");
    Some((folder.join("score.py"), events))
}

#[test]
fn spans_are_where_the_labels_are() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some((scorer, labelled)) = labelled(dir.path()) else { return };
    let python = |arguments: &[&Path]| {
        let output = Command::new("python3").arg("-B").arg(&scorer).args(arguments).output().expect("Python runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    let events = python(&[Path::new("--extract"), &labelled]);
    let spans = tamis(&["scan", "--spans", "--json"], &events);
    assert_eq!(spans.status.code(), Some(1));
    let findings = dir.path().join("findings.ndjson");
    std::fs::write(&findings, text(&spans.stdout).replace("{\"line\":", "{\"id\":")).expect("written");
    let [by_line, offsets, chars, json] = ["--by-line", "--offsets", "chars", "--json"].map(Path::new);
    let scored = python(&[&labelled, &findings, by_line, offsets, chars, json]);
    let scored: Value = serde_json::from_slice(&scored).expect("JSON");
    assert_eq!(scored["unknown_ids"], 0);
    let number = |path: &str| scored.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"));
    for kind in ["email", "iban", "payment_card"] {
        for carrier in ["plain", "free_text", "json_key"] {
            let cell = format!("/cell/{kind}|{carrier}");
            let (labels, strict) = (number(&format!("{cell}/labels")), number(&format!("{cell}/strict")));
            println!("{kind} {carrier}: {strict:.3} of {labels}");
            assert!(strict >= 0.97, "{kind} in {carrier}: {strict} of {labels} where the label is");
        }
    }
    assert!(number("/covered_chars_outside_labels") < 0.05, "spans cover what the labels cover");
}
