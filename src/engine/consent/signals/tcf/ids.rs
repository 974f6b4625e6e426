//! Small sets of ids that start at 1: purposes, special features, a publisher's own purposes.

/// At most 64 ids, the lowest bit being id 1. In strings the first bit is id 1.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct IdSet(u64);

impl IdSet {
    /// A field of `width` bits as it stands in a string.
    pub(in crate::engine) fn from_field(field: u64, width: u32) -> IdSet {
        IdSet(field.reverse_bits().checked_shr(64 - width.min(64)).unwrap_or(0))
    }

    /// The set of these ids; ids outside 1 to 64 are left out.
    pub(in crate::engine) const fn of(ids: &[u8]) -> IdSet {
        let (mut rest, mut bits) = (ids, 0);
        while let [id, tail @ ..] = rest {
            if *id >= 1 && *id <= 64 {
                bits |= 1 << (*id - 1);
            }
            rest = tail;
        }
        IdSet(bits)
    }

    /// Whether an id is in it.
    pub const fn has(self, id: u8) -> bool {
        self.contains(IdSet::of(&[id])) && id != 0 && id <= 64
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: IdSet) -> IdSet {
        IdSet(self.0 | other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn without(self, other: IdSet) -> IdSet {
        IdSet(self.0 & !other.0)
    }

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: IdSet) -> bool {
        other.0 & !self.0 == 0
    }

    /// Its members, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (1..=64).filter(move |id| self.has(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_of_a_field_is_id_1() {
        let set = IdSet::from_field(0b1000_0000_0001, 12);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 12]);
        assert!(set.has(1) && set.has(12) && !set.has(2) && !set.has(0) && !set.has(65));
        assert_eq!(IdSet::from_field(1, 64).iter().collect::<Vec<_>>(), [64]);
        assert!(IdSet::from_field(0, 0).iter().next().is_none());
        assert!(IdSet::of(&[1, 12, 0, 65]) == set);
    }
}
