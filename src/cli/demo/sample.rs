//! One made-up event, before and after: what the same engine, policy and keys make of a record of the shop.
//!
//! Decided once more beside the pipeline, so that before and after can stand in one table; what the pipeline itself
//! wrote is in the broker, for `kcat` to see. Printing values is right here and nowhere else: these people are made up.

use serde_json::Value;

use crate::engine::record::Record;
use crate::engine::report::Report;
use crate::engine::{Engine, Facts, Work};

/// An event as fields.
#[derive(Clone, Default)]
pub(super) struct Sample {
    /// The route it is shown for.
    pub(super) topic: String,
    /// Path, value before, value after (`None`: removed). The telling ones first.
    pub(super) fields: Vec<(String, String, Option<String>)>,
}

/// Fields that a reader wants to see first, by the end of their path.
const TELLING: &[&str] = &[
    ".userId",
    ".email",
    ".ip",
    ".page.url",
    ".timestamp",
    ".phone",
    ".note",
    ".card_number",
    ".userAgent",
    ".order_id",
    ".revenue",
    ".total",
    ".plan",
    ".campaign.name",
    ".firstName",
    ".event",
    ".type",
];

/// Decides this record; `None` if its first event goes nowhere or shows little.
pub(super) fn decide(engine: &Engine, facts: &Facts, record: &Record<'_>, work: &mut Work) -> Option<Sample> {
    let mut report = Report::new(engine);
    engine.process(record, facts, work, &mut report).ok()?;
    let output = work.outputs().next()?;
    let before: Value = serde_json::from_slice(record.value?).ok()?;
    let before = before.get("batch").and_then(|batch| batch.get(output.event() as usize)).unwrap_or(&before);
    let after: Value = serde_json::from_slice(output.value()?).ok()?;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves("$", before, &mut old);
    leaves("$", &after, &mut new);
    let mut fields: Vec<(String, String, Option<String>)> = old
        .into_iter()
        .map(|(path, value)| {
            let after = new.iter().find(|(other, _)| *other == path).map(|(_, value)| value.clone());
            (path, value, after)
        })
        .collect();
    fields.sort_by_key(|(path, _, _)| TELLING.iter().position(|end| path.ends_with(end)).unwrap_or(TELLING.len()));
    let telling = fields.iter().filter(|(path, _, _)| path.ends_with(".email") || path.ends_with(".phone")).count();
    (telling > 0).then(|| Sample { topic: output.topic().to_owned(), fields })
}

fn leaves(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| leaves(&format!("{path}.{key}"), value, out)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(at, value)| leaves(&format!("{path}[{at}]"), value, out));
        }
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => out.push((path.to_owned(), other.to_string())),
    }
}
