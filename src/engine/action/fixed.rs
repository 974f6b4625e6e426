//! `fixed`: the value of the policy, whatever came.
//!
//! Nothing of the record passes, so that every type fits, `null` too.

use super::{Applied, Literal, write_string};

/// Writes the literal.
pub(super) fn apply(literal: &Literal, out: &mut Vec<u8>) -> Applied {
    match literal {
        Literal::Null => out.extend_from_slice(b"null"),
        Literal::Bool(true) => out.extend_from_slice(b"true"),
        Literal::Bool(false) => out.extend_from_slice(b"false"),
        Literal::Number(text) => out.extend_from_slice(text.as_bytes()),
        Literal::String(text) => write_string(text, out),
    }
    Applied::Wrote
}
