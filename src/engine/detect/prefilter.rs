//! One pass over a text's bytes that says which kinds can be in it at all.
//!
//! Most strings of an event hold nothing that any finder starts from. This decides only that, from counts of a few bytes;
//! it never decides that something is there. Each finder's `may` must be sound: no sign, no find. The loop has no branch
//! and no index, so that the compiler makes vector code of it; a later SIMD scan can hand in the same counts for free.

/// How often the bytes occur that finders start from.
#[derive(Clone, Copy, Default)]
pub(super) struct Signs {
    pub(super) ats: usize,
    pub(super) colons: usize,
    pub(super) dots: usize,
    pub(super) pluses: usize,
    pub(super) digits: usize,
}

/// Counters are bytes within a block: shorter than 256, so that none overflows.
const BLOCK: usize = 128;

/// Bytes of a vector. What is behind the last whole one is looked at as one more, filled up with zeros, which are no sign:
/// most texts are so short that they would be nothing else.
const VECTOR: usize = 16;

/// The fewest digits of any kind that needs digits only.
const FEWEST_DIGITS: usize = 4;

impl Signs {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut signs = Self::default();
        let (vectors, rest) = bytes.as_chunks::<VECTOR>();
        let mut last = [0; VECTOR];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let last = (!rest.is_empty()).then_some(&last[..]);
        for block in vectors.as_flattened().chunks(BLOCK).chain(last) {
            let (mut ats, mut colons, mut dots, mut pluses, mut digits) = (0_u8, 0_u8, 0_u8, 0_u8, 0_u8);
            for byte in block {
                ats = ats.wrapping_add(u8::from(*byte == b'@'));
                colons = colons.wrapping_add(u8::from(*byte == b':'));
                dots = dots.wrapping_add(u8::from(*byte == b'.'));
                pluses = pluses.wrapping_add(u8::from(*byte == b'+'));
                digits = digits.wrapping_add(u8::from(byte.wrapping_sub(b'0') < 10));
            }
            signs.ats += usize::from(ats);
            signs.colons += usize::from(colons);
            signs.dots += usize::from(dots);
            signs.pluses += usize::from(pluses);
            signs.digits += usize::from(digits);
        }
        signs
    }

    /// No finder would start.
    pub(super) fn is_quiet(&self) -> bool {
        self.ats == 0 && self.colons < 2 && self.digits < FEWEST_DIGITS
    }
}
