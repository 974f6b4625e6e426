//! Writes GPP strings from fields, with a table and a coding of its own: nothing of `src` is used, so that a mistake
//! would have to be made twice.
//!
//! Bits are text of `0` and `1`. The table is in the words of the specifications' field lists.

#![allow(dead_code, unreachable_pub, missing_docs)] // each test binary uses its part

use crate::reference::random::Random;

/// Id, name, core segment, segments behind it. `Name*n` is n values of two bits; `Name:n` is one value of n bits.
pub const SECTIONS: &[(u16, &str, &str, &str)] = &[
    (
        7,
        "usnat",
        "Version:6 SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*16 KnownChildSensitiveDataConsents*3 PersonalDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        8,
        "usca",
        "Version:6 SaleOptOutNotice SharingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut SensitiveDataProcessing*9 KnownChildSensitiveDataConsents*2 PersonalDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        9,
        "usva",
        "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "",
    ),
    (
        10,
        "usco",
        "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*7 KnownChildSensitiveDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        11,
        "usut",
        "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SensitiveDataProcessingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "",
    ),
    (
        12,
        "usct",
        "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents*3 MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        13,
        "usfl",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents*3 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "",
    ),
    (
        14,
        "usmt",
        "Version:6 SharingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents*3 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        15,
        "usor",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*11 KnownChildSensitiveDataConsents*3 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        16,
        "ustx",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        17,
        "usde",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*9 KnownChildSensitiveDataConsents*5 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        18,
        "usia",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SensitiveDataOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        19,
        "usne",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        20,
        "usnh",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents*3 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        21,
        "usnj",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*10 KnownChildSensitiveDataConsents*5 AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        22,
        "ustn",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        23,
        "usmn",
        "Version:6 ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut SensitiveDataProcessing*8 KnownChildSensitiveDataConsents AdditionalDataProcessingConsent MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode",
        "gpc",
    ),
    (
        24,
        "usmd",
        "MspaVersion:6 MspaCoveredTransaction MspaMode ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut AdditionalDataProcessingConsent",
        "gpc",
    ),
    (
        25,
        "usin",
        "MspaVersion:6 MspaCoveredTransaction MspaMode ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut KnownChildSensitiveDataConsents AdditionalDataProcessingConsent",
        "sensitive",
    ),
    (
        26,
        "usky",
        "MspaVersion:6 MspaCoveredTransaction MspaMode ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut KnownChildSensitiveDataConsents AdditionalDataProcessingConsent",
        "sensitive",
    ),
    (
        27,
        "usri",
        "MspaVersion:6 MspaCoveredTransaction MspaMode ProcessingNotice SaleOptOutNotice TargetedAdvertisingOptOutNotice SaleOptOut TargetedAdvertisingOptOut KnownChildSensitiveDataConsents AdditionalDataProcessingConsent",
        "sensitive",
    ),
];

/// Version 1 of the national section had fewer values.
pub const NATIONAL_V1: (&str, &str) = (
    "SensitiveDataProcessing*16 KnownChildSensitiveDataConsents*3",
    "SensitiveDataProcessing*12 KnownChildSensitiveDataConsents*2",
);

/// What was written: field names with their values, in order.
pub type Fields = Vec<(String, Vec<u64>)>;

/// `value` in `width` bits.
pub fn number(value: u64, width: usize) -> String {
    format!("{value:0width$b}")
}

/// Zeckendorf's representation, least first, and one more `1`.
pub fn fibonacci(value: u64) -> String {
    let mut terms = vec![1u64, 2];
    while let [.., a, b] = terms[..]
        && a + b <= value
    {
        terms.push(a + b);
    }
    let (mut rest, mut bits) = (value, vec!['0'; terms.len()]);
    for index in (0..terms.len()).rev() {
        if terms[index] <= rest {
            rest -= terms[index];
            bits[index] = '1';
        }
    }
    let last = bits.iter().rposition(|bit| *bit == '1').expect("values start at 1");
    bits[..=last].iter().collect::<String>() + "1"
}

/// Ids as a Fibonacci range: runs as ranges or one by one, as the coin falls.
pub fn header(random: &mut Random, ids: &[u16]) -> String {
    let (mut entries, mut bits, mut last, mut at) = (0, String::new(), 0, 0);
    while at < ids.len() {
        let mut end = at;
        while end + 1 < ids.len() && ids[end + 1] == ids[end] + 1 && random.chance(70) {
            end += 1;
        }
        let range = end > at;
        bits += if range { "1" } else { "0" };
        bits += &fibonacci(u64::from(ids[at] - last));
        if range {
            bits += &fibonacci(u64::from(ids[end] - ids[at]));
        }
        last = ids[end];
        at = end + 1;
        entries += 1;
    }
    number(3, 6) + &number(1, 6) + &number(entries, 12) + &bits
}

