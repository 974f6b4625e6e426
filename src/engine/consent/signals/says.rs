//! What a signal says, in the words of this crate: purposes granted, denied or opted out of, since when.
//!
//! Decoding a string (what is written in it) and taking its word (what counts, now) are two steps: a string may be well
//! formed and still count for nothing, and a [`Refusal`] says why. A refused signal is no signal: it neither grants nor
//! denies, and what has no signal is decided by the regime. "Not applicable" flags relax nothing anywhere.

use crate::engine::consent::Purpose;
use crate::engine::outcome::closed_list;

/// A set of purposes of [`Purpose::KNOWN`], a bit each, in the order there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known(u16);

const _: () = assert!(Purpose::KNOWN.len() <= 16, "a purpose more than the set has bits");

impl Known {
    /// Nothing.
    pub const EMPTY: Known = Known(0);

    /// Every known purpose.
    pub const ALL: Known = Known(((1u32 << Purpose::KNOWN.len()) - 1) as u16);

    /// The set of one purpose, by its name; a name that is not of the closed list gives [`Known::EMPTY`].
    pub const fn of(name: &str) -> Known {
        let mut rest = Purpose::KNOWN;
        let mut bit = 1;
        while let [first, tail @ ..] = rest {
            if same(first.as_bytes(), name.as_bytes()) {
                return Known(bit);
            }
            rest = tail;
            bit <<= 1;
        }
        Known::EMPTY
    }

    /// The set of the purpose with this place in [`Purpose::KNOWN`]; nothing where there is none.
    pub const fn at(index: usize) -> Known {
        if index < Purpose::KNOWN.len() { Known(1 << index) } else { Known::EMPTY }
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Known) -> Known {
        Known(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Known) -> Known {
        Known(self.0 & other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn without(self, other: Known) -> Known {
        Known(self.0 & !other.0)
    }

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: Known) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The places of its members in [`Purpose::KNOWN`], ascending.
    pub fn indices(self) -> impl Iterator<Item = usize> {
        (0..Purpose::KNOWN.len()).filter(move |index| self.0 >> index & 1 == 1)
    }

    /// The names of its members, in the order of [`Purpose::KNOWN`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.indices().filter_map(|index| Purpose::KNOWN.get(index).copied())
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([x, a @ ..], [y, b @ ..]) => *x == *y && same(a, b),
        _ => false,
    }
}

closed_list! {
    /// How exactly a date is known.
    Precision {
        /// To the millisecond.
        Ms = "ms",
        /// To the second.
        Second = "s",
        /// To the day, in UTC.
        Day = "day",
    }
}

impl Precision {
    /// Milliseconds in a unit of it.
    pub const fn unit_ms(self) -> i64 {
        match self {
            Precision::Ms => 1,
            Precision::Second => 1_000,
            Precision::Day => 86_400_000,
        }
    }
}

/// A date with its precision: one of the milliseconds from [`Moment::earliest`] to [`Moment::latest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first millisecond that is meant, since 1970-01-01 UTC.
    pub ms: i64,
    /// How many more are meant.
    pub precision: Precision,
}

impl Moment {
    /// The unit of `precision` that holds `ms`, from its start.
    pub const fn new(ms: i64, precision: Precision) -> Moment {
        Moment { ms: ms.saturating_sub(ms.rem_euclid(precision.unit_ms())), precision }
    }

    /// The first millisecond it may have been.
    pub const fn earliest(self) -> i64 {
        self.ms
    }

    /// The last millisecond it may have been.
    pub const fn latest(self) -> i64 {
        self.ms.saturating_add(self.precision.unit_ms() - 1)
    }
}

closed_list! {
    /// How old a person is, strictest first.
    AgeBand {
        /// Under 13.
        Child = "child",
        /// 13 to 15.
        Teen = "teen",
        /// 16 or older.
        Adult = "adult",
    }
}

/// What a signal says. A purpose in none of the sets is one that it says nothing about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// Consented to, or rested on a legal basis that the caller asked for and the signal has.
    pub granted: Known,
    /// Asked, and consent not given.
    pub denied: Known,
    /// An opt-out signal: an objection.
    pub opted_out: Known,
    /// When the grants were made; `None`: the signal has no date, and cannot be newer than a denial.
    pub at: Option<Moment>,
    /// What the signal knows of the person's age.
    pub age: Option<AgeBand>,
    /// Something known could not be decoded, and was read in the strictest way.
    pub strict: bool,
}

