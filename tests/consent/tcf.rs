//! TC strings against the public vectors, a second writer and two other readers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tamis::engine::consent::signals::says::{Malformed, Refusal};
use tamis::engine::consent::signals::tcf::{IdSet, Reader, Tcf, Vendors, decode};

use crate::encode_tcf::{self, NOW_MS, Publisher, Said};
use crate::reference::random::Random;
use crate::{naive_tcf, vectors};

/// What a string says, as the writer's type.
fn said(tcf: &Tcf) -> Said {
    let core = tcf.core();
    let letters = |code: Option<[u8; 2]>| String::from_utf8(code.unwrap().to_vec()).unwrap();
    let ids = |set: IdSet| set.iter().collect::<BTreeSet<u8>>();
    let vendors = |which| tcf.vendors(which).map(BTreeSet::from_iter);
    Said {
        created: core.created_ms as u64 / 100,
        updated: core.last_updated_ms as u64 / 100,
        cmp_id: core.cmp_id,
        cmp_version: core.cmp_version,
        screen: core.consent_screen,
        language: letters(core.language),
        vendor_list: core.vendor_list_version,
        policy: core.policy_version,
        service_specific: core.service_specific,
        non_standard_texts: core.non_standard_texts,
        features: ids(core.special_features),
        purposes: ids(core.purpose_consents),
        interests: ids(core.purpose_legitimate_interests),
        purpose_one_treatment: core.purpose_one_treatment,
        country: letters(core.country),
        vendors: vendors(Vendors::Consent).unwrap(),
        vendor_interests: vendors(Vendors::LegitimateInterest).unwrap(),
        restrictions: tcf
            .restrictions()
            .map(|(purpose, kind, vendors)| (purpose, kind, vendors.into_iter().collect()))
            .collect(),
        disclosed: vendors(Vendors::Disclosed),
        allowed: vendors(Vendors::Allowed),
        publisher: tcf.publisher().map(|publisher| Publisher {
            purposes: ids(publisher.consents),
            interests: ids(publisher.legitimate_interests),
            own: publisher.custom,
            own_purposes: ids(publisher.custom_consents),
            own_interests: ids(publisher.custom_legitimate_interests),
        }),
    }
}

/// As the vectors spell it. Their lists are empty where a segment is not there.
fn as_vector(said: &Said) -> Value {
    let time = |tenths: u64| {
        let at = jiff::Timestamp::from_millisecond(tenths as i64 * 100).unwrap();
        format!("{at:.3}")
    };
    let publisher = said.publisher.clone().unwrap_or(Publisher {
        purposes: BTreeSet::new(),
        interests: BTreeSet::new(),
        own: 0,
        own_purposes: BTreeSet::new(),
        own_interests: BTreeSet::new(),
    });
    json!({
        "version": 2,
        "created": time(said.created),
        "lastUpdated": time(said.updated),
        "cmpId": said.cmp_id,
        "cmpVersion": said.cmp_version,
        "consentScreen": said.screen,
        "consentLanguage": said.language,
        "vendorListVersion": said.vendor_list,
        "policyVersion": said.policy,
        "isServiceSpecific": said.service_specific,
        "purposeOneTreatment": said.purpose_one_treatment,
        "publisherCountryCode": said.country,
        "specialFeatureOptins": said.features,
        "purposeConsents": said.purposes,
        "purposeLegitimateInterests": said.interests,
        "vendorConsents": said.vendors,
        "vendorLegitimateInterests": said.vendor_interests,
        "vendorsDisclosed": said.disclosed.clone().unwrap_or_default(),
        "vendorsAllowed": said.allowed.clone().unwrap_or_default(),
        "publisherConsents": publisher.purposes,
        "publisherLegitimateInterests": publisher.interests,
        "publisherCustomConsents": publisher.own_purposes,
        "publisherRestrictions": said.restrictions.iter().map(|(purpose, kind, vendors)| {
            json!({"purposeId": purpose, "restrictionType": kind, "vendors": vendors})
        }).collect::<Vec<_>>(),
    })
}

/// Of each vector in its order: whether it is taken on the day it was written (so that its age is no reason), or why not.
const ACCEPTED_BECAUSE: &[&str] = &[
    "accepted",
    "not_service_specific policy_version",
    "not_service_specific policy_version",
    "not_service_specific policy_version",
    "malformed: base64",
    "policy_version",
    "not_service_specific policy_version",
    "not_service_specific policy_version",
    "accepted",
    "no_cmp",
    "no_cmp not_service_specific policy_version",
    "no_cmp policy_version",
    "policy_version",
    "no_cmp not_service_specific policy_version",
    "no_cmp policy_version",
    "policy_version",
    "no_cmp not_service_specific policy_version",
];

