//! The policy reader: what it takes, what it refuses, and that it never panics.

use tamis::engine::action::{Action, Literal};
use tamis::engine::policy::model::{OnHit, Partition, Policy, Source};
use tamis::engine::policy::problem::{Code, Severity};
use tamis::engine::policy::{Reading, SourceFile, Table, read, render};

/// A policy that says the least one can say.
const LEAST: &str = "\
tamis: 1
policy: shop
input: {topics: [collector.shop]}
law: {preset: eea-us/2026-01, country: FR}
consent: {table: none}
routes:
  lake.shop: {requires: [security.essential]}
fields:
  $.type: keep
";

fn read_one(text: &str) -> (Reading, Vec<SourceFile>) {
    let files = vec![SourceFile { name: "policy.yaml".to_owned(), text: text.to_owned() }];
    (read(&files), files)
}

fn codes(text: &str) -> Vec<Code> {
    read_one(text).0.problems.iter().map(|problem| problem.code).collect()
}

/// The policy of a text without errors.
fn policy(text: &str) -> Policy {
    let (mut reading, files) = read_one(text);
    assert!(!reading.has_errors(), "{}", render(&reading.problems, &files, false));
    reading.policies.remove(0)
}

fn with(addition: &str) -> String {
    format!("{LEAST}{addition}")
}

#[test]
fn the_least_policy_has_the_defaults_of_the_documentation() {
    let policy = policy(LEAST);
    assert_eq!(policy.name, "shop");
    assert_eq!(policy.digest.len(), 64);
    assert_eq!(policy.record.partition, Partition::Same);
    assert_eq!(policy.record.timestamp_step_ms, 60_000);
    assert!(policy.record.key.is_none() && policy.record.headers.is_empty() && !policy.record.forward_tombstones);
    assert_eq!(policy.detect.on_hit, OnHit::Mask);
    assert_eq!(policy.rules.len(), 1);
    assert_eq!((policy.rules[0].place.line, policy.rules[0].place.column), (9, 3));
    assert_eq!(policy.rules[0].routes, 1);
}

#[test]
fn the_digest_changes_with_any_byte_of_the_file() {
    assert_ne!(policy(LEAST).digest, policy(&with("# a remark\n")).digest);
}

#[test]
fn the_policy_of_the_design_is_read() {
    let text = include_str!("golden/policy/design.yaml");
    let (reading, files) = read_one(text);
    let errors: Vec<&str> = reading
        .problems
        .iter()
        .filter(|problem| problem.severity() == Severity::Error)
        .map(|problem| problem.message.as_str())
        .collect();
    assert!(errors.is_empty(), "{}", render(&reading.problems, &files, false));
    let policy = policy(text);
    assert_eq!(policy.routes.len(), 2);
    assert_eq!(policy.rules.len(), 10);
    assert_eq!(policy.record.timestamp_step_ms, 60_000);
    let email = policy.rules.iter().find(|rule| rule.written == "$.traits.email").expect("the rule of lake.ads");
    assert_eq!(email.routes, 0b10);
    assert_eq!(email.category.as_deref(), Some("contact.email"));
    assert_eq!(email.needs.len(), 1);
    assert_eq!(policy.tokens["ads"].rotate_seconds, Some(2_592_000));
    assert_eq!(policy.consent.gpc, Some(Source::Header("sec-gpc".to_owned())));
}

#[test]
fn scalars_mean_what_is_written() {
    let text = with("  $.a: {one_of: [NO, 0777, 1_000, 1.10, \"1\", true, null, 1e3]}\n");
    let expected: Vec<Literal> = vec![
        Literal::String("NO".into()),
        Literal::String("0777".into()),
        Literal::String("1_000".into()),
        Literal::Number("1.10".into()),
        Literal::String("1".into()),
        Literal::Bool(true),
        Literal::Null,
        Literal::Number("1e3".into()),
    ];
    assert_eq!(policy(&text).rules[1].action, Action::OneOf(expected));
    assert_eq!(codes(&text), [Code::AmbiguousScalar]);
    assert!(codes(&LEAST.replace("country: FR", "country: NO")).is_empty(), "Norway is a country");
}

#[test]
fn five_different_mistakes_are_five_problems() {
    let files = [SourceFile { name: "five.yaml".to_owned(), text: include_str!("golden/policy/five.yaml").to_owned() }];
    let reading = read(&files);
    assert_eq!(reading.problems.len(), 5);
    let mut codes: Vec<Code> = reading.problems.iter().map(|problem| problem.code).collect();
    codes.dedup();
    assert_eq!(codes.len(), 5, "five codes");
    assert_golden("five.txt", &render(&reading.problems, &files, false));
}

/// Compares with a file under tests/golden/policy; `TAMIS_BLESS=1` writes it instead.
fn assert_golden(name: &str, got: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/policy").join(name);
    if std::env::var_os("TAMIS_BLESS").is_some() {
        std::fs::write(&path, got).expect("the golden file can be written");
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, wanted, "{name} differs; TAMIS_BLESS=1 rewrites it");
}

