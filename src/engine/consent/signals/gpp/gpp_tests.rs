//! Traps of decoders, and what is taken from sections. Agreement with other decoders: tests/consent_gpp.rs.

use super::*;
use crate::engine::consent::signals::says::{AgeBand, Refusal};
use crate::engine::consent::signals::tcf::Reader;

/// 2026-01-20T12:00:00Z.
const NOW_MS: i64 = 1_768_910_400_000;

/// Bits, with spaces for people, as base64url text.
fn text(bits: &str) -> String {
    let mut bits: Vec<u8> = bits.bytes().filter(|byte| *byte != b' ').collect();
    while !bits.len().is_multiple_of(6) {
        bits.push(b'0');
    }
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let sextet = |six: &[u8]| six.iter().fold(0, |value, bit| value * 2 + usize::from(*bit - b'0'));
    bits.chunks(6).map(|six| *alphabet.get(sextet(six)).unwrap()).collect()
}

fn says(string: &str, gpp_sid: Option<&str>) -> Result<GppSays, Refusal> {
    decode(string).map_err(Refusal::from)?.says(gpp_sid, Reader::Publisher, Known::EMPTY, NOW_MS)
}

fn ids(string: &str) -> Vec<u16> {
    decode(string).ok().unwrap().sections().iter().map(Section::id).collect()
}

fn set(names: &[&str]) -> Known {
    names.iter().fold(Known::EMPTY, |all, name| all.union(Known::of(name)))
}

/// The header for one section of the US.
fn one(id: u16, section: &str) -> String {
    let code = match id {
        7 => "01011",
        8 => "000011",
        11 => "001011",
        13 => "0000011",
        25 => "10100011",
        28 => "01010011",
        _ => unreachable!(),
    };
    let header = text(&format!("000011 000001 000000000001 0 {code}"));
    format!("{header}~{section}")
}

#[test]
fn headers_count_from_the_last_id() {
    // Specification: examples of the header; the third section must be seen.
    assert_eq!(ids("DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"), [2]);
    assert_eq!(ids("DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN"), [5, 6]);
    // Three single ids, 2, 6 and 8.
    let three = text("000011 000001 000000000011 0 011 0 1011 0 011");
    assert_eq!(ids(&format!("{three}~a~1YNN~BAAAAABA")), [2, 6, 8]);
    // A range 7 to 9 behind 6.
    let range = text("000011 000001 000000000010 0 10011 1 11 011");
    assert_eq!(ids(&format!("{range}~1YNN~a~b~c")), [6, 7, 8, 9]);
    assert!(ids("DBAA").is_empty());
}

#[test]
fn a_header_must_fit_what_follows() {
    for (string, expected) in [
        ("", Malformed::Empty),
        ("~", Malformed::Empty),
        ("DBAA~", Malformed::Header),
        ("DBAA~1YNN", Malformed::Header),
        ("DBABTA", Malformed::Header),
        ("DBABTA~1YNN~1YNN", Malformed::Header),
        ("DBACOeA~~1YNN", Malformed::Header),
        ("DBABT=~1YNN", Malformed::Base64),
        ("DBA", Malformed::Truncated),
        ("DBAB", Malformed::Truncated),
        ("CBAA", Malformed::Version),
        ("DCAA", Malformed::Version),
        ("DBAAB", Malformed::Header),
    ] {
        assert_eq!(decode(string).err(), Some(expected), "{string:?}");
    }
    let far = text("000011 000001 000000000001 1 11 0000000000000000000000000000000000000000000011");
    assert_eq!(decode(&format!("{far}~a")).err(), Some(Malformed::Range), "a range of a billion");
    let many = text("000011 000001 000000000001 1 11 00000000011");
    assert_eq!(decode(&format!("{many}~a")).err(), Some(Malformed::Header), "it stops where the sections do");
    assert_eq!(decode(&"~".repeat(70)).err(), Some(Malformed::TooMuchWork));
    assert_eq!(decode(&"D".repeat(LONGEST + 1)).err(), Some(Malformed::TooLong));
}

#[test]
fn scenario_d_gpc_closes_what_was_not_opted_out_of() {
    // privacy.md 3.4 d: nothing opted out of in California, and Global Privacy Control on.
    let taken = says("DBABBg~BVqqqqpY.YA", None).ok().unwrap();
    assert!(taken.says.opted_out.contains(SALE_SHARE));
    assert!(taken.gpc == Gpc::On && taken.gpc.applies() && !taken.says.strict);
    assert!(taken.says.at.is_none());
    let without = says("DBABBg~BVqqqqpY", None).ok().unwrap();
    assert!(without.says.opted_out.is_empty() && without.gpc == Gpc::Absent);
    assert!(!without.says.granted.contains(SENSITIVE), "an opt-out that was not made is no consent");
    let off = says("DBABBg~BVqqqqpY.QA", None).ok().unwrap();
    assert!(off.gpc == Gpc::Off && !off.gpc.applies());
}

