//! Metrics: the table is what is exported, labels stay in their domains, the law holds, and the page is current.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tamis::engine::outcome::QuarantineReason;
use tamis::engine::policy::model::Policy;
use tamis::engine::policy::{self, SourceFile};
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};
use tamis::runtime::consent::ChoiceResult;
use tamis::runtime::keys;
use tamis::runtime::metrics::table::{Domain, TABLE, markdown};
use tamis::runtime::metrics::{Metrics, Stage};
use tamis::runtime::state::HaltReason;

const POLICY: &str = "tamis: 1\npolicy: web\ninput: {topics: [collector.web], split: '$.batch[*]'}\nlaw: {preset: \
                      eea-us/2026-01, country: $.country}\nconsent:\n  table: none\n  gpc: {at: header.sec-gpc}\n  \
                      categories: {at: $.consent, map: {Analytics: analytics.audience}}\nroutes:\n  lake.analytics: \
                      {requires: [analytics.audience]}\n  lake.security: {requires: [security.essential]}\nfields:\n  \
                      $.type: keep\n  $.note: keep\n  $.never: keep\n  $.ip: {ip: {v4: 24, v6: 40}}\n";

fn policy() -> Policy {
    policy_and("")
}

/// The policy with more lines.
fn policy_and(more: &str) -> Policy {
    let files = [SourceFile { name: "web.yaml".to_owned(), text: format!("{POLICY}{more}") }];
    let mut reading = policy::read(&files);
    assert!(!reading.has_errors(), "{}", policy::render(&reading.problems, &files, false));
    reading.policies.remove(0)
}

/// Every kind of outcome: forwarded, closed, empty, malformed, a tombstone, and finds of detectors.
fn counted(engine: &Engine) -> Report {
    let mut report = Report::new(engine);
    let mut work = Work::new();
    let keys = keys::throw_away([engine.policy()], 1_790_000_000_000).ok().unwrap();
    let facts = Facts::new(1_790_000_000_000, Arc::new(keys));
    let gpc = [Header { name: "Sec-GPC", value: Some(b"1") }];
    let batch = br#"{"batch":[
        {"type":"page","country":"FR","consent":{"Analytics":true,"Other":true},"note":"write to ann@example.com","ip":"192.0.2.77"},
        {"type":"page","country":"FR"},
        {"country":"US","secret":{"a":[1,2]}}
    ]}"#;
    for (offset, value, headers) in [
        (0, Some(&batch[..]), &gpc[..]),
        (1, Some(&b"{\"batch\":[]}"[..]), &[][..]),
        (2, Some(&b"{not json"[..]), &[][..]),
        (3, Some(&b"\0\0\0\0\x01x"[..]), &[][..]),
        (4, None, &[][..]),
    ] {
        let record = Record {
            topic: "collector.web",
            partition: 0,
            offset,
            key: None,
            headers,
            timestamp: Some(1_790_000_000_000),
            value,
        };
        engine.process(&record, &facts, &mut work, &mut report).unwrap();
    }
    report
}

/// Metrics after one of everything.
fn used() -> (Metrics, Report) {
    let engine = Engine::new(policy()).ok().unwrap();
    let metrics = Metrics::new([engine.policy()]);
    let report = counted(&engine);
    metrics.committed(0, &report, 1_790_000_000_500);
    metrics.batch(true, Duration::from_millis(90));
    metrics.batch(false, Duration::from_millis(90));
    metrics.stage(Stage::Decide, Duration::from_micros(700));
    metrics.stage(Stage::Commit, Duration::from_millis(7));
    metrics.end_to_end(Duration::from_millis(120));
    metrics.halted(HaltReason::QuarantineRatio, true);
    metrics.consent_begin();
    metrics.consent_choice(ChoiceResult::Applied);
    metrics.consent_state(true, Some(Duration::from_secs(3)), 2);
    metrics.consent_checkpoint(Some(4096), Duration::from_millis(12));
    metrics.consent_checkpoint(None, Duration::from_millis(12));
    metrics.withdrawal(Duration::from_millis(150));
    metrics.lag(&Arc::from("collector.web"), 0, Some(5));
    metrics.lag(&Arc::from("collector.web"), 1, Some(7));
    (metrics, report)
}

