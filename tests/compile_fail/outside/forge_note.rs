//! Nor can anything be written into a quarantine note.
use tamis::engine::QuarantineNote;

fn sink(_: QuarantineNote<'_>) {}

fn forward(raw: &str, one: QuarantineNote<'_>, other: QuarantineNote<'_>) {
    sink(one);
    sink(raw.into()); //~ E0277
    sink(QuarantineNote { note: other.note, ..one }); //~ E0616
}

fn main() {}
