//! The shipped presets hold what they say, and a wrong file is refused.

use super::*;

fn purpose(text: &str) -> Purpose {
    Purpose::parse(text).unwrap()
}

#[test]
fn every_embedded_file_reads_and_carries_its_name() {
    for (name, text) in EMBEDDED {
        let preset = Preset::read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(preset.name, *name);
        assert!(preset.dated < preset.review_by, "{name}");
        assert_eq!(Preset::named(name), Some(preset));
    }
    assert_eq!(Preset::named("eea-us"), None);
    assert_eq!(Preset::named("EEA-US/2026-01"), None);
}

#[test]
fn the_first_preset_covers_the_eea_the_uk_and_every_us_state() {
    let preset = Preset::named("eea-us/2026-01").unwrap();
    let [eea, uk, bound, others] = preset.rows() else { panic!("four rows") };
    assert_eq!(eea.countries.len(), 30);
    assert_eq!(uk.countries.len(), 1);
    assert_eq!(bound.regions.len() + others.regions.len(), 51, "50 states and DC");
    assert!(bound.regions.is_disjoint(&others.regions));
    for row in [eea, uk] {
        for known in Purpose::KNOWN {
            let regime = if *known == "security.essential" { Regime::Exempt } else { Regime::OptIn };
            assert_eq!(row.regime(&purpose(known)), regime, "{} {known}", row.place);
            assert_eq!(row.gpc_denies(&purpose(known)), *known == "sale_share", "{} {known}", row.place);
        }
        assert_eq!(row.regime(&purpose("x.own")), Regime::OptIn);
    }
    for row in [bound, others] {
        for known in Purpose::KNOWN {
            let regime = if *known == "sensitive.use" { Regime::OptIn } else { Regime::OptOut };
            assert_eq!(row.regime(&purpose(known)), regime, "{} {known}", row.place);
            let denied = *known == "sale_share" || known.starts_with("ads.");
            assert_eq!(row.gpc_denies(&purpose(known)), denied, "{} {known}", row.place);
        }
    }
}

const FR: &str = include_str!("../../../policies/presets/fr-2026-01.yaml");
const UK: &str = include_str!("../../../policies/presets/uk-2026-01.yaml");
const US: &str = include_str!("../../../policies/presets/us-2026-01.yaml");

#[test]
fn france_and_the_united_kingdom_ask_for_consent_and_apply_no_exception_for_statistics() {
    for (name, countries, text) in [("fr/2026-01", 7, FR), ("uk/2026-01", 1, UK)] {
        let preset = Preset::read(text).unwrap();
        assert_eq!(preset.name, name);
        let [row] = preset.rows() else { panic!("one row") };
        assert_eq!(row.countries.len(), countries, "{name}");
        for known in Purpose::KNOWN {
            let regime = if *known == "security.essential" { Regime::Exempt } else { Regime::OptIn };
            assert_eq!(row.regime(&purpose(known)), regime, "{name} {known}");
            assert_eq!(row.gpc_denies(&purpose(known)), *known == "sale_share", "{name} {known}");
        }
        assert_eq!(row.regime(&purpose("x.own")), Regime::OptIn, "{name}");
    }
}

#[test]
fn the_american_preset_has_every_state_once_and_is_never_laxer_than_the_first() {
    let preset = Preset::read(US).unwrap();
    assert_eq!(preset.name, "us/2026-01");
    let [american @ .., visitors] = preset.rows() else { panic!("rows") };
    let [california, maryland, bound, unbound, others] = american else { panic!("five rows") };
    assert_eq!(california.regions.len() + maryland.regions.len() + bound.regions.len(), 12, "states that bind to GPC");
    assert_eq!(unbound.regions.len(), 8);
    let all: BTreeSet<Region> = american.iter().flat_map(|row| row.regions.iter().copied()).collect();
    let named: usize = american.iter().map(|row| row.regions.len()).sum();
    assert_eq!((all.len(), named), (51, 51), "50 states and DC, none twice");
    assert_eq!(others.regions.len(), 31);
    let first = Preset::named("eea-us/2026-01").unwrap();
    for row in american {
        for known in Purpose::KNOWN {
            let purpose = purpose(known);
            let regime = match *known {
                "sensitive.use" if row.place == "Maryland" => Regime::Prohibited,
                "sensitive.use" | "model.train" => Regime::OptIn,
                _ => Regime::OptOut,
            };
            assert_eq!(row.regime(&purpose), regime, "{} {known}", row.place);
            let denied = *known == "sale_share" || known.starts_with("ads.");
            assert_eq!(row.gpc_denies(&purpose), denied, "{} {known}", row.place);
            let same = first.rows().iter().filter(|other| !other.regions.is_disjoint(&row.regions));
            for other in same {
                assert!(regime >= other.regime(&purpose), "{} {known}", row.place);
                assert!(row.gpc_denies(&purpose) >= other.gpc_denies(&purpose), "{} {known}", row.place);
            }
        }
        assert_eq!(row.regime(&purpose("x.own")), Regime::OptOut);
    }
    // Whoever comes from Europe, and whoever comes from nowhere, is asked.
    assert_eq!(visitors.countries.len(), 32);
    assert_eq!(visitors.regime(&purpose("analytics.audience")), Regime::OptIn);
}

