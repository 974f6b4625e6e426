//! Records and policies that are made to get something through, or to cost more than they weigh.

#![allow(clippy::print_stdout)] // what the shared reference prints
mod reference;

use std::time::{Duration, Instant};

use tamis::engine::limits::Limits;
use tamis::engine::outcome::{CloseReason, DropReason, Opening, Outcome, QuarantineReason};
use tamis::engine::policy;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

const NOW_MS: i64 = 1_795_500_000_000;

const LAW: &str = "law: {preset: eea-us/2026-01, country: US, otherwise: strictest}\n";

/// A worker with one policy.
struct Desk {
    engine: std::sync::Arc<Engine>,
    facts: Facts,
    work: Work,
    report: Report,
}

impl Desk {
    #[track_caller]
    fn new(text: &str) -> Desk {
        Desk::with_limits(text, Limits::default())
    }

    #[track_caller]
    fn with_limits(text: &str, limits: Limits) -> Desk {
        let text = format!("tamis: 1\npolicy: closed\n{text}");
        let sources = [policy::SourceFile { name: "closed.yaml".to_owned(), text }];
        let read = policy::read(&sources);
        assert!(!read.has_errors(), "{}", policy::render(&read.problems, &sources, false));
        let policy = read.policies.into_iter().next().expect("one policy");
        let keys = std::sync::Arc::new(reference::ring::ring_of(&policy, NOW_MS));
        let engine = Engine::with_limits(policy, limits).unwrap_or_else(|_| panic!("too complex"));
        let engine = std::sync::Arc::new(engine);
        let report = Report::new(&engine);
        Desk { engine, facts: Facts::new(NOW_MS, keys), work: Work::new(), report }
    }

