//! README and docs/ tell the truth: their commands are run, their policies are checked, and what they show is what comes.
//!
//! A block is run in a folder that holds `policies/` and `scripts/`, with `tamis` at hand, page by page from top to bottom.
//!
//! * `console`: each `$ command`, and below it what it says: its answer, or where it has none, its talk. `…` stands for any
//!   text in a line, and alone on a line, for any lines.
//! * `sh`: must end with 0. `yaml`: a policy or a deployment that has no problem, or a part of one. `json`: is JSON.
//! * `<!-- file: NAME -->` above a block: it is also written to that file. `<!-- with Kafka -->`: a real broker stands in for
//!   127.0.0.1:9092. `<!-- not run: reason -->`: must be in [`NOT_RUN`], so that nobody switches a block off in passing.

#![allow(clippy::print_stderr)] // says what was skipped

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tamis::engine::policy::{SourceFile, read, render};

/// Page, and the first line of the block.
const NOT_RUN: &[(&str, &str)] = &[(
    "README.md",
    "scripts/demo     # the whole pipeline on an embedded broker, with made-up people, live in this terminal",
)];

/// Whole pages whose YAML shows mistakes: `tests/policy_docs.rs` runs each of their examples.
const MISTAKES: &[&str] = &["policy-problems.md"];

/// Topics of the README's deployment.
const TOPICS: &[&str] = &["collector.web", "lake.analytics", "lake.ads", "tamis.consent", "tamis.quarantine"];

/// One fenced block.
struct Block {
    line: usize,
    language: String,
    /// What the comment right above it says.
    directive: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)));
    pages.sort();
    pages
}

fn page_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut directive) = (None::<Block>, String::new());
    for (at, line) in page.lines().enumerate() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            match open.take() {
                Some(block) => blocks.push(block),
                None => {
                    let (language, directive) = (fence.trim().to_owned(), std::mem::take(&mut directive));
                    open = Some(Block { line: at + 1, language, directive, text: String::new() });
                }
            }
        } else if let Some(block) = &mut open {
            block.text.push_str(line);
            block.text.push('\n');
        } else if let Some(comment) = line.trim().strip_prefix("<!--") {
            directive = comment.trim_end_matches("-->").trim().to_owned();
        } else if !line.trim().is_empty() {
            directive.clear();
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Does `said` match `shown`, line by line?
fn matches(shown: &[&str], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((&"…", rest)) => (0..=said.len()).any(|skip| matches(rest, &said[skip..])),
        Some((line, rest)) => said.split_first().is_some_and(|(first, said)| fits(line, first) && matches(rest, said)),
    }
}

fn fits(shown: &str, said: &str) -> bool {
    match shown.split_once('…') {
        None => shown == said,
        Some((start, rest)) => said.strip_prefix(start).is_some_and(|tail| {
            tail.char_indices().map(|(at, _)| at).chain([tail.len()]).any(|at| fits(rest, &tail[at..]))
        }),
    }
}

fn shell(script: &str, folder: &Path) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_tamis")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    Command::new("timeout")
        .args(["--kill-after=10", "180", "bash", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs each `$ command` and compares what it says; the breaches, if any.
fn console(block: &Block, folder: &Path) -> Result<(), String> {
    let mut commands: Vec<(String, Vec<&str>)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((command, shown))) if shown.is_empty() && command.ends_with('\\') => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => return Err("does not begin with `$ command`".to_owned()),
        }
    }
    for (command, shown) in commands {
        let output = shell(&command, folder);
        let (answer, talk) = (text(&output.stdout), text(&output.stderr));
        let said = if answer.is_empty() && !shown.is_empty() { &talk } else { &answer };
        if !matches(&shown, &said.lines().collect::<Vec<_>>()) {
            return Err(format!("`{command}` says\n{answer}{talk}\nand the page shows\n{}", shown.join("\n")));
        }
    }
    Ok(())
}

fn yaml(page: &str, block: &Block, folder: &Path) -> Result<(), String> {
    let begins = |word: &str| block.text.lines().any(|line| line.starts_with(word));
    if MISTAKES.contains(&page) {
        return Ok(());
    }
    if begins("tamis: 1") {
        let files = [SourceFile::from_bytes("page.yaml", block.text.as_bytes())];
        let reading = read(&files);
        return if reading.has_errors() { Err(render(&reading.problems, &files, false)) } else { Ok(()) };
    }
    if begins("kafka:") && begins("policies:") {
        return deployment(&block.text, folder);
    }
    // A part of a file: it must at least be YAML.
    serde_saphyr::from_str::<serde_json::Value>(&block.text).map(drop).map_err(|error| error.to_string())
}

/// Reads a deployment file in a folder where the files that it names are there for that long.
fn deployment(text: &str, folder: &Path) -> Result<(), String> {
    let file = folder.join("page.yaml");
    std::fs::write(&file, text).unwrap();
    let mut made = Vec::new();
    let read = || tamis::config::read(&file).map(drop).map_err(|problems| problems.render(false));
    let mut done = read();
    if let Err(problems) = &done {
        for missing in problems.lines().filter_map(|line| Some(line.split_once("there is no file ")?.1)) {
            let example = root().join("policies/examples").join(Path::new(missing).file_name().unwrap());
            std::fs::write(missing, std::fs::read(example).unwrap_or_else(|_| b"made-up\n".to_vec())).unwrap();
            std::fs::set_permissions(missing, std::fs::Permissions::from_mode(0o600)).unwrap();
            made.push(missing.to_owned());
        }
        done = read();
    }
    made.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    done
}