/// Bits as base64url text: padded with zeros to whole bytes and then to whole characters, as the library writes, or
/// just to characters; sometimes with more zeros.
pub fn text(random: &mut Random, bits: &str) -> String {
    let mut bits = bits.to_owned();
    if random.chance(50) {
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
    }
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    if random.chance(5) {
        bits += &"0".repeat(6 * random.below(30));
    }
    let alphabet: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().collect();
    let sextets = bits.as_bytes().chunks(6).map(|six| std::str::from_utf8(six).expect("ascii"));
    sextets.map(|six| alphabet[usize::from_str_radix(six, 2).expect("bits")]).collect()
}

/// A list of fields as `(name, count, width)`.
pub fn layout(fields: &str) -> Vec<(String, usize, usize)> {
    let field = |word: &str| {
        if let Some((name, count)) = word.split_once('*') {
            (name.to_owned(), count.parse().expect("a count"), 2)
        } else if let Some((name, width)) = word.split_once(':') {
            (name.to_owned(), 1, width.parse().expect("a width"))
        } else {
            (word.to_owned(), 1, 2)
        }
    };
    fields.split_whitespace().map(field).collect()
}

/// A section of the US with random values, and what was written into it.
pub fn us(random: &mut Random, id: u16) -> (String, Fields) {
    let (_, _, core, more) = SECTIONS.iter().find(|(known, ..)| *known == id).expect("a section");
    let version = if id == 7 { 1 + random.next() % 2 } else { 1 };
    let core = match (id, version) {
        (7, 1) => core.replace(NATIONAL_V1.0, NATIONAL_V1.1),
        _ => (*core).to_owned(),
    };
    let (mut bits, mut fields) = (String::new(), Fields::new());
    // Some strings are mostly consent, so that grants are met as well.
    let yes = random.chance(30);
    for (name, count, width) in layout(&core) {
        let mut value = || {
            if width == 6 {
                version
            } else if yes && random.chance(90) {
                2
            } else {
                random.next() % 3
            }
        };
        let values: Vec<u64> = (0..count).map(|_| value()).collect();
        bits.extend(values.iter().map(|value| number(*value, width)));
        fields.push((name, values));
    }
    let mut written = match (id, version) {
        // The two layouts are told apart by length: no more than 66 bits of the old one.
        (7, 1) => text(&mut Random::new(1), &bits),
        _ => text(random, &bits),
    };
    if random.chance(60) {
        match *more {
            "gpc" => {
                let on = random.chance(50);
                written += ".";
                written += &text(random, &(number(1, 2) + &number(u64::from(on), 1)));
                fields.push(("GpcSegmentType".to_owned(), vec![1]));
                fields.push(("Gpc".to_owned(), vec![u64::from(on)]));
            }
            "sensitive" => {
                let values: Vec<u64> = (0..8).map(|_| if yes { 2 } else { random.next() % 3 }).collect();
                written += ".";
                written += &text(random, &values.iter().map(|value| number(*value, 2)).collect::<String>());
                fields.push(("SensitiveDataProcessing".to_owned(), values));
            }
            _ => {}
        }
    }
    (written, fields)
}

/// Random ids below `most`, ascending.
fn some(random: &mut Random, most: u64, percent: u64) -> Vec<u64> {
    (1..=most).filter(|_| random.chance(percent)).collect()
}

/// A bit for each id.
fn flags(ids: &[u64], width: u64) -> String {
    (1..=width).map(|id| if ids.contains(&id) { '1' } else { '0' }).collect()
}

/// A vendor list: highest id, form, and a bitfield or ranges.
fn vendors(random: &mut Random, ids: &[u64]) -> String {
    let highest = ids.last().copied().unwrap_or(0);
    if random.chance(50) {
        return number(highest, 16) + "0" + &flags(ids, highest);
    }
    number(highest, 16) + "1" + &ranges(ids)
}

/// A count, and an entry for each run.
fn ranges(ids: &[u64]) -> String {
    let runs = ids.chunk_by(|a, b| *b == *a + 1);
    let (mut count, mut bits) = (0, String::new());
    for run in runs {
        count += 1;
        match run {
            [one] => bits += &("0".to_owned() + &number(*one, 16)),
            [first, .., last] => bits += &("1".to_owned() + &number(*first, 16) + &number(*last, 16)),
            [] => {}
        }
    }
    number(count, 12) + &bits
}

