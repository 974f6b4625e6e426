//! Places, signals and regimes to permits; and the law of the house: less consent never shows more.

use super::*;
use crate::engine::outcome::CloseReason;

fn resolver() -> Resolver {
    let purposes = Purpose::KNOWN.iter().map(|known| Purpose::parse(known).unwrap()).collect();
    Resolver::over(purposes, &Preset::named("eea-us/2026-01").unwrap())
}

fn set(resolver: &Resolver, names: &[&str]) -> PurposeSet {
    resolver.set(&names.iter().map(|name| Purpose::parse(name).unwrap()).collect::<Vec<_>>())
}

/// Why a route that requires `purpose` is closed; `None`: open.
fn closed(place: (&str, &str), gpc: bool, granted: &[&str], denied: &[&str], purpose: &str) -> Option<CloseReason> {
    let resolver = resolver();
    let evidence = Evidence {
        country: (!place.0.is_empty()).then_some(place.0),
        region: (!place.1.is_empty()).then_some(place.1),
        gpc,
        granted: set(&resolver, granted),
        denied: set(&resolver, denied),
        ..Evidence::SILENT
    };
    resolver.decide(&evidence).close_reason(set(&resolver, &[purpose]))
}

const FR: (&str, &str) = ("FR", "");
const CA: (&str, &str) = ("US", "CA");
const NOWHERE: (&str, &str) = ("", "");

#[test]
fn opt_in_needs_a_grant() {
    assert_eq!(closed(FR, false, &[], &[], "analytics.audience"), Some(CloseReason::NoSignal));
    assert_eq!(closed(FR, false, &["analytics.audience"], &[], "analytics.audience"), None);
    assert_eq!(closed(FR, false, &["ads.basic"], &[], "analytics.audience"), Some(CloseReason::NoSignal));
    assert_eq!(closed(("gb", ""), false, &[], &[], "analytics.audience"), Some(CloseReason::NoSignal));
}

#[test]
fn a_purpose_granted_by_one_category_and_denied_by_another_is_denied() {
    let both = &["analytics.audience"];
    assert_eq!(closed(FR, false, both, both, "analytics.audience"), Some(CloseReason::Denied));
    assert_eq!(closed(CA, false, both, both, "analytics.audience"), Some(CloseReason::Denied));
}

#[test]
fn opt_out_needs_no_grant_and_obeys_a_denial() {
    assert_eq!(closed(CA, false, &[], &[], "analytics.audience"), None);
    assert_eq!(closed(CA, false, &[], &["analytics.audience"], "analytics.audience"), Some(CloseReason::Denied));
    assert_eq!(closed(CA, false, &[], &[], "sensitive.use"), Some(CloseReason::NoSignal));
    assert_eq!(closed(CA, false, &["sensitive.use"], &[], "sensitive.use"), None);
}

#[test]
fn exempt_purposes_do_not_rest_on_a_choice() {
    assert_eq!(closed(FR, false, &[], &[], "security.essential"), None);
    assert_eq!(closed(FR, false, &[], &["security.essential"], "security.essential"), None);
    assert_eq!(closed(FR, true, &[], &[], "security.essential"), None);
}

#[test]
fn gpc_closes_what_the_place_says() {
    for ads in ["ads.basic", "ads.profile", "ads.measure", "sale_share"] {
        assert_eq!(closed(CA, true, &[ads], &[], ads), Some(CloseReason::OptOutSignal), "{ads}");
        assert_eq!(closed(CA, false, &[], &[], ads), None, "{ads}");
    }
    assert_eq!(closed(CA, true, &[], &[], "analytics.audience"), None);
    assert_eq!(closed(FR, true, &["sale_share"], &[], "sale_share"), Some(CloseReason::OptOutSignal));
    assert_eq!(closed(FR, true, &["ads.profile"], &[], "ads.profile"), None);
}

#[test]
fn an_unknown_place_is_the_strictest_place() {
    for place in
        [NOWHERE, ("UK", ""), ("FRA", ""), ("France", ""), ("JP", ""), ("ZZ", ""), ("", "US-CA"), ("US", "FR-75")]
    {
        assert_eq!(closed(place, false, &[], &[], "analytics.audience"), Some(CloseReason::UnknownPlace), "{place:?}");
        assert_eq!(closed(place, false, &["analytics.audience"], &[], "analytics.audience"), None, "{place:?}");
        // The union of what GPC denies anywhere: ads, which the EEA row does not list.
        assert_eq!(
            closed(place, true, &["ads.profile"], &[], "ads.profile"),
            Some(CloseReason::OptOutSignal),
            "{place:?}"
        );
        // Exempt in the EEA, but the US rows let a person deny it.
        assert_eq!(closed(place, false, &[], &[], "security.essential"), None, "{place:?}");
        assert_eq!(closed(place, false, &[], &["security.essential"], "security.essential"), Some(CloseReason::Denied));
    }
}

#[test]
fn codes_are_read_in_either_case_and_with_or_without_the_country() {
    for place in
        [("us", "ca"), ("US", "US-CA"), ("Us", "us-Ca"), ("US", "WY"), ("US", ""), ("US", "Kalifornia"), ("US", "ZZ")]
    {
        assert_eq!(closed(place, false, &[], &[], "analytics.audience"), None, "{place:?}");
        assert_eq!(closed(place, true, &[], &[], "ads.basic"), Some(CloseReason::OptOutSignal), "{place:?}");
    }
}

#[test]
fn every_eea_member_asks_for_consent() {
    let members = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK";
    for member in members.split(' ') {
        assert_eq!(closed((member, ""), true, &["ads.basic"], &[], "ads.basic"), None, "{member}");
        assert_eq!(closed((member, ""), false, &[], &[], "ads.basic"), Some(CloseReason::NoSignal), "{member}");
    }
}

