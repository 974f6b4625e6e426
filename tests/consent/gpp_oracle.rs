//! Agreement with a published decoder, iab_gpp 0.1.2, where it is right: single sections of the US whose values are all 0
//! to 2. It reads a 3 as "not applicable", has no sections 24 to 27, and its headers lose the third single id; there it
//! is not asked.

use tamis::engine::consent::signals::gpp;

use crate::encode_gpp;
use crate::plain;
use crate::reference::random::Random;

/// Values in the order in which the other decoder's debug text has them: words after a field's name.
fn values(shown: &str) -> Vec<u64> {
    let words = shown.split([' ', ',', '(', ')']).filter_map(|word| match word {
        "NotApplicable" => Some(0),
        "Provided" | "OptedOut" | "NoConsent" | "Yes" | "true" => Some(1),
        "NotProvided" | "DidNotOptOut" | "Consent" | "No" | "false" => Some(2),
        _ => None,
    });
    words.collect()
}

/// Reads a section with the other decoder.
fn theirs(id: u16, text: &str) -> Option<Vec<u64>> {
    use iab_gpp::sections as other;
    macro_rules! read {
        ($($id:literal $module:ident::$section:ident),+ $(,)?) => {
            match id {
                $($id => text.parse::<other::$module::$section>().ok().map(|read| values(&format!("{read:?}"))),)+
                _ => None,
            }
        };
    }
    read!(
        8 usca::UsCa, 9 usva::UsVa, 10 usco::UsCo, 11 usut::UsUt, 12 usct::UsCt, 13 usfl::UsFl, 14 usmt::UsMt,
        15 usor::UsOr, 16 ustx::UsTx, 17 usde::UsDe, 18 usia::UsIa, 19 usne::UsNe, 20 usnh::UsNh, 21 usnj::UsNj,
        22 ustn::UsTn, 23 usmn::UsMn,
    )
}

#[test]
fn a_published_decoder_reads_the_same_sections_alike() {
    let mut random = Random::new(0x6f72_6163);
    for id in 8..=23 {
        let mut compared = 0;
        for _ in 0..300 {
            let (text, _) = encode_gpp::us(&mut random, id);
            let Some(theirs) = theirs(id, &text) else { continue };
            let section = gpp::decode_section(id, &text);
            assert!(section.error().is_none());
            let mut ours = Vec::new();
            section.fields(&mut |name, value| match name {
                "Version" | "GpcSegmentType" => {}
                "Gpc" => ours.extend(plain(&value).iter().map(|on| 2 - on)),
                _ => ours.extend(plain(&value)),
            });
            assert_eq!(ours, theirs, "{text}: {id}");
            compared += 1;
        }
        println!("section {id}: {compared} of 300 read by both, all alike");
        assert!(compared > 50, "section {id}: only {compared} read by both");
    }
}
