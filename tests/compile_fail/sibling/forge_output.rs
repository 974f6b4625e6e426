//! `runtime` and `cli` stand beside the engine in the same crate: they cannot make, fill or reach into output either.
#[path = "../../../src/engine/mod.rs"]
mod engine;

mod runtime {
    use crate::engine::record::Record;
    use crate::engine::{Minimized, QuarantineNote, Work};

    fn sink(_: Minimized<'_>) {}

    fn forward(record: Record<'_>, raw: &[u8], one: Minimized<'_>, other: Minimized<'_>) {
        sink(one);
        sink(record); //~ E0308
        sink(raw.into()); //~ E0277
        sink(Minimized { output: other.output, ..one }); //~ E0616
    }

    fn note(raw: &str, one: QuarantineNote<'_>, other: QuarantineNote<'_>) {
        drop(QuarantineNote { note: other.note, ..one }); //~ E0616
        drop::<QuarantineNote<'_>>(raw.into()); //~ E0277
    }

    fn write(work: &mut Work, raw: &[u8]) {
        assert_eq!(work.outputs().count(), raw.len());
        work.results.bytes.extend_from_slice(raw); //~ E0616
    }
}

fn main() {}