closed_list! {
    /// Why a text cannot be decoded at all.
    Malformed {
        /// There is nothing in it.
        Empty = "empty",
        /// It is longer than a string of its standard needs to be.
        TooLong = "too_long",
        /// A character that base64url does not have; `=` is one of them.
        Base64 = "base64",
        /// Its version, or the type in its header, is not one that is read here.
        Version = "version",
        /// It ends inside a field.
        Truncated = "truncated",
        /// A range of ids that runs backwards, starts at 0, or goes on past the highest id.
        Range = "range",
        /// Its ranges span more ids than any string needs.
        TooMuchWork = "too_much_work",
        /// A segment that is there twice, or where another one belongs.
        Segment = "segment",
        /// A header that does not fit the sections behind it.
        Header = "header",
        /// A character that its place does not allow.
        Character = "character",
    }
}

closed_list! {
    /// Why a signal counts as no signal.
    Refusal {
        /// It cannot be decoded.
        Malformed = "malformed",
        /// A version of the standard that is not read here.
        Version = "version",
        /// No registered consent management platform wrote it.
        NoCmp = "no_cmp",
        /// Its consent is meant for every site of the world, which nobody may rely on any more.
        NotServiceSpecific = "not_service_specific",
        /// Written under rules that no longer hold.
        PolicyVersion = "policy_version",
        /// It does not say which vendors were shown to the person.
        NoDisclosedVendors = "no_disclosed_vendors",
        /// Older than consent lasts.
        TooOld = "too_old",
        /// Dated later than now.
        FromTheFuture = "from_the_future",
        /// It has nothing for the publisher, whose purposes are asked.
        NoPublisherSegment = "no_publisher_segment",
        /// The vendor that is asked for was not shown to the person.
        VendorNotDisclosed = "vendor_not_disclosed",
        /// It says of itself that it does not apply.
        NotApplicable = "not_applicable",
        /// A value that the standard does not have.
        UnknownValue = "unknown_value",
        /// Nothing in it speaks about a purpose that is known here.
        NoStatement = "no_statement",
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Refusal {
        match malformed {
            Malformed::Version => Refusal::Version,
            _ => Refusal::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_know_their_members_by_name() {
        for (index, name) in Purpose::KNOWN.iter().enumerate() {
            assert_eq!(Known::of(name), Known::at(index));
            assert_eq!(Known::of(name).names().collect::<Vec<_>>(), [*name]);
        }
        for bad in ["", "ads", "ads.basic ", "x.own"] {
            assert!(Known::of(bad).is_empty(), "{bad:?}");
        }
        assert!(Known::at(Purpose::KNOWN.len()).is_empty());
        assert_eq!(Known::ALL.names().collect::<Vec<_>>(), Purpose::KNOWN);
    }

    #[test]
    fn sets_behave_as_sets() {
        let (a, b) = (Known::of("ads.basic"), Known::of("model.train"));
        assert_eq!(a.union(b).without(a), b);
        assert_eq!(a.intersection(b), Known::EMPTY);
        assert!(a.union(b).contains(b) && !b.contains(a) && Known::ALL.contains(a.union(b)));
    }

    #[test]
    fn a_moment_is_the_whole_unit_that_holds_it() {
        let day = Moment::new(86_400_000 * 3 + 5, Precision::Day);
        assert_eq!((day.earliest(), day.latest()), (86_400_000 * 3, 86_400_000 * 4 - 1));
        let second = Moment::new(-1, Precision::Second);
        assert_eq!((second.earliest(), second.latest()), (-1000, -1));
        let ms = Moment::new(17, Precision::Ms);
        assert_eq!((ms.earliest(), ms.latest()), (17, 17));
        assert_eq!(Moment::new(i64::MAX, Precision::Day).latest(), i64::MAX);
        assert!(Moment::new(i64::MIN, Precision::Day).earliest() <= i64::MIN + 86_400_000);
    }

    #[test]
    fn bands_stand_strictest_first() {
        assert!(AgeBand::Child < AgeBand::Teen && AgeBand::Teen < AgeBand::Adult);
    }
}
