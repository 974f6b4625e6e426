//! Public suites: JSONTestSuite under keep-all, and the JSONPath compliance suite for the subset that policies take.
//!
//! The suites lie beside the repository in `../shared/data` (or `TAMIS_SHARED_DATA`); without them the tests say so and
//! pass, so that a fresh clone is green.

#![allow(clippy::print_stdout)] // counts are part of the proof

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tamis::engine::outcome::Outcome;
use tamis::engine::path::{Automaton, Selector, SelectorErrorKind, State};

use reference::bench::{Around, Bench};
use reference::generate;
use reference::json::{self, Kind, Node};

/// The folder of a suite, if it is there.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TAMIS_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = root.join(folder);
    if !path.is_dir() {
        println!("skipped: {folder} is not there");
        return None;
    }
    Some(path)
}

/// The normalized path of a child (RFC 9535 §2.7).
fn normalized_name(parent: &str, name: &str) -> String {
    let mut out = format!("{parent}['");
    for character in name.chars() {
        match character {
            '\'' | '\\' => out.extend(['\\', character]),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", character as u32)),
            other => out.push(other),
        }
    }
    out + "']"
}

fn accepted(automaton: &Automaton, state: State, node: &Node<'_>, path: &str, found: &mut BTreeSet<String>) {
    if !automaton.accepts(state).is_empty() {
        found.insert(path.to_owned());
    }
    match &node.kind {
        Kind::Object(slots) => {
            for slot in slots {
                let name = slot.key.as_ref().map_or("", |key| &key.text);
                let child = automaton.member(state, name.as_bytes());
                accepted(automaton, child, &slot.node, &normalized_name(path, name), found);
            }
        }
        Kind::Array(slots) => {
            for (index, slot) in slots.iter().enumerate() {
                let child = automaton.element(state, index);
                accepted(automaton, child, &slot.node, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// What a selector says outside of its quoted names.
fn outside_quotes(selector: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut characters = selector.chars();
    while let Some(character) = characters.next() {
        match quote {
            Some(_) if character == '\\' => drop(characters.next()),
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '\'' || character == '"' => quote = Some(character),
            None => out.push(character),
        }
    }
    out
}

#[test]
fn jsonpath_suite_gives_the_same_nodes_or_a_code() {
    let Some(folder) = shared("jsonpath-cts") else { return };
    let suite = std::fs::read_to_string(folder.join("cts.json")).expect("the suite can be read");
    let suite: serde_json::Value = serde_json::from_str(&suite).expect("the suite is JSON");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for test in suite["tests"].as_array().expect("tests") {
        let selector = test["selector"].as_str().expect("a selector");
        let parsed = Selector::parse(selector);
        let mut count = |what: String| *counts.entry(what).or_default() += 1;
        if test["invalid_selector"] == true {
            match parsed {
                Ok(_) => wrong.push(format!("invalid, but accepted: {selector:?} ({})", test["name"])),
                Err(_) => count("invalid: refused".to_owned()),
            }
            continue;
        }
        let bare = outside_quotes(selector);
        let in_subset = !bare.contains(['?', ':', ',', '-']);
        match parsed {
            Err(error) if in_subset || error.kind == SelectorErrorKind::Syntax => {
                wrong.push(format!("valid, but refused as {}: {selector:?} ({})", error.kind, test["name"]));
            }
            Err(error) => count(format!("outside the subset: refused as {}", error.kind)),
            Ok(_) if !in_subset => wrong.push(format!("outside the subset, but accepted: {selector:?}")),
            Ok(parsed) => {
                let document = test["document"].to_string();
                let document = json::parse(&document).expect("the suite's documents are JSON");
                let automaton = Automaton::build(&[&parsed]).expect("one selector is not complex");
                let mut found = BTreeSet::new();
                accepted(&automaton, automaton.start(), &document.root, "$", &mut found);
                // Several results: the orders that the standard leaves open. A set has no order.
                let paths = test.get("result_paths").or_else(|| test["results_paths"].get(0)).expect("paths");
                let wanted =
                    paths.as_array().expect("a list").iter().map(|p| p.as_str().expect("a path").to_owned()).collect();
                if found == wanted {
                    count("in the subset: same nodes".to_owned());
                } else {
                    wrong.push(format!("{selector:?}: wanted {wanted:?}, found {found:?}"));
                }
            }
        }
    }
    println!("JSONPath compliance suite");
    counts.iter().for_each(|(what, count)| println!("  {count:>5}  {what}"));
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// What keep-all makes of each file of a folder: `identical`, or the reason of the quarantine.
fn keep_all(folder: &Path) -> BTreeMap<String, String> {
    let mut bench = Bench::new(&generate::keep_all(), &generate::keys());
    let mut made = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the suite") {
        let path = entry.expect("a file").path();
        let bytes = std::fs::read(&path).expect("the file can be read");
        let around = Around::plain();
        let got = bench.run(&around.record(&around.headers(), Some(&bytes)));
        assert!(got.conserved && got.events.len() == 1);
        let output = got.outputs.into_values().next().map(|output| output.value.into_bytes());
        let word = match (got.events[0].0, output) {
            (Outcome::Forward, Some(output)) if output == bytes => "identical".to_owned(),
            (Outcome::Forward, _) => "CHANGED".to_owned(),
            (Outcome::Quarantine(reason), None) if got.notes == 1 => reason.to_string(),
            (outcome, _) => format!("{outcome:?}"),
        };
        made.insert(path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(), word);
    }
    made
}

#[test]
fn json_suite_is_kept_byte_for_byte_or_quarantined() {
    let Some(folder) = shared("jsontestsuite") else { return };
    let table = include_str!("conformance/undefined.txt");
    let table: BTreeMap<&str, &str> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .map(|(name, rest)| (name, rest.split(" -- ").next().unwrap_or("").trim()))
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let parsing = keep_all(&folder.join("test_parsing"));
    let transform = keep_all(&folder.join("test_transform"));
    assert_eq!((parsing.len(), transform.len()), (318, 22), "the suite is whole");
    for (name, word) in parsing.into_iter().chain(transform) {
        let kind = name.get(..2).filter(|kind| ["y_", "n_", "i_"].contains(kind)).unwrap_or("transform ");
        let right = match kind {
            "y_" => word == "identical",
            "n_" => word == "invalid_json" || word == "too_deep",
            _ => table.get(name.as_str()) == Some(&word.as_str()),
        };
        if !right {
            wrong.push(format!("{name}: {word}"));
        }
        *counts.entry(format!("{kind}{word}")).or_default() += 1;
    }
    println!("JSONTestSuite under keep-all");
    counts.iter().for_each(|(what, count)| println!("  {count:>5}  {what}"));
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}
