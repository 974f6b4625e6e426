//! Presets: dated data files that say which regime holds where, and what each opt-out signal denies there.
//!
//! A preset is pinned by name in a policy and never changes once it appeared in a release; a new reading of the law is a
//! new file. Each line of a file names its source, so that counsel can accept it or ask for another preset. The files
//! are embedded: which law is applied does not depend on what lies on a disk.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::place::{Country, Region, RegionOf};
use super::purpose::Pattern;
use super::{Purpose, Regime};

/// The files, by the name that each must carry inside.
const EMBEDDED: &[(&str, &str)] = &[
    ("eea-us/2026-01", include_str!("../../../policies/presets/eea-us-2026-01.yaml")),
    ("fr/2026-01", include_str!("../../../policies/presets/fr-2026-01.yaml")),
    ("uk/2026-01", include_str!("../../../policies/presets/uk-2026-01.yaml")),
    ("us/2026-01", include_str!("../../../policies/presets/us-2026-01.yaml")),
];

/// A dated data file of legal defaults, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its pinned name, `eea-us/2026-01`.
    pub name: String,
    /// Day of the reading, `YYYY-MM-DD`.
    pub dated: String,
    /// Day by which it should be read again, `YYYY-MM-DD`. Nothing stops on that day; `check` warns after it.
    pub review_by: String,
    rows: Vec<Row>,
}

/// One place, or several that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What people call it.
    pub place: String,
    countries: BTreeSet<Country>,
    regions: BTreeSet<Region>,
    regimes: Vec<(Pattern, Regime, String)>,
    gpc: Vec<(Pattern, String)>,
    expiry_days: u16,
    expiry_source: Option<String>,
    teens_need_a_guardian: bool,
    teens_source: Option<String>,
}

/// Why a preset file cannot be used. Presets are our own files: the text may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PresetError(String);

impl Preset {
    /// The embedded preset of that name.
    pub fn named(name: &str) -> Option<Preset> {
        let (_, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        // A broken embedded file never leaves the tests; were it to, the name is unknown and the policy refused.
        Preset::read(text).ok()
    }

    /// Every embedded name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// Reads the text of a preset file.
    ///
    /// # Errors
    /// Not of the form, an unknown purpose, regime or code, a row that does not say what holds for every purpose, or the
    /// same line twice.
    pub fn read(text: &str) -> Result<Preset, PresetError> {
        let file: written::File = serde_saphyr::from_str(text).map_err(|error| PresetError(error.to_string()))?;
        if file.tamis_preset != 1 {
            return Err(PresetError(format!("tamis_preset {} is not known", file.tamis_preset)));
        }
        if file.rows.is_empty() {
            return Err(PresetError("a preset needs rows".to_owned()));
        }
        let rows = file.rows.iter().map(Row::check).collect::<Result<_, _>>()?;
        Ok(Preset { name: file.name, dated: file.dated, review_by: file.review_by, rows })
    }

    /// Whether it should have been read again before this day, `YYYY-MM-DD`.
    pub fn is_overdue(&self, today: &str) -> bool {
        self.review_by.as_str() < today
    }

    /// Every row.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows that hold in a place, the strictest of which decides for each purpose, and whether it is one that the
    /// preset knows; every row, if it is not.
    pub fn rows_at(&self, country: Option<&str>, region: Option<&str>) -> (Vec<&Row>, bool) {
        let unknown = || (self.rows.iter().collect(), false);
        let Some(country) = country.and_then(Country::parse) else { return unknown() };
        let here: Vec<&Row> = self.rows.iter().filter(|row| row.countries.contains(&country)).collect();
        let region = region.map(|text| Region::parse(text, country));
        if here.is_empty() || region == Some(RegionOf::Elsewhere) {
            return unknown();
        }
        let Some(RegionOf::Here(region)) = region else { return (here, true) };
        let named: Vec<&Row> = here.iter().copied().filter(|row| row.regions.contains(&region)).collect();
        (if named.is_empty() { here } else { named }, true)
    }
}

impl Row {
    /// The regime of a purpose here. Every row speaks about every purpose.
    pub fn regime(&self, purpose: &Purpose) -> Regime {
        self.line(purpose).map_or(Regime::Prohibited, |(regime, _)| regime)
    }

    /// The regime of a purpose here, and the source that its line names.
    pub fn line(&self, purpose: &Purpose) -> Option<(Regime, &str)> {
        let lines = self.regimes.iter().filter(|(pattern, ..)| pattern.matches(purpose));
        lines.max_by_key(|(pattern, ..)| pattern.weight()).map(|(_, regime, source)| (*regime, source.as_str()))
    }

    /// Whether Global Privacy Control denies that purpose here.
    pub fn gpc_denies(&self, purpose: &Purpose) -> bool {
        self.gpc_source(purpose).is_some()
    }

    /// Why Global Privacy Control denies that purpose here, if it does.
    pub fn gpc_source(&self, purpose: &Purpose) -> Option<&str> {
        self.gpc.iter().find(|(pattern, _)| pattern.matches(purpose)).map(|(_, source)| source.as_str())
    }

    /// Where the number of days is from, if the row says it.
    pub fn expiry_source(&self) -> Option<&str> {
        self.expiry_source.as_deref()
    }

