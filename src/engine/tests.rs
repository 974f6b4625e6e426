//! The engine as a whole, on policies built by hand: what the splice leaves, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::consent::{PlaceSource, Preset, Purpose};
use super::detect::Kinds;
use super::path::Selector;
use super::policy::model::*;
use super::token::{DomainKeys, TokenKey};
use super::*;
use crate::engine::action::{Action, Literal};

fn rule(selector: &str, action: Action) -> Rule {
    Rule {
        written: selector.to_string(),
        selector: Selector::parse(selector).unwrap(),
        place: FilePlace { file: "test".into(), line: 1, column: 1 },
        action,
        category: None,
        needs: Vec::new(),
        routes: 1,
    }
}

/// A policy with one route that is always open.
fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        name: "test".into(),
        digest: "d".into(),
        input: Input { topics: vec!["in".into()], split: None, time: None },
        subjects: Vec::new(),
        law: Law {
            preset: Preset::named("eea-us/2026-01").unwrap(),
            country: Some(PlaceSource::Fixed("FR".into())),
            region: None,
            age: None,
        },
        consent: Consent::default(),
        tokens: BTreeMap::from([("web".into(), TokenDomain { rotate_seconds: None })]),
        routes: vec![Route {
            topic: "out".into(),
            requires: vec![Purpose::parse("security.essential").unwrap()],
            serves: Vec::new(),
            tokens: Some("web".into()),
        }],
        rules,
        record: RecordRules {
            key: None,
            partition: Partition::Same,
            timestamp_step_ms: 60_000,
            headers: Vec::new(),
            forward_tombstones: false,
        },
        detect: Detect { kinds: Kinds::ALL, on_hit: OnHit::Mask, reason: None },
    }
}

fn facts() -> Facts {
    let keys = DomainKeys::new(None, BTreeMap::from([(0, TokenKey::new([7; 32]))]));
    let ring = KeyRing::new(BTreeMap::from([("web".to_string(), keys)]), TokenKey::new([9; 32]));
    Facts::new(1_790_000_000_000, Arc::new(ring))
}

fn run(policy: Policy, value: &str) -> (Vec<String>, Vec<Outcome>) {
    let engine = Engine::new(policy).unwrap();
    let (mut work, mut report) = (Work::new(), Report::new(&engine));
    let record = Record {
        topic: "in",
        partition: 0,
        offset: 1,
        key: None,
        headers: &[],
        timestamp: Some(1_789_999_999_999),
        value: Some(value.as_bytes()),
    };
    engine.process(&record, &facts(), &mut work, &mut report).unwrap();
    assert!(report.conserved());
    let outputs = work.outputs().map(|o| String::from_utf8(o.value().unwrap().to_vec()).unwrap()).collect();
    (outputs, work.events().iter().map(|event| event.outcome).collect())
}

#[track_caller]
fn left(rules: &[(&str, Action)], value: &str, expected: &str) {
    let rules = rules.iter().map(|(selector, action)| rule(selector, action.clone())).collect();
    let (outputs, outcomes) = run(policy(rules), value);
    if expected.is_empty() {
        assert_eq!((outputs, outcomes), (vec![], vec![Outcome::Drop(DropReason::Empty)]), "{value}");
    } else {
        assert_eq!(outputs, [expected], "{value}");
    }
}

#[test]
fn keep_all_is_the_identity() {
    for value in
        [" {\"a\" : [ 1.10 , {} , [ ] ,\"\\u00e9\" ] , \"a\":-0 }\n", "[]", "{}", " 1e400 ", "[[],{\"a\":{}}]", "null"]
    {
        left(&[("$", Action::Keep), ("$..*", Action::Keep)], value, value);
    }
}