#[test]
fn a_cut_section_is_an_error_and_read_in_the_strictest_way() {
    let national = "0000 0000 0000".repeat(2) + &"10".repeat(19) + "10 00 00 00";
    let whole = text(&format!("000010 {national}"));
    let taken = says(&one(7, &whole), None).ok().unwrap();
    assert!(taken.says.granted == set(&["sensitive.use", "model.train"]) && !taken.says.strict);
    for length in 0..whole.len() - 2 {
        let cut: String = whole.chars().take(length).collect();
        // At 60 and 66 bits it is a string of version 1's layout (GPP, usnat; reference decoder).
        if length == 10 || length == 11 {
            continue;
        }
        let taken = says(&one(7, &cut), None).ok().unwrap();
        assert!(taken.says.strict && taken.says.granted.is_empty(), "{length}");
        assert_eq!(taken.says.opted_out, set(&["sale_share", "ads.profile"]), "{length}");
        assert_eq!(taken.says.denied, set(&["sensitive.use", "model.train"]), "{length}");
        assert_eq!(taken.gpc, Gpc::Unreadable);
    }
}

#[test]
fn values_and_bits_that_the_specification_does_not_have_are_not_believed() {
    let virginia = |fields: &str| {
        let section = decode_section(9, &text(&format!("000001 {fields}")));
        (section.error(), section.is_faulty())
    };
    let zeros = "00".repeat(14);
    assert_eq!(virginia(&format!("{zeros} 01 00 00")), (None, false));
    assert_eq!(virginia(&format!("{zeros} 01 00 00 000000 000000")), (None, false), "zero padding");
    assert_eq!(virginia(&format!("{zeros} 01 00 00 0001")), (None, true), "a bit behind the fields");
    for place in 0..17 {
        let fields: String = (0..17).map(|at| if at == place { "11" } else { "10" }).collect();
        assert_eq!(virginia(&fields), (None, true), "a 3 in field {place}");
    }
    assert_eq!(virginia(&format!("{}1", "0".repeat(200))), (None, true), "far behind the fields");
    for version in ["000000", "000010", "000011", "111111"] {
        let section = decode_section(9, &text(&format!("{version} {zeros} 01 00 00")));
        assert_eq!(section.error(), Some(Malformed::Version), "{version}");
    }
}

#[test]
fn segments_are_told_by_their_section() {
    let error = |id, section: &str| decode_section(id, section).error();
    assert_eq!(error(9, "BAAAABA.QA"), Some(Malformed::Segment), "Virginia has one segment");
    assert_eq!(error(8, "BAAAAABA.gA"), Some(Malformed::Segment), "an unknown type");
    assert_eq!(error(8, "BAAAAABA."), Some(Malformed::Empty));
    assert_eq!(error(25, "BQAA.QA"), Some(Malformed::Truncated), "Indiana has no GPC segment");
    assert_eq!(error(25, "BQAA.AAA"), None);
    // Of two, the strictest.
    for both in ["BAAAAABA.QA.YA", "BAAAAABA.YA.QA"] {
        assert_eq!(says(&one(8, both), None).ok().unwrap().gpc, Gpc::On, "{both}");
    }
    let (yes, no, none) = (text(&"10".repeat(8)), text("01 10101010101010"), text(&"00".repeat(8)));
    let sensitive = |a: &str, b: &str| says(&one(25, &format!("BQAA.{a}.{b}")), None).ok().unwrap().says;
    assert!(sensitive(&yes, &yes).granted.contains(SENSITIVE));
    for (a, b) in [(&yes, &no), (&no, &yes)] {
        assert!(sensitive(a, b).denied.contains(SENSITIVE) && sensitive(a, b).granted.is_empty());
    }
    assert!(sensitive(&yes, &none).granted.is_empty(), "not applicable in one of them");
}

