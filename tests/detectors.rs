//! How well the detectors do on labelled events: recall and precision are numbers, with floors.
//!
//! The labels lie beside the repository (`../shared/data/labelled-events`, or under `TAMIS_SHARED_DATA`); a clone without
//! them skips this, saying so. Only carriers that hide nothing are scored here: the value plain, in free text, as a JSON
//! key or a number; values inside encodings wait for decoding. Of phones, those in international form.

// Figures and the reason of a skip are for whoever runs this by hand.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tamis::engine::detect::{Detector, Hit, Kind, Kinds};

/// Kind, and the least recall and precision.
const FLOORS: &[(Kind, f64, f64)] = &[
    (Kind::Email, 0.99, 0.98),
    // Twelve of the finds are versions of four parts alone under keys such as `dimension7`, which nothing tells from addresses.
    (Kind::Ipv4, 0.99, 0.89),
    (Kind::Ipv6, 0.99, 0.98),
    // Three of the numbers stand in `{"tel": {"value": …}}`, under a key that does not say phone.
    (Kind::Phone, 0.98, 0.98),
    (Kind::PaymentCard, 0.99, 0.98),
    (Kind::Iban, 0.99, 0.98),
];

/// Of 20,000 texts without anything personal, no more than this many with a find.
const CLEAN_FLAGGED: usize = 20;

/// A file beside the repository; `None` without the folder.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TAMIS_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let file = folder.join(name);
    if !file.exists() {
        println!("skipped: {name} is not beside the repository");
    }
    file.exists().then_some(file)
}

