//! `tamis explain` says what `apply` does: for generated events the engine's explanation agrees with its decision, and the
//! command shows no value.

#![allow(clippy::print_stdout)] // counts are part of the proof

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tamis::engine::consent::choice::{Book, IndexKey};
use tamis::engine::outcome::{CloseReason, Opening};
use tamis::engine::policy::{SourceFile, read, render};
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::token::{DomainKeys, KeyRing, TokenKey};
use tamis::engine::{Engine, Facts, Work};

#[path = "reference/random.rs"]
#[allow(unreachable_pub)] // shared with other tests
mod random;
use random::Random;

const RECORDS: u64 = 20_000;

const POLICY: &str = "
tamis: 1
policy: web
input: {topics: [web], split: '$.batch[*]', time: $.timestamp}
subjects: {account: $.userId, device: $.anonymousId, email: $.email}
law: {preset: eea-us/2026-01, country: $.country, region: $.region, age: $.age, otherwise: strictest}
consent:
  table: required
  tcf: {at: $.tcf, reader: publisher}
  gpp: {at: $.gpp, sid: $.sid}
  us_privacy: {at: $.usp}
  gpc: {at: header.sec-gpc}
  google: {gcs: $.gcs, gcd: $.gcd, state: $.mode}
  onetrust: {at: $.optanon, map: {C0002: analytics.audience}}
  categories: {at: $.categories, map: {Analytics: analytics.audience, Ads: [ads.profile, sale_share]}}
tokens: {web: {}}
routes:
  lake.analytics: {requires: [analytics.audience], serves: [ads.profile], tokens: web}
  lake.ads: {requires: [ads.profile, sale_share], tokens: web}
  lake.security: {requires: [security.essential], tokens: web}
fields:
  $.userId: token
  $.page: keep
  $.email: {keep: contact.email, needs: ads.profile}
  $.plan: {one_of: [free, premium]}
  $.timestamp: {round: 1m}
";

fn engine() -> Engine {
    let files = [SourceFile::from_bytes("web.yaml", POLICY.as_bytes())];
    let reading = read(&files);
    assert!(!reading.has_errors(), "{}", render(&reading.problems, &files, false));
    // A shared field with `needs` is dropped where a route does not list it.
    Engine::new(reading.policies.into_iter().next().unwrap()).unwrap()
}

fn moment(random: &mut Random) -> String {
    format!("2026-03-0{}T{:02}:00:00Z", 1 + random.below(4), random.below(24))
}

fn book(random: &mut Random) -> Book {
    let mut book = Book::new(IndexKey::new([1; 32]));
    for id in 0..random.below(8) {
        let subject = random.pick(&["account", "account", "device", "email"]);
        let value = match subject {
            "account" => random.pick(&["u-0", "u-1"]),
            "device" => random.pick(&["d-0", "d-1"]),
            _ => "ada@example.com",
        };
        let mut purposes = BTreeMap::new();
        for purpose in ["analytics.audience", "ads.profile", "sale_share", "security.essential"] {
            if random.chance(60) {
                let stances = ["granted", "granted", "granted", "denied", "withdrawn", "objected"];
                purposes.insert(purpose, random.pick(&stances));
            }
        }
        if purposes.is_empty() {
            continue;
        }
        let mut record = json!({
            "v": 1, "id": format!("c-{id}"), "subject": {subject: value}, "purposes": purposes,
            "at": moment(random), "precision": random.pick(&["ms", "s", "day"]), "source": "form",
        });
        if random.chance(15) {
            record["age_band"] = json!(random.pick(&["child", "teen", "adult"]));
        }
        let key = format!("c-{id}");
        assert!(book.add(Some(key.as_bytes()), record.to_string().as_bytes(), 0).is_ok());
    }
    book
}

