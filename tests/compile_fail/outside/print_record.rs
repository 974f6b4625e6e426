//! A record, a header and a scalar of one cannot be printed.
use tamis::engine::action::Scalar;
use tamis::engine::record::{Header, Record};

fn print(record: Record<'_>, header: Header<'_>, scalar: Scalar<'_>) {
    println!("{}", record.offset);
    println!("{record:?}"); //~ E0277
    println!("{header:?}"); //~ E0277
    println!("{scalar:?}"); //~ E0277
    println!("{scalar}"); //~ E0277
}

fn main() {}
