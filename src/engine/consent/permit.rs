//! Sets of purposes as machine words, and what an event permits.
//!
//! A set only means something next to the [`Resolver`](super::Resolver) that numbered the purposes. The last bit stands
//! for every purpose that could not be numbered: nothing ever permits it.

use crate::engine::outcome::CloseReason;

/// A set of purposes of one policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurposeSet(pub(super) u64);

impl PurposeSet {
    /// Nothing.
    pub const EMPTY: PurposeSet = PurposeSet(0);

    /// Stands for purposes beyond what a set can number.
    pub(super) const BEYOND: PurposeSet = PurposeSet(1 << 63);

    /// The set of one purpose, by its [`Resolver::index`](super::Resolver::index).
    pub fn of(index: u8) -> PurposeSet {
        1u64.checked_shl(u32::from(index)).map_or(Self::BEYOND, PurposeSet)
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: PurposeSet) -> PurposeSet {
        PurposeSet(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: PurposeSet) -> PurposeSet {
        PurposeSet(self.0 & other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub fn without(self, other: PurposeSet) -> PurposeSet {
        PurposeSet(self.0 & !other.0)
    }

    /// Whether all of `other` is in this.
    pub fn contains(self, other: PurposeSet) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether any of `other` is in this.
    pub fn meets(self, other: PurposeSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What one event permits, and why not the rest. Every purpose that is not permitted has exactly one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    pub(super) permitted: PurposeSet,
    pub(super) denied: PurposeSet,
    pub(super) opted_out: PurposeSet,
    pub(super) prohibited: PurposeSet,
}

impl Permits {
    /// Every purpose that may be served for this event.
    pub fn permitted(&self) -> PurposeSet {
        self.permitted
    }

    /// `None`: all of `required` is permitted, the route opens. Else why not; where several reasons hold, a person's
    /// denial comes before an opt-out signal, that before a prohibition, and all before a missing signal.
    pub fn close_reason(&self, required: PurposeSet) -> Option<CloseReason> {
        let missing = required.without(self.permitted);
        if missing.is_empty() {
            None
        } else if missing.meets(self.denied) {
            Some(CloseReason::Denied)
        } else if missing.meets(self.opted_out) {
            Some(CloseReason::OptOutSignal)
        } else if missing.meets(self.prohibited) {
            Some(CloseReason::Prohibited)
        } else {
            Some(CloseReason::NoSignal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_out_of_range_is_a_purpose_nobody_permits() {
        assert_eq!(PurposeSet::of(64), PurposeSet::BEYOND);
        assert_eq!(PurposeSet::of(255), PurposeSet::BEYOND);
        assert_eq!(PurposeSet::of(3), PurposeSet(8));
    }

    #[test]
    fn reasons_come_in_the_documented_order() {
        let set = PurposeSet;
        let permits = Permits { permitted: set(1), denied: set(2), opted_out: set(4), prohibited: set(8) };
        assert_eq!(permits.close_reason(set(1)), None);
        assert_eq!(permits.close_reason(set(0)), None);
        assert_eq!(permits.close_reason(set(1 | 2 | 4 | 8 | 16)), Some(CloseReason::Denied));
        assert_eq!(permits.close_reason(set(1 | 4 | 8 | 16)), Some(CloseReason::OptOutSignal));
        assert_eq!(permits.close_reason(set(8 | 16)), Some(CloseReason::Prohibited));
        assert_eq!(permits.close_reason(set(1 | 16)), Some(CloseReason::NoSignal));
    }
}
