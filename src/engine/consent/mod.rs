//! Consent: purposes, signals, regimes; and from them, which purposes an event permits.
//!
//! Pure and total. A malformed signal is no signal; an unknown place is the strictest place; "not applicable" never
//! relaxes anything.

use crate::engine::policy::model::Source;

/// A purpose that data is wanted for: the closed list of [`Purpose::KNOWN`], or a deployment's own `x.…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(String);

/// Kinds of subjects an event may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A registered account.
    Account,
    /// A device.
    Device,
    /// A browser, by cookie.
    Cookie,
    /// An advertising id.
    AdId,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A network address.
    Network,
}

/// Where the country or the region comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceSource {
    /// A one-market site: this code.
    Fixed(String),
    /// Read from the event or the record.
    At(Source),
}

/// A dated data file of legal defaults, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its pinned name, `eea-us/2026-01`.
    pub name: String,
}