    /// Where it says who consents for teens, if the row says it.
    pub fn teens_source(&self) -> Option<&str> {
        self.teens_source.as_deref()
    }

    /// Days that a grant lasts here, unless the policy says less or more.
    pub fn expiry_days(&self) -> u16 {
        self.expiry_days
    }

    /// Whether a person from 13 to 15 needs a guardian to consent for them here.
    pub fn teens_need_a_guardian(&self) -> bool {
        self.teens_need_a_guardian
    }

    pub(super) fn countries(&self) -> impl Iterator<Item = &Country> {
        self.countries.iter()
    }

    pub(super) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    fn check(row: &written::Row) -> Result<Row, PresetError> {
        let wrong = |what: &str, text: &str| PresetError(format!("row `{}`: {what} `{text}`", row.place));
        let mut countries = BTreeSet::new();
        for code in &row.countries {
            let country = Country::parse(code).ok_or_else(|| wrong("not a country code:", code))?;
            if !countries.insert(country) {
                return Err(wrong("country named twice:", code));
            }
        }
        let mut regions = BTreeSet::new();
        match countries.first() {
            Some(country) if countries.len() == 1 => {
                for code in &row.regions {
                    match Region::parse(code, *country) {
                        RegionOf::Here(region) if regions.insert(region) => {}
                        RegionOf::Here(_) => return Err(wrong("region named twice:", code)),
                        _ => return Err(wrong("not a region of this country:", code)),
                    }
                }
            }
            Some(_) if row.regions.is_empty() => {}
            _ => return Err(wrong("needs countries, and exactly one where it names", "regions")),
        }
        let mut regimes: Vec<(Pattern, Regime, String)> = Vec::new();
        for line in &row.regimes {
            sourced(&line.source).ok_or_else(|| wrong("no source for", &line.regime))?;
            let regime = Regime::parse(&line.regime).ok_or_else(|| wrong("not a regime:", &line.regime))?;
            for text in &line.purposes {
                let pattern = Pattern::parse(text).ok_or_else(|| wrong("not a purpose:", text))?;
                if regimes.iter().any(|(known, ..)| *known == pattern) {
                    return Err(wrong("purpose named twice:", text));
                }
                regimes.push((pattern, regime, line.source.clone()));
            }
        }
        if !regimes.iter().any(|(pattern, ..)| *pattern == Pattern::Every) {
            return Err(wrong("no regime for", "*"));
        }
        let mut gpc = Vec::new();
        for line in &row.gpc {
            sourced(&line.source).ok_or_else(|| wrong("no source for", "gpc"))?;
            for text in &line.denies {
                let pattern = Pattern::parse(text).ok_or_else(|| wrong("not a purpose:", text))?;
                gpc.push((pattern, line.source.clone()));
            }
        }
        let expiry_days = match &row.expiry {
            None => DEFAULT_EXPIRY_DAYS,
            Some(line) => {
                sourced(&line.source).ok_or_else(|| wrong("no source for", "expiry"))?;
                if line.days == 0 || line.days > MAX_EXPIRY_DAYS {
                    return Err(wrong("no number of days that a grant may last:", &line.days.to_string()));
                }
                line.days
            }
        };
        let teens_need_a_guardian = match &row.teens {
            None => true,
            Some(line) => {
                sourced(&line.source).ok_or_else(|| wrong("no source for", "teens"))?;
                match line.consent.as_str() {
                    "guardian" => true,
                    "self" => false,
                    other => return Err(wrong("`teens.consent` is `guardian` or `self`, not", other)),
                }
            }
        };
        Ok(Row {
            place: row.place.clone(),
            countries,
            regions,
            regimes,
            gpc,
            expiry_days,
            expiry_source: row.expiry.as_ref().map(|line| line.source.clone()),
            teens_need_a_guardian,
            teens_source: row.teens.as_ref().map(|line| line.source.clone()),
        })
    }
}

/// Where a row does not say: the CNIL's six months, the shortest that any authority recommends.
const DEFAULT_EXPIRY_DAYS: u16 = 183;

/// Thirteen months, the ceiling of the TCF and of the CNIL for trackers.
pub const MAX_EXPIRY_DAYS: u16 = 396;

fn sourced(source: &str) -> Option<()> {
    (!source.trim().is_empty()).then_some(())
}

/// The file as it is written.
mod written {
    use super::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct File {
        pub(super) tamis_preset: u32,
        pub(super) name: String,
        pub(super) dated: String,
        pub(super) review_by: String,
        pub(super) rows: Vec<Row>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Row {
        pub(super) place: String,
        pub(super) countries: Vec<String>,
        #[serde(default)]
        pub(super) regions: Vec<String>,
        pub(super) regimes: Vec<RegimeLine>,
        #[serde(default)]
        pub(super) gpc: Vec<SignalLine>,
        pub(super) expiry: Option<ExpiryLine>,
        pub(super) teens: Option<TeensLine>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct ExpiryLine {
        pub(super) days: u16,
        pub(super) source: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct TeensLine {
        pub(super) consent: String,
        pub(super) source: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct RegimeLine {
        pub(super) purposes: Vec<String>,
        pub(super) regime: String,
        pub(super) source: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct SignalLine {
        pub(super) denies: Vec<String>,
        pub(super) source: String,
    }
}

#[cfg(test)]
#[path = "preset_tests.rs"]
mod tests;
