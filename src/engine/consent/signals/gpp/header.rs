//! The header of a GPP string: which sections follow.
//!
//! Type (6 bits, 3), version (6 bits, 1), and the section ids as a Fibonacci range: a count (12 bits), then entries of
//! one bit (0 single, 1 range) and offsets in Fibonacci coding, each **from the last id** (GPP, "Consent String
//! Specification", "Range (Fibonacci)"). The trap: decoders that take a second single id for an absolute one never see
//! the third section.
//!
//! Offsets are at least 1, so ids ascend and none comes twice. There is one id a section: a header that announces more
//! sections than follow is wrong, and stops being read at that point, however far its ranges reach.

use crate::engine::consent::signals::bits::{Bits, base64url};
use crate::engine::consent::signals::says::Malformed;

/// Characters a header may have. 64 sections in entries of a bit and two codes of at most 24 bits need 550.
const LONGEST: usize = 1024;

/// Hands out the section ids of a header in order; `each` says whether there is a section for it.
pub(super) fn read(
    text: &str,
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(u16) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    if text.len() > LONGEST {
        return Err(Malformed::TooLong);
    }
    scratch.clear();
    base64url(text, scratch).ok_or(Malformed::Base64)?;
    let mut bits = Bits::within(scratch, text.len() * 6);
    let mut fixed = |width| bits.take(width).ok_or(Malformed::Truncated);
    if (fixed(6)?, fixed(6)?) != (3, 1) {
        return Err(Malformed::Version);
    }
    let entries = fixed(12)?;
    let mut last = 0u16;
    for _ in 0..entries {
        let range = bits.flag().ok_or(Malformed::Truncated)?;
        let mut offset = || {
            let offset = bits.fibonacci().ok_or(Malformed::Truncated)?;
            u16::try_from(offset).map_err(|_| Malformed::Range)
        };
        let first = last.checked_add(offset()?).ok_or(Malformed::Range)?;
        last = if range { first.checked_add(offset()?).ok_or(Malformed::Range)? } else { first };
        for id in first..=last {
            each(id)?;
        }
    }
    // Only zero bits may be left: they fill up the last character and the last byte.
    if super::only_zeros(bits) { Ok(()) } else { Err(Malformed::Header) }
}
