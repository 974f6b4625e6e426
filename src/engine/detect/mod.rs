//! Detectors: personal data that rules forgot, found in what is kept.
//!
//! One file per kind. The table `KINDS` is the only other place to touch when a kind is added. A detector reads one
//! decoded text (or the spelling of one number) and knows nothing of rules and routes; what a hit leads to is the engine's.
//! The trap is work: a text is as long as a record may be, so every finder looks at a byte a bounded number of times, and
//! consumes a run that failed whole.

mod context;
mod digits;
mod email;
mod iban;
mod ipv4;
mod ipv6;
mod payment_card;
mod phone;
mod prefilter;

use crate::engine::outcome::closed_list;
use prefilter::Signs;

pub(crate) use email::is_email;

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

/// How a kind is found.
struct Row {
    kind: Kind,
    /// The category of DESIGN §2 that stands for it in the output, and that `{keep: …}` names.
    category: &'static str,
    /// Whether a text with these signs may hold one. Sound: if not, `find` would find nothing.
    may: fn(&Signs) -> bool,
    /// Appends every find, ascending and not overlapping.
    find: fn(&str, &mut Vec<Hit>),
}

/// Every kind, in the order of [`Kind::ALL`].
const KINDS: &[Row] = &[
    Row { kind: Kind::Email, category: "contact.email", may: email::may, find: email::find },
    Row { kind: Kind::Ipv4, category: "id.network", may: ipv4::may, find: ipv4::find },
    Row { kind: Kind::Ipv6, category: "id.network", may: ipv6::may, find: ipv6::find },
    Row { kind: Kind::Phone, category: "contact.phone", may: phone::may, find: phone::find },
    Row { kind: Kind::PaymentCard, category: "financial.card", may: payment_card::may, find: payment_card::find },
    Row { kind: Kind::Iban, category: "financial.account", may: iban::may, find: iban::find },
];

impl Kind {
    /// The category that stands for it in the output.
    pub fn category(self) -> &'static str {
        KINDS.get(self.index()).map_or("", |row| row.category)
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

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind.index())
    }

    /// Whether `kind` is in it.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind.index() != 0
    }

    /// The kinds of both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it has no kind.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its kinds, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Finds the kinds it was made for.
#[derive(Clone, Copy, Debug)]
pub struct Detector {
    kinds: Kinds,
}

impl Detector {
    /// A detector of these kinds.
    pub const fn new(kinds: Kinds) -> Self {
        Self { kinds }
    }

    /// The kinds it looks for.
    pub const fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Overwrites `hits` with the finds of a decoded text: ascending, not overlapping, not empty, on character boundaries.
    ///
    /// Where finds of several kinds overlap, they become one that covers all of them, under the kind of the longest: no
    /// fragment of the others is left over.
    pub fn text(&self, text: &str, hits: &mut Vec<Hit>) {
        hits.clear();
        if self.kinds.is_empty() {
            return;
        }
        let signs = Signs::read(text.as_bytes());
        if signs.is_quiet() {
            return;
        }
        for row in KINDS {
            if self.kinds.contains(row.kind) && (row.may)(&signs) {
                (row.find)(text, hits);
            }
        }
        if hits.len() > 1 {
            join_overlaps(hits);
        }
    }

    /// As [`Self::text`], for the value of a member named `key`, which can tell a version number from an address, and a
    /// phone number from an id.
    pub fn text_under(&self, key: Option<&str>, text: &str, hits: &mut Vec<Hit>) {
        self.text(text, hits);
        let key = key.map(key_end);
        if let [hit] = hits.as_slice()
            && hit.kind == Kind::Ipv4
            && (hit.start, hit.end) == (0, text.len())
            && key.is_some_and(context::names_a_version)
        {
            hits.clear();
        }
        if hits.is_empty() && self.is_phone(text, key) {
            hits.push(Hit { kind: Kind::Phone, start: 0, end: text.len() });
        }
    }

    /// Whether the key that a text without finds, or a number, stands under can make it one.
    pub fn asks_for_the_key(&self, text: &str) -> bool {
        self.kinds.contains(Kind::Phone) && phone::is_number(text)
    }

    fn is_phone(&self, text: &str, key: Option<&str>) -> bool {
        self.asks_for_the_key(text) && key.map(key_end).is_some_and(phone::is_key)
    }

    /// What a JSON number is, by its spelling and the key it stands under: a payment card under any key; a phone number
    /// only under a key that says so, since any number of eight digits could be one. `4.1e3` and `-4100.0` are spellings too.
    pub fn number(&self, number: &str, key: Option<&str>) -> Option<Kind> {
        if self.kinds.contains(Kind::PaymentCard) && payment_card::is_number(number) {
            return Some(Kind::PaymentCard);
        }
        self.is_phone(number, key).then_some(Kind::Phone)
    }
}

/// Bytes of a key that are looked at.
pub(crate) const KEY_END: usize = 128;

/// The end of a key: what it is about is said there, and looking at the whole of it for every value beneath it would cost
/// values × bytes.
pub(crate) fn key_end(key: &str) -> &str {
    let mut from = key.len().saturating_sub(KEY_END);
    while !key.is_char_boundary(from) {
        from += 1;
    }
    key.get(from..).unwrap_or(key)
}

fn join_overlaps(hits: &mut Vec<Hit>) {
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end, hit.kind));
    let length = |hit: &Hit| hit.end - hit.start;
    let mut longest = hits.first().map_or(0, length);
    hits.dedup_by(|next, last| {
        if next.start >= last.end {
            longest = length(next);
            return false;
        }
        if length(next) > longest {
            longest = length(next);
            last.kind = next.kind;
        }
        last.end = last.end.max(next.end);
        true
    });
}

#[cfg(test)]
mod tests;
