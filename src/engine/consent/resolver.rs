//! From what an event says, what its subjects chose, and where it happened, to what it permits.
//!
//! The order (DESIGN §6; privacy.md §3.3): the place gives each purpose its regime; age can make it stricter; denials and
//! opt-outs, of the event or of any of its subjects, close; only then does a grant open. A grant counts from the event's
//! own signal, or from an account, device, cookie or ad_id of the event: an e-mail address can be typed by anybody. Dates
//! compare within one subject; a dated grant that the event carries was made on the device, so it can lift a denial by the
//! device, never one by the account.
//! Everything that depends on the policy and the preset alone is worked out once, when the policy is loaded.

use std::collections::BTreeSet;

use super::choice::{History, Judged, Purposes, Stance};
use super::law::{Law, Laws};
use super::signals::says::{AgeBand, Known, Moment};
use super::{Permits, Preset, Purpose, PurposeSet, Regime, SubjectKind};
use crate::engine::outcome::CloseReason;
use crate::engine::policy::model::Policy;

/// Decides for the events of one policy.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// Every purpose that the policy names, in the order of their bits.
    purposes: Vec<Purpose>,
    laws: Laws,
    /// By place in [`Purpose::KNOWN`]: the bit of that purpose, if the policy names it.
    known: Vec<PurposeSet>,
    /// What nobody may do with a child's data.
    not_for_children: PurposeSet,
    /// `consent.expiry`; else the place's.
    expiry_ms: Option<i64>,
}

/// What is known of an event.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// ISO 3166-1 alpha-2, in either case; anything else is unknown.
    pub country: Option<&'a str>,
    /// ISO 3166-2 subdivision, with the country (`US-CA`) or without (`CA`).
    pub region: Option<&'a str>,
    /// Whether Global Privacy Control is on.
    pub gpc: bool,
    /// Purposes that a signal without a date grants.
    pub granted: PurposeSet,
    /// Purposes that a signal with a date grants, and the date.
    pub dated: &'a [(Moment, PurposeSet)],
    /// Purposes that a signal denies; wins over grants.
    pub denied: PurposeSet,
    /// Purposes that an opt-out signal other than Global Privacy Control denies.
    pub opted_out: PurposeSet,
    /// How old the event says that its person is.
    pub age: Option<AgeBand>,
    /// The event's time in Unix milliseconds; `None`: unusable, so that grants made elsewhere do not apply.
    pub event_ms: Option<i64>,
    /// Now, Unix milliseconds.
    pub now_ms: i64,
    /// What the consent table was asked; `None`: the policy has none.
    pub asked: Option<Asked<'a>>,
}

impl Evidence<'_> {
    /// Of an event that says nothing, from nowhere.
    pub const SILENT: Evidence<'static> = Evidence {
        country: None,
        region: None,
        gpc: false,
        granted: PurposeSet::EMPTY,
        dated: &[],
        denied: PurposeSet::EMPTY,
        opted_out: PurposeSet::EMPTY,
        age: None,
        event_ms: None,
        now_ms: 0,
        asked: None,
    };
}

/// The answers of the consent table about one event.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Numbers of purposes in the histories.
    pub purposes: &'a Purposes,
    /// Every subject of the event.
    pub subjects: &'a [About<'a>],
    /// A subject of the event is named twice.
    pub ambiguous: bool,
}

/// One subject of an event.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// What it is.
    pub kind: SubjectKind,
    /// What it chose; empty: nothing.
    pub history: History<'a>,
}

/// The answer for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What holds here, for this person.
    pub regime: Regime,
    /// `None`: permitted.
    pub reason: Option<CloseReason>,
}

/// In histories, a purpose that nobody has spoken about by name. No purpose has this number.
const UNSPOKEN: u8 = 253;

/// What nobody may do with the data of a child (privacy.md §3.3, rule 10): patterns of purposes.
const NOT_FOR_CHILDREN: [&str; 5] = ["ads.basic", "ads.profile", "ads.measure", "sale_share", "model.train"];

