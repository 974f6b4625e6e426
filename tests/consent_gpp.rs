//! GPP and US Privacy strings: agreement with the public vectors, with an encoder and a decoder of our own that share
//! nothing with `src`, and bounds on what a string may cost.
//!
//! The vectors lie beside the repository in `../shared/data` (or `TAMIS_SHARED_DATA`); without them their tests say so
//! and pass, so that a fresh clone is green.

#![allow(clippy::print_stdout)] // counts are part of the proof

#[path = "consent/encode/gpp.rs"]
mod encode_gpp;
#[path = "consent/encode/usp.rs"]
mod encode_usp;
#[path = "consent/gpp_oracle.rs"]
mod gpp_oracle;
#[path = "consent/naive_gpp.rs"]
mod naive_gpp;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tamis::engine::consent::signals::gpp::{self, Gpp, Section, Value};
use tamis::engine::consent::signals::says::{Known, Refusal, Says};
use tamis::engine::consent::signals::tcf::{self, IdSet, Reader, Vendors};
use tamis::engine::consent::signals::usp;

use naive_gpp::Naive;
use reference::random::Random;

/// 2026-01-20T12:00:00Z, and its day.
const NOW_MS: i64 = 1_768_910_400_000;
const TODAY: u64 = 20_473;

/// The vectors of these kinds.
fn vectors(kind: &str) -> Vec<Json> {
    let root = std::env::var_os("TAMIS_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let Ok(text) = std::fs::read_to_string(root.join("consent-vectors/consent-strings.json")) else {
        println!("skipped: consent-vectors is not there");
        return Vec::new();
    };
    let all: Vec<Json> = serde_json::from_str(&text).unwrap();
    all.into_iter().filter(|vector| vector["kind"].as_str().unwrap().starts_with(kind)).collect()
}

/// A section's fields as JSON, in the words that the vectors use.
fn fields(section: &Section) -> BTreeMap<&'static str, Value> {
    let mut fields = BTreeMap::new();
    section.fields(&mut |name, value| drop(fields.insert(name, value)));
    fields
}

fn numbers(list: &[Json]) -> Option<Vec<u64>> {
    list.iter().map(Json::as_u64).collect()
}

/// The ids of the flags that are on.
fn on(list: &[Json]) -> Option<Vec<u64>> {
    let flags: Option<Vec<bool>> = list.iter().map(Json::as_bool).collect();
    Some((1..).zip(flags?).filter_map(|(id, on)| on.then_some(id)).collect())
}

fn agrees(expected: &Json, value: &Value) -> bool {
    match value {
        Value::Number(number) => expected.as_u64() == Some(*number),
        Value::Flag(flag) => expected.as_bool() == Some(*flag),
        Value::Letters(letters) => expected.as_str().map(str::as_bytes) == Some(letters),
        Value::Character(character) => expected.as_str() == Some(character.to_string().as_str()),
        Value::Time(ms) => {
            let at: jiff::Timestamp = expected.as_str().unwrap().parse().unwrap();
            at.as_millisecond() == *ms
        }
        Value::Numbers(values) => {
            let list = expected.as_array().unwrap();
            numbers(list).or_else(|| on(list)).as_ref() == Some(values)
        }
        Value::Restrictions(all) => {
            let list = expected.as_array().unwrap();
            list.len() == all.len()
                && list.iter().zip(all).all(|(expected, (purpose, kind, vendors))| {
                    let ids = numbers(expected["ids"].as_array().unwrap()).unwrap();
                    expected["key"].as_u64() == Some((*purpose).into())
                        && expected["type"].as_u64() == Some((*kind).into())
                        && ids == vendors.iter().map(|id| u64::from(*id)).collect::<Vec<_>>()
                })
        }
    }
}

/// What the other decoder shows for segments that a string does not have.
fn is_default(name: &str, expected: &Json) -> bool {
    match expected {
        Json::Bool(flag) => !flag,
        Json::Number(number) => number.as_u64() == Some(0) || name.ends_with("SegmentType"),
        Json::Array(list) => list.iter().all(|one| is_default(name, one)),
        _ => false,
    }
}

