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

    /// The members' numbers, ascending.
    pub(super) fn indices(self) -> impl Iterator<Item = u8> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = u8::try_from(rest.trailing_zeros()).ok().filter(|index| *index < 64)?;
            rest &= rest - 1;
            Some(index)
        })
    }
}

/// What one event permits, and why not the rest. Every purpose that is not permitted has exactly one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    permitted: PurposeSet,
    closed: [PurposeSet; CloseReason::ALL.len()],
}

impl Permits {
    /// Nothing is permitted: what nobody decided about.
    pub(super) const NONE: Permits =
        Permits { permitted: PurposeSet::EMPTY, closed: [PurposeSet::EMPTY; CloseReason::ALL.len()] };

    /// Decides one purpose, which must not be decided yet.
    pub(super) fn decide(&mut self, purpose: PurposeSet, reason: Option<CloseReason>) {
        match reason {
            None => self.permitted = self.permitted.union(purpose),
            Some(reason) => {
                if let Some(set) = self.closed.get_mut(reason.index()) {
                    *set = set.union(purpose);
                }
            }
        }
    }

    /// Every purpose that may be served for this event.
    pub fn permitted(&self) -> PurposeSet {
        self.permitted
    }

    /// `None`: all of `required` is permitted, the route opens. Else why not: the first reason, in the order of
    /// [`CloseReason`], that closes one of the purposes; [`CloseReason::Prohibited`] for what no preset knows.
    pub fn close_reason(&self, required: PurposeSet) -> Option<CloseReason> {
        let missing = required.without(self.permitted);
        if missing.is_empty() {
            return None;
        }
        let reasons = CloseReason::ALL.iter().zip(&self.closed);
        let reason = reasons.filter(|(_, closed)| missing.meets(**closed)).map(|(reason, _)| *reason).next();
        Some(reason.unwrap_or(CloseReason::Prohibited))
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
    fn sets_name_their_members() {
        assert_eq!(PurposeSet(0b1010).indices().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(PurposeSet(1 << 63 | 1).indices().collect::<Vec<_>>(), [0, 63]);
        assert_eq!(PurposeSet::EMPTY.indices().count(), 0);
    }

    #[test]
    fn the_first_reason_of_the_list_is_given() {
        let mut permits = Permits::NONE;
        permits.decide(PurposeSet::of(0), None);
        for (index, reason) in (1..).zip(CloseReason::ALL) {
            permits.decide(PurposeSet::of(index), Some(*reason));
        }
        assert_eq!(permits.close_reason(PurposeSet::of(0)), None);
        assert_eq!(permits.close_reason(PurposeSet::EMPTY), None);
        for (index, reason) in (1..).zip(CloseReason::ALL) {
            let behind = PurposeSet(u64::MAX << index);
            assert_eq!(permits.close_reason(behind.without(PurposeSet::BEYOND)), Some(*reason));
        }
        assert_eq!(permits.close_reason(PurposeSet::BEYOND), Some(CloseReason::Prohibited));
    }
}