#[test]
fn every_public_vector_is_decoded_in_full_and_judged_for_a_reason() {
    let vectors = vectors::of_kind("tcf2");
    let mut judged = Vec::new();
    for (at, vector) in vectors.iter().enumerate() {
        let strictly = vector["strict_decoder_rejects"].as_str().unwrap_or_default();
        let tcf = match decode(vector["string"].as_str().unwrap()) {
            Ok(tcf) => tcf,
            // Padded with `=`: the strict one of two decoders refuses it, and so is it here.
            Err(why) => {
                assert_eq!((why, strictly.contains("Base64URL")), (Malformed::Base64, true), "vector {at}");
                judged.push(format!("malformed: {why}"));
                continue;
            }
        };
        let decoded = as_vector(&said(&tcf));
        for (field, expected) in vector["expect"].as_object().unwrap() {
            assert_eq!(&decoded[field], expected, "vector {at}: {field}");
        }
        let codes: Vec<&str> = tcf.refusals(None, tcf.core().last_updated_ms).map(Refusal::as_str).collect();
        // CMP id 0: read, as the lenient decoder does, and not taken, as the strict one would have it.
        assert_eq!(codes.contains(&"no_cmp"), strictly.contains("cmpId"), "vector {at}");
        judged.push(if codes.is_empty() { "accepted".to_owned() } else { codes.join(" ") });
    }
    for (at, why) in judged.iter().enumerate() {
        println!("{at:>2} {why}");
    }
    if !vectors.is_empty() {
        assert_eq!(judged, ACCEPTED_BECAUSE);
    }
}

/// The scenario of an old string with vendors and no purposes: refused for its policies, and were it not, no grant.
#[test]
fn a_string_of_tcf_2_0_is_refused_and_grants_nothing_anyway() {
    let text = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA";
    let tcf = decode(text).unwrap_or_else(|why| panic!("{why}"));
    let found = said(&tcf);
    assert_eq!((found.cmp_id, found.vendor_list, found.policy), (880, 48, 2));
    assert_eq!(found.vendors, BTreeSet::from([1, 2, 3, 4]));
    assert_eq!(found.disclosed, Some(BTreeSet::from([1, 2, 3, 4, 5, 100, 404])));
    assert!(found.purposes.is_empty() && found.interests.is_empty());
    let says = tcf.says(Reader::Vendor(1), Default::default(), tcf.core().last_updated_ms);
    assert_eq!(says, Err(Refusal::PolicyVersion));
    // The same string under the policies of TCF 2.2: bit 132 begins character 22.
    let mut newer = text.to_owned();
    newer.replace_range(22..23, "E");
    let tcf = decode(&newer).unwrap_or_else(|why| panic!("{why}"));
    let says = tcf.says(Reader::Vendor(1), Default::default(), tcf.core().last_updated_ms).unwrap();
    assert!(says.granted.is_empty());
}

#[test]
fn ten_thousand_strings_say_what_was_written() {
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let written = if seed % 2 == 0 { encode_tcf::any(&mut random) } else { encode_tcf::taken(&mut random) };
        let text = encode_tcf::string(&written, &mut random);
        let tcf = decode(&text).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert!(said(&tcf) == written, "seed {seed}");
        for vendor in [1, 2, 20, 1_000, 65_535] {
            assert_eq!(
                tcf.has_vendor(Vendors::Consent, vendor),
                Some(written.vendors.contains(&vendor)),
                "seed {seed}"
            );
        }
    }
}

/// Not only never more than the second reader finds: the same.
#[test]
fn whole_strings_grant_and_deny_exactly_what_the_second_reader_finds() {
    let mut accepted = 0;
    for seed in 0..5_000 {
        let mut random = Random::new(seed);
        let text = encode_tcf::string(&encode_tcf::taken(&mut random), &mut random);
        let tcf = decode(&text).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        for (reader, vendor) in
            [(Reader::Publisher, None), (Reader::Vendor(7), Some(7)), (Reader::Vendor(15), Some(15))]
        {
            let says = tcf.says(reader, Default::default(), NOW_MS);
            accepted += usize::from(says.is_ok());
            let says = says.unwrap_or_default();
            let found = (says.granted.names().collect(), says.denied.names().collect());
            assert_eq!(Some(found), naive_tcf::says(&text, vendor, false, NOW_MS), "seed {seed}, {reader:?}");
        }
    }
    assert!(accepted > 8_000, "only {accepted} were accepted");
}