/// Names of fields that belong to a segment behind the core.
const OPTIONAL: &[&str] = &[
    "Gpc",
    "GpcSegmentType",
    "PubPurposesSegmentType",
    "PubPurposesExpressConsent",
    "PubPurposesImpliedConsent",
    "NumCustomPurposes",
    "CustomPurposesExpressConsent",
    "CustomPurposesImpliedConsent",
    "DisclosedVendorsSegmentType",
    "DisclosedVendors",
    "PubRestrictions",
];

fn assert_section(string: &str, section: &Section, expected: &Json) {
    if expected.get("error").is_some() {
        assert!(section.error().is_some(), "{string}: section {}", section.id());
        return;
    }
    assert!(section.error().is_none(), "{string}: section {}: {:?}", section.id(), section.error());
    if let Some(tcf) = section.tcf() {
        return assert_tcf(string, tcf, expected);
    }
    let fields = fields(section);
    let expected = expected.as_object().unwrap();
    for (name, value) in expected {
        match fields.get(name.as_str()) {
            Some(found) => assert!(agrees(value, found), "{string}: {name} should be {value}"),
            None => {
                let separate = name == "SensitiveDataProcessing" && section.id() >= 25;
                let absent = OPTIONAL.contains(&name.as_str()) || separate;
                assert!(absent && is_default(name, value), "{string}: {name} is missing");
            }
        }
    }
    for name in fields.keys() {
        assert!(expected.contains_key(*name), "{string}: {name} is not expected");
    }
}

fn assert_tcf(string: &str, tcf: &tcf::Tcf, expected: &Json) {
    let ids = |set: IdSet| Some(set.iter().map(u64::from).collect::<Vec<_>>());
    let flags = |name: &str| on(expected[name].as_array().unwrap());
    let core = tcf.core();
    assert_eq!(ids(core.purpose_consents), flags("PurposeConsents"), "{string}");
    assert_eq!(ids(core.purpose_legitimate_interests), flags("PurposeLegitimateInterests"), "{string}");
    assert_eq!(ids(core.special_features), flags("SpecialFeatureOptins"), "{string}");
    assert_eq!(expected["CmpId"].as_u64(), Some(core.cmp_id.into()), "{string}");
    assert_eq!(expected["PolicyVersion"].as_u64(), Some(core.policy_version.into()), "{string}");
    assert_eq!(expected["IsServiceSpecific"].as_bool(), Some(core.service_specific), "{string}");
    let vendors = |which| Some(tcf.vendors(which)?.into_iter().map(u64::from).collect::<Vec<_>>());
    assert_eq!(vendors(Vendors::Consent), numbers(expected["VendorConsents"].as_array().unwrap()), "{string}");
    let interests = numbers(expected["VendorLegitimateInterests"].as_array().unwrap());
    assert_eq!(vendors(Vendors::LegitimateInterest), interests, "{string}");
}

#[test]
fn whole_strings_decode_as_the_public_vectors_say() {
    let (mut strings, mut sections, mut refused) = (0, 0, 0);
    for vector in vectors("gpp") {
        if vector["kind"] != "gpp" {
            continue;
        }
        let string = vector["string"].as_str().unwrap();
        if vector["expect_error"] == true {
            assert!(gpp::decode(string).is_err(), "{string}");
            refused += 1;
            continue;
        }
        let decoded = gpp::decode(string).unwrap_or_else(|error| panic!("{string}: {error}"));
        let ids: Vec<u64> = decoded.sections().iter().map(|section| section.id().into()).collect();
        let expect = &vector["expect"];
        assert_eq!(Some(&ids), numbers(expect["sectionIds"].as_array().unwrap()).as_ref(), "{string}");
        for section in decoded.sections() {
            assert_section(string, section, &expect["sections"][section.name().unwrap()]);
            sections += 1;
        }
        strings += 1;
    }
    println!("{strings} strings with {sections} sections agree, {refused} refused as expected");
}

