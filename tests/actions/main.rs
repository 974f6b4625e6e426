//! What actions do to scalars: examples of each, and the law that holds for all but `token`: applied twice is applied once.

mod examples;
mod properties;

use tamis::engine::action::{Action, Applied, Edge, Scalar, Step, TimeUnit, apply};
use tamis::engine::outcome::Effect;

const OUT: &str = "before ";

/// What becomes of a value: the JSON text that leaves, or the effect it is dropped under.
fn run(action: &Action, value: Scalar<'_>) -> Result<String, Effect> {
    let mut out = OUT.as_bytes().to_vec();
    let applied = apply(action, value, &mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let written = text.strip_prefix(OUT).expect("what was in the buffer stays").to_owned();
    assert_eq!(applied == Applied::Wrote, !written.is_empty(), "written only on Wrote");
    match (applied, value) {
        (Applied::Dropped(effect), _) => Err(effect),
        (Applied::Wrote, _) => Ok(written),
        (Applied::Kept, Scalar::Null) => Ok("null".to_owned()),
        (Applied::Kept, Scalar::Bool(b)) => Ok(b.to_string()),
        (Applied::Kept, Scalar::Number(n)) => Ok(n.to_owned()),
        (Applied::Kept, Scalar::String(s)) => Ok(serde_json::to_string(s).expect("a string")),
    }
}

fn text(action: &Action, value: &str) -> Result<String, Effect> {
    run(action, Scalar::String(value)).map(|json| serde_json::from_str(&json).expect("a JSON string"))
}

fn number(action: &Action, value: &str) -> Result<String, Effect> {
    run(action, Scalar::Number(value))
}

const UNFIT: Effect = Effect::DropType;

fn expect_texts(action: &Action, cases: &[(&str, &str)]) {
    for (value, want) in cases {
        assert_eq!(text(action, value).as_deref(), Ok(*want), "{value:?}");
    }
}

fn expect_unfit(action: &Action, values: &[&str]) {
    for value in values {
        assert_eq!(text(action, value), Err(UNFIT), "{value:?}");
    }
}

fn time(step_ms: i64, unit: Option<TimeUnit>) -> Action {
    Action::RoundTime { step_ms, unit }
}

fn round(step: &str) -> Action {
    Action::RoundNumber(Step::parse(step).expect("a step"))
}

fn bucket(edges: &[&str]) -> Action {
    Action::Bucket(edges.iter().map(|edge| Edge::parse(edge).expect("an edge")).collect())
}

fn url(keep: &[&str]) -> Action {
    Action::Url { keep_query: keep.iter().map(|name| (*name).to_owned()).collect() }
}
