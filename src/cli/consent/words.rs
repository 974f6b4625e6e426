//! The words for what codes and ids mean, for people.

use crate::engine::consent::signals::says::{Known, Refusal};
use crate::engine::consent::signals::tcf::Reader;

/// How an answer about a string of that standard begins.
pub(super) fn subject(standard: Option<&str>) -> &'static str {
    match standard {
        Some("tcf") => "tcf: ",
        Some("gpp") => "gpp: ",
        Some("usp") => "usp: ",
        _ => "",
    }
}

/// Why a text cannot be read. Codes that need no words stand for themselves.
pub(super) fn error(code: &str) -> String {
    let words = match code {
        "empty" => "there is nothing",
        "too_long" => "it is longer than any such string needs to be",
        "base64" => "it has characters that base64url does not have, such as `=`, spaces or quotes",
        "version" => "it is of a version that is not read; TCF version 1 ended in 2020",
        "truncated" => "it is cut off",
        "range" => "a range of vendors contradicts itself",
        "too_much_work" => "its ranges span more vendors than there can be",
        "segment" => "a segment is there twice, or empty, or stands where another one belongs",
        "header" => "its header does not fit the sections behind it",
        "character" => "it has a character that does not belong there",
        "unknown_standard" => "it begins like no consent string that is known here",
        _ => return code.to_owned(),
    };
    format!("{words} ({code})")
}

/// Why a string counts as no signal.
pub(super) fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "it cannot be read",
        Refusal::Version => "its version is not read",
        Refusal::NoCmp => "no registered consent management platform wrote it: ids begin at 2",
        Refusal::NotServiceSpecific => "it is meant for every site in the world, which is no consent any more",
        Refusal::PolicyVersion => "it was written under policies older than version 4 (TCF 2.2)",
        Refusal::NoDisclosedVendors => {
            "it does not say which vendors the person was shown, as strings must since 28 February 2026"
        }
        Refusal::TooOld => "it is older than 13 months",
        Refusal::FromTheFuture => "it is dated more than a day after now",
        Refusal::NoPublisherSegment => "it has no segment for the publisher's own purposes",
        Refusal::VendorNotDisclosed => "the person was not shown this vendor",
        Refusal::NotApplicable => "it says that it does not apply",
        Refusal::UnknownValue => "it has a value that its standard does not have",
        Refusal::NoStatement => "it says nothing about a purpose that is known here",
    }
}

/// Whose consent it is.
pub(super) fn reader(reader: Reader) -> String {
    match reader {
        Reader::Publisher => "the publisher".to_owned(),
        Reader::Vendor(vendor) => format!("vendor {vendor}"),
    }
}

/// Purposes by their names here.
pub(super) fn names(purposes: Known) -> String {
    let names: Vec<&str> = purposes.names().collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What a two-bit value of a section of the US means, where its name tells.
pub(super) fn field(name: &str, value: u64) -> &'static str {
    let notice = name.ends_with("Notice") || name == "MspaCoveredTransaction" || name.ends_with("Mode");
    let opt_out = name.ends_with("OptOut");
    let consent = name.ends_with("Consent") || name.ends_with("Consents");
    match (value, notice, opt_out, consent) {
        (0, ..) if notice || opt_out || consent => "not applicable",
        (1, true, ..) => "yes",
        (2, true, ..) => "no",
        (1, _, true, _) => "opted out",
        (2, _, true, _) => "did not opt out",
        (1, _, _, true) => "no consent",
        (2, _, _, true) => "consent",
        _ => "",
    }
}

/// What a character of a US Privacy string means.
pub(super) fn answer(character: char) -> &'static str {
    match character {
        'Y' => "yes",
        'N' => "no",
        _ => "not applicable",
    }
}

/// The framework's purposes, in short.
pub(super) const PURPOSES: [&str; 11] = [
    "storage on the device",
    "advertising, limited data",
    "advertising profiles, making",
    "advertising profiles, using",
    "content profiles, making",
    "content profiles, using",
    "measuring advertising",
    "measuring content",
    "statistics on audiences",
    "improving services",
    "content, limited data",
];

/// Ids as `1-4, 7`, no more than a line of them.
pub(super) fn ids(ids: impl IntoIterator<Item = u16>) -> String {
    const MOST: usize = 12;
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(id) => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let mut texts: Vec<String> = runs
        .iter()
        .take(MOST)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    if runs.len() > MOST {
        texts.push("…".to_owned());
    }
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_are_one_word() {
        assert_eq!(ids([]), "none");
        assert_eq!(ids([1, 2, 3, 7, 65_534, 65_535]), "1-3, 7, 65534-65535");
        let odd = (0..40).map(|id| id * 2 + 1);
        assert_eq!(ids(odd), "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, …");
    }
}
