//! `--kinds`: what is looked for.

use serde_json::{Value, json};

use super::table;
use crate::engine::detect::Kind;
use crate::engine::policy::Category;

/// The table of kinds, for people.
pub(super) fn text() -> String {
    let head = ["KIND", "CATEGORY", "LEVEL"].map(str::to_owned).to_vec();
    let rows = Kind::ALL
        .iter()
        .map(|kind| vec![kind.as_str().to_owned(), kind.category().to_owned(), level(*kind).to_string()]);
    table::aligned(std::iter::once(head).chain(rows).collect())
}

/// The same, for programs.
pub(super) fn json() -> Value {
    let kind = |kind: &Kind| json!({"kind": kind.as_str(), "category": kind.category(), "level": level(*kind)});
    json!({"kinds": Kind::ALL.iter().map(kind).collect::<Vec<_>>()})
}

/// Sensitivity of a kind's category, 0 to 4; one that is in no list is the most sensitive.
pub(super) fn level(kind: Kind) -> u8 {
    Category::named(kind.category()).map_or(4, |category| category.level)
}
