//! The fields of what sinks take are private. (A file of its own: the compiler looks at this after all types.)
use tamis::engine::{Minimized, QuarantineNote, Work};

fn fill<'a>(one: Minimized<'a>, note: QuarantineNote<'a>, work: Work) {
    assert_eq!(one.topic(), note.topic());
    let _ = Minimized { output: unreachable!(), ..one }; //~ E0451
    let _ = QuarantineNote { note: unreachable!(), ..note }; //~ E0451
    let _ = Work { results: unreachable!(), ..work }; //~ E0451
}

fn main() {}
