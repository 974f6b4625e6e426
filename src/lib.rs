//! Tamis: a streaming data-minimization proxy for Kafka.
//!
//! # Life of a record
//!
//! A worker (`runtime::kafka::worker`) polls records. For each, [`engine::Engine::read`] scans the bytes once and
//! notes where rules, subjects and signals lie; the runtime fills the [`engine::Facts`]; [`engine::Engine::minimize`]
//! decides per event and route, and splices what may leave from the input's own bytes. Outputs, quarantine notes and
//! input offsets commit in one Kafka transaction.
//!
//! # Modules, in reading order
//!
//! * [`engine`] decides. It is pure: no I/O, no clock, no randomness, no environment, no logging.
//! * [`runtime`] touches the world: Kafka, files, time, metrics, the admin listener.
//! * [`cli`] has one file per verb and is the only place that prints.
//! * [`config`] reads the deployment file.
//!
//! # Invariants
//!
//! * Dependencies point one way: `main → cli → runtime → engine`.
//! * Only the engine can make an [`engine::Minimized`]; only that and a [`engine::QuarantineNote`] reach a sink.
//! * No error, missing signal or unknown field lets a raw value through: there is no switch that forwards on error.
//! * A value, key, header or path of a record is never printed, logged, or made a metric label.

pub mod cli;
pub mod config;
pub mod engine;
pub mod runtime;
