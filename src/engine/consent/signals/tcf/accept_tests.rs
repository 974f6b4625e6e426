//! Tests of `tcf/accept.rs`: each rule alone, against a string that every rule lets through.

use super::super::tests::{bitfield, core, entries, text_of};
use super::super::{Tcf, decode};
use super::*;

/// 2026-11-24T00:00:00Z.
const NOW_MS: i64 = 1_795_478_400_000;

/// Purposes as the 24 bits of a string.
fn bits(purposes: &[u8]) -> u32 {
    purposes.iter().fold(0, |bits, purpose| bits | 1 << (24 - purpose))
}

/// Of a string that a test builds.
struct Shape {
    at_ms: i64,
    policy: u8,
    consents: u32,
    interests: u32,
    features: u16,
    restrictions: String,
    disclosed: Option<&'static str>,
    publisher: Option<(u32, u32)>,
}

/// Vendor 2 has everything: consent, legitimate interest, disclosure. Vendor 1 was disclosed.
fn all() -> Shape {
    Shape {
        at_ms: NOW_MS - 3 * DAY_MS,
        policy: 5,
        consents: bits(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        interests: bits(&[2, 7, 8, 9, 10, 11]),
        features: 0b1100_0000_0000,
        restrictions: format!("{:012b}", 0),
        disclosed: Some("11"),
        publisher: Some((bits(&[1, 2]), bits(&[7]))),
    }
}

impl Shape {
    fn text(&self) -> String {
        let core = core((self.at_ms / 100) as u64, self.policy, self.consents, self.interests, self.features);
        let vendors = bitfield("01");
        let mut text = text_of(&format!("{core}{vendors}{vendors}{}", self.restrictions));
        if let Some(disclosed) = self.disclosed {
            text += &format!(".{}", text_of(&format!("001{}", bitfield(disclosed))));
        }
        if let Some((consents, interests)) = self.publisher {
            text += &format!(".{}", text_of(&format!("011{consents:024b}{interests:024b}{:06b}", 0)));
        }
        text
    }

    fn tcf(&self) -> Tcf {
        decode(&self.text()).unwrap_or_else(|why| panic!("{why}"))
    }

    fn says(&self, reader: Reader) -> Result<Says, Refusal> {
        self.tcf().says(reader, Known::EMPTY, NOW_MS)
    }

    /// Granted to vendor 2, with legitimate interest wherever it is allowed.
    fn granted(&self, legitimate_interest: Known) -> Vec<&'static str> {
        let says = self.tcf().says(Reader::Vendor(2), legitimate_interest, NOW_MS).unwrap();
        assert_eq!(says.granted.intersection(says.denied), Known::EMPTY);
        assert_eq!(says.granted.union(says.denied), Known::of("sensitive.use").union(spoken()));
        assert!(says.opted_out.is_empty() && !says.strict && says.age.is_none());
        says.granted.names().collect()
    }
}

fn spoken() -> Known {
    STATEMENTS.iter().fold(Known::EMPTY, |all, (purpose, _)| all.union(*purpose))
}

/// A restriction of a purpose for vendors 1 to 2.
fn restriction(purpose: u8, kind: u8) -> String {
    format!("{:012b}{purpose:06b}{kind:02b}{}", 1, entries(&[(1, 2)]))
}

#[test]
fn a_vendor_with_every_bit_gets_what_the_framework_knows() {
    assert_eq!(
        all().granted(Known::EMPTY),
        [
            "storage.device",
            "analytics.audience",
            "product.improve",
            "content.personalize",
            "ads.basic",
            "ads.profile",
            "ads.measure",
            "sensitive.use"
        ]
    );
}

#[test]
fn each_missing_purpose_denies_what_rests_on_it() {
    for (missing, denied) in [
        (1, "storage.device"),
        (2, "ads.basic"),
        (3, "ads.profile"),
        (4, "ads.profile"),
        (5, "content.personalize"),
        (6, "content.personalize"),
        (7, "ads.measure"),
        (8, "analytics.audience"),
        (9, "analytics.audience"),
        (10, "product.improve"),
    ] {
        let mut shape = all();
        shape.consents &= !bits(&[missing]);
        let says = shape.says(Reader::Vendor(2)).unwrap();
        assert_eq!(says.denied, Known::of(denied), "{missing}");
    }
    for features in [0b1000_0000_0000, 0b0100_0000_0000, 0] {
        let says = Shape { features, ..all() }.says(Reader::Vendor(2)).unwrap();
        assert_eq!(says.denied, Known::of("sensitive.use"));
    }
}

