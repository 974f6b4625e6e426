//! Records that fail their checksum: nothing behind them is read until they are whole.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::broker::{Broker, turn};
use crate::wait::wait;
use crate::world::{World, write};

const SOON: Duration = Duration::from_secs(120);

/// Where the last byte but two of the batch stands that has this offset. Batches are those of KIP-98: base offset
/// (8 bytes), length of the rest (4), and so on.
fn inside_batch(segment: &[u8], offset: i64) -> u64 {
    let mut at = 0;
    loop {
        let base = i64::from_be_bytes(segment[at..at + 8].try_into().unwrap());
        let end = at + 12 + usize::try_from(i32::from_be_bytes(segment[at + 8..at + 12].try_into().unwrap())).unwrap();
        let last = base + i64::from(i32::from_be_bytes(segment[at + 23..at + 27].try_into().unwrap()));
        if (base..=last).contains(&offset) {
            return (end - 3) as u64;
        }
        at = end;
    }
}

#[test]
fn damaged_records_are_neither_forwarded_nor_passed_over() {
    let Some(_turn) = turn() else { return };
    let broker = Broker::start("damage");
    let world = World::new("damage", &broker.address);
    for part in 0..3 {
        let values: Vec<String> = (0..100).map(|n| format!("{{\"n\":{},\"x\":\"abc\"}}", 100 * part + n)).collect();
        let borrowed: Vec<(&str, Option<i64>)> = values.iter().map(|value| (value.as_str(), None)).collect();
        write(&world.input, &world.topic("in"), &borrowed);
    }
    let path = broker.data().join(format!("{}-0/00000000000000000000.log", world.topic("in")));
    let segment = fs::read(&path).unwrap();
    let place = inside_batch(&segment, 150);
    let flip = |xor: u8| {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[segment[usize::try_from(place).unwrap()] ^ xor], place).unwrap();
    };
    flip(1);
    let tamis = world.start("a", "");
    assert!(tamis.wait_log("records of an input topic fail their checksum", SOON), "{}", tamis.log_text());
    let out = || world.numbers("out", "read_committed").remove(&0).unwrap_or_default();
    assert!(wait(SOON, || out() == (0..100).collect::<Vec<_>>()), "{:?}\n{}", out(), tamis.log_text());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(out(), (0..100).collect::<Vec<_>>(), "what is behind them has to wait");
    let ready = crate::offsets::get(&tamis, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("fail their checksum"), "{ready}");

    // The disk was repaired: it goes on by itself.
    flip(0);
    assert!(wait(SOON, || out() == (0..300).collect::<Vec<_>>()), "{:?}\n{}", out(), tamis.log_text());
    assert_eq!(world.kcat(&world.topic("quarantine"), "read_committed"), []);
    tamis.terminate();
}
