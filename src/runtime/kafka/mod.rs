//! Kafka: client settings and preflight.

pub mod client;
pub mod preflight;
