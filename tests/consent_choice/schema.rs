//! The schema that record writers get and the reader that decides agree, on the documentation's examples and on mutants.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tamis::engine::consent::choice::{OptOutSource, SubjectKey, UnreadableReason, record};
use tamis::engine::consent::signals::says::{AgeBand, Precision};
use tamis::engine::consent::{Purpose, SubjectKind};

use super::random::Random;
use super::records::{FULL, LEAST, index};

const MUTANTS: usize = 60_000;

fn docs(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).expect("the page is there")
}

fn schema() -> Value {
    serde_json::from_str(&docs("consent-record.schema.json")).expect("the schema is JSON")
}

fn validator() -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).expect("the schema is a schema")
}

/// Reads a value under the key that it should have.
fn read(value: &Value) -> Result<(), UnreadableReason> {
    let key = match (&value["id"], value.get("hb")) {
        (_, Some(_)) => "hb/3",
        (Value::String(id), None) => id,
        _ => "c-1",
    };
    record::read(Some(key.as_bytes()), value.to_string().as_bytes(), &index()).map(drop).map_err(|error| error.reason)
}

/// Key and value of every record that the page shows: JSON blocks of its section, and lines of a file for kcat.
fn examples(page: &str) -> Vec<(String, String)> {
    let section = page.split("\n## The consent topic").nth(1).expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut examples = Vec::new();
    for block in section.split("```json\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let value: Value = serde_json::from_str(text).expect("one record a block");
        let key = value["id"].as_str().unwrap_or("hb/0").to_owned();
        examples.push((key, text.to_owned()));
    }
    let lines = section.lines().filter_map(|line| line.split_once('\t'));
    examples.extend(lines.map(|(key, value)| (key.to_owned(), value.to_owned())));
    examples
}

#[test]
fn every_record_of_the_documentation_is_read_and_fits_the_schema() {
    let validator = validator();
    let examples = examples(&docs("consent.md"));
    assert!(examples.len() >= 7, "{} records", examples.len());
    for (key, text) in &examples {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{text}: {wrong:?}");
        let read = record::read(Some(key.as_bytes()), text.as_bytes(), &index());
        assert!(read.is_ok(), "{text}: {:?}", read.err().map(|error| error.reason));
    }
}

#[test]
fn the_schema_and_the_code_know_the_same_words() {
    let schema = schema();
    let properties = &schema["$defs"]["choice"]["properties"];
    let words = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    assert_eq!(words(&properties["purposes"]["propertyNames"]["anyOf"][0]["enum"]), Purpose::KNOWN);
    let kinds: Vec<&str> = SubjectKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let named: Vec<&String> = properties["subject"]["properties"].as_object().expect("kinds").keys().collect();
    assert_eq!(named, [kinds.as_slice(), &["key"]].concat());
    assert_eq!(
        words(&properties["precision"]["enum"]),
        Precision::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>()
    );
    assert_eq!(words(&properties["age_band"]["enum"]), AgeBand::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>());
    let page = docs("consent.md");
    for reason in UnreadableReason::ALL {
        assert!(page.contains(&format!("`{reason}`")), "docs/consent.md does not explain {reason}");
    }
}

#[test]
fn what_the_engine_writes_fits_the_schema() {
    let purposes = [Purpose::parse("sale_share").unwrap()];
    for source in OptOutSource::ALL {
        let (_, value) =
            record::learned(SubjectKey::from_bytes([9; 16]), *source, &purposes, 1_772_357_400_000).unwrap();
        assert!(validator().is_valid(&serde_json::from_slice(&value).unwrap()), "{source}");
    }
}

