//! Names are told from data, maps from schemas, and memory is bounded.

use super::*;
use crate::cli::scan::walk::Walker;

fn scanned(events: impl Iterator<Item = String>) -> Tree {
    let (mut tree, mut walker) = (Tree::new(), Walker::new());
    for event in events {
        tree.begin();
        walker.walk(event.as_bytes(), &mut tree).unwrap();
    }
    tree.finish();
    tree
}

fn shown(tree: &Tree) -> Vec<String> {
    tree.entries().iter().map(|entry| written(&entry.steps, entry.around)).collect()
}

#[test]
fn names_of_schemas_are_told_from_data() {
    for name in
        ["userId", "user_id", "line2", "ga4Id", "@type", "$schema", "http.status_code", "x-y", "URLPath", "item1"]
    {
        assert!(is_schema_name(name), "{name}");
    }
    for key in [
        "",
        "u-48213",
        "2026-11-24",
        "ada@example.com",
        "a1b2c3",
        "Ada Lovelace",
        "Zoé",
        "203.0.113.7",
        "7",
        "CAA7C83DEDE",
        "aGVsbG8gd29ybGQK",
        "e47de6e1-69f2-433c-9ae6-e90052a38b8d",
        "a'b",
    ] {
        assert!(!is_schema_name(key), "{key}");
    }
}

#[test]
fn keys_that_come_once_or_are_data_are_one_path() {
    let events = (0..9).map(|n| {
        format!(r#"{{"seen":1,"by":{{"u-{n}000":{{"at":{n}}}}},"odd{}":1}}"#, ["x", "y"].get(n).unwrap_or(&"z"))
    });
    assert_eq!(shown(&scanned(events)), ["$.by.*.at", "$.oddz", "$.seen", "$.*"]);
}

#[test]
fn an_object_with_a_long_tail_of_keys_is_a_map() {
    let name = |n: usize| ["ada", "emil", "zoe"][n % 3].to_owned() + &"x".repeat(n / 3);
    let events = (0..60).map(|n| format!(r#"{{"likes":{{"{}":1,"{}":1}},"kept":{{"in":1}}}}"#, name(n), name(n + 1)));
    assert_eq!(shown(&scanned(events)), ["$.kept.in", "$.likes.*"]);
}

#[test]
fn memory_is_bounded_and_every_value_is_counted() {
    let letters = |mut n: usize| {
        let mut word = String::from("k");
        for _ in 0..4 {
            word.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        word
    };
    // Every object has few keys, and there are very many of them.
    let event = |n: usize| {
        let key = |shift: usize| letters(n / shift % 200);
        format!(r#"{{"{}":{{"{}":{{"{}":"{n}"}}}}}}"#, key(1), key(200), letters(n))
    };
    let tree = scanned((0..120_000).map(event));
    assert!(tree.nodes.len() <= MOST + 1, "{}", tree.nodes.len());
    let told: u64 = tree.entries().iter().map(|entry| entry.stats.is(Type::Text)).sum();
    // What is beyond counts whatever it is; objects that stay are no texts.
    assert!(told + tree.beyond.0 >= 120_000 && told <= 120_000, "{told} and {}", tree.beyond.0);
}