#[test]
fn sensitive_consent_is_a_consent_only_where_the_law_asks_for_one() {
    // Utah and California: 2 is "did not opt out".
    let utah = text(&format!("000001 {} {} 00 01 00 00", "00".repeat(6), "10".repeat(8)));
    assert!(says(&one(11, &utah), None).ok().unwrap().says.granted.is_empty());
    // Florida: consent; and a field whose two values have been printed the other way round grants nothing.
    let florida =
        |further: &str| text(&format!("000001 {} {} 000000 {further} 01 00 00", "00".repeat(5), "10".repeat(8)));
    for further in ["01", "10"] {
        let taken = says(&one(13, &florida(further)), None).ok().unwrap().says;
        assert_eq!(taken.granted, SENSITIVE, "{further}");
        assert_eq!(taken.denied, TRAIN, "{further}");
    }
    // One refusal among consents is a refusal.
    let mixed = text(&format!("000001 {} 01 {} 000000 00 01 00 00", "00".repeat(5), "10".repeat(7)));
    let taken = says(&one(13, &mixed), None).ok().unwrap().says;
    assert!(taken.denied.contains(SENSITIVE) && taken.granted.is_empty());
}

#[test]
fn known_children_have_the_age_that_the_element_is_about() {
    let age = |fields: &str| {
        let section = text(&format!("000010 {} {fields} 00 01 00 00", "00".repeat(9 + 16)));
        says(&one(7, &section), None).ok().unwrap().says.age
    };
    assert_eq!(age("00 00 00"), None);
    for (fields, band) in [
        ("10 00 00", AgeBand::Teen),
        ("01 00 00", AgeBand::Teen),
        ("00 01 00", AgeBand::Child),
        ("00 10 00", AgeBand::Child),
        ("00 00 10", AgeBand::Teen),
        ("10 10 10", AgeBand::Child),
    ] {
        assert_eq!(age(fields), Some(band), "{fields}");
    }
}

#[test]
fn gpp_sid_only_tightens() {
    let string = "DBABTA~1YNN";
    let plain = says(string, None).ok().unwrap().says;
    assert!(plain.opted_out.is_empty() && !plain.strict);
    for harmless in ["6", "-1", "", "x", "0", "3", "4", "6,6", "99999999", "7x"] {
        let taken = says(string, Some(harmless)).ok().unwrap().says;
        assert!(taken.opted_out.is_empty() && taken.denied.is_empty() && !taken.strict, "{harmless:?}");
    }
    for listed in ["8", "6,8", "6_8", "[6, 8]", "-1,8"] {
        let taken = says(string, Some(listed)).ok().unwrap();
        assert!(taken.says.strict && taken.says.opted_out.contains(SALE_SHARE), "{listed:?}");
        assert!(taken.says.denied.contains(SENSITIVE) && taken.gpc == Gpc::Unreadable, "{listed:?}");
    }
    let europe = says(string, Some("2")).ok().unwrap().says;
    assert_eq!(europe.denied, Known::ALL.without(set(&["security.essential", "sale_share", "model.train"])));
    // Sections outside the list are read, and an empty string with a list is strict too.
    assert!(says("DBABTA~1YYN", Some("-1")).ok().unwrap().says.opted_out.contains(SALE_SHARE));
    assert!(says("DBAA", Some("7")).ok().unwrap().says.strict);
    assert_eq!(says("DBAA", None).err(), Some(Refusal::NoStatement));
    assert_eq!(says("DBABTA~1---", None).err(), Some(Refusal::NotApplicable));
}

#[test]
fn unknown_ids_are_reported_and_strict_only_where_they_are_in_force() {
    let string = one(28, "whatever");
    let section = &decode(&string).ok().unwrap().sections;
    assert!(section.iter().all(|section| section.id() == 28 && section.name().is_none() && section.error().is_none()));
    assert_eq!(says(&string, None).err(), Some(Refusal::NoStatement));
    let listed = says(&string, Some("28")).ok().unwrap();
    assert!(listed.unknown > 0 && listed.says.strict);
    assert_eq!(listed.says.denied, Known::ALL.without(Known::of("security.essential")));
}

#[test]
fn every_section_has_a_row_and_its_fields_fit_a_word() {
    for (id, layout) in (7..=27).zip(layout::LAYOUTS) {
        assert_eq!(layout.id, id);
        assert!(layout.bits() <= 70);
        let children = layout.core.iter().find_map(|field| match field {
            layout::Field::Child(count) => Some(usize::from(*count)),
            _ => None,
        });
        assert_eq!(children.unwrap_or(0), layout.ages.len(), "{}", layout.name);
    }
    assert_eq!(layout::LAYOUTS.len(), 21);
    assert_eq!((layout::USNAT_V1.bits(), layout::layout(7).unwrap().bits()), (60, 70));
    for id in [0, 1, 3, 4, 6, 28, u16::MAX] {
        assert!(layout::layout(id).is_none(), "{id}");
    }
}
