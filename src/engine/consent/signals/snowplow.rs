//! Snowplow's `consent_preferences` event (`iglu:com.snowplowanalytics.snowplow/consent_preferences/jsonschema/1-0-0`).
//!
//! `eventType` says what happened, `consentScopes` names the scopes it is about, `basisForProcessing` why data may be
//! processed at all. Scopes are each deployment's own, so which purposes one stands for is the policy's `map`; they are
//! compared as they are.
//!
//! | `eventType` | a scope that is listed | a scope that is not |
//! | --- | --- | --- |
//! | `allow_all` | granted | nothing: no one was asked about it |
//! | `allow_selected` | granted | denied: it was there to be selected |
//! | `deny_all`, `withdrawn` | denied | denied |
//! | `expired` | denied | denied |
//! | `pending`, `implicit_consent` | nothing | nothing |
//!
//! `expired` closes: whoever asks for consent, and whose answer ran out, cannot go back to "nobody said no". Consent by
//! carrying on is none (GDPR art. 4(11); CJEU C-673/17, Planet49). And where the basis is another than `consent`, the
//! event's yes is not consent either: it grants nothing, but its no still counts.

use super::says::Refusal;

/// What a `consent_preferences` event says about scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferences {
    listed: Option<bool>,
    others: Option<bool>,
}

/// Reads `eventType` and `basisForProcessing` (`None`: the event has none, which is not consent).
///
/// # Errors
/// [`Refusal::UnknownValue`]: an event type that the schema does not have.
pub fn read(event_type: &str, basis: Option<&str>) -> Result<Preferences, Refusal> {
    let (listed, others) = match event_type {
        "allow_all" => (Some(true), None),
        "allow_selected" => (Some(true), Some(false)),
        "deny_all" | "withdrawn" | "expired" => (Some(false), Some(false)),
        "pending" | "implicit_consent" => (None, None),
        _ => return Err(Refusal::UnknownValue),
    };
    let consent = basis == Some("consent");
    Ok(Preferences { listed: listed.filter(|granted| !granted || consent), others })
}

impl Preferences {
    /// What it says about one scope: `Some(true)` granted, `Some(false)` denied, `None` nothing.
    pub const fn scope(self, listed: bool) -> Option<bool> {
        if listed { self.listed } else { self.others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_type_says_what_the_table_says() {
        for (event_type, listed, others) in [
            ("allow_all", Some(true), None),
            ("allow_selected", Some(true), Some(false)),
            ("deny_all", Some(false), Some(false)),
            ("withdrawn", Some(false), Some(false)),
            ("expired", Some(false), Some(false)),
            ("pending", None, None),
            ("implicit_consent", None, None),
        ] {
            let says = read(event_type, Some("consent")).unwrap();
            assert_eq!((says.scope(true), says.scope(false)), (listed, others), "{event_type}");
        }
        for bad in ["", "Allow_all", "allow_all ", "allow", "granted"] {
            assert_eq!(read(bad, Some("consent")), Err(Refusal::UnknownValue), "{bad:?}");
        }
    }

    #[test]
    fn a_yes_on_another_basis_is_no_consent_and_a_no_is_still_a_no() {
        for basis in [None, Some("legitimate_interests"), Some("contract"), Some(""), Some("Consent")] {
            assert_eq!(read("allow_all", basis).unwrap().scope(true), None, "{basis:?}");
            let selected = read("allow_selected", basis).unwrap();
            assert_eq!((selected.scope(true), selected.scope(false)), (None, Some(false)), "{basis:?}");
            assert_eq!(read("deny_all", basis).unwrap().scope(true), Some(false), "{basis:?}");
        }
    }
}