#[test]
fn single_sections_decode_as_the_public_vectors_say() {
    let mut agreed = 0;
    for vector in vectors("gpp-section:") {
        let (string, name) = (vector["string"].as_str().unwrap(), vector["kind"].as_str().unwrap());
        let name = name.strip_prefix("gpp-section:").unwrap();
        let id = match name {
            "tcfcav1" => 5,
            _ => encode_gpp::SECTIONS.iter().find(|(_, known, ..)| *known == name).unwrap().0,
        };
        let section = gpp::decode_section(id, string);
        assert_eq!(section.name(), Some(name));
        if vector["expect_error"] == true {
            assert!(section.error().is_some(), "{string}");
        } else {
            assert_section(string, &section, &vector["expect"]);
        }
        agreed += 1;
    }
    println!("{agreed} sections agree");
}

#[test]
fn us_privacy_strings_decode_as_the_public_vectors_say_but_for_version_2() {
    for vector in vectors("usp") {
        let string = vector["string"].as_str().unwrap();
        if vector["expect"]["Version"] == 2 {
            // The specification has no version 2.
            assert_eq!(usp::read(string).err(), Some(Refusal::Version), "{string}");
            continue;
        }
        let decoded = usp::decode(string).unwrap_or_else(|error| panic!("{string}: {error}"));
        decoded.fields(&mut |name, value| {
            assert!(agrees(&vector["expect"][name], &value), "{string}: {name}");
        });
    }
}

/// Values of a field as plain numbers, for comparing with what was written.
fn plain(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(number) => vec![*number],
        Value::Numbers(numbers) => numbers.clone(),
        Value::Flag(flag) => vec![u64::from(*flag)],
        Value::Letters(letters) => letters.iter().map(|letter| u64::from(*letter)).collect(),
        Value::Character(character) => vec![u64::from(u32::from(*character))],
        Value::Time(ms) => vec![u64::try_from(*ms).unwrap()],
        Value::Restrictions(all) => {
            let each = all.iter().flat_map(|(purpose, kind, vendors)| {
                [u64::from(*purpose), u64::from(*kind)].into_iter().chain(vendors.iter().map(|id| u64::from(*id)))
            });
            each.collect()
        }
    }
}

/// A string with sections at random, and what was written into each.
fn generated(random: &mut Random) -> (String, Vec<(u16, encode_gpp::Fields)>) {
    let percent = random.pick(&[5, 10, 30, 90]);
    let ids: Vec<u16> = [2].into_iter().chain(5..=27).filter(|_| random.chance(percent)).collect();
    let header = encode_gpp::header(random, &ids);
    let (mut string, mut written) = (encode_gpp::text(random, &header), Vec::new());
    for id in ids {
        let days = TODAY - random.below(450) as u64;
        let (text, fields) = match id {
            2 => encode_gpp::tcf(random, days),
            5 => encode_gpp::canada(random, days),
            6 => {
                let (text, answers) = encode_usp::usp(random);
                let mut fields = vec![("Version".to_owned(), vec![1])];
                let names = ["Notice", "OptOutSale", "LspaCovered"];
                fields
                    .extend(names.iter().zip(answers).map(|(name, answer)| ((*name).to_owned(), vec![answer.into()])));
                (text, fields)
            }
            id => encode_gpp::us(random, id),
        };
        string += "~";
        string += &text;
        written.push((id, fields));
    }
    (string, written)
}

#[test]
fn ten_thousand_strings_decode_to_what_was_encoded() {
    let mut random = Random::new(0x6770_7001);
    let mut sections = BTreeMap::<u16, u32>::new();
    for _ in 0..10_000 {
        let (string, written) = generated(&mut random);
        let decoded = gpp::decode(&string).unwrap_or_else(|error| panic!("{string}: {error}"));
        assert_eq!(decoded.sections().len(), written.len(), "{string}");
        for (section, (id, wrote)) in decoded.sections().iter().zip(written) {
            assert_eq!(section.id(), id);
            assert!(section.error().is_none() && !section.is_faulty(), "{string}: {id}: {:?}", section.error());
            *sections.entry(id).or_default() += 1;
            if let Some(tcf) = section.tcf() {
                let purposes = tcf.core().purpose_consents.iter().map(u64::from).collect::<Vec<_>>();
                assert_eq!(
                    vec![
                        ("CmpId".to_owned(), vec![tcf.core().cmp_id.into()]),
                        ("PurposeConsents".to_owned(), purposes)
                    ],
                    wrote
                );
                continue;
            }
            let mut found = Vec::new();
            section.fields(&mut |name, value| found.push((name.to_owned(), plain(&value))));
            // A list of restrictions that is not there is written as an empty one.
            let wrote: Vec<_> = match found.iter().any(|(name, _)| name == "PubRestrictions") {
                true => wrote,
                false => {
                    wrote.into_iter().filter(|(name, values)| name != "PubRestrictions" || !values.is_empty()).collect()
                }
            };
            assert_eq!(found, wrote, "{string}: {id}");
        }
    }
    assert_eq!(sections.len(), 24, "every section was met: {sections:?}");
}

