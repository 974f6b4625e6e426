//! The batch loop between a source and a sink that are not Kafka, and that fail in every way they can.
//!
//! The source is a list of records with a position; the sink keeps what was committed. Failures, lost partitions and
//! refusals are seeded. The law: every event is committed exactly once, in order, as an output or as a note.

#![allow(missing_docs, reason = "a test")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamis::engine::policy::{self, SourceFile};
use tamis::engine::record::Record;
use tamis::engine::token::{DomainKeys, KeyRing, TokenKey};
use tamis::engine::{Engine, LearnedDenial, Minimized, QuarantineNote};
use tamis::runtime::asking::Asked;
use tamis::runtime::batch::{Batch, Bounds, Clock, Shared, Taken};
use tamis::runtime::consent::Consent;
use tamis::runtime::keys::Index;
use tamis::runtime::metrics::Metrics;
use tamis::runtime::pipeline::{self, Each, Failure, Position, Sink, Source};
use tamis::runtime::quarantine::Breaker;
use tamis::runtime::state::{HaltReason, State};

const PARTITIONS: usize = 3;

struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

/// Input partitions: topic, partition, values. What was committed of them stands beside.
struct Log {
    records: BTreeMap<(String, i32), Vec<String>>,
    committed: Mutex<BTreeMap<(String, i32), i64>>,
    chance: Mutex<Seeded>,
    /// One call in so many fails; 0: none.
    fails: u64,
    /// A batch that holds this number is refused.
    poison: Option<u64>,
}

struct Reading {
    log: Arc<Log>,
    batch: Arc<Mutex<Batch<Writing>>>,
    state: Arc<State>,
    at: RefCell<BTreeMap<(String, i32), i64>>,
    held: RefCell<Vec<String>>,
    /// Called when nothing is left to read.
    idle: Box<dyn Fn(&Reading)>,
}

#[derive(Default)]
struct Committed {
    outputs: Vec<(i32, u64)>,
    notes: Vec<(String, i32, i64, &'static str)>,
    aborts: u64,
}

struct Writing {
    log: Arc<Log>,
    staged: Committed,
    done: Arc<Mutex<Committed>>,
    open: bool,
}

impl Source for Reading {
    type Reader = ();

    fn poll(&self, _: Duration, each: &mut Each<'_>) -> Result<(), Failure> {
        if self.log.fails > 0 && self.log.chance.lock().unwrap().one_in(self.log.fails) {
            // The group takes a partition away in the middle of a poll, and gives it back.
            let partition = self.log.chance.lock().unwrap().below(PARTITIONS as u64) as i32;
            let lost = self.log.chance.lock().unwrap().one_in(3);
            let all = if lost { 0..PARTITIONS as i32 } else { partition..partition + 1 };
            let revoked: Vec<(String, i32)> = all.map(|partition| ("in".to_owned(), partition)).collect();
            self.batch.lock().unwrap().release(&revoked, lost, &());
            for key in revoked {
                let from = self.log.committed.lock().unwrap().get(&key).copied().unwrap_or(0);
                self.at.borrow_mut().insert(key, from);
            }
            return Ok(());
        }
        let keys: Vec<(String, i32)> = self.log.records.keys().cloned().collect();
        let mut any = false;
        for key in keys {
            if self.held.borrow().contains(&key.0) {
                continue;
            }
            for _ in 0..7 {
                let offset = self.at.borrow().get(&key).copied().unwrap_or(0);
                let Some(value) = self.log.records[&key].get(usize::try_from(offset).unwrap()) else { break };
                any = true;
                self.at.borrow_mut().insert(key.clone(), offset + 1);
                let record = Record {
                    topic: &key.0,
                    partition: key.1,
                    offset,
                    key: None,
                    headers: &[],
                    timestamp: Some(1_790_000_000_000),
                    value: Some(value.as_bytes()),
                };
                if each(&record, None) == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
        }
        if !any {
            (self.idle)(self);
        }
        Ok(())
    }

    fn reader(&self) -> &() {
        &()
    }

    fn rewind(&self, positions: &[Position]) -> Result<(), Failure> {
        for position in positions {
            self.at.borrow_mut().insert((position.topic.to_string(), position.partition), position.first);
        }
        Ok(())
    }

    fn hold(&self, halted: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
        let topics = self.log.records.keys().map(|(topic, _)| topic.clone());
        *self.held.borrow_mut() = topics.filter(|topic| halted(topic)).collect();
        Ok(())
    }
}

impl Reading {
    fn stop_when_all_is_committed(&self) {
        let committed = self.log.committed.lock().unwrap();
        let all = |(key, records): (&(String, i32), &Vec<String>)| {
            committed.get(key).copied().unwrap_or(0) == i64::try_from(records.len()).unwrap()
        };
        if self.log.records.iter().all(all) {
            self.state.stop();
        }
    }
}

impl Writing {
    fn fails(&self, what: &str) -> Result<(), Failure> {
        let fails = self.log.fails > 0 && self.log.chance.lock().unwrap().one_in(self.log.fails);
        if fails { Err(Failure::world(format!("{what} failed"))) } else { Ok(()) }
    }
}

impl Sink for Writing {
    type Reader = ();