fn event(random: &mut Random) -> Value {
    let mut event = json!({"page": random.pick(&["home", "for ada@example.com", ""]), "other": 1});
    let mut may = |name: &str, values: &[Value], percent: u64| {
        if random.chance(percent) {
            event[name] = values[random.below(values.len())].clone();
        }
    };
    may("timestamp", &[json!("2026-03-02T10:00:00Z"), json!("2026-03-04T23:00:00Z"), json!("soon")], 95);
    may("userId", &[json!("u-0"), json!("u-1"), json!(true)], 70);
    may("anonymousId", &[json!("d-0"), json!("d-1")], 60);
    may("email", &[json!("ada@example.com")], 30);
    may("country", &[json!("FR"), json!("US"), json!("GB"), json!("ZZ")], 85);
    may("region", &[json!("CA"), json!("US-WY")], 40);
    may("age", &[json!(12), json!("teen"), json!("adult"), json!("?")], 10);
    may("tcf", &[json!("CQgfW0AQgfW0ANwABBENCWFgAIGAAAAAAAqIAAoAAAAA.IAAo.cDAAAAAAAAA"), json!("?")], 20);
    may("gpp", &[json!("DBABBg~BVqqqqpY.YA")], 10);
    may("usp", &[json!("1YNN"), json!("1YYN")], 15);
    may("gcd", &[json!("11r1r1r1r5"), json!("11q1q1q1q5")], 15);
    may(
        "mode",
        &[
            json!({"ad_personalization": "granted", "analytics_storage": "granted"}),
            json!({"default": {"analytics_storage": "granted", "ad_personalization": "denied"}}),
            json!({"ad_personalization": 1}),
            json!("granted"),
        ],
        20,
    );
    may("optanon", &[json!("isGpcEnabled=1&groups=C0002:1"), json!("isGpcEnabled=?&groups=C0002:1")], 15);
    may("sid", &[json!("7"), json!([8]), json!(["7", 6]), json!({"a": 7})], 20);
    may("gcs", &[json!("G111"), json!("G100")], 15);
    may(
        "categories",
        &[json!({"Analytics": true}), json!({"Analytics": true, "Ads": true}), json!({"Ads": false})],
        40,
    );
    may("plan", &[json!("free"), json!("gold")], 40);
    event
}