/// A preset in which regions differ and something is prohibited.
const REGIONS: &str = "
tamis_preset: 1
name: test
dated: 2026-01-01
review_by: 2027-01-01
rows:
  - place: lenient state
    countries: [US]
    regions: [AA]
    regimes: [{purposes: ['*'], regime: opt_out, source: s}, {purposes: [sale_share], regime: exempt, source: s}]
  - place: strict state
    countries: [US]
    regions: [BB]
    regimes: [{purposes: ['*'], regime: opt_in, source: s}, {purposes: [model.train], regime: prohibited, source: s}]
    gpc: [{denies: [sale_share], source: s}]
";

fn regions() -> Resolver {
    let purposes = Purpose::KNOWN.iter().map(|known| Purpose::parse(known).unwrap()).collect();
    Resolver::over(purposes, &Preset::read(REGIONS).unwrap())
}

#[test]
fn a_country_without_a_region_is_its_strictest_row() {
    let resolver = regions();
    let regime = |region, name| resolver.regime(Some("US"), region, &Purpose::parse(name).unwrap());
    assert_eq!(regime(Some("AA"), "ads.basic"), Regime::OptOut);
    assert_eq!(regime(Some("AA"), "sale_share"), Regime::Exempt);
    for elsewhere in [None, Some("BB"), Some("CC"), Some(""), Some("a region")] {
        assert_eq!(regime(elsewhere, "ads.basic"), Regime::OptIn, "{elsewhere:?}");
        assert_eq!(regime(elsewhere, "sale_share"), Regime::OptIn, "{elsewhere:?}");
        assert_eq!(regime(elsewhere, "model.train"), Regime::Prohibited, "{elsewhere:?}");
    }
}

#[test]
fn prohibited_is_never_permitted() {
    let resolver = regions();
    let every = set(&resolver, Purpose::KNOWN);
    let permits = |granted, denied| {
        resolver.decide(&Evidence { country: Some("US"), region: Some("BB"), granted, denied, ..Evidence::SILENT })
    };
    let training = set(&resolver, &["model.train"]);
    assert_eq!(permits(every, PurposeSet::EMPTY).close_reason(training), Some(CloseReason::Prohibited));
    assert_eq!(permits(every, every).close_reason(training), Some(CloseReason::Denied));
}

#[test]
fn a_purpose_the_policy_does_not_name_is_never_permitted() {
    let resolver = regions();
    let own = Purpose::parse("x.own").unwrap();
    assert_eq!(resolver.index(&own), None);
    let required = resolver.set(&[own]);
    let evidence = Evidence { country: Some("US"), region: Some("AA"), granted: required, ..Evidence::SILENT };
    assert_eq!(resolver.decide(&evidence).close_reason(required), Some(CloseReason::Prohibited));
}

#[test]
fn more_purposes_than_bits_are_never_permitted() {
    let purposes: BTreeSet<Purpose> = (0..100).map(|n| Purpose::parse(&format!("x.{n:03}")).unwrap()).collect();
    let resolver = Resolver::over(purposes.clone(), &Preset::read(REGIONS).unwrap());
    for (index, purpose) in purposes.iter().enumerate() {
        let required = resolver.set(std::slice::from_ref(purpose));
        let evidence = Evidence { country: Some("US"), region: Some("AA"), granted: required, ..Evidence::SILENT };
        let open = resolver.decide(&evidence).close_reason(required).is_none();
        assert_eq!(open, index < Resolver::MAX_PURPOSES, "{purpose}");
    }
}

/// Less consent never shows more: over every place, signal and pair of choice sets of four purposes that between them
/// have every regime, taking a grant away, adding a denial, turning GPC on, or not knowing the place never permits more.
#[test]
fn less_consent_never_shows_more() {
    for (preset, places) in [
        (REGIONS, &[None, Some(("US", None)), Some(("US", Some("AA"))), Some(("US", Some("BB")))][..]),
        (
            EMBEDDED_TEXT,
            &[None, Some(("FR", None)), Some(("GB", None)), Some(("US", None)), Some(("US", Some("CA")))][..],
        ),
    ] {
        let names = ["sale_share", "model.train", "ads.basic", "security.essential"];
        let purposes: BTreeSet<Purpose> = names.iter().map(|name| Purpose::parse(name).unwrap()).collect();
        let resolver = Resolver::over(purposes, &Preset::read(preset).unwrap());
        let permitted = |place: Option<(&str, Option<&str>)>, gpc, granted, denied| {
            resolver
                .decide(&Evidence {
                    country: place.map(|(country, _)| country),
                    region: place.and_then(|(_, region)| region),
                    gpc,
                    granted: PurposeSet(granted),
                    denied: PurposeSet(denied),
                    ..Evidence::SILENT
                })
                .permitted()
        };
        let mut compared = 0;
        for place in places {
            for granted in 0..16u64 {
                for denied in 0..16u64 {
                    for gpc in [false, true] {
                        let base = permitted(*place, gpc, granted, denied);
                        for bit in [1, 2, 4, 8] {
                            assert!(base.contains(permitted(*place, gpc, granted & !bit, denied)));
                            assert!(base.contains(permitted(*place, gpc, granted, denied | bit)));
                        }
                        assert!(base.contains(permitted(*place, true, granted, denied)));
                        assert!(base.contains(permitted(None, gpc, granted, denied)));
                        if let Some((country, Some(_))) = place {
                            assert!(base.contains(permitted(Some((country, None)), gpc, granted, denied)));
                        }
                        compared += 1;
                    }
                }
            }
        }
        assert_eq!(compared, places.len() * 512);
    }
}

const EMBEDDED_TEXT: &str = include_str!("../../../policies/presets/eea-us-2026-01.yaml");
