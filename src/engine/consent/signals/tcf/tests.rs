//! Tests of `tcf/mod.rs` and `tcf/vendors.rs`. Whole strings are in tests/consent.rs; here are the edges.

use super::*;

/// Bits as text, to base64url, padded to whole characters.
pub(super) fn text_of(bits: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bits.bytes().filter(|bit| matches!(bit, b'0' | b'1')).collect();
    let value = |six: &[u8]| (0..6).fold(0, |value, at| value << 1 | usize::from(six.get(at) == Some(&b'1')));
    bits.chunks(6).map(|six| char::from(ALPHABET[value(six)])).collect()
}

/// The core up to the lists, service specific, with these purposes (24 bits each) and dates in tenths of a second.
pub(super) fn core(updated_ds: u64, policy: u8, consents: u32, interests: u32, features: u16) -> String {
    format!(
        "{:06b} {updated_ds:036b} {updated_ds:036b} {:012b} {:012b} {:06b} {:06b}{:06b} {:012b} {policy:06b} 1 0 \
         {features:012b} {consents:024b} {interests:024b} 0 {:06b}{:06b}",
        2, 10, 1, 1, 4, 13, 48, 5, 17
    )
}

/// A list as a bitfield: highest id, `0`, bits.
pub(super) fn bitfield(bits: &str) -> String {
    format!("{:016b} 0 {bits}", bits.len())
}

/// A list as ranges.
pub(super) fn ranges(max: u16, ranges: &[(u16, u16)]) -> String {
    format!("{max:016b} 1 {}", entries(ranges))
}

/// The number of ranges, and each with its last id.
pub(super) fn entries(ranges: &[(u16, u16)]) -> String {
    let each = ranges.iter().map(|(first, last)| format!("1 {first:016b} {last:016b}")).collect::<String>();
    format!("{:012b} {each}", ranges.len())
}

const NONE: &str = "0000000000000000 0";

fn with_vendors(vendors: &str) -> Result<Tcf, Malformed> {
    decode(&text_of(&format!("{}{vendors}{NONE}{:012b}", core(16_000_000_000, 5, 0, 0, 0), 0)))
}

fn why(decoded: Result<Tcf, Malformed>) -> Option<Malformed> {
    decoded.err()
}

#[test]
fn bitfields_and_ranges_give_the_same_vendors() {
    let field = with_vendors(&bitfield("0110000001")).unwrap_or_else(|why| panic!("{why}"));
    let range = with_vendors(&ranges(10, &[(10, 10), (2, 3), (2, 2)])).unwrap_or_else(|why| panic!("{why}"));
    for tcf in [field, range] {
        assert_eq!(tcf.vendors(Vendors::Consent).unwrap(), [2, 3, 10]);
        for vendor in 0..20 {
            assert_eq!(tcf.has_vendor(Vendors::Consent, vendor), Some([2, 3, 10].contains(&vendor)), "{vendor}");
        }
        assert!(tcf.vendors(Vendors::LegitimateInterest).unwrap().is_empty());
        assert!(tcf.vendors(Vendors::Disclosed).is_none() && tcf.publisher().is_none());
    }
}

#[test]
fn the_highest_id_of_sixteen_bits_is_a_vendor() {
    let tcf = with_vendors(&ranges(65_535, &[(65_534, 65_535)])).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(tcf.vendors(Vendors::Consent).unwrap(), [65_534, 65_535]);
    assert_eq!(tcf.has_vendor(Vendors::Consent, 65_535), Some(true));
}

#[test]
fn ranges_that_contradict_themselves_are_malformed() {
    for bad in [&[(0, 3)][..], &[(5, 4)], &[(9, 11)], &[(1, 2), (0, 0)]] {
        assert_eq!(why(with_vendors(&ranges(10, bad))), Some(Malformed::Range), "{bad:?}");
    }
    assert_eq!(why(with_vendors(&ranges(10, &[(1, 10)]))), None);
}