const DAY_MS: i64 = 86_400_000;

impl Resolver {
    /// Purposes that one policy can number, in the order of their names; any beyond are never permitted.
    pub const MAX_PURPOSES: usize = 63;

    /// Numbers the purposes of a policy and works out the law of every place.
    pub fn new(policy: &Policy) -> Resolver {
        let mut resolver = Self::over(policy.purposes().cloned().collect(), &policy.law.preset);
        resolver.expiry_ms = policy.consent.expiry_ms;
        resolver
    }

    fn over(purposes: BTreeSet<Purpose>, preset: &Preset) -> Resolver {
        let purposes: Vec<Purpose> = purposes.into_iter().take(Self::MAX_PURPOSES).collect();
        let bit = |name: &&str| {
            let at = purposes.iter().position(|purpose| purpose.as_str() == *name);
            at.and_then(|at| u8::try_from(at).ok()).map_or(PurposeSet::EMPTY, PurposeSet::of)
        };
        let known = Purpose::KNOWN.iter().map(bit).collect();
        let not_for_children = NOT_FOR_CHILDREN.iter().map(bit).fold(PurposeSet::EMPTY, PurposeSet::union);
        Resolver { laws: Laws::new(preset, &purposes), known, not_for_children, purposes, expiry_ms: None }
    }

    /// The bit of a purpose; `None` if the policy does not name it.
    pub fn index(&self, purpose: &Purpose) -> Option<u8> {
        self.purposes.binary_search(purpose).ok().and_then(|index| u8::try_from(index).ok())
    }

    /// The purposes that the policy names, in the order of their bits.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// A set of purposes. One that the policy does not name is never permitted.
    pub fn set(&self, purposes: &[Purpose]) -> PurposeSet {
        purposes.iter().fold(PurposeSet::EMPTY, |set, purpose| {
            set.union(self.index(purpose).map_or(PurposeSet::BEYOND, PurposeSet::of))
        })
    }

    /// Those purposes of the closed list that the policy names.
    pub fn of_known(&self, known: Known) -> PurposeSet {
        // Most events say nothing of most kinds.
        if known.is_empty() {
            return PurposeSet::EMPTY;
        }
        let bits = known.indices().filter_map(|at| self.known.get(at));
        bits.fold(PurposeSet::EMPTY, |set, bit| set.union(*bit))
    }

    /// The members of a set, by name.
    pub fn names(&self, set: PurposeSet) -> impl Iterator<Item = &Purpose> {
        set.indices().filter_map(|index| self.purposes.get(usize::from(index)))
    }

    /// What the event permits. Total: any text is a place or an unknown place.
    pub fn decide(&self, evidence: &Evidence<'_>) -> Permits {
        let (law, known_place) = self.laws.at(evidence.country, evidence.region);
        let age = evidence.youngest();
        let mut permits = Permits::NONE;
        for (index, purpose) in (0..).zip(&self.purposes) {
            let verdict = self.judge(index, purpose, law, known_place, age, evidence);
            permits.decide(PurposeSet::of(index), verdict.reason);
        }
        permits
    }

    /// What [`Resolver::decide`] says about one purpose, for explanations; `None`: the policy does not name it.
    pub fn verdict(&self, purpose: &Purpose, evidence: &Evidence<'_>) -> Option<Verdict> {
        let (law, known_place) = self.laws.at(evidence.country, evidence.region);
        let index = self.index(purpose)?;
        Some(self.judge(index, purpose, law, known_place, evidence.youngest(), evidence))
    }

    /// What one subject's history says about a purpose, for explanations.
    pub fn told(&self, purpose: &Purpose, about: &About<'_>, evidence: &Evidence<'_>) -> Option<Judged> {
        let (law, _) = self.laws.at(evidence.country, evidence.region);
        let bit = PurposeSet::of(self.index(purpose)?);
        let number = evidence.asked?.purposes.number(purpose).unwrap_or(UNSPOKEN);
        Some(self.heard(number, bit, about, law, evidence))
    }

