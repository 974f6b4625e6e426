//! The Canadian section, tcfcav1: the TCF for PIPEDA and Quebec's Law 25 (GPP, "Sections/Canada", IAB Canada TCF).
//!
//! It is laid out as a TC string up to the policy version, but asks two questions a purpose: express consent, and
//! implied consent, which stands as long as nobody objects. Implied consent is no consent where consent must be given
//! (Planet49, C-673/17, in the EEA; Law 25 s. 8.1 for profiling in Quebec), so it grants nothing here; it is not a
//! refusal either, and leaves its purpose unanswered. Neither of the two is a refusal.
//!
//! The trap: two writers of the reference library put vendor lists in different codings into the same place, and
//! nothing in the string tells which. The fixed-width one is read. Bits behind the fields that are not zero show that a
//! string was written otherwise: it can be shown, and is read in the strictest way.

use super::{Value, asked};
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
    vendor_express: VendorList,
    vendor_implied: VendorList,
    restrictions: Option<Restrictions>,
    publisher: Option<Publisher>,
    disclosed: Option<VendorList>,
    /// Bits behind the fields that are not zero.
    pub(super) faulty: bool,
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
        let mut canada = Canada::fields(&mut bits, &mut budget)?;
        for text in segments {
            let mut bits = append(text, &mut bytes)?;
            match bits.take(3).ok_or(Malformed::Truncated)? {
                1 if canada.disclosed.is_none() => canada.disclosed = Some(VendorList::read(&mut bits, &mut budget)?),
                3 if canada.publisher.is_none() => {
                    canada.publisher = Some(Publisher::read(&mut bits).ok_or(Malformed::Truncated)?);
                }
                _ => return Err(Malformed::Segment),
            }
            canada.faulty |= !only_padding(&mut bits);
        }
        canada.bytes = bytes;
        Ok(canada)
    }

    fn fields(bits: &mut Bits<'_>, budget: &mut Budget) -> Result<Canada, Malformed> {
        let mut canada = Canada::fixed(bits, budget).ok_or(Malformed::Truncated)??;
        // The restrictions came later: older strings end here. Fewer bits than their count has are padding.
        if bits.left() >= 12 {
            canada.restrictions = Some(Restrictions::read(bits, budget)?);
        }
        canada.faulty = !only_padding(bits);
        Ok(canada)
    }

    /// The outer `None`: cut in a field before the lists.
    fn fixed(bits: &mut Bits<'_>, budget: &mut Budget) -> Option<Result<Canada, Malformed>> {
        let (created_ms, last_updated_ms) = (bits.take(36)? as i64 * 100, bits.take(36)? as i64 * 100);
        let (cmp_id, cmp_version) = (bits.take(12)? as u16, bits.take(12)? as u16);
        let consent_screen = bits.take(6)? as u8;
        let language = [bits.take(6)? as u8, bits.take(6)? as u8];
        let (vendor_list_version, policy_version) = (bits.take(12)? as u16, bits.take(6)? as u8);
        let non_standard_stacks = bits.flag()?;
        let special_features = ids(bits, 12)?;
        let (express, implied) = (ids(bits, 24)?, ids(bits, 24)?);
        let lists = VendorList::read(bits, budget).and_then(|first| Ok((first, VendorList::read(bits, budget)?)));
        Some(lists.map(|(vendor_express, vendor_implied)| Canada {
            bytes: Vec::new(),
            created_ms,
            last_updated_ms,
            cmp_id,
            cmp_version,
            consent_screen,
            language,
            vendor_list_version,
            policy_version,
            non_standard_stacks,
            special_features,
            express,
            implied,
            vendor_express,
            vendor_implied,
            restrictions: None,
            publisher: None,
            disclosed: None,
            faulty: false,
        }))
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
                let of = |list: &VendorList, set| if list.has(bits, vendor) { set } else { IdSet::default() };
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
        let vendors = |list: &VendorList| Value::Numbers(list.ids(bits).into_iter().map(u64::from).collect());
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
        each("VendorExpressConsent", vendors(&self.vendor_express));
        each("VendorImpliedConsent", vendors(&self.vendor_implied));
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
            each("DisclosedVendors", vendors(disclosed));
        }
    }
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

/// Whether what is left is zero.
fn only_padding(bits: &mut Bits<'_>) -> bool {
    while bits.left() > 0 {
        if bits.take(bits.left().min(64)) != Some(0) {
            return false;
        }
    }
    true
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
