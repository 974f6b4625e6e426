//! The consent table at full size: memory, cold load, look-ups while updates arrive, checkpoint.
//!
//!     cargo bench --bench table                      ten million subjects, three purposes each
//!     cargo bench --bench table -- --check           fails if a floor of docs/performance.md is not reached
//!     … -- --subjects 1000000
//!     … -- --kafka 127.0.0.1:9092                 cold load and restart through Kafka: scripts/bench-consent
//!
//! Records are made by a seeded generator before the clock runs, as the topic would hold them, and read as they would be
//! from there; Kafka itself is only in the last one. Look-ups are timed by the thread's CPU time, the rest by the clock on the wall.

mod kafka;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tamis::engine::consent::SubjectKind;
use tamis::engine::consent::choice::SubjectKey;
use tamis::runtime::consent::{ChoiceResult, Consent, Word};
use tamis::runtime::keys::Index;

/// Subjects of one batch: what 500 events ask for.
const BATCH: usize = 500;

/// Records that are made at a time, outside the measured time.
const CHUNK: u64 = 20_000;

/// Seconds for which look-ups are measured.
const LOOKING: Duration = Duration::from_secs(10);

struct Options {
    check: bool,
    subjects: u64,
    kafka: Option<String>,
}

fn main() {
    let mut options = Options { check: false, subjects: 10_000_000, kafka: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--check" => options.check = true,
            "--subjects" => options.subjects = words.next().and_then(|n| n.parse().ok()).expect("a number"),
            "--kafka" => options.kafka = Some(words.next().expect("an address")),
            // What cargo itself passes.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    match &options.kafka {
        Some(brokers) => through_kafka(brokers, &options),
        None => in_memory(&options),
    }
}

fn through_kafka(brokers: &str, options: &Options) {
    let measured = kafka::measure(brokers, options.subjects);
    let rate = options.subjects as f64 / measured.cold.0;
    let (cold, restart) = (measured.cold, measured.restart);
    let rows = [
        (
            "cold load through Kafka",
            format!("{rate:.0} choices/s, {:.1} s ({:.1} s CPU)", cold.0, cold.1),
            rate >= 300_000.0,
        ),
        (
            "restart from the checkpoint, until it may be asked",
            format!("{:.2} s ({:.2} s CPU), {:.0} MB", restart.0, restart.1, measured.checkpoint as f64 / 1e6),
            restart.0 < 10.0,
        ),
    ];
    tell(options, &rows);
}

fn in_memory(options: &Options) {
    let empty = resident();
    let consent = table();
    let load = load(&consent, options.subjects);
    consent.settle();
    let bytes = resident() - empty;
    let (looked, written) = look(&consent, options.subjects);
    let file = tempfile::tempdir().expect("a folder for the checkpoint");
    let again = table();
    let checkpoint = consent.measure_checkpoint(&file.path().join("checkpoint"), &again).expect("a checkpoint");
    let (saved, restored, size) = checkpoint;
    assert_eq!(again.digest(), consent.digest(), "the checkpoint holds the same table");

    let subjects = options.subjects as f64;
    let rows = [
        ("resident", format!("{:.2} GB, {:.0} bytes a subject", bytes / 1e9, bytes / subjects), bytes <= 1.5e9),
        ("cold load, one thread", format!("{load:.0} choices/s"), load >= 300_000.0),
        (
            "look-ups, one core, while updates arrive",
            format!("{:.2} M subjects/s ({written:.0} updates/s meanwhile)", looked / 1e6),
            looked >= 1e6,
        ),
        ("checkpoint written and synced", format!("{saved:.1} s, {:.0} MB", size as f64 / 1e6), true),
        ("restart from the checkpoint", format!("{restored:.1} s"), restored < 10.0),
    ];
    tell(options, &rows);
}

