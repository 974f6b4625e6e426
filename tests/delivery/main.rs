//! Nothing lost, nothing twice: real `tamis run` processes on a real Apache Kafka, killed at bad moments.
//!
//! What came out is read by kcat, which is not ours. By hand: `TAMIS_KILLS=100 cargo test --test delivery kills`.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::print_stderr, reason = "a test that tells what it measured")]

#[path = "../kafka/broker.rs"]
mod broker;
mod canaries;
mod choices;
mod damage;
mod faults;
#[path = "../kafka/hunt.rs"]
mod hunt;
mod kills;
mod offsets;
#[path = "../kafka/process.rs"]
mod process;
#[path = "../kafka/segment.rs"]
mod segment;
#[path = "../kafka/wait.rs"]
mod wait;
mod world;
