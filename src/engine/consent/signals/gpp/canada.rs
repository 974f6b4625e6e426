//! The Canadian section, tcfcav1: the TCF for PIPEDA and Quebec's Law 25 (GPP, "Sections/Canada", IAB Canada TCF).
//!
//! It is laid out as a TC string up to the policy version, but asks two questions a purpose: express consent, and
//! implied consent, which stands as long as nobody objects. Implied consent is no consent where consent must be given
//! (Planet49, C-673/17, in the EEA; Law 25 s. 8.1 for profiling in Quebec), so it grants nothing here; it is not a
//! refusal either, and leaves its purpose unanswered. Neither of the two is a refusal.
//!
//! The trap: two writers of the reference library put the ranges of a vendor list in different codings into the same
//! place, fixed widths and Fibonacci, and nothing in the string tells which. The fixed-width one is read. A string that
//! only makes sense in the other can be shown, but is read in the strictest way, and so is one with bits behind its
//! fields that are not zero.

use super::{Value, asked, only_zeros};
use crate::engine::consent::signals::bits::{Bits, base64url};
use crate::engine::consent::signals::says::{Known, Malformed, Moment, Precision, Refusal, Says};
use crate::engine::consent::signals::tcf::vendors::{Budget, Restrictions, VendorList};
use crate::engine::consent::signals::tcf::{IdSet, Reader};

/// A decoded tcfcav1 section. It holds what a person chose: it cannot be printed.
pub struct Canada {
    bytes: Vec<u8>,
    created_ms: i64,
    last_updated_ms: i64,
    cmp_id: u16,
    cmp_version: u16,
    consent_screen: u8,
    language: [u8; 2],
    vendor_list_version: u16,
    policy_version: u8,
    non_standard_stacks: bool,
    special_features: IdSet,
    express: IdSet,
    implied: IdSet,
    vendor_express: Vendors,
    vendor_implied: Vendors,
    restrictions: Option<Restrictions>,
    publisher: Option<Publisher>,
    disclosed: Option<VendorList>,
    /// Bits behind the fields that are not zero, or vendors in the other coding.
    pub(super) faulty: bool,
}

enum Vendors {
    List(VendorList),
    /// Read from Fibonacci ranges, to be shown.
    Shown(Vec<u16>),
}

#[derive(Clone, Copy)]
struct Publisher {
    express: IdSet,
    implied: IdSet,
    own: u8,
    own_express: IdSet,
    own_implied: IdSet,
}

/// Days that consent lasts at most. IAB Canada sets no number; this is under the 13 months of the European framework,
/// which no calendar has in fewer days.
const LASTS_DAYS: i64 = 390;

/// How far a clock may be ahead of ours.
const AHEAD_DAYS: i64 = 1;

/// Purpose 1 "is not used in TCF Canada": the section says nothing about storage.
const PURPOSES: [(Known, IdSet); 6] = [
    (Known::of("analytics.audience"), IdSet::of(&[8, 9])),
    (Known::of("product.improve"), IdSet::of(&[10])),
    (Known::of("content.personalize"), IdSet::of(&[5, 6])),
    (Known::of("ads.basic"), IdSet::of(&[2])),
    (super::PROFILE, IdSet::of(&[3, 4])),
    (Known::of("ads.measure"), IdSet::of(&[7])),
];

/// Precise geolocation and active scanning of the device.
const SPECIAL_FEATURES: IdSet = IdSet::of(&[1, 2]);

impl Canada {
    pub(super) fn decode(text: &str) -> Result<Canada, Malformed> {
        let mut bytes = Vec::new();
        let mut budget = Budget::new();
        let mut segments = text.split('.');
        let mut bits = append(segments.next().unwrap_or_default(), &mut bytes)?;
        if bits.take(6) != Some(1) {
            return Err(Malformed::Version);
        }
        let mut canada = Canada::core(bits, &mut budget)?;
        for text in segments {
            let mut bits = append(text, &mut bytes)?;
            match bits.take(3).ok_or(Malformed::Truncated)? {
                1 if canada.disclosed.is_none() => canada.disclosed = Some(VendorList::read(&mut bits, &mut budget)?),
                3 if canada.publisher.is_none() => {
                    canada.publisher = Some(Publisher::read(&mut bits).ok_or(Malformed::Truncated)?);
                }
                _ => return Err(Malformed::Segment),
            }
            canada.faulty |= !only_zeros(bits);
        }
        canada.bytes = bytes;
        Ok(canada)
    }

    fn core(bits: Bits<'_>, budget: &mut Budget) -> Result<Canada, Malformed> {
        let mut fixed = Canada::fields(bits, |bits| VendorList::read(bits, budget).map(Vendors::List));
        if !matches!(&fixed, Ok(canada) if !canada.faulty)
            && let Ok(mut other) = Canada::fields(bits, |bits| fibonacci_vendors(bits).map(Vendors::Shown))
            && !other.faulty
        {
            other.faulty = true;
            fixed = Ok(other);
        }
        fixed
    }

