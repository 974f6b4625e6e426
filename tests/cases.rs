//! Every shipped policy has cases, they hold, and a case that does not hold is found.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples")
}

/// Every policy of the examples, by name.
fn policies() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().is_some_and(|name| name.ends_with(".yaml") && !name.ends_with(".cases.yaml")))
        .collect();
    found.sort();
    found
}

fn tamis(args: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis")).arg("test").args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_case_of_every_shipped_policy_holds() {
    let policies = policies();
    assert!(policies.len() >= 3, "the examples are found");
    for policy in &policies {
        let output = tamis(&[policy]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    let all: Vec<&Path> = policies.iter().map(PathBuf::as_path).collect();
    assert_eq!(tamis(&all).status.code(), Some(0), "several at once");
}

#[test]
fn every_shipped_policy_has_fifteen_cases_and_five_that_close_a_route() {
    for policy in policies() {
        let name = policy.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(examples().join(format!("{name}.cases.yaml"))).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap();
        let cases = file["cases"].as_array().unwrap();
        let closing = cases.iter().filter(|case| {
            let routes = case["expect"].as_object().unwrap();
            routes.values().any(|route| route.as_str().is_some_and(|text| text.starts_with("closed ")))
        });
        let (all, closing) = (cases.len(), closing.count());
        assert!(all >= 15 && closing >= 5, "{name}: {all} cases, {closing} close a route");
        let mut names: Vec<&str> = cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{name}: two cases of one name");
    }
}

const POLICY: &str = "\
tamis: 1
policy: small
input: {topics: [in]}
law: {preset: eea-us/2026-01, country: $.place}
consent:
  table: none
  categories: {at: $.consent, map: {a: analytics.audience}}
tokens: {web: {}}
routes: {out: {requires: [analytics.audience], tokens: web}}
fields: {$.kept: keep, $.id: token}
";

/// Runs one case of a small policy; gives the exit code and what was said.
fn small(case: &str) -> (i32, String) {
    run(POLICY, case)
}

fn run(policy: &str, case: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.yaml"), policy).unwrap();
    let cases = format!("tamis_cases: 1\npolicy: small.yaml\nnow: 2026-11-24T10:00:00Z\ncases:\n  - name: it\n{case}");
    std::fs::write(folder.path().join("small.cases.yaml"), cases).unwrap();
    let output = tamis(&[&folder.path().join("small.yaml")]);
    (output.status.code().unwrap(), said(&output))
}

const GRANTED: &str = r#"    event: '{"kept":1.0,"id":42,"consent":{"a":true}}'
"#;

#[test]
fn a_case_that_holds_passes_and_a_line_break_is_only_for_reading() {
    let (code, said) = small(&format!(
        "{GRANTED}    expect:\n      out: |\n        {{\"kept\":1.0,\n         \"id\":\"t1.web.0.<42>\"}}\n"
    ));
    assert_eq!((code, said.as_str()), (0, "small: 1 of 1 cases as expected\n"));
}

#[test]
fn any_difference_is_found() {
    let good = r#"{"kept":1.0,"id":"t1.web.0.<42>"}"#;
    for (expected, part) in [
        (good.replace("1.0", "1"), "from character 10"),
        (good.replace("<42>", "<43>"), "from character 28"),
        (good.replace("<42>", "<order|42>"), "from character 28"),
        (good.replace("t1.web.0.<42>", "t1.web.1.<42>"), "t1.web.1.<42>"),
        ("closed denied".to_owned(), "expected  closed denied"),
        ("dropped empty".to_owned(), "expected  dropped empty"),
    ] {
        let (code, said) = small(&format!("{GRANTED}    expect: {{out: '{expected}'}}\n"));
        assert_eq!(code, 1, "{expected}: {said}");
        assert!(said.starts_with("FAILED  it\n  out, ") && said.contains(part), "{said}");
        assert!(said.ends_with("small: 0 of 1 cases as expected\n"), "{said}");
    }
}

#[test]
fn what_must_not_leave_is_hunted_behind_escapes_too() {
    let event = r#"{"kept":"Zo\u00eb","consent":{"a":true}}"#;
    let (code, said) = small(&format!(
        "    event: '{event}'\n    expect: {{out: '{{\"kept\":\"Zo\\u00eb\"}}'}}\n    must_not_contain: [Zoë]\n"
    ));
    assert_eq!(code, 1);
    assert!(said.contains("contains `Zoë`, which must not leave"), "{said}");
}

#[test]
fn records_are_compared_beside_their_values() {
    let good = "    expect: {out: '{\"kept\":1.0,\"id\":\"t1.web.0.<42>\"}'}\n";
    for (record, part) in [
        ("{headers: {tamis-purposes: analytics.audience}, timestamp: 2026-11-24T10:00:00Z, key: none}", ""),
        ("{headers: {tamis-purposes: ads.basic}}", "out, header tamis-purposes, from character 2"),
        ("{headers: {other: x}}", "out, header other"),
        ("{timestamp: 2026-11-24T10:01:00Z}", "out, timestamp"),
        ("{key: k}", "out, key"),
    ] {
        let (code, said) = small(&format!("{GRANTED}{good}    records: {{out: {record}}}\n"));
        assert_eq!(code, i32::from(!part.is_empty()), "{record}: {said}");
        assert!(said.contains(part), "{record}: {said}");
    }
}

#[test]
fn a_case_that_says_nothing_about_a_route_or_names_none_is_wrong() {
    for (expect, part) in [
        ("{}", "`expect` does not name out"),
        ("{out: closed unknown_place, other: closed unknown_place}", "the policy has no route other"),
    ] {
        let (code, said) = small(&format!("    event: '{{}}'\n    expect: {expect}\n"));
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(part), "{said}");
    }
    let (code, said) = small("    event: '{}'\n    expect: closed unknown_place\n");
    assert_eq!(code, 0, "one word for every route: {said}");
}

#[test]
fn files_that_cannot_be_used_are_bad_usage() {
    for case in [
        "    expect: closed unknown_place\n",
        "    event: '{}'\n    value: '{}'\n    expect: closed unknown_place\n",
        "    event: '{}'\n    expects: closed unknown_place\n",
        "    event: '{}'\n",
    ] {
        let (code, said) = small(case);
        assert_eq!(code, 64, "{case}: {said}");
        assert!(!said.is_empty());
    }
    assert_eq!(tamis(&[Path::new("no-such-policy.yaml")]).status.code(), Some(64));
    assert_eq!(tamis(&[]).status.code(), Some(64));
}

#[test]
fn a_script_may_send_global_privacy_control_as_the_browser_says_it() {
    let policy = POLICY
        .replace("  table: none\n", "  table: none\n  gpc: {at: $.gpc}\n")
        .replace("[analytics.audience], tokens", "[sale_share], tokens");
    for (gpc, result) in [
        ("true", "closed opt_out_signal"),
        ("1", "closed opt_out_signal"),
        ("\"1\"", "closed opt_out_signal"),
        ("false", "'{\"kept\":2}'"),
        ("\"true\"", "'{\"kept\":2}'"),
        ("null", "'{\"kept\":2}'"),
    ] {
        let event = format!("    event: '{{\"kept\":2,\"place\":\"US\",\"gpc\":{gpc}}}'\n");
        let (code, said) = run(&policy, &format!("{event}    expect: {{out: {result}}}\n"));
        assert_eq!(code, 0, "{gpc}: {said}");
    }
}
