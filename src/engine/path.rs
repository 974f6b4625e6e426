//! Selectors: RFC 9535 JSONPath, parsed by `jsonpath-rust`, matched by our own automaton.
//!
//! Version 1 takes names, `*`, non-negative indexes and `..`. Everything else of the standard is refused with a code.

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
