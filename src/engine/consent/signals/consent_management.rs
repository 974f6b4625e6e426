//! RudderStack's consent object: `context.consentManagement` with `allowedConsentIds` and `deniedConsentIds`.
//!
//! Two lists of ids that each deployment chooses; which purposes an id stands for is the policy's `map`. An id is
//! compared as it is, letter case included. `provider` and `resolutionStrategy` say how RudderStack picks destinations:
//! they are not the person's choice, and nothing here reads them. A purpose that several ids are mapped to is refused if
//! one of them is, as with every map.
//!
//! The trap: an id in both lists. Whatever wrote that did not know, so it is a refusal.

use crate::engine::action::Scalar;

/// An element of one of the lists: its id. `None`: malformed, and the element says nothing.
pub fn read(value: Scalar<'_>) -> Option<&str> {
    match value {
        Scalar::String(id) if !id.is_empty() => Some(id),
        Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) | Scalar::String(_) => None,
    }
}

/// What the two lists say about one id: `Some(true)` granted, `Some(false)` denied, `None` nothing.
pub const fn combine(allowed: bool, denied: bool) -> Option<bool> {
    match (allowed, denied) {
        (_, true) => Some(false),
        (true, false) => Some(true),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_wins() {
        assert_eq!(combine(true, false), Some(true));
        assert_eq!(combine(false, true), Some(false));
        assert_eq!(combine(true, true), Some(false));
        assert_eq!(combine(false, false), None);
    }

    #[test]
    fn ids_are_texts() {
        assert_eq!(read(Scalar::String("Analytics")), Some("Analytics"));
        for malformed in [Scalar::String(""), Scalar::Number("1"), Scalar::Bool(true), Scalar::Null] {
            assert_eq!(read(malformed), None);
        }
    }
}