/// `name{a="b"} 1` → the name, its labels, the value.
fn samples(text: &str) -> Vec<(String, BTreeMap<String, String>, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let parse = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) =
            series.split_once('{').map_or((series, ""), |(name, rest)| (name, &rest[..rest.len() - 1]));
        let labels = labels.split("\",").filter(|pair| !pair.is_empty()).map(|pair| {
            let (label, value) = pair.split_once("=\"").unwrap();
            (label.to_owned(), value.trim_end_matches('"').to_owned())
        });
        (name.to_owned(), labels.collect(), value.parse().unwrap())
    };
    lines.map(parse).collect()
}

fn sum(text: &str, name: &str, with: &[(&str, &str)]) -> f64 {
    let fits = |labels: &BTreeMap<String, String>| {
        with.iter().all(|(label, value)| labels.get(*label).is_some_and(|v| v == value))
    };
    samples(text).iter().filter(|(n, labels, _)| n == name && fits(labels)).map(|(.., value)| value).sum()
}

#[test]
fn every_metric_of_the_table_is_exported_with_its_kind_and_help_and_no_other() {
    let text = used().0.text();
    let mut found = BTreeSet::new();
    for metric in TABLE {
        assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)), "{}\n{text}", metric.name);
        assert!(text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind.as_str())), "{}", metric.name);
        assert!(found.insert(metric.name), "{} is twice in the table", metric.name);
    }
    let exported = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).count();
    assert_eq!(exported, TABLE.len());
}

#[test]
fn every_label_value_belongs_to_its_domain() {
    belong(&policy(), &used().0.text());
    for on_hit in ["mask", "drop", "quarantine"] {
        let policy = policy_and(&format!("detect: {{kinds: all, on_hit: {on_hit}}}\n"));
        belong(&policy, &Metrics::new([&policy]).text());
    }
}

fn belong(policy: &Policy, text: &str) {
    for (name, labels, _) in samples(text) {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|n| n.ends_with("_seconds")));
        let metric = TABLE.iter().find(|metric| metric.name == family.unwrap_or(&name)).unwrap();
        let expected: BTreeSet<&str> = metric.labels.iter().map(|(label, _)| *label).collect();
        let given: BTreeSet<&str> = labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
        assert_eq!(given, expected, "{name}");
        for (label, domain) in metric.labels {
            let value = labels[*label].as_str();
            let belongs = match domain {
                Domain::Policy => value == policy.name,
                Domain::Digest => value == policy.digest,
                Domain::Route => policy.routes.iter().any(|route| route.topic == value),
                Domain::Topic => policy.input.topics.iter().any(|topic| topic == value),
                Domain::Rule => value == "unnamed" || policy.rules.iter().any(|rule| rule.written == value),
                Domain::Closed(list) => list().contains(&value),
            };
            assert!(belongs, "{name}: {label}={value}");
        }
    }
}

#[test]
fn the_law_of_conservation_holds_and_the_gauge_is_zero() {
    let (metrics, report) = used();
    let text = metrics.text();
    assert!(report.conserved());
    let events = sum(&text, "tamis_events_total", &[]);
    assert_eq!(events, 6.0, "three in the batch, two unreadable, one tombstone; the empty batch has none\n{text}");
    assert_eq!(sum(&text, "tamis_records_total", &[]), 5.0);
    assert_eq!(sum(&text, "tamis_drops_total", &[]), sum(&text, "tamis_events_total", &[("outcome", "dropped")]));
    assert_eq!(
        sum(&text, "tamis_quarantined_total", &[]),
        sum(&text, "tamis_events_total", &[("outcome", "quarantined")])
    );
    for route in ["lake.analytics", "lake.security"] {
        assert_eq!(sum(&text, "tamis_openings_total", &[("route", route)]), events, "{route}");
    }
    assert_eq!(sum(&text, "tamis_conservation_error", &[]), 0.0);
    assert!(text.contains("tamis_conservation_error{policy=\"web\"} 0\n"));
}

