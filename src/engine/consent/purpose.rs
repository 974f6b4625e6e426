//! What data is wanted for: a closed list, and a deployment's own `x.<word>`.
//!
//! The list is closed so that a typing error in a policy is an error and not a purpose nobody ever denies.

use std::fmt;

/// A purpose that data is wanted for: a member of [`Purpose::KNOWN`], or a deployment's own `x.<word>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(String);

impl Purpose {
    /// The closed list, version 1.
    pub const KNOWN: &'static [&'static str] = &[
        "storage.device",
        "analytics.audience",
        "product.improve",
        "content.personalize",
        "ads.basic",
        "ads.profile",
        "ads.measure",
        "sale_share",
        "sensitive.use",
        "model.train",
        "security.essential",
    ];

    /// Longest `<word>` of a deployment's own purpose: keeps the `tamis-purposes` header and metric labels short.
    const LONGEST_WORD: usize = 32;

    /// Reads a name as it stands in a policy: one of [`Purpose::KNOWN`], or `x.` and a word of `a-z`, `0-9`, `_`, `-`
    /// (at most 32 characters). Anything else is `None`.
    pub fn parse(text: &str) -> Option<Purpose> {
        let own = text.strip_prefix("x.").is_some_and(|word| {
            !word.is_empty()
                && word.len() <= Self::LONGEST_WORD
                && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        });
        (own || Self::KNOWN.contains(&text)).then(|| Purpose(text.to_owned()))
    }

    /// The name, as policies and headers spell it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom a line of a preset speaks about: one purpose, a family (`ads.*`), or every purpose (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    One(Purpose),
    /// The part before `*`, with its dot: `ads.`.
    Family(String),
    Every,
}

impl Pattern {
    /// Families are those of the closed list and `x.*`; a family without members is a typing error.
    pub(super) fn parse(text: &str) -> Option<Pattern> {
        if text == "*" {
            return Some(Pattern::Every);
        }
        match text.strip_suffix('*') {
            Some(family) if family == "x." || is_family(family) => Some(Pattern::Family(family.to_owned())),
            Some(_) => None,
            None => Purpose::parse(text).map(Pattern::One),
        }
    }

    pub(super) fn matches(&self, purpose: &Purpose) -> bool {
        match self {
            Pattern::One(one) => one == purpose,
            Pattern::Family(family) => purpose.as_str().starts_with(family.as_str()),
            Pattern::Every => true,
        }
    }

    /// The more exactly a line names a purpose, the more it weighs; two lines of one row never weigh the same for one
    /// purpose, because families do not overlap and no pattern may be repeated.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Pattern::One(_) => 2,
            Pattern::Family(_) => 1,
            Pattern::Every => 0,
        }
    }
}

fn is_family(prefix: &str) -> bool {
    prefix.ends_with('.') && Purpose::KNOWN.iter().any(|known| known.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_list_reads_back_as_itself() {
        for known in Purpose::KNOWN {
            assert_eq!(Purpose::parse(known).unwrap().as_str(), *known);
        }
    }

    #[test]
    fn own_purposes_are_x_and_a_word() {
        for good in ["x.fraud", "x.a", "x.9-lives", "x.loyalty_card"] {
            assert!(Purpose::parse(good).is_some(), "{good}");
        }
        let long = format!("x.{}", "a".repeat(33));
        for bad in ["x.", "x", "x.*", "x.A", "x.a.b", "x.é", "x. a", "X.a", &long] {
            assert!(Purpose::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn near_misses_are_no_purposes() {
        for bad in ["", "analytics", "Analytics.audience", "analytics.audience ", "ads.*", "ads", "ads.profiles", "*"] {
            assert!(Purpose::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn families_must_have_members() {
        assert!(Pattern::parse("ads.*").unwrap().matches(&Purpose::parse("ads.basic").unwrap()));
        assert!(Pattern::parse("x.*").unwrap().matches(&Purpose::parse("x.own").unwrap()));
        for bad in ["ad.*", "ads*", "a*", "**", "sale_share.*", ".*"] {
            assert!(Pattern::parse(bad).is_none(), "{bad}");
        }
    }
}
