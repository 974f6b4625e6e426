//! TC strings of the IAB Europe Transparency & Consent Framework, v2.0 to v2.3 ("Consent string and vendor list formats
//! v2").
//!
//! A core segment, and behind dots those that are there: vendors disclosed to the person (type 1), vendors allowed by a
//! publisher (type 2, deprecated with v2.3, still read) and the publisher's own consent (type 3). [`decode`] says what is
//! written; [`Tcf::says`] takes its word, or refuses to.
//!
//! What is read strictly: `=` and everything else that is not base64url is malformed; so are a field that is cut, ranges
//! that run backwards, start at 0 or exceed the highest id of their list, a segment that is there twice, and a second
//! core. Segments of types that do not exist yet are passed over. Bits behind a segment's fields are padding.
//!
//! The trap: `gdpr=0`, which travels beside the string, would say that none of this applies. Nothing here reads it:
//! whether the GDPR applies is a question of the place, and a flag that anybody can set relaxes nothing.

mod accept;
mod ids;
pub(in crate::engine) mod vendors;

use super::bits::{self, Bits};
use super::says::Malformed;
pub use accept::Reader;
pub use ids::IdSet;
use vendors::{Budget, Restrictions, VendorList};

/// Characters a string may have. The longest that 65,535 vendors in three bitfields need is below it by a third.
pub const LONGEST: usize = 65_536;

/// The segment types behind the core.
const DISCLOSED: u64 = 1;
const ALLOWED: u64 = 2;
const PUBLISHER: u64 = 3;

/// What a TC string says. It holds what a person chose: it cannot be printed.
pub struct Tcf {
    /// The decoded segments, one behind the other, each from a whole byte.
    bytes: Vec<u8>,
    core: Core,
    consent: VendorList,
    legitimate_interest: VendorList,
    restrictions: Restrictions,
    disclosed: Option<VendorList>,
    allowed: Option<VendorList>,
    publisher: Option<Publisher>,
}

/// The fields of the core segment that stand before the lists.
#[derive(Clone, Copy)]
pub struct Core {
    /// When the person was first asked, Unix milliseconds (written in tenths of a second).
    pub created_ms: i64,
    /// When the choice was last changed, Unix milliseconds.
    pub last_updated_ms: i64,
    /// Which consent management platform wrote it. The registry starts at 2.
    pub cmp_id: u16,
    /// That platform's version.
    pub cmp_version: u16,
    /// The screen of its dialogue.
    pub consent_screen: u8,
    /// The dialogue's language, two letters of ISO 639-1; `None` where it is no letters.
    pub language: Option<[u8; 2]>,
    /// The version of the vendor list.
    pub vendor_list_version: u16,
    /// The version of the framework's policies: 2 and 3 are TCF 2.0 and 2.1, 4 is 2.2, 5 is 2.3.
    pub policy_version: u8,
    /// Made for this site or app (and not for every one in the world).
    pub service_specific: bool,
    /// The dialogue did not use the framework's own texts.
    pub non_standard_texts: bool,
    /// Special features that the person opted into.
    pub special_features: IdSet,
    /// Purposes consented to.
    pub purpose_consents: IdSet,
    /// Purposes for which legitimate interest was disclosed and not objected to.
    pub purpose_legitimate_interests: IdSet,
    /// Purpose 1 was not disclosed: its bit says nothing.
    pub purpose_one_treatment: bool,
    /// The publisher's country, two letters; `None` where it is no letters.
    pub country: Option<[u8; 2]>,
}

/// The publisher's own consent, segment type 3.
#[derive(Clone, Copy)]
pub struct Publisher {
    /// Purposes consented to.
    pub consents: IdSet,
    /// Purposes for which legitimate interest was disclosed and not objected to.
    pub legitimate_interests: IdSet,
    /// How many purposes of its own the publisher has.
    pub custom: u8,
    /// The publisher's own purposes, consented to.
    pub custom_consents: IdSet,
    /// The publisher's own purposes, on legitimate interest.
    pub custom_legitimate_interests: IdSet,
}

/// The lists of vendors in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendors {
    /// Consented to.
    Consent,
    /// Legitimate interest disclosed and not objected to.
    LegitimateInterest,
    /// Disclosed to the person (segment type 1).
    Disclosed,
    /// Allowed by the publisher (segment type 2).
    Allowed,
}

/// Reads a TC string. Total, and linear in the text's length.
///
/// # Errors
/// Not a TC string of version 2; the code says why and nothing of the text.
pub fn decode(text: &str) -> Result<Tcf, Malformed> {
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    if text.len() > LONGEST {
        return Err(Malformed::TooLong);
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 8);
    let mut budget = Budget::new();
    let mut segments = text.split('.');
    let mut bits = append(segments.next().unwrap_or_default(), &mut bytes)?;
    let core = Core::read(&mut bits)?;
    let consent = VendorList::read(&mut bits, &mut budget)?;
    let legitimate_interest = VendorList::read(&mut bits, &mut budget)?;
    let restrictions = Restrictions::read(&mut bits, &mut budget)?;
    let (mut disclosed, mut allowed, mut publisher) = (None, None, None);
    for segment in segments {
        let mut bits = append(segment, &mut bytes)?;
        let repeated = match bits.take(3).ok_or(Malformed::Truncated)? {
            DISCLOSED => disclosed.replace(VendorList::read(&mut bits, &mut budget)?).is_some(),
            ALLOWED => allowed.replace(VendorList::read(&mut bits, &mut budget)?).is_some(),
            PUBLISHER => publisher.replace(Publisher::read(&mut bits).ok_or(Malformed::Truncated)?).is_some(),
            // A second core; segments are told by their type, and the core's is 0.
            0 => true,
            _ => false,
        };
        if repeated {
            return Err(Malformed::Segment);
        }
    }
    Ok(Tcf { bytes, core, consent, legitimate_interest, restrictions, disclosed, allowed, publisher })
}

