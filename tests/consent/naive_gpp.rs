//! A second decoder of GPP and US Privacy strings: slow, obvious, on text of `0` and `1`, with the encoder's table.
//!
//! It answers one question, what a string grants, and is asked it about mutants: nothing may be granted that it does not
//! find too. For TC strings inside it asks `tcf`, another independent decoder.

#![allow(dead_code, unreachable_pub, missing_docs)] // each test binary uses its part

use std::collections::BTreeSet;

use crate::encode_gpp::{NATIONAL_V1, SECTIONS, layout};

/// What a string says: names of purposes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naive {
    pub granted: BTreeSet<&'static str>,
    pub refused: BTreeSet<&'static str>,
    /// Some section was not understood.
    pub strict: bool,
}

/// What the TC string of a tcfeuv2 section grants and refuses: `None`, not decodable; empty, not accepted.
pub type TcfReader<'a> = dyn Fn(&str) -> Option<(BTreeSet<&'static str>, BTreeSet<&'static str>)> + 'a;

/// Everything that a GPP string grants, at `now_ms`, without a `gpp_sid`. `vendor`: whose consent; `None`, the
/// publisher's. The string as a whole is unreadable: nothing.
pub fn read(text: &str, vendor: Option<u64>, now_ms: i64, tcf: &TcfReader<'_>) -> Option<Naive> {
    let mut parts = text.split('~');
    let ids = header(&bits(parts.next()?)?)?;
    let parts: Vec<&str> = parts.collect();
    if parts.len() != ids.len() {
        return None;
    }
    let mut naive = Naive::default();
    for (id, part) in ids.into_iter().zip(parts) {
        let understood = match id {
            2 => match tcf(part) {
                Some((granted, refused)) => {
                    naive.granted.extend(granted);
                    naive.refused.extend(refused);
                    Some(())
                }
                None => None,
            },
            5 => canada(part, vendor, now_ms, &mut naive),
            6 => us_privacy(part, &mut naive),
            7..=27 => us(id, part, &mut naive),
            _ => Some(()),
        };
        naive.strict |= understood.is_none();
        if understood.is_none() {
            let all: &[&'static str] = match id {
                2 | 5 => &[
                    "storage.device",
                    "analytics.audience",
                    "product.improve",
                    "content.personalize",
                    "ads.basic",
                    "ads.profile",
                    "ads.measure",
                    "sensitive.use",
                ],
                6 => &["sale_share"],
                _ => &["sale_share", "ads.profile", "sensitive.use", "model.train"],
            };
            // At most these; a section that has no such field cannot refuse it.
            let all = all.iter().copied().filter(|purpose| match id {
                5 => *purpose != "storage.device",
                7.. => speaks_about(id, purpose),
                _ => true,
            });
            naive.refused.extend(all);
        }
    }
    let refused = naive.refused.clone();
    naive.granted.retain(|purpose| !refused.contains(purpose));
    Some(naive)
}

fn speaks_about(id: u64, purpose: &str) -> bool {
    let (_, _, core, more) = SECTIONS.iter().find(|(known, ..)| u64::from(*known) == id).expect("a section");
    match purpose {
        "ads.profile" => core.contains(" TargetedAdvertisingOptOut "),
        "sensitive.use" => core.contains("SensitiveDataProcessing*") || *more == "sensitive",
        "model.train" => core.contains("PersonalDataConsents") || core.contains("AdditionalDataProcessingConsent"),
        _ => true,
    }
}

/// Base64url text as `0` and `1`.
pub fn bits(text: &str) -> Option<String> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for character in text.chars() {
        out += &format!("{:06b}", alphabet.find(character)?);
    }
    (!out.is_empty()).then_some(out)
}

/// Takes `width` bits off the front.
fn take(bits: &mut &str, width: usize) -> Option<u64> {
    let (front, rest) = bits.split_at_checked(width)?;
    *bits = rest;
    if width == 0 { Some(0) } else { u64::from_str_radix(front, 2).ok() }
}

fn fibonacci(bits: &mut &str) -> Option<u64> {
    let end = bits.find("11")?;
    let code = &bits[..=end];
    *bits = &bits[end + 2..];
    let (mut a, mut b, mut sum) = (1u64, 2u64, 0u64);
    for bit in code.chars() {
        if bit == '1' {
            sum = sum.checked_add(a)?;
        }
        (a, b) = (b, a.saturating_add(b));
    }
    Some(sum)
}