#[test]
fn colour_comes_only_when_asked() {
    let (reading, files) = read_one("tamis: 2\n");
    assert!(!render(&reading.problems, &files, false).contains('\u{1b}'));
    assert!(render(&reading.problems, &files, true).contains('\u{1b}'));
}

#[test]
fn a_file_with_any_error_gives_no_policy_and_neither_do_its_companions() {
    let files = [
        SourceFile { name: "good.yaml".to_owned(), text: LEAST.to_owned() },
        SourceFile { name: "bad.yaml".to_owned(), text: "tamis: 1\n".to_owned() },
    ];
    let reading = read(&files);
    assert!(reading.has_errors() && reading.policies.is_empty());
}

#[test]
fn conflicts_are_found_by_meeting_not_by_spelling() {
    for (rules, conflict) in [
        ("  $..id: token\n  $.user.id: mask\n", true),
        ("  $.a[*].x: token\n  $.a.b.x: mask\n", true), // a name under `[*]` is a member: RFC 9535 §2.3.2
        ("  $.a.x: token\n  $.b.x: mask\n", false),
        ("  $..id: token\n  $.user.id: token\n", false),
        ("  $..id: keep\n  $.user.id: mask\n", false),
        ("  $..id: token\n  $.user.*: mask\n", true),
        ("  $.a: {round: 10}\n  $['a']: {round: 10}\n", false),
        ("  $.a: {round: 10}\n  $.*: {round: 100}\n", true),
    ] {
        let text = with(rules)
            .replace("{requires: [security.essential]}", "{requires: [security.essential], tokens: web}")
            .replace("routes:", "tokens: {web: {}}\nroutes:");
        assert_eq!(codes(&text).contains(&Code::Conflict), conflict, "{rules}");
    }
}

#[test]
fn a_drop_settles_a_conflict_and_routes_keep_rules_apart() {
    let text = "\
tamis: 1
policy: shop
input: {topics: [collector.shop]}
law: {preset: eea-us/2026-01, country: FR}
consent: {table: none}
routes:
  lake.a: {requires: [security.essential], fields: {$.x: mask}}
  lake.b: {requires: [security.essential], fields: {$.x: url}}
fields:
  $.type: keep
";
    assert!(codes(text).is_empty(), "{:?}", codes(text));
    let shared = text.replace("  $.type: keep\n", "  $.type: keep\n  $.x: user_agent\n");
    assert_eq!(codes(&shared), [Code::Conflict, Code::Conflict]);
    let dropped = text.replace("  $.type: keep\n", "  $.type: keep\n  $.x: drop\n");
    assert_eq!(codes(&dropped), [Code::NeverApplies, Code::NeverApplies]);
}

#[test]
fn the_record_timestamp_follows_the_events_own_time() {
    let timed = |rule: &str| {
        let text = LEAST
            .replace("shop]}", "shop], time: $.at}")
            .replace("  $.type: keep\n", &format!("  $.type: keep\n{rule}"));
        policy(&text).record.timestamp_step_ms
    };
    assert_eq!(timed("  $.at: {round: 1h}\n"), 3_600_000);
    assert_eq!(timed("  $..at: {round: 10s}\n"), 10_000);
    assert_eq!(timed("  $.at: keep\n"), 1);
    assert_eq!(timed(""), 60_000);
    assert_eq!(timed("  $.at: {keep: {}, needs: security.essential}\n"), 60_000);
    assert_eq!(timed("  $.at: {round: 1h}\nrecord: {timestamp: {round: 2h}}\n"), 7_200_000);
}

#[test]
fn the_table_says_what_becomes_of_each_field_on_each_route() {
    let text = "\
tamis: 1
policy: shop
input: {topics: [collector.shop]}
law: {preset: eea-us/2026-01, country: FR}
consent: {table: none}
tokens: {web: {}}
routes:
  lake.a: {requires: [security.essential], tokens: web}
  lake.b: {requires: [security.essential], serves: [ads.profile], tokens: web}
fields:
  $..id: token
  $.user.*: keep
  $.mail: {keep: contact.email, needs: ads.profile}
  $.user.secret: drop
";
    let policy = policy(text);
    let table = Table::of(&policy).expect("a small policy");
    let shown: Vec<String> = table
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .cells
                .iter()
                .map(|cell| {
                    let outcomes: Vec<String> = cell
                        .outcomes
                        .iter()
                        .map(|o| {
                            format!(
                                "{}{}",
                                o.action.as_deref().unwrap_or("-"),
                                if o.needs.is_empty() { "" } else { "?" }
                            )
                        })
                        .collect();
                    outcomes.join("/")
                })
                .collect();
            format!("{} {}", row.field, cells.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        ["$..id token token", "$.user.* keep/token/- keep/token/-", "$.mail - keep?", "$.user.secret - -"]
    );
    assert!(table.regimes.iter().any(|(purpose, places)| purpose.as_str() == "ads.profile" && places.len() >= 3));
}
