//! The shared folder of consent strings with their meaning.

use std::path::PathBuf;

use serde_json::Value;

/// The vectors of a kind; none where the folder is not there.
pub(crate) fn of_kind(kind: &str) -> Vec<Value> {
    let root = std::env::var_os("TAMIS_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let Ok(text) = std::fs::read_to_string(root.join("consent-vectors/consent-strings.json")) else {
        println!("skipped: consent-vectors is not there");
        return Vec::new();
    };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    all.into_iter().filter(|vector| vector["kind"].as_str().is_some_and(|of| of == kind)).collect()
}
