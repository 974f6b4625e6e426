//! A slow, obvious reference implementation of the engine, written from the design and not from the engine's code.
//!
//! It parses into a tree that keeps everything, walks it once per route with the whole path in hand, asks every rule
//! about every node, and writes the result by joining slots. What it shares with the engine are the detectors and the
//! four actions whose own tests are golden files.

#![allow(dead_code, unreachable_pub, missing_docs)] // each test binary uses its part

pub mod actions;
pub mod bench;
pub mod consent;
pub mod decode;
pub mod generate;
pub mod json;
pub mod model;
pub mod paths;
pub mod random;
pub mod ring;
pub mod tally;
pub mod walk;
