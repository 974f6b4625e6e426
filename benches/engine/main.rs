//! How fast the engine is, beside controls that do less and a yardstick that does nothing useful.
//!
//! All contenders take turns within each round, so that whatever else the machine does hits them alike; ratios are
//! taken within a round, and their median is what counts. Absolute numbers are this machine's, this minute.
//!
//!     cargo bench --bench engine                  the tables of docs/performance.md
//!     cargo bench --bench engine -- --check       fails if a floor is not reached
//!     … -- --rounds 51 --events 400
//!
//! Time is the thread's CPU time, and rounds are many and short, so that medians hold on a busy machine, too. What is left
//! of the others then is their use of caches and of the other half of the core.

mod corpora;
mod policies;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use corpora::Corpus;
use policies::VARIANTS;
use tamis::engine::record::Record;
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

/// The yardstick: parse into a tree and write it again.
const YARDSTICK: &str = "serde_json Value";

/// Contender and the least number of times it must be as fast as the yardstick, on every corpus.
const FLOORS: [(&str, f64); 2] = [("rules + tokens", 1.5), ("  + detectors", 1.0)];

fn main() {
    let mut options = Options { check: false, rounds: 51, events: 400 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse().ok()).expect("a number");
        match word.as_str() {
            "--check" => options.check = true,
            "--rounds" => options.rounds = number(),
            "--events" => options.events = number(),
            // What cargo itself passes.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let (mut text, mut short) = (String::new(), Vec::new());
    for corpus in corpora::all(options.events, now_ms) {
        let rows = measure(&corpus, options.rounds, now_ms);
        table(&corpus, &rows, &mut text);
        for (name, floor) in FLOORS {
            let row = rows.iter().find(|row| row.name == name).expect("every floor names a contender");
            let ratio = median(&row.ratios);
            if ratio < floor {
                short.push(format!(
                    "{} on {}: {ratio:.2} times the yardstick, must be {floor}",
                    name.trim(),
                    corpus.name
                ));
            }
        }
    }
    let _ = write!(text, "{} rounds of {} events, contenders interleaved.\n\n", options.rounds, options.events);
    for (name, what) in VARIANTS {
        let _ = writeln!(text, "- {}: {what}", name.trim());
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    if options.check {
        assert!(short.is_empty(), "below the floor:\n{}", short.join("\n"));
    }
}

struct Options {
    check: bool,
    rounds: usize,
    events: usize,
}

/// One contender's times.
struct Row {
    name: &'static str,
    /// Nanoseconds an event, one per round.
    nanos: Vec<f64>,
    /// Yardstick's time over this one's, one per round.
    ratios: Vec<f64>,
}

/// Runs everything over a corpus, once per round, and one round before to warm up.
fn measure(corpus: &Corpus, rounds: usize, now_ms: i64) -> Vec<Row> {
    let engines = policies::engines(corpus.name);
    let facts = Facts::new(now_ms, Arc::new(policies::keys()));
    let mut names = vec!["memcpy", YARDSTICK];
    names.extend(VARIANTS.iter().map(|(name, _)| *name));
    let mut rows: Vec<Row> = names.iter().map(|name| Row { name, nanos: Vec::new(), ratios: Vec::new() }).collect();
    let mut works: Vec<(Work, Report)> = engines.iter().map(|engine| (Work::new(), Report::new(engine))).collect();
    let mut buffer = Vec::with_capacity(1 << 20);
    for round in 0..=rounds {
        let mut times = vec![copy(corpus, &mut buffer), round_trip(corpus, &mut buffer)];
        for (engine, (work, report)) in engines.iter().zip(&mut works) {
            times.push(decide(corpus, engine, &facts, work, report));
        }
        if round > 0 {
            let yardstick = times[1];
            for (row, time) in rows.iter_mut().zip(times) {
                row.nanos.push(time / corpus.events.len() as f64);
                row.ratios.push(yardstick / time);
            }
        }
    }
    for ((engine, (_, report)), (name, _)) in engines.iter().zip(&works).zip(VARIANTS) {
        let forwarded = report.forwarded() == report.events();
        let meant = matches!(name, "no rule" | "consent closed") != forwarded;
        assert!(report.conserved() && report.quarantined() == 0 && meant, "{name}: {}", engine.policy().name);
    }
    rows
}

fn copy(corpus: &Corpus, buffer: &mut Vec<u8>) -> f64 {
    let began = cpu_nanos();
    for event in &corpus.events {
        buffer.clear();
        buffer.extend_from_slice(black_box(event));
        black_box(&buffer);
    }
    cpu_nanos() - began
}

fn round_trip(corpus: &Corpus, buffer: &mut Vec<u8>) -> f64 {
    let began = cpu_nanos();
    for event in &corpus.events {
        buffer.clear();
        let value: serde_json::Value = serde_json::from_slice(black_box(event)).expect("the corpus is JSON");
        serde_json::to_writer(&mut *buffer, &value).expect("a buffer takes everything");
        black_box(&buffer);
    }
    cpu_nanos() - began
}

fn decide(corpus: &Corpus, engine: &Engine, facts: &Facts, work: &mut Work, report: &mut Report) -> f64 {
    let began = cpu_nanos();
    for (offset, event) in (0..).zip(&corpus.events) {
        let record = Record {
            topic: "in",
            partition: 0,
            offset,
            key: None,
            headers: &[],
            timestamp: Some(facts.now_ms),
            value: Some(black_box(event)),
        };
        engine.process(&record, facts, work, report).unwrap();
        for output in work.outputs() {
            black_box(output.value());
        }
    }
    cpu_nanos() - began
}

/// Nanoseconds that this thread has had a core: a machine that does something else as well costs none of them.
fn cpu_nanos() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn table(corpus: &Corpus, rows: &[Row], out: &mut String) {
    let size = corpus.bytes() / corpus.events.len();
    let _ = writeln!(out, "### {}, {size} bytes an event\n", corpus.name);
    let _ = writeln!(out, "| | ns/event (min–max) | MB/s | events/s | times {YARDSTICK} (min–max) |");
    let _ = writeln!(out, "|---|---:|---:|---:|---:|");
    for row in rows {
        let nanos = median(&row.nanos);
        let (least, most) = spread(&row.nanos);
        let (worst, best) = spread(&row.ratios);
        let _ = writeln!(
            out,
            "| {} | {nanos:.0} ({least:.0}–{most:.0}) | {:.0} | {:.0} | {:.2} ({worst:.2}–{best:.2}) |",
            row.name.trim_end(),
            size as f64 * 1e3 / nanos,
            1e9 / nanos,
            median(&row.ratios),
        );
    }
    out.push('\n');
}

fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)))
}
