//! A second reader of TC strings: written from the specification, slow, lenient where the product is strict, and sharing
//! nothing with it. What the product grants, this must find too.

#![allow(dead_code, unreachable_pub, missing_docs)]

use std::collections::BTreeSet;

pub struct Read {
    /// In tenths of a second.
    pub updated: u64,
    pub cmp_id: u64,
    pub policy: u64,
    pub service_specific: bool,
    pub purpose_one_treatment: bool,
    pub features: Vec<u64>,
    pub purposes: Vec<u64>,
    pub interests: Vec<u64>,
    pub vendors: Set,
    pub vendor_interests: Set,
    pub restrictions: Vec<(u64, u64, Set)>,
    pub disclosed: Option<Set>,
    pub publisher: Option<(Vec<u64>, Vec<u64>)>,
}

/// Ranges as they are written, or bits.
pub struct Set(Vec<(u64, u64)>);

impl Set {
    pub fn has(&self, vendor: u64) -> bool {
        self.0.iter().any(|(first, last)| *first <= vendor && vendor <= *last)
    }
}

pub fn read(text: &str) -> Option<Read> {
    let segments: Vec<String> = text.split('.').map(bits).collect::<Option<_>>()?;
    let mut core = Fields(&segments[0]);
    if core.number(6)? != 2 {
        return None;
    }
    core.number(36)?;
    let updated = core.number(36)?;
    let cmp_id = core.number(12)?;
    core.number(12 + 6 + 12 + 12)?;
    let policy = core.number(6)?;
    let service_specific = core.number(1)? == 1;
    core.number(1)?;
    let (features, purposes, interests) = (core.ids(12)?, core.ids(24)?, core.ids(24)?);
    let purpose_one_treatment = core.number(1)? == 1;
    core.number(12)?;
    let (vendors, vendor_interests) = (list(&mut core)?, list(&mut core)?);
    let mut restrictions = Vec::new();
    for _ in 0..core.number(12)? {
        restrictions.push((core.number(6)?, core.number(2)?, ranges(&mut core)?));
    }
    let (mut disclosed, mut publisher) = (None, None);
    for segment in &segments[1..] {
        let mut fields = Fields(segment);
        match fields.number(3)? {
            1 => disclosed = Some(list(&mut fields)?),
            3 => publisher = Some((fields.ids(24)?, fields.ids(24)?)),
            _ => {}
        }
    }
    Some(Read {
        updated,
        cmp_id,
        policy,
        service_specific,
        purpose_one_treatment,
        features,
        purposes,
        interests,
        vendors,
        vendor_interests,
        restrictions,
        disclosed,
        publisher,
    })
}

fn list(fields: &mut Fields<'_>) -> Option<Set> {
    let max = fields.number(16)?;
    if fields.number(1)? == 1 {
        ranges(fields)
    } else {
        Some(Set(fields.ids(max as usize)?.into_iter().map(|id| (id, id)).collect()))
    }
}

fn ranges(fields: &mut Fields<'_>) -> Option<Set> {
    let mut set = Vec::new();
    for _ in 0..fields.number(12)? {
        let several = fields.number(1)? == 1;
        let first = fields.number(16)?;
        set.push((first, if several { fields.number(16)? } else { first }));
    }
    Some(Set(set))
}

/// The bits of base64url text, as `0` and `1`.
pub fn bits(text: &str) -> Option<String> {
    let mut bits = String::new();
    for character in text.chars() {
        let value = match character {
            'A'..='Z' => character as u32 - 'A' as u32,
            'a'..='z' => character as u32 - 'a' as u32 + 26,
            '0'..='9' => character as u32 - '0' as u32 + 52,
            '-' => 62,
            '_' => 63,
            _ => return None,
        };
        bits += &format!("{value:06b}");
    }
    Some(bits)
}

/// Takes fields off the front of bits.
pub struct Fields<'a>(pub &'a str);

