//! Counts what of the made-up people is in a text: in what goes in, and in what comes out.
//!
//! It knows the marks that [`super::people`] puts on every value, not how Tamis finds personal data: two independent
//! ways to look. It finds a mark in any place, in keys and URLs too, but not behind an encoding such as base64.

use memchr::memmem::Finder;

use crate::cli::demo::shop::people;

/// Classes of personal data the shop makes up, by the names that policies use.
pub const CATEGORIES: [&str; 9] = [
    "contact.email",
    "contact.phone",
    "contact.name",
    "contact.postal",
    "id.account",
    "id.device",
    "id.network",
    "financial.card",
    "financial.account",
];

/// How many of each category.
pub type Counts = [u64; CATEGORIES.len()];

/// Looks for every mark.
pub struct Hunter {
    marks: Vec<(usize, Finder<'static>)>,
}

impl Default for Hunter {
    fn default() -> Hunter {
        Hunter::new()
    }
}

impl Hunter {
    /// For the people of [`super::people`].
    pub fn new() -> Hunter {
        let mut marks: Vec<(usize, String)> = Vec::new();
        let mut add = |category: &str, mark: &str| {
            let at = CATEGORIES.iter().position(|known| *known == category).unwrap_or_default();
            marks.push((at, mark.to_owned()));
        };
        // Both ways an `@` is written in a URL and in JSON.
        ["@example.", "%40example.", "\\u0040example."].iter().for_each(|mark| add("contact.email", mark));
        ["+3319900", "+12025550", "+44207946"].iter().for_each(|mark| add("contact.phone", mark));
        people::LAST.iter().for_each(|mark| add("contact.name", mark));
        add("contact.postal", "Nowhere Lane");
        add("id.account", "usr_");
        add("id.device", "d0d0");
        for network in ["192.0.2.", "198.51.100.", "203.0.113."] {
            // The host part is 100 to 254, and 0 once it was cleared.
            add("id.network", &format!("{network}1"));
            add("id.network", &format!("{network}2"));
        }
        add("id.network", "::bad");
        people::CARDS.iter().for_each(|mark| add("financial.card", mark));
        people::IBANS.iter().for_each(|mark| add("financial.account", mark));
        Hunter { marks: marks.iter().map(|(at, mark)| (*at, Finder::new(mark.as_bytes()).into_owned())).collect() }
    }

    /// Adds what is in this text.
    pub fn count(&self, text: &[u8], counts: &mut Counts) {
        for (at, mark) in &self.marks {
            counts[*at] += mark.find_iter(text).count() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CATEGORIES, Counts, Hunter};

    fn found(text: &str) -> Vec<(&'static str, u64)> {
        let mut counts = Counts::default();
        Hunter::new().count(text.as_bytes(), &mut counts);
        CATEGORIES.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn a_value_is_found_wherever_it_stands() {
        assert_eq!(found(r#"{"a@example.com":"x","u":"/?m=b%40example.org"}"#), [("contact.email", 2)]);
        assert_eq!(found("192.0.2.254, 2001:db8:1:2::bad"), [("id.network", 2)]);
    }

    #[test]
    fn what_was_minimized_is_not_found() {
        assert!(found("192.0.2.0 2001:db8:100:: *@* [contact.email] t1.web.0.abcdefghijklmnopqrstuvwxyz").is_empty());
    }
}
