//! Pages that show a terminal show what really happens: every `console` block is run, line by line.
//!
//! A block's commands run in a folder of their own, in which `policies` is the repository's, in the order of the page.
//! What follows a command in the block is what it must print: its answer, or if it has none, what it says to the user
//! on stderr where the page shows it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Commands of a page, each with the lines that follow it.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => {
                    output.push_str(line);
                    output.push('\n');
                }
                (None, None) => panic!("a block begins without a command"),
            },
            (false, _) => {}
        }
    }
    assert!(!inside, "a block has no end");
    found
}

fn run(page: &str) {
    let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("policies"), folder.path().join("policies")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_tamis")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let commands = commands(&text);
    assert!(!commands.is_empty(), "{page} shows something");
    for (command, expected) in commands {
        let output =
            Command::new("sh").args(["-c", &command]).current_dir(folder.path()).env("PATH", &path).output().unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        let talk = String::from_utf8(output.stderr).unwrap();
        let shown = if answer.is_empty() && !expected.is_empty() { talk } else { answer };
        assert_eq!(shown, expected, "{page}: {command}");
    }
}

#[test]
fn the_page_on_keys_shows_what_happens() {
    run("keys.md");
}

#[test]
fn the_page_on_consent_shows_what_happens() {
    run("consent.md");
}