/// The lines of a packed file of the labelled events.
fn lines(name: &str) -> Option<Vec<Value>> {
    let file = shared("labelled-events")?.join(name);
    let unpacked = Command::new("gzip").arg("-dc").arg(&file).output().expect("gzip runs");
    let text = String::from_utf8(unpacked.stdout).expect("UTF-8");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

fn rows(name: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(shared("pii-text")?.join(name)).expect("readable");
    Some(serde_json::from_str(&text).expect("JSON"))
}

/// A find or a label: whole texts that are keys have their own path.
#[derive(Clone, Debug)]
struct Span {
    kind: String,
    start: usize,
    end: usize,
}

type Spans = BTreeMap<String, Vec<Span>>;

fn quoted(key: &str) -> String {
    format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Every find of a value, by normalized path; finds in keys under the path with `~`.
fn detect(detector: &Detector, value: &Value, path: &str, key: Option<&str>, found: &mut Spans) {
    let mut hits = Vec::new();
    match value {
        Value::String(text) => {
            detector.text_under(key, text, &mut hits);
            found.entry(path.to_owned()).or_default().extend(hits.iter().map(|hit| span(text, hit)));
        }
        Value::Number(number) => {
            if let Some(kind) = detector.number(&number.to_string(), key) {
                let end = number.to_string().len();
                found.entry(path.to_owned()).or_default().push(Span { kind: kind.to_string(), start: 0, end });
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                detect(detector, item, &format!("{path}[{at}]"), None, found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}{}", quoted(name));
                detector.text(name, &mut hits);
                found.entry(format!("{path}~")).or_default().extend(hits.iter().map(|hit| span(name, hit)));
                detect(detector, member, &path, Some(name), found);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// In code points, as labels count.
fn span(text: &str, hit: &Hit) -> Span {
    let count = |to: usize| text[..to].chars().count();
    Span { kind: hit.kind.to_string(), start: count(hit.start), end: count(hit.end) }
}

fn overlap(a: &Span, b: &Span) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

#[derive(Default)]
struct Score {
    labels: usize,
    recalled: usize,
    finds: usize,
    right: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.recalled as f64 / self.labels as f64
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.finds as f64
    }
}

#[test]
fn detectors_find_what_is_labelled_and_little_else() {
    let Some(events) = lines("events.ndjson.gz") else { return };
    let detector = Detector::new(Kinds::ALL);
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for line in &events {
        let mut found = Spans::new();
        detect(&detector, &line["event"], "$", None, &mut found);
        let mut labels = Spans::new();
        for label in line["labels"].as_array().expect("labels") {
            let text = |name: &str| label[name].as_str().unwrap_or_default();
            let number = |name: &str| label[name].as_u64().unwrap_or_default() as usize;
            let span = Span { kind: text("kind").to_owned(), start: number("start"), end: number("end") };
            let key = if text("carrier") == "json_key" { "~" } else { "" };
            let path = format!("{}{key}", text("path"));
            let shown = matches!(text("carrier"), "plain" | "free_text" | "json_key" | "number");
            let in_scope = text("kind") != "phone" || text("carrier") == "number" || text("value").starts_with('+');
            if shown && in_scope {
                let score = scores.entry(span.kind.clone()).or_default();
                score.labels += 1;
                let hit = found.get(&path).is_some_and(|finds| {
                    finds.iter().any(|find| find.kind == span.kind && overlap(find, &span) * 2 >= span.end - span.start)
                });
                score.recalled += usize::from(hit);
                if !hit && std::env::var_os("TAMIS_SHOW_MISSES").is_some() {
                    println!("missed {} {} {}", span.kind, path, text("value"));
                }
            }
            labels.entry(path).or_default().push(span);
        }
        for (path, finds) in &found {
            for find in finds {
                let right = labels.get(path).is_some_and(|labels| labels.iter().any(|label| overlap(find, label) > 0));
                let score = scores.entry(find.kind.clone()).or_default();
                score.finds += 1;
                score.right += usize::from(right);
                if !right && std::env::var_os("TAMIS_SHOW_MISSES").is_some() {
                    println!("false {} {} {} {} {}", line["id"], find.kind, path, find.start, find.end);
                }
            }
        }
    }
    println!("kind          recall            precision");
    for (kind, least_recall, least_precision) in FLOORS {
        let score = &scores[kind.as_str()];
        let (recall, precision) = (score.recall(), score.precision());
        println!(
            "{:<13} {recall:.4} {:>4}/{:<5} {precision:.4} {:>4}/{:<5}",
            kind.as_str(),
            score.recalled,
            score.labels,
            score.right,
            score.finds
        );
        assert!(recall >= *least_recall, "{kind}: recall {recall}");
        assert!(precision >= *least_precision, "{kind}: precision {precision}");
    }
}

#[test]
fn clean_texts_are_left_alone() {
    let Some(texts) = lines("clean.ndjson.gz") else { return };
    let detector = Detector::new(Kinds::ALL);
    let mut hits = Vec::new();
    let mut flagged = 0;
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts.iter().filter_map(Value::as_str) {
        detector.text(text, &mut hits);
        flagged += usize::from(!hits.is_empty());
        for hit in &hits {
            *by_kind.entry(hit.kind.as_str()).or_default() += 1;
            if std::env::var_os("TAMIS_SHOW_MISSES").is_some() {
                println!("{} {text}", hit.kind);
            }
        }
    }
    println!("{flagged} of {} clean texts flagged: {by_kind:?}", texts.len());
    assert!(flagged <= CLEAN_FLAGGED, "{flagged} clean texts flagged");
}

#[test]
fn numbers_of_every_region_are_found_in_international_form() {
    let Some(rows) = rows("phone-examples.json") else { return };
    let detector = Detector::new(Kinds::NONE.with(Kind::Phone));
    let mut hits = Vec::new();
    let (mut valid, mut found, mut invalid, mut refused) = (0, 0, 0, 0);
    for row in &rows {
        for form in ["e164", "international", "rfc3966"] {
            let Some(text) = row[form].as_str() else { continue };
            // Shorter numbers are out of scope, and cannot be told from scores.
            if text.bytes().filter(u8::is_ascii_digit).count() < 8 {
                continue;
            }
            detector.text(&format!("call {text}, please"), &mut hits);
            let number = text.trim_start_matches("tel:");
            let (start, end) = (5 + text.len() - number.len(), 5 + text.len());
            let whole = hits.first().is_some_and(|hit| (hit.start, hit.end) == (start, end));
            if row["type"] == "INVALID" {
                invalid += 1;
                refused += usize::from(!whole);
                continue;
            }
            valid += 1;
            found += usize::from(whole);
            if !whole && std::env::var_os("TAMIS_SHOW_MISSES").is_some() {
                println!("phone missed: {text}");
            }
        }
    }
    println!("{found} of {valid} valid numbers found, {refused} of {invalid} invalid ones refused");
    assert!(found * 1000 >= valid * 995, "{found} of {valid}");
}

#[test]
fn texts_of_others_are_read_as_they_read_them() {
    let Some(cases) = rows("datafog-structured_pii.json") else { return };
    let Some(negatives) = rows("datafog-negative_cases.json") else { return };
    let detector = Detector::new(Kinds::ALL);
    let mut hits = Vec::new();
    let mut seen = 0;
    for case in cases.iter().chain(&negatives) {
        let text = case["input"].as_str().expect("input");
        detector.text(text, &mut hits);
        let found: Vec<(&str, &str)> = hits.iter().map(|hit| (hit.kind.as_str(), &text[hit.start..hit.end])).collect();
        let entities = case["expected_entities"].as_array().expect("entities");
        let wanted: Vec<(&str, &str)> = entities
            .iter()
            .filter_map(|entity| {
                let value = entity["text"].as_str()?;
                let kind = match entity["type"].as_str()? {
                    "EMAIL" => "email",
                    "PHONE" if value.starts_with('+') => "phone",
                    "CREDIT_CARD" => "payment_card",
                    "IP_ADDRESS" => "ipv4",
                    "DE_IBAN" => "iban",
                    _ => return None,
                };
                Some((kind, value))
            })
            .collect();
        seen += wanted.len();
        assert_eq!(found, wanted, "{text}");
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn work_is_linear_on_texts_made_to_hurt() {
    for piece in [
        "1 ",
        "1",
        "1.",
        "1-",
        "1:",
        "a@",
        "a@b.",
        "@",
        "+",
        "+1",
        "+1 ",
        "GB12 ABCD ",
        "GB12",
        "4111 ",
        "4111-",
        "411111111111",
        "::",
        "1::",
        "1.2.3.4.",
        "1.2.3.4 ",
        "abcdef:",
        "\"@",
        "\"a",
        "a.b",
        "é@é.",
        "v1.2.3.4/",
        "((((",
        "+(0)",
        "+33 (0)",
        "%40",
        "from 1.2.3.4 to ",
        "DE89 3704 ",
    ] {
        let text = piece.repeat(100_000 / piece.len());
        let mut hits = Vec::new();
        let start = std::time::Instant::now();
        Detector::new(Kinds::ALL).text(&text, &mut hits);
        let took = start.elapsed();
        // Release builds need under 20 ms; a quadratic finder would need seconds even there.
        assert!(took.as_millis() < 400, "{piece:?}: {took:?}");
    }
}