/// Rows: what, the number, whether it reaches its floor.
fn tell(options: &Options, rows: &[(&str, String, bool)]) {
    let mut text = format!("{} subjects, three purposes each\n\n| | |\n|---|---:|\n", options.subjects);
    for (what, number, _) in rows {
        text.push_str(&format!("| {what} | {number} |\n"));
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    if options.check {
        let short: Vec<&str> = rows.iter().filter(|(.., good)| !good).map(|(what, ..)| *what).collect();
        assert!(short.is_empty(), "a floor is not reached: {}", short.join(", "));
    }
}

fn table() -> Consent {
    Consent::new(Index::new([7; 32]), Duration::from_secs(60))
}

/// SplitMix64.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Key and value of a choice of one account about three purposes.
fn record(seeded: &mut Seeded, account: u64) -> (String, String) {
    let mut stance = || ["granted", "denied", "withdrawn", "granted"][seeded.below(4) as usize];
    let (first, second, third) = (stance(), stance(), stance());
    let id = format!("c-{:016x}", seeded.next());
    let at = jiff::Timestamp::from_second(1_767_225_600 + seeded.below(10_000_000) as i64).expect("a time");
    let value = format!(
        "{{\"v\":1,\"id\":\"{id}\",\"subject\":{{\"account\":\"u-{account}\"}},\"purposes\":{{\"analytics.audience\":\
         \"{first}\",\"ads.basic\":\"{second}\",\"ads.profile\":\"{third}\"}},\"at\":\"{at}\",\"precision\":\"ms\",\
         \"source\":\"form\"}}"
    );
    (id, value)
}

fn learn(consent: &Consent, (key, value): &(String, String)) -> ChoiceResult {
    consent.learn(Some(key.as_bytes()), Some(value.as_bytes()), 1_790_000_000_000)
}

/// Choices a second, one per subject.
fn load(consent: &Consent, subjects: u64) -> f64 {
    let (mut seeded, mut spent, mut account) = (Seeded(1), Duration::ZERO, 0);
    while account < subjects {
        let last = (account + CHUNK).min(subjects);
        let chunk: Vec<_> = (account..last).map(|account| record(&mut seeded, account)).collect();
        let began = Instant::now();
        for record in &chunk {
            assert_eq!(learn(consent, record), ChoiceResult::Applied);
        }
        spent += began.elapsed();
        account = last;
    }
    assert_eq!(consent.subjects() as u64, subjects);
    subjects as f64 / spent.as_secs_f64()
}

/// Subjects a second of this thread's CPU time, and how many updates a second another thread made meanwhile.
fn look(consent: &Consent, subjects: u64) -> (f64, f64) {
    let mut seeded = Seeded(2);
    // One in ten is not known. Made before, as the engine makes them: that is another cost.
    let keys: Vec<SubjectKey> = (0..1_000_000)
        .map(|_| consent.index().subject(SubjectKind::Account, &format!("u-{}", seeded.below(subjects * 10 / 9))))
        .collect();
    let (stop, updates) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seeded = Seeded(3);
            while !stop.load(Ordering::Relaxed) {
                let account = seeded.below(subjects);
                black_box(learn(consent, &record(&mut seeded, account)));
                updates.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let (mut asked, mut arena, mut ends) = (0u64, Vec::new(), Vec::new());
        for batch in keys.chunks(BATCH).cycle() {
            arena.clear();
            ends.clear();
            let word = consent.ask(batch, |found| {
                arena.extend_from_slice(found.unwrap_or_default());
                ends.push((found.is_some(), arena.len()));
            });
            assert_eq!(word, Word::Ready);
            black_box((&arena, &ends));
            asked += batch.len() as u64;
            if began.elapsed() > LOOKING {
                break;
            }
        }
        let spent = cpu_seconds() - cpu;
        stop.store(true, Ordering::Relaxed);
        let updates = updates.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        (asked as f64 / spent, updates)
    })
}

fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Resident memory of this process, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0
}