/// A Canadian section. `days`: when it was last updated, since 1970.
pub fn canada(random: &mut Random, days: u64) -> (String, Fields) {
    let mut fields = Fields::new();
    let mut put = |name: &str, values: Vec<u64>| fields.push((name.to_owned(), values));
    let updated = days * 864_000;
    let mut bits = number(1, 6);
    put("Version", vec![1]);
    for name in ["Created", "LastUpdated"] {
        bits += &number(updated, 36);
        put(name, vec![updated * 100]);
    }
    for (name, width) in [("CmpId", 12), ("CmpVersion", 12), ("ConsentScreen", 6)] {
        let value = 2 + random.next() % 60;
        bits += &number(value, width);
        put(name, vec![value]);
    }
    let letters = [random.next() % 26, random.next() % 26];
    bits.extend(letters.map(|letter| number(letter, 6)));
    put("ConsentLanguage", letters.map(|letter| letter + u64::from(b'A')).to_vec());
    for (name, width) in [("VendorListVersion", 12), ("TcfPolicyVersion", 6), ("UseNonStandardStacks", 1)] {
        let value = random.next() % (1 << width);
        bits += &number(value, width);
        put(name, vec![value]);
    }
    let much = if random.chance(40) { 95 } else { 40 };
    for (name, width) in
        [("SpecialFeatureExpressConsent", 12), ("PurposesExpressConsent", 24), ("PurposesImpliedConsent", 24)]
    {
        let ids = some(random, width, much);
        bits += &flags(&ids, width);
        put(name, ids);
    }
    for name in ["VendorExpressConsent", "VendorImpliedConsent"] {
        let (most, percent) = (random.next() % 60, 50);
        let ids = some(random, most, percent);
        bits += &vendors(random, &ids);
        put(name, ids);
    }
    let mut restrictions = Vec::new();
    if random.chance(70) {
        let count = random.next() % 3;
        bits += &number(count, 12);
        for _ in 0..count {
            let (purpose, kind, ids) = (1 + random.next() % 11, random.next() % 3, some(random, 30, 30));
            bits += &(number(purpose, 6) + &number(kind, 2) + &ranges(&ids));
            restrictions.extend([purpose, kind]);
            restrictions.extend(ids);
        }
    } else {
        // Without the list: what is left must be shorter than its count.
        while !bits.len().is_multiple_of(6) {
            bits.push('0');
        }
    }
    put("PubRestrictions", restrictions);
    let mut written = match bits.len().is_multiple_of(6) {
        true => text(&mut Random::new(1), &bits),
        false => text(random, &bits),
    };
    if random.chance(70) {
        let (express, implied, own) = (some(random, 24, much), some(random, 24, 40), random.next() % 5);
        let (own_express, own_implied) = (some(random, own, 50), some(random, own, 50));
        let segment = number(3, 3)
            + &flags(&express, 24)
            + &flags(&implied, 24)
            + &number(own, 6)
            + &flags(&own_express, own)
            + &flags(&own_implied, own);
        written += &(".".to_owned() + &text(random, &segment));
        put("PubPurposesSegmentType", vec![3]);
        put("PubPurposesExpressConsent", express);
        put("PubPurposesImpliedConsent", implied);
        put("NumCustomPurposes", vec![own]);
        put("CustomPurposesExpressConsent", own_express);
        put("CustomPurposesImpliedConsent", own_implied);
    }
    if random.chance(30) {
        let ids = some(random, 60, 50);
        let segment = number(1, 3) + &vendors(random, &ids);
        written += &(".".to_owned() + &text(random, &segment));
        put("DisclosedVendorsSegmentType", vec![1]);
        put("DisclosedVendors", ids);
    }
    (written, fields)
}

/// A TC string: the core with a publisher segment and disclosed vendors. Fields: CmpId, PurposeConsents.
pub fn tcf(random: &mut Random, days: u64) -> (String, Fields) {
    let updated = number(days * 864_000, 36);
    let cmp = 2 + random.next() % 500;
    let much = if random.chance(50) { 97 } else { 40 };
    let (purposes, features) = (some(random, 24, much), some(random, 12, much));
    let consent = some(random, 40, 50);
    let core = number(2, 6)
        + &updated
        + &updated
        + &number(cmp, 12)
        + &number(1, 12)
        + &number(1, 6)
        + &number(4, 6)
        + &number(13, 6)
        + &number(48, 12)
        + &number(5, 6)
        + "10"
        + &flags(&features, 12)
        + &flags(&purposes, 24)
        + &flags(&[], 24)
        + "0"
        + &number(5, 6)
        + &number(17, 6)
        + &vendors(random, &consent)
        + &vendors(random, &[])
        + &number(0, 12);
    let own = some(random, 24, much);
    let publisher = number(3, 3) + &flags(&own, 24) + &flags(&[], 24) + &number(0, 6);
    let all: Vec<u64> = (1..=40).collect();
    let disclosed = number(1, 3) + &vendors(random, &all);
    let written = [core, disclosed, publisher].map(|segment| text(random, &segment)).join(".");
    (written, vec![("CmpId".to_owned(), vec![cmp]), ("PurposeConsents".to_owned(), purposes)])
}
