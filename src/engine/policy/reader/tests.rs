//! Every key of the tables is read: a wrong value under it is a problem, at that value.

use serde_json::{Value, json};

use super::super::keys::*;
use super::super::{SourceFile, read, render};

/// Every key of the language, with a right value. JSON is YAML.
fn everything() -> Value {
    json!({
        "tamis": 1,
        "policy": "everything",
        "input": {"topics": ["collector.web"], "split": "$.batch[*]", "time": "$.at"},
        "subjects": {
            "account": "$.account", "device": "$.device", "cookie": "header.cookie", "ad_id": "$.ad", "email": "$.mail",
            "phone": "$.phone", "network": "envelope.$.ip"
        },
        "law": {
            "preset": "eea-us/2026-01", "country": "$.country", "region": "US-CA", "otherwise": "strictest", "age": "$.age"
        },
        "consent": {
            "table": "required",
            "expiry": "180d",
            "tcf": {"at": "$.tcf", "reader": "vendor:755", "legitimate_interest": "ads.measure"},
            "gpp": {"at": "$.gpp", "sid": "$.gpp_sid", "reader": "publisher"},
            "us_privacy": {"at": "$.us_privacy"},
            "gpc": {"at": "header.sec-gpc"},
            "google": {"gcs": "$.gcs", "gcd": "$.gcd", "state": "$.mode"},
            "categories": {"at": "$.consent", "map": {"a": "analytics.audience"}},
            "onetrust": {"at": "header.groups", "map": {"C0002": "analytics.audience"}},
            "consent_ids": {"allowed": "$.allowed", "denied": "$.denied", "map": {"a": "analytics.audience"}},
            "snowplow": {"at": "$.preferences", "map": {"a": "analytics.audience"}}
        },
        "tokens": {"web": {"rotate": "30d"}},
        "routes": {"lake.web": {
            "requires": ["analytics.audience"], "serves": ["ads.profile"], "tokens": "web", "fields": {"$.own": "keep"}
        }},
        "fields": {
            "$.at": {"round": "1m", "unit": "ms"},
            "$.token": {"token": {"as": "order"}},
            "$.mask": {"mask": {"last": 4}},
            "$.ip": {"ip": {"v4": 24, "v6": 40}},
            "$.url": {"url": {"keep_query": ["page"]}},
            "$.mail": {"keep": "contact.email", "needs": "ads.profile"}
        },
        "record": {
            "key": {"token": "$.account"}, "partition": "by_key", "timestamp": {"round": "1h"}, "headers": ["content-type"],
            "tombstones": "drop"
        },
        "detect": {"kinds": "all", "on_hit": "mask", "reason": "none needed"}
    })
}

/// The problems' places and the whole answer.
fn problems(value: &Value) -> (Vec<(usize, usize)>, String, String) {
    let text = serde_json::to_string(value).unwrap();
    let files = [SourceFile { name: "everything.json".to_owned(), text: text.clone() }];
    let reading = read(&files);
    let places = reading.problems.iter().map(|problem| (problem.at.span.start, problem.at.span.end)).collect();
    (places, text, render(&reading.problems, &files, false))
}

const WRONG: &str = "[[[]]]";

fn expect_problem_at(value: &mut Value, pointer: &str) {
    let slot = value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is in the whole policy"));
    *slot = json!([[[]]]);
    let (places, text, shown) = problems(value);
    let start = text.find(WRONG).unwrap();
    let inside = |(from, to): &(usize, usize)| *from >= start && *to <= start + WRONG.len();
    assert!(places.iter().any(inside), "a wrong value at {pointer} is not seen:\n{shown}");
}

#[test]
fn the_whole_language_is_without_problems() {
    let (places, _, shown) = problems(&everything());
    assert!(places.is_empty(), "{shown}");
}

#[test]
fn every_key_is_read() {
    let tables: [(&str, &Table); 24] = [
        ("", &POLICY),
        ("/input", &INPUT),
        ("/subjects", &SUBJECTS),
        ("/law", &LAW),
        ("/consent", &CONSENT),
        ("/consent/tcf", &TCF),
        ("/consent/gpp", &GPP),
        ("/consent/us_privacy", &US_PRIVACY),
        ("/consent/gpc", &GPC),
        ("/consent/google", &GOOGLE),
        ("/consent/onetrust", &ONETRUST),
        ("/consent/consent_ids", &CONSENT_IDS),
        ("/consent/snowplow", &SNOWPLOW),
        ("/consent/categories", &CATEGORIES),
        ("/tokens/web", &DOMAIN),
        ("/routes/lake.web", &ROUTE),
        ("/record", &RECORD),
        ("/record/key", &KEY_TOKEN),
        ("/record/timestamp", &TIMESTAMP),
        ("/detect", &DETECT),
        ("/fields/$.token/token", &TOKEN),
        ("/fields/$.mask/mask", &MASK),
        ("/fields/$.ip/ip", &IP),
        ("/fields/$.url/url", &URL),
    ];
    for (pointer, table) in tables {
        for key in table.keys {
            expect_problem_at(&mut everything(), &format!("{pointer}/{}", key.name));
        }
    }
    for beside in [("/fields/$.at/unit"), ("/fields/$.mail/needs")] {
        expect_problem_at(&mut everything(), beside);
    }
}

#[test]
fn every_action_reads_its_parameters() {
    for action in ACTIONS {
        let mut value = everything();
        value["fields"]["$.x"] = json!({action.name: 1});
        expect_problem_at(&mut value, &format!("/fields/$.x/{}", action.name));
    }
}

#[test]
fn every_action_example_is_right() {
    for action in ACTIONS {
        let text = serde_json::to_string(&everything()).unwrap();
        let text = text.replace("\"$.url\":", &format!("\"$.x\": {}, \"$.url\":", action.example));
        let files = [SourceFile { name: "example.yaml".to_owned(), text }];
        let reading = read(&files);
        assert!(reading.problems.is_empty(), "{}", render(&reading.problems, &files, false));
    }
}

#[test]
fn what_comes_later_is_refused_by_name() {
    for (pointer, table) in [("", &POLICY), ("/consent", &CONSENT), ("/detect", &DETECT), ("/routes/lake.web", &ROUTE)]
    {
        for (name, _) in table.later {
            let mut value = everything();
            value.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().insert((*name).to_owned(), json!({}));
            let (_, _, shown) = problems(&value);
            assert!(shown.contains("error[unsupported]"), "{name}\n{shown}");
        }
    }
    for (name, _) in LATER_ACTIONS {
        let mut value = everything();
        value["fields"]["$.x"] = json!(name);
        assert!(problems(&value).2.contains("error[unsupported]"), "{name}");
    }
}
