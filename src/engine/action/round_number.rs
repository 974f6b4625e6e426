//! `round` for numbers: the nearest multiple of a step, exactly.
//!
//! A half goes away from zero (25 by 10 is 30, -25 is -30). The result has one plain spelling without trailing zeros, so
//! that the spelling carries nothing of the number that came. Numbers in strings do not fit: only JSON numbers do.

use super::{Applied, Decimal, Scalar, UNFIT};

/// A positive decimal step for rounding numbers, exact.
#[derive(Clone)]
pub struct Step {
    /// As spelled in the policy.
    pub written: String,
    value: Decimal,
}

impl Step {
    /// Reads a JSON number above zero, of at most 38 significant digits; `None` is for the policy reader to report.
    pub fn parse(text: &str) -> Option<Self> {
        let value = Decimal::parse(text).filter(|value| value.is_positive())?;
        Some(Self { written: text.to_owned(), value })
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Step").field(&self.written).finish()
    }
}

/// Writes the nearest multiple. Numbers too large to round exactly are dropped.
pub(super) fn apply(step: &Step, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::Number(text) = value else { return UNFIT };
    let Some(rounded) = Decimal::parse(text).and_then(|number| number.nearest_multiple(step.value)) else {
        return UNFIT;
    };
    let start = out.len();
    rounded.write(out);
    if out.get(start..) == Some(text.as_bytes()) {
        out.truncate(start);
        return Applied::Kept;
    }
    Applied::Wrote
}
