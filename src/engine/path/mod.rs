//! Selectors: RFC 9535 JSONPath, parsed by `jsonpath-rust`, matched by our own automaton.
//!
//! Version 1 takes names, `*`, non-negative indexes and `..`. Everything else of the standard is refused with a kind
//! that says why. The parser's own evaluator is never used: it is slow, and it differs from the standard in places.

mod automaton;

pub use automaton::{Automaton, State, TooComplex};

use std::fmt;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{Segment, Selector as Parsed};

use crate::engine::outcome::closed_list;

/// A selector is at most this long, in bytes: twenty times what a person writes, and short enough for a parser that
/// backtracks.
const MAX_TEXT: usize = 1024;

/// One parsed selector. Policy text, not personal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// Steps from `$`.
    pub steps: Vec<Step>,
}

/// One step of a selector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// `..` before it: any number of members or elements may lie between.
    pub descendant: bool,
    /// What the step takes.
    pub take: Take,
}

/// What a step takes of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Take {
    /// The member of that name (unescaped).
    Name(String),
    /// The element at that index.
    Index(usize),
    /// Every member or element.
    Any,
}

closed_list! {
    /// Why a selector is refused.
    SelectorErrorKind {
        /// Not JSONPath at all (RFC 9535 §2).
        Syntax = "syntax",
        /// Longer than we read.
        TooLong = "too_long",
        /// `[?…]`: filters depend on values, and a rule must not.
        Filter = "filter",
        /// `[a:b]`
        Slice = "slice",
        /// `[-1]`: the end of an array is not known while it streams by.
        NegativeIndex = "negative_index",
        /// `['a','b']`: write two rules.
        Union = "union",
    }
}

/// A refused selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// Why.
    pub kind: SelectorErrorKind,
    /// Byte offset in the selector's text where it shows.
    pub at: usize,
}

impl Selector {
    /// Reads a selector that starts with `$`.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        if text.len() > MAX_TEXT {
            return Err(SelectorError { kind: SelectorErrorKind::TooLong, at: MAX_TEXT });
        }
        let query = jsonpath_rust::parser::parse_json_path(text)
            .map_err(|error| SelectorError { kind: SelectorErrorKind::Syntax, at: place(&error) })?;
        let steps = query.segments.iter().map(|segment| step(segment, false)).collect::<Result<_, _>>();
        steps.map(|steps| Selector { steps }).map_err(|kind| SelectorError { kind, at: 0 })
    }
}

fn step(segment: &Segment, descendant: bool) -> Result<Step, SelectorErrorKind> {
    match segment {
        Segment::Descendant(inner) => step(inner, true),
        Segment::Selector(selector) => Ok(Step { descendant, take: take(selector)? }),
        Segment::Selectors(_) => Err(SelectorErrorKind::Union),
    }
}

fn take(selector: &Parsed) -> Result<Take, SelectorErrorKind> {
    match selector {
        Parsed::Name(name) => Ok(Take::Name(name.clone())),
        Parsed::Wildcard => Ok(Take::Any),
        Parsed::Index(index) => usize::try_from(*index).map(Take::Index).map_err(|_| SelectorErrorKind::NegativeIndex),
        Parsed::Slice(..) => Err(SelectorErrorKind::Slice),
        Parsed::Filter(_) => Err(SelectorErrorKind::Filter),
    }
}

/// Where the parser stopped, in bytes; selectors are one line.
fn place(error: &JsonPathError) -> usize {
    match error {
        JsonPathError::PestError(pest) => match pest.location {
            pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
        },
        _ => 0,
    }
}

impl fmt::Display for Selector {
    /// The normal spelling of RFC 9535: `$.name` where the shorthand allows it, else `$['na me']`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            match (&step.take, step.descendant) {
                (Take::Name(name), descendant) if is_shorthand(name) => {
                    write!(f, "{}{name}", if descendant { ".." } else { "." })?;
                }
                (Take::Name(name), descendant) => {
                    f.write_str(if descendant { "..['" } else { "['" })?;
                    for c in name.chars() {
                        match c {
                            '\'' | '\\' => write!(f, "\\{c}")?,
                            c if c < ' ' => write!(f, "\\u{:04x}", c as u32)?,
                            c => write!(f, "{c}")?,
                        }
                    }
                    f.write_str("']")?;
                }
                (Take::Index(index), descendant) => write!(f, "{}[{index}]", if descendant { ".." } else { "" })?,
                (Take::Any, true) => f.write_str("..*")?,
                (Take::Any, false) => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

fn is_shorthand(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    name.chars().next().is_some_and(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_written_in_its_normal_spelling() {
        for (text, normal) in [
            ("$", "$"),
            ("$['a']", "$.a"),
            ("$.a[0].*", "$.a[0][*]"),
            ("$..email", "$..email"),
            ("$..*", "$..*"),
            ("$..[1]", "$..[1]"),
            ("$['it\\'s']", "$['it\\'s']"),
            ("$[\"x y\"]", "$['x y']"),
        ] {
            let parsed = Selector::parse(text);
            assert_eq!(parsed.as_ref().map(ToString::to_string), Ok(normal.to_string()), "{text}");
            assert_eq!(parsed.map(|p| Selector::parse(&p.to_string())), Selector::parse(text).map(Ok), "{text}");
        }
    }

    #[test]
    fn what_is_outside_the_subset_is_refused_by_kind() {
        use SelectorErrorKind::*;
        for (text, kind) in [
            ("$[?@.a]", Filter),
            ("$[1:2]", Slice),
            ("$[-1]", NegativeIndex),
            ("$['a','b']", Union),
            ("$..['a','b']", Union),
            ("a", Syntax),
            ("$.", Syntax),
            ("", Syntax),
        ] {
            assert_eq!(Selector::parse(text).map_err(|e| e.kind), Err(kind), "{text}");
        }
    }
}
