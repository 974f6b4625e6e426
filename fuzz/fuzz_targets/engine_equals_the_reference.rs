//! The engine and the naive reference agree on any record under any generated policy.
#![no_main]

#[path = "../../tests/reference/mod.rs"]
mod reference;

use std::sync::{Arc, LazyLock};

use tamis::engine::policy::model::Policy;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

use reference::generate::{self, EVERYTHING, NOW_MS};
use reference::model::{Keys, Reference};
use reference::random::Random;

static KEYS: LazyLock<Keys> = LazyLock::new(generate::keys);
static POLICIES: LazyLock<Vec<Policy>> =
    LazyLock::new(|| (0..256).map(|seed| generate::policy(&mut Random::new(seed), EVERYTHING)).collect());
static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    POLICIES.iter().map(|policy| Engine::new(policy.clone()).unwrap_or_else(|_| panic!("too complex"))).collect()
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, value)) = data.split_first() else { return };
    let at = usize::from(*choice);
    let gpc = [Header { name: "sec-gpc", value: value.get(..1) }];
    let record = Record {
        topic: "in",
        partition: 0,
        offset: 1,
        key: None,
        headers: &gpc,
        timestamp: Some(NOW_MS - (at as i64) * 60_000),
        value: Some(value),
    };
    let expected = Reference::new(&POLICIES[at], &KEYS, NOW_MS).expect(&record);
    let facts = Facts::new(NOW_MS, Arc::new(reference::ring::ring(&KEYS)));
    let (mut work, mut report) = (Work::new(), Report::new(&ENGINES[at]));
    ENGINES[at].process(&record, &facts, &mut work, &mut report).unwrap();
    let outcomes: Vec<_> = work.events().iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, expected.events.iter().map(|event| event.outcome).collect::<Vec<_>>());
    let mut outputs = expected.events.iter().flat_map(|event| event.outputs.iter().flatten());
    for output in work.outputs() {
        let wanted = outputs.next().expect("an output too many");
        assert!(output.value() == Some(wanted.value.as_bytes()), "{}", wanted.value);
    }
    assert!(outputs.next().is_none(), "an output is missing");
});
