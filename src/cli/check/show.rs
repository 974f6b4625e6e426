//! The register as aligned text, Markdown and JSON.

use serde_json::{Value, json};

use super::register::{Register, cell, purposes};
use crate::engine::consent::Purpose;

/// Lines and columns of words; the first line is the head.
type Grid = Vec<Vec<String>>;

pub(super) fn text(register: &Register<'_>) -> String {
    let mut out = format!("policy {}\n", register.policy.name);
    for (name, sentence) in register.facts() {
        out.push_str(&format!("  {name:<15}{sentence}\n"));
    }
    for grid in grids(register) {
        out.push('\n');
        out.push_str(&aligned(&grid));
    }
    out
}

pub(super) fn markdown(register: &Register<'_>) -> String {
    let mut out = format!("## Policy {}\n\n", register.policy.name);
    for (name, sentence) in register.facts() {
        out.push_str(&format!("- {name}: {sentence}\n"));
    }
    for grid in grids(register) {
        out.push('\n');
        for (index, line) in grid.iter().enumerate() {
            let cells: Vec<String> = line.iter().map(|cell| cell.replace('|', "\\|")).collect();
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
            if index == 0 {
                out.push_str(&format!("|{}\n", " --- |".repeat(line.len())));
            }
        }
    }
    out
}

fn grids(register: &Register<'_>) -> [Grid; 4] {
    [routes(register), fields(register), regimes(register), places(register)]
}

/// How long a consent counts, who gives it for teens, and what an opt-out signal denies.
fn places(register: &Register<'_>) -> Grid {
    let head = ["PLACE", "A CONSENT COUNTS", "AT 13 TO 15", "GLOBAL PRIVACY CONTROL DENIES"];
    let mut grid: Grid = vec![head.map(str::to_owned).to_vec()];
    for place in register.places() {
        let denies: Vec<&str> = place.gpc.iter().map(|purpose| purpose.as_str()).collect();
        let denies = if denies.is_empty() { "-".to_owned() } else { denies.join(", ") };
        let days = format!("{} days", place.expiry_days);
        grid.push(vec![place.place.to_owned(), days, place.teens.to_owned(), denies]);
    }
    grid
}

fn routes(register: &Register<'_>) -> Grid {
    let mut grid = vec![vec!["ROUTE".to_owned(), "REQUIRES".to_owned(), "SERVES".to_owned(), "TOKENS".to_owned()]];
    for route in &register.policy.routes {
        let tokens = route.tokens.clone().unwrap_or_else(|| "-".to_owned());
        grid.push(vec![route.topic.clone(), purposes(&route.requires), purposes(&route.serves), tokens]);
    }
    grid
}

fn fields(register: &Register<'_>) -> Grid {
    let routes = &register.policy.routes;
    let mut grid =
        vec![std::iter::once("FIELD".to_owned()).chain(routes.iter().map(|route| route.topic.clone())).collect()];
    for row in &register.table.rows {
        grid.push(std::iter::once(row.field.clone()).chain(row.cells.iter().map(cell)).collect());
    }
    if !register.table.key.is_empty() {
        grid.push(std::iter::once("(record key)".to_owned()).chain(register.table.key.iter().map(cell)).collect());
    }
    grid.push(std::iter::once("(everything else)".to_owned()).chain(routes.iter().map(|_| "-".to_owned())).collect());
    grid
}

fn regimes(register: &Register<'_>) -> Grid {
    let table = &register.table.regimes;
    let mut grid: Grid =
        vec![std::iter::once("PLACE".to_owned()).chain(table.iter().map(|(p, _)| p.to_string())).collect()];
    let places = table.first().map(|(_, places)| places.as_slice()).unwrap_or_default();
    for (index, (place, _)) in places.iter().enumerate() {
        let words = table.iter().map(|(_, places)| places.get(index).map_or("-", |(_, regime)| *regime).to_owned());
        grid.push(std::iter::once(place.clone()).chain(words).collect());
    }
    grid
}

fn aligned(grid: &Grid) -> String {
    let columns = grid.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        grid.iter().filter_map(|line| line.get(column)).map(|word| word.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in grid {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(word, width)| format!("{word:<width$}")).collect();
        out.push_str(padded.join("  ").trim_end());
        out.push('\n');
    }
    out
}

pub(super) fn json(register: &Register<'_>, table: bool, today: &str) -> Value {
    let policy = register.policy;
    let names = |purposes: &[Purpose]| purposes.iter().map(|purpose| purpose.as_str().to_owned()).collect::<Vec<_>>();
    let mut value = json!({
        "policy": policy.name,
        "digest": policy.digest,
        "input": policy.input.topics,
        "preset": {
            "name": policy.law.preset.name,
            "review_by": policy.law.preset.review_by,
            "overdue": policy.law.preset.is_overdue(today),
        },
        "detection": {
            "kinds": policy.detect.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "reason": policy.detect.reason,
        },
        "shared_domains": register.shared_domains,
        "routes": policy.routes.iter().map(|route| json!({
            "topic": route.topic,
            "requires": names(&route.requires),
            "serves": names(&route.serves),
            "tokens": route.tokens,
        })).collect::<Vec<_>>(),
    });
    if !table {
        return value;
    }
    let mut rows = Vec::new();
    let key = register.table.key.as_slice();
    let fields = register.table.rows.iter().map(|row| (row.field.as_str(), Some(row.line), row.cells.as_slice()));
    for (field, line, cells) in fields.chain([("(record key)", None, key)]) {
        for (cell, route) in cells.iter().zip(&policy.routes) {
            rows.push(json!({
                "field": field,
                "line": line,
                "route": route.topic,
                "outcomes": cell.outcomes.iter().map(|outcome| json!({
                    "action": outcome.action.as_deref().unwrap_or("drop"),
                    "category": outcome.category,
                    "needs": names(&outcome.needs),
                })).collect::<Vec<_>>(),
            }));
        }
    }
    let regimes: serde_json::Map<String, Value> = register
        .table
        .regimes
        .iter()
        .map(|(purpose, places)| {
            let places = places.iter().map(|(place, regime)| (place.clone(), json!(regime)));
            (purpose.to_string(), Value::Object(places.collect()))
        })
        .collect();
    value["table"] = Value::Array(rows);
    value["regimes"] = Value::Object(regimes);
    value["places"] = register
        .places()
        .into_iter()
        .map(|place| {
            json!({
                "place": place.place,
                "expiry_days": place.expiry_days,
                "teens": place.teens,
                "gpc_denies": place.gpc.iter().map(|purpose| purpose.as_str()).collect::<Vec<_>>(),
            })
        })
        .collect();
    value
}
