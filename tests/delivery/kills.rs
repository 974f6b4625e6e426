//! SIGKILL: 200,000 numbered events, each found exactly once and in order.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::{Broker, shared, turn};
use crate::process::Tamis;
use crate::wait::wait;
use crate::world::{Feeder, PARTITIONS, Seeded, World, reached};

const EVENTS: u64 = 200_000;

/// Long enough to start, to end the dead transaction and to write, on a machine that does other things too.
const SOON: Duration = Duration::from_secs(180);

/// Starts an instance that stops between the acknowledged outputs and the commit, and kills it there.
fn kill_before_commit(world: &World, instance: &str, number: u64) {
    let mark = world.file(&format!("mark-{number}"));
    let fault = format!("pause_before_commit=1:60000;mark={}", mark.display());
    let tamis = world.start(instance, &fault);
    assert!(reached(&mark, SOON), "no commit was reached: {}", tamis.log_text());
    tamis.kill();
}

#[test]
fn kills_lose_nothing_and_repeat_nothing() {
    let Some(_turn) = turn() else { return };
    let kills: u64 = std::env::var("TAMIS_KILLS").map_or(10, |kills| kills.parse().unwrap());
    let world = World::new("kills", shared());
    let feeder = Feeder::new(&world, 20_000);
    let mut seeded = Seeded(3);
    for number in 0..kills {
        feeder.write(EVENTS / kills);
        match number % 10 {
            2 | 5 | 8 => kill_before_commit(&world, "a", number),
            // A second instance joins, and the first is killed while partitions move; then the other way round.
            4 => {
                let first = world.start("a", "");
                assert!(first.wait_log("partitions assigned", SOON));
                let second = world.start("b", "");
                assert!(first.wait_log("partitions revoked", SOON), "{}", first.log_text());
                first.kill();
                let first = world.start("a", "");
                assert!(first.wait_log("polls", SOON), "{}", first.log_text());
                std::thread::sleep(Duration::from_millis(seeded.below(400)));
                second.kill();
                first.kill();
            }
            _ => {
                let before = world.written();
                let tamis = world.start("a", "");
                world.wait_written(before, &tamis, SOON);
                std::thread::sleep(Duration::from_millis(seeded.below(400)));
                tamis.kill();
            }
        }
    }
    // Instance b is gone for good: its partitions come to a when its session has ended.
    let last = world.start("a", "");
    feeder.finish();
    assert!(last.wait_log("polls", SOON), "{}", last.log_text());
    assert_eq!(world.differs(EVENTS, SOON), None, "{}", last.log_text());

    let all: usize = world.numbers("out", "read_uncommitted").values().map(Vec::len).sum();
    eprintln!(
        "kills: {kills}; records in aborted transactions, seen by read_uncommitted only: {}",
        all as u64 - EVENTS
    );
    assert!(all as u64 > EVENTS, "no kill hit an open transaction");
    last.terminate();
    assert_eq!(world.kcat(&world.topic("quarantine"), "read_committed"), []);
}

#[test]
fn with_offsets_outside_the_transaction_this_proof_fails() {
    let Some(_turn) = turn() else { return };
    let events = 20_000;
    let world = World::new("outside", shared());
    let feeder = Feeder::new(&world, 10_000);
    for number in 0..2 {
        feeder.write(events / 2);
        let mark = world.file(&format!("mark-{number}"));
        let fault = format!("offsets_outside;pause_before_commit=1:60000;mark={}", mark.display());
        let tamis = world.start("a", &fault);
        assert!(reached(&mark, SOON), "{}", tamis.log_text());
        tamis.kill();
    }
    let last = world.start("a", "");
    feeder.finish();
    let differs = world.differs(events, SOON);
    drop(last);
    let differs = differs.expect("a commit outside the transaction went unnoticed");
    eprintln!("as it must: {differs}");
    assert!(differs.contains("was due") || differs.contains("has "), "{differs}");
}

#[test]
fn a_killed_instance_delivers_within_two_seconds_of_polling() {
    let Some(_turn) = turn() else { return };
    let world = World::new("quick", shared());
    let feeder = Feeder::new(&world, 5_000);
    let mut times = Vec::new();
    for number in 0..3 {
        feeder.write(50_000);
        kill_before_commit(&world, "a", number);
        let reader = at_end(&world);
        let tamis = world.start("a", "");
        let started = std::time::Instant::now();
        assert!(tamis.wait_log("polls", SOON), "{}", tamis.log_text());
        let ready = started.elapsed();
        let first = wait(SOON, || reader.poll(Duration::from_millis(5)).is_some_and(|message| message.is_ok()));
        let delivered = started.elapsed() - ready;
        eprintln!("after SIGKILL: ready to poll in {ready:?}, first record {delivered:?} later");
        assert!(first, "nothing was delivered: {}", tamis.log_text());
        times.push(delivered);
        tamis.kill();
    }
    // The median: one start of three may meet a busy machine.
    times.sort();
    assert!(times[1] < Duration::from_secs(2), "{times:?}");
}

/// A read_committed reader of the output that stands behind everything that can be read.
fn at_end(world: &World) -> BaseConsumer {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &world.output)
        .set("group.id", "reader")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(PARTITIONS).unwrap() {
        let (_, high) = reader.fetch_watermarks(&world.topic("out"), partition, SOON).unwrap();
        list.add_partition_offset(&world.topic("out"), partition, Offset::Offset(high)).unwrap();
    }
    reader.assign(&list).unwrap();
    reader
}

#[test]
fn sigterm_under_load_ends_within_ten_seconds() {
    let Some(_turn) = turn() else { return };
    let world = World::new("term", shared());
    let feeder = Feeder::new(&world, u64::MAX);
    feeder.write(EVENTS);
    feeder.finish();
    let tamis: Tamis = world.start("a", "");
    world.wait_written(0, &tamis, SOON);
    let took = tamis.terminate();
    eprintln!("SIGTERM under load: ended after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}: {}", world.log("a"));
    let last = world.start("a", "");
    assert_eq!(world.differs(EVENTS, SOON), None, "{}", last.log_text());
}

#[test]
fn a_broker_that_is_killed_loses_nothing_and_repeats_nothing() {
    let Some(_turn) = turn() else { return };
    let mut broker = Broker::start("outage");
    let world = World::new("outage", &broker.address);
    let feeder = Feeder::new(&world, 20_000);
    let mut tamis = world.start("a", "");
    let mut seeded = Seeded(5);
    for _ in 0..4 {
        let before = world.written();
        feeder.write(EVENTS / 4);
        world.wait_written(before, &tamis, SOON);
        std::thread::sleep(Duration::from_millis(seeded.below(1500)));
        broker.kill();
        std::thread::sleep(Duration::from_millis(seeded.below(3000)));
        broker.restart();
    }
    feeder.finish();
    assert_eq!(world.differs(EVENTS, SOON), None, "{}", tamis.log_text());
    assert!(tamis.running(), "it has to live through an outage");
    let took = tamis.terminate();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