    fn take(&mut self, key: Option<&str>, headers: &[(&str, &str)], value: Option<&str>) {
        let headers: Vec<Header<'_>> =
            headers.iter().map(|&(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
        let record = Record {
            topic: "in",
            partition: 0,
            offset: 0,
            key: key.map(str::as_bytes),
            headers: &headers,
            timestamp: Some(NOW_MS),
            value: value.map(str::as_bytes),
        };
        self.engine.process(&record, &self.facts, &mut self.work, &mut self.report).unwrap();
    }

    /// What leaves of a value, by route.
    fn sent(&mut self, value: &str) -> Vec<String> {
        self.take(None, &[], Some(value));
        self.work.outputs().map(|o| String::from_utf8_lossy(o.value().unwrap_or(b"")).into_owned()).collect()
    }

    fn outcome(&self) -> Outcome {
        self.work.events()[0].outcome
    }

    fn opening(&self, route: usize) -> Opening {
        self.work.opening(0, route).expect("an event")
    }
}

fn kept(fields: &str) -> String {
    format!(
        "input: {{topics: [in]}}\n{LAW}consent: {{table: none}}\nroutes: {{out: {{requires: [security.essential]}}}}\nfields:\n{fields}"
    )
}

// What each record may cost.

fn header_policy(on_hit: &str) -> String {
    format!(
        "input: {{topics: [in], split: '$.b[*]'}}\n{LAW}consent: {{table: none}}\nrecord: {{headers: [x-page]}}\ndetect: {{on_hit: {on_hit}}}\n\
         routes: {{out: {{requires: [security.essential]}}, other: {{requires: [security.essential]}}}}\nfields: {{$.a: keep}}"
    )
}

/// `{"b":[{"a":1},…]}`
fn batch(events: usize) -> String {
    format!("{{\"b\":[{}]}}", vec!["{\"a\":1}"; events].join(","))
}

#[test]
fn listed_headers_do_not_grow_with_the_events_of_a_batch() {
    let mut desk = Desk::new(&header_policy("mask"));
    let page = "ann@example.com ".repeat(500_000 / 16);
    let start = Instant::now();
    desk.take(None, &[("x-page", &page)], Some(&batch(10_000)));
    let sent: usize = desk.work.outputs().map(|output| output.size()).sum();
    assert!(sent <= Limits::default().sent_bytes, "{sent} bytes leave of one record");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let refused = |events: &[tamis::engine::EventResult]| {
        events.iter().filter(|e| e.outcome == Outcome::Quarantine(QuarantineReason::TooMuchWork)).count()
    };
    assert!(refused(desk.work.events()) > 9_000);
    assert!(desk.work.outputs().count() > 50, "what fits leaves");
}

#[test]
fn many_empty_headers_weigh_something_too() {
    let mut desk = Desk::new(&header_policy("mask"));
    let headers = vec![("x-page", ""); 5_000];
    desk.take(None, &headers, Some(&batch(2_000)));
    let headers: usize = desk.work.outputs().map(|output| output.headers().count()).sum();
    assert!(headers < 4_000_000, "{headers}");
}

#[test]
fn a_header_is_masked_dropped_or_quarantined_on_every_output() {
    let header = [("x-page", "for ann@example.com")];
    let page = |desk: &Desk| -> Vec<String> {
        let all = desk.work.outputs().flat_map(|output| {
            output.headers().map(|(n, v)| (n.to_owned(), String::from_utf8_lossy(v).into_owned())).collect::<Vec<_>>()
        });
        all.filter(|(name, _)| name == "x-page").map(|(_, value)| value).collect()
    };
    let mut desk = Desk::new(&header_policy("mask"));
    desk.take(None, &header, Some(&batch(2)));
    assert_eq!(page(&desk), vec!["for [contact.email]"; 4]);
    let found: u64 = desk.report.detections().map(|(_, _, _, count)| count).sum();
    assert_eq!(found, 4);
    let mut desk = Desk::new(&header_policy("drop"));
    desk.take(None, &header, Some(&batch(2)));
    assert_eq!(page(&desk), Vec::<String>::new());
    assert_eq!(desk.work.outputs().count(), 4);
    let mut desk = Desk::new(&header_policy("quarantine"));
    desk.take(None, &header, Some(&batch(2)));
    assert_eq!(desk.outcome(), Outcome::Quarantine(QuarantineReason::Detected));
    // The next record is not judged by this one's headers.
    desk.take(None, &[("x-page", "home")], Some(&batch(1)));
    assert_eq!(page(&desk), ["home", "home"]);
}

#[test]
fn signals_around_a_batch_are_bounded_over_all_events() {
    let policy = format!(
        "input: {{topics: [in], split: '$.b[*]'}}\n{LAW}consent: {{table: none, us_privacy: {{at: header.usp}}, gpp: {{at: envelope.$.gpp}}, \
         categories: {{at: envelope.$.c, map: {{A: ads.profile}}}}}}\nroutes: {{out: {{requires: [ads.profile]}}}}\nfields: {{$.a: keep}}"
    );
    let mut desk = Desk::new(&policy);
    let noise: Vec<String> = (0..20_000).map(|n| format!("\"{n}\":true")).collect();
    let start = Instant::now();
    let events = batch(8_000);
    let events = events.trim_start_matches('{');
    desk.take(None, &[], Some(&format!("{{\"c\":{{{}}},{events}", noise.join(","))));
    assert_eq!(desk.outcome(), Outcome::Quarantine(QuarantineReason::TooMuchWork));
    desk.take(None, &[("usp", &"1".repeat(500_000))], Some(&batch(8_000)));
    assert_eq!(desk.outcome(), Outcome::Quarantine(QuarantineReason::TooMuchWork));
    let many = vec![("x", ""); 20_000];
    desk.take(None, &many, Some(&batch(8_000)));
    assert_eq!(desk.outcome(), Outcome::Quarantine(QuarantineReason::TooMuchWork));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // What real batches carry is far from the bound.
    let string = "D".repeat(4_000);
    desk.take(None, &[("usp", "1YNN")], Some(&format!("{{\"c\":{{\"A\":true}},\"gpp\":\"{string}\",{events}")));
    assert_eq!(desk.work.outputs().count(), 8_000);
}

/// Time for a document, twice as much of it should take twice as long: quadratic work shows as minutes.
#[track_caller]
fn quick(desk: &mut Desk, what: &str, document: &str) {
    let start = Instant::now();
    desk.take(None, &[], Some(document));
    assert_eq!(desk.outcome(), Outcome::Forward, "{what}");
    assert!(start.elapsed() < Duration::from_secs(8), "{what} took {:?}", start.elapsed());
}

#[test]
fn a_long_key_is_not_read_again_for_every_value_beneath_it() {
    let mut desk = Desk::new(&kept("  $: keep\n  $..*: keep"));
    let numbers = vec!["33199004217"; 40_000].join(",");
    let addresses = vec!["\"10.20.30.40\""; 40_000].join(",");
    let texts = vec!["\"33199004217\""; 40_000].join(",");
    for (what, values) in [("numbers", numbers), ("addresses", addresses), ("texts", texts)] {
        quick(&mut desk, what, &format!("{{\"{}\":[{values}]}}", "a".repeat(400_000)));
        quick(&mut desk, what, &format!("{{\"{}\":[{values}]}}", "\\u00e9".repeat(70_000)));
        quick(&mut desk, what, &format!("{{\"{}\":[{values}]}}", "\\\\".repeat(200_000)));
    }
}

#[test]
fn the_end_of_a_long_key_still_says_what_it_is() {
    let mut desk = Desk::new(&kept("  $: keep\n  $..*: keep"));
    for pad in ["x_".repeat(5_000), "\\u00e9_".repeat(5_000), "é_".repeat(5_000)] {
        assert_eq!(desk.sent(&format!("{{\"{pad}phone\":[33199004217]}}")), [format!("{{\"{pad}phone\":[null]}}")]);
    }
}

// Tombstones and keys.

fn keyed(record: &str, routes: &str, fields: &str) -> String {
    format!(
        "input: {{topics: [in]}}\n{LAW}consent: {{table: none, gpc: {{at: header.sec-gpc}}}}\ntokens: {{w: {{}}}}\nrecord: {record}\n{routes}\nfields: {fields}"
    )
}

const TWO: &str =
    "routes:\n  out: {requires: [security.essential], tokens: w}\n  ads: {requires: [ads.profile], tokens: w}";

#[test]
fn a_tombstone_carries_no_header_of_the_record() {
    for on_hit in ["mask", "drop", "quarantine"] {
        let policy = keyed("{key: {token: key}, tombstones: forward, headers: [x-page]}", TWO, "{$.a: keep}");
        let mut desk = Desk::new(&format!("{policy}\ndetect: {{on_hit: {on_hit}}}"));
        desk.take(Some("u1"), &[("x-page", "ann"), ("x-page", "ann@example.com"), ("sec-gpc", "1")], None);
        assert_eq!(desk.work.outputs().count(), 2);
        for output in desk.work.outputs() {
            let names: Vec<&str> = output.headers().map(|(name, _)| name).collect();
            assert!(!names.contains(&"x-page"), "{names:?}");
            assert!(output.value().is_none() && output.key().is_some());
        }
    }
}

#[test]
fn an_event_that_cannot_make_its_key_leaves_without_one() {
    let policy = keyed("{key: {token: $.uid}}", TWO, "{$.a: keep}");
    let mut desk = Desk::new(&policy);
    for event in [r#"{"a":1}"#, r#"{"a":1,"uid":null}"#, r#"{"a":1,"uid":{"id":1}}"#, r#"{"a":1,"uid":"x","uid":"y"}"#]
    {
        desk.take(None, &[], Some(event));
        assert_eq!(desk.outcome(), Outcome::Forward, "{event}");
        assert!(desk.work.outputs().count() == 2 && desk.work.outputs().all(|output| output.key().is_none()));
    }
    // Where nothing would leave, nothing is missing.
    desk.take(None, &[], Some(r#"{"b":1}"#));
    assert_eq!(desk.outcome(), Outcome::Drop(DropReason::Empty));
    desk.take(None, &[], Some(r#"{"a":1,"uid":42}"#));
    assert!(desk.work.outputs().all(|output| output.key().is_some_and(|key| key.starts_with(b"t1.w."))));
}

#[test]
fn a_route_that_may_not_have_a_field_does_not_get_it_as_a_key() {
    let routes = "routes:\n  out: {requires: [security.essential], tokens: w, fields: {$.uid: drop}}\n  \
                  ads: {requires: [security.essential], serves: [ads.profile], tokens: w}";
    let policy = keyed("{key: {token: $.uid}}", routes, "{$.a: keep, $.uid: {token: true, needs: ads.profile}}");
    let policy = policy.replace("{token: true, needs", "{token: {}, needs");
    let mut desk = Desk::new(&policy);
    let event = r#"{"a":1,"uid":"u1"}"#;
    desk.take(None, &[], Some(event));
    let keys: Vec<bool> = desk.work.outputs().map(|output| output.key().is_some()).collect();
    assert_eq!(keys, [false, true], "dropped on the first route, permitted on the second");
    desk.take(None, &[("sec-gpc", "1")], Some(event));
    let keys: Vec<bool> = desk.work.outputs().map(|output| output.key().is_some()).collect();
    assert_eq!(keys, [false, false], "opted out");
}

// What signals say.

fn mapped(signal: &str) -> String {
    format!(
        "input: {{topics: [in], split: '$.b[*]'}}\nlaw: {{preset: eea-us/2026-01, country: US, region: US-CA, otherwise: strictest}}\n\
         consent: {{table: none, {signal}}}\nroutes:\n  a: {{requires: [analytics.audience]}}\n  b: {{requires: [ads.profile]}}\nfields: {{$.a: keep}}"
    )
}

/// Which of the two routes are open.
#[track_caller]
fn open(desk: &mut Desk, headers: &[(&str, &str)], event: &str) -> (bool, bool) {
    desk.take(None, headers, Some(&format!("{{\"b\":[{event}]}}")));
    let open = |opening: Opening| match opening {
        Opening::Open => true,
        Opening::Closed(CloseReason::Denied | CloseReason::OptOutSignal) => false,
        other => panic!("{other:?} for {event}"),
    };
    (open(desk.opening(0)), open(desk.opening(1)))
}

#[test]
fn a_choice_that_cannot_be_read_is_a_refusal() {
    let mut desk = Desk::new(&mapped("categories: {at: $.c, map: {A: analytics.audience, B: ads.profile}}"));
    for (map, expected) in [
        (r#"{"A":true}"#, (true, true)),
        (r#"{"A":null}"#, (true, true)),
        ("null", (true, true)),
        (r#"{"C":"false"}"#, (true, true)),
        (r#"{"A":false}"#, (false, true)),
        (r#"{"A":"false"}"#, (false, true)),
        (r#"{"A":"true"}"#, (false, true)),
        (r#"{"B":0}"#, (true, false)),
        (r#"{"A":{"granted":false}}"#, (false, true)),
        (r#"{"A":[]}"#, (false, true)),
        (r#"["A"]"#, (false, false)),
        (r#""{\"A\":true}""#, (false, false)),
        ("true", (false, false)),
        ("1", (false, false)),
    ] {
        assert_eq!(open(&mut desk, &[], &format!("{{\"a\":1,\"c\":{map}}}")), expected, "{map}");
    }
}

#[test]
fn a_list_of_ids_that_cannot_be_read_refuses_all_of_them() {
    let map = "map: {A: analytics.audience, B: ads.profile}";
    let mut desk = Desk::new(&mapped(&format!("consent_ids: {{allowed: $.y, denied: $.n, {map}}}")));
    for (lists, expected) in [
        (r#""y":["A"],"n":["B"]"#, (true, false)),
        (r#""y":null"#, (true, true)),
        (r#""n":"A""#, (false, false)),
        (r#""n":{"A":true}"#, (false, false)),
        (r#""n":[1]"#, (false, false)),
        (r#""y":{"A":true}"#, (false, false)),
        (r#""y":[1]"#, (true, true)),
    ] {
        assert_eq!(open(&mut desk, &[], &format!("{{\"a\":1,{lists}}}")), expected, "{lists}");
    }
    let mut desk = Desk::new(&mapped(&format!("onetrust: {{at: $.o, {map}}}")));
    for (groups, expected) in [
        (r#""A:1,B:0""#, (true, false)),
        (r#""A:1,B""#, (false, false)),
        ("null", (true, true)),
        (r#"{"A":1}"#, (false, false)),
    ] {
        assert_eq!(open(&mut desk, &[], &format!("{{\"a\":1,\"o\":{groups}}}")), expected, "{groups}");
    }
}

#[test]
fn global_privacy_control_is_heard_through_proxies() {
    let mut desk = Desk::new(&mapped("gpc: {at: header.sec-gpc}"));
    for on in ["1", "1, 1", " 1", "1 ", "0,1", "1,\t"] {
        assert!(!open(&mut desk, &[("Sec-GPC", on)], r#"{"a":1}"#).1, "{on:?}");
    }
    for off in ["0", "11", "true", "", "0, 0"] {
        assert!(open(&mut desk, &[("Sec-GPC", off)], r#"{"a":1}"#).1, "{off:?}");
    }
}

// Values that detectors must find, and what policies unmask.

#[test]
fn addresses_phones_and_cards_are_found_however_they_are_written() {
    let mut desk = Desk::new(&kept("  $: keep\n  $..*: keep"));
    for (event, expected) in [
        (r#"{"conversion":"203.0.113.7"}"#, r#"{"conversion":"[id.network]"}"#),
        (r#"{"android":"203.0.113.7"}"#, r#"{"android":"[id.network]"}"#),
        (r#"{"app_version":"9.23.8.85"}"#, r#"{"app_version":"9.23.8.85"}"#),
        (r#"{"appversion":"9.23.8.85"}"#, r#"{"appversion":"9.23.8.85"}"#),
        (r#"{"osVersion":"9.23.8.85"}"#, r#"{"osVersion":"9.23.8.85"}"#),
        (r#"{"m":"user.203.0.113.7"}"#, r#"{"m":"user.[id.network]"}"#),
        (r#"{"phone":33612345678}"#, r#"{"phone":null}"#),
        (r#"{"phone":33612345678.0}"#, r#"{"phone":null}"#),
        (r#"{"phone":3.3612345678e10}"#, r#"{"phone":null}"#),
        (r#"{"phone":-33612345678}"#, r#"{"phone":null}"#),
        (r#"{"phone":"33612345678"}"#, r#"{"phone":"[contact.phone]"}"#),
        (r#"{"phone":{"value":"33612345678"}}"#, r#"{"phone":{"value":"[contact.phone]"}}"#),
        (r#"{"id":"33612345678"}"#, r#"{"id":"33612345678"}"#),
        (r#"{"n":-4111111111111111}"#, r#"{"n":null}"#),
        (r#"{"n":4.111111111111111e15}"#, r#"{"n":null}"#),
    ] {
        assert_eq!(desk.sent(event), [expected], "{event}");
    }
}

#[test]
fn a_url_keeps_no_url_and_no_password_in_its_path() {
    let mut desk = Desk::new(&kept("  $.u: {url: {}}"));
    for path in [
        "fetch/https:/user:secret@internal/x",
        "https%3A//user:secret@host",
        "https:%2F/host",
        "https%253A%252F%252Fhost",
        "x/https:%5Chost",
        "user:secret@host",
        "user%3Asecret%40host",
        "user%25253Asecret%252540host",
    ] {
        assert_eq!(desk.sent(&format!("{{\"u\":\"https://shop.example/{path}\"}}")), Vec::<String>::new(), "{path}");
    }
    for path in ["@handle/posts", "a:b/c", "%20/%C3%A9", "100%", "a%3Ab", "x@2x.png", "t:1"] {
        let event = format!("{{\"u\":\"https://shop.example/{path}\"}}");
        assert_eq!(desk.sent(&event), std::slice::from_ref(&event), "{path}");
    }
}

#[test]
fn a_category_unmasks_only_where_every_rule_expects_it() {
    let mut desk = Desk::new(&kept("  $.*: {keep: contact.email}\n  $.bio: keep"));
    assert_eq!(
        desk.sent(r#"{"bio":"ann@example.com","to":"ann@example.com"}"#),
        [r#"{"bio":"[contact.email]","to":"ann@example.com"}"#]
    );
}
