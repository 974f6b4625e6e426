//! Which word of a TC string is taken, now: the refusals, and from the bits that are left, purposes.
//!
//! The framework's own rules, in the strictest reading where they leave a choice. PurposeOneTreatment relaxes nothing:
//! a purpose 1 that was not disclosed was not consented to. Legitimate interest counts only for purposes that the caller
//! names, and never for purposes 1 and 3 to 6 (TCF Policies v4.0, appendix A: consent is their only legal basis).

use jiff::ToSpan;
use jiff::tz::Offset;

use super::ids::IdSet;
use super::vendors::Forbidden;
use super::{Tcf, Vendors};
use crate::engine::consent::signals::says::{Known, Moment, Precision, Refusal, Says};

/// Whose consent a string is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The publisher's own purposes: segment type 3.
    Publisher,
    /// A vendor of the Global Vendor List, by its id.
    Vendor(u16),
}

/// The first version of the policies under which legitimate interest is gone for purposes 3 to 6 (TCF 2.2).
const OLDEST_POLICY: u8 = 4;

/// From here on a string must say which vendors were disclosed: 2026-02-28T00:00:00Z (TCF 2.3).
const DISCLOSURE_FROM_MS: i64 = 1_772_236_800_000;

/// Months that consent lasts at most (the framework's ceiling; a policy may expire it earlier).
const MONTHS: i32 = 13;

const DAY_MS: i64 = Precision::Day.unit_ms();

/// No calendar has 13 months in fewer or more days than these.
const MONTHS_AT_LEAST_MS: i64 = 390 * DAY_MS;
const MONTHS_AT_MOST_MS: i64 = 400 * DAY_MS;

/// How far a clock may be ahead of ours.
const AHEAD_MS: i64 = DAY_MS;

/// Consent is their only legal basis.
const CONSENT_ONLY: IdSet = IdSet::of(&[1, 3, 4, 5, 6]);

/// Our purposes, and the framework's that all must hold for them.
const STATEMENTS: [(Known, IdSet); 7] = [
    (Known::of("storage.device"), IdSet::of(&[1])),
    (Known::of("analytics.audience"), IdSet::of(&[8, 9])),
    (Known::of("product.improve"), IdSet::of(&[10])),
    (Known::of("content.personalize"), IdSet::of(&[5, 6])),
    (Known::of("ads.basic"), IdSet::of(&[2])),
    (Known::of("ads.profile"), IdSet::of(&[3, 4])),
    (Known::of("ads.measure"), IdSet::of(&[7])),
];

/// Rests on both special features: precise geolocation (1) and active scanning of the device (2). The string asks for
/// them once, for everybody; the publisher's segment has no bits of its own.
const SENSITIVE: Known = Known::of("sensitive.use");
const SPECIAL_FEATURES: IdSet = IdSet::of(&[1, 2]);

/// What a legal basis allows, purpose by purpose.
struct Bases {
    consent: IdSet,
    legitimate_interest: IdSet,
    special_features: bool,
}

impl Tcf {
    /// What counts of the string for `reader` at `now_ms`. Asked purposes without their bits are denied; purposes that
    /// the framework does not know are not spoken about. `legitimate_interest`: purposes that the caller rests on it.
    ///
    /// # Errors
    /// The first reason, in the order of [`Refusal`], for which the string counts as no signal.
    pub fn says(&self, reader: Reader, legitimate_interest: Known, now_ms: i64) -> Result<Says, Refusal> {
        if let Some(refusal) = self.refusals(Some(reader), now_ms).next() {
            return Err(refusal);
        }
        let bases = self.bases(reader);
        let mut says = Says { at: Some(self.date()), ..Says::default() };
        let mut put = |purpose: Known, granted: bool| {
            let side = if granted { &mut says.granted } else { &mut says.denied };
            *side = side.union(purpose);
        };
        for (purpose, needs) in STATEMENTS {
            let rests_on_interest = legitimate_interest.contains(purpose);
            let interest = if rests_on_interest { bases.legitimate_interest } else { IdSet::default() };
            put(purpose, bases.consent.union(interest).contains(needs));
        }
        put(SENSITIVE, bases.special_features && self.core.special_features.contains(SPECIAL_FEATURES));
        Ok(says)
    }