/// Decodes one segment behind the others. The reader stands at its first bit and ends with its last character.
fn append<'a>(segment: &str, bytes: &'a mut Vec<u8>) -> Result<Bits<'a>, Malformed> {
    let start = bytes.len();
    if segment.is_empty() {
        return Err(Malformed::Segment);
    }
    bits::base64url(segment, bytes).ok_or(Malformed::Base64)?;
    let mut bits = Bits::within(bytes, start * 8 + segment.len() * 6);
    bits.skip(start * 8).ok_or(Malformed::Truncated)?;
    Ok(bits)
}

impl Core {
    fn read(bits: &mut Bits<'_>) -> Result<Core, Malformed> {
        if bits.take(6).ok_or(Malformed::Truncated)? != 2 {
            return Err(Malformed::Version);
        }
        Core::read_fields(bits).ok_or(Malformed::Truncated)
    }

    fn read_fields(bits: &mut Bits<'_>) -> Option<Core> {
        Some(Core {
            created_ms: bits.take(36)? as i64 * 100,
            last_updated_ms: bits.take(36)? as i64 * 100,
            cmp_id: bits.take(12)? as u16,
            cmp_version: bits.take(12)? as u16,
            consent_screen: bits.take(6)? as u8,
            language: letters(bits)?,
            vendor_list_version: bits.take(12)? as u16,
            policy_version: bits.take(6)? as u8,
            service_specific: bits.flag()?,
            non_standard_texts: bits.flag()?,
            special_features: id_set(bits, 12)?,
            purpose_consents: id_set(bits, 24)?,
            purpose_legitimate_interests: id_set(bits, 24)?,
            purpose_one_treatment: bits.flag()?,
            country: letters(bits)?,
        })
    }
}

impl Publisher {
    fn read(bits: &mut Bits<'_>) -> Option<Publisher> {
        let (consents, legitimate_interests) = (id_set(bits, 24)?, id_set(bits, 24)?);
        let own = bits.take(6)? as usize;
        Some(Publisher {
            consents,
            legitimate_interests,
            custom: own as u8,
            custom_consents: id_set(bits, own)?,
            custom_legitimate_interests: id_set(bits, own)?,
        })
    }
}

fn id_set(bits: &mut Bits<'_>, width: usize) -> Option<IdSet> {
    Some(IdSet::from_field(bits.take(width)?, width as u32))
}

/// Two letters, each in six bits from `A` = 0.
fn letters(bits: &mut Bits<'_>) -> Option<Option<[u8; 2]>> {
    let (first, second) = (bits.take(6)? as u8, bits.take(6)? as u8);
    Some((first < 26 && second < 26).then_some([b'A' + first, b'A' + second]))
}

impl Tcf {
    /// The fields before the lists.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The publisher's own consent, if the string has that segment.
    pub fn publisher(&self) -> Option<&Publisher> {
        self.publisher.as_ref()
    }

    /// Every vendor of a list, ascending; `None`: the string does not have that list.
    pub fn vendors(&self, which: Vendors) -> Option<Vec<u16>> {
        self.list(which).map(|list| list.ids(self.bits()))
    }

    /// Whether a vendor is in a list; `None`: the string does not have that list.
    pub fn has_vendor(&self, which: Vendors, vendor: u16) -> Option<bool> {
        self.list(which).map(|list| list.has(self.bits(), vendor))
    }

    /// The publisher restrictions in the string's order: purpose, kind (0 not allowed, 1 only with consent, 2 only with
    /// legitimate interest, 3 without a meaning) and vendors, ascending.
    pub fn restrictions(&self) -> impl Iterator<Item = (u8, u8, Vec<u16>)> {
        let bits = self.bits();
        self.restrictions
            .iter(bits)
            .map(move |restriction| (restriction.purpose, restriction.kind, restriction.vendors.ids(bits)))
    }

    fn list(&self, which: Vendors) -> Option<&VendorList> {
        match which {
            Vendors::Consent => Some(&self.consent),
            Vendors::LegitimateInterest => Some(&self.legitimate_interest),
            Vendors::Disclosed => self.disclosed.as_ref(),
            Vendors::Allowed => self.allowed.as_ref(),
        }
    }

    /// Lists were read within their segments; now they are only read again.
    fn bits(&self) -> Bits<'_> {
        Bits::new(&self.bytes)
    }
}

#[cfg(test)]
mod tests;
