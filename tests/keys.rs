//! `tamis keys`, as an operator meets it: files for the owner alone, tokens that last, and no key ever shown.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn policy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples/web-analytics.yaml")
}

fn tamis(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tamis")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// No line of what was said carries a word of the key file that could be a key.
fn says_no_key(output: &Output, file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let keys: Vec<&str> = text.split_whitespace().filter(|word| word.len() == 44 && word.ends_with('=')).collect();
    assert!(keys.len() > 1, "the file has keys");
    for key in keys {
        assert!(!said(output).contains(key));
    }
}

/// The token that a policy makes of one user, with a key file.
fn apply(keys: &Path) -> Output {
    let event = r#"{"batch":[{"type":"page","userId":"u-48213","context":{"geo":{"country":"US"}}}]}"#;
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["apply", "--route", "lake.analytics", "--policy"])
        .arg(policy())
        .arg("--keys")
        .arg(keys)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A process that refused its files reads nothing: what it then says is the point.
    let _ = writeln!(child.stdin.take().unwrap(), "{event}");
    child.wait_with_output().unwrap()
}

#[test]
fn a_key_file_gives_the_same_tokens_today_and_tomorrow_and_another_file_others() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    for path in [&one, &two] {
        let made = tamis(&["keys", "new", "--out", path.to_str().unwrap(), "--policy", policy().to_str().unwrap()]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        assert!(said(&made).contains("(domains: ads, web)"), "{}", said(&made));
        says_no_key(&made, path);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    let first = apply(&one);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(String::from_utf8_lossy(&first.stdout).contains(r#""userId":"t1.web.0."#));
    says_no_key(&first, &one);
    let added = tamis(&["keys", "add-epoch", "--keys", one.to_str().unwrap(), "--domain", "ads", "--ahead", "12"]);
    assert_eq!(added.status.code(), Some(0), "{}", said(&added));
    says_no_key(&added, &one);
    assert_eq!(apply(&one).stdout, first.stdout);
    assert_ne!(apply(&two).stdout, first.stdout);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let args = ["keys", "new", "--out", path.to_str().unwrap(), "--domain", "web"];
    assert_eq!(tamis(&args).status.code(), Some(0));
    let before = std::fs::read(&path).unwrap();
    let again = tamis(&args);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("keys are never overwritten"), "{}", said(&again));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn keys_that_others_may_read_or_that_do_not_fit_are_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let name = path.to_str().unwrap();
    tamis(&["keys", "new", "--out", name, "--domain", "web:1d"]);
    let refused = apply(&path);
    assert_eq!(refused.status.code(), Some(64));
    assert!(refused.stdout.is_empty());
    let text = said(&refused);
    assert!(text.contains("says no rotation for the domain `web`, the key file says `rotate: 1d`"), "{text}");
    assert!(text.contains("makes tokens in the domain `ads`, for which the key file has no keys"), "{text}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = apply(&path);
    assert_eq!(refused.status.code(), Some(64));
    assert!(refused.stdout.is_empty());
    assert!(said(&refused).contains("has mode 0640"), "{}", said(&refused));
}

#[test]
fn bad_usage_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let name = path.to_str().unwrap();
    for (args, part) in [
        (&["keys", "new", "--out", name][..], "which domains?"),
        (&["keys", "new", "--out", name, "--domain", "ads:monthly"], "such as 30d"),
        (&["keys", "new", "--out", name, "--domain", "ads:7d", "--policy", policy().to_str().unwrap()], "disagree"),
        (&["keys", "new", "--out", name, "--policy", "no-such-policy.yaml"], "no-such-policy.yaml"),
    ] {
        let output = tamis(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(part), "{args:?}: {}", said(&output));
        assert!(!path.exists());
    }
    let none = tamis(&["keys", "add-epoch", "--keys", name, "--domain", "ads"]);
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
    assert!(said(&none).contains(name));
}
