//! `tamis check` as people and scripts meet it: exit codes, what is on stdout, and the register in three forms.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden(name: &str) -> PathBuf {
    Path::new("tests/golden/policy").join(name)
}

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis"))
        .arg("check")
        .args(arguments)
        .args(if arguments.is_empty() { &[][..] } else { &["--now", "2026-11-24T12:00:00Z"] })
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Compares with a file under tests/golden/policy; `TAMIS_BLESS=1` writes it instead.
fn assert_golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden(name));
    if std::env::var_os("TAMIS_BLESS").is_some() {
        std::fs::write(&path, got).expect("the golden file can be written");
    }
    assert_eq!(got, std::fs::read_to_string(&path).unwrap_or_default(), "{name} differs; TAMIS_BLESS=1 rewrites it");
}

#[test]
fn a_right_policy_exits_with_0_and_says_its_digest() {
    let output = check(&["tests/golden/policy/register.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).starts_with("tests/golden/policy/register.yaml: policy register, 2 routes, 9 rules, digest ")
    );
}

#[test]
fn a_preset_that_should_have_been_read_again_is_a_warning_and_stops_nobody() {
    let run = |now: &str, more: &[&str]| {
        let mut check = Command::new(env!("CARGO_BIN_EXE_tamis"));
        check.args(["check", "tests/golden/policy/register.yaml", "--now", now]).args(more);
        check.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the program runs")
    };
    let in_time = run("2027-01-15T23:59:59Z", &[]);
    assert!(in_time.stderr.is_empty() && in_time.status.code() == Some(0));
    let late = run("2027-01-16T00:00:00Z", &[]);
    assert_eq!((late.status.code(), &late.stdout), (Some(0), &in_time.stdout));
    let talk = String::from_utf8(late.stderr).expect("text");
    assert!(talk.contains("preset eea-us/2026-01 was to be reviewed by 2027-01-15"), "{talk}");
    for (now, overdue) in [("2027-01-15T23:59:59Z", false), ("2027-01-16T00:00:00Z", true)] {
        let answer: serde_json::Value = serde_json::from_slice(&run(now, &["--json"]).stdout).expect("JSON");
        assert_eq!(answer["policies"][0]["preset"]["overdue"], overdue);
    }
}

#[test]
fn errors_exit_with_1_and_are_on_stdout_without_colour() {
    let output = check(&["tests/golden/policy/five.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("error[unknown-key]") && text.contains("--> tests/golden/policy/five.yaml:16:5"));
    assert!(text.ends_with("\n5 errors\n"), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert!(output.stderr.is_empty());
}

#[test]
fn bad_usage_and_unreadable_files_exit_with_64() {
    assert_eq!(check(&[]).status.code(), Some(64));
    assert_eq!(check(&["--colour"]).status.code(), Some(64));
    let output = check(&["no/such/policy.yaml"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/policy.yaml"));
}

#[test]
fn the_register_in_three_forms() {
    let file = "tests/golden/policy/register.yaml";
    assert_golden("register.txt", &stdout(&check(&[file, "--table"])));
    assert_golden("register.md", &stdout(&check(&[file, "--markdown"])));
    assert_golden("register.json", &stdout(&check(&[file, "--table", "--json"])));
}

#[test]
fn problems_as_json_have_code_place_and_help() {
    let output = check(&["tests/golden/policy/five.yaml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["ok"], false);
    let problems = answer["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 5);
    assert_eq!(problems[0]["code"], "unknown-key");
    assert_eq!(problems[0]["at"]["line"], 16);
    assert_eq!(problems[0]["at"]["column"], 5);
    assert_eq!(answer["policies"], serde_json::json!([]));
}

#[test]
fn policies_that_run_together_are_checked_together() {
    let file = "tests/golden/policy/register.yaml";
    let output = check(&[file, file]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    for code in ["policy-twice", "topic-twice", "shared-domain"] {
        assert!(text.contains(code), "{code}: {text}");
    }
}

#[test]
fn the_printed_schema_is_the_one_in_docs() {
    let output = check(&["--schema"]);
    assert_eq!(output.status.code(), Some(0));
    let kept =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policy.schema.json")).expect("the schema");
    assert_eq!(stdout(&output), kept);
}