impl Fields<'_> {
    pub fn number(&mut self, width: usize) -> Option<u64> {
        let (field, rest) = self.0.split_at_checked(width)?;
        self.0 = rest;
        if field.is_empty() { Some(0) } else { u64::from_str_radix(field, 2).ok() }
    }

    /// The ids, from 1, whose bits are set.
    pub fn ids(&mut self, width: usize) -> Option<Vec<u64>> {
        let (field, rest) = self.0.split_at_checked(width)?;
        self.0 = rest;
        Some((1..).zip(field.chars()).filter(|(_, bit)| *bit == '1').map(|(id, _)| id).collect())
    }
}

type Purposes = BTreeSet<&'static str>;

/// What is granted and what is refused. `vendor`: whose consent, `None` the publisher's. `interest`: legitimate interest
/// counts wherever it may. A string that cannot be read: `None`; one that is not accepted: nothing and nothing. The 13
/// months are 398 days here: a day more than any calendar has.
pub fn says(text: &str, vendor: Option<u64>, interest: bool, now_ms: i64) -> Option<(Purposes, Purposes)> {
    let read = read(text)?;
    let nothing = Some(Default::default());
    let updated_ms = read.updated as i64 * 100;
    let day = 86_400_000;
    if now_ms - updated_ms > 398 * day || updated_ms - now_ms > day {
        return nothing;
    }
    // 2026-02-28 is that day since 1970.
    let must_disclose = updated_ms >= 20_512 * day;
    if !read.service_specific || read.policy < 4 || read.cmp_id < 2 || (must_disclose && read.disclosed.is_none()) {
        return nothing;
    }
    if let (Some(vendor), Some(disclosed)) = (vendor, &read.disclosed)
        && !disclosed.has(vendor)
    {
        return nothing;
    }
    if vendor.is_none() && read.publisher.is_none() {
        return nothing;
    }
    let consented = vendor.is_none_or(|vendor| read.vendors.has(vendor));
    let yes = |purpose: u64| match purpose {
        1 => !read.purpose_one_treatment && read.by_consent(vendor, purpose),
        3..=6 => read.by_consent(vendor, purpose),
        _ => read.by_consent(vendor, purpose) || (interest && read.by_interest(vendor, purpose)),
    };
    let (mut granted, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (name, holds) in [
        ("storage.device", yes(1)),
        ("ads.basic", yes(2)),
        ("ads.profile", yes(3) && yes(4)),
        ("content.personalize", yes(5) && yes(6)),
        ("ads.measure", yes(7)),
        ("analytics.audience", yes(8) && yes(9)),
        ("product.improve", yes(10)),
        ("sensitive.use", consented && read.features.contains(&1) && read.features.contains(&2)),
    ] {
        if holds {
            granted.insert(name)
        } else {
            refused.insert(name)
        };
    }
    Some((granted, refused))
}

impl Read {
    fn by_consent(&self, vendor: Option<u64>, purpose: u64) -> bool {
        match vendor {
            None => self.publisher.as_ref().is_some_and(|(purposes, _)| purposes.contains(&purpose)),
            Some(vendor) => {
                self.purposes.contains(&purpose)
                    && self.vendors.has(vendor)
                    && !self.restricted(vendor, purpose, &[0, 2, 3])
            }
        }
    }

    fn by_interest(&self, vendor: Option<u64>, purpose: u64) -> bool {
        match vendor {
            None => self.publisher.as_ref().is_some_and(|(_, interests)| interests.contains(&purpose)),
            Some(vendor) => {
                self.interests.contains(&purpose)
                    && self.vendor_interests.has(vendor)
                    && !self.restricted(vendor, purpose, &[0, 1, 3])
            }
        }
    }

    fn restricted(&self, vendor: u64, purpose: u64, kinds: &[u64]) -> bool {
        self.restrictions.iter().any(|(of, kind, set)| *of == purpose && kinds.contains(kind) && set.has(vendor))
    }
}