#[test]
fn a_vendor_without_its_bit_is_denied_everything() {
    let says = all().says(Reader::Vendor(1)).unwrap();
    assert!(says.granted.is_empty());
    assert_eq!(says.denied, spoken().union(Known::of("sensitive.use")));
}

#[test]
fn legitimate_interest_counts_where_it_is_asked_for_and_allowed() {
    let shape = Shape { consents: 0, interests: bits(&(1..=24).collect::<Vec<_>>()), ..all() };
    assert_eq!(shape.granted(Known::EMPTY), ["sensitive.use"]);
    assert_eq!(shape.granted(Known::of("ads.basic")), ["ads.basic", "sensitive.use"]);
    let everywhere = ["analytics.audience", "product.improve", "ads.basic", "ads.measure", "sensitive.use"];
    assert_eq!(shape.granted(Known::ALL), everywhere);
    // One of two purposes on consent, the other on legitimate interest.
    let mixed = Shape { consents: bits(&[8]), interests: bits(&[9]), ..all() };
    assert_eq!(mixed.granted(Known::of("analytics.audience")), ["analytics.audience", "sensitive.use"]);
}

#[test]
fn restrictions_take_away_the_basis_that_they_speak_about() {
    let consent = |kind| Shape { interests: 0, restrictions: restriction(2, kind), ..all() }.granted(Known::ALL);
    let interest = |kind| Shape { consents: 0, restrictions: restriction(2, kind), ..all() }.granted(Known::ALL);
    for (kind, on_consent, on_interest) in [(0, false, false), (1, true, false), (2, false, true), (3, false, false)] {
        assert_eq!(consent(kind).contains(&"ads.basic"), on_consent, "{kind}");
        assert_eq!(interest(kind).contains(&"ads.basic"), on_interest, "{kind}");
        assert!(consent(kind).contains(&"ads.measure") && interest(kind).contains(&"ads.measure"));
    }
}

#[test]
fn the_publisher_has_its_own_segment() {
    let says = all().says(Reader::Publisher).unwrap();
    assert_eq!(says.granted.names().collect::<Vec<_>>(), ["storage.device", "ads.basic", "sensitive.use"]);
    let tcf = all().tcf();
    let interested = tcf.says(Reader::Publisher, Known::ALL, NOW_MS).unwrap();
    assert!(interested.granted.contains(Known::of("ads.measure")));
    let without = Shape { publisher: None, ..all() };
    assert_eq!(without.says(Reader::Publisher), Err(Refusal::NoPublisherSegment));
    assert!(without.says(Reader::Vendor(2)).is_ok());
    // A restriction is against vendors.
    let restricted = Shape { restrictions: restriction(2, 0), ..all() };
    assert!(restricted.says(Reader::Publisher).unwrap().granted.contains(Known::of("ads.basic")));
}

#[test]
fn vendors_that_were_not_shown_were_not_asked_about() {
    let undisclosed = Shape { disclosed: Some("10"), ..all() };
    assert_eq!(undisclosed.says(Reader::Vendor(2)), Err(Refusal::VendorNotDisclosed));
    assert_eq!(all().says(Reader::Vendor(3)), Err(Refusal::VendorNotDisclosed));
    assert_eq!(all().says(Reader::Vendor(0)), Err(Refusal::VendorNotDisclosed));
    // Before the day from which strings must say it, a string without the list is taken.
    let before = Shape { disclosed: None, at_ms: DISCLOSURE_FROM_MS - 1_000, ..all() };
    assert!(before.says(Reader::Vendor(2)).is_ok());
    let after = Shape { disclosed: None, at_ms: DISCLOSURE_FROM_MS, ..all() };
    assert_eq!(after.says(Reader::Vendor(2)), Err(Refusal::NoDisclosedVendors));
    assert_eq!(after.says(Reader::Publisher), Err(Refusal::NoDisclosedVendors));
}

#[test]
fn old_policies_are_refused_and_new_ones_taken() {
    for (policy, refused) in [(0, true), (2, true), (3, true), (4, false), (5, false), (6, false), (63, false)] {
        let says = Shape { policy, ..all() }.says(Reader::Vendor(2));
        assert_eq!(says.err(), refused.then_some(Refusal::PolicyVersion), "{policy}");
    }
}

