//! Everything that touches the world: Kafka, files, time, metrics, the admin listener.

pub mod admin;
pub mod asking;
pub mod batch;
pub mod consent;
pub mod kafka;
pub mod keys;
pub mod logs;
pub mod metrics;
mod narrow;
pub mod pipeline;
pub mod quarantine;
pub mod service;
pub mod state;