/// The explanation leaves the same results and counts as the decision, names the same openings, its purposes give the
/// routes' reasons, its rows give the regimes, and its fields add up to the report's.
#[test]
fn an_explanation_agrees_with_the_decision() {
    let engine = engine();
    let key = |byte| TokenKey::new([byte; 32]);
    let domains = [("web".to_owned(), DomainKeys::new(None, [(0, key(1))].into()))].into();
    let keys = Arc::new(KeyRing::new(domains, key(2)));
    let now = "2026-03-05T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let (mut events, mut reasons, mut opened) = (0u64, std::collections::BTreeSet::new(), 0u64);
    for seed in 0..RECORDS {
        let mut random = Random::new(seed);
        let facts = Facts::new(now, Arc::clone(&keys)).with_choices(Some(Arc::new(book(&mut random))));
        let batch: Vec<Value> = (0..random.below(4)).map(|_| event(&mut random)).collect();
        let value = if random.chance(2) { "{".to_owned() } else { json!({"batch": batch}).to_string() };
        let gpc = [Header { name: "Sec-GPC", value: Some(b"1") }];
        let headers = if random.chance(15) { &gpc[..] } else { &[] };
        let value = Some(value.as_bytes()).filter(|_| !random.chance(2));
        let timestamp = Some(now - 1000);
        let record = Record { topic: "web", partition: 0, offset: 0, key: None, headers, timestamp, value };
        let (mut work, mut report) = (Work::new(), Report::new(&engine));
        engine.process(&record, &facts, &mut work, &mut report).unwrap();
        let (mut again, mut second) = (Work::new(), Report::new(&engine));
        let explained = engine.explain(&record, &facts, &mut again, &mut second).unwrap();
        assert_eq!(report.openings().collect::<Vec<_>>(), second.openings().collect::<Vec<_>>(), "seed {seed}");
        let outputs = |work: &Work| work.outputs().map(|it| it.value().map(<[u8]>::to_vec)).collect::<Vec<_>>();
        assert!(outputs(&work) == outputs(&again), "seed {seed}");
        assert_eq!(explained.len(), work.events().len(), "seed {seed}");
        let mut fields = BTreeMap::new();
        for (index, explained) in explained.iter().enumerate() {
            events += 1;
            assert_eq!(explained.outcome, work.events()[index].outcome, "seed {seed}");
            for (route, on_route) in explained.routes.iter().enumerate() {
                assert_eq!(Some(on_route.opening), work.opening(index, route), "seed {seed}");
                if explained.known.is_none() {
                    continue;
                }
                let required = on_route.purposes.iter().filter(|purpose| purpose.required);
                let first = required.filter_map(|purpose| purpose.reason).min();
                match on_route.opening {
                    Opening::Closed(reason) => {
                        assert_eq!(Some(reason), first, "seed {seed}");
                        assert!(on_route.fields.is_empty(), "seed {seed}");
                    }
                    _ => assert_eq!(first, None, "seed {seed}"),
                }
                opened += u64::from(on_route.opening == Opening::Open);
                reasons.extend(first.map(CloseReason::as_str));
                for (rule, effect, count) in &on_route.fields {
                    *fields.entry((route, *rule, *effect)).or_insert(0) += count;
                }
                for purpose in &on_route.purposes {
                    let place =
                        engine.policy().law.preset.rows().iter().find(|row| row.place == purpose.place).unwrap();
                    assert_eq!(place.regime(&purpose.purpose), purpose.usual, "seed {seed}");
                    assert!(purpose.regime >= purpose.usual && !purpose.source.is_empty(), "seed {seed}");
                }
            }
        }
        let counted = report.fields().map(|(route, rule, effect, count)| ((route, rule, effect), count)).collect();
        assert_eq!(fields, counted, "seed {seed}");
    }
    println!("{events} events, {opened} open routes, {reasons:?}");
    assert!(events > RECORDS && opened > 1000 && reasons.len() >= 10, "{events} {opened} {reasons:?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn explain(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .arg("explain")
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A call that is refused does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

const PERSON: &str = r#"{"batch":[{"type":"page","userId":"u-secret-48213","anonymousId":"d-secret-1","traits":{"email":"ada@example.com","secret-key":"x"},"context":{"consent":{"categoryPreferences":{"Analytics":true}},"geo":{"country":"FR"}},"timestamp":"2026-11-24T09:58:41.238Z"}]}"#;

#[test]
fn nothing_of_the_event_is_shown_and_values_only_on_a_terminal() {
    let policy = "policies/examples/web-analytics.yaml";
    assert!(Path::new(&root()).join(policy).exists());
    for arguments in [&["--policy", policy][..], &["--policy", policy, "--json"]] {
        let output = explain(arguments, &format!("{PERSON}\nada@example.com\n"));
        assert_eq!(output.status.code(), Some(1), "the second line is in quarantine");
        for text in [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)) {
            for canary in ["secret", "ada@", "example.com", "09:58:41.239"] {
                assert!(!text.contains(canary), "{canary}: {text}");
            }
        }
    }
    let output = explain(&["--policy", policy, "--show-values"], PERSON);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"));
}

#[test]
fn the_answer_names_the_rule_the_law_and_the_signal() {
    let output = explain(&["--policy", "policies/examples/web-analytics.yaml", "--json"], PERSON);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let route = &answer["routes"][0];
    assert_eq!((&answer["outcome"], &route["result"]), (&json!("forward"), &json!("open")));
    let purpose = &route["purposes"][0];
    assert_eq!(purpose["place"], "European Economic Area");
    assert!(purpose["source"].as_str().unwrap().contains("GDPR"));
    assert_eq!(purpose["said"][0], json!({"signal": "categories", "says": "granted", "at": null, "precision": null}));
    let line = |rule: &str| {
        let fields = route["fields"].as_array().unwrap();
        fields.iter().find(|field| field["rule"] == rule).unwrap()["line"].as_u64().unwrap() as usize
    };
    let text = std::fs::read_to_string(root().join("policies/examples/web-analytics.yaml")).unwrap();
    assert!(text.lines().nth(line("$.userId") - 1).unwrap().trim().starts_with("$.userId"));
}

#[test]
fn the_page_lists_every_reason_in_the_order_in_which_they_are_given() {
    let page = std::fs::read_to_string(root().join("docs/consent.md")).unwrap();
    let (_, section) = page.split_once("\n## Why a route is closed\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let listed: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, CloseReason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>());
}