/// Values that stand in for others: right ones, near misses and wrong types.
fn strays() -> Vec<Value> {
    let sk = format!("sk1:{}", "a".repeat(26));
    let mut strays = vec![json!(null), json!(true), json!(1), json!(2), json!(-7), json!(1.5), json!([]), json!({})];
    for text in [
        "",
        "1",
        "c-1",
        "hb/0",
        "hb",
        "granted",
        "denied",
        "withdrawn",
        "objected",
        "Granted",
        "opt_out",
        "ms",
        "s",
        "day",
        "minute",
        "child",
        "teen",
        "adult",
        "gpc",
        "usp",
        "form",
        "Form",
        "a b",
        "sk1:",
        "2026-03-01T09:30:00Z",
        "2026-03-01t09:30:00.123456789z",
        "2026-03-01T09:30:00+14:00",
        "2026-03-01T09:30:00-23:59",
        "2026-02-29T09:30:00Z",
        "2028-02-29T09:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-03-00T00:00:00Z",
        "2026-03-32T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-03-01T09:60:00Z",
        "2026-03-01T09:30:00+24:00",
        "2026-03-01T09:30:00+01:60",
        "2026-03-01T09:30:00",
        "2026-03-01T09:30Z",
        "2026-03-01 09:30:00Z",
        "2026-03-01",
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00Z",
        "2999-12-31T23:59:59Z",
        "3000-01-01T00:00:00Z",
        "2026-03-01T09:30:00.Z",
        "2026-03-01T09:30:00.1234567890Z",
        "2026-03-01T09:30:00Z\n",
        "jane@example.com",
        &sk,
    ] {
        strays.push(json!(text));
    }
    strays.extend([json!("i".repeat(200)), json!("i".repeat(201)), json!("\u{e9}".repeat(200)), json!("a".repeat(65))]);
    strays.extend([json!(["gpc"]), json!(["gpc", "gpc"]), json!(["usp"]), json!([1])]);
    for kind in ["account", "device", "cookie", "ad_id", "email", "phone", "network", "key", "user"] {
        strays.extend([
            json!({kind: "v"}),
            json!({kind: 42}),
            json!({kind: ""}),
            json!({kind: sk}),
            json!({kind: 1.5}),
        ]);
    }
    strays.push(json!({"account": "u-1", "device": "d-1"}));
    strays.extend([json!({"ads.profile": "granted"}), json!({"ads.profile": "yes"}), json!({"ads": "denied"})]);
    strays.extend([json!({"x.own": "denied"}), json!({"x.": "denied"}), json!({"x.Own": "denied"})]);
    strays.extend([
        json!({format!("x.{}", "a".repeat(32)): "denied"}),
        json!({format!("x.{}", "a".repeat(33)): "denied"}),
    ]);
    strays
}

fn mutate(random: &mut Random, value: &mut Map<String, Value>, strays: &[Value]) {
    const NAMES: [&str; 14] = [
        "v",
        "id",
        "subject",
        "purposes",
        "at",
        "precision",
        "source",
        "expires",
        "age_band",
        "guardian",
        "overrides",
        "hb",
        "note",
        "V",
    ];
    let stray = strays[random.below(strays.len())].clone();
    match random.below(10) {
        0 => drop(value.remove(random.pick(&NAMES))),
        1 => drop(value.insert(random.pick(&NAMES).to_owned(), stray)),
        2 => {
            let names = [Purpose::KNOWN, &["x.own", "x.OWN", "ads", "", "*"]].concat();
            if let Some(Value::Object(purposes)) = value.get_mut("purposes") {
                let stance = random.pick(&["granted", "denied", "withdrawn", "objected", "no", ""]);
                purposes.insert(random.pick(&names).to_owned(), json!(stance));
            }
        }
        // Mostly a stray in the place of what is there.
        _ => {
            let present: Vec<String> = value.keys().cloned().collect();
            if let Some(name) = present.get(random.below(present.len().max(1))) {
                value.insert(name.clone(), strays[random.below(strays.len())].clone());
            }
        }
    }
}

#[test]
fn reader_and_schema_agree_on_mutants() {
    let (validator, strays) = (validator(), strays());
    let mut random = Random::new(2026);
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..MUTANTS {
        let base = random.pick(&[FULL, LEAST, r#"{"v":1,"hb":"2026-03-01T09:30:00Z"}"#]);
        let Ok(Value::Object(mut object)) = serde_json::from_str(base) else { panic!("{base}") };
        for _ in 0..=random.below(2) {
            mutate(&mut random, &mut object, &strays);
        }
        let value = Value::Object(object);
        let (fits, reads) = (validator.is_valid(&value), read(&value));
        assert_eq!(fits, reads.is_ok(), "{value}: the schema says {fits}, the reader {reads:?}");
        if fits { valid += 1 } else { invalid += 1 }
    }
    println!("{MUTANTS} mutants: {valid} valid, {invalid} not");
    assert!(valid > 3_000 && invalid > 20_000, "{valid} valid, {invalid} not");
}
