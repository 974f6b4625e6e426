//! The policy file: read with every problem at once, checked, and handed over as a [`model::Policy`].
//!
//! In reading order: [`tree`](self) keeps the text's places, `keys` lists the language, `reader` makes a draft of what it
//! understands, `check` compares lines and files with each other, and only a draft without errors becomes a policy. A
//! policy that has any error is not handed over in part: the trap would be a route that opens because the line that
//! closes it could not be read. Nothing here panics, whatever the bytes.

mod category;
mod check;
mod describe;
mod draft;
mod keys;
mod lints;
mod meet;
pub mod model;
pub(crate) mod nearest;
pub mod problem;
mod reader;
mod render;
mod schema;
mod table;
pub(crate) mod tree;

use sha2::{Digest, Sha256};

pub use category::{CATEGORIES, Category};
pub use describe::action as action_in_words;
pub use render::{place, render};
pub use schema::schema;
pub use table::{Cell, FieldOutcome, Row, Table};

use draft::{Draft, DraftRule};
use model::{Detect, Input, Law, OnHit, Partition, Policy, RecordRules, Route, Rule};
use problem::{Problem, Severity};

use crate::engine::detect::Kinds;

/// One policy file as it was read from disk.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// What problems call it.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl SourceFile {
    /// From bytes that may not be UTF-8; [`read`] reports where they are not.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> SourceFile {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            // What follows the first wrong byte is not looked at.
            Err(error) => {
                let whole = bytes.get(..error.valid_up_to()).and_then(|bytes| std::str::from_utf8(bytes).ok());
                format!("{}\u{FFFD}", whole.unwrap_or_default())
            }
        };
        SourceFile { name: name.into(), text }
    }
}

/// What came of reading policy files.
#[derive(Debug)]
pub struct Reading {
    /// One policy per file, in order; empty if there is any error in any file.
    pub policies: Vec<Policy>,
    /// Everything that is wrong or worth knowing, by file and place.
    pub problems: Vec<Problem>,
}

impl Reading {
    /// Whether some problem is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity() == Severity::Error)
    }
}

/// Reads policy files that are to work together, and reports all problems of all of them at once.
pub fn read(files: &[SourceFile]) -> Reading {
    let mut problems = Vec::new();
    let mut drafts = Vec::new();
    let mut steps = Vec::new();
    for (index, file) in files.iter().enumerate() {
        match tree::parse(index, &file.text) {
            Ok(root) => {
                let draft = reader::read(index, &root, &mut problems);
                steps.push(check::check(&draft, &mut problems).timestamp_step_ms);
                drafts.push(draft);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    check::across(&drafts, &mut problems);
    problems.sort_by_key(|problem| (problem.at.span, problem.code));
    let mut reading = Reading { policies: Vec::new(), problems };
    if !reading.has_errors() {
        reading.policies = drafts
            .into_iter()
            .zip(steps)
            .filter_map(|(draft, step)| {
                let file = files.get(draft.file)?;
                policy(draft, step, file, files)
            })
            .collect();
    }
    reading
}

/// The policy of a draft without errors. `None` only if a required part is missing, which was reported then.
fn policy(draft: Draft, timestamp_step_ms: i64, file: &SourceFile, files: &[SourceFile]) -> Option<Policy> {
    let Draft { name, topics, split, time, subjects, law, consent, domains, routes, rules, record, detect, .. } = draft;
    let digest = Sha256::digest(file.text.as_bytes());
    let partition = match (&record.partition, &record.key) {
        (Some(partition), _) => partition.value,
        (None, Some(_)) => Partition::ByKey,
        (None, None) => Partition::Same,
    };
    Some(Policy {
        name: name?.value,
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        input: Input {
            topics: topics.into_iter().map(|topic| topic.value).collect(),
            split: split.map(|split| split.value),
            time: time.map(|time| time.value),
        },
        subjects,
        law: Law { preset: law.preset?, country: law.country, region: law.region, age: law.age },
        consent,
        tokens: domains.into_iter().map(|(name, domain)| (name.value, domain)).collect(),
        routes: routes
            .into_iter()
            .map(|route| Route {
                topic: route.topic.value,
                requires: route.requires.into_iter().map(|purpose| purpose.value).collect(),
                serves: route.serves.into_iter().map(|purpose| purpose.value).collect(),
                tokens: route.tokens.map(|domain| domain.value),
            })
            .collect(),
        rules: rules.into_iter().map(|rule| finished(rule, files)).collect(),
        record: RecordRules {
            key: record.key.map(|key| key.value),
            partition,
            timestamp_step_ms,
            headers: record.headers.into_iter().map(|name| name.value).collect(),
            forward_tombstones: record.tombstones.is_some(),
        },
        detect: detect.unwrap_or(Detect { kinds: Kinds::ALL, on_hit: OnHit::Mask, reason: None }),
    })
}

fn finished(rule: DraftRule, files: &[SourceFile]) -> Rule {
    Rule {
        written: rule.written,
        selector: rule.selector,
        place: render::place(rule.span, files),
        action: rule.action.value,
        category: rule.category.map(|category| category.value),
        needs: rule.needs.into_iter().map(|purpose| purpose.value).collect(),
        routes: rule.routes,
    }
}
