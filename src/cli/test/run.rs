//! One case through the engine, and every way in which it differs from what was expected.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::cases::{Case, CaseFile, Expect, ExpectRecord, joined};
use crate::cli::choices;
use crate::engine::consent::choice::{Book, IndexKey};
use crate::engine::outcome::{Opening, Outcome};
use crate::engine::path::Take;
use crate::engine::policy::model::Policy;
use crate::engine::record::{Header, Record};
use crate::engine::report::Report;
use crate::engine::token::{DomainKeys, KeyRing, TokenKey};
use crate::engine::{Engine, Facts, Minimized, Work};

/// Runs a case; empty if everything is as expected.
pub(super) fn case(engine: &Engine, file: &CaseFile, case: &Case) -> Vec<String> {
    try_case(engine, file, case).unwrap_or_else(|problem| vec![format!("  {problem}")])
}

fn try_case(engine: &Engine, file: &CaseFile, case: &Case) -> Result<Vec<String>, String> {
    let policy = engine.policy();
    let now_ms = time(case.now.as_ref().unwrap_or(&file.now))?;
    let timestamp = case.timestamp.as_ref().map_or(Ok(now_ms), |text| time(text))?;
    let keys = Arc::new(test_keys(policy, now_ms));
    // Whatever the key is, a case's subjects are looked up under it alone.
    let mut book = Book::new(IndexKey::new([0; 32]));
    for choice in file.choices.iter().chain(&case.choices) {
        choices::add(&mut book, joined(choice).as_bytes(), now_ms)
            .map_err(|reason| format!("a choice cannot be read: {reason}"))?;
    }
    let facts = Facts::new(now_ms, Arc::clone(&keys)).with_choices(Some(Arc::new(book)));
    let value = match (&case.event, &case.value) {
        (Some(event), _) => Some(wrap(policy, joined(event))),
        (None, value) => value.as_deref().map(joined),
    };
    let headers: BTreeMap<&String, &String> = file.headers.iter().chain(&case.headers).collect();
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(name, text)| Header { name, value: Some(text.as_bytes()) }).collect();
    let record = Record {
        topic: policy.input.topics.first().map_or("", String::as_str),
        partition: 0,
        offset: 0,
        key: case.key.as_deref().map(str::as_bytes),
        headers: &headers,
        timestamp: Some(timestamp),
        value: value.as_deref().map(str::as_bytes),
    };
    let (mut work, mut report) = (Work::new(), Report::new(engine));
    engine.process(&record, &facts, &mut work, &mut report).map_err(|unavailable| unavailable.to_string())?;

    let mut differences = Vec::new();
    if !report.conserved() {
        differences.push("  the report does not obey the conservation equation".to_owned());
    }
    for (number, route) in policy.routes.iter().enumerate() {
        let got = results(&work, number);
        let expected: Vec<String> = match &case.expect {
            Expect::Everywhere(text) => vec![text.clone(); got.len()],
            Expect::Routes(routes) => {
                let many = routes.get(&route.topic).ok_or_else(|| format!("`expect` does not name {}", route.topic))?;
                (0..many.count()).filter_map(|event| many.of(event)).map(str::to_owned).collect()
            }
        };
        if expected.len() != got.len() {
            differences.push(format!("  {}: {} events expected, got {}", route.topic, expected.len(), got.len()));
        }
        for (event, (expected, got)) in expected.iter().zip(&got).enumerate() {
            let expected = with_tokens(&joined(expected), &keys);
            if expected != *got {
                let event = if work.events().len() > 1 { format!(", event {event}") } else { String::new() };
                differences.push(difference(&format!("{}{event}", route.topic), &expected, got));
            }
        }
        let first = work.outputs().find(|output| output.route() == number);
        if let (Some(expected), Some(output)) = (case.records.get(&route.topic), first) {
            compare_record(&route.topic, expected, &output, &keys, &mut differences)?;
        } else if case.records.contains_key(&route.topic) {
            differences.push(format!("  {}: a record was expected, and none came out", route.topic));
        }
    }
    let named = match &case.expect {
        Expect::Everywhere(_) => Vec::new(),
        Expect::Routes(routes) => routes.keys().chain(case.records.keys()).collect(),
    };
    for topic in named {
        if !policy.routes.iter().any(|route| route.topic == *topic) {
            return Err(format!("the policy has no route {topic}"));
        }
    }
    for canary in file.must_not_contain.iter().chain(&case.must_not_contain) {
        for output in work.outputs().filter(|output| contains(output, canary)) {
            differences.push(format!("  {}: contains `{canary}`, which must not leave", output.topic()));
        }
    }
    Ok(differences)
}

/// What came of each event on a route: the output's text, or a word and its reason.
fn results(work: &Work, route: usize) -> Vec<String> {
    let outputs: Vec<Minimized<'_>> = work.outputs().filter(|output| output.route() == route).collect();
    let events = work.events().iter().enumerate();
    events
        .map(|(event, result)| match (work.opening(event, route), result.outcome) {
            (_, Outcome::Quarantine(reason)) => format!("quarantined {reason}"),
            (Some(Opening::Closed(reason)), _) => format!("closed {reason}"),
            (Some(Opening::Dropped(reason)), _) => format!("dropped {reason}"),
            _ => {
                let output = outputs.iter().find(|output| output.event() as usize == event);
                match output.map(Minimized::value) {
                    None => "nothing".to_owned(),
                    Some(None) => "tombstone".to_owned(),
                    Some(Some(value)) => String::from_utf8_lossy(value).into_owned(),
                }
            }
        })
        .collect()
}

