//! Scalars with a meaning of their own: names, topics, durations, numbers, literals, words of closed lists.
//!
//! A plain scalar is what JSON says it is (`true`, `null`, a number as spelled), else text as written: `NO`, `0777` and
//! `1_000` are texts. Spellings that other readers take for a boolean or a null get a warning.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::engine::action::Literal;
use crate::engine::consent::Purpose;

use super::super::draft::At;
use super::super::nearest::nearest;
use super::super::problem::{Code, Problem, Span};
use super::super::tree::{Node, Value};
use super::{Reader, list};

/// Ten years: no rounding or rotation is longer, and milliseconds stay far from the end of `i64`.
const MAX_SECONDS: u64 = 3653 * 86_400;

impl Reader<'_> {
    /// A scalar's text, or a problem.
    fn word<'n>(&mut self, node: &'n Node, what: &str, meant: &str) -> Option<&'n str> {
        if node.text().is_none() {
            self.wrong_type(node, what, meant);
        }
        node.text()
    }

    /// A name: letters, digits, `.`, `_`, `-`; at most 64.
    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        let text = self.word(node, what, "a word")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
            let message = format!("{what} must be 1 to 64 letters, digits, `.`, `_` or `-`");
            self.report(Problem::new(Code::BadValue, node.span, message));
            return None;
        }
        Some(At { value: text.to_owned(), span: node.span })
    }

    /// Free text that says something.
    pub(super) fn sentence(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.word(node, what, "a sentence")?;
        if text.trim().is_empty() {
            self.report(Problem::new(Code::BadValue, node.span, format!("{what} says nothing")));
            return None;
        }
        Some(text.to_owned())
    }

    /// One of a few words.
    pub(super) fn choice(&mut self, node: &Node, what: &str, words: &[&'static str]) -> Option<&'static str> {
        let meant = format!("one of {}", list(words.iter().copied()));
        let text = self.word(node, what, &meant)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let problem = Problem::new(Code::BadValue, node.span, format!("{what} cannot be `{text}`"));
        let problem = match nearest(text, words.iter().copied()) {
            Some(word) => problem.label(format!("did you mean `{word}`?")),
            None => problem.help(format!("{what} is {meant}")),
        };
        self.report(problem);
        None
    }

    /// Whether a Kafka topic can have this name (Kafka's own rule).
    pub(super) fn topic(&mut self, text: &str, span: Span) -> Option<At<String>> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > 249 || !text.chars().all(fits) || text == "." || text == ".." {
            let message = format!("`{text}` cannot be the name of a Kafka topic");
            let help = "a topic's name has 1 to 249 letters, digits, `.`, `_` or `-`; patterns are not taken";
            self.report(Problem::new(Code::BadTopic, span, message).help(help));
            return None;
        }
        Some(At { value: text.to_owned(), span })
    }

    /// `10s`, `1m`, `1h`, `30d`, in seconds.
    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<u64> {
        let text = self.word(node, what, "a duration such as `10s`, `1m`, `1h` or `30d`")?;
        if let Some(seconds) = seconds(text) {
            return Some(seconds);
        }
        let problem = Problem::new(Code::BadDuration, node.span, format!("{what} cannot be `{text}`"));
        let help = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            format!("a duration needs its unit: `{text}s`, `{text}m`, `{text}h` or `{text}d`")
        } else {
            "a duration is a whole number and its unit, up to ten years: `10s`, `1m`, `1h`, `30d`".to_owned()
        };
        self.report(problem.help(help));
        None
    }

    /// A whole number in a range.
    pub(super) fn whole(&mut self, node: &Node, what: &str, low: u64, high: u64) -> Option<u64> {
        let meant = format!("a whole number from {low} to {high}");
        let text = self.word(node, what, &meant)?;
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let plain = matches!(node.value, Value::Plain(_)) && digits;
        let value = text.parse::<u64>().ok().filter(|n| plain && (low..=high).contains(n));
        if value.is_none() {
            self.report(Problem::new(Code::BadValue, node.span, format!("{what} must be {meant}")));
        }
        value
    }

    /// The items of a list that must not be empty unless said.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str, empty: bool) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) if items.is_empty() && !empty => {
                self.report(Problem::new(Code::BadValue, node.span, format!("{what} must not be empty")));
                None
            }
            Value::List(items) => Some(items),
            _ => {
                self.wrong_type(node, what, "a list");
                None
            }
        }
    }

    /// Reports items that occur before.
    pub(super) fn no_repeats<T: Debug>(&mut self, items: &[At<T>], show: impl Fn(&T) -> String) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for item in items {
            // `1` and `"1"` are told apart by how they are debugged, not by how they are shown.
            if let Some(first) = seen.get(&format!("{:?}", item.value)) {
                let message = format!("`{}` is listed twice", show(&item.value));
                let problem = Problem::new(Code::DuplicateValue, item.span, message);
                self.report(problem.label("again here").other(*first, "first here"));
            } else {
                seen.insert(format!("{:?}", item.value), item.span);
            }
        }
    }

    /// One purpose, or a list of them. `None` where some could not be read.
    pub(super) fn purposes(&mut self, node: &Node, what: &str, empty: bool) -> Option<Vec<At<Purpose>>> {
        let nodes = match &node.value {
            Value::Plain(_) | Value::Quoted(_) => std::slice::from_ref(node),
            Value::List(items) if items.is_empty() && empty => return Some(Vec::new()),
            Value::List(_) => self.items(node, what, false)?,
            Value::Empty | Value::Map(_) => {
                self.wrong_type(node, what, "a purpose or a list of purposes");
                return None;
            }
        };
        let found: Vec<At<Purpose>> = nodes.iter().filter_map(|node| self.purpose(node)).collect();
        self.no_repeats(&found, ToString::to_string);
        (found.len() == nodes.len()).then_some(found)
    }

    fn purpose(&mut self, node: &Node) -> Option<At<Purpose>> {
        let text = self.word(node, "a purpose", "a word")?;
        if let Some(value) = Purpose::parse(text) {
            return Some(At { value, span: node.span });
        }
        let problem = Problem::new(Code::UnknownPurpose, node.span, format!("there is no purpose `{text}`"));
        let known = Purpose::KNOWN.iter().copied();
        let problem = match nearest(text, known.clone()) {
            Some(word) => problem.label(format!("did you mean `{word}`?")),
            None => problem.help(format!("purposes are {}; your own begin with `x.`", list(known))),
        };
        self.report(problem);
        None
    }

    /// A scalar of the policy as a JSON scalar.
    pub(super) fn literal(&mut self, node: &Node, what: &str) -> Option<Literal> {
        match &node.value {
            Value::Quoted(text) => Some(Literal::String(text.clone())),
            Value::Plain(text) => {
                self.warn_ambiguous(node, text);
                Some(plain(text))
            }
            Value::Empty | Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, what, "one value: a text, a number, `true`, `false` or `null`");
                None
            }
        }
    }

    fn warn_ambiguous(&mut self, node: &Node, text: &str) {
        /// What YAML 1.1 or 1.2 readers take for booleans and nulls, and JSON does not.
        const BOOLEANS: &[&str] = &["yes", "no", "on", "off", "true", "false", "y", "n"];
        let lower = text.to_ascii_lowercase();
        let exact = matches!(text, "true" | "false" | "null");
        if !exact && (BOOLEANS.contains(&lower.as_str()) || lower == "null" || text == "~") {
            let problem = Problem::new(Code::AmbiguousScalar, node.span, format!("`{text}` is read as a text here"))
                .help(format!("write `\"{text}\"` to say so, or `true`, `false` or `null` if that is meant"));
            self.report(problem);
        }
    }
}