fn header(bits: &str) -> Option<Vec<u64>> {
    let mut rest = bits;
    if (take(&mut rest, 6)?, take(&mut rest, 6)?) != (3, 1) {
        return None;
    }
    let (mut ids, mut last) = (Vec::new(), 0u64);
    for _ in 0..take(&mut rest, 12)? {
        let range = take(&mut rest, 1)? == 1;
        let first = last.checked_add(fibonacci(&mut rest)?)?;
        last = if range { first.checked_add(fibonacci(&mut rest)?)? } else { first };
        if last > 65_535 || last - first > 100 {
            return None;
        }
        ids.extend(first..=last);
    }
    (!rest.contains('1') && ids.len() <= 64).then_some(ids)
}

fn us_privacy(text: &str, naive: &mut Naive) -> Option<()> {
    let characters: Vec<char> = text.to_uppercase().chars().collect();
    let ['1', rest @ ..] = characters.as_slice() else { return None };
    if rest.len() != 3 || text.len() != 4 || !rest.iter().all(|answer| "YN-".contains(*answer)) {
        return None;
    }
    if rest[1] == 'Y' {
        naive.refused.insert("sale_share");
    }
    Some(())
}

/// `None`: a section that is cut, of an unknown version, with a value 3, or with bits behind its fields.
fn us(id: u64, text: &str, naive: &mut Naive) -> Option<()> {
    let (_, _, core, more) = SECTIONS.iter().find(|(known, ..)| u64::from(*known) == id)?;
    let mut segments = text.split('.');
    let all = bits(segments.next()?)?;
    let mut rest = all.as_str();
    let core = match (id, all.len()) {
        (7, ..=69) => core.replace(NATIONAL_V1.0, NATIONAL_V1.1),
        _ => (*core).to_owned(),
    };
    let (mut says, mut sensitive) = (Naive::default(), Vec::new());
    for (name, count, width) in layout(&core) {
        for _ in 0..count {
            let value = take(&mut rest, width)?;
            match (width, value) {
                (6, 1) => continue,
                (6, 2) if id == 7 => continue,
                (6, _) | (2, 3) => return None,
                _ => {}
            }
            match (name.as_str(), value) {
                ("SaleOptOut" | "SharingOptOut", 1) => drop(says.refused.insert("sale_share")),
                ("TargetedAdvertisingOptOut", 1) => drop(says.refused.insert("ads.profile")),
                ("SensitiveDataProcessing", value) => sensitive.push(value),
                ("PersonalDataConsents" | "AdditionalDataProcessingConsent", 1) => {
                    says.refused.insert("model.train");
                }
                ("PersonalDataConsents" | "AdditionalDataProcessingConsent", 2) => {
                    let contested = id == 13 || id == 15;
                    let side = if contested { &mut says.refused } else { &mut says.granted };
                    side.insert("model.train");
                }
                _ => {}
            }
        }
    }
    if rest.contains('1') {
        return None;
    }
    let mut strictest: Option<Vec<u64>> = None;
    for segment in segments {
        let all = bits(segment)?;
        let mut rest = all.as_str();
        match *more {
            "gpc" => {
                if take(&mut rest, 2)? != 1 {
                    return None;
                }
                if take(&mut rest, 1)? == 1 {
                    says.refused.insert("sale_share");
                }
            }
            "sensitive" => {
                let values = (0..8).map(|_| take(&mut rest, 2)).collect::<Option<Vec<u64>>>()?;
                if values.contains(&3) {
                    return None;
                }
                // Of two segments: a refusal in either, a consent only in both.
                let both = |(a, b): (&u64, &u64)| if *a == 1 || *b == 1 { 1 } else { *a.min(b) };
                strictest = Some(match &strictest {
                    None => values,
                    Some(before) => before.iter().zip(&values).map(both).collect(),
                });
            }
            _ => return None,
        }
        if rest.contains('1') {
            return None;
        }
    }
    sensitive.extend(strictest.into_iter().flatten());
    if sensitive.contains(&1) {
        says.refused.insert("sensitive.use");
    } else if sensitive.contains(&2) && ![8, 11, 18].contains(&id) {
        says.granted.insert("sensitive.use");
    }
    naive.granted.extend(says.granted);
    naive.refused.extend(says.refused);
    Some(())
}

