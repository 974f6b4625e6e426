//! Category maps of consent platforms: an object of booleans by ids that each deployment chooses
//! (Segment's `context.consent.categoryPreferences`, RudderStack, OneTrust groups as JSON).
//!
//! Ids are compared as they are, letter case included; which purposes an id stands for is the policy's `map`. An id that
//! the map does not know says nothing. The trap: `"true"`, `1` and `"granted"` look like grants and are not booleans;
//! they are malformed. What is malformed grants nothing; whoever wrote it meant to say something, so that where nobody has
//! to grant it denies what its id stands for. `null` says nothing.

use crate::engine::action::Scalar;

/// `Some(true)` a grant, `Some(false)` a denial, `None` malformed.
pub fn read(value: Scalar<'_>) -> Option<bool> {
    match value {
        Scalar::Bool(granted) => Some(granted),
        Scalar::Null | Scalar::Number(_) | Scalar::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_booleans_are_choices() {
        assert_eq!(read(Scalar::Bool(true)), Some(true));
        assert_eq!(read(Scalar::Bool(false)), Some(false));
        for malformed in [Scalar::Null, Scalar::Number("1"), Scalar::String("true"), Scalar::String("granted")] {
            assert_eq!(read(malformed), None);
        }
    }
}
