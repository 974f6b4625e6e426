//! From the tree to a [`Draft`]: one file per part of the language. Every function reports what is wrong and goes on.

mod action;
mod consent;
mod rules;
mod scalar;
mod sections;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::draft::Draft;
use super::keys::{POLICY, Table};
use super::nearest::nearest;
use super::problem::{Code, Problem, Span};
use super::tree::{Entry, Node, Value};

/// Reads the tree of one file.
pub(super) fn read(file: usize, root: &Node, problems: &mut Vec<Problem>) -> Draft {
    let mut reader = Reader { draft: Draft { file, ..Draft::default() }, problems };
    reader.policy(root);
    reader.draft
}

struct Reader<'p> {
    draft: Draft,
    problems: &'p mut Vec<Problem>,
}

/// The entries of a mapping whose keys are known.
struct Fields<'n> {
    entries: BTreeMap<&'static str, &'n Entry>,
}

impl<'n> Fields<'n> {
    fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.get(name).map(|entry| &entry.value)
    }
}

/// Enough entries of a list or mapping to name in a message.
fn written(node: &Node) -> &'static str {
    match node.value {
        Value::Empty => "nothing",
        Value::Plain(_) | Value::Quoted(_) => "a word",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

impl Reader<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn wrong_type(&mut self, node: &Node, what: &str, meant: &str) {
        let message = format!("{what} must be {meant}, and here is {}", written(node));
        self.report(Problem::new(Code::WrongType, node.span, message));
    }

    /// A mapping with fixed keys: unknown, repeated, unsupported and missing ones are reported.
    fn fields<'n>(&mut self, node: &'n Node, table: &'static Table, name_span: Span) -> Option<Fields<'n>> {
        let what = if table.name.is_empty() { "a policy".to_owned() } else { format!("`{}`", table.name) };
        self.fields_of(node, table, name_span, &what)
    }

    /// [`Self::fields`] of a mapping that has a name of its own.
    fn fields_of<'n>(
        &mut self,
        node: &'n Node,
        table: &'static Table,
        name_span: Span,
        what: &str,
    ) -> Option<Fields<'n>> {
        let whole = table.name.is_empty();
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, what, "a mapping of keys and values");
            return None;
        };
        let mut found: BTreeMap<&'static str, &'n Entry> = BTreeMap::new();
        for entry in entries {
            let Some(key) = table.keys.iter().find(|key| key.name == entry.key) else {
                self.unknown_key(entry, table, what);
                continue;
            };
            match found.get(key.name) {
                Some(first) => self.duplicate_key(entry, first.key_span),
                None => {
                    found.insert(key.name, entry);
                }
            }
        }
        for key in table.keys.iter().filter(|key| key.required && !found.contains_key(key.name)) {
            // `tamis:` has a problem of its own, which says more.
            if !(whole && key.name == "tamis") {
                let message = format!("{what} has no `{}`", key.name);
                self.report(
                    Problem::new(Code::MissingKey, name_span, message).help(format!("`{}`: {}", key.name, key.doc)),
                );
            }
        }
        Some(Fields { entries: found })
    }

    fn unknown_key(&mut self, entry: &Entry, table: &Table, what: &str) {
        if let Some((name, why)) = table.later.iter().find(|(name, _)| *name == entry.key) {
            let message = format!("`{name}` in {what} is not supported by this version");
            self.report(Problem::new(Code::Unsupported, entry.key_span, message).help(*why));
            return;
        }
        let message = format!("{what} has no key `{}`", entry.key);
        let problem = Problem::new(Code::UnknownKey, entry.key_span, message);
        let names = table.keys.iter().map(|key| key.name);
        let problem = match nearest(&entry.key, names.clone()) {
            Some(name) => problem.label(format!("did you mean `{name}`?")),
            None if names.clone().count() == 0 => problem,
            None => problem.help(format!("its keys are {}", list(names))),
        };
        self.report(problem);
    }

    fn duplicate_key(&mut self, entry: &Entry, first: Span) {
        let message = format!("`{}` is written twice", entry.key);
        let problem =
            Problem::new(Code::DuplicateKey, entry.key_span, message).label("again here").other(first, "first here");
        self.report(problem);
    }

    /// A mapping whose keys the author chooses; repeated keys are reported and left out.
    fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Entry> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, what, "a mapping");
            return Vec::new();
        };
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut kept = Vec::new();
        for entry in entries {
            match seen.get(entry.key.as_str()) {
                Some(first) => self.duplicate_key(entry, *first),
                None => {
                    seen.insert(&entry.key, entry.key_span);
                    kept.push(entry);
                }
            }
        }
        kept
    }

    fn policy(&mut self, root: &Node) {
        let start = Span { end: root.span.start, ..root.span };
        let Some(fields) = self.fields(root, &POLICY, first_line(root)) else { return };
        self.version(fields.get("tamis"), start);
        if let Some(node) = fields.get("policy") {
            self.draft.name = self.name(node, "the policy's name");
        }
        if let Some(entry) = fields.entries.get("input") {
            self.input(entry);
        }
        if let Some(entry) = fields.entries.get("subjects") {
            self.subjects(entry);
        }
        if let Some(entry) = fields.entries.get("law") {
            self.law(entry);
        }
        if let Some(entry) = fields.entries.get("consent") {
            self.consent(entry);
        }
        if let Some(node) = fields.get("tokens") {
            self.tokens(node);
        }
        // Shared rules come first in the policy, and must know how many routes there are.
        let route_fields = fields.get("routes").map(|node| self.routes(node)).unwrap_or_default();
        if let Some(node) = fields.get("fields") {
            let count = self.draft.routes.len();
            let all = if count >= 64 { u64::MAX } else { (1u64 << count) - 1 };
            self.rules(node, all, true);
        }
        for (index, node) in route_fields {
            self.rules(node, 1u64.checked_shl(index).unwrap_or(0), false);
        }
        if let Some(entry) = fields.entries.get("record") {
            self.record(entry);
        }
        if let Some(entry) = fields.entries.get("detect") {
            self.detect(entry);
        }
    }

    fn version(&mut self, node: Option<&Node>, start: Span) {
        let help = "this version of Tamis reads the policy language 1: write `tamis: 1` as the first line";
        let problem = match node {
            Some(node) if node.text() == Some("1") => return,
            Some(node) => {
                Problem::new(Code::LanguageVersion, node.span, "not a version of the policy language that is known")
            }
            None => Problem::new(
                Code::LanguageVersion,
                start,
                "the file does not say which policy language it is written in",
            ),
        };
        self.report(problem.help(help));
    }
}

/// The first entry of a mapping: where to point when something of the whole file is missing.
fn first_line(root: &Node) -> Span {
    match &root.value {
        Value::Map(entries) => entries.first().map_or(root.span, |entry| entry.key_span),
        _ => root.span,
    }
}

/// "`a`, `b` and `c`"
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
