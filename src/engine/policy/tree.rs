//! YAML text → a tree in which every key and every value knows its place in the file.
//!
//! What this decides: nothing about policies. It keeps what YAML readers throw away: keys that occur twice, and the
//! spelling of plain scalars, so that `NO`, `0777`, `1_000` and `1.10` still say what their author wrote. The trap is
//! YAML's own guessing of types: a plain scalar's text is always taken from the source, never from a parsed number.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use super::problem::{Code, Problem, Span};

/// Bytes of a policy file. The largest policy that was measured (5000 rules) has 278 KB.
const MAX_BYTES: usize = 4 << 20;

/// Containers inside containers. The deepest place of the language is nine levels down; each level costs stack.
const MAX_DEPTH: usize = 24;

/// Characters of a key: more than the longest selector (1024 bytes), so that we say what is wrong with a longer one.
const MAX_KEY: usize = 4096;

/// Scalars and containers, aliases expanded: twenty per rule of a policy with 10,000 rules.
const MAX_NODES: usize = 200_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What YAML can say, types not guessed.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing was written.
    Empty,
    /// A scalar without quotes, as written.
    Plain(String),
    /// A scalar in quotes or in a block.
    Quoted(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written; keys may repeat.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The text of a scalar, whether quoted or not.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            Value::Empty | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Reads one document. A syntax error is one problem: what follows it cannot be trusted.
pub(crate) fn parse(file: usize, text: &str) -> Result<Node, Box<Problem>> {
    let whole = Span { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        return Err(Box::new(Problem::new(
            Code::FileTooLarge,
            whole,
            format!("the file is larger than {MAX_BYTES} bytes"),
        )));
    }
    if let Some(at) = text.find('\u{FFFD}') {
        let span = Span { file, start: at, end: at + '\u{FFFD}'.len_utf8() };
        return Err(Box::new(Problem::new(Code::NotUtf8, span, "the file is not UTF-8 text")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            simple_key_max_lookahead: MAX_KEY,
            max_nodes: MAX_NODES,
            max_documents: 1,
            // Comments in a row; the size of the file bounds them already.
            max_buffered_comment_events: MAX_NODES,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let location = error.location();
        let span = location.map_or(whole, |location| span(file, location, text));
        Box::new(Problem::new(Code::Yaml, span, message(&error.to_string())))
    })?;
    convert(file, text, raw)
}

/// The parser's sentence without the place, which we show ourselves.
fn message(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let first = first.split(" at line ").next().unwrap_or(first);
    format!("not readable as YAML: {}", first.trim_start_matches("error: "))
}

fn span(file: usize, location: Location, text: &str) -> Span {
    let span = location.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    let start = number(span.byte_offset()).unwrap_or_else(|| offset(location, text)).min(text.len());
    let length = number(span.byte_len()).unwrap_or(0);
    Span { file, start, end: start.saturating_add(length).min(text.len()) }
}

/// Errors of the parser come with line and column only; both count from 1, columns in characters.
fn offset(location: Location, text: &str) -> usize {
    let mut start = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if number == location.line() {
            let column = usize::try_from(location.column()).unwrap_or(1).saturating_sub(1);
            return start + line.char_indices().nth(column).map_or(line.trim_end().len(), |(at, _)| at);
        }
        start += line.len();
    }
    start
}

struct Raw(RawValue);

enum RawValue {
    Empty,
    /// Guessed to be a boolean or a number: only the source says how it was written.
    Guessed,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Empty)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Empty)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Guessed)
    }

    fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}

fn convert(file: usize, text: &str, raw: Spanned<Raw>) -> Result<Node, Box<Problem>> {
    let mut span_here = span(file, raw.referenced, text);
    let defined = span(file, raw.defined, text);
    let source = text.get(defined.start..defined.end).unwrap_or_default();
    let value = match raw.value.0 {
        RawValue::Empty if source.is_empty() => Value::Empty,
        RawValue::Empty | RawValue::Guessed => Value::Plain(source.trim_end().to_owned()),
        RawValue::Text(decoded) => {
            if source.starts_with(['"', '\'']) || is_block(text, defined.start) {
                Value::Quoted(decoded)
            } else if source.trim_end().lines().count() == 1 {
                Value::Plain(source.trim_end().to_owned())
            } else {
                Value::Plain(decoded)
            }
        }
        RawValue::List(list) => {
            let items: Result<Vec<Node>, Box<Problem>> =
                list.into_iter().map(|item| convert(file, text, item)).collect();
            Value::List(items?)
        }
        RawValue::Map(entries) => {
            let mut list = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = convert(file, text, key)?;
                let value = convert(file, text, value)?;
                let Some(name) = key.text() else {
                    return Err(Box::new(Problem::new(
                        Code::WrongType,
                        key.span,
                        "a key must be a word, not a list or a mapping",
                    )));
                };
                list.push(Entry { key: name.to_owned(), key_span: key.span, value });
            }
            Value::Map(list)
        }
    };
    if let Some(covered) = text.get(span_here.start..span_here.end) {
        span_here.end = span_here.start + covered.trim_end().len();
    }
    Ok(Node { span: span_here, value })
}