#[test]
fn ten_thousand_us_privacy_strings_decode_to_what_was_encoded() {
    let mut random = Random::new(0x7573_7031);
    for _ in 0..10_000 {
        let (string, answers) = encode_usp::usp(&mut random);
        let mut found = Vec::new();
        usp::decode(&string).ok().unwrap().fields(&mut |name, value| found.push((name, plain(&value))));
        let expected = answers.map(|answer| vec![u64::from(u32::from(answer))]);
        assert_eq!(found.iter().skip(1).map(|(_, values)| values.clone()).collect::<Vec<_>>(), expected, "{string}");
        match (answers, usp::read(&string)) {
            (['-', '-', '-'], read) => assert_eq!(read, Err(Refusal::NotApplicable)),
            ([_, 'Y', _], read) => assert_eq!(read.unwrap().opted_out, Known::of("sale_share"), "{string}"),
            (_, read) => assert_eq!(read.unwrap(), Says::default(), "{string}"),
        }
    }
}

/// The decoder for tcfeuv2 has its own naive double elsewhere; here it is asked itself, so that sums are compared.
fn tcf_reader(reader: Reader) -> impl Fn(&str) -> Option<(BTreeSet<&'static str>, BTreeSet<&'static str>)> {
    move |text| {
        let says = tcf::decode(text).ok()?.says(reader, Known::EMPTY, NOW_MS).unwrap_or_default();
        Some((says.granted.names().collect(), says.denied.names().collect()))
    }
}

/// What we take from a string, as names; `None` where the string as a whole is malformed.
fn taken(gpp: &Gpp, reader: Reader) -> Naive {
    let says = gpp.says(None, reader, Known::EMPTY, NOW_MS).map(|says| says.says).unwrap_or_default();
    Naive {
        granted: says.granted.names().collect(),
        refused: says.denied.union(says.opted_out).names().collect(),
        strict: says.strict,
    }
}

fn assert_same(string: &str) -> Option<Naive> {
    let mut last = None;
    for (reader, vendor) in [(Reader::Publisher, None), (Reader::Vendor(7), Some(7))] {
        let ours = gpp::decode(string).ok().map(|gpp| taken(&gpp, reader));
        let theirs = naive_gpp::read(string, vendor, NOW_MS, &tcf_reader(reader));
        assert_eq!(ours, theirs, "{string} {vendor:?}");
        last = ours;
    }
    last
}

/// Changes a string a little: a character, a cut, a swap, a doubled part, a separator.
fn mutate(random: &mut Random, string: &str) -> String {
    let mut characters: Vec<char> = string.chars().collect();
    for _ in 0..1 + random.below(3) {
        if characters.is_empty() {
            break;
        }
        let at = random.below(characters.len());
        match random.below(6) {
            0 => characters.truncate(at),
            1 => drop(characters.remove(at)),
            2 => characters.insert(at, random.pick(&['A', 'Y', 'B', '_', '.', '~', '1', '='])),
            3 => {
                let other = random.below(characters.len());
                characters.swap(at, other);
            }
            4 => {
                let end = at + random.below(characters.len() - at + 1);
                let part = characters[at..end].to_vec();
                characters.extend(part);
            }
            _ => characters[at] = random.pick(&['A', 'B', 'Q', 'V', 'k', 'q', 'g', '8', '-', '.', '~', 'Y', 'N']),
        }
    }
    characters.into_iter().collect()
}