    /// The regime of each purpose where `country` and `region` say, for tables and explanations.
    pub fn regime(&self, country: Option<&str>, region: Option<&str>, purpose: &Purpose) -> Regime {
        let (law, _) = self.laws.at(country, region);
        law.regime(self.set(std::slice::from_ref(purpose)))
    }

    /// What Global Privacy Control denies there, of the closed list: what is remembered for the person's account.
    pub fn gpc_denies(&self, country: Option<&str>, region: Option<&str>) -> Known {
        self.laws.at(country, region).0.gpc_known
    }

    /// What Global Privacy Control denies there, of what the policy names.
    pub(in crate::engine) fn gpc_set(&self, country: Option<&str>, region: Option<&str>) -> PurposeSet {
        self.laws.at(country, region).0.gpc
    }

    /// How long a grant lasts there, in milliseconds.
    pub fn expiry_ms(&self, country: Option<&str>, region: Option<&str>) -> i64 {
        self.expiry(self.laws.at(country, region).0)
    }

    fn expiry(&self, law: &Law) -> i64 {
        self.expiry_ms.unwrap_or(i64::from(law.expiry_days) * DAY_MS)
    }

    fn heard(&self, number: u8, bit: PurposeSet, about: &About<'_>, law: &Law, evidence: &Evidence<'_>) -> Judged {
        let carried = if is_here(about.kind) { evidence.carried(bit) } else { None };
        about.history.judge_with(number, carried, evidence.event_ms, evidence.now_ms, self.expiry(law))
    }

    fn judge(
        &self,
        index: u8,
        purpose: &Purpose,
        law: &Law,
        known_place: bool,
        age: Option<AgeBand>,
        evidence: &Evidence<'_>,
    ) -> Verdict {
        let bit = PurposeSet::of(index);
        let minor = age.is_some_and(|age| age < AgeBand::Adult);
        let child = age == Some(AgeBand::Child);
        let regime = match law.regime(bit) {
            _ if child && self.not_for_children.contains(bit) => Regime::Prohibited,
            Regime::OptOut if minor => Regime::OptIn,
            regime => regime,
        };
        let mut said = Said { needs_guardian: child || (minor && law.guardian), ..Said::default() };
        if let Some(asked) = &evidence.asked {
            let number = asked.purposes.number(purpose).unwrap_or(UNSPOKEN);
            for about in asked.subjects {
                said.hear(self.heard(number, bit, about, law, evidence), counts(about.kind), regime);
            }
            if asked.ambiguous {
                said.close(CloseReason::Ambiguous);
            }
            // Also for a minor, or in a place that may be elsewhere, where consent must be asked on top: not knowing more
            // never permits more.
            if asked.subjects.is_empty() && law.may_opt_out.contains(bit) {
                said.close(CloseReason::NoSubject);
            }
        }
        // An exempt purpose does not rest on a choice: a category set to false is a choice and does not close it. An
        // objection does, where the preset says so.
        if evidence.denied.meets(bit) && regime != Regime::Exempt {
            said.close(CloseReason::Denied);
        }
        let opted_out = evidence.opted_out.meets(bit) || (evidence.gpc && law.gpc.meets(bit));
        if opted_out && !said.over_gpc {
            said.close(CloseReason::OptOutSignal);
        }
        if regime == Regime::Prohibited {
            said.close(CloseReason::Prohibited);
        }
        if regime == Regime::OptIn && said.reason.is_none() {
            said.reason = self.unless_granted(bit, law, known_place, &said, evidence);
        }
        Verdict { regime, reason: said.reason }
    }