#[test]
fn counts_of_two_commits_add_up() {
    let engine = Engine::new(policy()).ok().unwrap();
    let metrics = Metrics::new([engine.policy()]);
    let report = counted(&engine);
    metrics.committed(0, &report, 1);
    let once = sum(&metrics.text(), "tamis_fields_total", &[]);
    metrics.committed(0, &report, 2);
    assert!(once > 0.0);
    assert_eq!(sum(&metrics.text(), "tamis_fields_total", &[]), 2.0 * once);
}

#[test]
fn a_rule_that_never_matched_shows_zero_and_one_that_did_shows_when() {
    let text = used().0.text();
    let last = "tamis_rule_last_match_timestamp_seconds";
    assert_eq!(sum(&text, last, &[("rule", "$.type")]), 1_790_000_000.5);
    assert!(text.contains(&format!("{last}{{policy=\"web\",rule=\"$.never\"}} 0\n")), "{text}");
}

#[test]
fn lag_is_one_sum_per_topic_and_forgets_partitions_that_went_away() {
    let (metrics, _) = used();
    assert_eq!(sum(&metrics.text(), "tamis_lag_records", &[]), 12.0);
    metrics.lag(&Arc::from("collector.web"), 1, None);
    assert_eq!(sum(&metrics.text(), "tamis_lag_records", &[]), 5.0);
}

#[test]
fn the_consent_table_has_series_where_there_is_one_and_says_when_it_cannot_be_asked() {
    let metrics = Metrics::new([&policy()]);
    assert!(!metrics.text().contains("tamis_consent_"), "an alert on a table that nobody asked for");
    metrics.consent_begin();
    let text = metrics.text();
    assert!(text.contains("tamis_consent_ready 0\n") && text.contains("tamis_consent_heartbeat_age_seconds -1\n"));
    for result in ChoiceResult::ALL {
        assert!(text.contains(&format!("tamis_consent_choices_total{{result=\"{result}\"}} 0\n")), "{result}");
    }
    assert!(text.contains("tamis_consent_checkpoint_failures_total 0\n"));
}

#[test]
fn no_value_of_a_record_is_in_the_metrics() {
    let text = used().0.text();
    for value in ["ann", "example.com", "192.0.2", "FR", "page", "secret", "Other"] {
        assert!(!text.contains(value), "{value} is in\n{text}");
    }
}

#[test]
fn the_page_of_metrics_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, markdown()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), markdown(), "made by UPDATE_EXPECTED=1 cargo test --test metrics");
}

#[test]
fn the_operating_page_names_only_metrics_and_reasons_that_exist_and_every_reason() {
    let page = include_str!("../docs/operating.md");
    let letters = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let mut named = 0;
    for word in page.split(letters).filter(|word| word.starts_with("tamis_")) {
        assert!(TABLE.iter().any(|metric| metric.name == word), "{word} is no metric");
        named += 1;
    }
    assert!(named > 20, "{named}");
    for reason in QuarantineReason::ALL {
        assert!(page.contains(&format!("\n| `{reason}` | ")), "{reason} is not explained");
    }
    for reason in HaltReason::ALL {
        assert!(page.contains(&format!("\n### `halted{{reason=\"{reason}\"}}`\n")), "{reason} has no runbook");
    }
    for value in page.split("reason=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let known = QuarantineReason::ALL.iter().any(|reason| reason.as_str() == value)
            || HaltReason::ALL.iter().any(|reason| reason.as_str() == value);
        assert!(known, "{value}");
    }
}
