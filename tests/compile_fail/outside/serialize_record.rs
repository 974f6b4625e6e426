//! Nothing that may be personal can be serialized.
use serde_json::to_string;
use tamis::engine::action::Scalar;
use tamis::engine::record::Record;
use tamis::engine::{Minimized, Work};

fn log(record: Record<'_>, scalar: Scalar<'_>, output: Minimized<'_>, work: &Work) {
    drop(to_string(&record.offset));
    drop(to_string(&record)); //~ E0277
    drop(to_string(&scalar)); //~ E0277
    drop(to_string(&output)); //~ E0277
    drop(to_string(work)); //~ E0277
}

fn main() {}
