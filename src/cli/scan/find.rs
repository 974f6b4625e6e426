//! What the detectors find in one text, number or key, with how sure that is.
//!
//! The one place of this command that knows the detectors. Offsets leave it in code points, because that is what whoever
//! looks at a decoded string counts in.

use crate::engine::detect::{Detector, Hit, Kind, Kinds};

/// How sure a find is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confidence {
    /// More likely than not.
    Medium,
    /// A check, or a form that hardly anything else has.
    High,
}

impl Confidence {
    /// Each, least first.
    pub(super) const ALL: &[Confidence] = &[Confidence::Medium, Confidence::High];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A find; it holds no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Find {
    pub(super) kind: Kind,
    /// First code point.
    pub(super) start: usize,
    /// One past the last code point.
    pub(super) end: usize,
    pub(super) confidence: Confidence,
}

/// Looks for every kind.
pub(super) struct Finder {
    detector: Detector,
    hits: Vec<Hit>,
    finds: Vec<Find>,
}

impl Finder {
    pub(super) fn new() -> Finder {
        Finder { detector: Detector::new(Kinds::ALL), hits: Vec::new(), finds: Vec::new() }
    }

    /// Finds in a decoded text that stands under `key`, ascending.
    pub(super) fn text(&mut self, key: Option<&str>, text: &str) -> &[Find] {
        self.finds.clear();
        self.detector.text_under(key, text, &mut self.hits);
        let (mut byte, mut point) = (0, 0);
        for hit in &self.hits {
            let mut count = |to: usize| {
                point += text.get(byte..to).map_or(0, |passed| passed.chars().count());
                byte = to;
                point
            };
            let (start, end) = (count(hit.start), count(hit.end));
            self.finds.push(Find { kind: hit.kind, start, end, confidence: sure(hit.kind) });
        }
        &self.finds
    }

    /// What a JSON number is, by its spelling: all of it.
    pub(super) fn number(&mut self, key: Option<&str>, number: &str) -> &[Find] {
        self.finds.clear();
        let kind = self.detector.number(number, key);
        self.finds.extend(kind.map(|kind| Find { kind, start: 0, end: number.len(), confidence: sure(kind) }));
        &self.finds
    }
}

/// Checks that other things hardly pass are sure; an address can be a version, and a phone number an id.
fn sure(kind: Kind) -> Confidence {
    match kind {
        Kind::Email | Kind::PaymentCard | Kind::Iban => Confidence::High,
        _ => Confidence::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_code_points() {
        let mut finder = Finder::new();
        let finds = finder.text(None, "é😀 ada@example.com, puis bob@example.org");
        let spans: Vec<(usize, usize)> = finds.iter().map(|find| (find.start, find.end)).collect();
        assert_eq!(spans, [(3, 18), (25, 40)]);
    }
}