/// Whether the scalar that starts here is a block: `|` or `>`, perhaps with `+`, `-` or a digit, is what precedes it.
fn is_block(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default().trim_end();
    let before = before.trim_end_matches(|c: char| matches!(c, '+' | '-') || c.is_ascii_digit());
    before.ends_with(['|', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(node: &Node, text: &str, out: &mut Vec<String>) {
        let slice = text.get(node.span.start..node.span.end).unwrap_or("?");
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| show(item, text, out)),
            Value::Map(entries) => {
                for entry in entries {
                    let key = text.get(entry.key_span.start..entry.key_span.end).unwrap_or("?");
                    out.push(format!("key {} <{key}>", entry.key));
                    show(&entry.value, text, out);
                }
            }
            other => out.push(format!("{other:?} <{slice}>")),
        }
    }

    fn shown(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        match parse(0, text) {
            Ok(node) => show(&node, text, &mut out),
            Err(problem) => out.push(format!("{problem:?}")),
        }
        out
    }

    #[test]
    fn plain_scalars_keep_their_spelling() {
        for word in [
            "NO",
            "on",
            "0777",
            "1_000",
            "1.10",
            "1e3",
            "0x1F",
            "+1",
            "true",
            "True",
            "~",
            "null",
            "1:30",
            ".nan",
            ".inf",
            "2026-01-01",
            "é",
            "=",
            "<<",
        ] {
            let text = format!("a: {word}   # comment\nb: [{word}, x]\n");
            let expected = format!("Plain(\"{word}\") <{word}>");
            let lines = shown(&text);
            assert_eq!(lines.get(1), Some(&expected), "{text}");
            assert_eq!(lines.get(3), Some(&expected), "{text}");
        }
    }

    #[test]
    fn quoted_scalars_are_told_apart_and_empty_is_empty() {
        assert_eq!(
            shown("a: \"x\\ty\"\nb: 'NO'\nc:\nd: |\n  t\ne: {f: , g: ''}\n"),
            [
                "key a <a>",
                "Quoted(\"x\\ty\") <\"x\\ty\">",
                "key b <b>",
                "Quoted(\"NO\") <'NO'>",
                "key c <c>",
                "Empty <>",
                "key d <d>",
                "Quoted(\"t\\n\") <t>",
                "key e <e>",
                "key f <f>",
                "Empty <>",
                "key g <g>",
                "Quoted(\"\") <''>",
            ]
        );
    }

    #[test]
    fn keys_that_occur_twice_arrive_twice_with_their_places() {
        assert_eq!(
            shown("é: 1\na: 2\na: 3\n0x1: b\n$.x['y']: k\n<<: 1\n"),
            [
                "key é <é>",
                "Plain(\"1\") <1>",
                "key a <a>",
                "Plain(\"2\") <2>",
                "key a <a>",
                "Plain(\"3\") <3>",
                "key 0x1 <0x1>",
                "Plain(\"b\") <b>",
                "key $.x['y'] <$.x['y']>",
                "Plain(\"k\") <k>",
                "key << <<<>",
                "Plain(\"1\") <1>",
            ]
        );
    }

    #[test]
    fn aliases_show_where_they_are_used() {
        assert_eq!(
            shown("a: &n 1_0\nb: *n\n"),
            ["key a <a>", "Plain(\"1_0\") <1_0>", "key b <b>", "Plain(\"1_0\") <*n>"]
        );
    }

    #[test]
    fn bombs_and_depth_are_cut_short() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let alias = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(",")));
        }
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        let blocks: String = (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        for text in [
            bomb,
            deep,
            blocks,
            "a: [".into(),
            "a: b: c".into(),
            "---\na: 1\n---\nb: 1\n".into(),
            "\u{FFFD}".into(),
            "a: !x y".into(),
        ] {
            let lines = shown(&text);
            assert_eq!(lines.len(), 1, "{lines:?}");
        }
    }
}
