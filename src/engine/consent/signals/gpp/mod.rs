//! GPP strings of the IAB Tech Lab's Global Privacy Platform, version 1 ("Consent String Specification").
//!
//! A header with section ids, then the sections, joined by `~`. [`decode`] says what is written, section by section;
//! [`Gpp::says`] takes its word. Read here: tcfeuv2 (2), tcfcav1 (5), uspv1 (6) and the sections of the US (7 to 27).
//!
//! Unlike other signals, an opt-out platform must not fail towards "yes". So a section that is known and cannot be
//! decoded is read in the strictest way: everything that it could object to or refuse is, and it grants nothing. A whole
//! string whose header and sections do not fit is malformed, and no signal. Ids that are not known are reported.

mod accept;
mod canada;
mod header;
mod layout;
mod us;

use super::bits::Bits;
use super::says::{Known, Malformed};
use super::tcf::{self, Tcf};
use super::usp::{self, Usp};
pub use accept::{Gpc, GppSays};
pub use canada::Canada;
use us::Us;

/// Characters a string may have: as long as the TC string that it may carry.
pub const LONGEST: usize = tcf::LONGEST;

/// Sections a string may have. 27 ids are registered (GPP, "Section Information", 2025-12); one person's place needs one
/// or two of them.
pub const MOST_SECTIONS: usize = 64;

const SALE_SHARE: Known = Known::of("sale_share");
const PROFILE: Known = Known::of("ads.profile");
const SENSITIVE: Known = Known::of("sensitive.use");
const TRAIN: Known = Known::of("model.train");

/// Section ids.
const TCF_EU_V1: u16 = 1;
const HEADER: u16 = 3;
const INTEGRITY: u16 = 4;
const TCF_EU: u16 = 2;
const TCF_CANADA: u16 = 5;
const US_PRIVACY: u16 = 6;

/// A decoded GPP string. It holds what a person chose: it cannot be printed.
pub struct Gpp {
    sections: Vec<Section>,
}

/// One section of a string, decoded or not.
pub struct Section {
    id: u16,
    body: Result<Body, Malformed>,
}

enum Body {
    TcfEu(Box<Tcf>),
    Canada(Box<Canada>),
    Usp(Usp),
    Us(Us),
    /// An id that is not known here; its text was not looked at.
    Unknown,
}

/// A field's value, for people to look at.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A number, or one two-bit value.
    Number(u64),
    /// Two-bit values in order, or the ids that are set.
    Numbers(Vec<u64>),
    /// A single bit.
    Flag(bool),
    /// Two letters, upper case.
    Letters([u8; 2]),
    /// One character of a US Privacy string.
    Character(char),
    /// Unix milliseconds.
    Time(i64),
    /// Purpose, kind and vendors of each publisher restriction.
    Restrictions(Vec<(u8, u8, Vec<u16>)>),
}

/// Reads a GPP string. Total, and linear in the text's length.
///
/// # Errors
/// Not a GPP string of version 1, or the header does not announce the sections that follow. The code says nothing of
/// the text.
pub fn decode(text: &str) -> Result<Gpp, Malformed> {
    if text.is_empty() {
        return Err(Malformed::Empty);
    }
    if text.len() > LONGEST {
        return Err(Malformed::TooLong);
    }
    let mut texts = text.split('~');
    let announced = texts.next().unwrap_or_default();
    let count = texts.clone().count();
    if count > MOST_SECTIONS {
        return Err(Malformed::TooMuchWork);
    }
    let mut ids = [0; MOST_SECTIONS];
    let mut free = ids.iter_mut().take(count);
    let mut scratch = Vec::with_capacity(32);
    header::read(announced, &mut scratch, |id| {
        *free.next().ok_or(Malformed::Header)? = id;
        Ok(())
    })?;
    if free.next().is_some() {
        return Err(Malformed::Header);
    }
    let sections = ids.iter().zip(texts).map(|(id, text)| Section::read(*id, text, &mut scratch)).collect();
    Ok(Gpp { sections })
}

/// Reads one section's text alone, as `IABGPP_<id>_String` keys and CMP interfaces hand it out.
pub fn decode_section(id: u16, text: &str) -> Section {
    if text.len() > LONGEST {
        return Section { id, body: Err(Malformed::TooLong) };
    }
    Section::read(id, text, &mut Vec::new())
}

impl Gpp {
    /// Every section, in the string's order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }
}

impl Section {
    fn read(id: u16, text: &str, scratch: &mut Vec<u8>) -> Section {
        let body = match id {
            TCF_EU => tcf::decode(text).map(|tcf| Body::TcfEu(Box::new(tcf))),
            TCF_CANADA => Canada::decode(text).map(|canada| Body::Canada(Box::new(canada))),
            US_PRIVACY => usp::decode(text).map(Body::Usp),
            _ => match Us::decode(id, text, scratch) {
                Some(us) => us.map(Body::Us),
                None => Ok(Body::Unknown),
            },
        };
        Section { id, body }
    }

    /// Its id in the header.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The registered name, `usca`; `None`: not a section that is read here.
    pub fn name(&self) -> Option<&'static str> {
        match self.id {
            TCF_EU => Some("tcfeuv2"),
            TCF_CANADA => Some("tcfcav1"),
            US_PRIVACY => Some("uspv1"),
            id => layout::layout(id).map(|layout| layout.name),
        }
    }

    /// Why it cannot be decoded. A section with an error is read in the strictest way.
    pub fn error(&self) -> Option<Malformed> {
        self.body.as_ref().err().copied()
    }

    /// Decoded, but with a value or with bits that its specification does not have: read in the strictest way too.
    pub fn is_faulty(&self) -> bool {
        match &self.body {
            Ok(Body::Us(us)) => us.faulty,
            Ok(Body::Canada(canada)) => canada.faulty,
            _ => false,
        }
    }

    /// The TC string in a tcfeuv2 section.
    pub fn tcf(&self) -> Option<&Tcf> {
        match &self.body {
            Ok(Body::TcfEu(tcf)) => Some(tcf),
            _ => None,
        }
    }

    /// Every field that is there, by the specification's name and in its order. None for tcfeuv2: see
    /// [`Section::tcf`].
    pub fn fields(&self, each: &mut dyn FnMut(&'static str, Value)) {
        match &self.body {
            Ok(Body::Us(us)) => us.fields(each),
            Ok(Body::Canada(canada)) => canada.each_field(each),
            Ok(Body::Usp(usp)) => usp.fields(each),
            Ok(Body::TcfEu(_) | Body::Unknown) | Err(_) => {}
        }
    }
}

/// Whether everything that is left is zero.
fn only_zeros(mut bits: Bits<'_>) -> bool {
    while bits.left() > 0 {
        if bits.take(bits.left().min(64)) != Some(0) {
            return false;
        }
    }
    true
}

/// The union of the purposes of a table.
const fn asked<T: Copy, const N: usize>(table: &[(Known, T); N]) -> Known {
    let mut rest: &[(Known, T)] = table;
    let mut all = SENSITIVE;
    while let [(purpose, _), tail @ ..] = rest {
        all = all.union(*purpose);
        rest = tail;
    }
    all
}

#[cfg(test)]
#[path = "gpp_tests.rs"]
mod tests;
