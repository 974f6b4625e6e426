//! Detectors: personal data that rules forgot, found in what is kept.
//!
//! One file per kind. The table [`Kind`] is the only other place to touch when a kind is added.

use crate::engine::outcome::closed_list;

closed_list! {
    /// A kind of personal data that a detector recognizes.
    Kind {
        /// E-mail address.
        Email = "email",
        /// IPv4 address.
        Ipv4 = "ipv4",
        /// IPv6 address.
        Ipv6 = "ipv6",
        /// Phone number, E.164.
        Phone = "phone",
        /// Payment card number: issuer range, length, Luhn.
        PaymentCard = "payment_card",
        /// International bank account number: country, length, mod 97.
        Iban = "iban",
    }
}

/// A find in a text: byte offsets, on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);
