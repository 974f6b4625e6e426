//! `one_of`: the value if the policy lists it, else nothing.
//!
//! Equality is that of JSON values: types never convert (`"1"` is not `1`), strings compare after unescaping, numbers by
//! their exact decimal value (`1.0` is `1`). A listed value stays as the client spelled it.

use super::{Applied, Decimal, Effect, Literal, Scalar};

/// Keeps a listed value.
pub(super) fn apply(literals: &[Literal], value: Scalar<'_>) -> Applied {
    let listed = literals.iter().any(|literal| equal(literal, value));
    if listed { Applied::Kept } else { Applied::Dropped(Effect::DropUnlisted) }
}

fn equal(literal: &Literal, value: Scalar<'_>) -> bool {
    match (literal, value) {
        (Literal::Null, Scalar::Null) => true,
        (Literal::Bool(a), Scalar::Bool(b)) => *a == b,
        (Literal::String(a), Scalar::String(b)) => a == b,
        (Literal::Number(a), Scalar::Number(b)) => match (Decimal::parse(a), Decimal::parse(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
        _ => false,
    }
}
