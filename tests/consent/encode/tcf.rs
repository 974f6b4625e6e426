//! TC strings from what they should say.

#![allow(dead_code, unreachable_pub, missing_docs)] // read like a table

use std::collections::BTreeSet;

use crate::encode_bits::{base64url, bitfield, letters, number};
use crate::reference::random::Random;

/// Days from 1970-01-01 to 2026-11-24, the tests' today.
pub const TODAY: u64 = 20_781;
/// Its first millisecond.
pub const NOW_MS: i64 = TODAY as i64 * 86_400_000;

/// Everything a TC string can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// In tenths of a second.
    pub created: u64,
    pub updated: u64,
    pub cmp_id: u16,
    pub cmp_version: u16,
    pub screen: u8,
    pub language: String,
    pub vendor_list: u16,
    pub policy: u8,
    pub service_specific: bool,
    pub non_standard_texts: bool,
    pub features: BTreeSet<u8>,
    pub purposes: BTreeSet<u8>,
    pub interests: BTreeSet<u8>,
    pub purpose_one_treatment: bool,
    pub country: String,
    pub vendors: BTreeSet<u16>,
    pub vendor_interests: BTreeSet<u16>,
    pub restrictions: Vec<(u8, u8, BTreeSet<u16>)>,
    pub disclosed: Option<BTreeSet<u16>>,
    pub allowed: Option<BTreeSet<u16>>,
    pub publisher: Option<Publisher>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    pub purposes: BTreeSet<u8>,
    pub interests: BTreeSet<u8>,
    pub own: u8,
    pub own_purposes: BTreeSet<u8>,
    pub own_interests: BTreeSet<u8>,
}

fn some<T: Ord + TryFrom<usize>>(random: &mut Random, highest: usize, percent: u64) -> BTreeSet<T> {
    (1..=highest).filter(|_| random.chance(percent)).filter_map(|id| T::try_from(id).ok()).collect()
}

/// Few or many, alone or in a row, near or far.
fn vendors(random: &mut Random) -> BTreeSet<u16> {
    let mut ids = BTreeSet::new();
    let highest = random.pick(&[0usize, 5, 40, 40, 1_400, 65_535]);
    for _ in 0..if highest == 0 { 0 } else { random.below(12) } {
        let first = 1 + random.below(highest);
        let run = if random.chance(30) { random.below(60) } else { 0 };
        ids.extend((first..=(first + run).min(65_535)).map(|id| id as u16));
    }
    ids
}

/// Any string that the format allows.
pub fn any(random: &mut Random) -> Said {
    let date = |random: &mut Random| match random.below(3) {
        0 => (TODAY - random.below(400) as u64) * 864_000,
        1 => (TODAY * 864_000) - random.below(400 * 864_000) as u64,
        _ => random.next() >> 28,
    };
    let letters = |random: &mut Random| (0..2).map(|_| char::from(b'A' + random.below(26) as u8)).collect::<String>();
    let own = random.below(64) as u8;
    Said {
        created: date(random),
        updated: date(random),
        cmp_id: random.below(4096) as u16,
        cmp_version: random.below(4096) as u16,
        screen: random.below(64) as u8,
        language: letters(random),
        vendor_list: random.below(4096) as u16,
        policy: random.pick(&[2, 3, 4, 5, 5, 6, 63]),
        service_specific: random.chance(80),
        non_standard_texts: random.chance(20),
        features: some(random, 12, 50),
        purposes: some(random, 24, 60),
        interests: some(random, 24, 40),
        purpose_one_treatment: random.chance(20),
        country: letters(random),
        vendors: vendors(random),
        vendor_interests: vendors(random),
        restrictions: (0..if random.chance(50) { 0 } else { random.below(6) })
            .map(|_| (random.below(64) as u8, random.below(4) as u8, vendors(random)))
            .collect(),
        disclosed: random.chance(70).then(|| vendors(random)),
        allowed: random.chance(20).then(|| vendors(random)),
        publisher: random.chance(60).then(|| Publisher {
            purposes: some(random, 24, 60),
            interests: some(random, 24, 40),
            own,
            own_purposes: some(random, usize::from(own), 50),
            own_interests: some(random, usize::from(own), 50),
        }),
    }
}

