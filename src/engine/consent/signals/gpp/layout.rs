//! The sections of the US: which fields each has, in order, and what its fields are about. One row a section.
//!
//! Source: the section specifications of the IAB Tech Lab's Global Privacy Platform ("Sections/US-National" and
//! "Sections/US-States"), each row's widths as its reference implementation writes them. A field is two bits wide (0 not
//! applicable, 1, 2; 3 is no value), but for the version in front, which has six.
//!
//! The trap: the same name does not mean the same everywhere. `SensitiveDataProcessing` is a consent in most sections
//! and an opt-out in California, Utah and Iowa, where "did not opt out" is no consent. And the age that an element of
//! `KnownChildSensitiveDataConsents` is about differs by section, so each row lists its elements.

use crate::engine::consent::signals::says::{AgeBand, Known};

/// A field of a core segment, or a run of fields of one name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Ver,
    MspaVer,
    ShareN,
    ProcN,
    SaleN,
    SharingN,
    TargetN,
    SensOptN,
    SensDataN,
    SensLimitN,
    Sale,
    Sharing,
    Target,
    Sens(u8),
    Child(u8),
    PersonalC,
    AdditionalC,
    Covered,
    Mode,
    OptMode,
    SpMode,
}

use Field::{
    AdditionalC, Child, Covered, Mode, MspaVer, OptMode, PersonalC, ProcN, Sale, SaleN, Sens, SensDataN, SensLimitN,
    SensOptN, ShareN, Sharing, SharingN, SpMode, Target, TargetN, Ver,
};

impl Field {
    /// As the specification spells it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Ver => "Version",
            MspaVer => "MspaVersion",
            ShareN => "SharingNotice",
            ProcN => "ProcessingNotice",
            SaleN => "SaleOptOutNotice",
            SharingN => "SharingOptOutNotice",
            TargetN => "TargetedAdvertisingOptOutNotice",
            SensOptN => "SensitiveDataProcessingOptOutNotice",
            SensDataN => "SensitiveDataOptOutNotice",
            SensLimitN => "SensitiveDataLimitUseNotice",
            Sale => "SaleOptOut",
            Sharing => "SharingOptOut",
            Target => "TargetedAdvertisingOptOut",
            Sens(_) => "SensitiveDataProcessing",
            Child(_) => "KnownChildSensitiveDataConsents",
            PersonalC => "PersonalDataConsents",
            AdditionalC => "AdditionalDataProcessingConsent",
            Covered => "MspaCoveredTransaction",
            Mode => "MspaMode",
            OptMode => "MspaOptOutOptionMode",
            SpMode => "MspaServiceProviderMode",
        }
    }

    /// How many values stand behind the name.
    pub(super) const fn count(self) -> u8 {
        match self {
            Sens(n) | Child(n) => n,
            _ => 1,
        }
    }

    /// Bits of one value.
    pub(super) const fn width(self) -> u32 {
        match self {
            Ver | MspaVer => 6,
            _ => 2,
        }
    }
}

/// Segments that may follow the core.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// None: a second segment is an error.
    Nothing,
    /// Type (2 bits, 1) and `Gpc` (1 bit).
    Gpc,
    /// `SensitiveDataProcessing`, eight values, no type in front.
    Sensitive,
}

/// What `SensitiveDataProcessing` = 2 says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitive {
    /// "Consent".
    Consent,
    /// "Did not opt out": no consent, under whatever law.
    OptOut,
}

/// What the field about uses beyond the disclosed purpose means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Further {
    /// 1 no consent, 2 consent.
    Plain,
    /// The specification's text has had the two values the other way round (Florida, Oregon): neither grants.
    Contested,
}

/// One section.
pub(super) struct Layout {
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) core: &'static [Field],
    pub(super) more: More,
    pub(super) sensitive: Sensitive,
    pub(super) further: Further,
    /// Whom each element of `KnownChildSensitiveDataConsents` is about.
    pub(super) ages: &'static [AgeBand],
}

/// "From a known child", under 13 (COPPA). California's two are about everyone under 16, which includes children.
const CHILD: &[AgeBand] = &[AgeBand::Child];
const CALIFORNIA: &[AgeBand] = &[AgeBand::Child, AgeBand::Child];
/// A known child; then sale, then targeted advertising, from 13 to 15.
const TEENS: &[AgeBand] = &[AgeBand::Child, AgeBand::Teen, AgeBand::Teen];
/// The same, and both again from 16 to 16 (New Jersey) or 17 (Delaware): minors, read as the stricter band.
const MINORS: &[AgeBand] = &[AgeBand::Child, AgeBand::Teen, AgeBand::Teen, AgeBand::Teen, AgeBand::Teen];
/// 13 to 16, under 13, and since version 2 16 to 17.
const NATIONAL: &[AgeBand] = &[AgeBand::Teen, AgeBand::Child, AgeBand::Teen];

const fn row(id: u16, name: &'static str, core: &'static [Field], more: More, ages: &'static [AgeBand]) -> Layout {
    // Utah: Utah Code 13-61-302(3)(a); Iowa: Iowa Code 715D.4(2); California: Civil Code 1798.121, a right to limit.
    let sensitive = if matches!(id, 8 | 11 | 18) { Sensitive::OptOut } else { Sensitive::Consent };
    let further = if matches!(id, 13 | 15) { Further::Contested } else { Further::Plain };
    Layout { id, name, core, more, sensitive, further, ages }
}