#[test]
fn strings_for_every_site_and_of_nobody_are_refused() {
    let text = all().text();
    // The service-specific flag is bit 138, the first of its character; CMP ids are bits 78 to 89.
    let at = 138 / 6;
    let mut everywhere = text.clone();
    let six = text.as_bytes()[at];
    assert!(six.is_ascii_lowercase(), "the flag is set, so the sextet is 32 or more");
    everywhere.replace_range(at..=at, &char::from(six - b'a' + 26 - 32 + b'A').to_string());
    let tcf = decode(&everywhere).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(tcf.says(Reader::Vendor(2), Known::EMPTY, NOW_MS), Err(Refusal::NotServiceSpecific));
    for (id, refused) in [("AA", true), ("AB", true), ("AC", false)] {
        let mut named = text.clone();
        named.replace_range(13..15, id);
        let tcf = decode(&named).unwrap_or_else(|why| panic!("{why}"));
        let says = tcf.says(Reader::Vendor(2), Known::EMPTY, NOW_MS);
        assert_eq!(says.err(), refused.then_some(Refusal::NoCmp), "{id}");
    }
}

#[test]
fn consent_lasts_thirteen_months_of_the_calendar() {
    let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for (updated, last) in [
        ("2025-10-24T00:00:00Z", "2026-11-24T00:00:00Z"),
        ("2025-10-24T08:30:00Z", "2026-11-24T08:30:00Z"),
        ("2025-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2023-01-30T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2025-03-29T00:00:00Z"),
        ("2025-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ] {
        assert!(!too_old(ms(updated), ms(last)), "{updated}");
        assert!(too_old(ms(updated), ms(last) + 1), "{updated}");
    }
    assert!(too_old(0, i64::MAX) && too_old(i64::MIN, 0) && !too_old(i64::MAX, 0));
    let old = Shape { at_ms: ms("2025-10-23T00:00:00Z"), ..all() };
    assert_eq!(old.says(Reader::Vendor(2)), Err(Refusal::TooOld));
}

#[test]
fn dates_more_than_a_day_ahead_are_refused() {
    let ahead = |ms| Shape { at_ms: NOW_MS + ms, ..all() }.says(Reader::Vendor(2)).err();
    assert_eq!(ahead(DAY_MS), None);
    assert_eq!(ahead(DAY_MS + 100), Some(Refusal::FromTheFuture));
}

#[test]
fn dates_are_as_exact_as_they_are_written() {
    assert_eq!(
        all().says(Reader::Vendor(2)).unwrap().at,
        Some(Moment { ms: NOW_MS - 3 * DAY_MS, precision: Precision::Day })
    );
    let exact = Shape { at_ms: NOW_MS - DAY_MS + 1_700, ..all() };
    let at = exact.says(Reader::Vendor(2)).unwrap().at.unwrap();
    assert_eq!((at.earliest(), at.latest()), (NOW_MS - DAY_MS + 1_000, NOW_MS - DAY_MS + 1_999));
}

#[test]
fn purpose_one_treatment_relaxes_nothing() {
    let text = all().text();
    let mut treated = String::new();
    // Bit 200 is the third of its character.
    for (at, character) in text.chars().enumerate() {
        treated.push(if at == 200 / 6 { set_bit(character, 200 % 6) } else { character });
    }
    let tcf = decode(&treated).unwrap_or_else(|why| panic!("{why}"));
    assert!(tcf.core().purpose_one_treatment);
    let says = tcf.says(Reader::Vendor(2), Known::EMPTY, NOW_MS).unwrap();
    assert_eq!(says.denied, Known::of("storage.device"));
}

fn set_bit(character: char, bit: usize) -> char {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = alphabet.find(character).unwrap() | 1 << (5 - bit);
    alphabet.chars().nth(value).unwrap()
}

#[test]
fn every_reason_is_told_when_several_hold() {
    let bad = Shape { at_ms: NOW_MS + 30 * DAY_MS, policy: 2, publisher: None, disclosed: None, ..all() };
    let all: Vec<&str> = bad.tcf().refusals(Some(Reader::Publisher), NOW_MS).map(Refusal::as_str).collect();
    assert_eq!(all, ["policy_version", "no_disclosed_vendors", "from_the_future", "no_publisher_segment"]);
    let anybody: Vec<&str> = bad.tcf().refusals(None, NOW_MS).map(Refusal::as_str).collect();
    assert_eq!(anybody, ["policy_version", "no_disclosed_vendors", "from_the_future"]);
}
