//! Canaries in every field, key, header and JSON key, whole and malformed: they are found where they may be, and
//! nowhere else. Not in outputs, quarantine notes, counters, metrics, messages of the command line, or panics.

#![allow(clippy::print_stdout)]

mod reference;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tamis::engine::policy;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};
use tamis::runtime::metrics::Metrics;

use reference::decode;

const NOW_MS: i64 = 1_795_500_000_000;
/// In every canary; after it comes where it was planted.
const MARK: &str = "kanarie7f3a";
/// The one place whose content may leave as it is.
const ALLOWED: &str = "kanarie7f3aKept";

/// May leave on the route that the person agreed to, and on no other.
const AUDIENCE: &str = "kanarie7f3aClosed";

/// An event with a canary in every field and key.
fn event(consent: bool) -> String {
    let c = |place: &str| format!("{MARK}{place}");
    format!(
        concat!(
            r#"{{"kept":"{kept}","found":"write to {email}@example.org or {email}","deep":{{"{key}@example.org":1,"x":"{email}@example.com"}},"#,
            r#""list":["{email}@example.net"],"dropped":"{d}","masked":"{m}","user":"{u}","time":"2026-11-24T05:54:17.238Z {t}","#,
            r#""amount":"{a}","level":"{l}","ip":"203.0.113.57 {i}","url":"https://{ui}:x@shop.example/p?page=1&q={q}#{f}","#,
            r#""agent":"{g}/1.0 Chrome/120.0","choice":"{o}","constant":"{k}","closed":"{cl}","country":"FR","#,
            r#""consent":{{"Audience":{consent},"{ck}":true}},"unnamed":{{"{uk}":["{uv}",{{"{uk}":"{uv}"}}]}},"{esc}":"x"}}"#
        ),
        kept = ALLOWED, email = c("Email"), key = c("Key"), d = c("Dropped"), m = c("Masked"), u = c("User"), t = c("Time"),
        a = c("Amount"), l = c("Level"), i = c("Ip"), ui = c("Userinfo"), q = c("Query"), f = c("Fragment"), g = c("Agent"),
        o = c("Choice"), k = c("Constant"), cl = c("Closed"), consent = consent, ck = c("Category"), uk = c("UnnamedKey"),
        uv = c("UnnamedValue"), esc = c("Escaped").replace('E', "\\u0045"),
    )
    // E-mail addresses are found by their form; what is left of the text must be the allowed part only.
    .replace(&format!(" or {MARK}Email"), "")
}

/// The event as it is and broken in every way that records break.
fn variants() -> Vec<Vec<u8>> {
    let whole = event(true).into_bytes();
    let mut all = vec![whole.clone(), event(false).into_bytes()];
    for cut in [1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        all.push(whole[..cut].to_vec());
    }
    let text = event(true);
    all.push([&[0, 0, 0, 0, 1][..], &whole].concat());
    all.push([b"\xef\xbb\xbf", &whole[..]].concat());
    all.push([&whole[..], b"\xff"].concat());
    all.push([&whole[..], &whole[..]].concat());
    all.push(format!("{}{text}{}", "[".repeat(300), "]".repeat(300)).into_bytes());
    all.push(text.replacen("\",", "\x01\",", 1).into_bytes());
    all.push(text.replacen(MARK, "\\ud800kanarie7f3a", 1).into_bytes());
    all.push(text.replace('"', "'").into_bytes());
    all.push(format!("\"{MARK}Scalar\"").into_bytes());
    all.push(format!("{MARK}Bare").into_bytes());
    all.push(format!("[{text}]").into_bytes());
    all
}

/// Fails if the text says any canary but the allowed ones.
#[track_caller]
fn clean(what: &str, text: &[u8]) {
    let audience = decode::contains(text, "lake.audience");
    for reading in decode::everything(text) {
        let mut text = String::from_utf8_lossy(&reading).replace(ALLOWED, "");
        if audience {
            text = text.replace(AUDIENCE, "");
        }
        assert!(!text.contains(MARK), "{what} says: {text}");
    }
}

fn policy_file() -> (String, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/leaks/policy.yaml");
    (path.to_owned(), std::fs::read_to_string(path).expect("the policy can be read"))
}

#[test]
fn outputs_notes_counters_and_metrics_are_clean() {
    let (name, text) = policy_file();
    let sources = [policy::SourceFile { name, text }];
    let read = policy::read(&sources);
    assert!(!read.has_errors(), "{}", policy::render(&read.problems, &sources, false));
    let policy = read.policies.into_iter().next().expect("one policy");
    let keys = Arc::new(reference::ring::ring_of(&policy, NOW_MS));
    let engine = Arc::new(Engine::new(policy).unwrap_or_else(|_| panic!("too complex")));
    let facts = Facts::new(NOW_MS, keys).with_event_ids(true);
    let (mut work, mut report) = (Work::new(), Report::new(&engine));
    let secret = format!("{MARK}Header");
    let headers = [
        Header { name: "cookie", value: Some(secret.as_bytes()) },
        Header { name: &secret, value: Some(b"1") },
        Header { name: "Sec-GPC", value: Some(secret.as_bytes()) },
        Header { name: "x-trace", value: Some(ALLOWED.as_bytes()) },
    ];
    let (mut outputs, mut notes, mut allowed) = (0, 0, 0);
    for (offset, value) in variants().iter().map(|value| Some(value.as_slice())).chain([None]).enumerate() {
        let key = format!("{MARK}RecordKey");
        let record = Record {
            topic: "collector.leaks",
            partition: 2,
            offset: offset as i64,
            key: Some(key.as_bytes()),
            headers: &headers,
            timestamp: Some(NOW_MS),
            value,
        };
        engine.process(&record, &facts, &mut work, &mut report).unwrap();
        for output in work.outputs() {
            outputs += 1;
            let value = output.value().expect("tombstones are dropped");
            allowed += usize::from(decode::contains(value, ALLOWED));
            clean("a value", &[output.topic().as_bytes(), b" ", value].concat());
            clean("a key", output.key().unwrap_or(b""));
            clean("a topic", output.topic().as_bytes());
            for (name, value) in output.headers() {
                clean("a header's name", name.as_bytes());
                clean("a header's value", value);
            }
        }
        for note in work.notes() {
            notes += 1;
            let text = format!(
                "{} {} {} {:?} {} {}",
                note.topic(),
                note.partition(),
                note.offset(),
                note.index(),
                note.reason(),
                note.policy_digest()
            );
            clean("a note", text.as_bytes());
        }
        clean("an outcome", format!("{:?}", work.events()).as_bytes());
    }
    assert!(
        outputs >= 3 && notes >= 10 && allowed >= 3,
        "{outputs} outputs, {notes} notes, {allowed} allowed canaries"
    );
    let metrics = Metrics::new([engine.policy()]);
    metrics.committed(0, &report, NOW_MS);
    let text = metrics.text();
    assert!(text.contains("tamis_events_total"), "the metrics have been counted");
    clean("the metrics", text.as_bytes());
}

