//! Properties of the engine over generated documents and policies, against the reference implementation.
//!
//! Every test is seeded: a failure prints the smallest failing case that it met, and comes again at every run.

#![allow(clippy::print_stdout)] // coverage is part of the proof

mod reference;

use std::collections::BTreeMap;

use base64::Engine as _;
use tamis::engine::action::Action;
use tamis::engine::outcome::CloseReason;
use tamis::engine::policy::model::{OnHit, Policy, Rule, Source};

use reference::bench::{Around, Bench};
use reference::decode;
use reference::generate::{self, EVERYTHING, NOW_MS, Shape};
use reference::json::{self, Kind, Node};
use reference::model::Reference;
use reference::paths::Down;
use reference::random::Random;
use reference::tally::{Tally, difference};
use reference::walk::rules_at;

/// Documents that the comparison with the reference takes.
const DOCUMENTS: usize = 100_000;
/// Documents for each generated policy.
const PER_POLICY: usize = 5;
/// How often each thing must have been met, at least.
const COVERAGE: usize = 1_000;

/// Splits the work over the cores; every part has its own seed.
fn in_parallel(parts: u64, work: impl Fn(u64) -> Tally + Sync) -> Tally {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..parts)
            .map(|part| {
                scope.spawn({
                    let work = &work;
                    move || work(part)
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("a part panicked")).fold(Tally::default(), Tally::merge)
    })
}

/// A generated value: mostly a document, sometimes what is none.
fn any_value(random: &mut Random, policy: &Policy) -> Option<Vec<u8>> {
    let mut bytes = generate::document(random, policy).into_bytes();
    match random.below(60) {
        0 => return None,
        1 => bytes.insert(0, 0),
        2 => bytes.truncate(random.below(bytes.len())),
        3 => bytes.extend_from_slice(random.pick(&[&b","[..], b"x", b"{}", b"\xff", b"\xef\xbb\xbf"])),
        4 => {
            let at = random.below(bytes.len());
            bytes[at] = random.pick(b"\"{}[]:,\\\x01\xc3 -e.");
        }
        _ => {}
    }
    Some(bytes)
}

#[test]
fn engine_equals_the_reference() {
    let keys = generate::keys();
    let parts = 4;
    let tally = in_parallel(parts, |part| {
        let mut random = Random::new(0x7a31_0000 + part);
        let mut tally = Tally::default();
        for _ in 0..DOCUMENTS / PER_POLICY / parts as usize {
            let policy = generate::policy(&mut random, EVERYTHING);
            let reference = Reference::new(&policy, &keys, NOW_MS);
            let mut bench = Bench::new(&policy, &keys);
            for _ in 0..PER_POLICY {
                let around = Around::any(&mut random);
                let headers = around.headers();
                let value = any_value(&mut random, &policy);
                let record = around.record(&headers, value.as_deref());
                let expected = reference.expect(&record);
                tally.count("documents");
                expected.events.iter().for_each(|event| tally.event(event));
                expected.effects.iter().for_each(|effect| tally.count(format!("effect {effect}")));
                if policy.input.split.is_some() {
                    tally.count("batch");
                }
                if value.as_ref().is_some_and(|value| value.contains(&b'\\')) {
                    tally.count("escape");
                }
                let got = bench.run(&record);
                if let Some(difference) = difference(&expected, &got) {
                    tally.failed(&policy, value.as_deref().unwrap_or(b"(none)"), &around, &difference);
                }
            }
        }
        tally
    });
    let counts = tally.finish("engine and reference: met");
    assert_eq!(counts["documents"], DOCUMENTS);
    let actions = [
        "keep",
        "drop",
        "token",
        "mask",
        "round",
        "bucket",
        "ip",
        "url",
        "user_agent",
        "one_of",
        "fixed",
        "drop_type",
        "drop_shape",
        "drop_needs",
        "drop_unlisted",
        "drop_epoch_gone",
        "drop_detected",
    ];
    let wanted = actions.iter().map(|action| format!("effect {action}"));
    let others = [
        "conflict",
        "batch",
        "escape",
        "escaped key",
        "duplicate key",
        "empty container",
        "emptied container",
        "shape",
        "needs",
        "detected",
    ];
    let wanted = wanted.chain(others.map(str::to_owned));
    let closed = [CloseReason::Denied, CloseReason::OptOutSignal, CloseReason::NoSignal];
    for what in wanted.chain(closed.map(|reason| format!("closed {reason}"))) {
        let met = counts.get(&what).copied().unwrap_or(0);
        assert!(met >= COVERAGE, "{what} was met {met} times only");
    }
}

