//! What leaves is still personal: it goes to a sink and to nothing else.
use tamis::engine::{Minimized, Work};

fn print(output: Minimized<'_>, work: &Work) {
    println!("{}", output.topic());
    println!("{output:?}"); //~ E0277
    println!("{output}"); //~ E0277
    println!("{work:?}"); //~ E0277
}

fn main() {}