fn compare_record(
    topic: &str,
    expected: &ExpectRecord,
    output: &Minimized<'_>,
    keys: &KeyRing,
    differences: &mut Vec<String>,
) -> Result<(), String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut compare = |what: &str, expected: &str, got: String| {
        let expected = with_tokens(expected, keys);
        if expected != got {
            differences.push(difference(&format!("{topic}, {what}"), &expected, &got));
        }
    };
    if let Some(key) = &expected.key {
        compare("key", key, output.key().map_or_else(|| "none".to_owned(), text));
    }
    if let Some(timestamp) = &expected.timestamp {
        let got = output.timestamp().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let expected = jiff::Timestamp::from_millisecond(time(timestamp)?).map_err(|error| error.to_string())?;
        compare("timestamp", &expected.to_string(), got.map_or_else(|| "none".to_owned(), |at| at.to_string()));
    }
    for (name, value) in &expected.headers {
        let got = output.headers().find(|(known, _)| known == name).map(|(_, value)| text(value));
        compare(&format!("header {name}"), value, got.unwrap_or_else(|| "none".to_owned()));
    }
    Ok(())
}

/// Whether a text stands in any part of an output, as it is or behind JSON escapes.
fn contains(output: &Minimized<'_>, canary: &str) -> bool {
    let raw = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(canary);
    let value = output.value().unwrap_or_default();
    let decoded = serde_json::from_slice::<serde_json::Value>(value).is_ok_and(|value| holds(&value, canary));
    raw(value) || decoded || output.key().is_some_and(raw) || output.headers().any(|(_, value)| raw(value))
}

fn holds(value: &serde_json::Value, canary: &str) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains(canary),
        serde_json::Value::Array(items) => items.iter().any(|item| holds(item, canary)),
        serde_json::Value::Object(members) => {
            members.iter().any(|(key, value)| key.contains(canary) || holds(value, canary))
        }
        _ => false,
    }
}

/// Two lines one above the other, from a little before the place where they part.
fn difference(place: &str, expected: &str, got: &str) -> String {
    let same = expected.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(40);
    let cut = |text: &str| {
        let rest: String = text.chars().skip(from).collect();
        if from > 0 { format!("…{rest}") } else { rest }
    };
    let mut out = format!("  {place}, from character {}:\n", same + 1);
    let _ = writeln!(out, "    expected  {}", cut(expected));
    let _ = write!(out, "    got       {}", cut(got));
    out
}

/// A batch of one event, where the policy splits batches.
fn wrap(policy: &Policy, event: String) -> String {
    let Some(split) = &policy.input.split else { return event };
    split.steps.iter().rev().fold(event, |inner, step| match &step.take {
        Take::Name(name) => format!("{{{}:{inner}}}", serde_json::Value::from(name.as_str())),
        Take::Any | Take::Index(_) => format!("[{inner}]"),
    })
}

/// Writes the token for `t1.<domain>.<epoch>.<text>` with the last part in angle brackets; `<namespace|text>` for a token
/// `as` something.
fn with_tokens(text: &str, keys: &KeyRing) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let token = after.split_once('>').and_then(|(inside, after)| {
            let (start, domain, epoch) = placeholder(before)?;
            let (namespace, value) = inside.split_once('|').unwrap_or(("", inside));
            let mut token = Vec::new();
            keys.domain(domain)?.key(epoch)?.write_token(domain, epoch, namespace, value, &mut token);
            out.truncate(out.len() - (before.len() - start));
            out.push_str(&String::from_utf8_lossy(&token));
            Some(after)
        });
        rest = token.unwrap_or_else(|| {
            out.push('<');
            after
        });
    }
    out.push_str(rest);
    out
}

/// Where `t1.<domain>.<epoch>.` begins at the end of a text, and what it names.
fn placeholder(before: &str) -> Option<(usize, &str, u64)> {
    let start = before.rfind("t1.")?;
    let mut parts = before.get(start..)?.strip_prefix("t1.")?.split('.');
    let (domain, epoch, end) = (parts.next()?, parts.next()?, parts.next()?);
    (end.is_empty() && parts.next().is_none()).then_some(())?;
    Some((start, domain, epoch.parse().ok()?))
}

/// Keys that anyone can compute, for the epoch of now, the one before and the next: SHA-256 of `tamis test key`, the
/// domain and the epoch.
fn test_keys(policy: &Policy, now_ms: i64) -> KeyRing {
    let key =
        |domain: &str, epoch: u64| TokenKey::new(Sha256::digest(format!("tamis test key\0{domain}\0{epoch}")).into());
    let domains = policy.tokens.iter().map(|(name, domain)| {
        let now = DomainKeys::new(domain.rotate_seconds, BTreeMap::new()).epoch_at(now_ms);
        let around = u64::from(domain.rotate_seconds.is_some());
        let epochs = now.saturating_sub(around)..=now.saturating_add(around);
        let keys = epochs.map(|epoch| (epoch, key(name, epoch))).collect();
        (name.clone(), DomainKeys::new(domain.rotate_seconds, keys))
    });
    KeyRing::new(domains.collect(), key("event id", 0))
}

fn time(text: &str) -> Result<i64, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("`{text}` is not a time in RFC 3339"))?;
    Ok(at.as_millisecond())
}