#[test]
fn keep_all_is_the_identity() {
    let policy = generate::keep_all();
    let mut bench = Bench::new(&policy, &generate::keys());
    let mut random = Random::new(0x1de7);
    let mut seen = 0;
    for _ in 0..20_000 {
        let document = generate::document(&mut random, &policy);
        // An empty root container is kept too: `$: keep` accepts at it.
        assert_eq!(bench.value(&document).as_deref(), Some(document.as_str()));
        seen += 1;
    }
    println!("identity: {seen} documents");
}

/// Every scalar and empty container with the place it is at; elements lose their index, because others may go.
fn shown(text: &str) -> BTreeMap<(Vec<Down>, String), usize> {
    fn walk(node: &Node<'_>, path: &mut Vec<Down>, found: &mut BTreeMap<(Vec<Down>, String), usize>) {
        match &node.kind {
            Kind::Array(slots) | Kind::Object(slots) if !slots.is_empty() => {
                for slot in slots {
                    path.push(reference::model::down(slot, 0));
                    walk(&slot.node, path, found);
                    path.pop();
                }
            }
            _ => *found.entry((path.clone(), node.source.to_owned())).or_default() += 1,
        }
    }
    let mut found = BTreeMap::new();
    walk(&json::parse(text).expect("outputs are JSON").root, &mut Vec::new(), &mut found);
    found
}

/// The same event with and without some of its consent, outside of the event itself.
#[test]
fn less_consent_never_shows_more() {
    let keys = generate::keys();
    let mut random = Random::new(0xc0de);
    let mut tally = Tally::default();
    for _ in 0..6_000 {
        let mut policy = generate::policy(&mut random, EVERYTHING);
        policy.input.split = None;
        // Consent stands in a member that no rule can let through, so that it does not differ in the outputs.
        let place = Source::Event(generate::name("consent"));
        if let Some(categories) = &mut policy.consent.categories {
            categories.at = place;
        }
        policy.consent.gpc = Some(Source::Header("sec-gpc".to_owned()));
        policy.rules.retain(|rule| rule.selector != generate::name("consent"));
        let all = (1 << policy.routes.len()) - 1;
        policy.rules.push(generate::rule(generate::name("consent"), Action::Drop, all));
        policy.detect.on_hit = OnHit::Mask;
        // A route that opens may miss its key, and the event leaves on none.
        policy.record.key = None;
        let mut bench = Bench::new(&policy, &keys);
        for _ in 0..4 {
            let body = generate::document(&mut random, &generate::keep_all());
            let Some(body) = body.trim().strip_prefix('{').map(str::to_owned) else { continue };
            let comma = if body.trim_start().starts_with('}') { "" } else { "," };
            let answers: Vec<u64> = (0..3).map(|_| random.next() % 3).collect();
            // 2 granted, 1 no answer, 0 denied: each answer can only get worse.
            let worse: Vec<u64> = answers.iter().map(|answer| random.next() % (answer + 1)).collect();
            let gpc = random.chance(40);
            let mut run = |answers: &[u64], gpc: bool| {
                let members: Vec<String> = ["A", "B", "C"]
                    .iter()
                    .zip(answers)
                    .map(|(key, answer)| format!("\"{key}\":{}", ["false", "null", "true"][*answer as usize]))
                    .collect();
                let document = format!("{{\"consent\":{{{}}}{comma}{body}", members.join(","));
                let around = Around { gpc: gpc.then_some("1"), timestamp: Some(NOW_MS) };
                let headers = around.headers();
                (bench.run(&around.record(&headers, Some(document.as_bytes()))).outputs, document)
            };
            let (more, document) = run(&answers, gpc);
            let (less, _) = run(&worse, gpc || random.chance(30));
            tally.count("pairs");
            for (place, output) in &less {
                let fuller = more.get(place).map(|output| shown(&output.value)).unwrap_or_default();
                for (at, count) in shown(&output.value) {
                    if fuller.get(&at).copied().unwrap_or(0) < count {
                        let text = format!("{at:?} is shown on {place:?} with less consent only: {}", output.value);
                        tally.failed(&policy, document.as_bytes(), &Around::plain(), &text);
                    }
                }
            }
            if less.len() < more.len()
                || less.iter().any(|(place, o)| more.get(place).is_some_and(|m| m.value != o.value))
            {
                tally.count("pairs where less consent showed less");
            }
        }
    }
    let counts = tally.finish("less consent");
    assert!(counts["pairs where less consent showed less"] >= COVERAGE);
}

