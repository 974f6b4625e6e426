//! What is known of one path: how often it was seen, as what, and with which finds. Counts and hashes, no values.

use std::collections::BTreeMap;

use super::find::{Confidence, Find};
use super::shape::{Shape, Shapes};
use crate::engine::detect::Kind;

/// More different values than this are many: a person would not write them into a list.
const MOST_DISTINCT: usize = 64;

/// Counts by kind, and for each by confidence.
pub(super) type Found = BTreeMap<Kind, [u64; Confidence::ALL.len()]>;

/// The JSON types, in the order of [`Stats::types`].
pub(super) const TYPES: [&str; 6] = ["null", "boolean", "number", "text", "object", "array"];

/// The type of a value, as an index into [`TYPES`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Number,
    Text,
    Object,
    Array,
}

/// Counts of one path.
#[derive(Default)]
pub(super) struct Stats {
    /// Values, so that arrays count each element.
    pub(super) values: u64,
    /// Records that it was seen in, and the last of them.
    pub(super) records: u64,
    last_record: u64,
    /// The same for events: elements of an array right beneath the root, which may be a batch.
    pub(super) events: u64,
    last_event: u64,
    pub(super) types: [u64; TYPES.len()],
    /// Values with a find, so that two in one text are one.
    pub(super) hit: u64,
    pub(super) found: Found,
    /// Finds in the key of the member itself.
    pub(super) in_key: Found,
    pub(super) shapes: Shapes,
    distinct: Distinct,
}

impl Stats {
    pub(super) fn touch(&mut self, kind: Type, record: u64, event: u64) {
        self.values += 1;
        self.records += u64::from(self.last_record != record);
        self.events += u64::from(self.last_event != event);
        (self.last_record, self.last_event) = (record, event);
        self.types[kind as usize] += 1;
    }

    /// A scalar that says something: its shape, and a hash that tells it from others in this process only.
    pub(super) fn look(&mut self, shape: Shape, hash: u64, finds: &[Find]) {
        self.shapes[shape as usize] += 1;
        self.distinct.add(hash, 1);
        self.hit += u64::from(!finds.is_empty());
        count(&mut self.found, finds);
    }

    pub(super) fn name(&mut self, finds: &[Find]) {
        count(&mut self.in_key, finds);
    }

    /// Values that are neither null nor a container.
    pub(super) fn telling(&self) -> u64 {
        self.shapes.iter().sum::<u64>() + self.types[Type::Boolean as usize]
    }

    pub(super) fn is(&self, kind: Type) -> u64 {
        self.types[kind as usize]
    }

    /// Whether nearly all that tells something has one of these shapes: one in fifty may be a slip.
    pub(super) fn looks(&self, shapes: &[Shape]) -> bool {
        let full = self.telling() - self.shapes[Shape::Empty as usize];
        let such: u64 = shapes.iter().map(|shape| self.shapes[*shape as usize]).sum();
        full > 0 && such * 50 >= full * 49
    }

    /// How many different values, if they are few and none of them came alone.
    pub(super) fn few(&self) -> Option<usize> {
        let counts = self.distinct.counts.as_ref()?;
        (!counts.is_empty() && counts.values().all(|count| *count > 1)).then_some(counts.len())
    }

    /// Takes in what is known of another path, which is the same from now on.
    pub(super) fn merge(&mut self, other: Stats) {
        self.values += other.values;
        self.records += other.records;
        self.events += other.events;
        self.last_record = self.last_record.max(other.last_record);
        self.last_event = self.last_event.max(other.last_event);
        self.hit += other.hit;
        for (mine, theirs) in [(&mut self.found, other.found), (&mut self.in_key, other.in_key)] {
            for (kind, counts) in theirs {
                let row = mine.entry(kind).or_default();
                row.iter_mut().zip(counts).for_each(|(mine, theirs)| *mine += theirs);
            }
        }
        self.types.iter_mut().zip(other.types).for_each(|(mine, theirs)| *mine += theirs);
        self.shapes.iter_mut().zip(other.shapes).for_each(|(mine, theirs)| *mine += theirs);
        match other.distinct.counts {
            Some(counts) => counts.into_iter().for_each(|(hash, count)| self.distinct.add(hash, count)),
            None => self.distinct.counts = None,
        }
    }
}

fn count(into: &mut Found, finds: &[Find]) {
    for find in finds {
        into.entry(find.kind).or_default()[find.confidence.index()] += 1;
    }
}

/// How often each value came; `None` from the moment that there are too many.
struct Distinct {
    counts: Option<BTreeMap<u64, u32>>,
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct { counts: Some(BTreeMap::new()) }
    }
}

impl Distinct {
    fn add(&mut self, hash: u64, by: u32) {
        if let Some(counts) = &mut self.counts {
            let count = counts.entry(hash).or_default();
            *count = count.saturating_add(by);
            if counts.len() > MOST_DISTINCT {
                self.counts = None;
            }
        }
    }
}
