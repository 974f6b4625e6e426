//! The engine decides what may leave. It is pure: no I/O, async, clock, randomness, environment or logging.

// Tests may panic; what runs on records may not. clippy.toml says what is disallowed, and why.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::panic,
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros
    )
)]

pub mod action;
pub mod consent;
pub mod detect;
pub mod json;
pub mod outcome;
pub mod path;
pub mod policy;
pub mod record;
pub mod secret;
pub mod token;
