//! Records that fail their checksum: nothing behind them is read until they are whole.

use std::time::Duration;

use crate::broker::{Broker, turn};
use crate::segment::{Place, Segment};
use crate::wait::wait;
use crate::world::{World, write};

const SOON: Duration = Duration::from_secs(120);

#[test]
fn damaged_records_are_neither_forwarded_nor_passed_over() {
    let Some(_turn) = turn() else { return };
    let broker = Broker::start("damage");
    // A record, and the version of the batch's layout: what a client does not know it goes on behind.
    for place in [Place::Record, Place::Magic] {
        let world = World::new("damage", &broker.address);
        for part in 0..3 {
            let values: Vec<String> = (0..100).map(|n| format!("{{\"n\":{},\"x\":\"abc\"}}", 100 * part + n)).collect();
            let borrowed: Vec<(&str, Option<i64>)> = values.iter().map(|value| (value.as_str(), None)).collect();
            write(&world.input, &world.topic("in"), &borrowed);
        }
        let segment = Segment::of(&broker, &world.topic("in"), 0);
        let at = segment.find(150, place);
        segment.flip(at, 0x40);
        let tamis = world.start("a", "");
        assert!(tamis.wait_log("records of an input topic fail their checksum", SOON), "{}", tamis.log_text());
        let out = || world.numbers("out", "read_committed").remove(&0).unwrap_or_default();
        assert!(wait(SOON, || out() == (0..100).collect::<Vec<_>>()), "{:?}\n{}", out(), tamis.log_text());
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(out(), (0..100).collect::<Vec<_>>(), "what is behind them has to wait");
        let ready = crate::offsets::get(&tamis, "/readyz");
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("fail their checksum"), "{ready}");

        // The disk was repaired: it goes on by itself.
        segment.flip(at, 0x40);
        assert!(wait(SOON, || out() == (0..300).collect::<Vec<_>>()), "{:?}\n{}", out(), tamis.log_text());
        assert_eq!(world.kcat(&world.topic("quarantine"), "read_committed"), []);
        tamis.terminate();
    }
}
