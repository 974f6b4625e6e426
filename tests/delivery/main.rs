//! Nothing lost, nothing twice: real `tamis run` processes on a real Apache Kafka, killed at bad moments.
//!
//! What came out is read by kcat, which is not ours. By hand: `TAMIS_KILLS=100 cargo test --test delivery kills`.

#![allow(missing_docs, unreachable_pub, clippy::print_stderr, reason = "a test that tells what it measured")]

mod broker;
mod canaries;
mod choices;
mod damage;
mod faults;
mod kills;
mod offsets;
mod world;
