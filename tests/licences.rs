//! What is linked into Tamis has a licence, a source and a name that `deny.toml` allows.
//!
//! The same lists as `cargo deny check licenses bans sources`, read without that tool, which takes minutes to build.

use std::path::PathBuf;
use std::process::Command;

/// The strings of `key = [ … ]` in `deny.toml`; of inline tables, the ones after `name =`.
fn list(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let start = text.find(&format!("\n{key} = [")).unwrap_or_else(|| panic!("deny.toml has no {key}"));
    let body = &text[start..];
    let end = body.find("\n]").or_else(|| body.find("]\n")).unwrap();
    body[body.find('[').unwrap()..end]
        .lines()
        .filter_map(|line| {
            let line = line.trim().trim_start_matches('[');
            let line = line.split_once("name =").map_or(line, |(_, rest)| rest);
            let (_, rest) = line.split_once('"')?;
            Some(rest.split_once('"')?.0.to_owned())
        })
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether an SPDX expression can be met with allowed licences. `/` is the old way to write `OR`.
fn allowed(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allow);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut met = both(words, at, allow);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allow);
    }
    met
}

fn both(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let mut met = one(words, at, allow);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allow);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allow: &[String]) -> bool {
    let Some(&word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if word == "(" {
        let met = either(words, at, allow);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut name = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allow.contains(&name)
}

fn host() -> String {
    let text = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// The packages that are resolved for this machine, development dependencies included.
fn packages() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_dependency_is_allowed() {
    let (allow, deny, registries) = (list("allow"), list("deny"), list("allow-registry"));
    let mut breaches = Vec::new();
    let packages = packages();
    for package in &packages {
        let id = format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        match package["license"].as_str() {
            Some(licence) if allowed(licence, &allow) => {}
            Some(licence) => breaches.push(format!("{id}: licence {licence} is not in deny.toml")),
            None => breaches.push(format!("{id}: says no licence")),
        }
        if deny.iter().any(|name| package["name"] == name.as_str()) {
            breaches.push(format!("{id}: is banned in deny.toml"));
        }
        if let Some(source) = package["source"].as_str()
            && !registries.iter().any(|registry| source == format!("registry+{registry}"))
        {
            breaches.push(format!("{id}: comes from {source}"));
        }
    }
    assert!(packages.len() > 50, "only {} packages were looked at", packages.len());
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn licence_expressions_are_read_right() {
    let allow = ["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    assert!(allowed("MIT OR GPL-3.0", &allow));
    assert!(allowed("GPL-3.0/MIT", &allow));
    assert!(allowed("(GPL-3.0 OR MIT) AND MIT", &allow));
    assert!(allowed("Apache-2.0 WITH LLVM-exception", &allow));
    assert!(!allowed("MIT AND GPL-3.0", &allow));
    assert!(!allowed("Apache-2.0", &allow));
    assert!(!allowed("(GPL-3.0 OR MIT) AND Apache-2.0", &allow));
    assert!(!allowed("", &allow));
}
