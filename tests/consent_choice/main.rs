//! Choices against an obvious model, the records of the consent topic against their schema, and what must hold of both.
//!
//! Everything generated is seeded: a failure prints its seed and comes again at every run.

#![allow(unreachable_pub, clippy::print_stdout)] // counts are part of the proof

mod boundaries;
mod model;
mod permits;
#[path = "../reference/random.rs"]
mod random;
mod records;
mod scenarios;
mod schema;
mod sets;
mod speed;
