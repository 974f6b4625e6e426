//! Consent: purposes, signals, regimes; and from them, which purposes an event permits.
//!
//! Pure and total. A malformed signal is no signal; an unknown place is the strictest place; "not applicable" never
//! relaxes anything. What is known of an event is what it carries ([`signals`]) and what its subjects chose ([`choice`]);
//! the law of the place ([`Preset`]) says what must be known. The trap: a denial and an opt-out signal are different things. A denial (a category set to `false`) closes
//! what rests on consent or can be opted out of; an opt-out signal is an objection, which closes exempt purposes too
//! where the preset says that it speaks about them.

pub mod choice;
mod law;
mod permit;
mod place;
mod preset;
mod purpose;
mod regime;
mod resolver;
pub mod signals;
mod subject;

pub use permit::{Permits, PurposeSet};
pub use place::PlaceSource;
pub use preset::{MAX_EXPIRY_DAYS, Preset, PresetError, Row};
pub use purpose::Purpose;
pub use regime::Regime;
pub use resolver::{About, Asked, Evidence, Resolver, Verdict};
pub use subject::SubjectKind;
