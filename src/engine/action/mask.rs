//! `mask`: the shape of a text without its content.
//!
//! Letters become `*` and digits `0`, in any script; white space and punctuation stay, so the length and the separators
//! show. What else Unicode has (marks, symbols, private use, tags) can spell a text and becomes `*`. A text
//! that is an e-mail address becomes `*@*`, whose parts would otherwise show the lengths of a name and its domain.
//! The trap: `last` must not reveal a short value, so that never more than a third of the characters stay.

use super::{Applied, Scalar, UNFIT, write_or_keep};
use crate::engine::detect;

/// White space, and punctuation of ASCII and of typesetting.
fn stays(c: char) -> bool {
    let punctuation =
        matches!(c, '\u{A1}'..='\u{BF}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}' | '\u{3001}'..='\u{303F}');
    !c.is_alphanumeric() && (c.is_ascii() || c.is_whitespace() || punctuation)
}

/// Writes the masked text. Numbers and booleans do not fit: their shape is their content.
pub(super) fn apply(last: usize, value: Scalar<'_>, out: &mut Vec<u8>) -> Applied {
    let Scalar::String(text) = value else { return UNFIT };
    write_or_keep(text, out, |out| {
        if detect::is_email(text) {
            out.extend_from_slice(b"*@*");
            return Some(());
        }
        let start = out.len();
        let count = text.chars().count();
        let masked_count = count - last.min(count / 3);
        for (at, c) in text.chars().enumerate() {
            let c = match c {
                _ if at >= masked_count => c,
                _ if c.is_numeric() => '0',
                _ if stays(c) => c,
                _ => '*',
            };
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        // What stays at the end may be an address by itself once the rest is stars.
        if last > 0
            && out.get(start..).and_then(|masked| std::str::from_utf8(masked).ok()).is_some_and(detect::is_email)
        {
            out.truncate(start);
            out.extend_from_slice(b"*@*");
        }
        Some(())
    })
}
