//! A section of the US: from its text to its fields, and what they say.
//!
//! The core is at most 70 bits, so it lives in one word. A text shorter than its fields is an error, never padded; zero
//! bits behind the fields are padding (GPP, "Section encoding"), other bits there mean that the writer knew a field that
//! we do not. A section with such bits, or with a 3 in a two-bit field, can be shown, but nothing in it is believed.

use super::layout::{Field, Further, Layout, More, Sensitive, USNAT_V1, layout};
use super::{PROFILE, SALE_SHARE, SENSITIVE, TRAIN, Value};
use crate::engine::consent::signals::bits::base64url;
use crate::engine::consent::signals::says::{AgeBand, Known, Malformed};

/// A decoded section of the US.
pub(super) struct Us {
    layout: &'static Layout,
    /// The core segment, first bit highest.
    core: u128,
    /// Values of the separate sensitive segment, two bits each, first highest; of several segments the strictest.
    sensitive: Option<u16>,
    /// The GPC segment: absent and off are different. Of several, any that is on.
    pub(super) gpc: Option<bool>,
    /// Decoded, but holds a value or bits that the specification does not have: read in the strictest way.
    pub(super) faulty: bool,
}

/// What one section says; `at`, `strict` and the sum over sections are the caller's.
#[derive(Clone, Copy, Default)]
pub(super) struct Statement {
    pub(super) granted: Known,
    pub(super) denied: Known,
    pub(super) opted_out: Known,
    pub(super) age: Option<AgeBand>,
}

/// The bits of one segment.
struct Segment {
    word: u128,
    bits: usize,
    /// There is a one beyond the word.
    beyond: bool,
}

impl Segment {
    fn read(text: &str, scratch: &mut Vec<u8>) -> Result<Segment, Malformed> {
        if text.is_empty() {
            return Err(Malformed::Empty);
        }
        scratch.clear();
        base64url(text, scratch).ok_or(Malformed::Base64)?;
        let mut word = [0; 16];
        for (to, from) in word.iter_mut().zip(scratch.iter()) {
            *to = *from;
        }
        let beyond = scratch.iter().skip(word.len()).any(|byte| *byte != 0);
        Ok(Segment { word: u128::from_be_bytes(word), bits: text.len() * 6, beyond })
    }

    /// Whether there is a one behind the first `bits`.
    fn has_more_than(&self, bits: u32) -> bool {
        self.beyond || self.word.checked_shl(bits).unwrap_or(0) != 0
    }
}

/// The next `width` bits, at most 8; shifts them out.
fn shift_out(word: &mut u128, width: u32) -> u8 {
    let value = (*word >> (128 - width)) as u8;
    *word <<= width;
    value
}

/// Whether one of the two-bit values between two even bit positions is 3.
fn has_a_three(word: u128, from: u32, to: u32) -> bool {
    let inside = (u128::MAX >> from) & !u128::MAX.checked_shr(to).unwrap_or(0);
    let word = word & inside;
    word & (word >> 1) & (u128::MAX / 3) != 0
}

impl Us {
    /// Decodes the section of `id`, whose text is `text`. `None`: not a section of the US.
    pub(super) fn decode(id: u16, text: &str, scratch: &mut Vec<u8>) -> Option<Result<Us, Malformed>> {
        layout(id).map(|layout| Self::read(layout, text, scratch))
    }

    fn read(mut layout: &'static Layout, text: &str, scratch: &mut Vec<u8>) -> Result<Us, Malformed> {
        let mut segments = text.split('.');
        let core = Segment::read(segments.next().unwrap_or_default(), scratch)?;
        let version = shift_out(&mut core.word.clone(), 6);
        if core.bits < 6 {
            return Err(Malformed::Truncated);
        }
        if !layout.knows(version) {
            return Err(Malformed::Version);
        }
        // Writers have put either version in front of either layout. The lengths do not overlap: version 1 fills 60 or
        // 66 bits, version 2 needs 70.
        if layout.id == USNAT_V1.id && core.bits < layout.bits() as usize {
            layout = &USNAT_V1;
        }
        let width = layout.bits();
        if core.bits < width as usize {
            return Err(Malformed::Truncated);
        }
        let mut us = Us {
            layout,
            core: core.word,
            sensitive: None,
            gpc: None,
            faulty: core.has_more_than(width) || has_a_three(core.word, 6, width),
        };
        for text in segments {
            let segment = Segment::read(text, scratch)?;
            match layout.more {
                More::Nothing => return Err(Malformed::Segment),
                More::Gpc => us.add_gpc(&segment)?,
                More::Sensitive => us.add_sensitive(&segment)?,
            }
        }
        Ok(us)
    }

    fn add_gpc(&mut self, segment: &Segment) -> Result<(), Malformed> {
        let mut word = segment.word;
        if segment.bits < 3 {
            return Err(Malformed::Truncated);
        }
        if shift_out(&mut word, 2) != 1 {
            return Err(Malformed::Segment);
        }
        let on = shift_out(&mut word, 1) == 1;
        self.gpc = Some(on || self.gpc == Some(true));
        self.faulty |= segment.has_more_than(3);
        Ok(())
    }

