//! The standards whose strings are mutated: a line each.

use std::collections::BTreeSet;

use tamis::engine::consent::signals::says::Known;
use tamis::engine::consent::signals::tcf::{self, Reader};
use tamis::engine::consent::signals::{gpp, usp};

use crate::reference::random::Random;
use crate::{encode_gpp, encode_tcf, encode_usp, naive_gpp, naive_tcf};

/// What a reader finds granted: `who: purpose`.
pub(crate) type Grants = BTreeSet<String>;

/// One kind of string.
pub(crate) struct Standard {
    /// Its name.
    pub(crate) name: &'static str,
    /// Draws a string, usually one that grants something.
    pub(crate) draw: fn(&mut Random) -> String,
    /// What the product grants, to everybody who may ask.
    pub(crate) product: fn(&str) -> Grants,
    /// What a second, independent reader finds, of the same.
    pub(crate) naive: fn(&str) -> Grants,
    /// Percent of drawn strings that must grant something, or the proof proves nothing.
    pub(crate) granting: usize,
}

/// Every kind.
pub(crate) const STANDARDS: &[Standard] = &[
    Standard {
        name: "tcf",
        draw: |random| encode_tcf::string(&encode_tcf::taken(random), random),
        product: tcf_product,
        naive: tcf_naive,
        granting: 60,
    },
    Standard { name: "gpp", draw: gpp_draw, product: gpp_product, naive: gpp_naive, granting: 30 },
    // These never grant: all that mutants can show is that they are read without panic, quickly, and to no gain.
    Standard {
        name: "usp",
        draw: |random| encode_usp::usp(random).0,
        product: usp_product,
        naive: |_| Grants::new(),
        granting: 0,
    },
];

/// Vendors that are asked for beside the publisher: some that drawn strings like, and the ends.
const VENDORS: [u16; 5] = [1, 7, 20, 755, 65_535];

fn tcf_product(text: &str) -> Grants {
    let mut grants = Grants::new();
    let Ok(tcf) = tcf::decode(text) else {
        return grants;
    };
    let readers = VENDORS.map(Reader::Vendor).into_iter().chain([Reader::Publisher]);
    for reader in readers {
        for (interest, basis) in [(Known::EMPTY, "consent"), (Known::ALL, "any basis")] {
            if let Ok(says) = tcf.says(reader, interest, encode_tcf::NOW_MS) {
                grants.extend(says.granted.names().map(|purpose| format!("{reader:?} on {basis}: {purpose}")));
            }
        }
    }
    grants
}

fn tcf_naive(text: &str) -> Grants {
    let mut grants = Grants::new();
    for vendor in VENDORS.map(Some).into_iter().chain([None]) {
        for (interest, basis) in [(false, "consent"), (true, "any basis")] {
            let reader = vendor.map_or(Reader::Publisher, Reader::Vendor);
            let says = naive_tcf::says(text, vendor.map(u64::from), interest, encode_tcf::NOW_MS);
            let granted = says.map(|(granted, _)| granted).unwrap_or_default();
            grants.extend(granted.into_iter().map(|purpose| format!("{reader:?} on {basis}: {purpose}")));
        }
    }
    grants
}

/// Sections that a person may have: one or two of the US, often a TC string, sometimes one of Canada, sometimes the four
/// characters.
fn gpp_draw(random: &mut Random) -> String {
    let mut sections: Vec<(u16, String)> = Vec::new();
    if random.chance(60) {
        sections.push((2, encode_tcf::string(&encode_tcf::taken(random), random)));
    }
    if random.chance(20) {
        sections.push((5, encode_gpp::canada(random, encode_tcf::TODAY - 3).0));
    }
    if random.chance(10) {
        sections.push((6, encode_usp::usp(random).0));
    }
    for _ in 0..random.below(3) {
        let id = random.pick(encode_gpp::SECTIONS).0;
        if !sections.iter().any(|(known, _)| *known == id) {
            sections.push((id, encode_gpp::us(random, id).0));
        }
    }
    sections.sort();
    let ids: Vec<u16> = sections.iter().map(|(id, _)| *id).collect();
    let header = encode_gpp::header(random, &ids);
    let mut texts = vec![encode_gpp::text(random, &header)];
    texts.extend(sections.into_iter().map(|(_, text)| text));
    texts.join("~")
}

fn gpp_product(text: &str) -> Grants {
    let mut grants = Grants::new();
    let Ok(gpp) = gpp::decode(text) else {
        return grants;
    };
    for reader in [Reader::Publisher, Reader::Vendor(7)] {
        if let Ok(found) = gpp.says(None, reader, Known::EMPTY, encode_tcf::NOW_MS) {
            grants.extend(found.says.granted.names().map(|purpose| format!("{reader:?}: {purpose}")));
        }
    }
    grants
}

fn gpp_naive(text: &str) -> Grants {
    let mut grants = Grants::new();
    for (reader, vendor) in [(Reader::Publisher, None), (Reader::Vendor(7), Some(7))] {
        let tcf = |text: &str| naive_tcf::says(text, vendor, false, encode_tcf::NOW_MS);
        let found = naive_gpp::read(text, vendor, encode_tcf::NOW_MS, &tcf).unwrap_or_default();
        grants.extend(found.granted.into_iter().map(|purpose| format!("{reader:?}: {purpose}")));
    }
    grants
}

fn usp_product(text: &str) -> Grants {
    usp::read(text).map(|says| says.granted.names().map(str::to_owned).collect()).unwrap_or_default()
}
