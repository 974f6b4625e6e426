//! `tamis demo` tells the truth: what it says in the end is what `/metrics` says, every equation adds up, and it runs in
//! a terminal and without one.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TAMIS: &str = env!("CARGO_BIN_EXE_tamis");

/// How long a demo may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Every series of `/metrics`: name with labels, in the order of their names.
fn scrape(url: &str) -> BTreeMap<String, f64> {
    let address = url.trim_start_matches("http://").trim_end_matches("/metrics");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{}", answer.lines().next().unwrap_or_default());
    answer
        .lines()
        .filter(|line| line.starts_with("tamis_"))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Sum of the series of this name that have all of these labels.
fn sum(series: &BTreeMap<String, f64>, name: &str, labels: &[(&str, &str)]) -> u64 {
    let total: f64 = series
        .iter()
        .filter(|(key, _)| key.starts_with(&format!("{name}{{")))
        .filter(|(key, _)| labels.iter().all(|(label, value)| key.contains(&format!("{label}=\"{value}\""))))
        .map(|(_, value)| value)
        .sum();
    total as u64
}

/// `12,345` at the start of a word.
fn number(word: &str) -> u64 {
    word.replace(',', "").parse().unwrap_or_else(|_| panic!("{word} is not a number"))
}

/// `total name = part reason + part reason`: the total, its name, and the parts.
type Equation = (u64, String, Vec<(u64, String)>);

fn equation(line: &str) -> Option<Equation> {
    let (left, right) = line.split_once(" = ")?;
    let (total, name) = left.split_once(' ')?;
    let parts = right.split(" + ").map(|part| match part.split_once(' ') {
        Some((count, name)) => (number(count), name.to_owned()),
        None => (number(part), String::new()),
    });
    Some((number(total), name.to_owned(), parts.collect()))
}

/// Compares a summary with the metrics, number by number.
fn agree(summary: &str, series: &BTreeMap<String, f64>) {
    let mut seen = 0;
    for (total, name, parts) in summary.lines().filter_map(equation) {
        assert_eq!(total, parts.iter().map(|(count, _)| count).sum::<u64>(), "{name} does not add up");
        for (count, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            let metric = match (name.as_str(), part.split_once(' ')) {
                ("events", _) => sum(series, "tamis_events_total", &[("outcome", &part)]),
                ("dropped", _) => sum(series, "tamis_drops_total", &[("reason", &part)]),
                ("quarantined", _) => sum(series, "tamis_quarantined_total", &[("reason", &part)]),
                (route, split) => {
                    let route = route.strip_prefix("events on ").expect("an equation of a route");
                    let (result, reason) = split.unwrap_or((&part, ""));
                    sum(series, "tamis_openings_total", &[("route", route), ("result", result), ("reason", reason)])
                }
            };
            assert_eq!(count, metric, "{name}: {part}");
            seen += 1;
        }
    }
    assert!(seen > 8, "only {seen} numbers of the summary were compared");
    let mut rules = 0;
    let after = summary.split("what rules took away or changed").nth(1).expect("rules in the summary");
    for line in after.lines().skip(1).take_while(|line| line.starts_with("  ")) {
        let [rule, action, count] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(number(count), sum(series, "tamis_fields_total", &[("rule", rule), ("action", action)]), "{line}");
        rules += 1;
    }
    assert!(rules > 5, "only {rules} rules were compared");
    assert_eq!(sum(series, "tamis_conservation_error", &[]), 0);
    assert!(summary.contains("conservation holds"));
}

/// What is left of the made-up people is what the policy keeps on purpose: e-mails on the ads route.
fn nobody_is_left(summary: &str) {
    let lines: Vec<&str> = summary.lines().filter(|line| line.contains(" in   left: ")).collect();
    assert_eq!(lines.len(), 9, "{summary}");
    for line in lines {
        let category = line.split_whitespace().next().unwrap();
        assert!(!line.contains(" 0 in "), "nothing was sent of {category}");
        let left = line.split("left: ").nth(1).unwrap();
        for (topic, count) in left.split(" · ").map(|part| part.split_once(' ').unwrap()) {
            let on_purpose = category == "contact.email" && topic == "lake.ads";
            assert_eq!(number(count) > 0, on_purpose, "{category} on {topic}: {count}");
        }
    }
}

fn wait_for(child: &mut Child, file: &Path, what: &str) -> String {
    let began = Instant::now();
    loop {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
        if text.contains(what) {
            return text;
        }
        assert!(child.try_wait().unwrap().is_none(), "ended before it said {what}:\n{text}");
        assert!(began.elapsed() < PATIENCE, "never said {what}:\n{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn url(text: &str) -> String {
    let line = text.lines().rev().find_map(|line| line.trim().strip_prefix("metrics: ")).expect("the metrics' address");
    line.trim().to_owned()
}

#[test]
fn ten_seconds_in_a_terminal_end_with_the_numbers_of_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let screen = folder.path().join("screen");
    let command = format!("stty rows 24 cols 80; exec '{TAMIS}' demo --seconds 10 --rate 300 --linger 60");
    let mut child = Command::new("script")
        .args(["-q", "-f", "-e", "-c", &command])
        .arg(&screen)
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("script, of util-linux: scripts/bootstrap --tests installs it");
    // The last line is whole once its line end is there.
    wait_for(&mut child, &screen, "/metrics\r\n");
    let text = wait_for(&mut child, &screen, "metrics: http");
    let (live, summary) = text.rsplit_once("\u{1b}[?1049l").expect("the terminal is given back before the summary");
    let summary = summary.replace('\r', "");
    agree(&summary, &scrape(&url(&summary)));
    nobody_is_left(&summary);

    let frames: Vec<&str> = live.split("\u{1b}[?2026h").skip(1).collect();
    assert!(frames.len() > 20, "only {} frames in ten seconds", frames.len());
    let last = frames.last().unwrap();
    assert_eq!(last.matches("\r\n").count(), 23, "a frame fills 24 rows and never scrolls");
    for needed in
        ["events/s", "contact.email", "unnamed", "open ", "kcat -b 127.0.0.1:", "at least once", "before", "after"]
    {
        assert!(last.contains(needed), "{needed} is not on the screen:\n{last}");
    }
    // Ctrl-C, as a terminal sends it, ends the wait.
    child.stdin.take().unwrap().write_all(b"\x03").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn without_a_terminal_it_says_plain_lines_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    let mut child = Command::new(TAMIS)
        .args(["demo", "--rate", "200", "--seed", "7"])
        .stdout(std::fs::File::create(&path).unwrap())
        .spawn()
        .unwrap();
    wait_for(&mut child, &path, "\n8 s: ");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success() && child.wait().unwrap().success());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains('\u{1b}'), "no terminal, no escape codes");
    let summary = text.split("Tamis demo: ").nth(1).expect("a summary");
    for (total, name, parts) in summary.lines().filter_map(equation) {
        assert_eq!(total, parts.iter().map(|(count, _)| count).sum::<u64>(), "{name} does not add up");
    }
    nobody_is_left(summary);
}