/// Runs `tamis apply` over lines; gives stdout and stderr.
fn apply(arguments: &[&str], input: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["apply", "--policy", &policy_file().0])
        .args(arguments)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tamis starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("tamis ends");
    let _ = writer.join();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{:?}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    (output.stdout, output.stderr)
}

#[test]
fn apply_says_nothing_but_what_may_leave() {
    let mut lines: Vec<u8> = Vec::new();
    for variant in variants() {
        lines.extend(variant.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        lines.push(b'\n');
    }
    let (stdout, stderr) = apply(&[], &lines);
    assert!(decode::contains(&stdout, ALLOWED), "something is let through");
    assert!(!stderr.is_empty(), "there is a summary");
    clean("stderr", &stderr);
    stdout.split(|byte| *byte == b'\n').for_each(|line| clean("a line of stdout", line));
}

#[test]
fn apply_with_whole_records_says_nothing_but_what_may_leave() {
    let mut lines = Vec::new();
    for value in [event(true), event(false), format!("\"{MARK}Scalar\""), "null".to_owned()] {
        lines.push(format!(
            r#"{{"topic":"collector.leaks","partition":0,"offset":7,"key":"{MARK}Key","headers":[["cookie","{MARK}Cookie"],["{MARK}Name","1"],["sec-gpc","{MARK}Gpc"]],"timestamp":{NOW_MS},"value":{value}}}"#
        ));
    }
    // Lines that are no records: their text must not be quoted either.
    lines.push(format!(r#"{{"topic":"collector.leaks","partition":"{MARK}Partition","offset":0,"value":1}}"#));
    lines.push(format!(r#"{{"topic":"collector.leaks","partition":0,"offset":0,"value_base64":"{MARK}*Base64"}}"#));
    lines.push(format!(r#"{{"{MARK}Member":1}}"#));
    lines.push(format!("{MARK}Line"));
    let (stdout, stderr) = apply(&["--records"], (lines.join("\n") + "\n").as_bytes());
    assert!(decode::contains(&stdout, ALLOWED), "something is let through: {}", String::from_utf8_lossy(&stderr));
    stdout.split(|byte| *byte == b'\n').for_each(|line| clean("a line of stdout", line));
    clean("stderr", &stderr);
}

/// Runs only as the child of the next test: panics with a canary, in the ways that quote values.
#[test]
fn panicking_child() {
    let Some(way) = std::env::var_os("TAMIS_TEST_PANIC") else { return };
    tamis::runtime::logs::hide_panic_messages();
    let text = format!("é{MARK}Panic");
    match way.to_str() {
        Some("message") => panic!("{text}"),
        Some("slice") => drop(text[1..].to_owned()),
        Some("unwrap") => drop(text.parse::<Quoting>().unwrap()),
        _ => drop(serde_json::from_str::<u64>(&format!("\"{text}\"")).unwrap()),
    }
}

/// An error that quotes what it could not read, as many do.
#[derive(Debug)]
struct Quoting;

impl std::str::FromStr for Quoting {
    type Err = String;

    fn from_str(text: &str) -> Result<Quoting, String> {
        Err(text.to_owned())
    }
}

#[test]
fn panics_say_where_and_not_what() {
    for way in ["message", "slice", "unwrap", "serde"] {
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "panicking_child", "--nocapture", "--test-threads=1"])
            .env("TAMIS_TEST_PANIC", way)
            .env("RUST_BACKTRACE", "full")
            .output()
            .expect("the child runs");
        assert!(!child.status.success(), "{way}: it panicked");
        assert!(decode::contains(&child.stderr, "leaks.rs:"), "{way}: the place is said");
        clean("stdout", &child.stdout);
        clean("stderr", &child.stderr);
    }
}

/// Panics inside the engine are caught, but their message is printed by the hook before: every verb must replace it.
#[test]
fn the_command_line_hides_panic_messages_before_anything_else() {
    let source = include_str!("../src/cli/mod.rs");
    let (_, main) = source.split_once("pub fn main()").expect("the command line's main");
    let body = main.split_once('{').map_or("", |(_, body)| body).trim_start();
    assert!(body.contains("hide_panic_messages()"), "cli::main replaces the panic hook");
    let before = body.split("hide_panic_messages()").next().unwrap_or("");
    assert!(!before.contains(';'), "nothing runs before it: {before}");
}
