//! Keys can neither be printed nor read.
use tamis::engine::Facts;
use tamis::engine::token::{DomainKeys, KeyRing, TokenKey};

fn print(key: &TokenKey, domain: &DomainKeys, ring: &KeyRing, facts: &Facts) {
    println!("{}", facts.now_ms);
    println!("{key:?}"); //~ E0277
    println!("{domain:?}"); //~ E0277
    println!("{ring:?}"); //~ E0277
    println!("{facts:?}"); //~ E0277
    drop(serde_json::to_string(key)); //~ E0277
}

fn main() {}
