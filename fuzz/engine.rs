//! The engine alone, mounted from the product's source: its dependencies are few, so that fuzzing builds quickly.

#[path = "../src/engine/mod.rs"]
pub mod engine;