/// A duration in seconds; the unit is required.
fn seconds(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| *seconds <= MAX_SECONDS)
}

/// Whether a text looks like a duration, right or wrong: digits and then a letter.
pub(super) fn looks_like_duration(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).unwrap_or_default();
    digits > 0 && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphabetic()) && rest != "e"
}

fn plain(text: &str) -> Literal {
    match text {
        "null" => Literal::Null,
        "true" => Literal::Bool(true),
        "false" => Literal::Bool(false),
        _ if is_json_number(text) => Literal::Number(text.to_owned()),
        _ => Literal::String(text.to_owned()),
    }
}

/// RFC 8259 §6.
fn is_json_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|digits| {
        let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    exponent_fits && is_plain_decimal(mantissa)
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, expected) in [
            ("10s", Some(10)),
            ("1m", Some(60)),
            ("2h", Some(7200)),
            ("30d", Some(2_592_000)),
            ("10", None),
            ("0s", None),
            ("01m", None),
            ("1w", None),
            ("1 m", None),
            ("-1m", None),
            ("100000000000000000000d", None),
            ("9999d", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_plain_scalar_is_what_json_says_else_text() {
        for text in ["NO", "0777", "1_000", "+1", ".5", "1.", "0x1F", "on", "-", "1e", "~", "1.2.3", "2026-01-01"] {
            assert_eq!(plain(text), Literal::String(text.into()), "{text}");
        }
        for text in ["1.10", "0", "-0.5", "1e3", "12E-4", "100000000000000000000000"] {
            assert_eq!(plain(text), Literal::Number(text.into()), "{text}");
        }
        assert_eq!(plain("true"), Literal::Bool(true));
        assert_eq!(plain("null"), Literal::Null);
    }
}
