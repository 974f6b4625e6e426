//! Beside the engine, too, nothing that may be personal can be printed or serialized.
#[path = "../../../src/engine/mod.rs"]
mod engine;

mod cli {
    use crate::engine::action::Scalar;
    use crate::engine::record::Record;
    use crate::engine::token::{KeyRing, TokenKey};
    use crate::engine::{Minimized, Work};

    fn log(record: Record<'_>, scalar: Scalar<'_>, output: Minimized<'_>, work: &Work) {
        println!("{} {}", record.offset, output.topic());
        println!("{record:?}"); //~ E0277
        println!("{scalar:?}"); //~ E0277
        println!("{output:?}"); //~ E0277
        println!("{work:?}"); //~ E0277
        drop(serde_json::to_string(&record)); //~ E0277
        drop(serde_json::to_string(&output)); //~ E0277
    }

    fn keys(ring: &KeyRing, key: &TokenKey) {
        println!("{ring:?}"); //~ E0277
        println!("{key:?}"); //~ E0277
    }
}

fn main() {}