/// Vendors of a list; the count of ids is bounded so that mutants stay cheap.
fn vendors(rest: &mut &str) -> Option<BTreeSet<u64>> {
    let highest = take(rest, 16)?;
    if take(rest, 1)? == 0 {
        return flags(rest, highest);
    }
    ranges(rest, highest)
}

fn ranges(rest: &mut &str, highest: u64) -> Option<BTreeSet<u64>> {
    let mut ids = BTreeSet::new();
    for _ in 0..take(rest, 12)? {
        let several = take(rest, 1)? == 1;
        let first = take(rest, 16)?;
        let last = if several { take(rest, 16)? } else { first };
        if first == 0 || last < first || last > highest {
            return None;
        }
        ids.extend(first..=last);
    }
    Some(ids)
}

fn flags(rest: &mut &str, width: u64) -> Option<BTreeSet<u64>> {
    let mut ids = BTreeSet::new();
    for id in 1..=width {
        if take(rest, 1)? == 1 {
            ids.insert(id);
        }
    }
    Some(ids)
}

fn canada(text: &str, vendor: Option<u64>, now_ms: i64, naive: &mut Naive) -> Option<()> {
    let mut segments = text.split('.');
    let all = bits(segments.next()?)?;
    let mut rest = all.as_str();
    if take(&mut rest, 6)? != 1 {
        return None;
    }
    take(&mut rest, 36)?;
    let updated = take(&mut rest, 36)? as i64 * 100;
    let cmp = take(&mut rest, 12)?;
    for width in [12, 6, 6, 6, 12, 6, 1] {
        take(&mut rest, width)?;
    }
    let features = flags(&mut rest, 12)?;
    let (mut express, mut implied) = (flags(&mut rest, 24)?, flags(&mut rest, 24)?);
    let (vendor_express, vendor_implied) = (vendors(&mut rest)?, vendors(&mut rest)?);
    let mut restrictions = Vec::new();
    if rest.len() >= 12 {
        for _ in 0..take(&mut rest, 12)? {
            let (purpose, kind) = (take(&mut rest, 6)?, take(&mut rest, 2)?);
            restrictions.push((purpose, kind, ranges(&mut rest, 65_535)?));
        }
    }
    if rest.contains('1') {
        return None;
    }
    let (mut publisher, mut disclosed) = (None, None);
    for segment in segments {
        let all = bits(segment)?;
        let mut rest = all.as_str();
        match take(&mut rest, 3)? {
            1 if disclosed.is_none() => disclosed = Some(vendors(&mut rest)?),
            3 if publisher.is_none() => {
                publisher = Some((flags(&mut rest, 24)?, flags(&mut rest, 24)?));
                let own = take(&mut rest, 6)?;
                // Not both at once: a number has 64 bits, and there may be 63 of each.
                take(&mut rest, own as usize)?;
                take(&mut rest, own as usize)?;
            }
            _ => return None,
        }
        if rest.contains('1') {
            return None;
        }
    }
    let day = 86_400_000;
    if cmp < 2 || updated < now_ms - 390 * day || updated > now_ms + day {
        return Some(());
    }
    let mut special = true;
    match vendor {
        None => match publisher {
            Some(own) => (express, implied) = own,
            None => return Some(()),
        },
        Some(vendor) => {
            if disclosed.is_some_and(|disclosed| !disclosed.contains(&vendor)) {
                return Some(());
            }
            special = vendor_express.contains(&vendor);
            let restricted = |kind: u64, purpose: &u64| {
                restrictions.iter().any(|(p, k, ids)| p == purpose && *k != kind && ids.contains(&vendor))
            };
            express.retain(|purpose| vendor_express.contains(&vendor) && !restricted(1, purpose));
            implied.retain(|purpose| vendor_implied.contains(&vendor) && !restricted(2, purpose));
        }
    }
    let mut table: Vec<(&'static str, &[u64])> = vec![("analytics.audience", &[8, 9]), ("product.improve", &[10])];
    table.extend([("content.personalize", &[5, 6][..]), ("ads.basic", &[2]), ("ads.profile", &[3, 4])]);
    table.push(("ads.measure", &[7]));
    for (purpose, needs) in table {
        if needs.iter().all(|need| express.contains(need)) {
            naive.granted.insert(purpose);
        } else if !needs.iter().all(|need| express.contains(need) || implied.contains(need)) {
            naive.refused.insert(purpose);
        }
    }
    let side =
        if special && features.contains(&1) && features.contains(&2) { &mut naive.granted } else { &mut naive.refused };
    side.insert("sensitive.use");
    Some(())
}
