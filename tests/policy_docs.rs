//! docs/policy-problems.md and docs/policy.md say what is so: every example is run, every code is there, the schema is
//! current. `TAMIS_BLESS=1` rewrites what is generated.

use std::fmt::Write as _;
use std::path::PathBuf;

use tamis::engine::policy::problem::Code;
use tamis::engine::policy::{CATEGORIES, SourceFile, read, render, schema};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("the page is there")
}

fn blessing() -> bool {
    std::env::var_os("TAMIS_BLESS").is_some()
}

/// One section of the page: its code, its policies, and what it shows.
struct Example {
    code: String,
    policies: Vec<String>,
    shown: String,
}

/// The text between two fences of a language, all of them in order.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    section.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn examples(page: &str) -> Vec<Example> {
    page.split("\n### `")
        .skip(1)
        .map(|section| Example {
            code: section.split('`').next().unwrap_or_default().to_owned(),
            policies: blocks(section, "yaml"),
            shown: blocks(section, "text").concat(),
        })
        .collect()
}

/// Policies too large to be printed: only their problem is on the page.
fn generated(code: &str) -> Option<String> {
    let least = examples(&page("policy-problems.md"))
        .into_iter()
        .find(|example| example.code == "topic-twice")
        .and_then(|example| example.policies.first().cloned())
        .expect("the first file of that example is without problems");
    let mut text = least;
    match code {
        "file-too-large" => {
            while text.len() <= 4 << 20 {
                let room = (4 << 20) + 1 - text.len();
                text.push_str(&"#".repeat(room.min(79)));
                text.push('\n');
            }
        }
        "selector-too-long" => writeln!(text, "  $.{}: keep", "a".repeat(1023)).ok()?,
        "too-complex" => {
            for number in 0..40 {
                writeln!(text, "  $..a{number}{}.b: keep", "[*]".repeat(15)).ok()?;
            }
        }
        "too-many-purposes" => {
            let purposes: String = (0..63).map(|n| format!("      - x.p{n:02}\n")).collect();
            let route = format!("  lake.many:\n    requires: [security.essential]\n    serves:\n{purposes}");
            text = text.replace("fields:", &format!("{route}fields:"));
        }
        "too-many-routes" => {
            let routes: String =
                (0..64).map(|n| format!("  lake.r{n}: {{requires: [security.essential]}}\n")).collect();
            text = text.replace("fields:", &format!("{routes}fields:"));
        }
        _ => return None,
    }
    Some(text)
}

fn files(example: &Example) -> Vec<SourceFile> {
    let names = ["policy.yaml", "other.yaml"];
    let texts = match generated(&example.code) {
        Some(text) => vec![text],
        None => example.policies.clone(),
    };
    texts.into_iter().zip(names).map(|(text, name)| SourceFile { name: name.to_owned(), text }).collect()
}

#[test]
fn every_example_of_the_problem_page_renders_as_shown() {
    let text = page("policy-problems.md");
    let mut blessed = text.clone();
    for example in examples(&text) {
        let files = files(&example);
        assert!(!files.is_empty(), "{} has an example", example.code);
        let reading = read(&files);
        let rendered = render(&reading.problems, &files, false);
        let codes: Vec<&str> = reading.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert!(codes.contains(&example.code.as_str()), "{} shows its problem: {codes:?}\n{rendered}", example.code);
        if blessing() {
            let (before, section) = blessed.split_once(&format!("\n### `{}`", example.code)).expect("a section");
            let (head, rest) = section.split_once("```text\n").expect("a text block");
            let (_, rest) = rest.split_once("```").expect("its end");
            blessed = format!("{before}\n### `{}`{head}```text\n{rendered}```{rest}", example.code);
        } else {
            assert_eq!(rendered, example.shown, "{}", example.code);
        }
    }
    if blessing() {
        std::fs::write(root().join("docs/policy-problems.md"), blessed).expect("the page can be written");
    }
}

#[test]
fn every_code_is_on_the_problem_page_once() {
    let mut found: Vec<String> =
        examples(&page("policy-problems.md")).into_iter().map(|example| example.code).collect();
    let mut wanted: Vec<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn every_policy_of_the_language_page_is_accepted() {
    let policies = blocks(&page("policy.md"), "yaml");
    assert!(policies.len() >= 7, "the page has examples");
    let compiled = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    for text in policies {
        let files = [SourceFile { name: "policy.md".to_owned(), text: text.clone() }];
        let reading = read(&files);
        assert!(!reading.has_errors(), "{text}\n{}", render(&reading.problems, &files, false));
        let value: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
        assert!(
            compiled.is_valid(&value),
            "{text}\n{:?}",
            compiled.iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn every_category_and_action_is_on_the_language_page() {
    let text = page("policy.md");
    for category in CATEGORIES {
        assert!(text.contains(&format!("`{}`", category.id)), "{}", category.id);
    }
    let keys = schema();
    for table in
        ["/properties", "/properties/record/properties", "/properties/input/properties", "/properties/law/properties"]
    {
        for key in keys.pointer(table).and_then(|keys| keys.as_object()).expect("a table of keys").keys() {
            assert!(text.contains(&format!("`{key}")) || text.contains(&format!(".{key}`")), "`{key}` is explained");
        }
    }
}

#[test]
fn the_schema_in_docs_is_current() {
    let path = root().join("docs/policy.schema.json");
    let wanted = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    if blessing() {
        std::fs::write(&path, &wanted).expect("the schema can be written");
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        wanted,
        "run `tamis check --schema > docs/policy.schema.json`"
    );
}

#[test]
fn shipped_policies_are_accepted_by_reader_and_schema() {
    let compiled = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    let folder = root().join("policies/examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.ends_with(".yaml") || name.ends_with(".cases.yaml") {
            continue;
        }
        seen += 1;
        let bytes = std::fs::read(&path).expect("a policy");
        let files = [SourceFile::from_bytes(name.clone(), &bytes)];
        let reading = read(&files);
        assert!(reading.problems.is_empty(), "{}", render(&reading.problems, &files, false));
        let value: serde_json::Value = serde_saphyr::from_str(&files[0].text).expect("YAML");
        assert!(
            compiled.is_valid(&value),
            "{name}: {:?}",
            compiled.iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>()
        );
    }
    assert!(seen > 0, "there are example policies in {}", folder.display());
}
