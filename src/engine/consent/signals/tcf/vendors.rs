//! Lists of vendors and publisher restrictions, read where they lie.
//!
//! A list is a bitfield or ranges (TCF v2, "Vendor Consent Section"). Decoding passes over it once and notes where it
//! stands; asking for a vendor reads its one bit, or walks the ranges. Nothing is expanded before somebody wants to see
//! every id, so overlapping ranges cost what they weigh. The trap: 12-bit counts of 12-bit counts of ranges of 65,535 ids
//! are a billion ids in a few kilobytes; [`Budget`] stops that while decoding.

use super::ids::IdSet;
use crate::engine::consent::signals::bits::Bits;
use crate::engine::consent::signals::says::Malformed;

/// How many ids the ranges of one string may span together, overlaps counted each time. The most that honest strings
/// need: 24 purposes with three kinds of restriction for each of some 2,000 vendors, and three lists of vendors.
const MOST_IDS: u32 = 1 << 20;

/// What is left of the ids that a string may span.
pub(in crate::engine) struct Budget(u32);

impl Budget {
    /// A whole string's worth.
    pub(in crate::engine) fn new() -> Budget {
        Budget(MOST_IDS)
    }

    fn spend(&mut self, ids: u32) -> Result<(), Malformed> {
        self.0 = self.0.checked_sub(ids).ok_or(Malformed::TooMuchWork)?;
        Ok(())
    }
}

/// Where a list of vendors stands in the decoded bytes.
#[derive(Clone, Copy)]
pub(in crate::engine) struct VendorList {
    at: usize,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    /// A bit for each id from 1.
    Bitfield { max: u16 },
    /// So many ranges.
    Ranges { count: u16 },
}

impl VendorList {
    /// Reads the highest id (16 bits), the form (1 bit) and the list, and leaves the reader behind it.
    pub(in crate::engine) fn read(bits: &mut Bits<'_>, budget: &mut Budget) -> Result<VendorList, Malformed> {
        let max = bits.take(16).ok_or(Malformed::Truncated)? as u16;
        if bits.flag().ok_or(Malformed::Truncated)? {
            return VendorList::read_ranges(bits, max, budget);
        }
        let at = bits.position();
        bits.skip(usize::from(max)).ok_or(Malformed::Truncated)?;
        Ok(VendorList { at, form: Form::Bitfield { max } })
    }

    /// Reads the number of ranges (12 bits) and the ranges, no id of which may be above `max`.
    fn read_ranges(bits: &mut Bits<'_>, max: u16, budget: &mut Budget) -> Result<VendorList, Malformed> {
        let count = bits.take(12).ok_or(Malformed::Truncated)? as u16;
        let at = bits.position();
        for _ in 0..count {
            let (first, last) = range(bits).ok_or(Malformed::Truncated)?;
            if first == 0 || last < first || last > max {
                return Err(Malformed::Range);
            }
            budget.spend(u32::from(last - first) + 1)?;
        }
        Ok(VendorList { at, form: Form::Ranges { count } })
    }

    /// Whether a vendor is in it; `bits` reads the bytes that the list was read from.
    pub(in crate::engine) fn has(&self, bits: Bits<'_>, vendor: u16) -> bool {
        match self.form {
            Form::Bitfield { max } => {
                vendor != 0 && vendor <= max && bits.bit(self.at + usize::from(vendor) - 1) == Some(true)
            }
            Form::Ranges { .. } => self.ranges(bits).any(|(first, last)| (first..=last).contains(&vendor)),
        }
    }

    /// Every vendor in it, ascending, each once.
    pub(in crate::engine) fn ids(&self, bits: Bits<'_>) -> Vec<u16> {
        match self.form {
            Form::Bitfield { max } => (1..=max).filter(|vendor| self.has(bits, *vendor)).collect(),
            Form::Ranges { .. } => {
                let mut ranges: Vec<(u16, u16)> = self.ranges(bits).collect();
                ranges.sort_unstable();
                let (mut ids, mut next) = (Vec::new(), 0u32);
                for (first, last) in ranges {
                    let from = u32::from(first).max(next);
                    ids.extend((from..=u32::from(last)).filter_map(|id| u16::try_from(id).ok()));
                    next = next.max(u32::from(last) + 1);
                }
                ids
            }
        }
    }

