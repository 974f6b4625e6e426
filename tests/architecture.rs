//! The shape of the source: dependencies point one way, the engine touches nothing, files stay small and say what they
//! are. Reads the sources as text, so that a breach fails here with file and line instead of in a review.

use std::path::{Path, PathBuf};

/// One line of code of one source file.
struct Line {
    file: String,
    number: usize,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(under)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// The lines of a file that are code of the product: without comments, and without what follows `#[cfg(test)]`.
fn code_lines(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line == "#[cfg(test)]" {
            break;
        }
        if !line.starts_with("//") {
            lines.push(Line { file: name(path), number: at + 1, text: line.to_owned() });
        }
    }
    lines
}

/// The wing a file belongs to, and how far from the outside it is.
fn wing(file: &str) -> (&'static str, u8) {
    let rest = file.strip_prefix("src/").unwrap_or(file);
    match rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs") {
        "main" => ("main", 0),
        "lib" => ("lib", 0),
        "cli" => ("cli", 1),
        "runtime" => ("runtime", 2),
        "config" => ("config", 3),
        "engine" => ("engine", 4),
        other => panic!("src/{other} belongs to no wing: name it in the table here and in docs/architecture.md"),
    }
}

/// The wings that a line of code names by `crate::<wing>` or `tamis::<wing>`.
fn named_wings(text: &str) -> Vec<&'static str> {
    ["cli", "runtime", "config", "engine"]
        .into_iter()
        .filter(|wing| {
            [format!("crate::{wing}"), format!("tamis::{wing}")].iter().any(|path| {
                text.match_indices(path.as_str()).any(|(at, found)| {
                    !text[at + found.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
            })
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut breaches = Vec::new();
    for file in rust_files("src") {
        let (own, rank) = wing(&name(&file));
        for line in code_lines(&file) {
            for other in named_wings(&line.text) {
                if wing(&format!("src/{other}")).1 < rank {
                    breaches.push(format!("{}:{}: {own} must not know {other}", line.file, line.number));
                }
            }
            if line.text.contains("use crate::{") {
                breaches.push(format!("{}:{}: write one `use crate::<wing>::…` line per wing", line.file, line.number));
            }
        }
    }
    assert!(breaches.is_empty(), "main → cli → runtime → config → engine\n{}", breaches.join("\n"));
}

#[test]
fn the_engine_touches_nothing() {
    // `std::net` is there for addresses, which are data.
    let outside = [
        "rdkafka",
        "tokio",
        "tracing",
        "axum",
        "prometheus",
        "getrandom",
        "clap",
        "anstream",
        "std::fs",
        "std::env",
        "std::process",
        "std::thread",
        "std::time",
        "std::io",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "unsafe ",
        "println!",
        "eprintln!",
        "dbg!",
        "include_bytes!(env!",
    ];
    let mut breaches = Vec::new();
    for file in rust_files("src/engine") {
        // Modules that exist only under `#[cfg(test)]` may measure and print.
        if file.ends_with("tests.rs") || name(&file).ends_with("_tests.rs") {
            continue;
        }
        for line in code_lines(&file) {
            for word in outside.iter().filter(|word| line.text.contains(**word)) {
                breaches.push(format!("{}:{}: the engine names `{word}`", line.file, line.number));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_engine_denies_what_can_panic_or_touch_the_world() {
    let text = std::fs::read_to_string(root().join("src/engine/mod.rs")).unwrap();
    for lint in [
        "unwrap_used",
        "expect_used",
        "indexing_slicing",
        "string_slice",
        "panic",
        "disallowed_methods",
        "disallowed_types",
        "disallowed_macros",
    ] {
        assert!(text.contains(&format!("clippy::{lint}")), "src/engine/mod.rs no longer denies clippy::{lint}");
    }
    for file in rust_files("src/engine") {
        for line in code_lines(&file) {
            let own_lint = line.text.replace("allow(clippy::too_many_arguments)", "").contains("allow(clippy::");
            assert!(!own_lint, "{}:{}: the engine allows itself a lint", line.file, line.number);
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut breaches = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/fuzz_targets"] {
        for file in rust_files(folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = text.lines().count();
            if lines > 500 {
                breaches.push(format!("{}: {lines} lines; a folder of the same name wants to be born", name(&file)));
            }
            // What trybuild must refuse is quoted by its message, which names lines: those files start with code.
            let refused = name(&file).starts_with("tests/compile_fail/");
            if !refused && !text.trim_start_matches("#![no_main]").trim_start().starts_with("//!") {
                breaches.push(format!("{}: does not open with a `//!` that says what it decides", name(&file)));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    let mut breaches = Vec::new();
    for file in rust_files("src") {
        if wing(&name(&file)).0 == "cli" {
            continue;
        }
        for line in code_lines(&file) {
            if ["println!", "eprintln!", "print!(", "stdout()", "stderr()"].iter().any(|word| line.text.contains(word))
                && !line.file.starts_with("src/runtime/logs")
            {
                breaches.push(format!("{}:{}: prints", line.file, line.number));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_checks_here_can_fail() {
    assert_eq!(named_wings("use crate::runtime::metrics::Metrics;"), ["runtime"]);
    assert_eq!(named_wings("fn f(x: crate::cli::Args, y: crate::engine::Engine)"), ["cli", "engine"]);
    assert!(named_wings("use crate::engineering::Bridge;").is_empty());
    assert!(wing("src/runtime/kafka/worker.rs").1 < wing("src/engine/mod.rs").1);
}