/// Two published decoders, where they are right. lib_tcstring 0.5.0 overflows on a range that ends at 65,535, and takes an
/// absent list for an empty one; iab_gpp 0.1.2 reads a highest id where restrictions have none, so it gets strings
/// without restrictions. Both want whole bytes.
#[test]
fn published_decoders_read_the_same_strings_alike() {
    let mut compared = 0;
    for seed in 0..4_000 {
        let mut random = Random::new(seed);
        let mut written = encode_tcf::any(&mut random);
        if seed % 2 == 0 {
            written.restrictions.clear();
        }
        let text = encode_tcf::string_in(24, &written, &mut random);
        let found = said(&decode(&text).unwrap_or_else(|why| panic!("seed {seed}: {why}")));
        if !text_has_last_id(&written) {
            lib_tcstring_agrees(&text, &found, seed);
            compared += 1;
        }
        if written.restrictions.is_empty() {
            iab_gpp_agrees(&text, &found, seed);
            compared += 1;
        }
    }
    assert!(compared > 5_000, "only {compared}");
}

fn text_has_last_id(said: &Said) -> bool {
    let restricted = said.restrictions.iter().map(|(_, _, vendors)| vendors);
    let lists = [&said.vendors, &said.vendor_interests].into_iter().chain(&said.disclosed).chain(&said.allowed);
    lists.chain(restricted).any(|list| list.contains(&65_535))
}

fn lib_tcstring_agrees(text: &str, found: &Said, seed: u64) {
    let other = lib_tcstring::TcModelV2::try_from(text).unwrap_or_else(|why| panic!("seed {seed}: {why:?}"));
    let set = |ids: &[u16]| ids.iter().copied().collect::<BTreeSet<u16>>();
    let small = |ids: &[u8]| ids.iter().copied().collect::<BTreeSet<u8>>();
    assert_eq!((other.created_at, other.updated_at), (found.created * 100, found.updated * 100), "seed {seed}");
    assert_eq!((other.cmp_id, u16::from(found.policy)), (found.cmp_id, other.tcf_policy_version), "seed {seed}");
    assert_eq!(other.is_service_specific, found.service_specific, "seed {seed}");
    assert_eq!(other.purpose_one_treatment, found.purpose_one_treatment, "seed {seed}");
    assert_eq!(small(&other.special_feature_opt_ins), found.features, "seed {seed}");
    assert_eq!(small(&other.purposes_consent), found.purposes, "seed {seed}");
    assert_eq!(small(&other.purposes_li_transparency), found.interests, "seed {seed}");
    assert_eq!(set(&other.vendors_consent), found.vendors, "seed {seed}");
    assert_eq!(set(&other.vendors_li_consent), found.vendor_interests, "seed {seed}");
    assert_eq!(set(&other.disclosed_vendors), found.disclosed.clone().unwrap_or_default(), "seed {seed}");
    assert_eq!(set(&other.allowed_vendors), found.allowed.clone().unwrap_or_default(), "seed {seed}");
    let restrictions: Vec<_> = other
        .publisher_restrictions
        .iter()
        .map(|one| (one.purpose_id, one.restriction_type.clone() as u8, set(&one.vendor_list)))
        .collect();
    assert_eq!(restrictions, found.restrictions, "seed {seed}");
    if let Some(publisher) = &found.publisher {
        assert_eq!(small(&other.publisher_purposes_consent), publisher.purposes, "seed {seed}");
        assert_eq!(small(&other.publisher_purposes_li_transparency), publisher.interests, "seed {seed}");
        assert_eq!(small(&other.custom_purposes_consent), publisher.own_purposes, "seed {seed}");
    }
}

fn iab_gpp_agrees(text: &str, found: &Said, seed: u64) {
    let other: iab_gpp::sections::tcfeuv2::TcfEuV2 = text.parse().unwrap_or_else(|why| panic!("seed {seed}: {why:?}"));
    let small = |ids: &BTreeSet<u16>| ids.iter().map(|id| *id as u8).collect::<BTreeSet<u8>>();
    assert_eq!((other.core.created, other.core.last_updated), (found.created / 10, found.updated / 10), "seed {seed}");
    assert_eq!((other.core.cmp_id, other.core.policy_version), (found.cmp_id, found.policy), "seed {seed}");
    assert_eq!(small(&other.core.purpose_consents), found.purposes, "seed {seed}");
    assert_eq!(small(&other.core.purpose_legitimate_interests), found.interests, "seed {seed}");
    assert_eq!(other.core.vendor_consents, found.vendors, "seed {seed}");
    assert_eq!(other.core.vendor_legitimate_interests, found.vendor_interests, "seed {seed}");
    assert_eq!(other.disclosed_vendors, found.disclosed, "seed {seed}");
    assert_eq!(other.allowed_vendors, found.allowed, "seed {seed}");
    let publisher = other.publisher_purposes.as_ref().map(|publisher| small(&publisher.consents));
    assert_eq!(publisher, found.publisher.as_ref().map(|publisher| publisher.purposes.clone()), "seed {seed}");
}