    fn add_sensitive(&mut self, segment: &Segment) -> Result<(), Malformed> {
        if segment.bits < 16 {
            return Err(Malformed::Truncated);
        }
        let values = (segment.word >> 112) as u16;
        self.faulty |= segment.has_more_than(16) || has_a_three(segment.word, 0, 16);
        // Of two, the strictest: 1 before anything, then not applicable before a consent.
        self.sensitive = Some(match self.sensitive {
            None => values,
            Some(before) => {
                let ones = (before | values) & 0x5555;
                let twos = before & values & 0xAAAA;
                ones | (twos & !(ones << 1))
            }
        });
        Ok(())
    }

    /// Everything that this section could speak about, objected to or refused.
    pub(super) fn strictest(id: u16) -> Option<Statement> {
        layout(id).map(|layout| {
            let (opted_out, denied) = layout.could_say();
            let age = layout.ages.iter().min().copied();
            Statement { granted: Known::EMPTY, denied, opted_out, age }
        })
    }

    /// Whether a section of that id can have a GPC segment.
    pub(super) fn may_have_gpc(id: u16) -> bool {
        layout(id).is_some_and(|layout| layout.more == More::Gpc)
    }

    /// What the fields say, if they can be believed.
    pub(super) fn says(&self) -> Statement {
        let mut says = Statement::default();
        let mut sensitive = Sensitivity::default();
        let mut rest = self.core;
        for field in self.layout.core {
            for index in 0..field.count() {
                let value = shift_out(&mut rest, field.width());
                match (*field, value) {
                    (Field::Sale | Field::Sharing, 1) => says.opted_out = says.opted_out.union(SALE_SHARE),
                    (Field::Target, 1) => says.opted_out = says.opted_out.union(PROFILE),
                    (Field::Sens(_), value) => sensitive.add(value),
                    (Field::Child(_), 1 | 2) => {
                        // An element that no row describes is about the youngest.
                        let band = self.layout.ages.get(usize::from(index)).copied().unwrap_or(AgeBand::Child);
                        says.age = Some(says.age.map_or(band, |age| age.min(band)));
                    }
                    (Field::PersonalC | Field::AdditionalC, 1) => says.denied = says.denied.union(TRAIN),
                    (Field::PersonalC | Field::AdditionalC, 2) => match self.layout.further {
                        Further::Plain => says.granted = says.granted.union(TRAIN),
                        Further::Contested => says.denied = says.denied.union(TRAIN),
                    },
                    _ => {}
                }
            }
        }
        if let Some(values) = self.sensitive {
            (0..8).for_each(|index| sensitive.add((values >> (14 - 2 * index) & 3) as u8));
        }
        if sensitive.refused {
            says.denied = says.denied.union(SENSITIVE);
        } else if sensitive.consented && self.layout.sensitive == Sensitive::Consent {
            says.granted = says.granted.union(SENSITIVE);
        }
        if self.gpc == Some(true) {
            says.opted_out = says.opted_out.union(SALE_SHARE);
        }
        says
    }

    /// Every field by the specification's name.
    pub(super) fn fields(&self, each: &mut dyn FnMut(&'static str, Value)) {
        let mut rest = self.core;
        let version = shift_out(&mut self.core.clone(), 6);
        for field in self.layout.core {
            let mut values: Vec<u64> = (0..field.count()).map(|_| shift_out(&mut rest, field.width()).into()).collect();
            // A version in front of the other one's layout: as many values as the version has, as long as none is lost.
            let count = match (*field, version) {
                (Field::Sens(_), 1) if self.layout.id == USNAT_V1.id => 12,
                (Field::Sens(_), 2) => 16,
                (Field::Child(_), 1) if self.layout.id == USNAT_V1.id => 2,
                (Field::Child(_), 2) => 3,
                _ => values.len(),
            };
            while values.len() > count && values.last() == Some(&0) {
                values.pop();
            }
            values.resize(count.max(values.len()), 0);
            match (field.count(), values.first()) {
                (1, Some(value)) => each(field.name(), Value::Number(*value)),
                _ => each(field.name(), Value::Numbers(values)),
            }
        }
        if let Some(values) = self.sensitive {
            let values = (0..8).map(|index| u64::from(values >> (14 - 2 * index) & 3)).collect();
            each(Field::Sens(8).name(), Value::Numbers(values));
        }
        if let Some(on) = self.gpc {
            each("GpcSegmentType", Value::Number(1));
            each("Gpc", Value::Flag(on));
        }
    }
}

/// The values of `SensitiveDataProcessing`, summed up: one refusal is a refusal, and a consent needs one and no refusal.
#[derive(Default)]
struct Sensitivity {
    refused: bool,
    consented: bool,
}

impl Sensitivity {
    fn add(&mut self, value: u8) {
        self.refused |= value == 1;
        self.consented |= value == 2;
    }
}
