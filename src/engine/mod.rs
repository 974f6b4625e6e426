//! The engine decides what may leave. It is pure: no I/O, async, clock, randomness, environment or logging.

pub mod action;
pub mod consent;
pub mod detect;
pub mod json;
pub mod outcome;
pub mod path;
pub mod policy;
pub mod record;
pub mod secret;
