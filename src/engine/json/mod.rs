//! JSON as bytes: a strict scan that reports where things lie, and a splice that copies what stays.
//!
//! There is no tree. What is not touched is copied byte for byte, so numbers, order, spacing and escapes stay as they
//! came.

pub mod scan;
pub mod splice;
pub mod text;
