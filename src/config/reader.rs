//! From a deployment file's tree to plain values: every function reports what is wrong and goes on.
//!
//! It knows mappings, words, numbers with units, and files that hold secrets; what the keys mean is for
//! [`written`](super::written).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Secret;
use super::problem::{Code, Problem};
use crate::engine::policy::nearest::nearest;
use crate::engine::policy::problem::Span;
use crate::engine::policy::tree::{Entry, Node, Value};

/// Largest file with a secret: a certificate chain has a few KiB.
const SECRET_BYTES: u64 = 1 << 20;

/// Reads values and collects problems.
pub(super) struct Reader {
    /// Where relative paths start: the deployment file's directory.
    pub(super) base: PathBuf,
    pub(super) problems: Vec<Problem>,
    /// Secrets that stand in the file itself: not shown when a problem quotes its line.
    pub(super) hidden: Vec<Span>,
}

/// The entries of a mapping, by key.
pub(super) struct Fields<'n> {
    span: Span,
    name: String,
    entries: BTreeMap<&'n str, &'n Entry>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The key itself, where a problem is about its being there.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.entries.get(key).map_or(self.span, |entry| entry.key_span)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'n Entry> + '_ {
        self.entries.values().copied()
    }
}

impl Reader {
    pub(super) fn report(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(code, span, message).help(help));
    }

    /// A mapping with these keys; `later`: keys of a version to come, with what to do instead.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        name: &str,
        name_span: Span,
        keys: &[&str],
        later: &[(&str, &str)],
    ) -> Fields<'n> {
        let mut fields = self.mapping(node, name, name_span);
        let whose = if name.is_empty() { "a deployment file".to_owned() } else { format!("`{name}`") };
        fields.entries.retain(|key, entry| {
            if keys.contains(key) {
                return true;
            }
            let problem = if let Some((_, why)) = later.iter().find(|(later, _)| later == key) {
                Problem::new(Code::Unsupported, entry.key_span, format!("`{key}` is not supported by this version"))
                    .help(*why)
            } else {
                let problem = Problem::new(Code::UnknownKey, entry.key_span, format!("{whose} has no key `{key}`"));
                problem.help(match nearest(key, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("its keys are {}", keys.join(", ")),
                })
            };
            self.problems.push(problem);
            false
        });
        fields
    }

    /// A mapping whose keys are not known here.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, name: &str, name_span: Span) -> Fields<'n> {
        let mut fields = Fields { span: name_span, name: name.to_owned(), entries: BTreeMap::new() };
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Empty => return fields,
            Value::Plain(_) | Value::Quoted(_) | Value::List(_) => {
                let message = format!("`{name}` must be a mapping of keys and values");
                self.problems.push(Problem::new(Code::WrongType, node.span, message));
                return fields;
            }
        };
        for entry in entries {
            if fields.entries.insert(&entry.key, entry).is_some() {
                let message = format!("`{}` is written twice", entry.key);
                self.problems.push(Problem::new(Code::DuplicateKey, entry.key_span, message));
            }
        }
        fields
    }

    /// A value that must be there; its absence is reported.
    pub(super) fn required<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            let whose = if fields.name.is_empty() { "the file".to_owned() } else { format!("`{}`", fields.name) };
            self.report(Code::MissingKey, fields.span, format!("{whose} has no `{key}`"), format!("`{key}`: {what}"));
        }
        found
    }

    /// A word that is not empty.
    pub(super) fn word<'n>(&mut self, node: &'n Node, name: &str) -> Option<&'n str> {
        match node.text() {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                let message = format!("`{name}` must be a word");
                self.problems.push(Problem::new(Code::WrongType, node.span, message));
                None
            }
        }
    }

    /// A word, or a list of words; at least one, and none twice.
    pub(super) fn words<'n>(&mut self, node: &'n Node, name: &str) -> Vec<(&'n str, Span)> {
        let nodes: Vec<&Node> = match &node.value {
            Value::List(nodes) => nodes.iter().collect(),
            Value::Plain(_) | Value::Quoted(_) => vec![node],
            Value::Empty | Value::Map(_) => Vec::new(),
        };
        if nodes.is_empty() {
            let message = format!("`{name}` must be a list with at least one entry");
            self.problems.push(Problem::new(Code::WrongType, node.span, message));
        }
        let mut words: Vec<(&str, Span)> = Vec::new();
        for node in nodes {
            let Some(word) = self.word(node, name) else { continue };
            if words.iter().any(|(other, _)| *other == word) {
                let message = format!("`{word}` is listed twice under `{name}`");
                self.problems.push(Problem::new(Code::DuplicateValue, node.span, message));
            }
            words.push((word, node.span));
        }
        words
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(&mut self, node: &Node, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.word(node, name)?;
        let found = choices.iter().find(|(choice, _)| *choice == word);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            let help = match nearest(word, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it can be {}", names.join(", ")),
            };
            self.report(Code::BadValue, node.span, format!("`{name}` cannot be `{word}`"), help);
        }
        found.map(|(_, value)| *value)
    }

    /// A whole number with `ms`, `s` or `m`, from `least` to `most`.
    pub(super) fn duration(&mut self, node: &Node, name: &str, least: Duration, most: Duration) -> Option<Duration> {
        let word = self.word(node, name)?;
        let parsed = split_number(word).and_then(|(number, unit)| match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            _ => None,
        });
        if parsed.is_none() {
            let help = "write a whole number and `ms`, `s` or `m`: `100ms`";
            self.report(Code::BadDuration, node.span, format!("`{name}` cannot be `{word}`"), help);
        }
        let parsed = parsed?;
        if parsed < least || parsed > most {
            let range = format!("it can be {}ms to {}ms", least.as_millis(), most.as_millis());
            self.report(Code::BadValue, node.span, format!("`{name}` cannot be `{word}`"), range);
            return None;
        }
        Some(parsed)
    }

    /// A whole number with `KiB`, `MiB` or `GiB`, from `least` to `most` bytes.
    pub(super) fn bytes(&mut self, node: &Node, name: &str, least: usize, most: usize) -> Option<usize> {
        let word = self.word(node, name)?;
        let parsed = split_number(word).and_then(|(number, unit)| {
            let shift = match unit {
                "KiB" => 10,
                "MiB" => 20,
                "GiB" => 30,
                _ => return None,
            };
            usize::try_from(number).ok()?.checked_mul(1 << shift)
        });
        if parsed.is_none() {
            let help = "write a whole number and `KiB`, `MiB` or `GiB`: `16MiB`";
            self.report(Code::BadSize, node.span, format!("`{name}` cannot be `{word}`"), help);
        }
        let parsed = parsed?;
        if parsed < least || parsed > most {
            let range = format!("it can be {}MiB to {}MiB", least >> 20, most >> 20);
            self.report(Code::BadValue, node.span, format!("`{name}` cannot be `{word}`"), range);
            return None;
        }
        Some(parsed)
    }

    /// A path, made absolute.
    pub(super) fn path(&mut self, node: &Node, name: &str) -> Option<PathBuf> {
        self.word(node, name).map(|word| self.base.join(word))
    }

    /// A path to a file that is there.
    pub(super) fn existing(&mut self, node: &Node, name: &str) -> Option<PathBuf> {
        let path = self.path(node, name)?;
        self.is_there(&path, node.span, name).then_some(path)
    }

    /// Is there a file at this path? Reported if not.
    pub(super) fn is_there(&mut self, path: &Path, span: Span, name: &str) -> bool {
        let there = path.is_file();
        if !there {
            let help = "paths start at the deployment file's directory";
            self.report(Code::BadFile, span, format!("`{name}`: there is no file {}", path.display()), help);
        }
        there
    }

    /// A path to a file that will be written: its folder must be there.
    pub(super) fn writable(&mut self, node: &Node, name: &str) -> Option<PathBuf> {
        let path = self.path(node, name)?;
        let folder = path.parent().is_some_and(Path::is_dir);
        if !folder || path.is_dir() {
            let message = format!("`{name}`: there can be no file {}", path.display());
            let help = "name a file in a folder that is there; paths start at the deployment file's directory";
            self.report(Code::BadFile, node.span, message, help);
            return None;
        }
        Some(path)
    }

    /// What a file with a secret holds, without the line end. Nothing of it is ever shown.
    pub(super) fn secret(&mut self, node: &Node, name: &str) -> Option<Secret> {
        let path = self.existing(node, name)?;
        match read_secret(&path) {
            Ok(secret) => Some(secret),
            Err(Unfit::Open(mode)) => {
                let message = format!("`{name}`: others can read {} (mode {mode:04o})", path.display());
                self.report(Code::OpenSecret, node.span, message, format!("chmod 0600 {}", path.display()));
                None
            }
            Err(Unfit::Unusable(why)) => {
                let message = format!("`{name}`: {} {why}", path.display());
                self.problems.push(Problem::new(Code::BadFile, node.span, message));
                None
            }
        }
    }
}

enum Unfit {
    Open(u32),
    Unusable(&'static str),
}

fn read_secret(path: &Path) -> Result<Secret, Unfit> {
    let file = File::open(path).map_err(|_| Unfit::Unusable("cannot be read"))?;
    let mode = file.metadata().map_err(|_| Unfit::Unusable("cannot be read"))?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(Unfit::Open(mode));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES).read_to_string(&mut text).map_err(|_| Unfit::Unusable("is not text"))?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    if text.is_empty() {
        return Err(Unfit::Unusable("is empty"));
    }
    Ok(Secret::new(text))
}

/// `100ms` → 100 and `ms`. No sign, no space, no fraction.
fn split_number(word: &str) -> Option<(u64, &str)> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = word.split_at(digits);
    Some((number.parse().ok()?, unit))
}
