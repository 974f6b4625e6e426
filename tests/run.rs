//! `tamis run` before its first record: it can be stopped like at any other time.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const POLICY: &str = "tamis: 1\npolicy: web\ninput: {topics: [in]}\nlaw: {preset: eea-us/2026-01, country: FR}\nconsent: {table: \
                      none}\nroutes:\n  out: {requires: [security.essential]}\nfields:\n  $.type: keep\n";

#[test]
fn a_stop_while_preflight_waits_for_brokers_is_a_stop_and_no_failure() {
    for signal in ["-TERM", "-INT"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("policy.yaml"), POLICY).unwrap();
        let config = dir.path().join("tamis.yaml");
        // Nobody answers there, and preflight tries for 15 seconds.
        let text =
            "kafka: {brokers: '127.0.0.1:1'}\ngroup: g\ninstance: a\npolicies: [policy.yaml]\nquarantine: {topic: q}\n";
        fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(1));
        assert!(child.try_wait().unwrap().is_none(), "it waits for brokers");
        let asked = Instant::now();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let out = child.wait_with_output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{signal}: {} {}", out.status, String::from_utf8_lossy(&out.stderr));
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
}
