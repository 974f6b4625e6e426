//! Consent strings: public vectors, strings that a second writer made, other people's readers, and mutants.
//!
//! The vectors lie beside the repository in `../shared/data` (or `TAMIS_SHARED_DATA`); without them their tests say so
//! and pass.

#![allow(clippy::print_stdout)] // counts are part of the proof

#[path = "consent/encode/bits.rs"]
mod encode_bits;
#[path = "consent/encode/gpp.rs"]
mod encode_gpp;
#[path = "consent/encode/tcf.rs"]
mod encode_tcf;
#[path = "consent/encode/usp.rs"]
mod encode_usp;
#[path = "consent/mutations.rs"]
mod mutations;
#[path = "consent/naive_gpp.rs"]
mod naive_gpp;
#[path = "consent/naive_tcf.rs"]
mod naive_tcf;
mod reference;
#[path = "consent/standards.rs"]
mod standards;
#[path = "consent/tcf.rs"]
mod tcf;
#[path = "consent/vectors.rs"]
mod vectors;
