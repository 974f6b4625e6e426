//! From what an event says and where it happened to what it permits.
//!
//! Everything that depends on the policy and the preset is worked out once, when the policy is loaded: per place five
//! words, so that a decision is one look-up and a few operations on words. The law of the place is found first, and
//! nothing that the event says about itself can relax it.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{Country, Region, RegionOf};
use super::{Permits, Preset, Purpose, PurposeSet, Regime, Row};
use crate::engine::policy::model::Policy;

/// Decides for the events of one policy.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// Every purpose that the policy names, in the order of their bits.
    purposes: Vec<Purpose>,
    countries: BTreeMap<Country, CountryLaw>,
    /// For a place nobody knows: the strictest of every row.
    anywhere: Law,
}

/// What an event says, and where it happened.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// ISO 3166-1 alpha-2, in either case; anything else is unknown.
    pub country: Option<&'a str>,
    /// ISO 3166-2 subdivision, with the country (`US-CA`) or without (`CA`).
    pub region: Option<&'a str>,
    /// Whether Global Privacy Control is on.
    pub gpc: bool,
    /// Purposes that a signal of the event grants.
    pub granted: PurposeSet,
    /// Purposes that a signal of the event denies; wins over `granted`.
    pub denied: PurposeSet,
}

/// The rows of one country.
#[derive(Clone, Debug)]
struct CountryLaw {
    /// Where the region is unknown or no row names it: the strictest of the country's rows.
    strictest: Law,
    regions: BTreeMap<Region, Law>,
}

/// The regimes of every purpose in one place. The four sets are a partition of all bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Law {
    exempt: PurposeSet,
    opt_out: PurposeSet,
    opt_in: PurposeSet,
    prohibited: PurposeSet,
    /// What Global Privacy Control denies.
    gpc: PurposeSet,
}

impl Resolver {
    /// Purposes that one policy can number, in the order of their names; any beyond are never permitted.
    pub const MAX_PURPOSES: usize = 63;

    /// Numbers the purposes of a policy and works out the law of every place.
    pub fn new(policy: &Policy) -> Resolver {
        let routes = policy.routes.iter().flat_map(|route| route.requires.iter().chain(&route.serves));
        let needs = policy.rules.iter().flat_map(|rule| &rule.needs);
        let mapped = policy.consent.categories.iter().flat_map(|categories| categories.map.values().flatten());
        Self::over(routes.chain(needs).chain(mapped).cloned().collect(), &policy.law.preset)
    }

    fn over(purposes: BTreeSet<Purpose>, preset: &Preset) -> Resolver {
        let purposes: Vec<Purpose> = purposes.into_iter().take(Self::MAX_PURPOSES).collect();
        let mut countries: BTreeMap<Country, CountryLaw> = BTreeMap::new();
        let mut anywhere = Law::LENIENT;
        for row in preset.rows() {
            let law = Law::of(row, &purposes);
            anywhere = anywhere.stricter(law);
            for country in row.countries() {
                let entry = countries
                    .entry(*country)
                    .or_insert_with(|| CountryLaw { strictest: Law::LENIENT, regions: BTreeMap::new() });
                entry.strictest = entry.strictest.stricter(law);
                for region in row.regions() {
                    entry.regions.entry(*region).and_modify(|old| *old = old.stricter(law)).or_insert(law);
                }
            }
        }
        if preset.rows().is_empty() {
            anywhere = Law::CLOSED;
        }
        Resolver { purposes, countries, anywhere }
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

    /// What the event permits. Total: any text is a place or an unknown place.
    pub fn decide(&self, evidence: &Evidence<'_>) -> Permits {
        let law = self.law(evidence.country, evidence.region);
        let opted_out = if evidence.gpc { law.gpc } else { PurposeSet::EMPTY };
        // An exempt purpose does not rest on a choice: a category set to false is a choice and does not close it. An
        // objection does, where the preset says so.
        let denied = evidence.denied.without(law.exempt);
        let permitted = law
            .exempt
            .union(law.opt_out)
            .union(law.opt_in.intersection(evidence.granted))
            .without(denied)
            .without(opted_out)
            .without(law.prohibited);
        Permits { permitted, denied, opted_out, prohibited: law.prohibited }
    }

    /// The regime of each purpose where `country` and `region` say, for tables and explanations.
    pub fn regime(&self, country: Option<&str>, region: Option<&str>, purpose: &Purpose) -> Regime {
        let law = self.law(country, region);
        let bit = self.set(std::slice::from_ref(purpose));
        [(law.exempt, Regime::Exempt), (law.opt_out, Regime::OptOut), (law.opt_in, Regime::OptIn)]
            .into_iter()
            .find(|(set, _)| set.contains(bit))
            .map_or(Regime::Prohibited, |(_, regime)| regime)
    }

    fn law(&self, country: Option<&str>, region: Option<&str>) -> &Law {
        let Some(code) = country.and_then(Country::parse) else { return &self.anywhere };
        let Some(country) = self.countries.get(&code) else { return &self.anywhere };
        match region.map(|text| Region::parse(text, code)) {
            None | Some(RegionOf::Unreadable) => &country.strictest,
            Some(RegionOf::Elsewhere) => &self.anywhere,
            Some(RegionOf::Here(region)) => country.regions.get(&region).unwrap_or(&country.strictest),
        }
    }
}

impl Law {
    /// Where folding over rows starts: everything that can be numbered is exempt.
    const LENIENT: Law = Law {
        exempt: PurposeSet(!PurposeSet::BEYOND.0),
        opt_out: PurposeSet::EMPTY,
        opt_in: PurposeSet::EMPTY,
        prohibited: PurposeSet::BEYOND,
        gpc: PurposeSet::EMPTY,
    };

    /// A preset without rows permits nothing.
    const CLOSED: Law = Law {
        exempt: PurposeSet::EMPTY,
        opt_out: PurposeSet::EMPTY,
        opt_in: PurposeSet::EMPTY,
        prohibited: PurposeSet(u64::MAX),
        gpc: PurposeSet::EMPTY,
    };

    fn of(row: &Row, purposes: &[Purpose]) -> Law {
        let mut law = Law { exempt: PurposeSet::EMPTY, ..Law::CLOSED };
        for (index, purpose) in (0..).zip(purposes) {
            let bit = PurposeSet::of(index);
            let set = match row.regime(purpose) {
                Regime::Exempt => &mut law.exempt,
                Regime::OptOut => &mut law.opt_out,
                Regime::OptIn => &mut law.opt_in,
                Regime::Prohibited => continue,
            };
            *set = set.union(bit);
            law.prohibited = law.prohibited.without(bit);
        }
        for (index, purpose) in (0..).zip(purposes) {
            if row.gpc_denies(purpose) {
                law.gpc = law.gpc.union(PurposeSet::of(index));
            }
        }
        law
    }

    /// Per purpose the stricter regime, and the union of what opt-out signals deny.
    fn stricter(self, other: Law) -> Law {
        let prohibited = self.prohibited.union(other.prohibited);
        let opt_in = self.opt_in.union(other.opt_in).without(prohibited);
        let opt_out = self.opt_out.union(other.opt_out).without(prohibited).without(opt_in);
        let exempt = self.exempt.intersection(other.exempt);
        Law { exempt, opt_out, opt_in, prohibited, gpc: self.gpc.union(other.gpc) }
    }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
