//! What must not compile: making output from raw values, and printing or serializing what may be personal.
//!
//! `outside/` is code of another crate. `sibling/` is code beside the engine inside this crate: there the engine's
//! source is mounted as a module, so that `runtime` and `cli` stand where they stand in the crate and everything
//! crate-private is within reach. What they still cannot reach is private to `engine`.
//!
//! A line that must be refused ends in `//~` and the compiler's codes for it. Every file is compiled twice: as it is,
//! where exactly these errors must come; and without those lines, where it must compile, so that no error is there for
//! another reason. The cases are compiled against what this build has already compiled, by the compiler itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The engine's own dependencies: what `sibling/` needs.
const ENGINE: &[&str] = &[
    "annotate_snippets",
    "jiff",
    "jsonpath_rust",
    "memchr",
    "pest",
    "serde",
    "serde_json",
    "serde_saphyr",
    "sha2",
    "thiserror",
    "zeroize",
];

/// Libraries by crate name, as this build made them.
fn libraries() -> BTreeMap<String, PathBuf> {
    let out = Command::new(env!("CARGO"))
        // What this test was built with, so that nothing is left to build.
        .args(["test", "--no-run", "--test", "compile_fail", "--offline", "--quiet", "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let messages = String::from_utf8(out.stdout).expect("cargo writes UTF-8");
    let mut libraries = BTreeMap::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let name = message["target"]["name"].as_str().unwrap_or("").replace('-', "_");
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(file) = files.map(PathBuf::from).find(|file| file.extension().is_some_and(|e| e == "rlib")) {
            libraries.insert(name, file);
        }
    }
    libraries
}

type Errors = BTreeSet<(usize, String)>;

/// Errors with their line and code; the file's own lines only count.
fn compile(source: &Path, name: &str, libraries: &BTreeMap<String, PathBuf>, externs: &[&str]) -> Errors {
    let directory = libraries["tamis"].parent().expect("a directory");
    let dependencies = if directory.ends_with("deps") { directory.to_owned() } else { directory.join("deps") };
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "bin", "--emit", "metadata", "--error-format", "json"]);
    // What compiles leaves metadata behind.
    let left = tempfile::tempdir().expect("a directory");
    rustc.args(["--cap-lints", "allow", "--out-dir"]).arg(left.path()).arg("-L");
    rustc.arg(format!("dependency={}", dependencies.display()));
    for extern_ in externs {
        rustc.arg("--extern").arg(format!("{extern_}={}", libraries[*extern_].display()));
    }
    rustc.args(["--crate-name", &format!("case_{name}_{}", std::process::id())]);
    let out = rustc.arg(source).output().expect("rustc runs");
    let text = String::from_utf8(out.stderr).expect("rustc writes UTF-8");
    let mut errors = Errors::new();
    for message in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(code) = message["code"]["code"].as_str().filter(|_| message["level"] == "error") else { continue };
        for span in message["spans"].as_array().into_iter().flatten().filter(|span| span["is_primary"] == true) {
            let line = span["line_start"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or(0);
            let here = span["file_name"].as_str().is_some_and(|file| Path::new(file) == source);
            errors
                .insert((if here { line } else { 0 }, format!("{code} {}", message["message"].as_str().unwrap_or(""))));
        }
    }
    assert_eq!(out.status.success(), errors.is_empty(), "{}: {text}", source.display());
    errors
}

fn check(folder: &str, externs: &[&str]) {
    let libraries = libraries();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail").join(folder);
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).expect("the cases") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let source = std::fs::read_to_string(&path).expect("the case can be read");
        let mut expected = BTreeSet::new();
        let mut control = String::new();
        for (at, line) in source.lines().enumerate() {
            match line.split_once("//~") {
                Some((_, codes)) => expected.extend(codes.split_whitespace().map(|code| (at + 1, code.to_owned()))),
                None => control.push_str(line),
            }
            control.push('\n');
        }
        let errors = compile(&path, &name, &libraries, externs);
        let codes = errors.iter().map(|(line, text)| (*line, text.split(' ').next().unwrap_or("").to_owned()));
        assert_eq!(codes.collect::<BTreeSet<_>>(), expected, "{name}: {errors:#?}");
        // The control stands beside the case for as long as it is compiled, since it mounts by relative path.
        let beside = tempfile::Builder::new().prefix(".control-").suffix(".rs").tempfile_in(&folder).expect("a file");
        std::fs::write(beside.path(), control).expect("the control can be written");
        let errors = compile(beside.path(), &format!("{name}_control"), &libraries, externs);
        assert!(errors.is_empty(), "{name} without its wrong lines: {errors:#?}");
        cases += expected.len();
    }
    assert!(cases >= 10, "{cases} lines only");
}

#[test]
fn another_crate_cannot_make_print_or_serialize_values() {
    check("outside", &["tamis", "serde_json"]);
}

#[test]
fn modules_beside_the_engine_cannot_make_print_or_serialize_values() {
    check("sibling", ENGINE);
}