#[test]
fn what_no_rule_names_goes_with_one_comma() {
    let keep_b = [("$.b", Action::Keep)];
    left(&keep_b, r#"{"a":1,"b":2,"c":3}"#, r#"{"b":2}"#);
    left(&keep_b, r#"{ "b" : 2 , "c":3 }"#, r#"{ "b" : 2 }"#);
    left(&keep_b, r#"{"a":{"x":[1,2]}, "b":2}"#, r#"{ "b":2}"#);
    left(&keep_b, r#"{"b":1,"a":0,"b":2}"#, r#"{"b":1,"b":2}"#);
    left(&keep_b, r#"{"a":1}"#, "");
    left(&keep_b, r#"{"\u0062":2,"a":0}"#, r#"{"\u0062":2}"#);
}

#[test]
fn containers_that_edits_emptied_vanish_and_empty_ones_stay_where_a_rule_reaches_them() {
    left(&[("$.a.b", Action::Keep), ("$.c", Action::Keep)], r#"{"a":{"x":1},"c":1}"#, r#"{"c":1}"#);
    left(&[("$.a.b", Action::Keep), ("$.c", Action::Keep)], r#"{"c":1,"a":{"x":1,"y":[2]}}"#, r#"{"c":1}"#);
    left(&[("$.a", Action::Keep), ("$.c", Action::Keep)], r#"{"a":{ },"c":1}"#, r#"{"a":{ },"c":1}"#);
    left(&[("$.a[*].b", Action::Keep)], r#"{"a":[{"b":1,"c":2},{"c":3},{"b":4}]}"#, r#"{"a":[{"b":1},{"b":4}]}"#);
    left(&[("$.a", Action::Keep), ("$.c", Action::Keep)], r#"{"a":{"x":1},"c":1}"#, r#"{"c":1}"#);
}

#[test]
fn drop_absorbs_and_a_transform_beats_keep() {
    let fixed = Action::Fixed(Literal::Number("7".into()));
    left(&[("$..*", Action::Keep), ("$.a", fixed.clone())], r#"{"a":1,"b":1}"#, r#"{"a":7,"b":1}"#);
    left(&[("$.a", fixed), ("$..a", Action::Drop), ("$.b", Action::Keep)], r#"{"a":1,"b":1}"#, r#"{"b":1}"#);
}

#[test]
fn detectors_mask_in_strings_null_numbers_and_take_members_by_their_keys() {
    let all = [("$", Action::Keep), ("$..*", Action::Keep)];
    left(&all, r#"{"t":"mail ann@example.com now"}"#, r#"{"t":"mail [contact.email] now"}"#);
    left(&all, r#"{"t":"\u00e9 ann\u0040example.com \n"}"#, r#"{"t":"\u00e9 [contact.email] \n"}"#);
    left(&all, r#"{"n":4111111111111111,"ok":1}"#, r#"{"n":null,"ok":1}"#);
    left(&all, r#"{"ann@example.com":{"x":1},"ok":1}"#, r#"{"ok":1}"#);
}

#[test]
fn tokens_agree_for_a_number_and_its_text() {
    let token = || Action::Token { namespace: String::new() };
    let (outputs, _) = run(policy(vec![rule("$.a", token()), rule("$.b", token())]), r#"{"a":42,"b":"42"}"#);
    let value: serde_json::Value = serde_json::from_str(&outputs[0]).unwrap();
    assert_eq!(value["a"], value["b"]);
    assert!(value["a"].as_str().unwrap().starts_with("t1.web.0."));
    left(&[("$.a", token()), ("$.b", Action::Keep)], r#"{"a":true,"b":1}"#, r#"{"b":1}"#);
    left(&[("$.a", token())], r#"{"a":null}"#, r#"{"a":null}"#);
}

#[test]
fn a_batch_is_split_and_its_failures_are_alone() {
    let mut split = policy(vec![rule("$.a", Action::Keep)]);
    split.input.split = Some(Selector::parse("$.batch[*]").unwrap());
    let (outputs, outcomes) = run(split.clone(), r#"{"x":{"y":1},"batch":[{"a":1,"b":2} , {"b":1},{"a":"x"}],"z":1}"#);
    assert_eq!(outputs, [r#"{"a":1}"#, r#"{"a":"x"}"#]);
    assert_eq!(outcomes, [Outcome::Forward, Outcome::Drop(DropReason::Empty), Outcome::Forward]);
    assert_eq!(run(split.clone(), r#"{"batch":[]}"#), (vec![], vec![]));
    let shape = Outcome::Quarantine(QuarantineReason::Shape);
    assert_eq!(run(split.clone(), r#"{"batches":[]}"#), (vec![], vec![shape]));
    assert_eq!(run(split, r#"{"batch":1}"#), (vec![], vec![shape]));
}

#[test]
fn what_is_not_json_is_in_quarantine() {
    let keep = || policy(vec![rule("$..*", Action::Keep)]);
    for (value, reason) in [
        ("{\"a\":1", QuarantineReason::InvalidJson),
        ("", QuarantineReason::InvalidJson),
        ("\0\0\0\0\u{1}{}", QuarantineReason::FramedValue),
    ] {
        assert_eq!(run(keep(), value), (vec![], vec![Outcome::Quarantine(reason)]));
    }
}
