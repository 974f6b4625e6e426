//! Signals: what an event itself says about consent; one file per standard.
//!
//! Every reader is pure and total. What it cannot read is no signal, which never grants; the engine counts it.

pub(in crate::engine) mod bits;
pub mod categories;
pub mod consent_management;
pub mod consent_mode;
pub mod google;
pub mod gpc;
pub mod gpp;
pub mod onetrust;
pub mod says;
pub mod snowplow;
pub mod tcf;
pub mod usp;