#[test]
fn a_string_cut_anywhere_in_its_core_is_no_string() {
    let whole = format!("{}{}{NONE}{:012b}", core(16_000_000_000, 5, 0, 0, 0), bitfield("0110000001"), 0);
    let bits: String = whole.chars().filter(|c| !c.is_whitespace()).collect();
    let whole = text_of(&bits);
    assert!(decode(&whole).is_ok());
    for end in 0..bits.len() / 6 {
        assert!(decode(&whole[..end]).is_err(), "{end} characters");
    }
}

#[test]
fn segments_are_told_by_their_type_and_stand_once() {
    let core = text_of(&format!("{}{NONE}{NONE}{:012b}", core(16_000_000_000, 5, 0, 0, 0), 0));
    let (disclosed, publisher) = (text_of(&format!("001{}", bitfield("01"))), text_of(&format!("011{:054b}", 0)));
    let (unknown, again) = (text_of("101 111"), text_of(&format!("000{:09b}", 0)));
    let tcf =
        decode(&format!("{core}.{publisher}.{unknown}.{disclosed}.{unknown}")).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(tcf.vendors(Vendors::Disclosed).unwrap(), [2]);
    assert!(tcf.publisher().is_some());
    for (text, expected) in [
        (format!("{core}.{disclosed}.{disclosed}"), Malformed::Segment),
        (format!("{core}.{publisher}.{publisher}"), Malformed::Segment),
        (format!("{core}.{again}"), Malformed::Segment),
        (format!("{core}."), Malformed::Segment),
        (format!("{core}..{disclosed}"), Malformed::Segment),
        (format!(".{core}"), Malformed::Segment),
        (format!("{core}.{}", text_of("001")), Malformed::Truncated),
        (format!("{core}.{disclosed}="), Malformed::Base64),
        (format!("{core} "), Malformed::Base64),
        (String::new(), Malformed::Empty),
        ("A".repeat(LONGEST + 1), Malformed::TooLong),
        ("BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA".to_owned(), Malformed::Version),
    ] {
        assert_eq!(why(decode(&text)), Some(expected), "{expected}");
    }
}

#[test]
fn letters_outside_the_alphabet_are_no_letters() {
    let odd = text_of(&format!("{}{NONE}{NONE}{:012b}", core(16_000_000_000, 5, 0, 0, 0), 0)).into_bytes();
    let mut odd = String::from_utf8(odd).unwrap();
    // The language is the two characters from bit 108 on.
    odd.replace_range(18..20, "__");
    let tcf = decode(&odd).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((tcf.core().language, tcf.core().country), (None, Some(*b"FR")));
}

#[test]
fn overlapping_ranges_cost_what_they_weigh() {
    // 7.7 kB of ranges that each span everything.
    let hostile = text_of(&format!(
        "{}{}{NONE}{:012b}",
        core(16_000_000_000, 5, 0, 0, 0),
        ranges(65_535, &vec![(1, 65_535); 1_380]),
        0
    ));
    assert!(hostile.len() > 7_600);
    assert_eq!(why(decode(&hostile)), Some(Malformed::TooMuchWork));
    // The same weight, of ranges that could be meant.
    let many: Vec<(u16, u16)> = (0..1_380).map(|at| (at + 1, at + 400)).collect();
    let heavy = text_of(&format!("{}{}{NONE}{:012b}", core(16_000_000_000, 5, 0, 0, 0), ranges(65_535, &many), 0));
    let tcf = decode(&heavy).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(tcf.vendors(Vendors::Consent).unwrap(), (1..=1_779).collect::<Vec<u16>>());
}

#[test]
fn restrictions_of_restrictions_are_bounded_too() {
    let each = format!("{:06b} {:02b} {}", 2, 0, entries(&[(1, 65_535)]));
    let text = |count: usize| {
        text_of(&format!("{}{NONE}{NONE}{count:012b}{}", core(16_000_000_000, 5, 0, 0, 0), each.repeat(count)))
    };
    assert_eq!(why(decode(&text(17))), Some(Malformed::TooMuchWork));
    let tcf = decode(&text(15)).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(tcf.restrictions().count(), 15);
}
