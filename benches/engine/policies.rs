//! The policies that are measured, per corpus: controls first, then what policies look like, then more than that.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use tamis::engine::Engine;
use tamis::engine::policy::{SourceFile, read};
use tamis::engine::token::{DomainKeys, KeyRing, TokenKey};

/// What is measured, in the order of the tables.
pub(crate) const VARIANTS: [(&str, &str); 7] = [
    ("copy only", "everything kept, no detection: scan, splice and nothing else"),
    ("no rule", "no rule matches: everything is dropped"),
    ("consent closed", "the typical policy, but the one route is closed"),
    ("rules + tokens", "typical: named fields, six or fewer tokens, no detection"),
    ("  + detectors", "the same with the six detectors"),
    ("heavy", "everything kept, about 26 rules on it, no detection"),
    ("  + detectors, heavy", "the same with the six detectors"),
];

/// Typical rules: what a lake wants of such an event, by name.
fn typical(corpus: &str) -> &'static [(&'static str, &'static str)] {
    match corpus {
        "segment" => &[
            ("$.type", "keep"),
            ("$.event", "keep"),
            ("$.messageId", "token"),
            ("$.userId", "token"),
            ("$.anonymousId", "token"),
            ("$.timestamp", "{round: 1m}"),
            ("$.properties.*", "keep"),
            ("$.properties.products[*].*", "keep"),
            ("$.context.ip", "{ip: {v4: 24, v6: 40}}"),
            ("$.context.userAgent", "user_agent"),
            ("$.context.locale", "keep"),
            ("$.context.page.url", "{url: {keep_query: [page, sort]}}"),
            ("$.context.page.path", "keep"),
            ("$.context.page.title", "keep"),
            ("$.context.screen.*", "keep"),
            ("$.context.campaign.*", "keep"),
            ("$.context.library.*", "keep"),
            ("$.context.geo.*", "keep"),
        ],
        "ga4" => &[
            ("$.client_id", "token"),
            ("$.user_id", "token"),
            ("$.events[*].name", "keep"),
            ("$.events[*].params.*", "keep"),
            ("$.events[*].params.page_location", "{url: {keep_query: [page, sort]}}"),
            ("$.ip_override", "{ip: {v4: 24, v6: 40}}"),
        ],
        _ => &[
            ("$.type", "keep"),
            ("$.orderId", "token"),
            ("$.createdAt", "{round: 1m}"),
            ("$.channel", "keep"),
            ("$.currency", "keep"),
            ("$.customer.id", "token"),
            ("$.customer.device", "token"),
            ("$.customer.ip", "{ip: {v4: 24, v6: 40}}"),
            ("$.customer.userAgent", "user_agent"),
            ("$.customer.segments[*]", "keep"),
            ("$.addresses[*].city", "keep"),
            ("$.addresses[*].country", "keep"),
            ("$.items[*].*", "keep"),
            ("$.items[*].warehouse.code", "keep"),
            ("$.payment.method", "keep"),
            ("$.totals.*", "keep"),
            ("$.url", "{url: {keep_query: [sort]}}"),
            ("$.comment", "keep"),
            ("$.tags[*]", "keep"),
        ],
    }
}

/// Heavy rules: on top of keeping everything, wherever a name stands.
const HEAVY: &[(&str, &str)] = &[
    ("$..userId", "token"),
    ("$..anonymousId", "token"),
    ("$..messageId", "token"),
    ("$..user_id", "token"),
    ("$..client_id", "token"),
    ("$..order_id", "token"),
    ("$..orderId", "token"),
    ("$.customer.id", "token"),
    ("$..device", "token"),
    ("$..firstName", "drop"),
    ("$..lastName", "drop"),
    ("$..street", "drop"),
    ("$..phone", "drop"),
    ("$..iban", "drop"),
    ("$..card", "drop"),
    ("$..card_number", "drop"),
    ("$.traits.email", "mask"),
    ("$.customer.email", "mask"),
    ("$..ip", "{ip: {v4: 24, v6: 40}}"),
    ("$..ip_override", "{ip: {v4: 24, v6: 40}}"),
    ("$..userAgent", "user_agent"),
    ("$..url", "{url: {keep_query: [page, sort]}}"),
    ("$..page_location", "{url: {keep_query: [page, sort]}}"),
    ("$.timestamp", "{round: 1m}"),
    ("$.createdAt", "{round: 1m}"),
    ("$.context.campaign.*", "drop"),
];

/// One engine per variant.
pub(crate) fn engines(corpus: &str) -> Vec<Engine> {
    let everything: Vec<(&str, &str)> = vec![("$", "keep"), ("$..*", "keep")];
    let heavy: Vec<(&str, &str)> = everything.iter().chain(HEAVY).copied().collect();
    let typical = typical(corpus);
    vec![
        engine(&everything, false, "US"),
        engine(&[("$.there.is.no.such.field", "keep")], false, "US"),
        engine(typical, true, "FR"),
        engine(typical, false, "US"),
        engine(typical, true, "US"),
        engine(&heavy, false, "US"),
        engine(&heavy, true, "US"),
    ]
}

/// Keys that are the same in every run.
pub(crate) fn keys() -> KeyRing {
    let web = DomainKeys::new(None, BTreeMap::from([(0, TokenKey::new([7; 32]))]));
    KeyRing::new(BTreeMap::from([("web".to_owned(), web)]), TokenKey::new([8; 32]))
}

/// Without a consent signal, California opens an analytics route and France closes it.
fn engine(rules: &[(&str, &str)], detect: bool, country: &str) -> Engine {
    let mut text = format!(
        "tamis: 1\npolicy: measured\ninput: {{topics: [in]}}\n\
         law: {{preset: eea-us/2026-01, country: {country}, region: CA, otherwise: strictest}}\n\
         consent: {{table: none, gpc: {{at: header.sec-gpc}}}}\n\
         tokens: {{web: {{}}}}\nroutes: {{out: {{requires: [analytics.audience], tokens: web}}}}\nfields:\n"
    );
    for (selector, action) in rules {
        let _ = writeln!(text, "  {selector:?}: {action}");
    }
    if !detect {
        text.push_str("detect: {kinds: none, reason: measured without}\n");
    }
    let file = SourceFile::from_bytes("measured.yaml", text.as_bytes());
    let read = read(std::slice::from_ref(&file));
    let problems: Vec<String> = read.problems.iter().map(|problem| problem.message.clone()).collect();
    let policy = read.policies.into_iter().next().unwrap_or_else(|| panic!("{}\n{text}", problems.join("\n")));
    Engine::new(policy).unwrap_or_else(|_| panic!("too complex"))
}
