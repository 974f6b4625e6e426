//! `bucket`: the lower edge of the bucket a number falls into.
//!
//! A bucket reaches from its edge (included) to the next edge; the last has no end. What is below the first edge is dropped:
//! a bucket without a floor would have to be named by a number that nobody wrote. Comparison is exact.

use std::cmp::Ordering;

use super::{Applied, Decimal, Effect, Scalar, UNFIT};

/// The lower edge of a bucket, exact.
#[derive(Clone)]
pub struct Edge {
    /// As spelled in the policy: what is written out.
    pub written: String,
    value: Decimal,
}

impl Edge {
    /// Reads a JSON number of at most 38 significant digits; `None` is for the policy reader to report.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { written: text.to_owned(), value: Decimal::parse(text)? })
    }

    /// Orders edges by value: a policy lists them ascending.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.value.compare(other.value)
    }
}

impl PartialEq for Edge {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Edge").field(&self.written).finish()
    }
}

/// Writes the last edge that is not above the number.
pub(super) fn apply(edges: &[Edge], value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::Number(text) = value else { return UNFIT };
    let Some(number) = Decimal::parse(text) else { return UNFIT };
    let found = edges.iter().rfind(|edge| edge.value.compare(number) != Ordering::Greater);
    match found {
        None => Applied::Dropped(Effect::DropUnlisted),
        Some(edge) if edge.written == text => Applied::Kept,
        Some(edge) => {
            out.extend_from_slice(edge.written.as_bytes());
            Applied::Wrote
        }
    }
}