#[test]
fn an_independent_decoder_finds_the_same_in_strings_and_in_mutants() {
    let mut random = Random::new(0x6d75_7461);
    let (mut grants, mut strict, mut whole) = (0, 0, 0);
    for _ in 0..3_000 {
        let (string, _) = generated(&mut random);
        assert!(assert_same(&string).is_some());
        for _ in 0..10 {
            let mutant = mutate(&mut random, &string);
            if let Some(says) = assert_same(&mutant) {
                whole += 1;
                grants += usize::from(!says.granted.is_empty());
                strict += usize::from(says.strict);
            }
        }
    }
    println!("30,000 mutants: {whole} still strings, {grants} with grants, {strict} read strictly");
    assert!(grants > 500 && strict > 5_000, "mutants must reach what they are for: {grants} {strict}");
}

/// Strings that are long and as awkward as can be.
fn monsters() -> Vec<(&'static str, String)> {
    let hundred = 100 * 1024;
    let most = gpp::LONGEST;
    let fill = |head: &str, part: &str, length: usize| {
        let repeated = part.repeat(length.saturating_sub(head.len()) / part.len());
        format!("{head}{repeated}")
    };
    vec![
        ("100 KB of nothing", "A".repeat(hundred)),
        ("100 KB behind a header", fill("DBABLA~", "q", hundred)),
        ("100 KB of separators", fill("DBABLA~", "~", hundred)),
        ("a long header", fill("DBP_", "_", most)),
        ("a long header of zeros", fill("DBP_", "A", most)),
        ("a long header of short codes", fill("DBP_", "b", most)),
        ("a long core", fill("DBABLA~B", "A", most)),
        ("a long core of ones", fill("DBABLA~B", "_", most)),
        ("many segments", fill("DBABLA~BVQqAAAACg", ".YA", most)),
        ("many sensitive segments", fill("DBABUY~BQAA", ".qqo", most)),
        ("a Canadian section of ones", fill("DBABD~B", "_", most)),
        ("Canadian vendors", fill("DBABD~BPSG_8APSG_8AAyACAENGdCgf_gfgAfgfg", "_", most)),
        ("a TC string of ones", fill("DBABMA~C", "_", most)),
        ("many dots", fill("DBABMA~C", ".", most)),
        ("dots in Canada", fill("DBABD~B", ".", most)),
    ]
}

#[test]
fn no_string_costs_much() {
    // Debug builds and busy machines are slow: the bound here is ten times the one that release builds keep.
    let bound = Duration::from_millis(if cfg!(debug_assertions) { 20 } else { 1 });
    for (what, string) in monsters() {
        let fastest = (0..5)
            .map(|_| {
                let start = Instant::now();
                if let Ok(gpp) = gpp::decode(&string) {
                    let _ = std::hint::black_box(gpp.says(Some("7,8"), Reader::Vendor(7), Known::EMPTY, NOW_MS));
                }
                start.elapsed()
            })
            .min()
            .unwrap();
        println!("{what}: {} bytes, {fastest:?}", string.len());
        assert!(fastest < bound, "{what}: {fastest:?}");
    }
}

#[test]
#[ignore = "a measurement: cargo test --release --test consent_gpp -- --ignored --nocapture typical"]
fn typical_strings_decode_in_under_a_microsecond() {
    for string in [
        "DBABBg~BVqqqqpY.YA",
        "DBABLA~BVQqAAAAAgA.QA",
        "DBABTA~1YNN",
        "DBACNYA~CPSG_8APSG_8ANwAAAENAwCgAAAAAAAAAAAAAAAAAAAA.IAAA.YAAAAAAAAAAA~1YNN",
    ] {
        let rounds = 200_000;
        let start = Instant::now();
        for _ in 0..rounds {
            let gpp = gpp::decode(std::hint::black_box(string)).ok().unwrap();
            let _ = std::hint::black_box(gpp.says(None, Reader::Publisher, Known::EMPTY, NOW_MS));
        }
        println!("{string}: {:?} each", start.elapsed() / rounds);
    }
}
