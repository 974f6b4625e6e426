//! Consent end to end: real `tamis run` processes and a real Apache Kafka, with kcat as the other reader.
//!
//! By hand: `TAMIS_KILLS=40`, `TAMIS_LOAD=20000` (events a second), `TAMIS_YEAR=200000` (events),
//! each before `cargo test --test consent_kafka`.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::print_stderr, reason = "a test that tells what it measured")]

#[path = "../kafka/broker.rs"]
mod broker;
mod canaries;
mod deploy;
mod halting;
#[path = "../kafka/hunt.rs"]
mod hunt;
mod learned;
mod people;
#[path = "../kafka/process.rs"]
mod process;
mod rules;
mod soon;
#[path = "../kafka/wait.rs"]
mod wait;
mod year;

/// A number from the environment, for runs by hand.
fn asked_for(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}