    fn begin(&mut self) -> Result<(), Failure> {
        assert!(!self.open, "begun twice");
        self.fails("begin")?;
        self.open = true;
        Ok(())
    }

    fn output(&mut self, output: &Minimized<'_>) -> Result<(), Failure> {
        assert!(self.open, "sent outside a batch");
        let value = std::str::from_utf8(output.value().unwrap()).unwrap();
        let number = value.trim_start_matches("{\"n\":").trim_end_matches('}').parse().unwrap();
        let tamis::engine::Placement::Same(partition) = output.placement() else { panic!("same partition") };
        self.staged.outputs.push((partition, number));
        Ok(())
    }

    fn note(&mut self, note: &QuarantineNote<'_>, _: i64) -> Result<(), Failure> {
        assert!(self.open, "sent outside a batch");
        self.staged.notes.push((note.topic().to_owned(), note.partition(), note.offset(), note.reason().as_str()));
        Ok(())
    }

    fn learned(&mut self, _: &LearnedDenial<'_>, _: i64) -> Result<(), Failure> {
        panic!("these policies ask no table")
    }

    fn commit(&mut self, positions: &[Position], _: &()) -> Result<(), Failure> {
        assert!(self.open, "commit without begin");
        if let Some(poison) = self.log.poison
            && self.staged.outputs.iter().any(|(_, number)| *number == poison)
        {
            return Err(Failure::record("a record was refused"));
        }
        self.fails("commit")?;
        self.open = false;
        let mut done = self.done.lock().unwrap();
        done.outputs.append(&mut self.staged.outputs);
        done.notes.append(&mut self.staged.notes);
        for position in positions {
            let key = (position.topic.to_string(), position.partition);
            let before = self.log.committed.lock().unwrap().insert(key, position.next).unwrap_or(0);
            assert_eq!(before, position.first, "commits follow each other without a gap");
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Failure> {
        self.open = false;
        self.staged = Committed::default();
        self.done.lock().unwrap().aborts += 1;
        Ok(())
    }
}

fn policy(name: &str, topic: &str, tokens: bool) -> tamis::engine::policy::model::Policy {
    let (domain, field) = if tokens { ("tokens: {web: {}}\n", "  $.user: token\n") } else { ("", "") };
    let uses = if tokens { "\n    tokens: web" } else { "" };
    let text = format!(
        "tamis: 1\npolicy: {name}\ninput: {{topics: [{topic}]}}\nlaw: {{preset: eea-us/2026-01, country: FR}}\n\
         consent: {{table: none}}\n{domain}routes:\n  {topic}.out:\n    requires: [security.essential]{uses}\n\
         fields:\n  $.n: keep\n{field}detect: {{kinds: none, reason: numbers are counted here}}\n"
    );
    let reading = policy::read(&[SourceFile::from_bytes("policy.yaml", text.as_bytes())]);
    assert!(!reading.has_errors(), "{:?}", reading.problems.iter().map(|problem| &problem.message).collect::<Vec<_>>());
    reading.policies.into_iter().next().unwrap()
}

struct Run {
    done: Arc<Mutex<Committed>>,
    shared: Arc<Shared>,
}

/// Runs policies over a log until `idle` stops it.
fn run(
    policies: Vec<tamis::engine::policy::model::Policy>,
    log: Log,
    ring: KeyRing,
    halted: &[usize],
    idle: impl Fn(&Reading) + 'static,
) -> Run {
    run_with(policies, log, ring, halted, None, idle)
}

/// The same with a consent table.
fn run_with(
    policies: Vec<tamis::engine::policy::model::Policy>,
    log: Log,
    ring: KeyRing,
    halted: &[usize],
    consent: Option<Asked>,
    idle: impl Fn(&Reading) + 'static,
) -> Run {
    let engines: Vec<Arc<Engine>> = policies.into_iter().map(|policy| Arc::new(Engine::new(policy).unwrap())).collect();
    let state = Arc::new(State::new(engines.iter().map(|engine| engine.policy().name.clone()).collect(), 1));
    let shared = Arc::new(Shared {
        metrics: Arc::new(Metrics::new(engines.iter().map(|engine| engine.policy()))),
        breaker: Breaker::new(engines.len(), 0.05),
        engines,
        keys: Mutex::new(Arc::new(ring)),
        state: Arc::clone(&state),
        consent,
        event_ids: false,
        clock: Clock::default(),
    });
    for policy in halted {
        state.halt(*policy, HaltReason::QuarantineRatio, true);
    }
    let (log, done) = (Arc::new(log), Arc::new(Mutex::new(Committed::default())));
    let sink = Writing { log: Arc::clone(&log), staged: Committed::default(), done: Arc::clone(&done), open: false };
    let bounds = Bounds { interval: Duration::from_millis(1), bytes: 600 };
    let batch = Arc::new(Mutex::new(Batch::new(sink, Arc::clone(&shared), bounds, 0)));
    let source = Reading {
        log,
        batch: Arc::clone(&batch),
        state: Arc::clone(&state),
        at: RefCell::default(),
        held: RefCell::default(),
        idle: Box::new(idle),
    };
    pipeline::run(&source, &batch, &state, 0).unwrap();
    Run { done, shared }
}

fn log(records: u64, seed: u64, fails: u64, poison: Option<u64>) -> Log {
    let mut partitions: BTreeMap<(String, i32), Vec<String>> = BTreeMap::new();
    for number in 0..records {
        let partition = i32::try_from(number % PARTITIONS as u64).unwrap();
        let value = if number % 97 == 50 { "{broken".to_owned() } else { format!("{{\"n\":{number}}}") };
        partitions.entry(("in".to_owned(), partition)).or_default().push(value);
    }
    Log { records: partitions, committed: Mutex::default(), chance: Mutex::new(Seeded(seed)), fails, poison }
}

fn no_keys() -> KeyRing {
    KeyRing::new(BTreeMap::new(), TokenKey::new([1; 32]))
}

fn check(run: &Run, records: u64, poison: Option<u64>) {
    let done = run.done.lock().unwrap();
    for partition in 0..PARTITIONS as u64 {
        let of =
            |numbers: &mut dyn Iterator<Item = u64>| numbers.filter(|n| n % PARTITIONS as u64 == partition).collect();
        let expected: Vec<u64> = of(&mut (0..records).filter(|n| n % 97 != 50 && Some(*n) != poison));
        let found: Vec<u64> = done.outputs.iter().filter(|(p, _)| *p as u64 == partition).map(|(_, n)| *n).collect();
        assert_eq!(found, expected, "partition {partition}");
    }
    let mut broken: Vec<u64> = done
        .notes
        .iter()
        .filter(|note| note.3 == "invalid_json")
        .map(|(_, partition, offset, _)| *offset as u64 * PARTITIONS as u64 + *partition as u64)
        .collect();
    broken.sort_unstable();
    assert_eq!(broken, (0..records).filter(|n| n % 97 == 50).collect::<Vec<_>>());
    let refused: Vec<_> = done.notes.iter().filter(|note| note.3 == "refused").collect();
    assert_eq!(refused.len(), usize::from(poison.is_some()), "{refused:?}");

    // Counters moved with the commits, and with nothing else.
    let forwarded = records - broken.len() as u64 - u64::from(poison.is_some());
    let text = run.shared.metrics.text();
    let line = format!("tamis_events_total{{outcome=\"forwarded\",policy=\"p\"}} {forwarded}");
    assert!(text.contains(&line), "{line} is not in\n{text}");
    assert!(text.contains(&format!("tamis_records_total{{policy=\"p\"}} {records}")), "{text}");
}

#[test]
fn failures_and_lost_partitions_lose_nothing_and_repeat_nothing() {
    let mut aborts = 0;
    for seed in 0..10 {
        let run = run(
            vec![policy("p", "in", false)],
            log(400, seed, 20, None),
            no_keys(),
            &[],
            Reading::stop_when_all_is_committed,
        );
        check(&run, 400, None);
        aborts += run.done.lock().unwrap().aborts;
    }
    assert!(aborts > 30, "{aborts} batches were undone: too few to prove anything");
}

#[test]
fn a_refused_record_is_found_and_quarantined_alone() {
    for (seed, poison) in [(1, 0), (2, 123), (3, 398), (4, 399)] {
        let log = log(400, seed, 0, Some(poison));
        let run = run(vec![policy("p", "in", false)], log, no_keys(), &[], Reading::stop_when_all_is_committed);
        check(&run, 400, Some(poison));
    }
    // And when the world fails meanwhile, no other record pays for it.
    for seed in 0..3 {
        let log = log(400, seed, 15, Some(200));
        let run = run(vec![policy("p", "in", false)], log, no_keys(), &[], Reading::stop_when_all_is_committed);
        check(&run, 400, Some(200));
    }
}

/// Two policies in one process; the second one's topic is halted for a while.
fn two(ring: KeyRing, tokens: bool, halted: &[usize], idle: impl Fn(&Reading) + 'static) -> Run {
    let mut log = log(90, 1, 0, None);
    let values = (0..30).map(|number| format!("{{\"n\":{number}}}")).collect();
    log.records.insert(("other".to_owned(), 0), values);
    run(vec![policy("p", "in", false), policy("q", "other", tokens)], log, ring, halted, idle)
}

#[test]
fn a_missing_token_key_halts_its_policy_until_it_is_there() {
    let run = two(no_keys(), true, &[], |source| {
        let shared = Arc::clone(source.batch.lock().unwrap().shared());
        if shared.state.halts(HaltReason::TokenKey) {
            let committed = source.log.committed.lock().unwrap().clone();
            assert_eq!(committed.get(&("other".to_owned(), 0)), None, "nothing leaves without its key");
            assert!(shared.metrics.text().contains("tamis_halted{reason=\"token_key\"} 1"));
            assert!(shared.state.not_ready().iter().any(|reason| reason.contains("add-epoch")));
            let keys = DomainKeys::new(None, BTreeMap::from([(0, TokenKey::new([7; 32]))]));
            let ring = KeyRing::new(BTreeMap::from([("web".to_owned(), keys)]), TokenKey::new([1; 32]));
            *shared.keys.lock().unwrap() = Arc::new(ring);
        }
        source.stop_when_all_is_committed();
    });
    assert_eq!(run.done.lock().unwrap().outputs.len(), 90 - 1 + 30);
    assert!(run.shared.metrics.text().contains("tamis_halted{reason=\"token_key\"} 0"));
}

#[test]
fn a_cold_consent_table_halts_who_asks_it_until_it_is_read() {
    let table = Arc::new(Consent::new(Index::new([7; 32]), Duration::from_secs(60)));
    let mut log = log(90, 1, 0, None);
    log.records.insert(("other".to_owned(), 0), (0..30).map(|number| format!("{{\"n\":{number}}}")).collect());
    let asked = Asked::new(Arc::clone(&table), vec![1]);
    let policies = vec![policy("p", "in", false), policy("q", "other", false)];
    let run = run_with(policies, log, no_keys(), &[], Some(asked), move |source| {
        let shared = Arc::clone(source.batch.lock().unwrap().shared());
        let of = |topic: &str| source.log.committed.lock().unwrap().get(&(topic.to_owned(), 0)).copied();
        if shared.state.halts(HaltReason::ConsentCold) && of("in") == Some(30) {
            assert_eq!(of("other"), None, "nothing is guessed");
            assert!(shared.metrics.text().contains("tamis_halted{reason=\"consent_cold\"} 1"));
            assert!(shared.state.not_ready().iter().any(|reason| reason.contains("has not been read to its end")));
            table.settle();
        }
        source.stop_when_all_is_committed();
    });
    assert_eq!(run.done.lock().unwrap().outputs.len(), 90 - 1 + 30, "and comes out whole once it is read");
    assert!(run.shared.metrics.text().contains("tamis_halted{reason=\"consent_cold\"} 0"));
}

#[test]
fn a_halted_policy_waits_and_its_neighbour_goes_on() {
    let run = two(no_keys(), false, &[1], |source| {
        let shared = Arc::clone(source.batch.lock().unwrap().shared());
        let of = |topic: &str| source.log.committed.lock().unwrap().get(&(topic.to_owned(), 0)).copied();
        if shared.state.halted(1) && of("in") == Some(30) {
            let held = source.held.borrow();
            assert!(held.contains(&"other".to_owned()) && !held.contains(&"in".to_owned()));
            assert_eq!(of("other"), None, "it waits");
            assert_eq!(shared.state.resume(), 1);
        }
        source.stop_when_all_is_committed();
    });
    assert_eq!(run.done.lock().unwrap().outputs.len(), 90 - 1 + 30, "and comes out whole once it is resumed");
}

#[test]
fn a_flood_of_bad_events_trips_the_breaker() {
    let mut log = log(0, 1, 0, None);
    log.records.insert(("in".to_owned(), 0), vec!["{broken".to_owned(); 500]);
    let run = run(vec![policy("p", "in", false)], log, no_keys(), &[], |source| source.state.stop());
    let notes = run.done.lock().unwrap().notes.len();
    assert!((100..200).contains(&notes), "{notes}: trips soon after the hundredth");
    assert!(run.shared.state.halts(HaltReason::QuarantineRatio));
    assert!(run.shared.metrics.text().contains("tamis_halted{reason=\"quarantine_ratio\"} 1"));
}

#[test]
fn a_batch_is_full_when_its_time_is_over_however_many_records_are_there() {
    let engine = Arc::new(Engine::new(policy("p", "in", false)).unwrap());
    let shared = Arc::new(Shared {
        metrics: Arc::new(Metrics::new([engine.policy()])),
        breaker: Breaker::new(1, 0.05),
        engines: vec![engine],
        keys: Mutex::new(Arc::new(no_keys())),
        state: Arc::new(State::new(vec!["p".to_owned()], 1)),
        consent: None,
        event_ids: false,
        clock: Clock::default(),
    });
    let sink =
        Writing { log: Arc::new(log(0, 1, 0, None)), staged: Committed::default(), done: Arc::default(), open: false };
    let bounds = Bounds { interval: Duration::from_millis(50), bytes: u64::MAX };
    let mut batch = Batch::new(sink, shared, bounds, 0);
    let record = |offset| Record {
        topic: "in",
        partition: 0,
        offset,
        key: None,
        headers: &[],
        timestamp: Some(1_790_000_000_000),
        value: Some(b"{\"n\":1}"),
    };
    assert_eq!(batch.take(&record(0), None), Taken::More);
    // A record that takes long to decide, in a burst of many.
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(batch.take(&record(1), None), Taken::Full);
}
