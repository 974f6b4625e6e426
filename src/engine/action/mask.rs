//! `mask`: the shape of a text without its content.
//!
//! Letters become `*` and digits `0`, in any script; everything else stays, so the length and the separators show. A text
//! that is an e-mail address becomes `*@*`, whose parts would otherwise show the lengths of a name and its domain.
//! The trap: `last` must not reveal a short value, so that never more than a third of the characters stay.

use super::{Applied, Scalar, UNFIT, write_or_keep};
use crate::engine::detect;

/// Writes the masked text. Numbers and booleans do not fit: their shape is their content.
pub(super) fn apply(last: usize, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::String(text) = value else { return UNFIT };
    write_or_keep(text, out, |out| {
        if detect::is_email(text) {
            out.extend_from_slice(b"*@*");
            return Some(());
        }
        let count = text.chars().count();
        let masked_count = count - last.min(count / 3);
        for (at, c) in text.chars().enumerate() {
            let c = match c {
                _ if at >= masked_count => c,
                _ if c.is_numeric() => '0',
                _ if c.is_alphabetic() => '*',
                _ => c,
            };
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(())
    })
}
