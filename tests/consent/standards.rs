//! The standards whose strings are mutated: a line each.

use std::collections::BTreeSet;

use tamis::engine::consent::signals::says::Known;
use tamis::engine::consent::signals::tcf::{self, Reader};

use crate::reference::random::Random;
use crate::{encode_tcf, naive_tcf};

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
pub(crate) const STANDARDS: &[Standard] = &[Standard {
    name: "tcf",
    draw: |random| encode_tcf::string(&encode_tcf::taken(random), random),
    product: tcf_product,
    naive: tcf_naive,
    granting: 60,
}];

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
