//! Any record under any of many policies: no panic, even a caught one; every event has one outcome; what leaves is JSON;
//! the same record gives the same result again, whatever buffers were used for before.
#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;

use std::cell::RefCell;
use std::sync::Arc;

use serde::de::IgnoredAny;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

use reference::generate::{self, EVERYTHING, NOW_MS};
use reference::random::Random;

const POLICIES: u64 = 64;

struct Bench {
    engines: Vec<(Engine, Report)>,
    facts: Facts,
    work: Work,
    other: Work,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

impl Bench {
    fn new() -> Bench {
        let engines = (0..POLICIES)
            .map(|seed| {
                let policy = generate::policy(&mut Random::new(seed), EVERYTHING);
                let engine = Engine::new(policy).unwrap_or_else(|_| panic!("too complex"));
                let report = Report::new(&engine);
                (engine, report)
            })
            .collect();
        let facts =
            Facts::new(NOW_MS, Arc::new(reference::ring::ring(&generate::keys())));
        Bench { engines, facts, work: Work::new(), other: Work::new() }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    BENCH.with_borrow_mut(|bench| {
        let Bench { engines, facts, work, other } = bench;
        let (engine, report) = &mut engines[usize::from(*choice) % POLICIES as usize];
        let gpc = [Header { name: "sec-gpc", value: rest.get(..1) }];
        let record = Record {
            topic: "in",
            partition: 0,
            offset: 1,
            key: Some(rest),
            headers: &gpc,
            timestamp: Some(NOW_MS - i64::from(*choice) * 60_000),
            value: Some(rest),
        };
        engine.process(&record, facts, work, report).unwrap();
        assert!(report.conserved());
        for output in work.outputs() {
            let value = output.value().expect("not a tombstone");
            assert!(serde_json::from_slice::<IgnoredAny>(value).is_ok() && std::str::from_utf8(value).is_ok());
        }
        let mut again = Report::new(engine);
        engine.process(&record, facts, other, &mut again).unwrap();
        assert!(work.outputs().map(|o| o.value()).eq(other.outputs().map(|o| o.value())));
        assert!(work.events().iter().map(|e| e.outcome).eq(other.events().iter().map(|e| e.outcome)));
    });
});
