//! Only the engine makes what sinks take: nothing becomes a `Minimized`, and one cannot be filled with anything else.
use tamis::engine::Minimized;
use tamis::engine::record::Record;

fn sink(_: Minimized<'_>) {}

fn forward(record: Record<'_>, raw: &[u8], one: Minimized<'_>, other: Minimized<'_>) {
    sink(one);
    sink(record); //~ E0308
    sink(raw.into()); //~ E0277
    sink(Minimized { output: other.output, ..one }); //~ E0616
    sink(Minimized::from(record)); //~ E0308
}

fn main() {}
