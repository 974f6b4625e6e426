//! The law of every place, as sets: worked out once from a preset, when the policy is loaded.
//!
//! The place decides before anything that the event says about consent, and nothing that it says can relax it. The trap
//! is a place that cannot be read: it is not "nowhere", it is every place at once, and the strictest of them holds.

use std::collections::BTreeMap;

use super::place::{Country, Region, RegionOf};
use super::signals::says::Known;
use super::{Preset, Purpose, PurposeSet, Regime, Row};

/// The rows of a preset, by place.
#[derive(Clone, Debug)]
pub(super) struct Laws {
    countries: BTreeMap<Country, CountryLaw>,
    /// For a place nobody knows: the strictest of every row.
    anywhere: Law,
    /// Purposes that need no consent in some place: for them it matters that a place is unknown.
    lenient_somewhere: PurposeSet,
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
pub(super) struct Law {
    pub exempt: PurposeSet,
    pub opt_out: PurposeSet,
    pub opt_in: PurposeSet,
    pub prohibited: PurposeSet,
    /// What can be opted out of, in this place or in one that this may be: whoever is not named cannot be asked whether they
    /// did.
    pub may_opt_out: PurposeSet,
    /// What Global Privacy Control denies, of what the policy names.
    pub gpc: PurposeSet,
    /// What it denies, of the closed list.
    pub gpc_known: Known,
    /// Teens need a guardian to consent for them.
    pub guardian: bool,
    /// Days that a grant lasts.
    pub expiry_days: u16,
}

impl Laws {
    pub(super) fn new(preset: &Preset, purposes: &[Purpose]) -> Laws {
        let mut countries: BTreeMap<Country, CountryLaw> = BTreeMap::new();
        let mut anywhere = Law::LENIENT;
        let mut lenient_somewhere = PurposeSet::EMPTY;
        for row in preset.rows() {
            let law = Law::of(row, purposes);
            anywhere = anywhere.stricter(law);
            lenient_somewhere = lenient_somewhere.union(law.exempt).union(law.opt_out);
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
        Laws { countries, anywhere, lenient_somewhere }
    }

    /// The law of a place, and whether that is a place that the preset knows.
    pub(super) fn at(&self, country: Option<&str>, region: Option<&str>) -> (&Law, bool) {
        let unknown = (&self.anywhere, false);
        let Some(code) = country.and_then(Country::parse) else { return unknown };
        let Some(country) = self.countries.get(&code) else { return unknown };
        match region.map(|text| Region::parse(text, code)) {
            None | Some(RegionOf::Unreadable) => (&country.strictest, true),
            Some(RegionOf::Elsewhere) => unknown,
            Some(RegionOf::Here(region)) => (country.regions.get(&region).unwrap_or(&country.strictest), true),
        }
    }

    /// Whether some place lets this purpose be served without consent.
    pub(super) fn lenient_somewhere(&self, purpose: PurposeSet) -> bool {
        self.lenient_somewhere.contains(purpose)
    }
}

impl Law {
    /// Where folding over rows starts: everything that can be numbered is exempt.
    const LENIENT: Law = Law {
        exempt: PurposeSet(!PurposeSet::BEYOND.0),
        opt_out: PurposeSet::EMPTY,
        opt_in: PurposeSet::EMPTY,
        prohibited: PurposeSet::BEYOND,
        may_opt_out: PurposeSet::EMPTY,
        gpc: PurposeSet::EMPTY,
        gpc_known: Known::EMPTY,
        guardian: false,
        expiry_days: u16::MAX,
    };

    /// A preset without rows permits nothing.
    const CLOSED: Law = Law {
        exempt: PurposeSet::EMPTY,
        opt_out: PurposeSet::EMPTY,
        opt_in: PurposeSet::EMPTY,
        prohibited: PurposeSet(u64::MAX),
        may_opt_out: PurposeSet::EMPTY,
        gpc: PurposeSet::EMPTY,
        gpc_known: Known::EMPTY,
        guardian: true,
        expiry_days: 0,
    };

    fn of(row: &Row, purposes: &[Purpose]) -> Law {
        let mut law = Law { guardian: row.teens_need_a_guardian(), expiry_days: row.expiry_days(), ..Law::CLOSED };
        for (at, name) in Purpose::KNOWN.iter().enumerate() {
            if Purpose::parse(name).is_some_and(|purpose| row.gpc_denies(&purpose)) {
                law.gpc_known = law.gpc_known.union(Known::at(at));
            }
        }
        for (index, purpose) in (0..).zip(purposes) {
            let bit = PurposeSet::of(index);
            if row.gpc_denies(purpose) {
                law.gpc = law.gpc.union(bit);
            }
            let set = match row.regime(purpose) {
                Regime::Exempt => &mut law.exempt,
                Regime::OptOut => &mut law.opt_out,
                Regime::OptIn => &mut law.opt_in,
                Regime::Prohibited => continue,
            };
            *set = set.union(bit);
            law.prohibited = law.prohibited.without(bit);
        }
        law.may_opt_out = law.opt_out;
        law
    }

    /// Per purpose the stricter regime, and the union of what opt-out signals deny.
    fn stricter(self, other: Law) -> Law {
        let prohibited = self.prohibited.union(other.prohibited);
        let opt_in = self.opt_in.union(other.opt_in).without(prohibited);
        let opt_out = self.opt_out.union(other.opt_out).without(prohibited).without(opt_in);
        let exempt = self.exempt.intersection(other.exempt);
        Law {
            exempt,
            opt_out,
            opt_in,
            prohibited,
            may_opt_out: self.may_opt_out.union(other.may_opt_out),
            gpc: self.gpc.union(other.gpc),
            gpc_known: self.gpc_known.union(other.gpc_known),
            guardian: self.guardian || other.guardian,
            expiry_days: self.expiry_days.min(other.expiry_days),
        }
    }

    /// The regime of one purpose.
    pub(super) fn regime(&self, purpose: PurposeSet) -> Regime {
        [(self.exempt, Regime::Exempt), (self.opt_out, Regime::OptOut), (self.opt_in, Regime::OptIn)]
            .into_iter()
            .find(|(set, _)| set.contains(purpose))
            .map_or(Regime::Prohibited, |(_, regime)| regime)
    }
}
