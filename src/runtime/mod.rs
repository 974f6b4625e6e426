//! Everything that touches the world: Kafka, files, time, metrics, the admin listener.

pub mod keys;
pub mod metrics;