    /// Consent must be given: by the table, or by the event itself.
    fn unless_granted(
        &self,
        bit: PurposeSet,
        law: &Law,
        known_place: bool,
        said: &Said,
        evidence: &Evidence<'_>,
    ) -> Option<CloseReason> {
        if said.granted {
            return None;
        }
        let mut said = *said;
        if evidence.granted.meets(bit) {
            said.hear_grant(false, false, false);
        }
        if let Some(carried) = evidence.carried(bit) {
            let event = History(&[]);
            let own = event.judge_with(UNSPOKEN, Some(carried), evidence.event_ms, evidence.now_ms, self.expiry(law));
            said.hear(own, true, Regime::OptIn);
        }
        let missing = if !known_place && self.laws.lenient_somewhere(bit) {
            CloseReason::UnknownPlace
        } else {
            CloseReason::NoSignal
        };
        (!said.granted).then_some(said.almost.unwrap_or(missing))
    }
}

impl Evidence<'_> {
    /// The date of the latest dated grant of a purpose that the event carries; one that is dated ahead only if there is
    /// no other, or a second signal could take away what the first one grants.
    fn carried(&self, purpose: PurposeSet) -> Option<Moment> {
        let dated = self.dated.iter().filter(|(_, granted)| granted.meets(purpose));
        dated.map(|(at, _)| *at).max_by_key(|at| (at.earliest() <= self.now_ms, at.earliest()))
    }

    /// The strictest of what anybody says about the person's age.
    pub(in crate::engine) fn youngest(&self) -> Option<AgeBand> {
        let subjects = self.asked.iter().flat_map(|asked| asked.subjects);
        subjects.filter_map(|about| about.history.age()).chain(self.age).min()
    }
}

/// Whether a grant by this kind of subject counts: what only the person's own device or account can have.
fn counts(kind: SubjectKind) -> bool {
    matches!(kind, SubjectKind::Account | SubjectKind::Device | SubjectKind::Cookie | SubjectKind::AdId)
}

/// Whether a choice that the event carries was made on this subject: the device at hand, by whatever id.
fn is_here(kind: SubjectKind) -> bool {
    matches!(kind, SubjectKind::Device | SubjectKind::Cookie | SubjectKind::AdId)
}

/// What has been said about one purpose so far.
#[derive(Clone, Copy, Default)]
struct Said {
    needs_guardian: bool,
    granted: bool,
    over_gpc: bool,
    /// The first reason, in the order of [`CloseReason`], that closes.
    reason: Option<CloseReason>,
    /// Why what looks like a grant is none.
    almost: Option<CloseReason>,
}

impl Said {
    fn close(&mut self, reason: CloseReason) {
        self.reason = Some(self.reason.map_or(reason, |so_far| so_far.min(reason)));
    }

    fn hear(&mut self, judged: Judged, counts: bool, regime: Regime) {
        match judged {
            Judged::Silent => {}
            Judged::Granted { over_gpc, guardian, both, .. } => {
                if counts {
                    self.hear_grant(guardian, over_gpc, both);
                }
            }
            Judged::NotYet { .. } if counts => self.nearly(CloseReason::NotYetGranted),
            Judged::Expired { .. } if counts => self.nearly(CloseReason::Expired),
            Judged::NotYet { .. } | Judged::Expired { .. } => {}
            // A refusal does not close what needs no consent; an objection does.
            Judged::Denied { objects: false, .. } if regime == Regime::Exempt => {}
            Judged::Denied { stance, .. } => self.close(match stance {
                Stance::Withdrawn => CloseReason::Withdrawn,
                Stance::Objected => CloseReason::Objected,
                Stance::OptOut => CloseReason::OptOutSignal,
                Stance::Denied | Stance::Granted => CloseReason::Denied,
            }),
        }
    }

    fn hear_grant(&mut self, guardian: bool, over_gpc: bool, both: bool) {
        if guardian || !self.needs_guardian {
            self.granted = true;
        } else {
            self.nearly(CloseReason::NoGuardian);
        }
        self.over_gpc |= if self.needs_guardian { both } else { over_gpc };
    }

    fn nearly(&mut self, reason: CloseReason) {
        self.almost = Some(self.almost.map_or(reason, |so_far| so_far.min(reason)));
    }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
