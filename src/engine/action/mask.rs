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
    if detect::is_email(text) {
        return write_or_keep(text, "*@*", out);
    }
    let count = text.chars().count();
    let masked_count = count - last.min(count / 3);
    let masked: String = text
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            _ if at >= masked_count => c,
            _ if c.is_numeric() => '0',
            _ if c.is_alphabetic() => '*',
            _ => c,
        })
        .collect();
    write_or_keep(text, &masked, out)
}