#[test]
fn actions_other_than_token_are_idempotent() {
    let keys = generate::keys();
    let mut random = Random::new(0x1d3);
    let mut tally = Tally::default();
    for _ in 0..6_000 {
        let shape = Shape { tokens: false, indexes: false, consent: false };
        let mut policy = generate::policy(&mut random, shape);
        policy.input.split = None;
        let mut bench = Bench::new(&policy, &keys);
        for _ in 0..4 {
            let document = generate::document(&mut random, &policy);
            let Some(once) = bench.value(&document) else { continue };
            tally.count("outputs");
            let again = bench.value(&once);
            if again.as_deref() != Some(once.as_str()) {
                let text = format!("once  {once}\ntwice {again:?}");
                tally.failed(&policy, document.as_bytes(), &Around::plain(), &text);
            }
        }
    }
    assert!(tally.finish("idempotence")["outputs"] >= COVERAGE);
}

const CANARY: &str = "Kanarienvogel-7f3a91c2";

/// Where the text of each scalar stands that no rule keeps on any route.
fn removed<'a>(policy: &Policy, node: &Node<'a>, path: &mut Vec<Down>, found: &mut Vec<&'a str>) {
    match &node.kind {
        Kind::Array(slots) | Kind::Object(slots) => {
            for (index, slot) in slots.iter().enumerate() {
                path.push(reference::model::down(slot, index));
                removed(policy, &slot.node, path, found);
                path.pop();
            }
        }
        _ => {
            let stays = |route: usize| {
                let rules = rules_at(policy, route, path);
                let dropped = rules.iter().any(|rule| rule.action == Action::Drop);
                let cut = |rule: &&Rule| {
                    !matches!(rule.action, Action::Keep | Action::Url { .. } | Action::OneOf(_) | Action::UserAgent)
                };
                !dropped && !rules.is_empty() && !rules.iter().any(cut)
            };
            if !(0..policy.routes.len()).any(stays) {
                found.push(node.source);
            }
        }
    }
}

#[test]
fn what_rules_remove_is_nowhere_in_the_output() {
    let keys = generate::keys();
    let mut random = Random::new(0xca7a);
    let mut tally = Tally::default();
    let encoded = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let forms = [
        format!("\"{CANARY}\""),
        format!("\"{}\"", CANARY.replace('K', "\\u004b").replace('-', "\\u002D")),
        format!("\"https://shop.example/?q={}\"", CANARY.replace('a', "%61")),
        format!("\"{encoded}\""),
        format!("\"{{\\\"q\\\":\\\"{CANARY}\\\"}}\""),
    ];
    for _ in 0..4_000 {
        let mut policy = generate::policy(&mut random, EVERYTHING);
        policy.input.split = None;
        let mut bench = Bench::new(&policy, &keys);
        for _ in 0..4 {
            let document = generate::document(&mut random, &policy);
            let parsed = json::parse(&document).expect("generated documents are JSON");
            let mut places = Vec::new();
            removed(&policy, &parsed.root, &mut Vec::new(), &mut places);
            let mut planted = document.clone();
            // From the back, so that earlier places stay where they are.
            for place in places.iter().rev() {
                let at = place.as_ptr() as usize - document.as_ptr() as usize;
                planted.replace_range(at..at + place.len(), &forms[random.below(forms.len())]);
            }
            let around = Around::plain();
            let headers = around.headers();
            let got = bench.run(&around.record(&headers, Some(planted.as_bytes())));
            tally
                .counts
                .entry("canaries planted".to_owned())
                .and_modify(|n| *n += places.len())
                .or_insert(places.len());
            for output in got.outputs.values() {
                tally.count("outputs searched");
                if decode::says(output.value.as_bytes(), CANARY) {
                    tally.failed(&policy, planted.as_bytes(), &around, &output.value);
                }
            }
        }
    }
    let counts = tally.finish("canaries");
    assert!(counts["canaries planted"] >= COVERAGE && counts["outputs searched"] >= COVERAGE);
}