#[test]
fn a_grant_counts_for_six_months_everywhere_and_teens_consent_alone_where_a_source_says_so() {
    let mut alone = Vec::new();
    for (name, text) in EMBEDDED {
        let preset = Preset::read(text).unwrap();
        for row in preset.rows() {
            assert_eq!(row.expiry_days(), 183, "{name}: {}", row.place);
            if !row.teens_need_a_guardian() {
                alone.push(format!("{name}: {}", row.place));
            }
        }
        let said = |key: &str| text.matches(&format!("\n    {key}:\n")).count();
        assert_eq!(
            (said("expiry"), said("teens")),
            (preset.rows().len(), preset.rows().len()),
            "{name}: said in so many words"
        );
    }
    assert_eq!(alone, ["eea-us/2026-01: United Kingdom", "uk/2026-01: United Kingdom", "us/2026-01: California"]);
}

const HEAD: &str = "tamis_preset: 1\nname: test\ndated: 2026-01-01\nreview_by: 2027-01-01\nrows:\n";

fn refused(row: &str) -> String {
    Preset::read(&format!("{HEAD}{row}")).expect_err(row).to_string()
}

#[test]
fn a_wrong_file_is_refused() {
    let every = "regimes: [{purposes: ['*'], regime: opt_in, source: s}]";
    assert!(Preset::read(&format!("{HEAD}  - {{place: a, countries: [FR], {every}}}\n")).is_ok());
    for (row, part) in [
        (format!("  - {{place: a, countries: [FRA], {every}}}"), "not a country code"),
        (format!("  - {{place: a, countries: [], {every}}}"), "needs countries"),
        (format!("  - {{place: a, countries: [US, FR], regions: [CA], {every}}}"), "exactly one"),
        (format!("  - {{place: a, countries: [US], regions: [FR-75], {every}}}"), "not a region"),
        (format!("  - {{place: a, countries: [US], regions: [CA, US-CA], {every}}}"), "region named twice"),
        (format!("  - {{place: a, countries: [FR, fr], {every}}}"), "country named twice"),
        ("  - {place: a, countries: [FR], regimes: [{purposes: ['*'], regime: opt_in, source: ' '}]}".into(), "source"),
        ("  - {place: a, countries: [FR], regimes: [{purposes: ['*'], regime: maybe, source: s}]}".into(), "regime"),
        ("  - {place: a, countries: [FR], regimes: [{purposes: [ad.*], regime: opt_in, source: s}]}".into(), "purpose"),
        ("  - {place: a, countries: [FR], regimes: [{purposes: [ads.*], regime: opt_in, source: s}]}".into(), "`*`"),
        (
            "  - {place: a, countries: [FR], regimes: [{purposes: ['*', '*'], regime: opt_in, source: s}]}".into(),
            "purpose named twice",
        ),
        (format!("  - {{place: a, countries: [FR], {every}, gdpr: no}}"), "gdpr"),
    ] {
        let message = refused(&row);
        assert!(message.contains(part), "{row}: {message}");
    }
    assert!(Preset::read("tamis_preset: 2\nname: a\ndated: a\nreview_by: b\nrows: []").is_err());
    assert!(Preset::read("tamis_preset: 1\nname: a\ndated: a\nreview_by: b\nrows: []").is_err());
    assert!(Preset::read("").is_err());
}

#[test]
fn the_most_exact_line_wins_whatever_the_order() {
    for lines in [
        "{purposes: ['*'], regime: opt_in, source: s}, {purposes: [ads.*], regime: prohibited, source: s}, {purposes: [ads.basic], regime: opt_out, source: s}",
        "{purposes: [ads.basic], regime: opt_out, source: s}, {purposes: [ads.*], regime: prohibited, source: s}, {purposes: ['*'], regime: opt_in, source: s}",
    ] {
        let preset = Preset::read(&format!("{HEAD}  - {{place: a, countries: [FR], regimes: [{lines}]}}\n")).unwrap();
        let row = preset.rows().first().unwrap();
        assert_eq!(row.regime(&purpose("ads.basic")), Regime::OptOut);
        assert_eq!(row.regime(&purpose("ads.profile")), Regime::Prohibited);
        assert_eq!(row.regime(&purpose("sale_share")), Regime::OptIn);
    }
}