/// A string that is taken today, for the publisher and for most of its vendors.
pub fn taken(random: &mut Random) -> Said {
    let day = (TODAY - random.below(200) as u64) * 864_000;
    let mut said = any(random);
    (said.created, said.updated) = (day, day);
    said.cmp_id = 2 + random.below(600) as u16;
    said.policy = random.pick(&[4, 5, 5, 5]);
    said.service_specific = true;
    said.purpose_one_treatment = random.chance(5);
    said.purposes = some(random, 11, 80);
    said.features = some(random, 2, 80);
    if said.publisher.is_none() && random.chance(80) {
        said.publisher = any(random).publisher;
    }
    said.vendors.extend(some::<u16>(random, 20, 60));
    said.vendors.retain(|vendor| *vendor < 2_000);
    said.vendor_interests.retain(|vendor| *vendor < 2_000);
    let disclosed = said.disclosed.take().unwrap_or_default();
    said.disclosed = Some(said.vendors.iter().copied().chain(disclosed).filter(|vendor| *vendor < 2_000).collect());
    said.allowed = said.allowed.filter(|_| random.chance(30));
    said
}

/// The string. How lists are written, and how far segments are filled up, is drawn: readers must not care.
pub fn string(said: &Said, random: &mut Random) -> String {
    let unit = random.pick(&[6, 8, 24]);
    string_in(unit, said, random)
}

/// The same, each segment filled up to a multiple of `unit` bits.
pub fn string_in(unit: usize, said: &Said, random: &mut Random) -> String {
    let mut core = [
        number(2, 6),
        number(said.created, 36),
        number(said.updated, 36),
        number(said.cmp_id.into(), 12),
        number(said.cmp_version.into(), 12),
        number(said.screen.into(), 6),
        letters(&said.language),
        number(said.vendor_list.into(), 12),
        number(said.policy.into(), 6),
        number(said.service_specific.into(), 1),
        number(said.non_standard_texts.into(), 1),
        bitfield(said.features.iter().copied(), 12),
        bitfield(said.purposes.iter().copied(), 24),
        bitfield(said.interests.iter().copied(), 24),
        number(said.purpose_one_treatment.into(), 1),
        letters(&said.country),
        list(&said.vendors, random),
        list(&said.vendor_interests, random),
    ]
    .concat();
    core += &number(said.restrictions.len() as u64, 12);
    for (purpose, kind, vendors) in &said.restrictions {
        core += &number((*purpose).into(), 6);
        core += &number((*kind).into(), 2);
        core += &ranges(vendors, random);
    }
    let mut segments = Vec::new();
    if let Some(disclosed) = &said.disclosed {
        segments.push(number(1, 3) + &list(disclosed, random));
    }
    if let Some(allowed) = &said.allowed {
        segments.push(number(2, 3) + &list(allowed, random));
    }
    if let Some(publisher) = &said.publisher {
        let own = usize::from(publisher.own);
        segments.push(
            [
                number(3, 3),
                bitfield(publisher.purposes.iter().copied(), 24),
                bitfield(publisher.interests.iter().copied(), 24),
                number(own as u64, 6),
                bitfield(publisher.own_purposes.iter().copied(), own),
                bitfield(publisher.own_interests.iter().copied(), own),
            ]
            .concat(),
        );
    }
    if random.chance(50) {
        segments.reverse();
    }
    let texts: Vec<String> = std::iter::once(core).chain(segments).map(|bits| base64url(&bits, unit)).collect();
    texts.join(".")
}

/// The highest id, and a bitfield or ranges.
fn list(ids: &BTreeSet<u16>, random: &mut Random) -> String {
    let highest = ids.last().copied().unwrap_or(0);
    let max = if random.chance(20) { highest.saturating_add(random.below(9) as u16) } else { highest };
    let bits = if max < 3_000 && random.chance(50) {
        number(0, 1) + &bitfield(ids.iter().copied(), max.into())
    } else {
        number(1, 1) + &ranges(ids, random)
    };
    number(max.into(), 16) + &bits
}

/// The number of ranges, and the ranges; in any order, a row of ids in one or several.
fn ranges(ids: &BTreeSet<u16>, random: &mut Random) -> String {
    let mut rows: Vec<(u16, u16)> = Vec::new();
    for id in ids {
        match rows.last_mut() {
            Some((_, last)) if u32::from(*last) + 1 == u32::from(*id) && random.chance(95) => *last = *id,
            _ => rows.push((*id, *id)),
        }
    }
    if random.chance(10) {
        rows.reverse();
    }
    let mut bits = number(rows.len() as u64, 12);
    for (first, last) in rows {
        let alone = first == last && random.chance(90);
        bits += &number(u64::from(!alone), 1);
        bits += &number(first.into(), 16);
        if !alone {
            bits += &number(last.into(), 16);
        }
    }
    bits
}