    fn ranges<'a>(&self, mut bits: Bits<'a>) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        let count = match self.form {
            Form::Bitfield { .. } => 0,
            Form::Ranges { count } => count,
        };
        let there = bits.skip(self.at).is_some();
        (0..if there { count } else { 0 }).map_while(move |_| range(&mut bits))
    }
}

/// One entry of ranges: whether it is more than one id, the first, and then the last.
#[inline]
fn range(bits: &mut Bits<'_>) -> Option<(u16, u16)> {
    // Both kinds of entries in one look, wherever the text is long enough for the longer one.
    if let Some(entry) = bits.look(33) {
        let (first, last) = ((entry >> 16) as u16, entry as u16);
        return if entry >> 32 == 1 {
            bits.skip(33).map(|()| (first, last))
        } else {
            bits.skip(17).map(|()| (first, first))
        };
    }
    let several = bits.flag()?;
    let first = bits.take(16)? as u16;
    let last = if several { bits.take(16)? as u16 } else { first };
    Some((first, last))
}

/// Where the publisher restrictions stand.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Restrictions {
    at: usize,
    count: u16,
}

/// One publisher restriction: for these vendors, this purpose is restricted so.
pub(in crate::engine) struct Restriction {
    /// The purpose's id.
    pub(in crate::engine) purpose: u8,
    /// 0 not allowed, 1 only with consent, 2 only with legitimate interest; 3 has no meaning.
    pub(in crate::engine) kind: u8,
    /// For whom.
    pub(in crate::engine) vendors: VendorList,
}

/// What the restrictions forbid one vendor.
#[derive(Clone, Copy, Default)]
pub(in crate::engine) struct Forbidden {
    /// Purposes for which its consent does not count.
    pub(in crate::engine) on_consent: IdSet,
    /// Purposes for which its legitimate interest does not count.
    pub(in crate::engine) on_legitimate_interest: IdSet,
}

impl Restrictions {
    /// Reads the number of restrictions (12 bits) and the restrictions, and leaves the reader behind them.
    pub(in crate::engine) fn read(bits: &mut Bits<'_>, budget: &mut Budget) -> Result<Restrictions, Malformed> {
        let count = bits.take(12).ok_or(Malformed::Truncated)? as u16;
        let at = bits.position();
        for _ in 0..count {
            Restriction::read(bits, budget)?;
        }
        Ok(Restrictions { at, count })
    }

    /// Whether there are none.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What they forbid a vendor. A kind without a meaning forbids both.
    pub(in crate::engine) fn forbidden(&self, bits: Bits<'_>, vendor: u16) -> Forbidden {
        let mut forbidden = Forbidden::default();
        for restriction in self.iter(bits).filter(|restriction| restriction.vendors.has(bits, vendor)) {
            let purpose = IdSet::of(&[restriction.purpose]);
            if restriction.kind != 1 {
                forbidden.on_consent = forbidden.on_consent.union(purpose);
            }
            if restriction.kind != 2 {
                forbidden.on_legitimate_interest = forbidden.on_legitimate_interest.union(purpose);
            }
        }
        forbidden
    }

    /// Each of them, in the string's order.
    pub(in crate::engine) fn iter<'a>(&self, mut bits: Bits<'a>) -> impl Iterator<Item = Restriction> + use<'a> {
        let there = bits.skip(self.at).is_some();
        let mut budget = Budget::new();
        (0..if there { self.count } else { 0 }).map_while(move |_| Restriction::read(&mut bits, &mut budget).ok())
    }
}

impl Restriction {
    fn read(bits: &mut Bits<'_>, budget: &mut Budget) -> Result<Restriction, Malformed> {
        let purpose = bits.take(6).ok_or(Malformed::Truncated)? as u8;
        let kind = bits.take(2).ok_or(Malformed::Truncated)? as u8;
        Ok(Restriction { purpose, kind, vendors: VendorList::read_ranges(bits, u16::MAX, budget)? })
    }
}
