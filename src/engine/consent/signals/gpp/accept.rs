//! What is taken from a GPP string's sections, all together.
//!
//! - Every section is read, whether `gpp_sid` lists it or not: an opt-out in any section wins.
//! - `gpp_sid` only tightens. A section that it lists, and that is absent or cannot be decoded, is read in the strictest
//!   way. `-1` ("no section applies") relaxes nothing, and entries that are no ids are passed over.
//! - "Did not opt out" is no grant: where consent must be given, it gives none.
//! - Sections of the US carry no date, so their grants have none. Where a dated section (tcfeuv2, tcfcav1) grants too,
//!   the sum has no date either: a grant without a date lifts no denial, which is the stricter of the two.

use super::us::{Statement, Us};
use super::{Body, Canada, Gpp, HEADER, INTEGRITY, SALE_SHARE, Section, TCF_CANADA, TCF_EU, TCF_EU_V1, US_PRIVACY};
use crate::engine::consent::signals::says::{Known, Moment, Refusal, Says};
use crate::engine::consent::signals::tcf::Reader;
use crate::engine::outcome::closed_list;

closed_list! {
    /// What a string's GPC segments say; absent and off are different.
    Gpc {
        /// No section has one.
        Absent = "absent",
        /// Off in every section that has one.
        Off = "off",
        /// Some section that may have one cannot be read.
        Unreadable = "unreadable",
        /// On in some section.
        On = "on",
    }
}

impl Gpc {
    /// Whether it counts as on: what cannot be read could have been.
    pub const fn applies(self) -> bool {
        matches!(self, Gpc::On | Gpc::Unreadable)
    }
}

/// What a GPP string says, and whether Global Privacy Control is on in it.
#[derive(Clone, Copy)]
pub struct GppSays {
    /// Grants, refusals and opt-outs of every section.
    pub says: Says,
    /// What Global Privacy Control denies is the law's to say: see [`Gpc::applies`].
    pub gpc: Gpc,
    /// Ids of the string, or of `gpp_sid`, that are not known here.
    pub unknown: usize,
}

/// Everything that a section with an unknown id could refuse. `security.essential` does not rest on a choice.
const UNKNOWN: Known = Known::ALL.without(Known::of("security.essential"));

/// What a TC string could refuse: everything that the framework has a purpose for.
const TCF: Known = Known::ALL.without(Known::of("security.essential")).without(SALE_SHARE).without(super::TRAIN);

/// The sum over sections so far.
struct Sum {
    says: Says,
    gpc: Gpc,
    unknown: usize,
    /// A section was decoded and its word taken.
    usable: bool,
    /// Why the first section that was not taken was not.
    refused: Option<Refusal>,
    /// A grant without a date.
    undated: bool,
}

impl Gpp {
    /// What counts of the string at `now_ms`. `gpp_sid`: the list of section ids in force as it was sent, joined by `,`
    /// or `_`; `reader` and `legitimate_interest`: as [`Tcf::says`](super::Tcf::says) takes them.
    ///
    /// # Errors
    /// No section says anything that counts: the first reason why not.
    pub fn says(
        &self,
        gpp_sid: Option<&str>,
        reader: Reader,
        legitimate_interest: Known,
        now_ms: i64,
    ) -> Result<GppSays, Refusal> {
        let mut sum =
            Sum { says: Says::default(), gpc: Gpc::Absent, unknown: 0, usable: false, refused: None, undated: false };
        for section in self.sections() {
            sum.add(section, reader, legitimate_interest, now_ms);
        }
        for id in gpp_sid.map(ids).into_iter().flatten() {
            if !self.sections().iter().any(|section| section.id() == id && !matches!(section.body, Ok(Body::Unknown))) {
                sum.strictest(id);
            }
        }
        sum.end()
    }
}

/// The ids of a `gpp_sid`: comma-separated as bid adapters send it, `_` as the keys of apps have it.
fn ids(text: &str) -> impl Iterator<Item = u16> {
    let entries = text.split([',', '_']);
    let entries = entries.filter_map(|entry| entry.trim_matches([' ', '[', ']']).parse().ok());
    entries.filter(|id| !matches!(*id, 0 | HEADER | INTEGRITY)).take(super::MOST_SECTIONS)
}

impl Sum {
    fn add(&mut self, section: &Section, reader: Reader, legitimate_interest: Known, now_ms: i64) {
        let taken = match &section.body {
            Ok(Body::Unknown) => {
                self.unknown += 1;
                return;
            }
            _ if section.is_faulty() => return self.strictest(section.id),
            Err(_) => return self.strictest(section.id),
            Ok(Body::TcfEu(tcf)) => tcf.says(reader, legitimate_interest, now_ms),
            Ok(Body::Canada(canada)) => canada.says(reader, now_ms),
            Ok(Body::Usp(usp)) => usp.says(),
            Ok(Body::Us(us)) => {
                self.gpc = self.gpc.max(us.gpc.map_or(Gpc::Absent, |on| if on { Gpc::On } else { Gpc::Off }));
                let Statement { granted, denied, opted_out, age } = us.says();
                Ok(Says { granted, denied, opted_out, age, at: None, strict: false })
            }
        };
        match taken {
            Ok(says) => {
                self.usable = true;
                self.undated |= says.at.is_none() && !says.granted.is_empty();
                self.take(says);
            }
            Err(refusal) => self.refused = self.refused.or(Some(refusal)),
        }
    }

    /// Reads section `id` as refusing and objecting to everything that it could speak about.
    fn strictest(&mut self, id: u16) {
        let mut says = Says { strict: true, ..Says::default() };
        match id {
            TCF_EU | TCF_EU_V1 => says.denied = TCF,
            TCF_CANADA => says.denied = Canada::strictest(),
            US_PRIVACY => says.opted_out = SALE_SHARE,
            _ => match Us::strictest(id) {
                Some(Statement { granted, denied, opted_out, age }) => {
                    says = Says { granted, denied, opted_out, age, ..says };
                    if Us::may_have_gpc(id) {
                        self.gpc = self.gpc.max(Gpc::Unreadable);
                    }
                }
                None => {
                    self.unknown += 1;
                    says.denied = UNKNOWN;
                }
            },
        }
        self.usable = true;
        self.take(says);
    }

    fn take(&mut self, other: Says) {
        let says = &mut self.says;
        says.granted = says.granted.union(other.granted);
        says.denied = says.denied.union(other.denied);
        says.opted_out = says.opted_out.union(other.opted_out);
        // Of two dates, the earlier: the older consent, and no newer than either.
        let earlier = |a: Moment, b: Moment| if b.latest() < a.latest() { b } else { a };
        says.at = match (says.at, other.at) {
            (Some(a), Some(b)) => Some(earlier(a, b)),
            (a, b) => a.or(b),
        };
        says.age = match (says.age, other.age) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        says.strict |= other.strict;
    }

    fn end(mut self) -> Result<GppSays, Refusal> {
        if !self.usable {
            return Err(self.refused.unwrap_or(Refusal::NoStatement));
        }
        let says = &mut self.says;
        says.granted = says.granted.without(says.denied).without(says.opted_out);
        if self.undated {
            says.at = None;
        }
        Ok(GppSays { says: self.says, gpc: self.gpc, unknown: self.unknown })
    }
}
