//! Any text as a consent string of any kind, and any bits as segments of one that are well-formed text: no panic; nothing
//! is granted and denied at once; lists of vendors ascend and agree with what is said about one vendor; a grant by a TC
//! string is one that the tests' own reader finds too.
#![no_main]

#[path = "../../tests/consent/naive_tcf.rs"]
mod naive_tcf;

use tamis::engine::consent::signals::says::{Known, Says};
use tamis::engine::consent::signals::tcf::{self, Reader, Vendors};
use tamis::engine::consent::signals::{google, gpp, onetrust, usp};

/// 2026-11-24T00:00:00Z.
const NOW_MS: i64 = 1_795_478_400_000;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    // Each byte a character, so that mutations of bits are mutations of fields; the two highest bits end a segment or a
    // section now and then.
    let text: String = bytes
        .iter()
        .map(|byte| match byte {
            0x40..=0x7F => '.',
            0xC0..=0xFF => '~',
            byte => char::from(ALPHABET[usize::from(byte & 63)]),
        })
        .collect();
    for head in ["", "C", "DB"] {
        read(&format!("{head}{text}"));
    }
});

fn read(text: &str) {
    let mut all = vec![usp::read(text), google::read_gcs(text), google::read_gcd(text)];
    if let Ok(groups) = onetrust::read(text) {
        let _ = groups.count();
    }
    if let Ok(gpp) = gpp::decode(text) {
        for sids in [None, Some("2,7,8"), Some(text)] {
            all.push(gpp.says(sids, Reader::Vendor(7), Known::ALL, NOW_MS).map(|found| found.says));
        }
        for section in gpp.sections() {
            section.fields(&mut |_, _| {});
        }
    }
    if let Ok(tcf) = tcf::decode(text) {
        for (reader, vendor) in [(Reader::Publisher, None), (Reader::Vendor(7), Some(7))] {
            let says = tcf.says(reader, Known::EMPTY, NOW_MS);
            if let Ok(says) = &says {
                let found = naive_tcf::says(text, vendor, false, NOW_MS).unwrap_or_default();
                assert!(
                    says.granted.names().all(|purpose| found.0.contains(purpose)),
                    "a grant that nobody else finds"
                );
            }
            all.push(says);
        }
        for which in [Vendors::Consent, Vendors::LegitimateInterest, Vendors::Disclosed, Vendors::Allowed] {
            let vendors = tcf.vendors(which);
            let seventh = vendors.as_ref().map(|vendors| vendors.contains(&7));
            assert_eq!(seventh, tcf.has_vendor(which, 7));
            assert!(vendors.is_none_or(|vendors| vendors.is_sorted_by(|a, b| a < b)));
        }
        let _ = tcf.restrictions().count();
    }
    for Says { granted, denied, opted_out, .. } in all.into_iter().flatten() {
        assert!(granted.intersection(denied.union(opted_out)).is_empty(), "granted and denied at once");
    }
}
