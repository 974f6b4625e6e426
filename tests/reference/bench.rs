//! The engine as a worker uses it, over made-up records.

use std::collections::BTreeMap;
use std::sync::Arc;

use tamis::engine::outcome::{Opening, Outcome};
use tamis::engine::policy::model::Policy;
use tamis::engine::record::{Header, Record};
use tamis::engine::report::Report;
use tamis::engine::{Engine, Facts, Work};

use super::generate::{NOW_MS, ROTATE};
use super::model::{Keys, Output};
use super::random::Random;
use super::ring::ring;

/// What surrounds the value of a generated record.
pub struct Around {
    pub gpc: Option<&'static str>,
    pub timestamp: Option<i64>,
}

impl Around {
    pub fn any(random: &mut Random) -> Around {
        Around {
            gpc: random.pick(&[None, None, Some("1"), Some("0"), Some("true")]),
            timestamp: (!random.chance(20)).then(|| {
                let hours = random.below(4) as i64;
                NOW_MS - 17 - hours * 1000 * ROTATE as i64
            }),
        }
    }

    pub fn plain() -> Around {
        Around { gpc: None, timestamp: Some(NOW_MS) }
    }

    pub fn headers(&self) -> Vec<Header<'static>> {
        let mut headers = vec![
            Header { name: "X-Kept", value: Some(b"kept") },
            Header { name: "cookie", value: Some(b"session=secret") },
        ];
        headers.extend(self.gpc.map(|text| Header { name: "Sec-GPC", value: Some(text.as_bytes()) }));
        headers
    }

    pub fn record<'a>(&self, headers: &'a [Header<'a>], value: Option<&'a [u8]>) -> Record<'a> {
        Record {
            topic: "in",
            partition: 3,
            offset: 17,
            key: Some(b"raw-key"),
            headers,
            timestamp: self.timestamp,
            value,
        }
    }
}

/// What the engine made of a record, in the words of the reference.
pub struct Got {
    pub events: Vec<(Outcome, Vec<Opening>)>,
    pub outputs: BTreeMap<(u32, usize), Output>,
    pub notes: usize,
    pub conserved: bool,
}

/// One engine with what it needs, reused from record to record as a worker does.
pub struct Bench {
    pub engine: Engine,
    pub facts: Facts,
    pub work: Work,
    pub report: Report,
}

impl Bench {
    pub fn new(policy: &Policy, keys: &Keys) -> Bench {
        let engine = Engine::new(policy.clone()).unwrap_or_else(|_| panic!("too complex: {policy:#?}"));
        let facts = Facts::new(NOW_MS, Arc::new(ring(keys)));
        let report = Report::new(&engine);
        Bench { engine, facts, work: Work::new(), report }
    }

    pub fn run(&mut self, record: &Record<'_>) -> Got {
        self.engine.process(record, &self.facts, &mut self.work, &mut self.report).unwrap();
        let routes = self.engine.policy().routes.len();
        let events = self.work.events().iter().enumerate();
        let events = events
            .map(|(at, event)| {
                (event.outcome, (0..routes).map(|route| self.work.opening(at, route).expect("an opening")).collect())
            })
            .collect();
        let mut outputs = BTreeMap::new();
        for output in self.work.outputs() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("outputs are UTF-8");
            let made = Output {
                key: output.key().map(text),
                value: output.value().map(text).expect("generated policies drop tombstones"),
                headers: output.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
                timestamp: output.timestamp(),
            };
            assert_eq!(output.topic(), self.engine.policy().routes[output.route()].topic);
            assert!(outputs.insert((output.event(), output.route()), made).is_none(), "two outputs of one event");
        }
        Got { events, outputs, notes: self.work.notes().count(), conserved: self.report.conserved() }
    }

    /// The only output value, if there is one.
    pub fn value(&mut self, document: &str) -> Option<String> {
        let around = Around::plain();
        let headers = around.headers();
        let got = self.run(&around.record(&headers, Some(document.as_bytes())));
        got.outputs.into_values().next().map(|output| output.value)
    }
}