/// A folder as a reader's: the repository's `policies` and `scripts`, and nothing else.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policies", "scripts"] {
        std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn run_page(path: &Path, kafka: &dyn Fn() -> Option<String>) -> Result<(), String> {
    let (page, folder) = (page_name(path), desk());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for mut block in blocks(&std::fs::read_to_string(path).unwrap()) {
        let first = block.text.lines().next().unwrap_or_default().to_owned();
        if let Some(reason) = block.directive.strip_prefix("not run") {
            let listed = NOT_RUN.iter().any(|(known, line)| *known == page && *line == first);
            assert!(
                listed && reason.len() > 10,
                "{page}:{}: is switched off, and not in the list with a reason",
                block.line
            );
            continue;
        }
        let needs_kafka = block.directive == "with Kafka";
        if needs_kafka || (page == "README.md" && block.text.contains("127.0.0.1:9092")) {
            if let Some(address) = kafka() {
                let admin = free.to_string();
                block.text = block.text.replace("127.0.0.1:9092", &address).replace("127.0.0.1:9600", &admin);
            } else if needs_kafka {
                continue;
            }
        }
        if let Some(name) = block.directive.strip_prefix("file: ") {
            std::fs::write(folder.path().join(name), &block.text).unwrap();
        }
        let done = match block.language.as_str() {
            "console" => console(&block, folder.path()),
            "sh" => {
                let output = shell(&format!("set -eu\n{}", block.text), folder.path());
                let said = || format!("ends with {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
                if output.status.success() { Ok(()) } else { Err(said()) }
            }
            "yaml" => yaml(&page, &block, folder.path()),
            "json" => {
                let each = block.text.lines().filter(|line| !line.is_empty());
                let lines = each.map(serde_json::from_str::<serde_json::Value>).collect::<Result<Vec<_>, _>>();
                let whole = serde_json::from_str::<serde_json::Value>(&block.text);
                if lines.is_ok() || whole.is_ok() { Ok(()) } else { Err("is not JSON".to_owned()) }
            }
            // Pictures, and Rust that rustdoc does not see; nothing that a reader would type.
            "" | "text" | "rust" | "promql" => Ok(()),
            other => Err(format!("is in `{other}`, which this test does not know")),
        };
        done.map_err(|why| format!("{page}:{}: {why}", block.line))?;
    }
    Ok(())
}

/// A real broker with the README's topics; `None` where none can be started, unless this is CI.
fn kafka() -> Option<String> {
    static STARTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let start = || {
        let found = ["java", "mvn", "kcat"]
            .iter()
            .all(|program| shell(&format!("command -v {program}"), &root()).status.success());
        if !found {
            assert!(std::env::var_os("CI").is_none(), "java, mvn and kcat are needed: scripts/bootstrap --tests");
            eprintln!("skipped what needs Kafka: java, mvn and kcat are missing");
            return None;
        }
        let folder = root().join(format!("target/kafka/docs-{}", std::process::id()));
        let output = Command::new(root().join("scripts/kafka"))
            .args(["start", "--owner", &std::process::id().to_string(), "--dir"])
            .arg(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "scripts/kafka: {}", text(&output.stderr));
        let address = text(&output.stdout).trim().to_owned();
        let client: AdminClient<DefaultClientContext> =
            rdkafka::ClientConfig::new().set("bootstrap.servers", &address).create().unwrap();
        let topics: Vec<NewTopic<'_>> =
            TOPICS.iter().map(|topic| NewTopic::new(topic, 4, TopicReplication::Fixed(1))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let made = runtime.block_on(client.create_topics(&topics, &AdminOptions::new())).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        Some(address)
    };
    STARTED.get_or_init(start).clone()
}

#[test]
fn every_page_does_what_it_shows() {
    let wrong: Vec<String> = pages().iter().filter_map(|page| run_page(page, &kafka).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page_name(&path)));
            }
        }
        // Files are also named in plain text; `<kind>` stands for a name, and `../` leads out of the repository.
        for word in page.split(|letter: char| letter.is_whitespace() || "()`,;:*|\"'".contains(letter)) {
            let word = word.trim_end_matches('.');
            let folders = ["docs/", "src/", "tests/", "scripts/", "benches/", "fuzz/"];
            let named = folders.iter().any(|folder| word.starts_with(folder)) && !word.contains('<');
            if named && !root().join(word).exists() {
                broken.push(format!("{}: {word}", page_name(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_checks_here_can_fail() {
    assert!(matches(&["a…c", "…", "z"], &["abc", "x", "y", "z"]));
    assert!(matches(&["…"], &[]));
    assert!(!matches(&["a"], &["a", "b"]));
    assert!(!matches(&["a…c"], &["ab"]));
    let page = "<!-- file: x -->\n```json\n{}\n```\ntext\n```console\n$ false\nout\n```\n";
    let found = blocks(page);
    assert_eq!((found[0].directive.as_str(), found[1].directive.as_str()), ("file: x", ""));
    assert!(console(&found[1], &root()).is_err());
}