    /// Every reason for which the string counts as no signal: for `reader`, or with `None`, for anybody.
    pub fn refusals(&self, reader: Option<Reader>, now_ms: i64) -> impl Iterator<Item = Refusal> {
        Refusal::ALL.iter().copied().filter(move |refusal| self.is_refused(*refusal, reader, now_ms))
    }

    /// When the choice was last changed, as exactly as it is written. TCF 2.2 and later write the day alone (midnight
    /// UTC, "Created" and "LastUpdated" equal); a date at midnight is read as a day whatever wrote it. Otherwise tenths
    /// of a second, read as the second that holds them: less exact is stricter.
    pub fn date(&self) -> Moment {
        let ms = self.core.last_updated_ms;
        let precision = if ms.rem_euclid(DAY_MS) == 0 { Precision::Day } else { Precision::Second };
        Moment::new(ms, precision)
    }

    fn is_refused(&self, refusal: Refusal, reader: Option<Reader>, now_ms: i64) -> bool {
        let (core, publisher, vendor) = match reader {
            None => (&self.core, false, None),
            Some(Reader::Publisher) => (&self.core, true, None),
            Some(Reader::Vendor(vendor)) => (&self.core, false, Some(vendor)),
        };
        match refusal {
            Refusal::NoCmp => core.cmp_id < 2,
            Refusal::NotServiceSpecific => !core.service_specific,
            Refusal::PolicyVersion => core.policy_version < OLDEST_POLICY,
            Refusal::NoDisclosedVendors => self.disclosed.is_none() && core.last_updated_ms >= DISCLOSURE_FROM_MS,
            Refusal::TooOld => too_old(core.last_updated_ms, now_ms),
            Refusal::FromTheFuture => core.last_updated_ms > now_ms.saturating_add(AHEAD_MS),
            Refusal::NoPublisherSegment => publisher && self.publisher.is_none(),
            Refusal::VendorNotDisclosed => {
                vendor.is_some_and(|vendor| self.has_vendor(Vendors::Disclosed, vendor) == Some(false))
            }
            Refusal::Malformed
            | Refusal::Version
            | Refusal::NotApplicable
            | Refusal::UnknownValue
            | Refusal::NoStatement => false,
        }
    }

    /// The publisher: its own segment. A vendor: the purpose's bit, its own bit, and no restriction against it.
    fn bases(&self, reader: Reader) -> Bases {
        let mut bases = match reader {
            Reader::Publisher => {
                let own = self.publisher.as_ref();
                Bases {
                    consent: own.map(|own| own.consents).unwrap_or_default(),
                    legitimate_interest: own.map(|own| own.legitimate_interests).unwrap_or_default(),
                    special_features: true,
                }
            }
            Reader::Vendor(vendor) => {
                let bits = self.bits();
                let consented = self.consent.has(bits, vendor);
                let interested = self.legitimate_interest.has(bits, vendor);
                let forbidden = match self.restrictions.is_empty() {
                    true => Forbidden::default(),
                    false => self.restrictions.forbidden(bits, vendor),
                };
                let all = |yes: bool, of: IdSet| if yes { of } else { IdSet::default() };
                Bases {
                    consent: all(consented, self.core.purpose_consents).without(forbidden.on_consent),
                    legitimate_interest: all(interested, self.core.purpose_legitimate_interests)
                        .without(forbidden.on_legitimate_interest),
                    special_features: consented,
                }
            }
        };
        if self.core.purpose_one_treatment {
            bases.consent = bases.consent.without(IdSet::of(&[1]));
        }
        bases.legitimate_interest = bases.legitimate_interest.without(CONSENT_ONLY);
        bases
    }
}

/// Older than 13 calendar months: the same day and time of day, 13 months on, or the last day of a month that has no such
/// day (31 January → 28 or 29 February), all in UTC. The very millisecond still counts.
fn too_old(last_updated_ms: i64, now_ms: i64) -> bool {
    let age = now_ms.saturating_sub(last_updated_ms);
    if age <= MONTHS_AT_LEAST_MS {
        return false;
    }
    if age > MONTHS_AT_MOST_MS {
        return true;
    }
    let end = jiff::Timestamp::from_millisecond(last_updated_ms)
        .map(|at| Offset::UTC.to_datetime(at))
        .and_then(|at| at.checked_add(MONTHS.months()))
        .and_then(|end| Offset::UTC.to_timestamp(end));
    end.map_or(true, |end| now_ms > end.as_millisecond())
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