/// The national section as version 1 had it.
#[rustfmt::skip]
pub(super) const USNAT_V1: Layout = row(7, "usnat", &[Ver, ShareN, SaleN, SharingN, TargetN, SensOptN, SensLimitN, Sale, Sharing, Target,
    Sens(12), Child(2), PersonalC, Covered, OptMode, SpMode], More::Gpc, NATIONAL);

/// Every section of the US, by id from 7 up without a gap.
#[rustfmt::skip]
pub(super) const LAYOUTS: &[Layout] = &[
    row(7, "usnat", &[Ver, ShareN, SaleN, SharingN, TargetN, SensOptN, SensLimitN, Sale, Sharing, Target,
        Sens(16), Child(3), PersonalC, Covered, OptMode, SpMode], More::Gpc, NATIONAL),
    row(8, "usca", &[Ver, SaleN, SharingN, SensLimitN, Sale, Sharing, Sens(9), Child(2), PersonalC, Covered, OptMode, SpMode], More::Gpc, CALIFORNIA),
    row(9, "usva", &[Ver, ShareN, SaleN, TargetN, Sale, Target, Sens(8), Child(1), Covered, OptMode, SpMode], More::Nothing, CHILD),
    row(10, "usco", &[Ver, ShareN, SaleN, TargetN, Sale, Target, Sens(7), Child(1), Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(11, "usut", &[Ver, ShareN, SaleN, TargetN, SensOptN, Sale, Target, Sens(8), Child(1), Covered, OptMode, SpMode], More::Nothing, CHILD),
    row(12, "usct", &[Ver, ShareN, SaleN, TargetN, Sale, Target, Sens(8), Child(3), Covered, OptMode, SpMode], More::Gpc, TEENS),
    row(13, "usfl", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(3), AdditionalC, Covered, OptMode, SpMode], More::Nothing, TEENS),
    row(14, "usmt", &[Ver, ShareN, SaleN, TargetN, Sale, Target, Sens(8), Child(3), AdditionalC, Covered, OptMode, SpMode], More::Gpc, TEENS),
    row(15, "usor", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(11), Child(3), AdditionalC, Covered, OptMode, SpMode], More::Gpc, TEENS),
    row(16, "ustx", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(1), AdditionalC, Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(17, "usde", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(9), Child(5), AdditionalC, Covered, OptMode, SpMode], More::Gpc, MINORS),
    row(18, "usia", &[Ver, ProcN, SaleN, TargetN, SensDataN, Sale, Target, Sens(8), Child(1), Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(19, "usne", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(1), AdditionalC, Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(20, "usnh", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(3), AdditionalC, Covered, OptMode, SpMode], More::Gpc, TEENS),
    row(21, "usnj", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(10), Child(5), AdditionalC, Covered, OptMode, SpMode], More::Gpc, MINORS),
    row(22, "ustn", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(1), AdditionalC, Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(23, "usmn", &[Ver, ProcN, SaleN, TargetN, Sale, Target, Sens(8), Child(1), AdditionalC, Covered, OptMode, SpMode], More::Gpc, CHILD),
    row(24, "usmd", &[MspaVer, Covered, Mode, ProcN, SaleN, TargetN, Sale, Target, AdditionalC], More::Gpc, &[]),
    row(25, "usin", &[MspaVer, Covered, Mode, ProcN, SaleN, TargetN, Sale, Target, Child(1), AdditionalC], More::Sensitive, CHILD),
    row(26, "usky", &[MspaVer, Covered, Mode, ProcN, SaleN, TargetN, Sale, Target, Child(1), AdditionalC], More::Sensitive, CHILD),
    row(27, "usri", &[MspaVer, Covered, Mode, ProcN, SaleN, TargetN, Sale, Target, Child(1), AdditionalC], More::Sensitive, CHILD),
];

/// The row of a section id.
pub(super) fn layout(id: u16) -> Option<&'static Layout> {
    LAYOUTS.get(usize::from(id.checked_sub(7)?))
}

impl Layout {
    /// Bits of the core segment's fields.
    pub(super) fn bits(&self) -> u32 {
        self.core.iter().map(|field| field.width() * u32::from(field.count())).sum()
    }

    /// Whether this version of the section is read here.
    pub(super) fn knows(&self, version: u8) -> bool {
        version == 1 || (self.id == 7 && version == 2)
    }

    /// What a section that cannot be read could have objected to, and could have refused.
    pub(super) fn could_say(&self) -> (Known, Known) {
        let mut opted_out = if self.more == More::Gpc { super::SALE_SHARE } else { Known::EMPTY };
        let mut denied = if self.more == More::Sensitive { super::SENSITIVE } else { Known::EMPTY };
        for field in self.core {
            match field {
                Sale | Sharing => opted_out = opted_out.union(super::SALE_SHARE),
                Target => opted_out = opted_out.union(super::PROFILE),
                Sens(_) => denied = denied.union(super::SENSITIVE),
                PersonalC | AdditionalC => denied = denied.union(super::TRAIN),
                _ => {}
            }
        }
        (opted_out, denied)
    }
}
