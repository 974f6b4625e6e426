//! Codes of places: ISO 3166-1 alpha-2 countries and ISO 3166-2 subdivisions, letters in either case.
//!
//! A code that is not of that form is no place at all, and no place means the strictest law. Nothing is guessed: a
//! region never stands in for a missing country, and a region of another country than the one named is a contradiction.

use crate::engine::policy::model::Source;

/// Where the country or the region comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceSource {
    /// A one-market site: this code.
    Fixed(String),
    /// Read from the event or the record.
    At(Source),
}

/// An alpha-2 code, upper case, as a number: places are compared for every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Country(u16);

impl Country {
    /// Two ASCII letters; nothing else is a country.
    pub(super) fn parse(text: &str) -> Option<Country> {
        match *text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country(u16::from_be_bytes([a.to_ascii_uppercase(), b.to_ascii_uppercase()])))
            }
            _ => None,
        }
    }
}

/// The part of an ISO 3166-2 code behind the dash, upper case, one to three characters, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Region(u32);

/// What a region's text says, next to a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegionOf {
    /// A subdivision of that country, by its code.
    Here(Region),
    /// Not of the form of a code: as if it were absent.
    Unreadable,
    /// It names another country: the place is contradictory.
    Elsewhere,
}

impl Region {
    /// Reads `CA` or `US-CA`, next to `country`.
    pub(super) fn parse(text: &str, country: Country) -> RegionOf {
        let dash = text.bytes().position(|byte| byte == b'-');
        let code = match dash.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) {
            None => text,
            Some((prefix, code)) => match Country::parse(prefix) {
                Some(named) if named == country => code,
                Some(_) => return RegionOf::Elsewhere,
                None => return RegionOf::Unreadable,
            },
        };
        if code.is_empty() || code.len() > 3 || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return RegionOf::Unreadable;
        }
        // No character is zero, so codes of different lengths are different numbers.
        RegionOf::Here(Region(code.bytes().fold(0, |all, byte| all << 8 | u32::from(byte.to_ascii_uppercase()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_letters_in_either_case() {
        assert_eq!(Country::parse("fr"), Country::parse("FR"));
        for bad in ["", "F", "FRA", "F1", "é", "F ", " FR", "FR\0"] {
            assert!(Country::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn regions_are_read_with_and_without_the_country() {
        let us = Country::parse("US").unwrap();
        let california = Region::parse("CA", us);
        assert!(matches!(california, RegionOf::Here(_)));
        for same in ["ca", "US-CA", "us-ca"] {
            assert_eq!(Region::parse(same, us), california, "{same}");
        }
        assert_eq!(Region::parse("CA-QC", us), RegionOf::Elsewhere);
        for bad in ["", "US-", "USA-CA", "-CA", "California", "C A", "US-CA-1", "é"] {
            assert_eq!(Region::parse(bad, us), RegionOf::Unreadable, "{bad:?}");
        }
    }
}