    fn fields(
        mut bits: Bits<'_>,
        mut vendors: impl FnMut(&mut Bits<'_>) -> Result<Vendors, Malformed>,
    ) -> Result<Canada, Malformed> {
        let bits = &mut bits;
        let take = |bits: &mut Bits<'_>, width| bits.take(width).ok_or(Malformed::Truncated);
        let mut canada = Canada {
            bytes: Vec::new(),
            created_ms: take(bits, 36)? as i64 * 100,
            last_updated_ms: take(bits, 36)? as i64 * 100,
            cmp_id: take(bits, 12)? as u16,
            cmp_version: take(bits, 12)? as u16,
            consent_screen: take(bits, 6)? as u8,
            language: [take(bits, 6)? as u8, take(bits, 6)? as u8],
            vendor_list_version: take(bits, 12)? as u16,
            policy_version: take(bits, 6)? as u8,
            non_standard_stacks: take(bits, 1)? == 1,
            special_features: ids(bits, 12).ok_or(Malformed::Truncated)?,
            express: ids(bits, 24).ok_or(Malformed::Truncated)?,
            implied: ids(bits, 24).ok_or(Malformed::Truncated)?,
            vendor_express: vendors(bits)?,
            vendor_implied: vendors(bits)?,
            restrictions: None,
            publisher: None,
            disclosed: None,
            faulty: false,
        };
        // The restrictions came later: older strings end here. Fewer bits than their count has are padding.
        if bits.left() >= 12 {
            canada.restrictions = Some(Restrictions::read(bits, &mut Budget::new())?);
        }
        canada.faulty = !only_zeros(*bits);
        Ok(canada)
    }

    /// What counts of it for `reader` at `now_ms`: express consent alone.
    pub(super) fn says(&self, reader: Reader, now_ms: i64) -> Result<Says, Refusal> {
        let day = Precision::Day.unit_ms();
        if self.cmp_id < 2 {
            return Err(Refusal::NoCmp);
        }
        if self.last_updated_ms < now_ms.saturating_sub(LASTS_DAYS * day) {
            return Err(Refusal::TooOld);
        }
        if self.last_updated_ms > now_ms.saturating_add(AHEAD_DAYS * day) {
            return Err(Refusal::FromTheFuture);
        }
        let bits = Bits::new(&self.bytes);
        let (express, implied, special) = match reader {
            Reader::Publisher => {
                let own = self.publisher.as_ref().ok_or(Refusal::NoPublisherSegment)?;
                (own.express, own.implied, true)
            }
            Reader::Vendor(vendor) => {
                if self.disclosed.as_ref().is_some_and(|disclosed| !disclosed.has(bits, vendor)) {
                    return Err(Refusal::VendorNotDisclosed);
                }
                let of = |list: &Vendors, set| if list.has(bits, vendor) { set } else { IdSet::default() };
                let forbidden = self.restrictions.as_ref().map(|all| all.forbidden(bits, vendor)).unwrap_or_default();
                let express = of(&self.vendor_express, self.express).without(forbidden.on_consent);
                let implied = of(&self.vendor_implied, self.implied).without(forbidden.on_legitimate_interest);
                (express, implied, self.vendor_express.has(bits, vendor))
            }
        };
        let mut says = Says { at: Some(self.date()), ..Says::default() };
        for (purpose, needs) in PURPOSES {
            if express.contains(needs) {
                says.granted = says.granted.union(purpose);
            } else if !express.union(implied).contains(needs) {
                says.denied = says.denied.union(purpose);
            }
        }
        let side = match special && self.special_features.contains(SPECIAL_FEATURES) {
            true => &mut says.granted,
            false => &mut says.denied,
        };
        *side = side.union(super::SENSITIVE);
        Ok(says)
    }

    /// "Rounded on a full day"; a writer that did not round is read to the second.
    fn date(&self) -> Moment {
        let day = Precision::Day.unit_ms();
        let precision = if self.last_updated_ms % day == 0 { Precision::Day } else { Precision::Second };
        Moment::new(self.last_updated_ms, precision)
    }

    /// Everything that such a section could refuse.
    pub(super) fn strictest() -> Known {
        asked(&PURPOSES)
    }

    /// Every field by the specification's name. Flags as the ids that are set.
    pub(super) fn each_field(&self, each: &mut dyn FnMut(&'static str, Value)) {
        let bits = Bits::new(&self.bytes);
        let set = |ids: IdSet| Value::Numbers(ids.iter().map(u64::from).collect());
        let vendors = |ids: Vec<u16>| Value::Numbers(ids.into_iter().map(u64::from).collect());
        each("Version", Value::Number(1));
        each("Created", Value::Time(self.created_ms));
        each("LastUpdated", Value::Time(self.last_updated_ms));
        each("CmpId", Value::Number(self.cmp_id.into()));
        each("CmpVersion", Value::Number(self.cmp_version.into()));
        each("ConsentScreen", Value::Number(self.consent_screen.into()));
        let [first, second] = self.language;
        if first < 26 && second < 26 {
            each("ConsentLanguage", Value::Letters([b'A' + first, b'A' + second]));
        }
        each("VendorListVersion", Value::Number(self.vendor_list_version.into()));
        each("TcfPolicyVersion", Value::Number(self.policy_version.into()));
        each("UseNonStandardStacks", Value::Flag(self.non_standard_stacks));
        each("SpecialFeatureExpressConsent", set(self.special_features));
        each("PurposesExpressConsent", set(self.express));
        each("PurposesImpliedConsent", set(self.implied));
        each("VendorExpressConsent", vendors(self.vendor_express.ids(bits)));
        each("VendorImpliedConsent", vendors(self.vendor_implied.ids(bits)));
        if let Some(all) = &self.restrictions {
            let all = all.iter(bits).map(|one| (one.purpose, one.kind, one.vendors.ids(bits))).collect();
            each("PubRestrictions", Value::Restrictions(all));
        }
        if let Some(own) = &self.publisher {
            each("PubPurposesSegmentType", Value::Number(3));
            each("PubPurposesExpressConsent", set(own.express));
            each("PubPurposesImpliedConsent", set(own.implied));
            each("NumCustomPurposes", Value::Number(own.own.into()));
            each("CustomPurposesExpressConsent", set(own.own_express));
            each("CustomPurposesImpliedConsent", set(own.own_implied));
        }
        if let Some(disclosed) = &self.disclosed {
            each("DisclosedVendorsSegmentType", Value::Number(1));
            each("DisclosedVendors", vendors(disclosed.ids(bits)));
        }
    }
}

impl Vendors {
    /// What is only shown grants nothing.
    fn has(&self, bits: Bits<'_>, vendor: u16) -> bool {
        match self {
            Vendors::List(list) => list.has(bits, vendor),
            Vendors::Shown(_) => false,
        }
    }

    fn ids(&self, bits: Bits<'_>) -> Vec<u16> {
        match self {
            Vendors::List(list) => list.ids(bits),
            Vendors::Shown(ids) => ids.clone(),
        }
    }
}

/// A vendor list whose ranges are in Fibonacci coding: offsets from the last id, as in the header.
fn fibonacci_vendors(bits: &mut Bits<'_>) -> Result<Vec<u16>, Malformed> {
    let highest = bits.take(16).ok_or(Malformed::Truncated)? as u16;
    let ranges = bits.flag().ok_or(Malformed::Truncated)?;
    if !ranges {
        let mut id = 0u16;
        let flags = (0..highest).map(|_| {
            id = id.saturating_add(1);
            bits.flag().map(|on| on.then_some(id))
        });
        return Ok(flags.collect::<Option<Vec<_>>>().ok_or(Malformed::Truncated)?.into_iter().flatten().collect());
    }
    let (mut all, mut last) = (Vec::new(), 0u16);
    for _ in 0..bits.take(12).ok_or(Malformed::Truncated)? {
        let range = bits.flag().ok_or(Malformed::Truncated)?;
        let mut offset = || bits.fibonacci().and_then(|offset| u16::try_from(offset).ok());
        let first = offset().and_then(|offset| last.checked_add(offset)).ok_or(Malformed::Range)?;
        last =
            if range { offset().and_then(|offset| first.checked_add(offset)).ok_or(Malformed::Range)? } else { first };
        if last > highest {
            return Err(Malformed::Range);
        }
        all.extend(first..=last);
    }
    Ok(all)
}

impl Publisher {
    fn read(bits: &mut Bits<'_>) -> Option<Publisher> {
        let (express, implied) = (ids(bits, 24)?, ids(bits, 24)?);
        let own = bits.take(6)? as u8;
        let width = usize::from(own);
        Some(Publisher { express, implied, own, own_express: ids(bits, width)?, own_implied: ids(bits, width)? })
    }
}

fn ids(bits: &mut Bits<'_>, width: usize) -> Option<IdSet> {
    Some(IdSet::from_field(bits.take(width)?, width as u32))
}

/// Decodes one segment behind the others; the reader stands at its first bit and ends with its last character.
fn append<'a>(text: &str, bytes: &'a mut Vec<u8>) -> Result<Bits<'a>, Malformed> {
    let start = bytes.len();
    if text.is_empty() {
        return Err(Malformed::Segment);
    }
    base64url(text, bytes).ok_or(Malformed::Base64)?;
    let mut bits = Bits::within(bytes, start * 8 + text.len() * 6);
    bits.skip(start * 8).ok_or(Malformed::Truncated)?;
    Ok(bits)
}
